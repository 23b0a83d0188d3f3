"""The glue of the chapters, the advice, and the charts: what they say with much data, with little, and with none."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from loyalty_helpers import advice, cases, chapters, charts, evaluation, ingest, simulate, tables
from loyalty_helpers.client import load_client
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import Change, Effect, Finding, Verdict

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
        chapters.coverage(orders_on(("a", "2025-01-01")).assign(is_refund=True), shop)


class TestYearlySurvival:
    def test_counts_those_of_one_year_who_bought_in_the_next(self):
        # two years end on the day after the last order; ten bought in the first, five of them in the second
        first = [(name, "2023-01-01") for name in "abcdefghij"]
        again = [(name, "2024-06-01") for name in "abcde"]
        found = chapters.yearly_survival(orders_on(*first, *again, ("k", "2024-12-28")))
        assert (found.estimate, found.n) == (0.5, 10)
        assert found.low < 0.5 < found.high
        few = chapters.yearly_survival(orders_on(*first[:9], *again, ("k", "2024-12-28")))
        assert not few.measurable and "9 customers bought" in few.sentence and "it takes 10" in few.sentence

    def test_says_what_it_takes_where_there_is_too_little(self):
        found = chapters.yearly_survival(orders_on(("a", "2024-01-01"), ("a", "2024-02-01")))
        assert not found.measurable and "two full years of orders (728 days)" in found.sentence

    def test_refuses_what_two_shorter_spells_would_give(self):
        # a day short of two years; of two spells of 182 days slow buyers would count as gone
        first = [(name, "2023-01-02") for name in "abcdefghij"]
        found = chapters.yearly_survival(orders_on(*first, *[(name, "2024-12-28") for name in "abcde"]))
        assert not found.measurable and found.sentence.endswith("and there are 727.")


class TestPace:
    def test_segments_follow_the_pace_of_the_shop(self, shop):
        # forty customers who came back every ten days, and all of them a year before the data end
        rows = [(f"c{i}", f"2024-01-{day:02d}") for i in range(40) for day in (1, 11, 21)]
        orders = orders_on(*rows, ("last", "2025-01-31"))
        frame = tables.customers(orders, as_of=chapters.data_end(orders))
        found = chapters.pace(orders)
        assert (found.gap_days, found.activity_days, found.returned) == (10, 30, 40)
        alone = chapters.assignments(frame, shop, None).set_index("customer_id")
        paced = chapters.assignments(frame, shop, None, pace=found).set_index("customer_id")
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
        return chapters.customers_answer(**given)

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
        active = chapters.privacy.published(self.ACTIVE.assign(customers=[3, 20, 10, 30]), shared)
        (late,) = chapters.privacy.told([replace(self.OVERDUE, estimate=2 / 45)], shared)
        lateness = chapters.privacy.published(self.LATENESS.assign(customers=[43, 2]), shared)
        said = self.answer(shared, active=active, overdue=late, lateness=lateness)
        assert said[0].startswith("How many customers are still active is not shown: ")
        assert said[1].startswith("Who is leaving cannot be said: these are too few customers")


class TestQuadrantSentence:
    TABLE = pd.DataFrame({"type": ["loyal", "trapped", "latent", "none", "too new"], "customers": [8, 4, 6, 2, 3],
                          "meaning": ["", "", "satisfied (4 or 5 of 5), but does not buy again", "", ""],
                          "share": [0.4, 0.2, 0.3, 0.1, NAN], "low": [0.2, 0.1, 0.15, 0.03, NAN],
                          "high": [0.6, 0.4, 0.52, 0.3, NAN]})

    def test_says_who_is_satisfied_and_stays_away_and_who_is_too_new(self):
        assert chapters.quadrant_sentence(self.TABLE) == (
            "Of the 20 customers who answered, 30 % are satisfied (4 or 5 of 5) and do not come back (15 % to 52 %). 3 "
            "more ordered once, and lately: too early to tell.")

    def test_gives_no_shares_of_a_few(self):
        few = self.TABLE.assign(customers=[1, 0, 1, 0, 0], share=NAN, low=NAN, high=NAN)
        assert chapters.quadrant_sentence(few) == (
            "2 customers who answered can be judged so far: too few for shares, which take 10.")


LOWER = "Lower what the program costs."
LAUNCH = {"break-even lift": math.inf}
NEVER = LAUNCH | {"break-even lift without the launch cost": math.inf}


class TestAdvice:
    VERDICT = Verdict(
        key="cannot_tell", words="cannot tell yet", sentence="We cannot tell yet.", because="x", would_tell="y"
    )
    OVERDUE = Finding(label="overdue", unit="share", estimate=0.4, low=0.3, high=0.5, n=50)
    CALLS = Finding(label="calls", unit="EUR", estimate=1234.0, n=20)
    ROI = pd.DataFrame(
        {
            "item": ["total cost", "break-even lift"],
            "value": [5000.0, 0.08],
            "low": NAN,
            "high": NAN,
            "unit": ["EUR", "lift"],
        }
    )

    def results(self, **changed) -> chapters.Results:
        known = {
            "verdict": self.VERDICT,
            "changes": [],
            "effects": [],
            "headline": None,
            "roi": self.ROI,
            "break_even": 0.08,
            "overdue": self.OVERDUE,
            "first_calls": self.CALLS,
            "ledger": "",
            "alerts": pd.DataFrame(columns=["grade", "what", "consequence", "remedy"]),
        }
        return chapters.Results(**known | changed)

    def test_gives_three_steps_and_mends_the_data_first(self):
        alerts = pd.DataFrame(
            [("distorts results", "half the ids are missing", "so.", "ask.")],
            columns=["grade", "what", "consequence", "remedy"],
        )
        steps = advice.next_steps(self.results(alerts=alerts))
        assert len(steps) == 3
        assert "Mend the data" in steps[0][0] and "Half the ids are missing" in steps[0][1]
        assert "20 customers" in steps[1][0] and "€1,234" in steps[1][1]
        assert "at random" in steps[2][0]

    def test_says_that_no_lift_could_pay(self):
        roi = self.ROI.assign(value=[5000.0, math.inf])
        steps = advice.next_steps(self.results(roi=roi, first_calls=replace(self.CALLS, n=0)))
        assert any(what == "Lower what the program costs." for what, _ in steps)

    def test_wins_the_second_order_only_where_nobody_ever_won_it(self):
        nobody = replace(self.OVERDUE, estimate=NAN, note="no customer has ever bought on three different days")
        steps = advice.next_steps(self.results(overdue=nobody, roi=self.ROI.iloc[:0]))
        why = dict(steps)["Win the second order."]
        assert why == "No customer has ever bought on three different days: there are no regulars to lose."
        free = replace(nobody, note="no regular customer spent anything in the last 365 days")
        for overdue in (free, self.OVERDUE):
            steps = advice.next_steps(self.results(overdue=overdue, roi=self.ROI.iloc[:0]))
            assert not any("second order" in what for what, _ in steps)

    @staticmethod
    def money(**values: float) -> pd.DataFrame:
        """Rows of roi.csv; what is not named is as in a shop of 9 months with a break-even of 8 %."""
        known = {
            "members": 40,
            "months": 9,
            "members' spending since joining": 9000,
            "members' spending after the day of joining": 8000,
            "rewards": 700,
            "total cost": 5000,
            "break-even lift": 0.08,
            "break-even lift without the launch cost": 0.08,
        } | values
        units = {"members": "members", "months": "months"}
        return pd.DataFrame(
            [
                (item, value, NAN, NAN, units.get(item, "lift" if "lift" in item else "EUR"))
                for item, value in known.items()
            ],
            columns=["item", "value", "low", "high", "unit"],
        )

    def steps(self, key: str, roi: pd.DataFrame, **changed) -> dict[str, str]:
        verdict = replace(self.VERDICT, key=key, would_tell="")
        calm = {"first_calls": replace(self.CALLS, n=0), "verdict": verdict, "roi": roi}
        steps = advice.next_steps(self.results(**calm | changed))
        assert len(dict(steps)) == len(steps) <= 3
        return dict(steps)

    @pytest.mark.parametrize(
        ("key", "changed", "wanted"),
        [
            ("cannot_tell", {}, "Find out whether spending rises by 8.0 %."),
            ("works", {}, "Keep the program."),
            ("harms", NEVER, "Stop enrolling until you know why."),
            ("costs_more", {}, LOWER),
            ("costs_more", NEVER, LOWER),
            ("cannot_tell", NEVER, LOWER),
            ("cannot_tell", {"break-even lift": 0.51, "months": 13}, LOWER),
            ("cannot_tell", LAUNCH | {"months": 13}, LOWER),
            ("cannot_tell", LAUNCH, "Find out whether spending rises by 8.0 %."),
            ("cannot_tell", {"break-even lift": 0.5, "months": 13}, "Find out whether spending rises by 50.0 %."),
            ("cannot_tell", LAUNCH | {"break-even lift without the launch cost": 0.0}, None),
            ("cannot_tell", {"break-even lift": NAN}, None),
        ],
    )
    def test_the_step_about_money_follows_verdict_and_bar(self, key, changed, wanted):
        steps = self.steps(key, self.money(**changed))
        assert list(steps) == ([] if wanted is None else [wanted])
        line = advice.money_line(self.money(**changed))
        assert not any(why and why in line for why in steps.values())
        assert "reward" not in steps.get(LOWER, "").partition(":")[0]

    def test_the_bar_of_a_shop_too_small_to_measure_is_not_to_be_found_out(self):
        small = replace(self.VERDICT, would_tell="y", too_small=True)
        assert list(self.steps("cannot_tell", self.money(), verdict=small)) == ["Decide by cost."]

    @pytest.mark.parametrize("key", ["works", "probably_works"])
    def test_a_program_is_kept_only_where_its_costs_are_known(self, key):
        assert next(iter(self.steps(key, self.money(), break_even=0.08))).startswith("Keep the program")
        for unknown in (0.0, NAN):
            steps = self.steps(key, self.money(), break_even=unknown)
            assert list(steps) == ["Find out what the program costs."]

    def test_what_would_stop_the_results_comes_before_all(self):
        grades = ["worth knowing", "distorts results", "stop"]
        alerts = pd.DataFrame([(grade, grade, "so.", "ask.") for grade in grades],
                              columns=["grade", "what", "consequence", "remedy"])
        steps = self.steps("works", self.money(), alerts=alerts)
        assert list(steps) == ["Mend the data first.", "Keep the program."]
        assert steps["Mend the data first."].startswith("Stop.")
        steps = self.steps("works", self.money(), alerts=alerts.iloc[:2])
        assert list(steps) == ["Keep the program.", "Mend the data first."]
        assert steps["Mend the data first."].startswith("Distorts results.")
        assert list(self.steps("works", self.money(), alerts=alerts.iloc[:1])) == ["Keep the program."]

    def test_asks_for_the_member_list_where_there_is_none(self):
        what = "Supply the member list with dates of joining."
        unlisted = self.money(members=NAN, rewards=NAN, **{"break-even lift": NAN})
        trend = Effect(label="t", unit="lift", estimate=0.1, outcome="orders", rung=2, grade="D")
        for headline in (None, trend):
            assert what in self.steps("cannot_tell", unlisted, headline=headline)
        assert what not in self.steps("cannot_tell", unlisted, headline=replace(trend, rung=4, grade="A"))
        assert what not in self.steps("cannot_tell", self.money()) | self.steps("cannot_tell", self.ROI.iloc[:0])

    def test_a_running_draw_goes_on(self):
        running = replace(self.VERDICT, would_tell="Go on with the draw until March.", too_small=True)
        assert "Go on with the draw." in self.steps("cannot_tell", self.money(), verdict=running)

    def test_the_money_line_follows_the_table(self):
        assert advice.money_line(self.ROI) == (
            "The program has cost €5,000 so far; it pays for itself if spending is 8.0 % higher than without it."
        )
        assert "not known" in advice.money_line(self.ROI.assign(value=[0.0, NAN]))
        assert advice.money_line(self.ROI.iloc[:0]) == ""

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"break-even lift": 0.8}, "80.0 % higher than without it (8.0 % without the launch cost)."),
            ({"break-even lift": 0.8, "months": 12}, "80.0 % higher than without it."),
            (NEVER, "its costs are more than the whole margin on what was spent, so no lift could pay for it."),
            (LAUNCH, "for it yet. Without the launch cost it pays for itself if spending is 8.0 % higher"),
            ({"break-even lift": NAN}, "without a gross margin in the settings there is no break-even."),
            ({"break-even lift": NAN, "members": 0}, "nobody had joined by the end of the orders"),
            ({"break-even lift": NAN, "members' spending since joining": -3}, "since joining, less refunds, is not"),
            ({"break-even lift": NAN, "members' spending after the day of joining": 0}, "day of joining, less refunds"),
            ({"break-even lift": NAN, "rewards": NAN, "members": NAN}, "rewards left out: without a member list"),
            ({"rewards": NAN, "total cost": 0}, "not known: rewards cannot be counted without a member list"),
            (
                dict.fromkeys(["break-even lift", "members", "members' spending after the day of joining"], NAN),
                "without a member list with dates of joining there is no break-even.",
            ),
        ],
    )
    def test_the_money_line_gives_the_true_reason(self, changed, words):
        line = advice.money_line(self.money(**changed))
        assert words in line and "nan" not in line.lower() and "members spend" not in line

    def test_the_first_card_is_the_primary_kpi_and_levels_stand_in_for_changes(self):
        level = Finding(label="rate", unit="share", estimate=0.4, low=0.3, high=0.5, n=9)
        nothing = replace(level, estimate=NAN)
        compared = Change(
            kpi="nps", label="nps", unit="share", estimate=0.1, low=0.0, high=0.2, before=level, after=level
        )
        primary = replace(compared, kpi="churn", primary=True)
        assert advice.cards([compared, primary]) == [primary, compared]
        unseen = replace(primary, estimate=NAN, low=NAN, high=NAN, before=nothing)
        assert advice.cards([unseen]) == [level]


class TestFirstCalls:
    @staticmethod
    def listed(worth: list[float]) -> pd.DataFrame:
        return pd.DataFrame({"value_of_acting": worth, "spend_last_year": 90.0, "still_customer": 0.5})

    def test_are_those_worth_a_call_at_the_head_of_the_list_and_nobody_else(self, shop):
        found = chapters.first_calls(self.listed([3.0, 2.0, 1.0] + [0.0] * 5), shop)
        assert (found.estimate, found.n) == (270, 3)
        said = chapters.first_calls_sentence(replace(found, unit="GBP", note="about £6 of margin of the next 13 weeks"))
        assert said == ("The first 3 customers to call spent £270 in the last 365 days; about £6 of margin of the next "
                        "13 weeks hangs on them.")
        assert found.note.startswith("about ") and " of the next 13 weeks" in found.note
        one = chapters.first_calls_sentence(chapters.first_calls(self.listed([3.0]), shop))
        assert one.startswith("The first customer to call spent ") and one.endswith(" hangs on that one.")
        _, why = advice._call(TestAdvice.OVERDUE, found)
        assert f"{found.note} hangs on them" in why
        assert chapters.first_calls(self.listed([1.0] * 50), shop).n == 20

    def test_say_so_where_nobody_is_worth_a_call(self, shop):
        found = chapters.first_calls(self.listed([0.0, 0.0]), shop)
        assert found.n == 0 and "no customer is both late" in found.note


class TestCharts:
    def test_every_chart_of_a_shop_has_a_claim_an_alt_text_and_labelled_axes(self, simulated):
        launch = simulated.launched_on
        weekly = evaluation.weekly(simulated.orders, launched_on=launch)
        drawn = [
            charts.over_time(weekly, "orders", launched_on=launch),
            charts.over_time(weekly, "revenue", launched_on=launch, unit="EUR"),
            charts.identified(weekly, launched_on=launch),
            *[charts.range_strips(family) for family in cases.families(cases.load(), [])],
        ]
        for chart in drawn:
            assert len(chart.title) > 15 and chart.title in chart.alt
            assert all(ax.get_xlabel() for ax in chart.figure.axes)
            mpl.pyplot.close(chart.figure)

    def test_a_neutral_forest_claims_nothing(self):
        naive = Effect(
            label="members", unit="lift", estimate=0.9, low=0.7, high=1.1, outcome="orders", rung=0, grade="E"
        )
        chart = charts.forest([naive])
        assert "none of them measures the program" in chart.title
        mpl.pyplot.close(chart.figure)

    def test_nothing_to_draw_is_said_in_words(self):
        missing = Effect(
            label="trend", unit="lift", estimate=NAN, outcome="orders", rung=2, grade="D", note="no launch date"
        )
        empty = pd.DataFrame(columns=["week_start", "observed", "predicted", "low", "high"])
        for chart in (
            charts.forest([missing]),
            charts.trend_effects([missing]),
            charts.trend(empty, missing, launched_on=None),
            charts.changes([], unit="share"),
            charts.identified(NO_WEEK, launched_on=None),
            charts.over_time(NO_WEEK, "orders", launched_on=None),
            charts.lorenz(
                pd.DataFrame(columns=["customers", "revenue"]), Finding(label="x", unit="share", estimate=NAN, note="y")
            ),
        ):
            assert chart.figure is None and len(chart.title) > 5

    def test_levels_in_the_claim_are_the_means_on_either_side(self):
        weeks = pd.date_range("2025-01-06", periods=4, freq="7D")
        weekly = pd.DataFrame({"week_start": weeks, "orders": [10, 30, 50, 70]})
        chart = charts.over_time(weekly, "orders", launched_on=weeks[2].date())
        assert chart.title == "Orders: 20 in a usual week before the launch, 60 since"
        mpl.pyplot.close(chart.figure)


class TestTablesForTheEye:
    def test_a_shop_without_a_launch_is_described_and_compares_nothing(self, shop, simulated):
        frames = {"orders": simulated.orders}
        plain = replace(shop, program=replace(shop.program, launched_on=None), sources={})
        assert chapters.windows(simulated.orders, plain) is None
        changes = chapters.measure(frames, None, plain)
        assert {change.verdict for change in changes} == {"not measurable"}
        repeat = next(change for change in changes if change.kpi == "repeat_rate")
        assert repeat.after.measurable
        assert chapters.traps(frames, None).empty and chapters.channels_shown(frames, None, plain).empty

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
        assert chapters.money_shown(roi)["value"].tolist() == ["12", "£1,234", "no lift could pay"]

    def test_every_field_that_is_read_has_a_purpose(self, shop):
        prepared = ingest.prepare(shop)
        shown = chapters.field_purposes(prepared, shop)
        given = {(source, ours) for source, several in shop.sources.items() for one in several for ours in one.columns}
        assert set(zip(shown["source"], shown["read as"], strict=True)) == given | {("orders", "–")}
        assert "which rows are cancelled; not kept" in shown["used for"].tolist()
        assert shown["used for"].str.len().gt(3).all()
        assert chapters.dropped(prepared) == "The files have no other columns."
