"""`make check`: what was understood, said in a few lines; and the command line that prints it."""

import os
import re
import subprocess
import sys

import pytest

from loyalty_helpers import check, report
from loyalty_helpers.client import CLONE, load_client
from loyalty_helpers.core.errors import UserError

SETTINGS = """
name: Acme
currency: EUR
time_zone: Europe/Berlin
sources:
  orders:
    files: orders.csv
    columns: {order_id: Order No, customer_id: Buyer}
    set_aside: {test orders: {column: Order No, starts_with: T}}
"""
# four orders of two customers (one paid in two parts) and one of nobody; one given back, one test, one exact copy
ORDERS = """Order No,Buyer,ordered_at,amount,channel
1,ann,2025-01-06 10:00,10,web
2,ann,2025-01-13 10:00,20,web
2,ann,2025-01-13 10:00,5,web
3,bob,2025-01-13 11:00,30,shop
3,bob,2025-01-13 11:00,30,shop
4,,2025-01-14 10:00,40,shop
5,bob,2025-01-19 23:00,50,shop
5,bob,2025-01-19 23:30,-50,shop
T1,ann,2025-01-15 10:00,999,web
"""


@pytest.fixture
def described(tmp_path):
    """described(settings, **files) -> what `make check` prints of them."""
    def _described(settings: str, **files: str) -> str:
        folder = tmp_path / "data" / "acme"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"client.yml": settings, **{f"{name}.csv": text for name, text in files.items()}}.items():
            (folder / name).write_text(text, encoding="utf-8")
        before = sorted(tmp_path.rglob("*"))
        text = check.describe(load_client("acme", tmp_path))
        assert sorted(tmp_path.rglob("*")) == before  # nothing is written
        return text
    return _described


def section(text: str, title: str) -> str:
    """The lines under a title, unfolded."""
    return text.split(f"\n\n{title}\n")[1].split("\n\n")[0].replace("\n    ", " ")


def test_large_files_are_announced(tmp_path):
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "client.yml").write_text(SETTINGS)
    for size, words in ((1000, ""), (30_000_000, "Reading 1 file, 30 MB ...")):
        (folder / "orders.csv").write_bytes(b"x" * size)
        assert check.ahead(load_client("acme", tmp_path)) == words


def test_what_came_is_counted_and_named(described):
    text = described(SETTINGS, orders=ORDERS)
    assert text.startswith("Acme (data/acme): amounts in EUR, times in Europe/Berlin\n")
    assert section(text, "Files") == ("  orders: orders.csv. 9 rows read = 7 kept + 2 set aside "
                                      "(1 exact duplicate, 1 test orders).")
    columns = "order_id = 'Order No', customer_id = 'Buyer', ordered_at, amount, channel"
    assert section(text, "Columns") == f"  orders: {columns}"
    assert section(text, "Understood").splitlines() == [
        "  Period: 2025-01-06 to 2025-01-19 (2 whole weeks).",
        "  5 orders of 2 known customers; 20.0 % of the orders without a customer; 1 refund row; revenue 105 EUR.",
        "  Program: no launch date, so no before and after.",
    ]
    assert section(text, "Missing").splitlines() == [
        "  sources: lines, members, survey, assignment, points, referrals, costs, opt_outs",
        "  in orders: category, rating",
    ]
    assert max(map(len, text.splitlines())) <= 110


def test_names_of_columns_are_not_broken_over_lines(described):
    name = "a very long name " * 3
    settings = SETTINGS.replace("Buyer}", f"Buyer, channel: {name}one, category: {name}two}}")
    orders = ORDERS.replace("amount,channel", f"amount,{name}one,{name}two")
    text = described(settings, orders=orders)
    assert f"    channel = '{name}one'" in text
    assert f"    category = '{name}two'" in text


def test_alerts_are_whole_sentences_with_their_grade(described):
    alerts = section(described(SETTINGS, orders=ORDERS), "Alerts").splitlines()
    assert any(line.startswith("  distorts results: ") and "name no customer. They" in line for line in alerts)
    assert all(line.split(":")[0].strip() in ("stop", "distorts results", "worth knowing") for line in alerts)


def test_without_a_launch_date_every_rung_asks_for_it(described):
    rungs = section(described(SETTINGS, orders=ORDERS), "Evidence").splitlines()
    assert [line.split(",")[0].strip() for line in rungs] == ["rung 1", "rung 2", "rung 3", "rung 4"]
    assert all(": no. There is no launch date. It takes: " in line for line in rungs)


def test_a_young_program_hears_what_is_missing(described):
    program = "program: {name: Club, launched_on: 2025-01-13, joining: everyone}\n"
    text = described(SETTINGS + program, orders=ORDERS)
    assert "  Program: Club, launched 2025-01-13, joining everyone." in section(text, "Understood")
    assert "in the settings: program.gross_margin" in section(text, "Missing")
    rungs = section(text, "Evidence").splitlines()
    assert rungs[0].startswith("  rung 1, description: yes.")
    assert all(": no. " in rung and " It takes: " in rung for rung in rungs[1:])


def test_the_sample_allows_all_but_the_draw():
    rungs = section(check.describe(load_client("sample", CLONE)), "Evidence").splitlines()
    assert [": yes." in rung for rung in rungs[:4]] == [True, True, True, False]
    assert ["It takes" in rung for rung in rungs[:4]] == [False, False, False, True]
    assert len(rungs) == 4


def test_refunds_alone_are_no_orders(described):
    header, refund = ORDERS.splitlines()[0], ORDERS.splitlines()[8]
    text = described(SETTINGS, orders=f"{header}\n{refund}\n")
    assert "  0 orders of 0 known customers; 0.0 % of the orders without a customer; 1 refund row" in text


@pytest.mark.parametrize(("orders", "words"), [
    (ORDERS.replace("ann", "").replace("bob", ""), "customer"),
    (ORDERS.replace("Order No", "Number"), "has no column 'Order No'"),
    (ORDERS.replace("2025-01-06 10:00,10", "2025-01-06 10:00,ten"), "'ten'"),
    (ORDERS.splitlines()[0] + "\n", "no rows"),
])
def test_what_cannot_be_understood_stops_in_words(described, orders, words):
    with pytest.raises(UserError, match=words):
        described(SETTINGS, orders=orders)


def test_cells_do_not_steer_the_terminal(tmp_path):
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "client.yml").write_text(SETTINGS.replace("name: Acme", 'name: "A\\x1b[2Jé商"'), encoding="utf-8")
    (folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "loyalty_helpers", "check", "acme"], cwd=CLONE, capture_output=True,
                          env=os.environ | {"LOYALTY_ROOT": str(tmp_path), "PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"A?[2J\xe9? (data/acme)")


def test_guesses_that_nobody_has_confirmed_are_said(described):
    guessed = SETTINGS.replace("currency: EUR", "currency: EUR  # guessed: please confirm; as files say")
    said = section(described(guessed, orders=ORDERS), "To confirm")
    assert "1 setting guessed, and confirmed by nobody: currency: EUR." in said
    assert section(described(SETTINGS, orders=ORDERS), "To confirm").strip() == "nothing"


def test_orders_of_the_future_are_told(described):
    assert "dated in the future" not in described(SETTINGS, orders=ORDERS)
    later = ORDERS.replace("2025-01-19", "2125-01-19")
    assert "The last orders are dated in the future" in described(SETTINGS, orders=later)


@pytest.mark.parametrize(("parameter", "value", "allowed"), [
    ("horizon_days", "0", "between 7 and 364"), ("horizon_days", "1000", "between 7 and 364"),
    ("horizon_days", "x", "of the same kind as its default, 91"), ("cohort_months", "-3", "between 1 and 60"),
    ("discount", "5", "between 0 and 1 (0.05 means 5 %)"), ("horizon", "91", "is not a parameter of that chapter")])
def test_parameters_that_cannot_be_are_told_before_a_run(described, tmp_path, parameter, value, allowed):
    described(SETTINGS + f"chapters:\n  02_scoring:\n    {parameter}: {value}\n", orders=ORDERS)
    (tmp_path / "notebooks").symlink_to(CLONE / "notebooks")
    with pytest.raises(UserError, match=re.escape(allowed)):
        report.check_parameters(load_client("acme", tmp_path))
