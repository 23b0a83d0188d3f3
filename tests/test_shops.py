"""Whole reports of shops as they come: small, young, without members, survey or launch. Each says something true."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
import small_clone

from loyalty_helpers.__main__ import main
from loyalty_helpers.core.settings import CLONE
from loyalty_helpers.lab import simulate
from loyalty_helpers.run.state import CHAPTERS

pytestmark = pytest.mark.slow
SETTINGS = """
name: Corner Shop
currency: EUR
time_zone: Europe/Berlin
{program}
sources:
  orders:
    files: orders.csv
    columns: {{order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, amount: amount}}
{more}
"""
LAUNCHED = "program: {launched_on: 2025-03-03, gross_margin: 0.4, reward_rate: 0.05}"
MEMBERS = "  members:\n    files: members.csv\n    columns: {customer_id: customer_id, joined_at: joined_at}"
ODD_WORDS = re.compile(r"\b(nan|NaN|NaT|None|inf|Traceback|dtype)\b|<NA>")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    """A clone with the real chapters and case library, and no client yet."""
    root = tmp_path_factory.mktemp("shops")
    shutil.copytree(CLONE / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (root / "data").mkdir()
    shutil.copy(CLONE / "data" / "case_studies.csv", root / "data")
    with small_clone.place(root):
        yield root


def run(root: Path, key: str, orders: pd.DataFrame, *, members: pd.DataFrame | None = None,
        program: str = LAUNCHED) -> int:
    folder = root / "data" / key
    folder.mkdir()
    settings = SETTINGS.format(program=program, more="" if members is None else MEMBERS)
    (folder / "client.yml").write_text(settings, encoding="utf-8")
    orders.to_csv(folder / "orders.csv", index=False)
    if members is not None:
        members.to_csv(folder / "members.csv", index=False)
    return main(["report", key])


def words(page: Path) -> str:
    """What a reader sees: no code, no scripts, no styles, no pictures' sources."""
    html = re.sub(r"(?s)<(script|style|pre|head)\b.*?</\1>", " ", page.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def results(root: Path, key: str, *orders, **options) -> tuple[dict, dict[str, str]]:
    """results.json and the words of each page of a shop's report, which has no odd word anywhere."""
    assert run(root, key, *orders, **options) == 0
    pages = {path.stem: words(path) for path in sorted((root / "reports" / key).glob("*.html"))}
    assert len(pages) == len(CHAPTERS) + 1
    for name, text in pages.items():
        odd = ODD_WORDS.search(text)
        assert odd is None, f"{name}: ...{text[max(0, odd.start() - 80) : odd.end() + 80]}..."
    return json.loads((root / "reports" / key / "results.json").read_text(encoding="utf-8")), pages


def small(customers: int = 60, **options) -> simulate.Shop:
    return simulate.shop(customers=customers, seed=5, **options)


def test_sixty_customers_of_whom_one_brings_half_of_the_revenue(place):
    shop = small()
    orders = shop.orders.dropna(subset="customer_id")
    heavy = orders["customer_id"].eq(orders["customer_id"].mode()[0])
    rest = 1.01 * orders.loc[~heavy, "amount"].sum() / heavy.sum()  # the heavy one brings as much as all others
    orders = orders.assign(amount=orders["amount"].mask(heavy, rest))
    found, pages = results(place, "sixty", orders, members=shop.members)
    assert found["verdict"] == "cannot_tell" and "cannot tell yet" in pages["index"]
    assert "Half of the revenue comes from 1 of" in pages["report"]
    assert "One customer alone brings 50 % of it all" in pages["report"]


def test_one_month_of_data(place):
    orders = small(400).orders
    month = orders[(orders["ordered_at"] >= "2025-03-03") & (orders["ordered_at"] < "2025-04-01")]
    found, _ = results(place, "month", month)
    assert found["verdict"] == "cannot_tell" and {row["verdict"] for row in found["kpis"]} == {"not measurable"}


def test_launched_three_weeks_ago(place):
    shop = small(300, weeks_after=3)
    assert results(place, "young", shop.orders, members=shop.members)[0]["verdict"] == "cannot_tell"


def test_nobody_buys_twice(place):
    orders = small(300).orders.drop_duplicates("customer_id").dropna(subset="customer_id")
    found, _ = results(place, "once", orders[~orders["is_refund"]])
    assert {row["kpi"]: row["after"] for row in found["kpis"]}["repeat_rate"] == 0


def test_three_months_without_a_launch(place):
    orders = small(400).orders
    quarter = orders[(orders["ordered_at"] >= "2025-01-01") & (orders["ordered_at"] < "2025-04-01")]
    _, pages = results(place, "quarter", quarter, program="")
    assert ("Customers of one year who bought in the next cannot be measured: it takes two full years of orders"
            in pages["report"])


def test_cdnow_which_has_no_launch_no_members_and_no_survey(place):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the archived package
        from lifetimes.datasets import load_dataset

        names = ["master", "customer", "day", "cds", "paid"]
        rows = load_dataset("CDNOW_sample.txt", header=None, sep=r"\s+", names=names)
    orders = pd.DataFrame({
        "order_id": [f"o{row}" for row in rows.index], "customer_id": "c" + rows["customer"].astype(str),
        "ordered_at": pd.to_datetime(rows["day"].astype(str)), "amount": rows["paid"]})
    found, pages = results(place, "cdnow", orders, program="")
    assert found["headline"] is None and "launch" in pages["index"]
    segments = pd.read_csv(place / "reports" / "cdnow" / "tables" / "segments.csv")
    assert segments.groupby("scheme")["customers"].sum().drop("Rhythm", errors="ignore").eq(2357).all()
    assert "purchase rhythm (BG/NBD)" in pages["report"] and "logistic regression" in pages["report"]
    assert "Each customer's pace, and how likely people are to leave after an order, are estimated" in pages["report"]


def test_only_anonymous_orders_stop_clearly(place, capsys):
    assert run(place, "nobody", small(100).orders.assign(customer_id=None)) == 1
    said = "".join(capsys.readouterr())
    assert "customer" in said and "Traceback" not in said
    assert not (place / "reports" / "nobody").exists()
