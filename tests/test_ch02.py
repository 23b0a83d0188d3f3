"""Chapter 02 and its appendix: what they answer with much data, with little, and to whom; and their charts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from said import said, title
from test_scoring import customers as plain
from test_scoring import shop as some

from loyalty_helpers.core import windows
from loyalty_helpers.core.findings import Finding
from loyalty_helpers.core.messages import message
from loyalty_helpers.core.purchases import span
from loyalty_helpers.core.settings import load_client
from loyalty_helpers.customers import (
    affinity,
    buyers,
    cohorts,
    concentration,
    levels,
    migration,
    quadrant,
    rfm,
    rhythm,
    score,
    tables,
)
from loyalty_helpers.lab import simulate
from loyalty_helpers.report import gate
from loyalty_helpers.report.chapters import ch02, ch02b
from loyalty_helpers.report.charts import ch02 as charts
from loyalty_helpers.report.charts import ch02b as depth
from loyalty_helpers.report.charts.marks import ACCENT, GREY

mpl.use("Agg")
NAN, START = float("nan"), date(2024, 1, 1)


@pytest.fixture(autouse=True)
def closed():
    yield
    mpl.pyplot.close("all")


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return simulate.shop(customers=400, seed=1, weeks_before=80, weeks_after=22).orders


def orders_on(*days: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(days, columns=["customer_id", "ordered_at"])
    return frame.assign(order_id=[f"O{i}" for i in range(len(frame))], amount=10.0, is_refund=False, channel=None,
                        ordered_at=pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]"), category=None,
                        rating=NAN)


# ---------------------------------------------------------------- what the chapters compute
@pytest.mark.parametrize(("first", "again", "words"), [
    # two years end on the day after the last order; ten bought in the first, five of them in the second
    (10, "2024-06-01", "who bought in the next: 50 % (95 % interval 24 % to 76 %; 10 customers)."),
    (9, "2024-06-01", "9 customers bought in the first of the last two years, and it takes 10."),
    # a day short of two years; of two spells of 182 days slow buyers would count as gone
    (10, None, "it takes two full years of orders (728 days), and there are 727.")])
def test_the_survival_counts_those_of_one_year_who_bought_in_the_next(first, again, words):
    rows = [(name, "2023-01-01" if again else "2023-01-02") for name in "abcdefghij"[:first]]
    found = ch02b.yearly_survival(orders_on(*rows, *[(name, again or "2024-12-28") for name in "abcde"],
                                            ("k", "2024-12-28")))
    assert said(found).endswith(words) and found.measurable == ("interval" in words)


def test_segments_follow_the_pace_of_the_shop():
    # forty customers who came back every ten days, and all of them a year before the data end
    rows = [(f"c{i}", f"2024-01-{day:02d}") for i in range(40) for day in (1, 11, 21)]
    made = orders_on(*rows, ("last", "2025-01-31"))
    frame = tables.customers(made, as_of=span(made).end)
    speed = buyers.pace(made, activity_days=windows.activity_window(made, until=span(made).end))
    assert (speed.gap_days, speed.activity_days, speed.returned) == (10, 30, 40)
    rules = load_client("sample").levels
    alone, paced = (ch02.assignments(frame, rules, None, pace=one).set_index("customer_id") for one in (None, speed))
    assert alone.loc["c0", "recency_score"] == 3 and paced.loc["c0", "recency_score"] == 2
    assert paced.loc["last", "recency_score"] == 5


# ---------------------------------------------------------------- the answer
ACTIVE = concentration.activity(plain(orders=[2] * 90 + [1] * 30, recency_days=[1] * 60 + [100] * 20 + [400] * 40,
                                      spend=[714 / 60] * 60 + [286 / 60] * 60), 89)
OVERDUE = Finding(label="overdue", unit="share", estimate=9 / 45, low=0.11, high=0.34, n=45, n_noun="regular customer")
LATENESS = pd.DataFrame({"silence": ["usual", "overdue"], "customers": [36, 9], "share": [0.8, 0.2],
                         "by_chance": [0.9, 0.1]})
WHO = ch02.Customers(START, buyers.NO_PACE, *[pd.DataFrame({"customer_id": []})] * 3, activity=ACTIVE,
                     segments=pd.DataFrame(), lateness=LATENESS, overdue=OVERDUE, half=OVERDUE, lorenz=pd.DataFrame())


def test_who_is_loyal_and_who_is_leaving():
    assert said(ch02.still_there(WHO)) == (
        "Of 120 customers 60 bought within 89 days and count as active; they have brought 71 % of all revenue so far.")
    assert said(ch02.leaving(WHO)) == (  # a tenth of 45 is 4.5
        "Of 45 regular customers 9 are overdue, silent for 4 of their usual gaps or more (20 %; 95 % interval 11 % to "
        "34 %); if all bought at random times and nobody had left, about 4 would be overdue all the same.")


def test_one_nobody_and_what_cannot_be_had():
    one = replace(WHO, activity=ACTIVE.assign(customers=[1, 0, 0, 2]), overdue=replace(OVERDUE, estimate=1.0, n=1))
    assert said(ch02.still_there(one)).startswith(
        "Of 3 customers 1 bought within 89 days and counts as active; that one has brought")
    assert said(ch02.leaving(one)) == "Of 1 regular customer 1 is overdue, silent for 4 of their usual gaps or more."
    nobody = replace(WHO, activity=ACTIVE.assign(customers=0), lateness=LATENESS.iloc[:0],
                     overdue=replace(OVERDUE, estimate=NAN, n=0, note=message("nobody-on-three-days")))
    assert said(ch02.still_there(nobody)) == "No customer with an id has bought anything yet."
    assert said(ch02.leaving(nobody)).startswith("Who is leaving cannot be said: no customer of the last 364 days has")


def test_for_others_no_number_of_a_few_is_told():
    few = replace(WHO, activity=ACTIVE.assign(customers=[3, 20, 10, 30]), overdue=replace(OVERDUE, estimate=2 / 45),
                  lateness=LATENESS.assign(customers=[43, 2]))
    shown = gate.seen(few, 5)
    assert said(ch02.still_there(shown)).startswith("How many customers are still active is not shown: ")
    assert said(ch02.leaving(shown)).startswith("Who is leaving cannot be said: these are too few customers")


def listed(*worth: float) -> pd.DataFrame:
    return pd.DataFrame({"value_of_acting": worth, "spend_last_year": 90.0, "still_customer": 0.5})


def test_the_first_calls_are_those_worth_one_at_the_head_of_the_list():
    def calls(*worth: float) -> ch02.Calls:
        stake = message("at-stake", about="about", money="margin", weeks=13, value="£6") if any(worth) else None
        return ch02.Calls(listed(*worth), ch02.first_calls(listed(*worth), stake, "GBP"), *[None] * 6)

    three = calls(3, 2, 1, *[0.0] * 5)
    assert (three.first.estimate, three.first.n) == (270, 3)
    assert said(ch02.first_to_call(three)) == (
        "The first 3 customers to call spent £270 in the last 364 days; about £6 of margin of the next 13 weeks hangs "
        "on them.")
    assert said(ch02.first_to_call(calls(3))).startswith("The first customer to call spent £90 in")
    assert "hangs on that one" in said(ch02.first_to_call(calls(3))) and calls(*[1.0] * 50).first.n == 20
    assert "no customer is both late" in said(ch02.first_to_call(calls(0, 0)))
    assert not gate.seen(three.first, 5).measurable


FIELDS = pd.DataFrame({
    "type": [*quadrant.QUADRANT, quadrant.TOO_NEW], "customers": [8, 4, 6, 2, 3], "share": [0.4, 0.2, 0.3, 0.1, NAN],
    "low": [0.2, 0.1, 0.15, 0.03, NAN], "high": [0.6, 0.4, 0.52, 0.3, NAN],
    "meaning": [message(f"quadrant-{name}", rule=message("satisfied-nps", bar="9", best="10"), days=90)
                for name in ("loyal", "trapped", "latent", "none", "too-new")]})


def test_the_quadrant_says_who_is_satisfied_and_stays_away_and_who_is_too_new():
    assert said(ch02b.satisfied(FIELDS)) == (
        "Of the 20 customers who answered, 30 % are satisfied (9 or 10 of 10, asked whether they would recommend the "
        "shop) and do not come back (15 % to 52 %). 3 more ordered once, and lately: too early to tell.")
    few = FIELDS.assign(customers=[1, 0, 1, 0, 0], share=NAN, low=NAN, high=NAN)
    assert said(ch02b.satisfied(few)) == (
        "2 customers who answered can be judged so far: too few for shares, which take 10.")
    assert said(ch02b.satisfied(FIELDS.iloc[:0])).startswith("No survey answer carries a customer id")


# ---------------------------------------------------------------- charts
def visits(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    first = rng.integers(0, 300, n)
    days = np.concatenate([[0, 360], first, first + rng.integers(1, 60, n)])
    at = pd.Timestamp(START) + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"customer_id": pd.Series([None, None] + [f"c{i}" for i in range(n)] * 2, dtype="str"),
                         "ordered_at": at.astype("datetime64[us]"), "is_refund": False, "amount": 10.0,
                         "order_id": [f"o{i}" for i in range(len(days))]})


def drawn(n: int) -> dict[str, charts.Chart]:
    """Every chart of both chapters but those of forecasts, on a shop of n customers."""
    frame, rows = some(400).iloc[:n], visits(n)
    survey = pd.DataFrame({"answered_at": pd.Timestamp(START), "customer_id": frame["customer_id"], "nps": NAN,
                           "csat": frame["rating"]})
    loyalty = score.loyalty_score(score.with_survey(frame, survey))
    table, fields = cohorts.cohorts(rows), quadrant.quadrant(survey, frame, activity_days=90)
    segments = levels.segments_table(frame, rfm.rfm(frame))
    second = cohorts.second_order(rows, as_of=START + timedelta(days=361), lead_days=0)
    return {
        "lorenz": charts.lorenz(concentration.lorenz(frame), concentration.half_of_revenue(frame)),
        "activity": charts.activity(concentration.activity(frame, 90)),
        "segments": charts.segments(segments[segments["scheme"] == "RFM segment"]),
        "second": charts.second_order(second),
        "migration": charts.migration(migration.migration(rows, None)),
        "cohorts": depth.cohorts(table, cohorts.cohort_return(table)),
        "scores": depth.score_groups(score.score_groups(loyalty["score"]),
                                     score.loyalty_index(loyalty, n, among_themselves=True)),
        "retention": depth.retention(cohorts.retention_curve(table)),
        "quadrant": depth.quadrant(FIELDS.iloc[:0] if fields is None else fields),
        "parts": depth.index_parts(score.index_parts(frame, loyalty)),
        "affinity": depth.affinity(affinity.affinity(affinity.choices({"orders": rows.assign(category=None)}))),
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [0, 1, 2, 9, 60, 400])
def test_every_chart_says_something_true_of_a_shop_of_any_size(n, tmp_path):
    found = drawn(n)
    for name, chart in found.items():
        texts = [said(one) for one in (chart.title, chart.alt, chart.note)]
        assert texts[0] and texts[1] and "nan" not in " ".join(texts), name
        if chart.figure is not None:
            chart.figure.savefig(tmp_path / f"{name}.svg")
    few = {name for name, chart in found.items() if chart.figure is None}
    assert few >= (set(found) - {"activity"} if n < 10 else set())
    assert n < 400 or few == {"migration", "affinity"}


def test_the_titles_carry_the_numbers():
    found = {name: title(chart) for name, chart in drawn(400).items()}
    assert found["lorenz"].endswith(" % of customers bring half of the revenue")
    assert found["scores"] == "The customer loyalty index (400 of 400 customers scored) is 50.0"
    assert found["cohorts"].endswith(" % of customers bought again 1 month after their first order")
    # all of them did, within 59 days
    assert found["second"] == "100.0 % of new customers ordered a second time on another day within 180 days"


def test_the_group_with_the_most_money_is_named_by_what_is_shown():
    table = pd.DataFrame({"group": ["active", "gone"], "share": [0.25, 0.75], "spend_share": [0.8, 0.2]})
    claim = "largest part of the revenue comes from “Active”: 25 % of customers, 80 % of revenue"
    assert title(charts.activity(table)) == f"The {claim}"
    assert title(charts.activity(table.assign(spend_share=[0.8, NAN]))) == f"Of the groups shown, the {claim}"


def test_half_of_the_revenue_is_marked_where_it_is():
    frame = plain(spend=[5000.0] + [10.0] * 388)
    chart = charts.lorenz(concentration.lorenz(frame), concentration.half_of_revenue(frame))
    assert title(chart) == "1 of 389 customers brings half of the revenue"
    mark = chart.figure.axes[0].lines[0]
    assert mark.get_xdata().tolist() == [0, 1 / 389, 1 / 389] and mark.get_ydata().tolist() == [0.5, 0.5, 0]


def test_the_four_fields_count_those_who_can_be_judged():
    chart = depth.quadrant(FIELDS)
    assert title(chart) == "14 of 20 customers are satisfied; 6 of these do not buy again"
    assert said(chart.note) == ("Satisfied: 9 or 10 of 10, asked whether they would recommend the shop. 3 further "
                                "customers ordered once, and lately: too early to tell.")
    texts = [text.get_text() for text in chart.figure.axes[0].texts]
    assert "8 customers" in texts and "30 % (15 % to 52 %)" in texts
    hidden = depth.quadrant(gate.seen(FIELDS, 5, "quadrant"))
    assert title(hidden).startswith("Of those who answered, 30 % are satisfied (9")
    assert "–" in [text.get_text() for text in hidden.figure.axes[0].texts]


def test_cohorts_that_may_hold_old_customers_are_marked():
    table = cohorts.cohorts(visits(400))
    chart = depth.cohorts(table, cohorts.cohort_return(table))
    labels = [label.get_text() for label in chart.figure.axes[0].get_yticklabels()]
    assert labels[0] == "2024-01 *" and labels[1] == "2024-02" and "*:" in said(chart.note)


def test_the_heat_map_shows_each_share_in_its_place(orders):
    found = migration.migration(orders, windows.windows(orders, launched_on=date(2025, 3, 3)))
    chart = charts.migration(found)
    assert chart.dense and title(chart) == said(found.sentence).rstrip(".")
    rows = found.groups[found.groups["before"] != migration.AWAY]
    axes = chart.figure.axes[0]
    assert [int(text.get_text()) for text in axes.texts] == [round(100 * one) for one in rows["share"]]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(dict.fromkeys(rows["before"]))
    one = rows.iloc[0]
    assert f"{one['before']} to {one['after']}: {one['share'] * 100:.0f} %" in said(chart.alt)


def test_pairs_within_chance_are_grey(orders):
    table = affinity.affinity(affinity.choices({"orders": orders}))
    chart = depth.affinity(table)
    assert title(chart) == said(affinity.affinity_sentence(table)).rstrip(".")
    assert len(chart.figure.axes[0].get_yticklabels()) == min(len(table), depth.PAIRS_DRAWN)
    assert (table["reading"] == "as expected").all()
    assert {line.get_color() for line in chart.figure.axes[0].lines[:-1]} == {GREY}
    rest = len(table) - 1
    loud = table.assign(reading=["together"] + ["as expected"] * rest, p_value=[1e-9] + [0.5] * rest)
    assert ACCENT in {line.get_color() for line in depth.affinity(loud).figure.axes[0].lines}


def test_what_goes_into_one_order_is_drawn(orders):
    lines = pd.DataFrame({"order_id": orders["order_id"].repeat(2),
                          "category": np.resize(list("ABACBA"), 2 * len(orders))})
    table = affinity.baskets(affinity.choices({"orders": orders, "lines": lines}))
    chart = depth.baskets(table)
    assert title(chart) == said(affinity.baskets_sentence(table)).rstrip(".")
    assert chart.figure.axes[0].get_yticklabels() and "as often as by lot" in chart.figure.axes[0].get_xlabel()
    single = depth.baskets(affinity.baskets(affinity.choices({"orders": orders})))
    assert title(single) == "No order is known to hold two categories"


@pytest.mark.parametrize("n", [1, 9])
def test_of_a_few_there_are_no_percentages_to_draw(orders, n):
    few = orders[orders["customer_id"].isin(sorted(orders["customer_id"].dropna().unique())[:n])]
    chart = charts.migration(migration.migration(few, windows.windows(few, launched_on=date(2025, 3, 3))))
    assert chart.figure is None and "nan" not in title(chart)
    late = rhythm.lateness(rhythm.rhythm(few, as_of=date(2025, 8, 4)))
    assert charts.lateness(late).figure is None
