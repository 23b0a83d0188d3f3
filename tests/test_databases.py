"""Databases: what is read is what stands there, nothing is written, and whatever goes wrong is said in plain words.

The tests of PostgreSQL start a server of their own, where its programs and the driver are installed.
"""

import glob
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import pandas as pd
import pytest

from loyalty_helpers import databases, ingest, reading, report
from loyalty_helpers.client import CLONE, Source, load_client
from loyalty_helpers.core.errors import UserError

CLIENT = """
name: Corner Shop
currency: CNY
time_zone: Asia/Shanghai
ids: plain
sources:
  orders:
    {place}
"""
ROWS = [("A-1", 17, "2025-03-01 09:30:00", 12.5), ("A-2", 17, "2025-03-02 10:00:00", 7), ("A-3", 18, None, -3.25)]


def shop(root, place):
    """A client whose orders are at `place`, in a root with the chapters (for what depends on them)."""
    shutil.copytree(CLONE / "notebooks", root / "notebooks", dirs_exist_ok=True)
    folder = root / "data" / "corner"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "client.yml").write_text(CLIENT.format(place=place))
    return load_client("corner", root)


def cells(raw):
    """Header -> the cells of a RawFile as text."""
    return {header: [column.cell(row) for row in range(raw.rows)]
            for header, column in zip(raw.headers, raw.columns, strict=True)}


# ---------------------------------------------------------------- SQLite
@pytest.fixture
def base(tmp_path):
    """A database with a table and a view of it, open for writing."""
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE sales (order_id, customer_id, ordered_at, amount)")
        writer.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", ROWS)
        writer.execute("CREATE VIEW bought AS SELECT * FROM sales WHERE amount > 0")
        yield writer


def read(folder, **source):
    (raw,) = reading.read_files(folder, Source(files=("shop.db",), **source))
    return cells(raw)


@pytest.mark.parametrize(("source", "ids"), [
    ({"table": "sales"}, ["A-1", "A-2", "A-3"]),
    ({"table": "bought"}, ["A-1", "A-2"]),
    ({"query": "SELECT order_id FROM sales WHERE customer_id = 18"}, ["A-3"]),
    ({"query": "SELECT order_id, amount * 2 AS amount FROM sales WHERE amount > 6"}, ["A-1", "A-2"]),
    ({"query": "WITH some AS (SELECT order_id FROM sales LIMIT 1) SELECT * FROM some"}, ["A-1"]),
])
def test_a_table_a_view_and_a_query_are_read(base, tmp_path, source, ids):
    assert read(tmp_path, **source)["order_id"] == ids


def test_cells_are_what_stands_there_and_numbers_stay_numbers(base, tmp_path):
    base.execute("CREATE TABLE odd (whole, broken, large, bytes, word, empty)")
    base.execute("INSERT INTO odd VALUES (17850, 17850.0, 9007199254740993, ?, '17850', NULL)", ["茶".encode()])
    base.execute("INSERT INTO odd VALUES (17850, 0.5, 1, x'ff41', '', NULL)")
    (raw,) = reading.read_files(tmp_path, Source(files=("shop.db",), table="odd"))
    assert cells(raw) == {"whole": ["17850", "17850"], "broken": ["17850", "0.5"], "large": ["9007199254740993", "1"],
                          "bytes": ["茶", "\ufffdA"], "word": ["17850", ""], "empty": ["", ""]}
    stored = {header: column.number is not None for header, column in zip(raw.headers, raw.columns, strict=True)}
    assert stored == {"whole": True, "broken": True, "large": True, "bytes": False, "word": False, "empty": False}


def test_rows_come_in_blocks_and_keep_their_order(base, tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "BLOCK", 7)
    base.execute("CREATE TABLE many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
                 "SELECT i, i % 3 AS third FROM n")
    got = read(tmp_path, table="many")
    assert got == {"i": [str(i) for i in range(1, 101)], "third": [str(i % 3) for i in range(1, 101)]}


def test_a_table_without_rows_has_columns(base, tmp_path):
    base.execute("DELETE FROM sales")
    assert read(tmp_path, table="sales") == {"order_id": [], "customer_id": [], "ordered_at": [], "amount": []}


@pytest.mark.parametrize(("source", "words"), [
    ({}, "shop.db needs a table or a query in client.yml. Tables there: bought, sales."),
    ({"table": "Sale"}, "has no table 'Sale'. Did you mean 'sales'? Tables there: bought, sales."),
    ({"query": "SELECT * FROM nowhere"}, "no such table: nowhere. Check table and query"),
    ({"query": ""}, "needs a table or a query"),
    ({"query": "-- nothing"}, "the query gives no table"),
])
def test_a_table_that_is_not_clear_or_not_there_is_asked_for(base, tmp_path, source, words):
    with pytest.raises(UserError) as error:
        read(tmp_path, **source)
    assert words in str(error.value)


@pytest.mark.parametrize("query", [
    "DELETE FROM sales", "DROP TABLE sales", "INSERT INTO sales VALUES (1, 2, 3, 4)", "UPDATE sales SET amount = 0",
    "CREATE TABLE more (a)", "ATTACH DATABASE 'more.db' AS more", "PRAGMA user_version = 7",
    "DELETE FROM sales RETURNING *", "SELECT 1; DROP TABLE sales", "VACUUM INTO 'copy.db'",
    "ATTACH 'other.db' AS other", "nonsense",
])
def test_a_query_that_writes_is_refused(base, tmp_path, monkeypatch, query):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"write one that begins with SELECT|Check table and query"):
        read(tmp_path, query=query)
    assert base.execute("SELECT count(*), sum(amount) FROM sales").fetchone() == (3, 16.25)
    assert base.execute("PRAGMA user_version").fetchone() == (0,)
    assert os.listdir(tmp_path) == ["shop.db"]


def test_while_another_program_writes_the_last_complete_state_is_read_or_it_is_said(base, tmp_path, monkeypatch):
    base.execute("BEGIN IMMEDIATE")
    base.execute("DELETE FROM sales")
    assert len(read(tmp_path, table="sales")["order_id"]) == 3  # not yet committed
    base.execute("ROLLBACK")
    base.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(databases.sqlite3, "connect", lambda *given, **known: connect(*given, timeout=0.1, **known))
    with pytest.raises(UserError, match=r"locked. Another program is writing to it"):
        read(tmp_path, table="sales")


def test_a_write_ahead_log_is_read_and_counts_as_input_and_none_is_left_behind(base, tmp_path):
    place = tmp_path / "data" / "corner"
    client = shop(tmp_path, "{files: shop.db, table: sales}")
    (tmp_path / "shop.db").rename(place / "shop.db")
    with closing(sqlite3.connect(place / "shop.db")) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO sales VALUES ('A-4', 19, '2025-03-04', 1)")
        writer.commit()
        before = report.provenance(client)["inputs"]
        assert list(before) == ["shop.db", "shop.db-wal"]
        assert read(place, table="sales")["order_id"] == ["A-1", "A-2", "A-3", "A-4"]
        writer.execute("INSERT INTO sales VALUES ('A-5', 19, '2025-03-05', 1)")
        writer.commit()
        after = report.provenance(client)["inputs"]
        assert before["shop.db"] == after["shop.db"] and before["shop.db-wal"] != after["shop.db-wal"]
    assert sorted(os.listdir(place)) == ["client.yml", "shop.db"]  # the writer has cleared up
    assert len(read(place, table="sales")["order_id"]) == 5
    assert sorted(os.listdir(place)) == ["client.yml", "shop.db"]  # and the reader left nothing


@pytest.mark.parametrize(("damage", "words"), [
    (lambda data: data[:5000], "cut short"),
    (lambda data: data[:4096] + b"\xff" * (len(data) - 4096), "malformed|disk I/O|not a database"),
    (lambda data: data[:16] + bytes(len(data) - 16), "not a database|malformed|unsupported"),
])
def test_a_damaged_database_is_said_to_be_one(base, tmp_path, damage, words):
    base.execute("BEGIN")
    base.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", ROWS * 500)
    base.execute("COMMIT")
    file = tmp_path / "shop.db"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError, match=words) as error:
        read(tmp_path, table="sales")
    assert "again" in str(error.value)


def test_a_database_whose_names_are_damaged_is_said_to_be_one(base, tmp_path):
    base.close()
    file = tmp_path / "shop.db"
    data = file.read_bytes()
    assert b"CREATE TABLE sales (order_id" in data
    file.write_bytes(data.replace(b"sales (order_id", b"sales (order\xf2id"))
    with pytest.raises(UserError, match="the names in it are no text"):
        read(tmp_path, table="sales")


def test_orders_in_sqlite_become_orders(base, tmp_path):
    base.execute("UPDATE sales SET ordered_at = '2025-03-03' WHERE order_id = 'A-3'")
    client = shop(tmp_path, "{files: shop.db, query: 'SELECT * FROM sales'}")
    (tmp_path / "shop.db").rename(client.folder / "shop.db")
    orders = ingest.prepare(client).tables["orders"]
    assert orders[["order_id", "customer_id", "amount", "is_refund"]].to_numpy().tolist() == [
        ["A-1", "17", 12.5, False], ["A-2", "17", 7.0, False], ["A-3", "18", -3.25, True]]


# ---------------------------------------------------------------- Parquet, in parts
def parts(root, frames):
    for name, frame in frames.items():
        path = root / "orders" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path)


def read_parts(folder):
    return reading.read_files(folder, Source(files=("orders/",)))


def test_a_folder_of_parquet_parts_is_one_file_united_by_name(tmp_path):
    parts(tmp_path, {"a.parquet": pd.DataFrame({"order_id": [1, 2], "amount": [1.5, None]}),
                     "b.parquet": pd.DataFrame({"shop": ["web", None], "order_id": ["3", "4"]}),
                     "c.parquet": pd.DataFrame({"order_id": pd.Series([], dtype="int64")})})
    (raw,) = read_parts(tmp_path)
    assert (raw.name, raw.rows, raw.first_row) == ("orders/", 4, 1)
    assert cells(raw) == {"order_id": ["1", "2", "3", "4"], "amount": ["1.5", "", "", ""], "shop": ["", "", "web", ""]}
    assert len(set(raw.whole)) == 4 and not raw.blank.any()


def test_folders_by_year_give_a_column_and_hidden_files_none(tmp_path):
    one = pd.DataFrame({"order_id": [7], "tags": [["a", "b"]]})
    parts(tmp_path, dict.fromkeys(["year=2023/p.parquet", "year=2024/p0.parquet", "year=2024/p1.parquet",
                                   "year=__HIVE_DEFAULT_PARTITION__/p.parquet", "old_shop/p.parquet"], one))
    for name in ("_SUCCESS", ".part.crc", "_temporary/0/p.parquet"):
        (tmp_path / "orders" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "orders" / name).write_text("not a table")
    (raw,) = read_parts(tmp_path)
    assert cells(raw) == {"order_id": ["7"] * 5, "year": ["", "2023", "2024", "2024", ""]}


def test_large_parts_come_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CELLS", 100)
    numbers = list(range(1000))
    parts(tmp_path, {"a.parquet": pd.DataFrame({"i": numbers, "third": [i % 3 for i in numbers]}),
                     "b.parquet": pd.DataFrame({"i": [1000]})})
    (raw,) = read_parts(tmp_path)
    assert cells(raw) == {"i": [str(i) for i in range(1001)], "third": [*(str(i % 3) for i in numbers), ""]}


def test_each_part_counts_as_input(tmp_path):
    client = shop(tmp_path, "{files: orders/}")
    names = ["year=2023/p.parquet", "year=2024/p.parquet"]
    parts(client.folder, dict.fromkeys(names, pd.DataFrame({"order_id": [1]})))
    assert list(report.provenance(client)["inputs"]) == [f"orders/{name}" for name in names]


@pytest.mark.parametrize(("name", "data", "words"), [
    ("p.csv", b"a,b\n1,2\n", "orders/p.csv is a Parquet file that cannot be read"),
    ("p.parquet", b"PAR1" + bytes(50), "orders/p.parquet is a Parquet file that cannot be read"),
    ("_p.parquet", b"", "orders/ does not exist"),
])
def test_a_part_that_cannot_be_read_is_named(tmp_path, name, data, words):
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / name).write_bytes(data)
    with pytest.raises(UserError) as error:
        read_parts(tmp_path)
    assert words in str(error.value)


def test_a_folder_without_its_slash_is_asked_about(tmp_path):
    parts(tmp_path, {"a.parquet": pd.DataFrame({"order_id": [1]})})
    with pytest.raises(UserError, match=r"orders is a folder.*or orders/ if they are Parquet files"):
        reading.read_files(tmp_path, Source(files=("orders",)))


# ---------------------------------------------------------------- the address of a database, in the settings
@pytest.mark.parametrize("address", [
    "postgresql://ann:hunter2@db.example.com/shop", "postgresql://ann:@db.example.com/shop",
    "postgresql://ann@db.example.com/shop?password=hunter2", "postgresql://ann@db.example.com/shop?sslpassword=hunter2",
    "postgresql://ann:hun@ter2@db.example.com:5432/shop",
])
def test_a_password_in_the_settings_is_refused_and_not_shown(tmp_path, address):
    with pytest.raises(UserError) as error:
        shop(tmp_path, f"{{database: '{address}', table: sales}}")
    assert "sources.orders.database holds a password" in str(error.value) and "LOYALTY_DB_PASSWORD" in str(error.value)
    assert "hunter2" not in str(error.value) and "ter2" not in str(error.value)


@pytest.mark.parametrize("address", [
    "host=db.example.com password=hunter2", "mysql://ann@db.example.com/shop", "postgresql://db.example.com",
    "postgresql:///shop", "postgresql://ann:hun/ter2@db.example.com/shop", "postgresql://ann:5432/ter2@db/shop",
    "postgresql://ann@db.example.com:hunter2/shop", "'postgresql://ann:[ter2@db.example.com/shop'", "7", "[]",
])
def test_what_is_no_address_is_refused_and_not_shown(tmp_path, address):
    with pytest.raises(UserError, match=r"is no address of a PostgreSQL database. Write it as postgresql://") as error:
        shop(tmp_path, f"{{database: {address}, table: sales}}")
    assert "ter2" not in str(error.value)


def test_a_source_is_files_or_a_database(tmp_path):
    address = "postgresql://ann@db.example.com:5432/shop?sslmode=require"
    (source,) = shop(tmp_path, f"{{database: '{address}', table: sales}}").sources["orders"]
    assert (source.database, source.files, source.table) == (address, (), "sales")
    with pytest.raises(UserError, match="has both files and a database: keep one"):
        shop(tmp_path, f"{{database: '{address}', files: orders.csv}}")


def test_a_missing_driver_is_said_with_what_to_type(tmp_path):
    """In a process of its own, in which there is no driver, whatever is installed."""
    code = ("import sys; sys.modules['psycopg'] = None\n"
            "from loyalty_helpers import reading; from loyalty_helpers.client import Source\n"
            "from loyalty_helpers.core.errors import UserError\n"
            "try: reading.read_files(None, Source(database='postgresql://ann@127.0.0.1:1/shop'))\n"
            "except UserError as error: print(error)")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("To read from PostgreSQL, a driver is needed that is not there yet")
    assert f'Type: "{sys.executable}" -m pip install "psycopg[binary]"' in said


def test_a_report_from_a_database_is_always_due(tmp_path, capsys):
    settings = "{database: 'postgresql://ann@db.example.com/shop', table: sales}"
    client = shop(tmp_path, settings)
    assert report.provenance(client)["inputs"] == {"database shop": "read anew"}
    prints = dict.fromkeys(report.CHAPTERS, "the same")
    state = {"chapters": {name: {"fingerprint": "the same", "made": []} for name in report.CHAPTERS}}
    assert report._due(client, prints, state) == list(report.CHAPTERS)
    assert "A source is a database" in capsys.readouterr().out


WATCHED = """
import sys
from loyalty_helpers import ingest
from loyalty_helpers.client import load_client
opened = []
sys.addaudithook(lambda event, args: opened.append((event, args)) if event.startswith("socket.") else None)
ingest.prepare(load_client("corner", __import__("pathlib").Path(sys.argv[1])))
print("psycopg" in sys.modules, opened)
"""


def test_without_a_database_in_the_settings_no_address_is_opened(base, tmp_path):
    base.execute("UPDATE sales SET ordered_at = '2025-03-03' WHERE order_id = 'A-3'")
    client = shop(tmp_path, "{files: shop.db, table: sales}")
    (tmp_path / "shop.db").rename(client.folder / "shop.db")
    run = subprocess.run([sys.executable, "-c", WATCHED, str(tmp_path)], capture_output=True, text=True, check=True,
                         env=os.environ | {"LOYALTY_DB_PASSWORD": "never asked for"})
    assert run.stdout == "False []\n"


def test_with_a_database_in_the_settings_that_address_alone_is_opened(tmp_path, monkeypatch):
    pytest.importorskip("psycopg", reason="needs the driver: psycopg")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        monkeypatch.setattr(databases, "CONNECTING", 2)
        address = f"postgresql://ann@127.0.0.1:{server.getsockname()[1]}/shop"
        client = shop(tmp_path, f"{{database: '{address}', table: sales}}")
        with pytest.raises(UserError, match=r"The database shop on 127.0.0.1 cannot be opened.*timeout"):
            ingest.prepare(client)
        assert server.accept()[1][0] == "127.0.0.1"


# ---------------------------------------------------------------- PostgreSQL, for real
def program(name):
    """Where one of PostgreSQL's programs is: Debian keeps them out of the PATH."""
    found = [shutil.which(name), *sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)]
    return next((path for path in found if path), None)


def as_whom():
    """PostgreSQL refuses to run as root: then the user that its package makes."""
    if os.geteuid():
        return {}
    import pwd
    try:
        return {"user": pwd.getpwnam("postgres").pw_uid, "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}
    except KeyError:
        pytest.skip("as root this needs a user called postgres")


PASSWORD = "s3cret:of the/shop@home"


@pytest.fixture(scope="module")
def server():
    """A server on a port of its own: the address of its database, without the password."""
    psycopg = pytest.importorskip("psycopg", reason="needs the driver: psycopg")
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("needs the programs of a PostgreSQL server: initdb and pg_ctl")
    who = as_whom()
    with tempfile.TemporaryDirectory(prefix="pg") as home:
        if who:
            os.chown(home, who["user"], who["group"])
        secret = Path(home, "password")
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]

        def run(*command):
            subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL, **who)

        data = f"{home}/data"
        run(initdb, "-D", data, "-U", "owner", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C",
            "--no-sync")
        options = f"-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home}"
        run(pg_ctl, "-D", data, "-w", "-l", f"{home}/log", "-o", options, "start")
        try:
            address = f"postgresql://owner@127.0.0.1:{port}/postgres"
            with psycopg.connect(address, password=PASSWORD) as owner:
                owner.execute("""
                    CREATE TABLE orders (order_id bigint, member int, bought timestamptz, paid numeric(9, 2), web bool);
                    INSERT INTO orders VALUES
                      (9007199254740993, 17, '2025-03-01 20:00+00', 1234.50, true),
                      (2, 17, '2025-03-02 09:30+08', -7, false), (3, NULL, '2025-03-03 00:00+08', 0.1, NULL);
                    CREATE VIEW paid AS SELECT * FROM orders WHERE paid > 0;
                    CREATE SCHEMA till;
                    CREATE TABLE till."Odd names" (a int);
                    CREATE SEQUENCE counter;
                    CREATE TABLE many AS SELECT i, i % 3 AS third FROM generate_series(1, 50000) AS n(i);
                    CREATE TABLE hidden (a int);
                    CREATE ROLE guest LOGIN PASSWORD 'guest';
                    GRANT SELECT ON orders TO guest;""")
            yield address
        finally:
            run(pg_ctl, "-D", data, "-m", "immediate", "stop")


@pytest.fixture
def password(monkeypatch):
    monkeypatch.setenv("LOYALTY_DB_PASSWORD", PASSWORD)


def ask(server, **source):
    (raw,) = reading.read_files(Path("unused"), Source(database=server, **source))
    return cells(raw)


def test_a_table_of_a_server_becomes_orders(server, password, tmp_path):
    columns = "{order_id: order_id, customer_id: member, ordered_at: bought, amount: paid, channel: web}"
    prepared = ingest.prepare(shop(tmp_path, f"{{database: '{server}', table: orders, columns: {columns}}}"))
    orders = prepared.tables["orders"]
    assert sorted(orders["order_id"]) == ["2", "3", "9007199254740993"]
    first = orders.set_index("order_id").loc["9007199254740993"]
    assert (first.customer_id, str(first.ordered_at), first.amount, first.channel) == (
        "17", "2025-03-02 04:00:00", 1234.5, "true")  # in Shanghai
    assert orders["is_refund"].sum() == 1 and orders["customer_id"].isna().sum() == 1
    assert prepared.ledger.table()["file"].unique().tolist() == ["database postgres, table orders"]


def test_cells_of_a_server_are_what_stands_there(server, password):
    got = ask(server, query="""
        SELECT 1::smallint AS small, 1e20::float8 AS large, 123456789012345678901::numeric AS digits,
               'NaN'::numeric AS no, 'infinity'::date AS ever, '0044-03-15 BC'::date AS ides, ARRAY[1, 2] AS list,
               '{"a": [1]}'::jsonb AS json,
               '茶'::text AS word, ''::text AS blank, NULL AS nothing, '\\xe88cb6'::bytea AS bytes,
               '2025-03-01 09:30:00.25'::timestamp AS at, false AS flag, '1 day'::interval AS span""")
    assert {name: cell for name, (cell,) in got.items()} == {
        "small": "1", "large": "1e+20", "digits": "123456789012345678901", "no": "", "ever": "infinity",
        "ides": "0044-03-15 BC", "list": "{1,2}", "json": '{"a": [1]}', "word": "茶", "blank": "", "nothing": "",
        "bytes": "茶", "at": "2025-03-01 09:30:00.25", "flag": "false", "span": "1 day"}


def test_views_queries_and_tables_of_other_schemas_are_read_in_blocks(server, password):
    assert ask(server, table="paid")["order_id"] == ["9007199254740993", "3"]
    assert ask(server, table="till.Odd names") == {"a": []}
    assert ask(server, query="SELECT web FROM orders WHERE bought::text LIKE '2025%' AND paid = 0.1;") == {"web": [""]}
    many = ask(server, query="SELECT * FROM many ORDER BY i")
    assert many == {"i": [str(i) for i in range(1, 50001)], "third": [str(i % 3) for i in range(1, 50001)]}


@pytest.mark.parametrize(("source", "words"), [
    ({}, "needs a table or a query in client.yml. Tables there: hidden, many, orders, paid, till.Odd"),
    ({"table": "order"}, "has no table 'order'. Did you mean 'orders'?"),
    ({"query": "SELECT * FROM oders"}, "'oders', which the query in client.yml asks for. Did you mean 'orders'?"),
    ({"query": "SELECT payed FROM orders"}, 'column "payed" does not exist'),
    ({"query": "SELEC 1"}, "begins with SELECT"),
    ({"query": "SELECT FROM orders"}, "the query gives no columns"),
])
def test_what_a_server_does_not_have_is_said(server, password, source, words):
    with pytest.raises(UserError) as error:
        ask(server, **source)
    assert words in str(error.value) and str(error.value).startswith("The database postgres on 127.0.0.1")


@pytest.mark.parametrize("query", [
    "DELETE FROM orders", "DELETE FROM orders RETURNING *", "SELECT * INTO t FROM orders", "COPY orders TO STDOUT",
    "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone", "SELECT 1; COMMIT; DROP TABLE orders",
    "SELECT * FROM orders FOR UPDATE", "SELECT nextval('counter')", "SELECT setval('counter', 7)",
])
def test_a_server_is_only_read(server, password, query):
    with pytest.raises(UserError, match=r"client.yml"):
        ask(server, query=query)
    assert len(ask(server, table="orders")["paid"]) == 3
    assert ask(server, query="SELECT last_value, is_called FROM counter") == {
        "last_value": ["1"], "is_called": ["false"]}


def test_what_a_read_only_transaction_lets_through_does_not_stay(server, password):
    """Servers before version 16 make a large object in such a transaction; later ones refuse."""
    with suppress(UserError):
        ask(server, query="SELECT lo_create(4711)")
    assert ask(server, query="SELECT count(*) FROM pg_largeobject_metadata") == {"count": ["0"]}


def test_the_password_comes_from_the_environment_and_is_never_shown(server, monkeypatch):
    monkeypatch.delenv("LOYALTY_DB_PASSWORD", raising=False)
    with pytest.raises(UserError, match=r"It asks for a password. Set the environment variable LOYALTY_DB_PASSWORD"):
        ask(server, table="orders")
    monkeypatch.setenv("LOYALTY_DB_PASSWORD", "wrong-one")
    with pytest.raises(UserError, match="User and password do not fit") as error:
        ask(server, table="orders")
    assert "wrong-one" not in str(error.value)
    monkeypatch.setenv("LOYALTY_DB_PASSWORD", "guest")
    assert len(ask(server.replace("owner@", "guest@"), table="orders")["paid"]) == 3
    with pytest.raises(UserError, match=r"permission denied for table hidden. Ask whoever runs the database"):
        ask(server.replace("owner@", "guest@"), table="hidden")


def test_a_server_that_cannot_be_reached_is_said(server, password):
    with pytest.raises(UserError, match=r'database "shop" does not exist. Correct .database. in client.yml'):
        ask(server.replace("/postgres", "/shop"), table="orders")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(UserError, match=r"refused. No server listens there"):
            ask(f"postgresql://owner@127.0.0.1:{nobody.getsockname()[1]}/shop")
    with pytest.raises(UserError, match="There is no host of that name"):
        ask("postgresql://owner@db.invalid/shop")


def test_a_query_that_takes_too_long_is_ended(server, password, monkeypatch):
    monkeypatch.setattr(databases, "ANSWERING", 1)
    with pytest.raises(UserError, match=r"Make the query in client.yml smaller"):
        ask(server, query="SELECT pg_sleep(30)")
