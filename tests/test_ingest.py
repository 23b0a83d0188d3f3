"""Exports of many kinds -> the same canonical tables, with a ledger that adds up; bad input stops in plain words."""
# full-width characters are what is tested, and messages are matched as they read
# ruff: noqa: RUF001, RUF043, E501

import bz2
import dataclasses
import gzip
import io
import lzma
import os
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from loyalty_helpers.alerts import about as alerts
from loyalty_helpers.client import ROOT, Client, Program, Rule, Source, load_client
from loyalty_helpers.core.columns import SCHEMA
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.ingest import Ledger, Prepared, prepare

PLAIN = """order_id,customer_id,ordered_at,amount,status
1,A,2024-01-15 10:00,10.50,paid
2,B,2024-02-16 11:30,20,paid
3,A,2024-03-17,5.25,paid
4,,2024-04-18,7,paid
"""
LINES = """order,who,at,item,group,qty,price
1,A,2024-01-15 10:01,pen,paper,2,1.50
1,A,2024-01-15 10:00,ink,color,1,3.10
2,B,2024-01-16 09:00,pen,paper,4,1.50
"""
LINE_COLUMNS = {"order_id": "order", "customer_id": "who", "ordered_at": "at", "product": "item", "category": "group",
                "quantity": "qty", "unit_price": "price"}


def a_rule(*, column, test, values):
    return Rule(column=(column,), test=test, values=values)


def a_source(*, columns=None, **settings):
    """A source as from a client's own settings, each column with one name."""
    columns = {ours: (theirs,) if isinstance(theirs, str) else theirs for ours, theirs in (columns or {}).items()}
    return Source(columns=columns, own_columns=tuple(sorted(columns)), **settings)


@pytest.fixture
def shop(tmp_path):
    """A function that writes files (name -> text or bytes) and gives a client whose sources read them."""

    def make(files, *, program=None, time_zone="Asia/Shanghai", **sources):
        folder = tmp_path / "data" / "acme"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        given = {
            name: (source if isinstance(source, Source) else a_source(files=(source,)),)
            for name, source in (sources or {"orders": next(iter(files))}).items()
        }
        return Client(key="acme", folder=folder, name="Acme", currency="CNY", time_zone=time_zone, sources=given,
                      ids="plain", program=program or Program(joining="none"))

    return make


def orders_of(client):
    return prepare(client).tables["orders"]


def said(client, action, source="orders"):
    """What the ledger says with this action: check -> rows."""
    table = (client.ledger if isinstance(client, Prepared) else prepare(client).ledger).table()
    table = table[(table["source"] == source) & (table["action"] == action)]
    return table.groupby("check")["rows"].sum().to_dict()


def aside(client, source="orders"):
    return said(client, "set aside", source)


def test_a_plain_file_becomes_the_canonical_table(shop):
    expected = pd.DataFrame(
        {
            "order_id": pd.Series(["1", "2", "3", "4"], dtype="str"),
            "customer_id": pd.Series(["A", "B", "A", None], dtype="str"),
            "ordered_at": pd.to_datetime(
                ["2024-01-15 10:00", "2024-02-16 11:30", "2024-03-17", "2024-04-18"], format="ISO8601"
            ).astype("datetime64[us]"),
            "amount": [10.5, 20, 5.25, 7],
            "is_refund": [False] * 4,
            "channel": pd.Series([None] * 4, dtype="str"),
            "category": pd.Series([None] * 4, dtype="str"),
            "rating": [np.nan] * 4,
        }
    )
    assert_frame_equal(orders_of(shop({"orders.csv": PLAIN})), expected)


def test_the_ledger_in_words_and_numbers(shop):
    text = PLAIN + "5,C,2024-05-01,9,cancelled\n5,C,2024-05-01,9,cancelled\n2,B,2024-02-16 11:30,20,paid\n,,,,\n"
    client = shop(
        {"orders.csv": text},
        orders=a_source(
            files=("orders.csv",),
            set_aside={"cancelled": a_rule(column="Status", test="equals", values=("CANCELLED ",)),
                       "test orders": a_rule(column="order_id", test="starts_with", values=("TEST",))},
        ),
    )
    ledger = prepare(client).ledger
    assert ledger.sentence() == ("8 rows read = 4 kept + 4 set aside (2 cancelled, 1 blank row, 1 exact duplicate).")
    table = ledger.table()
    assert list(table) == ["source", "file", "check", "rows", "amount", "action"]
    assert table.loc[table["check"] == "test orders", "rows"].tolist() == [0]  # declared, so shown
    money = table.set_index(["action", "check"])["amount"]
    assert money["read", "all rows"] == 80.75
    assert money["kept", "all rows"] == 42.75
    assert money["set aside", "cancelled"] == 18
    assert said(client, "flagged") == {"no customer id": 1}


def test_a_ledger_that_does_not_add_up_is_refused():
    row = {"source": "orders", "file": "f", "check": "all rows", "rows": 3, "amount": 5.0, "action": "read"}
    Ledger((row, row | {"action": "kept"})).check()
    for wrong in ({"rows": 2}, {"amount": 4.9}):
        with pytest.raises(UserError, match="does not add up"):
            Ledger((row, row | {"action": "kept"} | wrong)).check()


# ---------------------------------------------------------------- kinds of files
def as_xlsx(text, sheets=("Sheet1",)):
    frame = pd.read_csv(io.StringIO(text), dtype={"order_id": float, "customer_id": str})
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"], format="ISO8601")
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer) as writer:
        for sheet in sheets:
            frame.to_excel(writer, index=False, sheet_name=sheet)
    return buffer.getvalue()


def as_parquet(text):
    frame = pd.read_csv(io.StringIO(text))
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"], format="ISO8601").dt.tz_localize("Asia/Shanghai")
    return frame.assign(nested=[[1]] * len(frame), channel=None).to_parquet()


def as_sqlite(text, table="sales"):
    base = sqlite3.connect(":memory:")
    pd.read_csv(io.StringIO(text)).to_sql(table, base, index=False)
    return base.serialize()


def as_zip(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("whatever.csv", text)
    return buffer.getvalue()


KINDS = {
    "orders.csv": lambda text: text,
    "bom.csv": lambda text: "\ufeff" + text,
    "crlf.csv": lambda text: text.replace("\n", "\r\n"),
    "cr.csv": lambda text: text.replace("\n", "\r"),
    "unfinished.csv": lambda text: text.rstrip("\n"),
    "orders.tsv": lambda text: text.replace(",", "\t"),
    "semicolon.csv": lambda text: text.replace(",", ";").replace(".", ","),
    "pipe.txt": lambda text: text.replace(",", "|"),
    "utf16.csv": lambda text: text.encode("utf-16"),
    "blank_first.csv": lambda text: "\n,,,,\n" + text,
    "quoted.csv": lambda text: "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in text.splitlines()),
    "headers.csv": lambda text: text.replace("order_id,customer_id", " Order_ID ,CUSTOMER_ID\u00a0"),
    "orders.csv.gz": lambda text: gzip.compress(text.encode()),
    "orders.csv.bz2": lambda text: bz2.compress(text.encode()),
    "orders.csv.xz": lambda text: lzma.compress(text.encode()),
    "orders.zip": as_zip,
    "orders.xlsx": as_xlsx,
    "misnamed.csv": as_xlsx,
    "orders.parquet": as_parquet,
    "orders.db": as_sqlite,
    "short_rows.csv": lambda text: text.replace(",paid", ""),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_gives_the_same_table(shop, name):
    plain = orders_of(shop({"plain.csv": PLAIN}))
    assert_frame_equal(orders_of(shop({name: KINDS[name](PLAIN)}, orders=name)), plain)


def test_chinese_text_in_gb18030(shop):
    text = (
        "订单编号,买家,付款时间,金额,类目\n1,张三,2024年3月5日 10:00,￥１,２００.50,鞋\n2,李四,2024-03-06,80.00,上衣\n"
    )
    text = text.replace("￥１,２００.50", '"￥１，２００．５０"')
    columns = {"order_id": "订单编号", "customer_id": "买家", "ordered_at": "付款时间", "amount": "金额",
               "category": "类目"}
    for encoding in ("gb18030", "utf-8", "utf-8-sig"):
        orders = orders_of(shop({"o.csv": text.encode(encoding)}, orders=a_source(files=("o.csv",), columns=columns)))
        assert orders["category"].tolist() == ["鞋", "上衣"]
        assert orders["amount"].tolist() == [1200.5, 80]
        assert orders["ordered_at"].iloc[0] == pd.Timestamp("2024-03-05 10:00")


@pytest.mark.parametrize("name", ["José Núñez", "Léa"])  # the second one is a rare character in GB18030
def test_western_bytes_are_not_taken_for_chinese_and_can_be_declared(shop, name):
    data = PLAIN.replace("1,A", f"1,{name}").encode("windows-1252")
    for source in (a_source(files=("o.csv",)), a_source(files=("o.csv",), encoding="windows-1252")):
        assert orders_of(shop({"o.csv": data}, orders=source))["customer_id"].iloc[0] == name


def test_sheets_of_a_workbook(shop):
    files = {"o.xlsx": as_xlsx(PLAIN, sheets=("2023", "2024"))}
    with pytest.raises(UserError, match="several sheets with data: 2023, 2024"):
        prepare(shop(files))
    with pytest.raises(UserError, match="no sheet '2025'"):
        prepare(shop(files, orders=a_source(files=("o.xlsx",), sheet="2025")))
    assert len(orders_of(shop(files, orders=a_source(files=("o.xlsx",), sheet="2024")))) == 4


# ---------------------------------------------------------------- columns
def test_a_missing_column_is_named_with_what_is_there(shop):
    client = shop({"o.csv": PLAIN}, orders=a_source(files=("o.csv",), columns={"amount": "Amont"}))
    with pytest.raises(
        UserError,
        match=r"data/acme/o.csv has no column 'Amont'. Did you mean 'amount'.*"
        r"sources.orders.columns.amount.*order_id, customer_id, ordered_at, amount, status",
    ):
        prepare(client)


def test_settings_that_name_no_column_of_ours(shop):
    client = shop({"o.csv": PLAIN}, orders=a_source(files=("o.csv",), columns={"amuont": "amount"}))
    with pytest.raises(UserError, match="sources.orders.columns has 'amuont'.*Did you mean 'amount'"):
        prepare(client)


def test_rules_name_columns_of_the_export(shop):
    rule = a_rule(column="Statsu", test="equals", values=("x",))
    with pytest.raises(UserError, match="no column 'Statsu'.*Did you mean 'status'"):
        prepare(shop({"o.csv": PLAIN}, orders=a_source(files=("o.csv",), set_aside={"x": rule})))


NO_COLUMN, EVERY_ROW = (a_rule(column=column, test="equals", values=("paid",)) for column in ("Statsu", "status"))


@pytest.mark.parametrize(("settings", "text", "words"), [
    ({"columns": {"amount": "Amont"}}, PLAIN, r"data/acme/o.csv has no column 'Amont'. Did you mean 'amount'.*"
     r"sources.orders.columns.amount.*order_id, customer_id, ordered_at, amount, status"),
    ({"columns": {"amuont": "amount"}}, PLAIN, "sources.orders.columns has 'amuont'.*Did you mean 'amount'"),
    ({"set_aside": {"x": NO_COLUMN}}, PLAIN, "no column 'Statsu'.*Did you mean 'status'"),
    ({"set_aside": {"Exact duplicate": EVERY_ROW}}, PLAIN, "rule 'Exact duplicate', which is a word of the ledger"),
    ({"files": ("**.csv",)}, PLAIN, "is no name of files"), ({"files": ("o" * 300,)}, PLAIN, "is no name of files"),
    ({}, PLAIN.replace("20,paid", '20,"' + "x" * 140_000), "o.csv, row 3: a quotation mark is out of place or never cl"),
    ({}, PLAIN.replace(",A,", ",,").replace(",B,", ",-,"), "none of the 4 rows names a customer. Who bought is unknown"),
    ({}, PLAIN.replace("customer_id", "city"), "no column 'customer_id'.*Who bought is unknown"),
    ({"set_aside": {"paid": EVERY_ROW}}, PLAIN, r"Nothing is left of the orders: 4 rows read = 0 kept \+ 4 set aside \(4 paid\)"),
    ({}, PLAIN.replace("\n2,", "\n6.9E+17,"), r"row 3, column 'order_id': '6\.9\.\.\.E\+17' .*last digits"),
    ({}, PLAIN.replace("\n2,", "\n6.90123e+17,"), r"row 3, column 'order_id': '6\.9\.\.\.e\+17' .*last digits"),
])
def test_what_cannot_be_used_stops_in_plain_words(shop, settings, text, words):
    with pytest.raises(UserError, match=words):
        prepare(shop({"o.csv": text}, orders=a_source(**{"files": ("o.csv",)} | settings)))


def test_a_column_name_that_stands_twice_is_refused_unless_one_fits_exactly(shop):
    text = "order_id,customer_id,ordered_at,amount,Amount \n1,A,2024-01-15,1,2\n"
    assert orders_of(shop({"o.csv": text}))["amount"].tolist() == [1]
    with pytest.raises(UserError, match="2 columns named 'AMOUNT'.*4., 5."):
        prepare(shop({"o.csv": text}, orders=a_source(files=("o.csv",), columns={"amount": "AMOUNT"})))


def test_columns_added_between_exports(shop):
    files = {
        "o1.csv": PLAIN,
        "o2.csv": PLAIN.replace("status", "channel")
        .replace("2024", "2025")
        .replace("\n", "\n9")
        .replace("\n9order", "order")
        .removesuffix("9"),
    }
    orders = orders_of(shop(files, orders="o*.csv"))
    assert orders["channel"].tolist()[4:] == ["paid"] * 4
    assert orders["channel"].isna().tolist()[:4] == [True] * 4


def test_orders_without_numbers_are_one_per_row(shop):
    text = "customer_id,ordered_at,amount\nA,2024-01-15,1\nB,2024-01-14,2\n"
    orders = orders_of(shop({"o.csv": text}))
    assert orders[["order_id", "customer_id"]].to_numpy().tolist() == [["1", "B"], ["2", "A"]]


# ---------------------------------------------------------------- cells
@pytest.mark.parametrize(
    ("cell", "clean"),
    [("17850.0", "17850"), ("\t17850", "17850"), ("'17850", "17850"), ('="17850"', "17850"), (" 17850\u3000", "17850"),
     ("0017850", "0017850"), ("a@B.c", "a@b.c"), ("1.50", "1.50"), ("-", None), ("N/A", None), ("0", None)],
)
def test_ids_are_text(shop, cell, clean):
    text = PLAIN.replace(",B,", ',"' + cell.replace('"', '""') + '",')
    customer = orders_of(shop({"o.csv": text}))["customer_id"].iloc[1]
    assert (None if pd.isna(customer) else customer) == clean


def test_long_ids_in_a_workbook_are_refused(shop):
    with pytest.raises(UserError, match=r"row 3, column 'order_id': '6.9\.\.\.E\+17'"):
        prepare(shop({"o.xlsx": as_xlsx(PLAIN.replace("\n2,", "\n690000000000000123,"))}))


def test_the_same_data_in_two_styles_count_once(shop):
    other = PLAIN.replace("2024-01-15 10:00", "15.01.2024 10:00").replace("10.50", "10.5").replace(",A,", ", A,")
    client = shop({"a.csv": PLAIN, "b.csv": other}, orders="*.csv")
    assert_frame_equal(orders_of(client), orders_of(shop({"a.csv": PLAIN})))
    assert aside(client) == {"overlap with another file": 4}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("20,paid", "2o,paid", r"data/acme/o.csv, row 3, column 'amount': '2o' is not a number. Correct it"),
     ("2024-02-16 11:30", "soon", r"data/acme/o.csv, row 3, column 'ordered_at': 'soon' is not a date"),
     ("20,paid", "1e15,paid", r"row 3, column 'amount': '1e15' is too large"),
     ("20,paid", "20,paid,more", "row 3: 6 cells under 5 column names"),
     ("20,paid", '"20,paid', "row 3: a quotation mark"), ("5.25,paid", '5.25,"paid', "row 4: a quotation mark")],
)
def test_bad_cells_stop_with_place_value_and_remedy(shop, old, new, words):
    with pytest.raises(UserError, match=words):
        prepare(shop({"o.csv": PLAIN.replace(old, new)}))


def test_rows_are_counted_as_a_spreadsheet_shows_them(shop):
    text = "\n" + PLAIN.replace("paid\n2", '"pa\n\nid"\n\n2').replace(",20,", ",2o,")
    with pytest.raises(UserError, match="row 5, column 'amount': '2o'"):
        prepare(shop({"o.csv": text}))


STRAY = """order_id,product,customer_id,ordered_at,amount
1,Bolt,a,2025-01-01,1
2,"5 inch pipe,b,2025-01-02,2
3,Nut,c,2025-01-03,4
4,"6 inch pipe,d,2025-01-04,8
5,Bolt,e,2025-01-05,16
"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_stray_quotation_marks_swallow_no_rows(shop, end):
    with pytest.raises(UserError, match="o.csv, row 3: a quotation mark is out of place or never closed"):
        prepare(shop({"o.csv": STRAY.replace("\n", end)}))
    legal = STRAY.replace('"5 inch pipe', f'"5 inch{end}pipe"').replace('"6', "6").replace("\n", end)
    assert orders_of(shop({"o.csv": legal}))["amount"].sum() == 31
    assert orders_of(shop({"o.csv": legal.rstrip()}))["amount"].sum() == 31


def test_a_workbook_that_declares_too_small_a_size_is_read_whole(shop):
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_xlsx(PLAIN))) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<dimension ref="A1:E5"', b'<dimension ref="A1:E3"'))
    assert b'"A1:E3"' in zipfile.ZipFile(content).read("xl/worksheets/sheet1.xml")
    assert len(orders_of(shop({"o.xlsx": content.getvalue()}))) == 4


def test_garbage_in_a_row_that_is_set_aside_does_no_harm(shop):
    client = shop(
        {"o.csv": PLAIN + "Totals,,,42 orders,\n"},
        orders=a_source(
            files=("o.csv",), set_aside={"totals row": a_rule(column="order_id", test="contains", values=("total",))}
        ),
    )
    assert aside(client) == {"totals row": 1}


# ---------------------------------------------------------------- files that cannot be read
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("o.csv", b"", "o.csv is empty"), ("o.csv", b"\n\n", "o.csv is empty"),
     ("o.csv", b"order_id,customer_id,ordered_at,amount\n", "column names but no rows"),
     ("o.csv", b"order_id,customer_id,ordered_at,amount", "column names but no rows"),
     ("o.csv", PLAIN.replace("paid", "pa\0id").encode(), "line 2: this is not text"),
     ("o.csv", bytes(range(256)) * 9, "neither UTF-8 nor GB18030|not text"),
     ("o.csv.gz", gzip.compress(PLAIN.encode() * 50)[:-30], "damaged or cut short"),
     ("o.csv.gz", b"\x1f\x8b" + bytes(range(100)), "cannot be read|damaged"),
     ("o.csv.bz2", b"BZh9" + bytes(100), "cannot be read|damaged"),
     ("o.csv.bz2", bz2.compress(PLAIN.encode() * 50)[:-30], "damaged or cut short"),
     ("o.csv.xz", b"\xfd7zXZ\0" + bytes(100), "damaged"),
     ("o.zip", as_zip(PLAIN)[:60] + as_zip(PLAIN)[61:], "damaged|empty|cannot|neither|not text"),
     ("o.xlsx", as_xlsx(PLAIN)[:3000], "o.xlsx"),
     ("o.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx"),
     ("o.parquet", b"PAR1" + bytes(50), "Parquet file that cannot be read"),
     ("o.db", b"SQLite format 3\0" + bytes(90), "SQLite")],
)
def test_unreadable_files_stop_in_plain_words(shop, name, content, words):
    with pytest.raises(UserError, match=words):
        prepare(shop({name: content}))


def test_missing_files_and_folders(shop):
    client = shop({"orders_2024.csv": PLAIN, "README.md": "x"}, orders="order_2024.csv")
    with pytest.raises(
        UserError,
        match=r"data/acme/order_2024.csv does not exist. Did you mean 'orders_2024.csv'.*"
        r"README.md in that folder says where",
    ):
        prepare(client)
    (client.folder / "raw").mkdir()
    with pytest.raises(UserError, match="raw is a folder"):
        prepare(shop({}, orders="raw"))


# ---------------------------------------------------------------- orders, refunds, lines
def test_refunds_by_rule_by_sign_and_as_a_column(shop):
    text = (
        "order_id,customer_id,ordered_at,amount,back,status\n1,A,2024-01-15,100,30,paid\n2,A,2024-01-16,40,,refund\n"
        "3,A,2024-01-17,-5,,paid\n4,A,2024-01-18,8,8,paid\n,A,2024-01-19,8,,paid\n5,A,,8,,unpaid\n6,A,2024-01-19,,,paid\n"
    )
    client = shop(
        {"o.csv": text},
        orders=a_source(files=("o.csv",), columns={"refunded": "back"},
                        refunds=a_rule(column="status", test="starts_with", values=("ref",))),
    )
    orders = orders_of(client)
    assert orders["amount"].tolist() == [70, -40, -5, 0]
    assert orders["is_refund"].tolist() == [False, True, True, False]
    assert said(client, "changed") == {"refund written as a positive amount": 1, "refunded part taken off the order": 2}
    assert aside(client) == {"no order number": 1, "no date": 1, "no amount": 1}


def test_an_order_number_again_with_other_content_is_flagged(shop):
    client = shop({"o.csv": PLAIN + "2,B,2024-02-16 11:30,3,paid\n"})
    assert len(orders_of(client)) == 5
    assert said(client, "flagged")["order number again, with other content"] == 2
    assert "share an order number" in alerts(prepare(client), client)["what"].str.cat()


def test_lines_become_orders(shop):
    text = LINES + (
        "2,B,2024-01-16 09:00,discount,,1,-1.00\n3,A,2024-02-01,pen,paper,-1,1.50\n4,,2024-02-02,pen,paper,1,0\n"
        "4,,2024-02-02,ink,color,-5,0\n5,A,2024-02-03,gift,paper,1,0\nR1,B,2024-02-04,pen,paper,1,1.50\n"
    )
    client = shop(
        {"o.csv": text},
        orders=a_source(files=("o.csv",), grain="line", columns=LINE_COLUMNS,
                        refunds=a_rule(column="order", test="starts_with", values=("R",))),
    )
    prepared = prepare(client)
    orders = prepared.tables["orders"].set_index("order_id")
    assert orders["amount"].to_dict() == {"1": 6.1, "2": 5, "3": -1.5, "5": 0, "R1": -1.5}
    assert orders["is_refund"].to_dict() == {"1": False, "2": False, "3": True, "5": True, "R1": True}
    assert orders["category"].to_dict()["1"] == "color"  # 3.10 against 3.00
    assert orders.loc["1", "ordered_at"] == pd.Timestamp("2024-01-15 10:00")
    assert aside(client) == {"no charge": 1, "stock write-offs": 1}
    lines = prepared.tables["lines"]
    assert list(lines) == list(SCHEMA["lines"])
    assert lines["amount"].sum() == pytest.approx(orders["amount"].sum())
    assert lines.loc[lines["order_id"] == "1", ["product", "quantity"]].to_numpy().tolist() == [["ink", 1], ["pen", 2]]


def test_refund_lines_with_the_number_of_a_purchase_are_an_order_of_their_own(shop):
    text = LINES + "1,A,2024-02-20 10:00,returned,paper,1,1.50\n"
    rule = a_rule(column="item", test="equals", values=("Returned",))
    orders = orders_of(shop({"o.csv": text}, orders=a_source(files=("o.csv",), grain="line", columns=LINE_COLUMNS, refunds=rule)))
    assert orders["order_id"].tolist() == ["1", "2", "1"]
    assert orders["amount"].tolist() == [6.1, 6, -1.5]
    assert orders["is_refund"].tolist() == [False, False, True]
    assert orders["ordered_at"].iloc[2] == pd.Timestamp("2024-02-20 10:00")


def test_order_fields_only_on_the_first_line(shop):
    text = (
        "Name,Email,Paid at,Total,Lineitem name,Financial Status\n#1,a@b.c,2024-01-15 10:00:00 +0800,30.00,pen,paid\n"
        "#1,,,,ink,\n#2,,2024-01-16 10:00:00 +0800,8.00,pen,paid\n#3,x@y.z,2024-01-17 10:00:00 +0800,9.00,pen,voided\n"
        "#3,,,,ink,\n"
    )
    client = shop(
        {"o.csv": text},
        orders=a_source(
            files=("o.csv",),
            grain="line",
            set_aside={"voided": a_rule(column="Financial Status", test="equals", values=("voided",))},
            columns={"order_id": "Name", "customer_id": "Email", "ordered_at": "Paid at", "amount": "Total",
                     "product": "Lineitem name"},
        ),
    )
    prepared = prepare(client)
    assert prepared.tables["orders"][["order_id", "amount"]].to_numpy().tolist() == [["#1", 30.0], ["#2", 8.0]]
    assert len(prepared.tables["lines"]) == 3
    assert aside(client) == {"voided": 2}
    assert said(client, "changed") == {"customer taken from another line of the order": 1,
                                       "date taken from another line of the order": 1}


def test_copies_of_lines_are_real_sales_unless_the_settings_say_otherwise(shop):
    text = LINES + LINES.splitlines()[1] + "\n"
    for duplicates, amount in (("keep", 9.1), ("drop", 6.1)):
        source = a_source(files=("o.csv",), grain="line", columns=LINE_COLUMNS, duplicates=duplicates)
        client = shop({"o.csv": text}, orders=source)
        assert orders_of(client)["amount"].iloc[0] == amount
        found = said(client, "flagged") if duplicates == "keep" else aside(client)
        assert found == {"exact duplicate": 1}


def test_one_order_number_of_two_customers_stays_two_orders(shop):
    text = LINES.replace("2,B", "1,B") + "1,,2024-01-16 09:00,cap,paper,1,2.00\n"
    client = shop({"o.csv": text}, orders=a_source(files=("o.csv",), grain="line", columns=LINE_COLUMNS))
    orders = orders_of(client).fillna({"customer_id": "nobody"})
    assert orders[["customer_id", "amount"]].to_numpy().tolist() == [["A", 6.1], ["B", 6.0], ["nobody", 2.0]]
    assert said(client, "flagged")["one order number, several customers"] == 4


def test_money_is_the_amount_or_else_quantity_times_price(shop):
    text = "order_id,customer_id,ordered_at,amount,quantity,unit_price,refunded\n1,A,2024-01-15,9,2,5,yes\n"
    given = {"quantity": "quantity", "unit_price": "unit_price"}
    for columns, amount in (({}, 9), (given, 10), (given | {"amount": "amount"}, 9)):
        source = a_source(files=("o.csv",), columns=columns)
        assert orders_of(shop({"o.csv": text}, orders=source))["amount"].tolist() == [amount]
    assert orders_of(shop({"o.csv": text.replace("amount", "total")}))["amount"].tolist() == [10]
    with pytest.raises(UserError, match="no column 'amount'.*Or give quantity and unit_price"):
        prepare(shop({"o.csv": text.replace("amount", "total").replace("unit_price", "price")}))


# ---------------------------------------------------------------- the other sources
OTHERS = {
    "members.csv": "customer_id,joined_at,tier\nA,2024-02-01,gold\nA,2024-01-05,silver\nC,,\n,2024-01-01,\n",
    "survey.csv": "Time,Wave,Who,Recommend,Happy,Price\n2024-01-01,before,,9,5,4\n2024-01-01,before,,9,5,4\n2024-06-01,1.0,A,0,1,\n",
    "arms.csv": "customer_id,arm\nA,holdout\nB,program\nB,program\n",
    "points.csv": "customer_id,at,kind,points\nA,2024-01-05 10:00,Earn,10\nA,2024-01-06 10:00,burn,-5\n",
    "friends.csv": "referrer_id,referee_id,at\nA,B,2024-01-05\n",
    "costs.csv": 'date,kind,amount\n2024-01-05,launch,"¥1,500.00"\n',
    "out.csv": "customer_id,at\nA,2024-03-01\nA,2024-02-01\n",
}
SURVEY = a_source(
    files=("survey.csv",),
    scale={"csat": (1.0, 5.0)},
    columns={"answered_at": "time", "wave": "Wave", "customer_id": "Who", "nps": "Recommend", "csat": "Happy",
             "driver_price": "Price"},
)


def others(shop, **changed):
    return shop(
        {"o.csv": PLAIN} | OTHERS | changed.pop("files", {}),
        **{"orders": "o.csv", "members": "members.csv", "survey": SURVEY, "assignment": "arms.csv",
           "points": "points.csv", "referrals": "friends.csv", "costs": "costs.csv", "opt_outs": "out.csv"}
        | changed,
    )


def test_all_sources_take_the_same_path(shop):
    client = others(shop)
    prepared = prepare(client)
    tables = prepared.tables
    assert set(tables) == set(SCHEMA) - {"lines"}
    for name, frame in tables.items():
        kinds = SCHEMA[name] | ({"driver_price": "float64"} if name == "survey" else {})
        assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == kinds
        assert list(frame) == list(kinds)
    assert tables["members"][["customer_id", "tier"]].fillna("").to_numpy().tolist() == [["A", "silver"], ["C", ""]]
    assert aside(client, "members") == {"no customer id": 1, "duplicate member": 1}
    assert tables["survey"]["wave"].tolist() == ["before", "before", "1"]  # two nameless people may well agree
    assert len(tables["assignment"]) == 2
    assert tables["points"]["kind"].tolist() == ["earn", "burn"]
    assert tables["costs"]["amount"].tolist() == [1500]
    table = prepared.ledger.table()
    assert table.loc[table["source"] == "members", "amount"].isna().all()
    assert table.loc[table["source"] == "costs", "amount"].tolist() == [1500, 1500]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"survey.csv": OTHERS["survey.csv"].replace("A,0", "A,11")},
         "row 4, column 'Recommend': '11' is outside the scale from 0 to 10"),
        ({"survey.csv": OTHERS["survey.csv"].replace("0,1,", "0,0,")},
         "row 4, column 'Happy': '0' is outside the scale from 1 to 5"),
        ({"arms.csv": OTHERS["arms.csv"] + "A,program\n"}, "contradicts another row"),
        ({"points.csv": OTHERS["points.csv"] + "A,2024-01-06 10:00,redeemed,-5\n"},
         "row 4, column 'kind': 'redeemed' is not a kind"),
        ({"costs.csv": "date,kind\n2024-01-05,launch\n"}, "costs.csv has no column 'amount'"),
    ],
)
def test_other_sources_stop_in_plain_words(shop, files, words):
    with pytest.raises(UserError, match=words):
        prepare(others(shop, files=files))


def test_a_scale_of_no_question_is_refused(shop):
    with pytest.raises(UserError, match="scale has 'casat'.*Did you mean 'csat'"):
        prepare(others(shop, survey=dataclasses.replace(SURVEY, scale={"casat": (1.0, 5.0)})))


@pytest.mark.parametrize(("column", "header"), [("csat", "Happy"), ("ces", "Happy"), ("driver_price", "Price")])
def test_answers_on_no_usual_scale_need_a_declared_one(shop, column, header):
    columns = {name: SURVEY.columns[name] for name in ("answered_at", "wave", "customer_id", "nps")}
    survey = a_source(files=("survey.csv",), columns=columns | {column: header})
    files = {"survey.csv": OTHERS["survey.csv"].replace("9,5,4", "9,80,80", 1)}
    assert len(prepare(others(shop, survey=survey)).tables["survey"]) == 3
    with pytest.raises(UserError, match=f"survey.csv, row 2, column '{header}': '80' is on no usual scale.*scale.{column}"):
        prepare(others(shop, survey=survey, files=files))
    survey = dataclasses.replace(survey, scale={column: (0.0, 100.0)})
    assert len(prepare(others(shop, survey=survey, files=files)).tables["survey"]) == 3


def test_a_survey_without_answers_is_refused(shop):
    with pytest.raises(UserError, match="survey.csv has no column of answers"):
        prepare(others(shop, survey="survey.csv", files={"survey.csv": "answered_at,wave\n2024-01-01,before\n"}))


# ---------------------------------------------------------------- properties
ROWS = st.lists(  # few orders, customers and hours, so that rows meet
    st.tuples(st.integers(1, 6), st.sampled_from(["A", "B", ""]), st.integers(0, 4), st.integers(-3, 9),
              st.sampled_from(["paid", "paid", "cancelled", "refund"]), st.sampled_from(["pen", "ink"])),
    min_size=1,
    max_size=25,
)
PROPERTY = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
RULES = {"set_aside": {"cancelled": a_rule(column="status", test="equals", values=("cancelled",))},
         "refunds": a_rule(column="status", test="equals", values=("refund",))}


def as_csv(rows):
    made = [
        f"{order},{who},{pd.Timestamp('2024-01-01') + pd.Timedelta(hours=at)},{cents / 100},{status},{item}"
        for order, who, at, cents, status, item in rows
    ]
    return "\n".join(["order_id,customer_id,ordered_at,amount,status,category", *made, "99,A,2024-12-31,1,paid,pen\n"])


@PROPERTY
@given(rows=ROWS, other=ROWS, grain=st.sampled_from(["order", "line"]), duplicates=st.sampled_from(["drop", "keep"]))
def test_property_the_ledger_adds_up(shop, rows, other, grain, duplicates):
    source = a_source(files=("a.csv", "b.csv"), grain=grain, duplicates=duplicates, **RULES)
    prepared = prepare(shop({"a.csv": as_csv(rows), "b.csv": as_csv(other)}, orders=source))
    table = prepared.ledger.table()
    for file, sent in (("a.csv", rows), ("b.csv", other)):
        sums = table[table["file"] == file].groupby("action")[["rows", "amount"]].sum()
        gone = sums.reindex(["set aside"], fill_value=0).iloc[0]
        assert sums.loc["read", "rows"] == len(sent) + 1 == sums.loc["kept", "rows"] + gone["rows"]
        assert sums.loc["read", "amount"] == pytest.approx(sums.loc["kept", "amount"] + gone["amount"])
    kept = table.loc[table["action"] == "kept", "amount"].sum()
    assert prepared.tables["orders"]["amount"].sum() == pytest.approx(kept)
    orders = prepared.tables["orders"]
    assert (orders.loc[orders["is_refund"], "amount"] <= 0).all()
    before = {name: frame.copy() for name, frame in prepared.tables.items()}
    alerts(prepared, shop({}, orders=source))
    for name, frame in before.items():
        assert_frame_equal(prepared.tables[name], frame)


@PROPERTY
@given(rows=ROWS, grain=st.sampled_from(["order", "line"]), data=st.data())
def test_property_the_order_of_rows_makes_no_difference(shop, rows, grain, data):
    source = a_source(files=("o.csv",), grain=grain, **RULES)
    one = prepare(shop({"o.csv": as_csv(rows)}, orders=source))
    two = prepare(shop({"o.csv": as_csv(data.draw(st.permutations(rows)))}, orders=source))
    assert one.tables.keys() == two.tables.keys()
    for name, frame in one.tables.items():
        assert_frame_equal(frame, two.tables[name])
    assert_frame_equal(one.ledger.table(), two.ledger.table())


@PROPERTY
@given(rows=ROWS, grain=st.sampled_from(["order", "line"]), duplicates=st.sampled_from(["drop", "keep"]),
       ends=st.tuples(st.integers(0, 7), st.integers(0, 7)))
def test_property_overlapping_files_count_as_the_whole(shop, rows, grain, duplicates, ends):
    low, high = sorted(ends)  # the first file has orders up to high, the second from low on: exports cut between orders
    source = a_source(files=("whole.csv",), grain=grain, duplicates=duplicates, **RULES)
    whole = prepare(shop({"whole.csv": as_csv(rows)}, orders=source)).tables
    parts = {"a.csv": as_csv([row for row in rows if row[0] <= high]),
             "b.csv": as_csv([row for row in rows if row[0] >= low])}
    both = prepare(shop(parts, orders=dataclasses.replace(source, files=("a.csv", "b.csv")))).tables
    for name, frame in whole.items():
        assert_frame_equal(frame, both[name])


# ---------------------------------------------------------------- alerts
def many_orders(n=400, days=400, customers=60, seed=1):
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2023-01-02") + pd.to_timedelta(np.sort(rng.integers(0, days * 24, n)), unit="h")
    return pd.DataFrame(
        {"order_id": np.arange(n), "customer_id": [f"C{i}" for i in rng.integers(0, customers, n)], "ordered_at": at,
         "amount": rng.integers(100, 5000, n) / 100, "rating": rng.integers(3, 6, n)}
    )


def told(shop, frame, program=None, **files):
    names = {f"{name}.csv": text for name, text in files.items()}
    client = shop({"orders.csv": frame.to_csv(index=False)} | names, program=program, orders="orders.csv",
                  **{name: f"{name}.csv" for name in files})
    return alerts(prepare(client), client)


def test_a_clean_shop_has_no_alerts(shop):
    found = told(shop, many_orders())
    assert found.empty
    assert list(found) == ["grade", "what", "consequence", "remedy"]


LAUNCH = Program(launched_on=pd.Timestamp("2023-11-01").date())


@pytest.mark.parametrize(
    ("change", "program", "grade", "words"),
    [
        (lambda o: o.assign(customer_id=o["customer_id"].where(o.index % 5 != 0)), None, "distorts results",
         "20 % of the orders name no"),
        (lambda o: o.assign(customer_id=o["customer_id"].where(o.index % 50 != 0)), None, "worth knowing",
         "2.0 % of the orders name no"),
        (lambda o: o[o["ordered_at"] < "2023-02-20"], None, "distorts results", "orders cover 4. days"),
        (lambda o: o[~o["ordered_at"].between("2023-05-01", "2023-06-30")], None, "distorts results", "No order for"),
        (lambda o: o.assign(rating=5), None, "distorts results", "answers to rating are 5"),
        (lambda o: o.assign(amount=o["amount"].where(o["customer_id"] != "C7", 900)), None, "distorts results",
         "One customer makes"),
        (lambda o: o.assign(customer_id=[f"N{i}" for i in range(len(o))]), None, "distorts results",
         "Only 0.0 % of the customers"),
        (lambda o: o.assign(amount=o["amount"].where(o.index % 4 != 0, -o["amount"])), None, "distorts results",
         "Refunds come to"),
        (lambda o: o.assign(ordered_at=o["ordered_at"].where(o.index != 9, pd.Timestamp("2052-01-01"))), None,
         "distorts results", "half a year and more from all others"),
        (lambda o: o, Program(launched_on=pd.Timestamp("2030-01-01").date()), "stop", "lies outside the orders"),
        (lambda o: o, LAUNCH, "distorts results", "cover 43 weeks before the launch and 13 after"),
    ],
)
def test_alerts_are_raised_and_graded(shop, change, program, grade, words):
    found = told(shop, change(many_orders()), program)
    hit = found[found["what"].str.contains(words)]
    assert hit["grade"].tolist() == [grade], found.to_string()
    assert hit["remedy"].str.len().all()
    assert found["grade"].map(["stop", "distorts results", "worth knowing"].index).is_monotonic_increasing


def test_alerts_about_members(shop):
    members = "customer_id,joined_at\n" + "".join(f"C{i},2023-0{1 + i % 2}-15\n" for i in range(50)) + "Z1,2023-12-01\n"
    found = told(shop, many_orders(), LAUNCH, members=members)["what"].str.cat(sep="; ")
    assert "98 % of the members joined before the launch" in found
    assert "2.0 % of the members never appear in the orders" in found
    found = told(shop, many_orders(), members=members.replace("\nC", "\nD"))
    assert found["grade"].iloc[0] == "stop"


def test_alerts_about_what_cannot_be(shop):
    files = {"members": "customer_id,joined_at,left_at\nC1,2023-05-01,2023-04-01\nC2,2025-01-01,\nC3,2023-05-01,\n",
             "referrals": "referrer_id,referee_id,at\nC1,C1,2023-05-01\nC1,C2,2023-05-01\n",
             "costs": "date,kind,amount\n2023-05-01,gifts,-5\n2020-05-01,gifts,5\n2023-05-01,gifts,5\n"}
    orders = many_orders()
    found = told(shop, orders.assign(rating=orders["rating"].where(orders.index > 1, 55)), **files)["what"].tolist()
    for words in ("2 ratings of orders outside 0 to 10", "1 member joined after the last order", "1 member left before",
                  "1 referral from customers to themselves", "1 cost below zero", "1 cost dated outside the orders"):
        assert sum(what.startswith(words) for what in found) == 1, words


@pytest.mark.parametrize(("share", "told_so"), [(2, True), (4, False)])
def test_a_rule_that_sets_much_aside_is_told(shop, share, told_so):
    orders = many_orders().assign(status=lambda o: np.where(o.index % share, "paid", "open"))
    rule = a_rule(column="status", test="equals", values=("open",))
    client = shop({"o.csv": orders.to_csv(index=False)}, orders=a_source(files=("o.csv",), set_aside={"open": rule}))
    found = alerts(prepare(client), client)
    found = found[found["what"].str.contains("rows of orders were set aside: open")]
    assert found["grade"].tolist() == ["distorts results"] * told_so


def test_a_shop_open_at_weekends_only_has_no_gaps(shop):
    orders = many_orders(n=8000)
    assert told(shop, orders[orders["ordered_at"].dt.day_of_week >= 5]).empty


@pytest.mark.parametrize(("copied", "grade"), [(10, "worth knowing"), (40, "distorts results")])
def test_exact_copies_are_told(shop, copied, grade):
    orders = many_orders()
    found = told(shop, pd.concat([orders, orders[:copied]]))
    assert found["grade"].tolist() == [grade]
    assert found["what"].iloc[0] == f"{100 * copied / (400 + copied):.1f} % of the rows of orders are exact copies of others and were set aside"


@pytest.mark.parametrize("rows", [1, 2, 60])
def test_tiny_shops_are_told_the_truth(shop, rows):
    found = told(shop, many_orders(n=rows, days=30, customers=60), LAUNCH)
    assert "cover" in found["what"].str.cat()


def test_a_shop_with_refunds_only(shop):
    client = shop(
        {
            "o.csv": PLAIN.replace(",10.50", ",-10.50")
            .replace(",20,", ",-20,")
            .replace(",5.25", ",-5.25")
            .replace(",7,", ",-7,")
        }
    )
    assert orders_of(client)["is_refund"].all()
    alerts(prepare(client), client)


# ---------------------------------------------------------------- real input
def online_retail_file():
    places = [os.environ.get("LOYALTY_ONLINE_RETAIL"), ROOT / "data/online_retail/online_retail.csv.gz",
              ROOT.parent / "shared/data/online_retail/online_retail.csv.gz"]
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


def test_online_retail(tmp_path):
    file = online_retail_file()
    if file is None:
        pytest.skip("the Online Retail file is not here; data/online_retail/README.md says where to get it")
    (tmp_path / "online_retail.csv.gz").symlink_to(file.resolve())
    client = dataclasses.replace(load_client("online_retail", Path(__file__).parents[1]), folder=tmp_path)
    prepared = prepare(client)
    orders = prepared.tables["orders"].dropna(subset="customer_id")
    bought = orders[~orders["is_refund"]]
    assert (bought["order_id"].nunique(), len(bought), bought["customer_id"].nunique()) == (18_532, 18_532, 4_338)
    assert bought["amount"].sum() == pytest.approx(8_911_407.904, abs=1e-6)
    assert orders["amount"].sum() == pytest.approx(8_300_065.814, abs=1e-6)
    assert orders["customer_id"].nunique() == 4_372
    assert (bought.groupby("customer_id").size() >= 2).mean() == pytest.approx(0.6558, abs=5e-5)
    assert aside(prepared) == {"bad debt": 3, "marketplace fees": 34, "stock write-offs": 1_336, "no charge": 1_139}
    assert prepared.ledger.sentence() == (
        "541,909 rows read = 539,397 kept + 2,512 set aside (1,336 stock write-offs, "
        "1,139 no charge, 34 marketplace fees, 3 bad debt)."
    )
    assert said(prepared, "flagged")["exact duplicate"] == 5_268
    assert len(prepared.tables["lines"]) == 539_397
    assert not alerts(prepared, client)["grade"].eq("stop").any()
