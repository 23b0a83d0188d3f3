"""Hostile exports by the thousand (`make fuzz N=10000 SEED=1`): each must be read with a ledger that adds up, or be
refused in plain words that name the file.

A case is made from its seed and number alone: sound exports of invented shops, written as files of several kinds, with
none to three things gone wrong, in cells, rows, columns, files, bytes or settings. Whatever else happens (a traceback,
a case of more than LIMIT seconds, a process that dies, a table that is not as the schema says) is a finding, and its
files are kept as a clone of their own to replay.
"""

from __future__ import annotations

import bz2
import faulthandler
import gzip
import io
import lzma
import multiprocessing
import os
import random
import re
import shutil
import sqlite3
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from multiprocessing.connection import Connection, wait
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from . import check, client, ingest
from .core import columns, errors
from .core.errors import UserError

LIMIT = 10  # seconds that a case may take: they are small
KEY = "acme"
FINDINGS = "reports/fuzz_findings"

Rows = list[list[str]]  # the first are the column names


@dataclass(frozen=True)
class Case:
    """A client's folder: its settings file, and the files beside it. `number` counts within the seed."""

    seed: int
    number: int
    settings: bytes
    files: Mapping[str, bytes]


# ---------------------------------------------------------------- sound exports of invented shops
DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y/%m/%d", "%Y-%m-%dT%H:%M:%SZ",
         "%Y年%m月%d日", "%d %b %Y", "%Y-%m-%d %H:%M:%S +0800")
MONEY: tuple[Callable[[float], str], ...] = (
    lambda value: f"{value:.2f}", lambda value: f"{value:,.2f}", lambda value: f"¥{value:.2f}",
    lambda value: f"{value:.2f}".replace(".", ","), lambda value: f"{value:g}",
    lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,")))


def _export(kind: str, luck: random.Random) -> tuple[Rows, dict]:
    """An export of this kind, and the settings that read it."""
    style, money = luck.choice(DATES), luck.choice(MONEY)
    start = datetime(2024, 1, 1)

    def day() -> str:
        return (start + timedelta(minutes=luck.randrange(60 * 24 * 700))).strftime(style)

    def who() -> str:
        return luck.choice(["", *(f"C{number:03}" for number in range(12))])

    def cash() -> str:
        return money(luck.choice([luck.uniform(1, 2000), luck.uniform(-50, 50), 0, 1250]))

    makers: dict[str, tuple[dict[str, str], Callable[[int], list[str]], dict]] = {
        "orders": (
            {"order_id": "Order No", "customer_id": "Customer", "ordered_at": "Paid at", "amount": "Total",
             "channel": "Channel", "rating": "Stars"},
            lambda row: [f"A{row:04}", who(), day(), cash(), luck.choice(["web", "店", ""]), str(luck.randint(1, 5))],
            {"refunds": {"column": "Channel", "equals": "Refunded"}}),
        "by_line": (
            {"order_id": "Order No", "customer_id": "Customer", "ordered_at": "Paid at", "product": "Item",
             "category": "Group", "quantity": "Qty", "unit_price": "Price"},
            lambda row: [f"A{row // 3:04}", who() if row % 3 == 0 else "", day() if row % 3 == 0 else "",
                         luck.choice(["pen", "ink, \"red\"", "纸"]), luck.choice(["paper", ""]),
                         str(luck.randint(-2, 9)), cash()],
            {"grain": "line", "set_aside": {"postage": {"column": "Item", "starts_with": ["post", "Versand"]}}}),
        "lines": (
            {"order_id": "Order No", "product": "Item", "quantity": "Qty", "amount": "Total"},
            lambda row: [f"A{row:04}", luck.choice(["pen", "ink"]), str(luck.randint(1, 3)), cash()], {}),
        "members": (
            {"customer_id": "Customer", "joined_at": "Joined", "tier": "Level"},
            lambda row: [f"C{row:03}", day(), luck.choice(["gold", "Ümlaut", ""])], {}),
        "survey": (
            {"answered_at": "When", "wave": "Wave", "customer_id": "Customer", "nps": "Recommend", "csat": "Satisfied",
             "driver_price": "Price"},
            lambda row: [day(), luck.choice(["spring", "autumn"]), who(), str(luck.randint(0, 10)),
                         str(luck.randint(1, 5)), str(luck.randint(1, 7))],
            {"scale": {"csat": [1, 5], "driver_price": [1, 7]}}),
        "points": (
            {"customer_id": "Customer", "at": "When", "kind": "Kind", "points": "Points"},
            lambda row: [f"C{row:03}", day(), luck.choice(["earn", "burn"]), str(luck.randint(1, 500))], {}),
        "assignment": (
            {"customer_id": "Customer", "arm": "Arm", "assigned_at": "Drawn"},
            lambda row: [f"C{row:03}", luck.choice(["program", "holdout"]), "2024-06-01"], {}),
        "referrals": (
            {"referrer_id": "From", "referee_id": "To", "at": "When"},
            lambda row: [f"C{row:03}", f"C{row + 50:03}", day()], {}),
        "costs": (
            {"date": "Day", "kind": "What", "amount": "Cost"},
            lambda row: [day(), luck.choice(["print", "app"]), cash()], {}),
        "opt_outs": (
            {"customer_id": "Customer", "at": "When"},
            lambda row: [f"C{row:03}", day()], {"set_aside": {"agreed": {"column": "Customer", "equals": "C003"}}}),
    }
    columns, make, more = makers[kind]
    if style == DATES[3]:
        more = more | {"dates": "month-first"}
    elif style == DATES[2]:
        more = more | {"dates": "day-first"}
    return [list(columns.values()), *(make(row) for row in range(luck.randint(3, 40)))], more | {"columns": columns}


# ---------------------------------------------------------------- what goes wrong in the table
NASTY = (
    "", " ", "\t", "\0", "-", "0", "null", "N/A", "NaN", "inf", "-Infinity", "1e999", "-1e400", "1e308", "1e-400",
    "9" * 400, "9223372036854775808", "6.90123E+17", "0x1F",
    "٣٤", "\uff11\uff12.\uff15", "½", "²", "50%", "(5)", "--5", "5-", "1.250",
    "1,250", "1.2.3", "1,2,3", "1'000", "12 345,6", "$5", "€5", "5 kr", "USD 5 EUR", "True", "#REF!", "#VALUE!",
    "=1+1", "=cmd|' /C calc'!A0", "+1", "@SUM(A1)", '="0017"', "'0017", "17850.0", "00017", "'", '"', '""', 'a"b',
    '"open', "a\nb", "a\r\nb", "a\rb", ";", ",", "|", "\\", "\\n", "\\N", "\x1b[2J", "\x1c", "\x85", "\u2028", "\ufeff",
    "\u200b", "\u200f12", "\u202e", "\ud800", "\U0001f600", "👩‍👩‍👧", "e\u0301", "İ", "ß", "ﬁ", "﷽", "<b>x</b>", "${x}",
    "%s%n", "0000-00-00", "1900-01-00", "1970-01-01", "1899-12-30", "31/02/2024", "29.02.2023", "2024-13-45",
    "2024-02-30 25:61", "2024-01-01 24:00", "10000-01-01", "9999-12-31", "0001-01-01", "2262-04-12", "1677-09-21",
    "2024-01-01T00:00:00+99:99", "2024-01-01 00:00 -1400", "2024-03-31 02:30:00", "01/02/03", "24/01/31", "45000",
    "45000.5", "1704067200", "1704067200000", "20240101", "20249999", "Mon, 5 Aug 2024 10:00:00 GMT", "5 Foo 2024",
    "12:00", "上午10:00", "x" * 40_000, "ab " * 20_000, "1" + "0" * 40, "-" * 300, "a@example.com", "+86 138 0000 0000",
)


def _cells(rows: Rows, luck: random.Random) -> Rows:
    """A few cells hold what no cell should."""
    rows = [list(row) for row in rows]
    for _ in range(luck.choice([1, 1, 2, 5, 20])):
        row = luck.choice(rows)
        if row:
            row[luck.randrange(len(row))] = luck.choice(NASTY)
    return rows


def _column(rows: Rows, luck: random.Random) -> Rows:
    """A whole column of the same kind of trouble, or of a mixture of it."""
    place, few = luck.randrange(len(rows[0])), luck.sample(NASTY, luck.choice([1, 2, 4]))
    return [rows[0], *([*row[:place], luck.choice(few), *row[place + 1:]] for row in rows[1:])]


def _columns(rows: Rows, luck: random.Random) -> Rows:
    """A column gone, twice there, renamed, swapped, or added."""
    place, other = (luck.randrange(len(rows[0])) for _ in range(2))
    what = luck.choice(["gone", "twice", "renamed", "swapped", "blank name", "added"])
    if what == "gone":
        return [row[:place] + row[place + 1:] for row in rows]
    if what == "twice":
        return [[*row, *row[place:place + 1]] for row in rows]
    if what == "added":
        return [[*row, "note" if number == 0 else luck.choice(NASTY)] for number, row in enumerate(rows)]
    head = list(rows[0])
    if what == "swapped":
        head[place], head[other] = head[other], head[place]
    else:
        head[place] = "" if what == "blank name" else luck.choice([head[place].upper(), f" {head[place]} ", "Other",
                                                                   luck.choice(NASTY)])
    return [head, *rows[1:]]


def _rows(rows: Rows, luck: random.Random) -> Rows:
    """Rows shuffled, doubled, missing, blank, short, long; the header twice, a title above, totals below."""
    head, body = rows[0], rows[1:]
    what = luck.choice(["shuffled", "doubled", "few", "none", "blank", "short", "long", "header again", "title",
                        "totals", "merged", "trailing"])
    if what == "shuffled":
        return [head, *luck.sample(body, len(body))]
    if what == "doubled":
        return [head, *(row for row in body for _ in range(luck.choice([1, 2])))]
    if what in ("few", "none"):
        return [head, *body[:what == "few"]]
    if what == "title":
        return [["Orders of 2024"], *([[]] * luck.choice([0, 1])), *rows]
    if what == "totals":
        return [*rows, ["Total", *[""] * (len(head) - 2), "12345.67"]]
    if what == "trailing":
        return [*rows, *([[]] * luck.choice([1, 500]))]
    place = luck.randrange(len(body)) if body else 0
    odd = {"blank": [""] * len(head), "header again": head, "short": head[:1], "long": [*head, "x", "y"],
           "merged": [cell for row in body[place:place + 2] for cell in row]}[what]
    return [head, *body[:place], odd, *body[place:]]


IN_TABLES = (_cells, _cells, _column, _columns, _rows)


# ---------------------------------------------------------------- how it is written
def _csv(rows: Rows, luck: random.Random) -> bytes:
    delimiter, end = luck.choice(",,,;\t|"), luck.choice(["\n", "\n", "\r\n", "\r"])
    always = luck.random() < 0.2

    def cell(text: str) -> str:
        quoted = always or any(sign in text for sign in (delimiter, '"', "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if quoted else text

    text = end.join(delimiter.join(map(cell, row)) for row in rows) + luck.choice([end, ""])
    encoding = luck.choice(["utf-8"] * 4 + ["utf-8-sig", "utf-16", "gb18030", "windows-1252"])
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _xlsx(rows: Rows, luck: random.Random) -> bytes:
    """The least that is a workbook: texts within the cells, numbers as numbers, a declared size that may be wrong."""
    def cell(text: str) -> str:
        text = re.sub("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]", "", text[:32_767])  # what XML cannot hold
        try:
            number = float(text) if text.isascii() and "_" not in text else np.nan
        except ValueError:
            number = np.nan
        if np.isfinite(number):
            return f"<c><v>{text.strip()}</v></c>"
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>' if text else "<c/>"

    size = luck.choice(["", '<dimension ref="A1"/>', '<dimension ref="A1:XFD1048576"/>'])
    body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    return workbook(f"{size}<sheetData>{body}</sheetData>")


def workbook(sheet: str) -> bytes:
    """An XLSX file whose only worksheet holds this XML."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"

    def link(target: str, to: str) -> str:
        return (f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type="{office}/{to}" '
                f'Target="{target}"/></Relationships>')

    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType='
        f'"{kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": link("xl/workbook.xml", "officeDocument"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Sheet1" sheetId="1" '
        'r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": link("worksheets/sheet1.xml", "worksheet"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}">{sheet}</worksheet>',
    }
    return zipped({name: part.encode() for name, part in parts.items()})


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive, the same bytes at any time of day."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _rectangle(rows: Rows) -> tuple[list[str], Rows]:
    """Unique names, rows of their length, and nothing that cannot be stored."""
    rows = [[cell.encode("utf-8", "replace").decode() for cell in row] for row in rows]
    width = max(map(len, rows))
    head = [name or "unnamed" for name in [*rows[0], *[""] * (width - len(rows[0]))]]
    seen: set[str] = set()
    names = []
    for name in head:
        while name.casefold() in seen:
            name += "_"
        seen.add(name.casefold())
        names.append(name.replace("\0", "0"))
    return names, [[*row, *[""] * (width - len(row))] for row in rows[1:]]


def _sqlite(rows: Rows, luck: random.Random) -> bytes:
    names, body = _rectangle(rows)
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute(f"CREATE TABLE export ({listed})")
        values = [[luck.choice([cell, cell, cell, None, cell.encode()]) if luck.random() < 0.02 else cell
                   for cell in row] for row in body]
        base.executemany(f"INSERT INTO export VALUES ({', '.join('?' * len(names))})", values)
        base.commit()
        return base.serialize()


def _parquet(rows: Rows, luck: random.Random) -> bytes:
    names, body = _rectangle(rows)
    columns = [pd.Series([row[place] for row in body], dtype="str") for place in range(len(names))]
    if luck.random() < 0.5:  # numbers as numbers, as far as they are
        columns = [column if pd.to_numeric(column, errors="coerce").isna().any()
                   else column.map(float) for column in columns]
    packed = io.BytesIO()
    pq.write_table(pa.table([pa.array(column) for column in columns], names=names), packed)
    return packed.getvalue()


WRITERS = {"csv": _csv, "xlsx": _xlsx, "db": _sqlite, "parquet": _parquet}
PACKED = {"gz": lambda data, name: gzip.compress(data, mtime=0), "bz2": lambda data, name: bz2.compress(data),
          "xz": lambda data, name: lzma.compress(data), "zip": lambda data, name: zipped({name: data})}


# ---------------------------------------------------------------- what goes wrong in the bytes
def _bytes(data: bytes, luck: random.Random) -> bytes:
    what = luck.choice(["flip", "flip", "cut", "cut", "quote", "zero", "delimiter", "encodings", "twice", "gone",
                        "junk"])
    changed, length = bytearray(data), len(data)
    if what == "cut":
        return data[:luck.randrange(length + 1)]
    if what == "gone":
        return b""
    if what == "twice":
        return data + data
    if what == "junk":
        return luck.randbytes(luck.choice([1, 16, 3000]))
    if what == "delimiter":
        return data.replace(b",", luck.choice([b";", b"\t", b",,", b" "]), luck.choice([-1, 3]))
    if what == "encodings":
        return data + luck.choice(["Ä,Ö\n".encode("latin-1"), "店,铺\n".encode("gb18030"), "店\n".encode("utf-16")])
    for _ in range(luck.choice([1, 1, 3, 30])):
        place = luck.randrange(length + 1)
        if what == "flip" and place < length:
            changed[place] ^= 1 << luck.randrange(8)
        elif what != "flip":
            changed[place:place] = b'"' if what == "quote" else b"\0"
    return bytes(changed)


# ---------------------------------------------------------------- what goes wrong in the settings
WRONG = {
    "dates": ("day-first", "month-first", "%d.%m.%Y", "%Y", "%Q", "%", "%H:%M", "%d/%m/%y %z", "%s", "", 7),
    "decimal": (".", ",", ";", 5),
    "encoding": ("latin-1", "utf-16", "gb18030", "ascii", "cp037", "idna", "base64", "undefined", "unicode_escape",
                 "utf-7", "none such", 8),
    "time_zone": ("Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Mars/Base", "../etc"),
    "grain": ("order", "line", "week"),
    "duplicates": ("keep", "drop", "all"),
    "sheet": ("Sheet1", "Nowhere"),
    "table": ("export", "nowhere", 'a"b'),
    "query": ("SELECT * FROM export", "DROP TABLE export", "SELECT 1", "SELECT", "PRAGMA user_version = 7",
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) SELECT i FROM n"),
    "refunds": ({"column": "Channel", "equals": "web"}, {"column": "Nowhere", "equals": "x"}, {"column": "Channel"}),
    "set_aside": ({"none": {"column": "Customer", "contains": ""}}, {"all": {"column": "Order No", "contains": "A"}},
                  {"read": {"column": "Customer", "equals": "C001"}},
                  {"some": {"column": "Customer", "equals": "C001"}}),
    "scale": ({"nps": [0, 10]}, {"csat": [5, 1]}, {"csat": [1, 1]}, {"else": [1, 5]}, {"csat": ["a", "b"]}),
    "files": ("nowhere.csv", "*", "**", "[", "../*", "", [], ["export_1.csv", "export_1.csv"]),
    "columns": ({}, {"customer_id": "Total"}, {"amount": "Customer"}, {"ordered_at": "Order No"},
                {"order_id": "Paid at"}, {"amount": "Nowhere"}, {"refunded": "Total"}, {"rating": "Channel"},
                {"else": "Total"}, {"customer_id": ""}),
}


def _wrong_setting(settings: dict, luck: random.Random) -> dict:
    name = luck.choice(list(settings["sources"]))
    source, setting = settings["sources"][name], luck.choice(list(WRONG))
    value = luck.choice(WRONG[setting])
    if setting == "columns" and value:
        value = source["columns"] | value
    return settings | {"sources": settings["sources"] | {name: source | {setting: value}}}


# ---------------------------------------------------------------- a case
OTHERS = ("lines", "members", "survey", "points", "assignment", "referrals", "costs", "opt_outs")


def case(seed: int, number: int) -> Case:
    """The case of this number: the same for ever, whatever the machine and the cases before it."""
    luck = random.Random(f"{seed}:{number}")
    main = luck.choice(["orders", "orders", "by_line"])
    others = [kind for kind in OTHERS if (main, kind) != ("by_line", "lines")]  # which would give the same lines twice
    kinds = [main, *luck.sample(others, luck.choice([0, 0, 0, 1, 1, 2]))]
    troubles = luck.choices(["table", "table", "bytes", "settings", "overlap"], k=luck.choice([0, 1, 1, 2, 3]))
    files: dict[str, bytes] = {}
    sources: dict[str, dict] = {}
    for kind in kinds:
        troubled = luck.choice(kinds) == kind  # each trouble needs a place, and most cases have one file
        rows, source = _export(kind, luck)
        for _ in range(troubles.count("table") if troubled else 0):
            rows = luck.choice(IN_TABLES)(rows, luck)
        writer = luck.choice(["csv", "csv", "csv", *WRITERS])
        parts = [rows]
        if troubled and "overlap" in troubles:
            middle = max(1, len(rows) // 2)
            parts = [rows[:middle + 3], [rows[0], *rows[middle:]]]
        name = "orders" if kind == "by_line" else kind
        sources[name] = source | {"files": f"{name}_*"}
        for part_number, part in enumerate(parts, start=1):
            file, data = f"{name}_{part_number}.{writer}", WRITERS[writer](part or [[""]], luck)
            if writer == "csv" and luck.random() < 0.15:
                pack = luck.choice(list(PACKED))
                file, data = f"{file}.{pack}", PACKED[pack](data, file)
            for _ in range(troubles.count("bytes") if troubled else 0):
                data = _bytes(data, luck)
            files[file] = data
    settings = {"name": "Acme", "currency": "CNY", "time_zone": "Asia/Shanghai",
                "program": {"launched_on": "2025-01-06"} if luck.random() < 0.7 else {}, "sources": sources}
    for _ in range(troubles.count("settings")):
        settings = _wrong_setting(settings, luck)
    text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False).encode("utf-8", "replace")
    if "settings" in troubles and luck.random() < 0.1:
        text = _bytes(text, luck)
    return Case(seed, number, text, files)


def write(made: Case, root: Path) -> None:
    """Lay the case out as a clone in `root`: data/acme/..., where `make check CLIENT=acme` finds it."""
    folder = root / "data" / KEY
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in {"client.yml": made.settings, **made.files}.items():
        (folder / name).write_bytes(content)


# ---------------------------------------------------------------- what may become of it
def problem(made: Case, root: Path) -> str:
    """What is wrong with how the case is answered; "" where it is read soundly, or refused in plain words."""
    write(made, root)
    before = _contents(root)
    try:
        with warnings.catch_warnings():
            for shown in (UserWarning, RuntimeWarning, FutureWarning):  # on the user's screen, and not for users
                warnings.simplefilter("error", shown)
            shop = client.load_client(KEY, root)
            prepared = ingest.prepare(shop)
            found = flaws(prepared)
            check.about(prepared, shop)
    except UserError as error:
        found = unclear(str(error))
    except Exception:
        found = traceback.format_exc()
    return found or ("" if _contents(root) == before else "the client's folder was changed")


def unclear(words: str) -> str:
    """What a refusal lacks; "" where it names a file, and briefly."""
    named = (f"data/{KEY}/" in words or "client.yml" in words) and len(words) < 2000
    return "" if named else f"refused without naming a file, or at length: {words}"


def _contents(root: Path) -> dict[str, str]:
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*")) if path.is_file()}


def flaws(prepared: ingest.Prepared) -> str:
    """What in canonical tables and ledger is not as promised; "" where all is."""
    return "; ".join([*_of_tables(prepared), *_of_ledger(prepared)])


def _of_tables(prepared: ingest.Prepared) -> Iterator[str]:
    tables = prepared.tables
    if prepared.ids["id"].str.strip().eq("").any():  # in the tables customers bear pseudonyms
        yield "the id of a customer is blank"
    for name, frame in tables.items():
        kinds = columns.SCHEMA[name]
        for column, kind in kinds.items():
            if column not in frame or str(frame[column].dtype) != kind:
                yield f"{name}.{column} is not {kind}"
                continue
            known = frame[column].dropna()
            if kind == columns.NUMBER and np.isinf(known).any():
                yield f"{name}.{column} holds an infinite number"
            if kind == columns.TEXT and column.endswith("_id") and known.str.strip().eq("").any():
                yield f"{name}.{column} holds a blank"
            if kind == columns.TIME and not known.dt.year.between(1900, 2200).all():
                yield f"{name}.{column} holds a year that cannot be"
        more = [column for column in frame if column not in kinds]
        if more and name != "survey":
            yield f"{name} has columns that it should not: {', '.join(more)}"
    for column in ("order_id", "ordered_at", "amount", "is_refund"):
        if tables["orders"][column].isna().any():
            yield f"orders.{column} is missing somewhere"


def _of_ledger(prepared: ingest.Prepared) -> Iterator[str]:
    ledger = prepared.ledger.table()
    for (source, file), rows in ledger.groupby(["source", "file"]):
        by = rows.groupby("action")[["rows", "amount"]].sum().reindex(["read", "kept", "set aside"], fill_value=0)
        if by["rows"]["read"] != by["rows"]["kept"] + by["rows"]["set aside"]:
            yield f"the rows of {source} {file} do not add up"
        if not _same(by["amount"]["read"], by["amount"]["kept"] + by["amount"]["set aside"], rows["amount"]):
            yield f"the money of {source} {file} does not add up"
    kept = ledger[ledger["action"] == "kept"].groupby("source")[["rows", "amount"]].sum()
    for source, (rows, amount) in zip(kept.index, kept.to_numpy(), strict=True):
        frame = prepared.tables[source]
        by_line = source == "orders" and len(frame) != rows
        if len(frame) > rows if by_line else len(frame) != rows:
            yield f"{source} has {len(frame)} rows, and the ledger says {rows:.0f}"
        if source in columns.MONEY and not _same(frame["amount"].sum(), amount, frame["amount"]):
            yield f"{source} hold {frame['amount'].sum()}, and the ledger says {amount}"


def _same(one: float, other: float, amounts: pd.Series) -> bool:
    return abs(one - other) <= 1e-5 + 1e-12 * amounts.abs().sum()


# ---------------------------------------------------------------- the search
Judge = Callable[[int, int, Path], str]  # (seed, number, a folder to work in) -> what is wrong, or ""


def judged(seed: int, number: int, root: Path) -> str:
    """What is wrong with how this case is answered; "" where nothing is."""
    return problem(case(seed, number), root)


def fuzz(cases: int, seed: int, *, root: Path = client.ROOT) -> int:
    """`make fuzz`: search, show progress, keep what was found. The exit code: 0, or 1 where anything was found."""
    began, found = time.perf_counter(), 0
    for done, (number, words) in enumerate(search(range(cases), seed), start=1):
        if words:
            found += 1
            folder = root / FINDINGS / f"{seed}-{number}"
            keep(seed, number, words, folder)
            last = words.strip().splitlines()[-1]
            print(f"  case {number}: {errors.printable(last)[:160]}\n    again: LOYALTY_ROOT={FINDINGS}/{folder.name} "
                  f"python -m loyalty_helpers check {KEY}", flush=True)
        if done % 500 == 0 or done == cases:
            print(f"  {done:,} of {cases:,} cases, {found} found wanting, {time.perf_counter() - began:.0f} s",
                  flush=True)
    print(f"{cases:,} cases of seed {seed}: {found or 'none'} found wanting"
          + (f"; their files are in {FINDINGS}/." if found else "."))
    return 1 if found else 0


def number(text: str, name: str) -> int:
    """A whole number from the command line; `name` is what it is called there."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise UserError(f"{name} is '{text}': give a whole number of at most 12 digits.")
    return int(text)


def keep(seed: int, number: int, words: str, folder: Path) -> None:
    """The case as a clone in `folder`, with problem.txt."""
    made = case(seed, number)
    write(made, folder)
    text = f"Case {number} of seed {seed}\n\n{words}\n"
    (folder / "problem.txt").write_text(text, encoding="utf-8", errors="replace")


def search(numbers: range, seed: int, *, judge: Judge = judged, limit: float = LIMIT,
           workers: int | None = None) -> Iterator[tuple[int, str]]:
    """Judge the cases in processes of their own, on all cores; number and problem ("" for none) of each, as they end.

    A case that takes more than `limit` seconds, or whose process dies, is a problem, and the search goes on behind it.
    """
    workers = min(workers or os.cpu_count() or 1, len(numbers))
    with tempfile.TemporaryDirectory(prefix="loyalty-fuzz-", ignore_cleanup_errors=True) as folder:
        rests = [numbers[first::workers] for first in range(workers)]
        left = {_start(rest, seed, judge, limit, Path(folder)): rest for rest in rests}
        while left:
            for results in wait(list(left)):
                rest = left.pop(results)
                try:
                    words = results.recv()
                except EOFError:  # the process has ended in the midst of a case
                    results.close()
                    words = f"it took more than {limit:g} seconds, or ended the process (a crash, or no memory left)"
                    results = _start(rest[1:], seed, judge, limit, Path(folder)) if rest[1:] else None
                if results and rest[1:]:
                    left[results] = rest[1:]
                yield rest[0], words


def _start(numbers: range, seed: int, judge: Judge, limit: float, folder: Path) -> Connection:
    """A process that judges the cases in turn; what it sends, one text for each. It ends with this process."""
    results, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_judge_all, args=(numbers, seed, judge, limit, folder, sending), daemon=True)
    process.start()
    sending.close()
    return results


def _judge_all(numbers: range, seed: int, judge: Judge, limit: float, folder: Path, sending: Connection) -> None:
    pa.set_cpu_count(1)  # there is a process for each core
    with open(os.devnull, "w") as nowhere:
        for number in numbers:
            faulthandler.dump_traceback_later(limit, exit=True, file=nowhere)  # ends what no signal could interrupt
            words = judge(seed, number, folder / str(os.getpid()))
            faulthandler.cancel_dump_traceback_later()
            sending.send(words)
