"""The charts of chapter 04's evidence: they claim no more than their tables hold, break on nothing, and can be read."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import inf
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Annotation, Text
from said import in_words, said

from loyalty_helpers.core.findings import NAN, Effect
from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.evaluation import driver_analysis, money, segments, till, trends
from loyalty_helpers.evaluation import power as power_of
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.charts import ch04
from loyalty_helpers.report.charts import marks as charts

mpl.use("Agg")
ARROW = "Arrow: the interval goes on beyond the picture."


class Worded:
    """The chapter's charts with their words."""

    def __getattr__(self, name: str):
        def drawn(*found, **options) -> charts.Chart:
            made = getattr(ch04, name)(*found, **options)
            return replace(made, title=said(made.title), alt=said(made.alt), note=said(made.note))
        return drawn


evidence = Worded()
LEVELS = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def effect(**changes) -> Effect:
    given = {"label": "members v. their own history", "unit": "lift", "estimate": 0.2, "low": 0.1, "high": 0.3,
             "outcome": "orders", "rung": 3, "grade": "B", "n": 200, "n_noun": "joiner"}
    return Effect(**(given | changes))


def spells(*intervals: tuple[float, float, float], joiners: int = 200) -> pd.DataFrame:
    weeks = pd.DataFrame(till.SPELLS, columns=["first", "last"])[: len(intervals)]
    return pd.DataFrame(intervals, columns=["estimate", "low", "high"]).join(weeks).assign(joiners=joiners)


def pretended(*intervals: tuple[float, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(intervals, columns=["estimate", "low", "high"])
    covers = ~((table["low"] > 0) | (table["high"] < 0))
    return table.assign(launched_on=pd.date_range("2024-03-04", periods=len(table), freq="28D"), covers_zero=covers)


def curve(*, break_even: float, estimate: float = NAN) -> pd.DataFrame:
    lift = np.linspace(-0.2, 0.6, 81)
    table = pd.DataFrame({"lift": lift, "profit": 1000 * lift / (1 + lift) - 74})
    table.attrs = {"break_even": break_even, "currency": "USD", "estimate": estimate, "low": NAN, "high": NAN}
    return table


def quadrant(names: list[str], importance: list[float], performance: list[float], where: str) -> pd.DataFrame:
    table = pd.DataFrame({"driver": names, "importance": importance, "performance": performance, "n": 99})
    ends = {f"{side}_{end}": table[side] + by for side in ("importance", "performance")
            for end, by in (("low", -0.05), ("high", 0.05))}
    return table.assign(**ends, importance_cut=table["importance"].mean(), performance_cut=table["performance"].mean(),
                        quadrant=where, sentence="One sentence.")


def designs(*rows: tuple[int, str, int, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rung", "design", "customers", "smallest_lift"]).assign(note="A reason.")


def texts(chart: charts.Chart) -> list[Text]:
    return [text for text in chart.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def overlapping(chart: charts.Chart) -> list[tuple[str, str]]:
    """Pairs of texts of a picture that share more than a hair's breadth."""
    chart.figure.draw_without_rendering()
    axes = [axis for ax in chart.figure.axes for axis in (ax.xaxis, ax.yaxis)]
    # ticks beyond the ends of an axis exist, but are not drawn
    hidden = [label for axis in axes for tick, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
              if not min(axis.get_view_interval()) <= tick <= max(axis.get_view_interval())]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts(chart) if text not in hidden]
    return [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


# ---------------------------------------------------------------- the tables as they are
@pytest.fixture(scope="module")
def tables() -> SimpleNamespace:
    shop = simulate.shop(customers=2000, lift=0.12, seed=5)
    frames = {"orders": shop.orders, "members": shop.members, "survey": shop.survey, "costs": shop.costs}
    program = Program(launched_on=shop.launched_on, gross_margin=0.4, reward_rate=0.05, launch_cost=2000)
    client = Client(key="x", folder=Path("."), name="X", currency="EUR", time_zone="UTC", sources={}, program=program)
    found = till.at_the_till(shop.orders, shop.members, launched_on=shop.launched_on)
    trend = trends.trend(shop.orders, launched_on=shop.launched_on)
    return SimpleNamespace(
        since=till.since_joining(shop.orders, shop.members, launched_on=shop.launched_on), effect=found, trend=trend,
        pretended=trends.placebo_launches(shop.orders, launched_on=shop.launched_on),
        curve=money.break_even_curve(frames, client, found), segments=segments.by_segment(frames, client),
        drivers=driver_analysis.drivers(frames), key_drivers=driver_analysis.key_drivers(shop.survey),
        power=power_of.power_table(frames, launched_on=shop.launched_on, effects=[trend, found], usable_joiners=211))


DRAWN = {
    "since_joining": lambda t: evidence.since_joining(t.since, t.effect),
    "balance": lambda t: evidence.balance(t.effect.diagnostics["balance"]),
    "overlap": lambda t: evidence.overlap(t.effect.diagnostics["propensity"]),
    "both_estimates": lambda t: evidence.both_estimates(t.effect, break_even=0.08),
    "break_even_curve": lambda t: evidence.break_even_curve(t.curve, t.effect),
    "drivers": lambda t: evidence.drivers(t.drivers),
    "key_drivers": lambda t: evidence.key_drivers(t.key_drivers),
    "placebo_launches": lambda t: evidence.placebo_launches(t.pretended, t.trend),
    "power": lambda t: evidence.power(t.power),
    "segments_gain": lambda t: evidence.segments_gain(t.segments),
}


@pytest.mark.parametrize("name", DRAWN)
class TestAShop:
    def test_gets_a_picture_with_claim_alt_text_and_named_axes(self, name, tables):
        chart = DRAWN[name](tables)
        assert len(chart.title) > 20 and chart.title in chart.alt and len(chart.alt) > len(chart.title) + 20
        assert all(ax.get_xlabel() for ax in chart.figure.axes)
        assert any(sign.isdigit() for sign in chart.alt) and "nan" not in chart.alt + chart.note

    def test_can_be_read_on_a_phone(self, name, tables):
        chart = DRAWN[name](tables)
        assert overlapping(chart) == []
        assert min(text.get_fontsize() for text in texts(chart)) >= 9
        assert all(ax.get_position().width > 0.5 for ax in chart.figure.axes), "names leave too little to the picture"
        shown = " ".join(text.get_text() for text in texts(chart))
        assert chart.title not in shown and not chart.figure._suptitle

    def test_keeps_its_tables(self, name, tables):
        before = {key: value.copy() for key, value in vars(tables).items() if isinstance(value, pd.DataFrame)}
        assert DRAWN[name](tables).title == DRAWN[name](tables).title
        for key, table in before.items():
            pd.testing.assert_frame_equal(getattr(tables, key), table)


def test_nothing_to_draw_is_said_in_words(tables):
    none = effect(estimate=NAN, low=NAN, high=NAN, refused="nobody joined")
    charted = [
        evidence.since_joining(tables.since.iloc[:0], tables.effect),
        evidence.balance(pd.DataFrame()),
        evidence.overlap(pd.DataFrame()),
        evidence.both_estimates(none),
        evidence.break_even_curve(tables.curve.iloc[:0]),
        evidence.drivers(tables.drivers.iloc[:0]),
        evidence.drivers(tables.drivers.assign(estimate=NAN)),
        evidence.key_drivers(tables.key_drivers.iloc[:0]),
        evidence.key_drivers(tables.key_drivers.assign(importance=NAN)),
        evidence.placebo_launches(tables.pretended.iloc[:0], tables.trend),
        evidence.power(tables.power.iloc[:0]),
        evidence.power(tables.power.assign(smallest_lift=NAN)),
        evidence.segments_gain(tables.segments.iloc[:0]),
        evidence.segments_gain(tables.segments.assign(rewards_share=NAN)),
    ]
    for chart in charted:
        assert chart.figure is None and len(chart.title) > 20
    assert "nobody joined" in charted[3].title and said(tables.power["note"].iloc[0]) in charted[11].title


@pytest.mark.parametrize("name", ["since", "pretended", "drivers", "key_drivers", "segments", "power"])
def test_a_single_row_is_drawn(name, tables):
    one = SimpleNamespace(**(vars(tables) | {name: getattr(tables, name).iloc[-1 if name == "power" else 0:][:1]}))
    drawn = {"since": "since_joining", "pretended": "placebo_launches", "segments": "segments_gain"}
    chart = DRAWN[drawn.get(name, name)](one)
    assert chart.figure is not None and overlapping(chart) == []


# ---------------------------------------------------------------- claims
ENDS = st.sampled_from([NAN, -inf, inf]) | st.floats(-0.9, 9)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.9, 9), ENDS, ENDS), min_size=1, max_size=3))
def test_no_interval_breaks_a_picture_and_none_that_covers_nil_makes_a_claim(drawn):
    drawn = [(estimate, *(sorted(ends) if not np.isnan(ends).any() else ends)) for estimate, *ends in drawn]
    neutral = all(not (low > 0 or high < 0) for _, low, high in drawn)
    titles = [evidence.since_joining(spells(*drawn), effect(low=-0.1)),
              evidence.placebo_launches(pretended(*drawn), effect(grade="D"))]
    for chart in titles:
        chart.figure.canvas.draw()
    assert ("No evidence of a lift" in titles[0].title) == neutral
    assert ("nothing, as" in titles[1].title) == neutral
    plt.close("all")


class TestSinceJoining:
    def test_falls_only_where_the_last_interval_lies_clear_of_the_first(self):
        clear = evidence.since_joining(spells((0.5, 0.4, 0.6), (0.3, 0.2, 0.4), (0.1, 0.0, 0.2)), effect(low=-0.1))
        assert clear.title == ("The lift falls with time: +50 % in weeks 1 to 4 since joining, +10 % in weeks 9 to 13")
        assert "rises" in evidence.since_joining(spells((0.1, 0.0, 0.2), (0.5, 0.4, 0.6)), effect(low=-0.1)).title
        touching = evidence.since_joining(spells((0.5, 0.4, 0.6), (0.3, 0.2, 0.4)), effect(low=-0.1))
        assert touching.title == "No evidence that the lift changes with time since joining"

    def test_says_no_more_than_a_refused_headline(self):
        table = spells((0.5, 0.4, 0.6), (0.1, 0.0, 0.2), joiners=30)
        title = evidence.since_joining(table, effect(refused="30 usable joiners")).title
        assert "not to be relied on: 30 usable joiners" in title and "falls" not in title

    def test_tells_ends_beyond_the_picture(self):
        chart = evidence.since_joining(spells((0.5, -inf, inf), (0.5, NAN, NAN)), effect(low=-0.1))
        assert ARROW in chart.note and "no limit" in chart.alt and "no interval" in chart.alt
        assert ARROW not in evidence.since_joining(spells((0.5, 0.4, 0.6)), effect(low=-0.1)).note


class TestBalance:
    TABLE = pd.DataFrame({"covariate": ["last-26", "last-26", "launch", "launch"],
                          "before": [0.4, 0.41, 0.05, 0.02], "after": [0.02, -0.04, 0.0, 0.01]})

    def test_shows_of_two_forms_the_worse_balanced(self):
        chart = evidence.balance(self.TABLE)
        assert "alike in all 2 things" in chart.title and "differed in 1 of them" in chart.title
        assert "Orders in the 26 weeks before: +0.41 before, −0.04 after" in chart.alt

    def test_names_what_still_differs(self):
        apart = evidence.balance(self.TABLE.assign(after=[0.02, -0.2, 0.0, 0.01]))
        assert apart.title == "Joiners and other buyers still differ after weighting in orders in the 26 weeks before"
        assert "could not be made alike" in evidence.balance(self.TABLE.assign(after=NAN)).title


class TestOverlap:
    def claim(self, joiners: list[float], others: list[float]) -> str:
        return evidence.overlap(pd.DataFrame({"quantile": LEVELS, "joiners": joiners, "others": others})).title

    def test_counts_joiners_within_the_range_of_the_others(self):
        assert self.claim(LEVELS, [0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5]).startswith("About 50 %")
        assert self.claim([0.2] * 7, [0.2] * 7).startswith("Nearly all")
        assert self.claim([0.9] * 7, [0.1] * 7).startswith("About 0 %")


class TestBothEstimates:
    def test_compares_the_intervals(self):
        agreeing, other = effect(low=0.1, high=0.3), effect(estimate=0.5, low=0.4, high=0.6)
        assert "does not contradict" in evidence.both_estimates(effect(cross_check=agreeing)).title
        chart = evidence.both_estimates(effect(cross_check=other), break_even=0.08)
        assert chart.title.endswith("; the cross-check contradicts this")
        assert "pays for itself at +8.0 %" in [text.get_text() for text in texts(chart)]

    def test_is_neutral_where_the_headline_is(self):
        assert evidence.both_estimates(effect(low=-0.1)).title.startswith("No evidence")

    def test_says_why_one_is_missing_or_refused(self):
        none = effect(estimate=NAN, low=NAN, high=NAN, refused="60 weeks")
        chart = evidence.both_estimates(effect(refused="few joiners", cross_check=none, high=inf))
        assert "not to be relied on (few joiners)" in chart.title and "60 weeks" in chart.note
        assert "Hollow" in chart.note and ARROW in chart.note


class TestBreakEvenCurve:
    def test_compares_the_interval_with_break_even(self):
        def title(low: float, high: float) -> str:
            return evidence.break_even_curve(curve(break_even=0.08, estimate=0.2), effect(low=low, high=high)).title

        assert "lies above the +8.0 %" in title(0.1, 0.3) and "lies below the +8.0 %" in title(-0.3, 0.05)
        assert "cannot be told" in title(0.0, 0.3)

    def test_leaves_out_an_effect_that_money_may_not_be_counted_by(self):
        chart = evidence.break_even_curve(curve(break_even=0.08), effect())
        assert chart.title == "The program pays for itself from a lift of +8.0 %" and chart.note == ""

    def test_says_where_no_lift_could_pay(self):
        assert "No lift could pay" in evidence.break_even_curve(curve(break_even=inf), None).title


class TestDrivers:
    def test_counts_only_clear_links_and_names_no_causes(self, tables):
        table = tables.drivers
        clear = in_words(table)[(table["low"] > 1) | (table["high"] < 1)]
        chart = evidence.drivers(table)
        assert f", {len(clear)} clearly go" in chart.title and chart.title.endswith(clear["driver"].iloc[0])
        assert not {"drives", "causes", "caused", "because"} & set(chart.title.lower().split())
        assert evidence.drivers(table.assign(low=0.5, high=2.0)).title.startswith("Nothing of")

    def test_ratios_from_nil_to_infinity_are_drawn(self, tables):
        chart = evidence.drivers(tables.drivers.assign(low=0.0, high=inf))
        chart.figure.canvas.draw()
        assert ARROW in chart.note


class TestQuadrant:
    def test_says_what_to_fix_first_only_where_the_table_does(self):
        spread = ([0.1, 0.5], [0.4, 0.8])
        fix = quadrant(["price", "brand"], *spread, ["fix", "watch"])
        assert evidence.key_drivers(fix).title == "Fix first: price"
        watch = evidence.key_drivers(fix.assign(quadrant="watch"))
        assert watch.title == "Nothing that was rated clearly calls to be fixed first"
        unsure = evidence.key_drivers(fix.assign(quadrant="unsure"))
        assert unsure.title.startswith("Which of 2 rated things to look at first cannot be told")

    @settings(max_examples=8, deadline=None)
    @given(st.lists(st.tuples(st.floats(0.2, 0.6), st.floats(0.5, 0.9)), min_size=1, max_size=7))
    def test_names_never_lie_on_each_other(self, places):
        names = ["product quality", "price ($5 or $6)", "brand", "shopping experience in the shop", "communication",
                 "delivery", "staff"][: len(places)]
        chart = evidence.key_drivers(quadrant(names, *map(list, zip(*places, strict=True)), "unsure"))
        chart.figure.draw_without_rendering()
        named = [text for text in chart.figure.axes[0].texts if isinstance(text, Annotation) and text.get_text()]
        assert len(named) == len(places) + 4
        boxes = [text.get_window_extent().padded(-1) for text in named]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        plt.close("all")


class TestPlacebo:
    def test_counts_and_names_false_alarms(self):
        fine, wrong = (0.1, -0.1, 0.3), (0.3, 0.1, 0.5)
        trend = replace(effect(), rung=2, grade="D", scope="everyone")

        def title(*rows: tuple[float, float, float]) -> str:
            return evidence.placebo_launches(pretended(*rows), trend).title

        assert title(fine, fine) == "2 of 2 pretended launches show nothing, as they should"
        assert title(fine) == "The one pretended launch shows nothing, as it should"
        assert title(fine, wrong, fine) == "1 of 3 pretended launches shows a change where there was no program"


class TestPower:
    def test_names_the_finest_design_that_tells_the_program_apart(self):
        chart = evidence.power(designs((2, "trend", 900, 0.1), (3, "till", 80, 0.3), (4, "holdout-half", 900, 0.25)))
        assert chart.title == "The smallest lift that this shop could find: +25 %, by a random holdout of half"

    def test_says_in_words_what_cannot_be_drawn(self):
        chart = evidence.power(designs((3, "till", 12, 0.2), (4, "holdout-tenth", 90, 1.4), (2, "trend", 900, NAN),
                                       (4, "holdout-half", 90, 0.7)))
        assert "+70 %, by a random holdout of half" in chart.title
        for words in ("Members against other buyers at the till: cannot be said. A reason.",
                      "Random holdout of a tenth: only a lift of +140 %", "Trend of the whole shop: cannot be"):
            assert words in chart.note

    def test_does_not_promise_by_a_mere_trend(self):
        assert "No design that tells" in evidence.power(designs((2, "trend", 900, 0.1))).title


def test_segments_are_told_by_who_gets_more_than_their_share():
    table = pd.DataFrame({"segment": ["light", "heavy"], "orders_low": [1, 3], "orders_high": [2, 9],
                          "members_share": [0.7, 0.3], "rewards_share": [-0.1, 1.1]})
    assert evidence.segments_gain(table).title == "Heavy buyers: 30 % of members, 110 % of rewards"
