"""The glue of the chapters, the advice, and the charts: what they say with much data, with little, and with none."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import Effect
from loyalty_helpers.core.settings import UserError, load_client
from loyalty_helpers.ingest import prepare as ingest
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.chapters import ch01, ch04
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
