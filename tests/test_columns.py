"""The table of columns: sound as data, and the one place where a column is added."""

import shutil
import subprocess
import sys
from collections import defaultdict

import pytest
import yaml

from loyalty_helpers.client import CLONE
from loyalty_helpers.core import columns
from loyalty_helpers.core.columns import COLUMNS, DOOR, KEPT, PART, SCHEMA, SOURCES

NEW = '    Column("payment", "label", "orders", KEPT, "comparing ways of paying"),\n'
JOURNEY = """
import sys
from pathlib import Path
from loyalty_helpers import guess, ingest, privacy, reading, tables
from loyalty_helpers.client import Source, load_client

root = Path(sys.argv[1])
shop = load_client("acme", root)
prepared = ingest.prepare(shop)
tables.write(shop, prepared.tables, prepared.ids)
print(tables.read(shop, "orders")["payment"].tolist())
print(privacy.purpose("payment", shop))
(raw,) = reading.read_files(shop.folder, Source(files=("orders.csv",)))
print(guess.guess(raw).settings["columns"]["payment"])
"""


@pytest.fixture
def clone_with(tmp_path):
    """The package with one line more in the table of columns, and a client whose file has that column."""
    def made(line: str):
        shutil.copytree(CLONE / "loyalty_helpers", tmp_path / "loyalty_helpers")
        path = tmp_path / "loyalty_helpers" / "core" / "columns.py"
        path.write_text(path.read_text().replace('    Column("channel"', f'{line}    Column("channel"', 1))
        folder = tmp_path / "data" / "acme"
        folder.mkdir(parents=True)
        (folder / "orders.csv").write_text(
            "Order No,Customer No,Order date,Order total,Payment by\n"
            "1,ann,2025-01-03,10.00,card\n2,bob,2025-01-04,20.00,cash\n3,ann,2025-01-05,5.50,CARD\n"
            "4,bob,2025-02-05,5.50,card\n")
        names = {"order_id": "Order No", "customer_id": "Customer No", "ordered_at": "Order date",
                 "amount": "Order total", "payment": "Payment by"}
        (folder / "client.yml").write_text(yaml.safe_dump({
            "name": "Acme", "currency": "EUR", "time_zone": "Europe/Berlin", "ids": "plain",
            "sources": {"orders": {"files": "orders.csv", "columns": names}}}))
        return subprocess.run([sys.executable, "-c", JOURNEY, str(tmp_path)], cwd=tmp_path, capture_output=True,
                              text=True, encoding="utf-8")
    return made


def test_one_line_brings_a_column_from_the_settings_to_table_purposes_and_guesses(clone_with):
    assert clone_with(NEW).stdout.splitlines() == [
        "['card', 'cash', 'card', 'card']",  # read, and in one spelling, as every label is
        "comparing ways of paying", "Payment by"]


def test_without_that_line_the_settings_name_no_such_column(clone_with):
    assert "'payment', which is no column of orders" in clone_with("").stderr


def test_every_column_stands_in_known_tables_and_once_in_each():
    reaches = defaultdict(list)
    for one in COLUMNS:
        assert {*one.tables.split()} <= {*SOURCES} and one.holds in columns.HOLDS and one.purpose, one
        for table in one.tables.split():
            reaches[table, one.name].append(one.reach)
    assert not {key: several for key, several in reaches.items() if len(several) > 1}


def test_a_column_is_for_one_thing_wherever_it_gets_in():
    kept = {(one.name, one.purpose) for one in COLUMNS if one.reach == KEPT}
    assert len(kept) == len({name for name, _ in kept})


def test_what_is_not_kept_says_so():
    others = [one for one in COLUMNS if one.reach in (DOOR, PART) and not any(
        one.name in kinds for kinds in SCHEMA.values())]
    assert {one.name for one in others} >= {"email", "phone", "comment_", "zone"}
    assert all("not kept" in one.purpose for one in others)


def test_the_list_of_words_speaks_of_our_columns_only():
    words = yaml.safe_load((CLONE / "loyalty_helpers" / "words" / "columns.yml").read_text(encoding="utf-8"))
    for names in (words["columns"], words["not"]):
        assert all(columns.described(name) for name in names)


@pytest.mark.parametrize(("name", "table", "kept"), [
    ("customer_id", "orders", True), ("driver_price", "survey", True), ("product", "lines", True),
    ("product", "orders", False), ("email", "members", False), ("comment_why", "survey", False),
    ("driver_price", "orders", False), ("name", "members", False)])
def test_what_may_stand_in_a_canonical_table(name, table, kept):
    assert columns.is_kept(name, table) is kept
