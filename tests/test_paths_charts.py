"""The charts of migration, stability, agreement and affinity: true to their tables, else a sentence."""

from __future__ import annotations

from datetime import date

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from loyalty_helpers import forecast
from loyalty_helpers.core import windows as around
from loyalty_helpers.customers import affinity, migration, scoring, tables
from loyalty_helpers.forecast import agreement as stability
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.charts import paths as paths_charts
from loyalty_helpers.report.charts.marks import Chart

mpl.use("Agg")
AS_OF = date(2025, 8, 4)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    return simulate.shop(customers=400, seed=1, weeks_before=80, weeks_after=22).orders


@pytest.fixture(scope="module")
def customers(shop) -> pd.DataFrame:
    return tables.customers(shop, as_of=AS_OF)


def migration_of(orders: pd.DataFrame) -> migration.Migration:
    return migration.migration(orders, around.windows(orders, launched_on=date(2025, 3, 3)))


def agreement_of(orders: pd.DataFrame, customers: pd.DataFrame) -> stability.Agreement:
    seen = forecast.histories(orders, as_of=AS_OF)
    ahead = seen.assign(chance_to_buy=seen["frequency"] / (1 + seen["age"]), lifetime_value=seen["days_value"])
    return stability.agreement(scoring.loyalty_score(customers), customers, ahead, currency="CNY")


def numbers_in(chart: Chart) -> str:
    return " ".join(text.get_text() for text in chart.figure.axes[0].texts)


def test_the_heat_map_shows_each_share_in_its_place(shop):
    found = migration_of(shop)
    chart = paths_charts.migration(found)
    assert chart.dense and chart.title == found.sentence.rstrip(".")
    rows = found.groups[found.groups["before"] != migration.AWAY]
    shown = [int(text) for text in numbers_in(chart).split()]
    assert shown == [round(100 * share) for share in rows["share"]]
    assert [tick.get_text() for tick in chart.figure.axes[0].get_yticklabels()] == list(dict.fromkeys(rows["before"]))
    best = rows.iloc[0]
    assert f"{best['before']} to {best['after']}: {best['share'] * 100:.0f} %" in chart.alt


def test_the_fifths_are_drawn_best_on_top(shop, customers):
    found = stability.stability(customers, shop, as_of=AS_OF)
    chart = paths_charts.stability(found)
    ax = chart.figure.axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()][-1] == "Best fifth"
    drawn = next(line for line in ax.lines if line.get_label() == "in the same fifth again")
    np.testing.assert_allclose(drawn.get_xdata(), found.fifths["stays"])
    assert chart.title == found.fifths_sentence.rstrip(".")
    weights = paths_charts.sensitivity(stability.weight_sensitivity(customers))
    assert weights.title.startswith("Under any of these weights at least")


def test_the_map_frames_those_who_disagree(shop, customers):
    found = agreement_of(shop, customers)
    chart = paths_charts.agreement(found)
    assert chart.dense and len(chart.figure.axes[0].patches) == 2
    groups = found.groups.set_index("group")["customers"]
    assert f"High score, low chance to buy: {groups['high score, low chance to buy']} of " in chart.title
    assert "; low score, high chance to buy: " in chart.title  # one sentence, one capital
    crowded = paths_charts.agreement(found, by="lifetime_value", least=5)
    spots = crowded.figure.axes[0].collections[0]
    assert spots.get_array().min() >= 5
    missing = found.ranks.drop(columns="chance_to_buy")
    gone = stability.Agreement(found.pairs, found.groups, missing)
    assert paths_charts.agreement(gone).title == "The chance to buy is not known, or the same for everybody."


def test_typical_customers_show_no_half_orders():
    bought = tables.customers(made := simulate.shop(customers=400, seed=2, weeks_before=80, weeks_after=22).orders,
                              as_of=AS_OF)
    groups = agreement_of(made, bought).groups.dropna()
    for trait in ("orders", "recency_days", "tenure_days"):
        assert len(groups) and (groups[trait] % 1 == 0).all()


def test_pairs_within_chance_are_grey(shop):
    table = affinity.affinity(affinity.choices({"orders": shop}))
    chart = paths_charts.affinity(table)
    assert chart.title == affinity.affinity_sentence(table).rstrip(".")
    labels = [tick.get_text() for tick in chart.figure.axes[0].get_yticklabels()]
    assert len(labels) == min(len(table), paths_charts.PAIRS_DRAWN)
    colors = {line.get_color() for line in chart.figure.axes[0].lines[:-1]}
    assert (table["reading"] == "as expected").all() and colors == {paths_charts.GREY}
    rest = len(table) - 1
    loud = table.assign(reading=["together"] + ["as expected"] * rest, p_value=[1e-9] + [0.5] * rest)
    assert paths_charts.ACCENT in {line.get_color() for line in paths_charts.affinity(loud).figure.axes[0].lines}


def test_what_goes_into_one_order_is_drawn(shop):
    lines = pd.DataFrame({"order_id": shop["order_id"].repeat(2), "category": np.resize(list("ABACBA"), 2 * len(shop))})
    table = affinity.baskets(affinity.choices({"orders": shop, "lines": lines}))
    chart = paths_charts.baskets(table)
    assert chart.title == affinity.baskets_sentence(table).rstrip(".")
    assert [tick.get_text() for tick in chart.figure.axes[0].get_yticklabels()]
    assert "times as often as by lot" in chart.figure.axes[0].get_xlabel()
    single = affinity.baskets(affinity.choices({"orders": shop}))
    assert paths_charts.baskets(single).title == "No order is known to hold two categories"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [0, 1, 9])
def test_nothing_to_draw_is_a_sentence(shop, n):
    few = shop[shop["customer_id"].isin(sorted(shop["customer_id"].dropna().unique())[:n])]
    bought = tables.customers(few, as_of=AS_OF)
    drawn = [paths_charts.stability(stability.stability(bought, few, as_of=AS_OF)),
             paths_charts.sensitivity(stability.weight_sensitivity(bought)),
             paths_charts.agreement(agreement_of(few, bought)),
             paths_charts.affinity(affinity.affinity(affinity.choices({"orders": few}))),
             paths_charts.migration(migration.migration(few, None))]
    assert drawn[-1].figure is None
    for chart in drawn[:-1]:
        assert chart.figure is None and "cannot be told" in chart.title and "nan" not in chart.title
    if n:
        drawn = paths_charts.migration(migration_of(few))
        assert drawn.figure is None and "nan" not in drawn.title  # no percentages of nine customers
