"""Whole reports of shops as they come: small, young, without members, survey or launch. Each says something true."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
import small_clone

from loyalty_helpers.core.settings import CLONE
from loyalty_helpers.lab import simulate

SETTINGS = """
name: Corner Shop
currency: EUR
time_zone: Europe/Berlin
{program}
sources:
  orders:
    files: orders.csv
    columns: {{order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, amount: amount{columns}}}
{more}
"""
LAUNCHED = "program: {launched_on: 2025-03-03, gross_margin: 0.4, reward_rate: 0.05}"
MEMBERS = "  members:\n    files: members.csv\n    columns: {customer_id: customer_id, joined_at: joined_at}"
ODD_WORDS = re.compile(r"\b(nan|NaN|NaT|None|inf|Traceback|dtype)\b|<NA>")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A clone with the real chapters and case library, and no client yet."""
    root = tmp_path_factory.mktemp("shops")
    shutil.copytree(CLONE / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (root / "data").mkdir()
    shutil.copy(CLONE / "data" / "case_studies.csv", root / "data")
    return root


def run(root: Path, key: str, orders: pd.DataFrame, *, members: pd.DataFrame | None = None, program: str = LAUNCHED,
        columns: str = ""):
    folder = root / "data" / key
    folder.mkdir()
    more = "" if members is None else MEMBERS
    settings = SETTINGS.format(program=program, more=more, columns=columns)
    (folder / "client.yml").write_text(settings, encoding="utf-8")
    orders.to_csv(folder / "orders.csv", index=False)
    if members is not None:
        members.to_csv(folder / "members.csv", index=False)
    return small_clone.report(root, key)


def words(page: Path) -> str:
    """What a reader sees: no code, no scripts, no styles, no pictures' sources."""
    html = re.sub(r"(?s)<(script|style|pre|head)\b.*?</\1>", " ", page.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def assert_complete(root: Path, key: str, done) -> dict:
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((root / "reports" / key).glob("*.html"))
    assert len(pages) == 6
    for page in pages:
        odd = ODD_WORDS.search(words(page))
        assert odd is None, f"{page.name}: ...{words(page)[max(0, odd.start() - 80) : odd.end() + 80]}..."
    return json.loads((root / "reports" / key / "results.json").read_text(encoding="utf-8"))


def small(customers: int = 60, **options) -> simulate.Shop:
    return simulate.shop(customers=customers, seed=5, **options)


def test_sixty_customers_with_members(place):
    shop = small()
    results = assert_complete(place, "sixty", run(place, "sixty", shop.orders, members=shop.members))
    assert results["verdict"] == "cannot_tell"
    assert "cannot tell yet" in words(place / "reports" / "sixty" / "index.html")


def test_no_launch_no_members_no_survey(place):
    done = run(place, "plain", small(300).orders, program="")
    results = assert_complete(place, "plain", done)
    assert results["headline"] is None
    assert "launch" in words(place / "reports" / "plain" / "index.html")


def test_one_month_of_data(place):
    orders = small(400).orders
    month = orders[(orders["ordered_at"] >= "2025-03-03") & (orders["ordered_at"] < "2025-04-01")]
    results = assert_complete(place, "month", run(place, "month", month))
    assert results["verdict"] == "cannot_tell"
    assert {row["verdict"] for row in results["kpis"]} == {"not measurable"}


def test_launched_three_weeks_ago(place):
    shop = small(300, weeks_after=3)
    results = assert_complete(place, "young", run(place, "young", shop.orders, members=shop.members))
    assert results["verdict"] == "cannot_tell"


def test_nobody_buys_twice(place):
    orders = small(300).orders.drop_duplicates("customer_id").dropna(subset="customer_id")
    results = assert_complete(place, "once", run(place, "once", orders[~orders["is_refund"]]))
    rates = {row["kpi"]: row["after"] for row in results["kpis"]}
    assert rates["repeat_rate"] == 0


def test_three_months_of_data(place):
    orders = small(400).orders
    quarter = orders[(orders["ordered_at"] >= "2025-01-01") & (orders["ordered_at"] < "2025-04-01")]
    assert_complete(place, "quarter", run(place, "quarter", quarter, program=""))
    page = words(place / "reports" / "quarter" / "02_scoring.html")
    assert "Customers of one year who bought in the next cannot be measured: it takes two full years of orders" in page


def test_one_customer_with_half_of_the_revenue(place):
    orders = small(60).orders.dropna(subset="customer_id")
    heavy = orders["customer_id"].eq(orders["customer_id"].mode()[0])
    rest = 1.01 * orders.loc[~heavy, "amount"].sum() / heavy.sum()  # the heavy one brings as much as all others
    assert_complete(place, "heavy", run(place, "heavy", orders.assign(amount=orders["amount"].mask(heavy, rest))))
    page = words(place / "reports" / "heavy" / "02_scoring.html")
    assert "Half of the revenue comes from 1 of" in page and "One customer alone brings 50 % of it all" in page


def test_cdnow_by_the_chapters(place):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the archived package
        from lifetimes.datasets import load_dataset

        names = ["master", "customer", "day", "cds", "paid"]
        rows = load_dataset("CDNOW_sample.txt", header=None, sep=r"\s+", names=names)
    orders = pd.DataFrame({
        "order_id": [f"o{row}" for row in rows.index], "customer_id": "c" + rows["customer"].astype(str),
        "ordered_at": pd.to_datetime(rows["day"].astype(str)), "amount": rows["paid"]})
    results = assert_complete(place, "cdnow", run(place, "cdnow", orders, program=""))
    assert results["headline"] is None
    segments = pd.read_csv(place / "reports" / "cdnow" / "tables" / "segments.csv")
    assert segments.groupby("scheme")["customers"].sum().drop("Rhythm", errors="ignore").eq(2357).all()
    page = words(place / "reports" / "cdnow" / "02_scoring.html")
    assert "purchase rhythm (BG/NBD)" in page and "logistic regression" in page
    assert "Each customer's pace, and how likely people are to leave after an order, are estimated" in page


def test_only_anonymous_orders_stop_clearly(place):
    done = run(place, "nobody", small(100).orders.assign(customer_id=None))
    assert done.returncode == 1
    assert "customer" in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr
    assert not (place / "reports" / "nobody").exists()


def test_markup_in_the_data_is_shown_and_not_run(place):
    shop = small(120)
    orders = shop.orders.assign(channel="<script>alert(1)</script>", category="<img src=x onerror=alert(1)>")
    done = run(place, "markup", orders, columns=", channel: channel, category: category")
    assert_complete(place, "markup", done)
    html = (place / "reports" / "markup" / "04_program_evaluation.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html
