"""Databases and Parquet: what is read from them are headers and rows. They are only ever read."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet

from loyalty_helpers.client import Source
from loyalty_helpers.core.errors import UserError, suggest

if TYPE_CHECKING:
    import psycopg

BLOCK = 20_000  # rows that a server gives at a time
PASSWORD = "LOYALTY_DB_PASSWORD"  # the environment variable; settings never hold it
CONNECTING = 15  # seconds until a server that is silent counts as not there
ANSWERING = 600  # seconds until the server gives up on the query, or on the next block of it
Table = tuple[tuple[str, ...], Iterator[tuple]]  # headers and rows


# ---------------------------------------------------------------- SQLite
@contextmanager
def sqlite(path: Path, name: str, source: Source) -> Iterator[Table]:
    """Headers and rows of the table or query of `source` in a SQLite database, which is opened for reading only.

    `name` is what errors call the file. Raises UserError for a database that is locked or damaged, a table that is not
    there, several tables where none is named, and a query that would do anything but read.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{_opened(path.resolve())}", uri=True)) as base:
            if path.stat().st_size % base.execute("PRAGMA page_size").fetchone()[0]:  # SQLite would read blanks there
                raise UserError(f"{name} is a SQLite database that is cut short. Copy or export it again.")
            query = source.query or _sqlite_table(base, name, source.table)
            base.set_authorizer(_only_reading)
            cursor = base.execute(query)
            headers = tuple(column[0] for column in cursor.description or ())
            if not headers:
                raise UserError(f"{name}: the query gives no table. Write one that begins with SELECT.")
            yield headers, cursor
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise UserError(f"{name} is a SQLite database that does not answer: {error}. {_remedy(error)}") from None
    except UnicodeDecodeError:  # names of tables and columns
        raise UserError(f"{name} is a SQLite database that is damaged: the names in it are no text. Copy or export it "
                        "again.") from None


def _opened(path: Path) -> str:
    """How to open a database so that no file is made beside it. One with a write-ahead log has locks and log in such
    files; where no log is there, nobody has it open, and it can be read as if it could not change."""
    with path.open("rb") as file:
        has_log = file.read(20)[18:] == b"\2\2"
    return "immutable=1" if has_log and not path.with_name(f"{path.name}-wal").exists() else "mode=ro"


def _only_reading(action: int, *_: object) -> int:
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _remedy(error: Exception) -> str:
    what = str(error)
    if "locked" in what:
        return "Another program is writing to it: close that, or copy the database."
    if "malformed" in what or "not a database" in what or "disk I/O" in what:
        return "It is damaged or was copied while it was written: copy it again."
    if "not authorized" in what or "prohibited" in what:
        return "A query in client.yml may only read: write one that begins with SELECT."
    return "Check table and query in client.yml."


def _sqlite_table(base: sqlite3.Connection, name: str, table: str | None) -> str:
    known = [row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                                            "AND name NOT LIKE 'sqlite_%' ORDER BY name")]
    return 'SELECT * FROM "' + _table(known, name, table).replace('"', '""') + '"'


def _table(known: list[str], name: str, table: str | None) -> str:
    """The table that is meant: the one named, or the only one there."""
    if table is None and len(known) == 1:
        return known[0]
    if table in known:
        return table
    wish = f"has no table '{table}'.{suggest(table, known)}" if table else "needs a table or a query in client.yml."
    raise UserError(f"{name} {wish} Tables there: {', '.join(known) or 'none'}.")


# ---------------------------------------------------------------- PostgreSQL
# what the server tells on connecting comes in words only -> what to do
NO_CONNECTION = {
    "failed to resolve host": "There is no host of that name, or no network. Correct 'database' in client.yml.",
    "could not translate host name": "There is no host of that name, or no network. Correct 'database' in client.yml.",
    "no password supplied": f"It asks for a password. Set the environment variable {PASSWORD} and run again.",
    "password authentication failed": f"User and password do not fit: correct the user in client.yml, or {PASSWORD}.",
    "refused": "No server listens there. Check host and port in client.yml, and whether the server runs.",
    "timeout": "Nothing answers there. Check host and port in client.yml, and the network (a VPN?).",
    "does not exist": "Correct 'database' in client.yml (postgresql://user@host:5432/name).",
}
# SQLSTATE -> what to do
NO_ANSWER = {
    "25006": "A query in client.yml may only read: write one that begins with SELECT.",
    "42501": "Ask whoever runs the database for the right to read it, or name another table in client.yml.",
    "42601": "Correct the query in client.yml: one that begins with SELECT.",
    "57014": f"It took longer than {ANSWERING // 60} minutes. Make the query in client.yml smaller.",
}


@contextmanager
def postgresql(source: Source) -> Iterator[Table]:
    """Headers and rows of the table or query of `source` in the PostgreSQL database it names.

    Within a transaction that can only read. The password is that of the environment variable LOYALTY_DB_PASSWORD, if
    any. Raises UserError where the driver is missing, the database cannot be reached or does not let us in, a table is
    not there, several tables are and none is named, and for a query that fails or would do anything but read.
    """
    driver = _driver()
    shown = f"The {base_name(source)} on {urlsplit(source.database).hostname}"
    try:
        connection = driver.connect(source.database, password=os.environ.get(PASSWORD) or None,
                                    connect_timeout=CONNECTING)
    except driver.Error as error:
        what = _first_line(error).rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
        remedy = next((words for part, words in NO_CONNECTION.items() if part in what), "Correct it in client.yml.")
        raise UserError(f"{shown} cannot be opened: {what}. {remedy}") from None
    try:
        # never committed: not even what a read-only transaction lets through stays
        with closing(connection), connection.cursor(name="export") as cursor:  # the server keeps the rows
            yield _answer(connection, cursor, shown, source)
    except driver.Error as error:
        wrong = "Check table and query in client.yml."
        raise UserError(f"{shown} does not answer: {_first_line(error)}. {NO_ANSWER.get(error.sqlstate, wrong)}"
                        ) from None


def base_name(source: Source) -> str:
    """What the ledger and errors call a database: never its whole address."""
    return f"database {unquote(urlsplit(source.database).path[1:])}"


def _driver():
    """The driver, which is no part of the environment: few shops need it."""
    try:
        import psycopg
    except ImportError as error:
        raise UserError(f"To read from PostgreSQL, a driver is needed that is not there yet ({_first_line(error)}). "
                        f'Type: "{sys.executable}" -m pip install "psycopg[binary]"') from None
    return psycopg


def _answer(connection: psycopg.Connection, cursor: psycopg.ServerCursor, shown: str, source: Source) -> Table:
    from psycopg import errors, sql

    connection.read_only = True
    connection.execute(f"SET LOCAL statement_timeout = '{ANSWERING}s'")
    connection.execute("SET LOCAL datestyle = 'ISO'")
    known = _postgresql_tables(connection)
    table = None if source.query else _table(list(known), shown, source.table)
    _read_as_written(cursor)
    try:
        cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*known[table])) if table else source.query)
    except errors.UndefinedTable as error:
        name = _first_line(error).partition('"')[2].partition('"')[0]
        raise UserError(f"{shown} has no table '{name}', which the query in client.yml asks for."
                        f"{suggest(name, known)} Tables there: {', '.join(known) or 'none'}.") from None
    headers = tuple(column.name for column in cursor.description or ())
    if not headers:
        raise UserError(f"{shown}: the {'table has' if table else 'query gives'} no columns. Name another one.")
    return headers, chain.from_iterable(iter(lambda: cursor.fetchmany(BLOCK), []))


def _postgresql_tables(connection: psycopg.Connection) -> dict[str, tuple[str, str]]:
    """Tables, views and the like -> schema and name. Those outside the user's own schemas are called schema.table."""
    found = connection.execute(r"""
        SELECT nspname, relname, pg_table_is_visible(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition
          AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%' ORDER BY 1, 2""").fetchall()
    return {name if visible else f"{schema}.{name}": (schema, name) for schema, name, visible in found}


def _read_as_written(cursor: psycopg.ServerCursor) -> None:
    """Have everything but numbers and bytes as the server writes it: there are dates that Python does not know."""
    from psycopg import adapt

    def loader(meaning: Callable[[str], object]) -> type[adapt.Loader]:
        class Loader(adapt.Loader):
            def load(self, data: adapt.Buffer) -> object:
                return meaning(bytes(data).decode())
        return Loader

    text, numeric, boolean = loader(str), loader(_number), loader({"t": "true", "f": "false"}.get)
    for kind in cursor.adapters.types:
        if kind.name not in ("int2", "int4", "int8", "oid", "float4", "float8", "bytea"):
            meant = {"numeric": numeric, "bool": boolean}.get(kind.name, text)
            cursor.adapters.register_loader(kind.oid, meant)
        if kind.array_oid:
            cursor.adapters.register_loader(kind.array_oid, text)


def _number(text: str) -> int | float:
    """A number of any size; a whole one keeps all its digits."""
    return int(text) if text.lstrip("-").isdigit() and len(text) < 300 else float(text)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# ---------------------------------------------------------------- Parquet
def parquet(paths: list[Path], name: str, cells: int,
            folder: Path | None = None) -> tuple[tuple[str, ...], Iterator[pa.RecordBatch]]:
    """Headers, and batches of rows of about as many `cells`, of a Parquet file or of all parts in a `folder`.

    Parts are taken in the order of their names and united by the names of their columns: one that a part has not is
    blank there. Folders called year=2024 or the like give a column. Nested columns are left out. Raises UserError,
    which begins with `name`, for a part that is no Parquet file or damaged.
    """
    parts = {path: _partition(path.relative_to(folder)) if folder else {} for path in paths}
    shown = {path: f"{name}{path.relative_to(folder).as_posix()}" if folder else name for path in paths}
    flat = {path: _flat(path, shown[path]) for path in paths}
    headers = tuple(dict.fromkeys(chain.from_iterable([*flat[path], *parts[path]] for path in paths)))

    def batches() -> Iterator[pa.RecordBatch]:
        for path in paths:
            with _readable(shown[path]), pa.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=max(cells // len(headers), 1), columns=flat[path]):
                    rows = {key: pa.repeat(pa.scalar(value, pa.string()), len(batch))
                            for key, value in parts[path].items()} | dict(zip(flat[path], batch.columns, strict=True))
                    none = pa.nulls(len(batch), pa.string())
                    yield pa.RecordBatch.from_arrays([rows.get(header, none) for header in headers], names=headers)

    return headers, batches()


def _flat(path: Path, name: str) -> list[str]:
    with _readable(name), pa.parquet.ParquetFile(path) as file:
        flat = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
    if not flat:
        raise UserError(f"{name} has no column that is not nested. Write it again as a flat table.")
    return flat


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, ValueError, OSError) as error:
        raise UserError(f"{name} is a Parquet file that cannot be read ({str(error)[:120]}). Write it again.") from None


def _partition(part: Path) -> dict[str, str | None]:
    """What the folders of a part say: year=2024/month=01/part-0.parquet."""
    pairs = [folder.partition("=") for folder in part.parent.parts if "=" in folder]
    return {unquote(key): None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value) for key, _, value in pairs}
