"""Every known format: sound as data, recognised by its columns, and read to what arithmetic in the head says.

Beside the invented exports of each format in tests/formats lies `expected.yml`, written by hand: `client` and
`settings` are what a client.yml would say beside the format, the rest is what must come of the files.
"""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from loyalty_helpers import client, formats, reading
from loyalty_helpers.client import Source, load_client
from loyalty_helpers.core.columns import FURTHER, MOMENT, SCHEMA
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.ingest import prepare
from loyalty_helpers.sheets import WORDS_OF_THE_LEDGER

FIXTURES = Path(__file__).parent / "formats"
BESIDE = FIXTURES / "orders_beside.csv"  # orders for formats that hold members, answers or lines only
KEYS = sorted(path.stem for path in client.FORMATS.glob("*.yml"))
EXPECTED = {key: yaml.safe_load((FIXTURES / key / "expected.yml").read_text(encoding="utf-8")) for key in KEYS}
CASES = [(key, number) for key in KEYS for number in range(len(EXPECTED[key]["cases"]))]
NAMES = ("product", "category", "channel", "rating", "tier")
EXPORTS = sorted(path.relative_to(FIXTURES) for path in FIXTURES.glob("*/*") if path.name != "expected.yml")


def headers_of(path: Path) -> tuple[str, ...]:
    """The first header row, as whoever does not know the format reads it."""
    return reading.read_files(path.parent, Source(files=(path.name,)))[0].headers


def prepared(folder: Path, key: str, case: dict):
    """What comes of the files of a case, by way of a client.yml that names the format."""
    settings = {"name": "Acme", "ids": "plain", **EXPECTED[key]["client"], **case.get("client", {})}
    source = {"files": case["files"], "format": key, **case.get("settings", {})}
    settings["sources"] = {formats.known()[key].source: source}
    here = folder / "data" / "acme"
    here.mkdir(parents=True)
    for name in case["files"]:
        shutil.copy(FIXTURES / key / name, here)
    if "orders" not in settings["sources"]:
        shutil.copy(BESIDE, here)
        settings["sources"]["orders"] = {"files": BESIDE.name, "columns": {"email": "email"}}
    (here / "client.yml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return prepare(load_client("acme", folder))


def found(made, key: str) -> dict:
    """The same figures as `expected.yml` holds."""
    source = formats.known()[key].source
    ledger = made.ledger.table().query("source == @source")
    rows = ledger.groupby(["action", "check"])["rows"].sum()
    aside = rows.get("set aside", pd.Series(dtype=int))
    table, lines = made.tables[source], made.tables.get("lines", pd.DataFrame())
    figures = {"read": rows["read", "all rows"], "kept": rows["kept", "all rows"],
               "set_aside": {check: n for check, n in aside.items() if n}, "flagged": dict(rows.get("flagged", {})),
               "names": {name: sorted(set(one[name].dropna()))
                         for one in (table, lines) for name in NAMES if name in one}}
    if not lines.empty:
        figures["lines"] = {"rows": len(lines), "quantity": lines["quantity"].sum(), "revenue": lines["amount"].sum()}
    if source == "orders":
        bought = table[~table["is_refund"]]
        figures |= {"orders": len(bought), "refunds": len(table) - len(bought),
                    "customers": bought["customer_id"].nunique(), "revenue": round(table["amount"].sum(), 6)}
        figures["names"]["order"] = table["order_id"].iloc[0]
    elif source == "members":
        figures |= {"members": table["customer_id"].nunique(), "with_join_date": table["joined_at"].notna().sum()}
    elif source == "survey":
        figures |= {"answers": len(table), "persons": table["customer_id"].nunique(), "nps": table["nps"].sum(),
                    "csat": table["csat"].sum()}
    if source != "lines":
        moments = table[{"members": "joined_at", **MOMENT}[source]]
        figures |= {"first": moments.min(), "last": moments.max()}
    return figures


# ---------------------------------------------------------------- sound as data
@pytest.mark.parametrize("key", KEYS)
def test_a_format_is_sound(key):
    one = formats.known()[key]  # builds it with the checks of client.yml
    settings = client.source_of({"files": "x.csv", "format": key}, key)
    may = {*SCHEMA[one.source], *FURTHER[one.source], "date", "time", "zone"}
    assert {name for name in settings.columns if not name.startswith(("driver_", "comment_", "choice_"))} <= may
    assert not {reason.casefold() for reason in (*settings.set_aside, *settings.flag)} & WORDS_OF_THE_LEDGER
    assert one.role == {"members": "members", "survey": "survey", "lines": "items"}.get(one.source, one.role)
    assert one.role in ("shop", "payments") or one.source != "orders"
    assert bool(one.amount) == (one.source in ("orders", "lines"))
    # what tells the format must not be a column that any export may have
    assert len(one.recognise) >= 3 or key == "google_forms"


def test_there_is_one_format_for_each_export_that_is_known():
    assert len(KEYS) == 28
    assert {path.parts[0] for path in EXPORTS} == set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_every_fixture_of_a_format_is_read_by_a_case(key):
    read = {name for case in EXPECTED[key]["cases"] for name in case["files"]}
    assert read == {path.name for path in EXPORTS if path.parts[0] == key}


@pytest.mark.parametrize("key", KEYS)
def test_rules_name_columns_that_a_fixture_has(key):
    """A rule whose column is misspelt would never set anything aside."""
    there = {formats.loose(name) for path in EXPORTS if path.parts[0] == key for name in headers_of(FIXTURES / path)}
    settings = client.source_of({"files": "x.csv", "format": key}, key)
    rules = [*settings.set_aside.values(), *settings.flag.values(), *([settings.refunds] if settings.refunds else [])]
    lacking = [rule.column for rule in rules if not there & {formats.loose(name) for name in rule.column}]
    assert lacking == []


# ---------------------------------------------------------------- recognised
@pytest.mark.parametrize("path", EXPORTS, ids=str)
def test_an_export_is_recognised_as_what_it_is(path):
    best, *others = formats.recognise(headers_of(FIXTURES / path))
    assert best.format.key == path.parts[0]
    assert all(other.headers < best.headers for other in others)


@pytest.mark.parametrize("path", EXPORTS, ids=str)
def test_an_export_is_recognised_in_capitals_backwards_and_with_columns_between(path):
    headers = [f" {header.upper()} " for header in headers_of(FIXTURES / path)]
    headers = [name for header in reversed(headers) for name in (header, "A new column")]
    assert formats.recognise(headers)[0].format.key == path.parts[0]


@pytest.mark.parametrize("headers", [
    "order_id,customer_id,ordered_at,amount", "Date,Name,Amount,Status", "日期,姓名,金额",
    "Order ID,Email,Total,Created at",
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"])
def test_other_files_are_recognised_as_nothing(headers):
    assert formats.recognise(headers.split(",")) == []


# ---------------------------------------------------------------- read
@pytest.mark.parametrize(("key", "number"), CASES, ids=[f"{key}-{number}" for key, number in CASES])
def test_an_export_is_read_to_what_was_written_by_hand(tmp_path, key, number):
    case = EXPECTED[key]["cases"][number]
    if "stops" in case:
        with pytest.raises(UserError, match=case["stops"]):
            prepared(tmp_path, key, case)
        return
    figures = found(prepared(tmp_path, key, case), key)
    in_part = {name: case.get(name, {}) for name in ("flagged", "names")}  # of these the case may name only some
    wanted = {name: one for name, one in case.items() if name not in ("files", "settings", "client", *in_part)}
    assert {name: figures[name] for name in wanted} == wanted
    assert {name: {one: figures[name].get(one) for one in given} for name, given in in_part.items()} == in_part
