"""What a purchase is, decided once: the same number from the raw file to the page, whatever order numbers do."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import small_clone
import yaml
from hypothesis import given
from hypothesis import strategies as st
from test_shops import words

from loyalty_helpers import evaluation, forecast
from loyalty_helpers.core import windows
from loyalty_helpers.core.purchases import DAY, WEEK, YEAR, purchases, span, visits
from loyalty_helpers.core.settings import CLONE, UserError, load_client
from loyalty_helpers.customers import cohorts
from loyalty_helpers.evaluation import kpis
from loyalty_helpers.ingest import alerts
from loyalty_helpers.ingest import prepare as ingest
from loyalty_helpers.onboarding import start
from loyalty_helpers.report.chapters import ch01
from loyalty_helpers.run import check

LAUNCH = pd.Timestamp("2025-01-06")
HEAD = {"name": "Acme", "currency": "EUR", "time_zone": "Europe/Berlin", "ids": "plain",
        "program": {"name": "Club", "launched_on": LAUNCH.date(), "joining": "everyone", "gross_margin": 0.4}}


@pytest.fixture
def shop(tmp_path):
    """shop({"a.csv": frame}, **settings of the orders) -> the client."""
    def make(files: dict[str, pd.DataFrame], **orders):
        folder = tmp_path / "data" / "acme"
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in files.items():
            frame.to_csv(folder / name, index=False)
        settings = HEAD | {"sources": {"orders": {"files": list(files)} | orders}}
        (folder / "client.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        return load_client("acme", tmp_path)
    return make


def rows(*cells: tuple) -> pd.DataFrame:
    return pd.DataFrame(cells, columns=["order_id", "customer_id", "ordered_at", "amount"])


def flagged(prepared) -> dict[str, int]:
    table = prepared.ledger.table()
    return table[table["action"] == "flagged"].groupby("check")["rows"].sum().to_dict()


def bought(client) -> pd.DataFrame:
    return purchases(ingest.prepare(client).tables["orders"])


def assert_everywhere(client, n: int) -> None:
    """Check, chapter 01, the customers, their weeks, the weeks of the shop and the KPIs count the same orders."""
    prepared = ingest.prepare(client)
    frames = ch01.canonical(prepared, client)
    orders = frames["orders"]
    assert len(purchases(orders)) == purchases(orders)["order_id"].nunique() == n
    told = f"{n:,} orders of"
    assert told in check.about(prepared, client) and told in ch01.coverage(orders, client)[0]
    known = purchases(orders, known=True)
    assert frames["customers"]["orders"].sum() == frames["customer_weeks"]["orders"].sum() == len(known)
    first, end = span(orders)
    weekly = evaluation.weekly(orders, launched_on=first.date())
    assert weekly["orders"].sum() == (purchases(orders)["ordered_at"] < first + len(weekly) * WEEK).sum()
    assert len(weekly) == (end - first) // WEEK
    levels = kpis.levels(frames, first, end, currency="EUR")
    frequency, value = levels["frequency"], levels["order_value"]
    assert frequency.estimate == pytest.approx(len(known) / known["customer_id"].nunique())
    assert value.estimate == pytest.approx(orders["amount"].sum() / n)
    outlook = forecast.outlook(orders, as_of=end, horizon_days=91, years=1, discount=0.05, currency=client.currency)
    assert len(outlook.customers) == known["customer_id"].nunique()


# ---------------------------------------------------------------- numbers that begin anew
def steady(weeks: int = 208, per_week: int = 14, customers: int = 150, seed: int = 3) -> pd.DataFrame:
    """A shop in which nothing happens: so many orders each week, drawn from its customers, by time."""
    rng = np.random.default_rng(seed)
    n = weeks * per_week
    minutes = np.sort(rng.integers(0, weeks * 7 * 24 * 60, n))
    return pd.DataFrame({
        "order_id": 0, "customer_id": [f"c{k}" for k in rng.integers(customers, size=n)],
        "ordered_at": pd.Timestamp("2022-01-03") + pd.to_timedelta(minutes, unit="min"),
        "amount": rng.integers(500, 4000, n) / 100})


def numbered(orders: pd.DataFrame, every: str) -> pd.DataFrame:
    """Numbers 1, 2, 3 ... that begin anew with each period."""
    return orders.assign(order_id=orders.groupby(orders["ordered_at"].dt.to_period(every)).cumcount() + 1)


@pytest.mark.parametrize("every", ["Y", "M", "D"])
def test_numbers_that_begin_anew_are_orders_of_their_own(shop, every):
    orders = numbered(steady(), every)
    assert_everywhere(shop({"o.csv": orders}), 208 * 14)


def test_numbers_that_begin_anew_by_line_for_people_without_a_name(shop):
    orders = numbered(steady(52), "D")
    orders.loc[orders.index % 3 > 0, "customer_id"] = None
    lines = orders.loc[orders.index.repeat(2)].assign(product=["tea", "cup"] * len(orders))
    assert_everywhere(shop({"o.csv": lines}, grain="line"), 52 * 14)


def test_numbers_of_two_shops_in_two_files_of_the_same_time(shop):
    north = numbered(steady(60), "Y")
    north.loc[::3, "customer_id"] = None  # only the file tells these from those of the other shop, minutes later
    south = north.assign(customer_id="s" + north["customer_id"], amount=north["amount"] + 1,
                         ordered_at=north["ordered_at"] + pd.Timedelta(minutes=5))
    client = shop({"north.csv": north, "south.csv": south})
    assert_everywhere(client, 2 * 60 * 14)
    told = alerts.about(ingest.prepare(client), client)
    (said,) = told[told["what"].str.contains("a number that stands for other orders, too")].itertuples()
    assert said.grade == "worth knowing" and said.consequence.startswith("The numbers begin anew: each use counts")


def test_numbers_come_back_month_by_month_under_the_same_customer(shop):
    assert_everywhere(shop({"o.csv": numbered(steady(52, customers=1), "M")}), 52 * 14)


def test_a_restart_shows_on_the_pages(tmp_path):
    orders = numbered(steady(), "Y")
    shutil.copytree(CLONE / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    shutil.copy(CLONE / "data" / "case_studies.csv", tmp_path / "data")
    orders.to_csv(folder / "orders.csv", index=False)
    (folder / "client.yml").write_text(yaml.safe_dump(HEAD | {"sources": {"orders": "orders.csv"}}), encoding="utf-8")
    done = small_clone.report(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    made = tmp_path / "reports" / "acme"
    assert "2,912 orders of 150 identified customers" in words(made / "01_data_prep.html")
    assert "Orders: 14 in a usual week before the launch, 14 since" in words(made / "01_data_prep.html")
    found = json.loads((made / "results.json").read_text(encoding="utf-8"))
    frequency = next(one for one in found["kpis"] if one["kpi"] == "frequency")
    assert abs(frequency["change"]) < 0.5 and frequency["after"] == pytest.approx(14 * 51 / 150, rel=0.02)
    effects = pd.read_csv(made / "tables" / "effects.csv")
    trend = effects[(effects["rung"] == 2) & (effects["outcome"] == "orders")].iloc[0]
    assert abs(trend["estimate"]) < 0.1 and trend["low"] < 0 < trend["high"]


# ---------------------------------------------------------------- one order in several rows
@pytest.mark.parametrize("grain", ["order", "line"])
def test_an_order_in_parts_is_one_order_of_its_first_day(shop, grain):
    parts = rows(("1", "ann", "2024-01-05", 30), ("1", "ann", "2024-02-05", 20), ("2", "bob", "2024-01-06", 7),
                 ("3", "ann", "2024-03-01", 5))
    client = shop({"o.csv": parts}, grain=grain)
    found = bought(client)
    assert found[["order_id", "amount"]].to_numpy().tolist() == [["1", 50.0], ["2", 7.0], ["3", 5.0]]
    assert found["ordered_at"].iloc[0] == pd.Timestamp("2024-01-05")
    assert flagged(ingest.prepare(client))["one order number, rows of another day or file"] == 2


def test_a_number_after_a_quarter_of_a_year_is_another_order(shop):
    client = shop({"o.csv": rows(("1", "ann", "2023-01-05", 30), ("1", "ann", "2024-01-05", 20),
                                 ("2", "ann", "2024-01-06", 7), ("3", "ann", "2024-01-07", 7))})
    assert bought(client)["order_id"].tolist() == ["1 (2023-01-05)", "1 (2024-01-05)", "2", "3"]


def test_an_order_that_two_exports_have_counts_once(shop):
    both = numbered(steady(20), "Y").assign(order_id=lambda frame: range(len(frame)))
    client = shop({"a.csv": both[:200], "b.csv": both[150:]})
    assert_everywhere(client, 280)
    assert "overlap with another file" in ingest.prepare(client).ledger.sentence()


# ---------------------------------------------------------------- the shop's own id
SHOPIFY = ("Name,Email,Financial Status,Paid at,Currency,Total,Created at,Lineitem quantity,Lineitem name,"
           "Lineitem price,Cancelled at,Payment Method,Refunded Amount,Id,Source,Phone,Tags")


def shopify(who: str, first_id: int, day: str, orders: int = 12) -> str:
    """An export of orders of two lines, whose second line says of the order its name and nothing else."""
    lines = []
    for k in range(orders):
        at = f"{pd.Timestamp(day) + k * DAY:%Y-%m-%d} 10:00:00 +0100"
        lines += [f"#{1001 + k},{who}{k}@example.com,paid,{at},EUR,50.00,{at},1,Soap,30.00,,Stripe,0.00,{first_id + k},"
                  "web,,", f"#{1001 + k},,,,,,{at},1,Brush,20.00,,,,,,,"]
    return "\n".join([SHOPIFY, *lines]) + "\n"


@pytest.mark.parametrize("people", [("a", "b"), ("a", "a")])  # others, or the same ones in both shops
def test_two_shopify_shops_are_settled_by_their_ids_unasked(tmp_path, people):
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "orders_export.csv").write_text(shopify(people[0], 5000, "2025-03-03"))
    (exports / "orders_export (1).csv").write_text(shopify(people[1], 9000, "2025-05-03"))
    start.make("acme", str(exports), tmp_path)
    client = load_client("acme", tmp_path)
    assert_everywhere(client, 24)
    prepared = ingest.prepare(client)
    assert prepared.tables["orders"]["amount"].sum() == 1200 and len(prepared.tables["lines"]) == 48
    assert prepared.tables["lines"].groupby("order_id").size().eq(2).all()
    assert not alerts.about(prepared, client)["what"].str.contains("number").any()


def test_one_file_of_two_shops_with_an_id_of_each_order(tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    north, south = shopify("a", 5000, "2025-03-03"), shopify("b", 9000, "2025-03-03")
    (exports / "all.csv").write_text(north + south.partition("\n")[2])
    start.make("acme", str(exports), tmp_path)
    assert_everywhere(load_client("acme", tmp_path), 24)


def test_a_plain_file_with_an_id_of_its_own(tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    orders = numbered(steady(8), "M").rename(columns={"order_id": "Order No", "customer_id": "Customer No",
                                                      "ordered_at": "Date", "amount": "Total"})
    orders.assign(Id=range(70_000, 70_000 + len(orders))).to_csv(exports / "o.csv", index=False)
    start.make("acme", str(exports), tmp_path)
    client = load_client("acme", tmp_path)
    assert client.sources["orders"][0].columns["unique_id"] == ("Id",)
    assert_everywhere(client, 8 * 14)


def test_ids_of_rows_tell_no_orders_apart(shop):
    lines = rows(*(("1", "ann", "2024-01-05", 1), ("1", "ann", "2024-01-05", 2), ("2", "bob", "2024-01-06", 3)))
    client = shop({"o.csv": lines.assign(Id=[1, 2, 3])}, grain="line", columns={"unique_id": "Id"})
    assert bought(client)["amount"].tolist() == [3, 3]


# ---------------------------------------------------------------- orders that came to nothing
def given_back(how: str) -> tuple[pd.DataFrame, dict]:
    """25 customers with two orders, of which the second was given back in full, or free; and how the file says so."""
    firsts = [(f"A{k}", f"c{k}", f"2024-{k % 12 + 1:02}-05", 30) for k in range(25)]
    seconds = [(f"B{k}", f"c{k}", f"2024-{k % 12 + 1:02}-19", 30) for k in range(25)]
    if how == "column":
        return rows(*firsts, *seconds).assign(back=[0] * 25 + [30] * 25), {"columns": {"refunded": "back"}}
    if how == "row of its own":  # which bears the number, some days later
        return rows(*firsts, *seconds, *((number, who, f"{day[:8]}27", -30) for number, who, day, _ in seconds)), {}
    return rows(*firsts, *((*one[:3], 0) for one in seconds)), {}


@pytest.mark.parametrize("grain", ["order", "line"])
@pytest.mark.parametrize("how", ["column", "row of its own", "free"])
def test_what_came_to_nothing_is_no_purchase_at_any_grain(shop, grain, how):
    frame, settings = given_back(how)
    if grain == "line" and how == "row of its own":
        settings = {"refunds": {"column": "amount", "starts_with": "-"}}
    client = shop({"o.csv": frame}, grain=grain, **settings)
    prepared = ingest.prepare(client)
    orders = prepared.tables["orders"]
    assert orders["amount"].sum() == 750 and (purchases(orders)["amount"] == 30).all()
    assert_everywhere(client, 25)
    assert flagged(prepared)["came to nothing, no purchase"] == 25
    assert alerts.about(prepared, client)["what"].str.contains("25 rows of orders came to nothing").any()
    assert kpis.levels({"orders": orders}, *span(orders), currency="EUR")["repeat_rate"].estimate == 0
    assert (forecast.histories(orders, as_of=span(orders).end)["frequency"] == 0).all()


def test_a_part_given_back_leaves_the_purchase(shop):
    client = shop({"o.csv": rows(("1", "ann", "2024-01-05", 30), ("1", "ann", "2024-01-09", -29.99),
                                 ("2", "ann", "2024-01-07", 30), ("R2", "ann", "2024-01-09", -30))})
    orders = ingest.prepare(client).tables["orders"]
    assert purchases(orders)["order_id"].tolist() == ["1", "2"]  # R2 does not say whose it is
    assert sorted(orders.loc[orders["is_refund"], "amount"]) == [-30, -29.99]


def test_a_refund_gives_back_the_last_order_of_its_number(shop):
    sales = numbered(steady(104), "Y")
    last = sales[(sales["ordered_at"] >= "2023-01-01") & (sales["order_id"] == 7)].iloc[0]
    back = last.to_frame().T.assign(amount=-last["amount"], ordered_at=last["ordered_at"] + 2 * DAY)
    client = shop({"o.csv": pd.concat([sales, back])})
    assert_everywhere(client, 104 * 14 - 1)
    (none,) = ingest.prepare(client).tables["orders"].query("is_refund and amount > 0").itertuples()
    assert none.ordered_at == last["ordered_at"] and none.order_id == f"7 ({last['ordered_at']:%Y-%m-%d})"


# ---------------------------------------------------------------- shopping days
@pytest.mark.parametrize("minutes", [0, 2, 600])  # at one moment (or the file has days only), in one cart, in one day
def test_a_cart_with_two_numbers_is_no_coming_back(shop, minutes):
    first = [(f"A{k}", f"c{k}", pd.Timestamp("2024-01-05") + 20 * k * DAY, 30.0) for k in range(30)]
    second = [(f"{number}b", who, at + pd.Timedelta(minutes=minutes), 31.0) for number, who, at, _ in first[::2]]
    client = shop({"o.csv": rows(*first, *second)})
    assert_everywhere(client, 45)
    frames = ingest.prepare(client).tables
    orders = frames["orders"]
    spans = windows.windows(orders, launched_on=LAUNCH.date())
    compared = kpis.compare(frames, spans, primary="retention", currency="EUR")
    repeat = next(one for one in compared if one.kpi == "repeat_rate")
    assert (repeat.before.estimate, repeat.after.estimate) == (0, 0)
    assert windows.activity_window(orders, until=span(orders).end) == 365  # nobody shows how long a silence lasts
    again = cohorts.second_order(orders, as_of=span(orders).end, lead_days=0)
    assert again.by_day["second"].sum() == 0
    assert not alerts.about(ingest.prepare(client), client)["what"].str.contains("Refunds").any()


def visited(per_day) -> pd.DataFrame:
    """100 customers who come every 20 days or so, each with `per_day(customer)` orders a day, 60 a day in all."""
    rng = np.random.default_rng(8)
    made = []
    for k in range(100):
        for day in np.cumsum(rng.exponential(rng.choice([12, 25, 40]), 60)).astype(int):
            if day < 500:
                n = per_day(k)
                made += [(f"o{k}-{day}-{i}", f"c{k:02}", pd.Timestamp("2024-01-01") + int(day) * DAY + i * DAY / 24,
                          60.0 / n) for i in range(n)]
    return rows(*made).drop_duplicates("order_id").assign(is_refund=False, category=None, rating=np.nan)


@pytest.mark.parametrize("per_day", [lambda k: 2, lambda k: 3, lambda k: 1 + k % 2])
def test_the_forecast_of_orders_counts_orders_and_money_stays(per_day):
    single, several = (forecast.outlook(visited(one), as_of=pd.Timestamp("2025-05-15"))
                       for one in (lambda k: 1, per_day))
    expected = single.customers["expected_orders"].to_numpy() * [per_day(k) for k in range(100)]
    total = several.customers["expected_orders"]
    assert several.total.estimate == pytest.approx(expected.sum(), rel=0.02) and several.total.estimate == total.sum()
    np.testing.assert_allclose(total, expected, rtol=0.3)
    np.testing.assert_allclose(several.customers["expected_value"], single.customers["expected_value"])
    assert several.value_total.estimate == pytest.approx(single.value_total.estimate)
    np.testing.assert_allclose(several.customers["order_value"] * total, several.customers["expected_value"])
    assert several.backtests["actual"].sum() == pytest.approx(
        single.backtests["actual"].sum() * np.mean([per_day(k) for k in range(100)]), rel=0.15)
    assert single.total.estimate == single.customers["expected_orders"].sum()
    assert several.total.low < several.total.estimate < several.total.high


moments = st.datetimes(pd.Timestamp("1969-12-01").to_pydatetime(), pd.Timestamp("1970-03-01").to_pydatetime())


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), moments, st.integers(-3, 3)), min_size=1, max_size=30))
def test_visits_are_the_days_on_which_somebody_bought(made):
    orders = pd.DataFrame(made, columns=["customer_id", "ordered_at", "amount"]).astype({"customer_id": "str"})
    orders = orders.assign(is_refund=orders["amount"] <= 0, amount=orders["amount"] * 0.1)
    some = orders[~orders["is_refund"] & orders["customer_id"].notna()]
    expected = some.assign(day=some["ordered_at"].dt.normalize()).groupby(["customer_id", "day"])["amount"].agg(
        ["size", "sum"])
    found = visits(orders).set_index(["customer_id", "day"])
    assert list(found.index) == list(expected.index)
    assert found["purchases"].tolist() == expected["size"].tolist()
    np.testing.assert_allclose(found["amount"], expected["sum"])
    assert found["purchases"].sum() == len(purchases(orders, known=True))


def test_the_data_end_with_the_day_of_the_last_row():
    orders = rows(("1", "a", "2024-01-05 10:00", 3), ("2", "a", "2024-02-05 23:59", -3), ("3", "a", None, 1))
    orders = orders.assign(ordered_at=pd.to_datetime(orders["ordered_at"]), is_refund=orders["amount"] < 0)
    assert span(orders) == (pd.Timestamp("2024-01-05"), pd.Timestamp("2024-02-06"))  # a refund is a row, too
    assert evaluation.weekly(orders.dropna(), launched_on=None, end=None)["orders"].sum() == 0
    assert YEAR == 52 * WEEK
    with pytest.raises(UserError, match="no orders with a date"):
        span(orders.iloc[2:])
