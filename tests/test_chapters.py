"""The glue of the chapters, the advice, and the charts: what they say with much data, with little, and with none."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import Effect, Finding
from loyalty_helpers.core.settings import UserError, load_client
from loyalty_helpers.customers import tables
from loyalty_helpers.ingest import prepare as ingest
from loyalty_helpers.lab import simulate
from loyalty_helpers.report import gate
from loyalty_helpers.report.chapters import ch01, ch02, ch04
from loyalty_helpers.report.charts import ch01 as weekly_charts
from loyalty_helpers.report.charts import marks as charts
from loyalty_helpers.report.wording import words

mpl.use("agg")
NAN = float("nan")


@pytest.fixture(scope="module")
def shop():
    return load_client("sample")


@pytest.fixture(scope="module")
def simulated():
    return simulate.shop(customers=400, seed=3)


def orders_on(*days: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(days, columns=["customer_id", "ordered_at"])
    return frame.assign(
        order_id=[f"O{i}" for i in range(len(frame))],
        ordered_at=pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]"),
        amount=10.0,
        is_refund=False,
        channel=None,
        category=None,
        rating=NAN,
    )


NO_WEEK = pd.DataFrame(columns=["week_start", "orders", "revenue", "identified"], dtype=float)


def test_orders_that_are_all_refunds_stop_with_words(shop):
    with pytest.raises(UserError, match="All rows of the orders are refunds"):
        ch01.coverage(orders_on(("a", "2025-01-01")).assign(is_refund=True), shop)


class TestYearlySurvival:
    def test_counts_those_of_one_year_who_bought_in_the_next(self):
        # two years end on the day after the last order; ten bought in the first, five of them in the second
        first = [(name, "2023-01-01") for name in "abcdefghij"]
        again = [(name, "2024-06-01") for name in "abcde"]
        found = ch02.yearly_survival(orders_on(*first, *again, ("k", "2024-12-28")))
        assert (found.estimate, found.n) == (0.5, 10)
        assert found.low < 0.5 < found.high
        few = ch02.yearly_survival(orders_on(*first[:9], *again, ("k", "2024-12-28")))
        assert not few.measurable and "9 customers bought" in few.sentence and "it takes 10" in few.sentence

    def test_says_what_it_takes_where_there_is_too_little(self):
        found = ch02.yearly_survival(orders_on(("a", "2024-01-01"), ("a", "2024-02-01")))
        assert not found.measurable and "two full years of orders (728 days)" in found.sentence

    def test_refuses_what_two_shorter_spells_would_give(self):
        # a day short of two years; of two spells of 182 days slow buyers would count as gone
        first = [(name, "2023-01-02") for name in "abcdefghij"]
        found = ch02.yearly_survival(orders_on(*first, *[(name, "2024-12-28") for name in "abcde"]))
        assert not found.measurable and found.sentence.endswith("and there are 727.")


class TestPace:
    def test_segments_follow_the_pace_of_the_shop(self, shop):
        # forty customers who came back every ten days, and all of them a year before the data end
        rows = [(f"c{i}", f"2024-01-{day:02d}") for i in range(40) for day in (1, 11, 21)]
        orders = orders_on(*rows, ("last", "2025-01-31"))
        frame = tables.customers(orders, as_of=ch01.data_end(orders))
        found = ch02.pace(orders)
        assert (found.gap_days, found.activity_days, found.returned) == (10, 30, 40)
        alone = ch02.assignments(frame, shop, None).set_index("customer_id")
        paced = ch02.assignments(frame, shop, None, pace=found).set_index("customer_id")
        assert alone.loc["c0", "recency_score"] == 3 and paced.loc["c0", "recency_score"] == 2
        assert paced.loc["last", "recency_score"] == 5


class TestCustomersAnswer:
    ACTIVE = pd.DataFrame({"group": ["active", "lapsing", "gone", "one-time"], "customers": [60, 20, 10, 30],
                           "meaning": ["bought within 89 days", *"xyz"], "spend_share": [0.714, 0.1, 0.1, 0.086]})
    OVERDUE = Finding(label="overdue", unit="share", estimate=9 / 45, low=0.11, high=0.34, n=45,
                      n_noun="regular customer", method="Wilson")
    ORDERS = Finding(label="orders expected in the next 13 weeks from the customers known today", unit="orders",
                     estimate=120.2, low=96, high=151, n=120)
    MONEY = Finding(label="revenue expected in the next 13 weeks from the customers known today", unit="EUR",
                    estimate=3100.0, low=2400, high=4000, n=120)
    LATENESS = pd.DataFrame({"silence": ["in time", "late"], "customers": [36, 9], "by_chance": [0.9, 0.1]})

    def answer(self, shop, **changed) -> list[str]:
        given = {"active": self.ACTIVE, "overdue": self.OVERDUE, "expected": self.ORDERS, "money": self.MONEY,
                 "lateness": self.LATENESS, "shop": shop} | changed
        return ch02.customers_answer(**given)

    def test_who_is_loyal_who_is_leaving_and_what_will_come(self, shop):
        assert self.answer(shop) == [  # a tenth of 45 is 4.5
            "Of 120 customers 60 bought within 89 days and count as active; they have brought 71 % of all revenue so "
            "far.",
            "Of 45 regular customers 9 are overdue, silent for 4 of their usual gaps or more (20 %; 95 % interval 11 % "
            "to 34 %); if all bought at random times and nobody had left, about 4 would be overdue all the same.",
            "In the next 13 weeks the customers known today may be expected to bring 120 orders (95 % interval 96 to "
            "151), and €3,100 (95 % interval €2,400 to €4,000) of revenue."]

    def test_one_nobody_and_what_cannot_be_had(self, shop):
        one = self.ACTIVE.assign(customers=[1, 0, 0, 2])
        few = replace(self.OVERDUE, estimate=1.0, n=1)
        said = self.answer(shop, active=one, overdue=few, expected=replace(self.ORDERS, estimate=1.0, low=NAN),
                           money=replace(self.MONEY, estimate=NAN))
        assert said == [
            "Of 3 customers 1 bought within 89 days and counts as active; that one has brought 71 % of all revenue so "
            "far.",
            "Of 1 regular customer 1 is overdue, silent for 4 of their usual gaps or more.",
            f"In the next 13 weeks the customers known today may be expected to bring "
            f"{replace(self.ORDERS, estimate=1.0, low=NAN).value} orders."]
        nothing = [replace(one, estimate=NAN, low=NAN, high=NAN, n=0, note="there is no history")
                   for one in (self.OVERDUE, self.ORDERS, self.MONEY)]
        said = self.answer(shop, active=self.ACTIVE.assign(customers=0), overdue=nothing[0], expected=nothing[1],
                           money=nothing[2], lateness=self.LATENESS.iloc[:0])
        assert said == ["No customer with an id has bought anything yet.",
                        "Who is leaving cannot be said: there is no history.",
                        "What customers will bring in the next 13 weeks cannot be said: there is no history."]

    def test_for_others_no_number_of_a_few_is_told(self, shop):
        shared = replace(shop, audience="shared", smallest_cell=5)
        active = gate.published(self.ACTIVE.assign(customers=[3, 20, 10, 30]), shared)
        (late,) = gate.told([replace(self.OVERDUE, estimate=2 / 45)], shared)
        lateness = gate.published(self.LATENESS.assign(customers=[43, 2]), shared)
        said = self.answer(shared, active=active, overdue=late, lateness=lateness)
        assert said[0].startswith("How many customers are still active is not shown: ")
        assert said[1].startswith("Who is leaving cannot be said: these are too few customers")


class TestQuadrantSentence:
    TABLE = pd.DataFrame({"type": ["loyal", "trapped", "latent", "none", "too new"], "customers": [8, 4, 6, 2, 3],
                          "meaning": ["", "", "satisfied (4 or 5 of 5), but does not buy again", "", ""],
                          "share": [0.4, 0.2, 0.3, 0.1, NAN], "low": [0.2, 0.1, 0.15, 0.03, NAN],
                          "high": [0.6, 0.4, 0.52, 0.3, NAN]})

    def test_says_who_is_satisfied_and_stays_away_and_who_is_too_new(self):
        assert ch02.quadrant_sentence(self.TABLE) == (
            "Of the 20 customers who answered, 30 % are satisfied (4 or 5 of 5) and do not come back (15 % to 52 %). 3 "
            "more ordered once, and lately: too early to tell.")

    def test_gives_no_shares_of_a_few(self):
        few = self.TABLE.assign(customers=[1, 0, 1, 0, 0], share=NAN, low=NAN, high=NAN)
        assert ch02.quadrant_sentence(few) == (
            "2 customers who answered can be judged so far: too few for shares, which take 10.")


class TestFirstCalls:
    @staticmethod
    def listed(worth: list[float]) -> pd.DataFrame:
        return pd.DataFrame({"value_of_acting": worth, "spend_last_year": 90.0, "still_customer": 0.5})

    def test_are_those_worth_a_call_at_the_head_of_the_list_and_nobody_else(self, shop):
        found = ch02.first_calls(self.listed([3.0, 2.0, 1.0] + [0.0] * 5), shop)
        assert (found.estimate, found.n) == (270, 3)
        said = ch02.first_calls_sentence(replace(found, unit="GBP", note="about £6 of margin of the next 13 weeks"))
        assert said == ("The first 3 customers to call spent £270 in the last 365 days; about £6 of margin of the next "
                        "13 weeks hangs on them.")
        assert found.note.startswith("about ") and " of the next 13 weeks" in found.note
        one = ch02.first_calls_sentence(ch02.first_calls(self.listed([3.0]), shop))
        assert one.startswith("The first customer to call spent ") and one.endswith(" hangs on that one.")
        assert ch02.first_calls(self.listed([1.0] * 50), shop).n == 20

    def test_say_so_where_nobody_is_worth_a_call(self, shop):
        found = ch02.first_calls(self.listed([0.0, 0.0]), shop)
        assert found.n == 0 and "no customer is both late" in found.note


class TestCharts:
    def test_every_chart_of_a_shop_has_a_claim_an_alt_text_and_labelled_axes(self, simulated):
        launch = simulated.launched_on
        weekly = evaluation.weekly(simulated.orders, launched_on=launch)
        drawn = [
            weekly_charts.over_time(weekly, "orders", launched_on=launch),
            weekly_charts.over_time(weekly, "revenue", launched_on=launch, unit="EUR"),
            weekly_charts.identified(weekly, launched_on=launch),
        ]
        for chart in drawn:
            assert len(words(chart.title)) > 15 and words(chart.title) in words(chart.alt)
            assert all(ax.get_xlabel() for ax in chart.figure.axes)
            mpl.pyplot.close(chart.figure)

    def test_nothing_to_draw_is_said_in_words(self):
        missing = Effect(
            label="trend", unit="lift", estimate=NAN, outcome="orders", rung=2, grade="D", note="no launch date"
        )
        empty = pd.DataFrame(columns=["week_start", "observed", "predicted", "low", "high"])
        for chart in (
            charts.trend_effects([missing]),
            charts.trend(empty, missing, launched_on=None),
            charts.changes([], unit="share"),
            weekly_charts.identified(NO_WEEK, launched_on=None),
            weekly_charts.over_time(NO_WEEK, "orders", launched_on=None),
            charts.lorenz(
                pd.DataFrame(columns=["customers", "revenue"]), Finding(label="x", unit="share", estimate=NAN, note="y")
            ),
        ):
            assert chart.figure is None and len(words(chart.title)) > 5

    def test_levels_in_the_claim_are_the_means_on_either_side(self):
        weeks = pd.date_range("2025-01-06", periods=4, freq="7D")
        weekly = pd.DataFrame({"week_start": weeks, "orders": [10, 30, 50, 70]})
        chart = weekly_charts.over_time(weekly, "orders", launched_on=weeks[2].date())
        assert words(chart.title) == "Orders: 20 in a usual week before the launch, 60 since"
        mpl.pyplot.close(chart.figure)


class TestTablesForTheEye:
    def test_a_shop_without_a_launch_is_described_and_compares_nothing(self, shop, simulated):
        frames = {"orders": simulated.orders}
        plain = replace(shop, program=replace(shop.program, launched_on=None), sources={})
        assert ch04.windows(simulated.orders, plain) is None
        changes = ch04.measure(frames, None, plain)
        assert {change.verdict for change in changes} == {"not measurable"}
        repeat = next(change for change in changes if change.kpi == "repeat_rate")
        assert repeat.after.measurable
        assert ch04.traps(frames, None).empty and ch04.channels_shown(frames, None, plain).empty

    def test_money_is_shown_in_its_own_units(self):
        roi = pd.DataFrame(
            {
                "item": ["members", "total cost", "break-even lift"],
                "value": [12, 1234.5, math.inf],
                "low": np.nan,
                "high": np.nan,
                "unit": ["members", "GBP", "lift"],
            }
        )
        assert ch04.money_shown(roi)["value"].tolist() == ["12", "£1,234", "no lift could pay"]

    def test_every_field_that_is_read_has_a_purpose(self, shop):
        prepared = ingest.prepare(shop)
        shown = ch01.field_purposes(prepared, shop)
        given = {(source, ours) for source, several in shop.sources.items() for one in several for ours in one.columns}
        assert set(zip(shown["source"], shown["read as"], strict=True)) == given | {("orders", "–")}
        assert "which rows are cancelled; not kept" in shown["used for"].tolist()
        assert shown["used for"].str.len().gt(3).all()
        assert ch01.dropped(prepared) == "The files have no other columns."
