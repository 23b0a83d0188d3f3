"""Hostile exports: a few hundred are read or refused in plain words, and what is wrong would be found."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loyalty_helpers import __main__, check, fuzz, ingest
from loyalty_helpers.client import load_client
from loyalty_helpers.core.errors import UserError

SOUND = """order_id,customer_id,ordered_at,amount
1,a,2025-01-05,10
2,b,2025-01-06,20.5
3,,2025-01-07,-5
"""


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "orders.csv").write_text(SOUND)
    (folder / "client.yml").write_text(
        "name: Acme\ncurrency: EUR\ntime_zone: Europe/Berlin\nsources: {orders: orders.csv}\n")
    return load_client("acme", tmp_path)


@pytest.fixture
def prepared(shop):
    return ingest.prepare(shop)


# ---------------------------------------------------------------- the reader
@pytest.mark.parametrize("part", range(4))
def test_hostile_exports_are_read_soundly_or_refused_in_plain_words(tmp_path, part):
    found = {number: words for number in range(part * 50, part * 50 + 50)
             if (words := fuzz.judged(17, number, tmp_path))}
    assert not found


def test_half_of_the_cases_are_read_and_half_refused(tmp_path):
    """A search in which everything is refused at the door would find nothing."""
    read = []
    for number in range(24):
        fuzz.write(fuzz.case(17, number), tmp_path)
        try:
            ingest.prepare(load_client("acme", tmp_path))
            read.append(True)
        except UserError:
            read.append(False)
    assert 0.25 < np.mean(read) < 0.75


def test_a_case_is_the_same_for_ever():
    """Else a finding could not be told from its seed and number."""
    def digest(seed: int) -> str:
        parts = [part for number in range(40) for made in [fuzz.case(seed, number)]
                 for part in (made.settings, *made.files.values())]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    assert digest(1) == digest(1) != digest(2)


# ---------------------------------------------------------------- what would be found
def broken(prepared: ingest.Prepared, **columns) -> ingest.Prepared:
    return dataclasses.replace(prepared, tables={"orders": prepared.tables["orders"].assign(**columns)})


def test_sound_tables_have_no_flaw(prepared):
    assert fuzz.flaws(prepared) == ""


@pytest.mark.parametrize(("columns", "words"), [
    ({"amount": [np.inf, 20.5, -5.0]}, "infinite"),
    ({"amount": [10.0, 20.5, np.nan]}, "orders.amount is missing somewhere"),
    ({"amount": [10.0, 20.5, -4.0]}, "orders hold 26.5, and the ledger says 25.5"),
    ({"amount": [10, 20, -5]}, "orders.amount is not float64"),
    ({"order_id": pd.Series(["1", " ", "3"], dtype="str")}, "orders.order_id holds a blank"),
    ({"ordered_at": np.array(["0200-01-01", "2025-01-06", "2025-01-07"], "datetime64[us]")}, "a year"),
    ({"more": 1}, "columns that it should not: more"),
])
def test_a_flawed_table_is_found(prepared, columns, words):
    assert words in fuzz.flaws(broken(prepared, **columns))


def test_a_row_lost_without_a_word_is_found(prepared):
    lost = dataclasses.replace(prepared, tables={"orders": prepared.tables["orders"].iloc[1:]})
    assert "orders hold 15.5, and the ledger says 25.5" in fuzz.flaws(lost)
    doubled = dataclasses.replace(prepared, tables={"orders": pd.concat([prepared.tables["orders"]] * 2)})
    assert "orders has 6 rows, and the ledger says 3" in fuzz.flaws(doubled)


@pytest.mark.parametrize(("column", "words"), [("rows", "the rows of orders orders.csv do not add up"),
                                               ("amount", "the money of orders orders.csv does not add up")])
def test_a_ledger_that_does_not_add_up_is_found(prepared, column, words):
    entries = [entry | ({column: entry[column] + 1} if entry["action"] == "read" else {})
               for entry in prepared.ledger.entries]
    assert words in fuzz.flaws(dataclasses.replace(prepared, ledger=ingest.Ledger(tuple(entries))))


def test_a_blank_customer_is_found_behind_its_pseudonym(prepared):
    blank = prepared.ids.assign(id=pd.Series(["a", "\x85"], dtype="str"))
    assert "the id of a customer is blank" in fuzz.flaws(dataclasses.replace(prepared, ids=blank))


def test_an_unclear_refusal_is_found():
    assert fuzz.unclear("data/acme/orders.csv, row 7: what is this?") == ""
    assert "without naming a file" in fuzz.unclear("invalid literal")
    assert fuzz.unclear("data/acme/orders.csv " + "x" * 3000)


# ---------------------------------------------------------------- the search
def judge(seed: int, number: int, folder: Path) -> str:
    """A reader that hangs on case 1, dies on 3, and fails on 4."""
    if number == 1:
        time.sleep(600)
    if number == 3:
        os._exit(9)
    return "Traceback\nKeyError: 'x'" if number == 4 else ""


def test_a_case_that_hangs_or_ends_the_process_is_found_and_the_search_goes_on():
    found = dict(fuzz.search(range(6), 1, judge=judge, limit=3, workers=2))
    assert sorted(found) == list(range(6))
    assert {number for number, words in found.items() if words} == {1, 3, 4}
    assert "more than 3 seconds" in found[1] and "ended the process" in found[3] and "KeyError" in found[4]


def test_a_finding_is_kept_as_a_clone_to_replay(tmp_path):
    number = next(number for number in range(99) if "orders_1.csv" in fuzz.case(3, number).files)
    fuzz.keep(3, number, "KeyError: 'x'", tmp_path / "finding")
    assert "KeyError" in (tmp_path / "finding/problem.txt").read_text()
    made, folder = fuzz.case(3, number), tmp_path / "finding/data/acme"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"client.yml": made.settings, **made.files}


@pytest.mark.parametrize("option", ["--cases=many", "--seed=-1", "--cases=1.5"])
def test_wrong_numbers_are_said(option, capsys):
    assert __main__.main([option, "fuzz"]) == 1
    assert "give a whole number" in capsys.readouterr().err


def test_check_says_the_same_of_what_has_been_read_already(shop, prepared):
    assert check.about(prepared, shop) == check.describe(shop)
