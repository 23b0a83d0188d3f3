"""What a shop could find out: textbook sizes, the promise of 80 % kept in simulation, shops with next to nothing."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import in_words, said
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize, samplesize_proportions_2indep_onetail

from loyalty_helpers.core.findings import Effect, Finding
from loyalty_helpers.evaluation import power
from loyalty_helpers.evaluation.calibrated import calibrated
from loyalty_helpers.evaluation.panel import panel
from loyalty_helpers.lab import simulate

LAUNCH = pd.Timestamp("2025-03-03")
WEEK = pd.Timedelta(days=7)
HALF, CUPED = "holdout-half", "holdout-half-cuped"
simulated = functools.cache(simulate.shop)


def effect(rung: int = 3, low: float = -0.1, high: float = 0.4, n: int = 100, **more) -> Effect:
    options = {"label": "x", "unit": "lift", "estimate": 0.1, "outcome": "orders", "grade": "B", "n_comparison": n}
    return Effect(**options | {"rung": rung, "low": low, "high": high, "n_treated": n} | more)


def orders_of(counts: np.ndarray, *, start: pd.Timestamp) -> pd.DataFrame:
    """A shop from a table of orders by customer and week; the first and the last week are whole."""
    customer, week = (np.repeat(where, counts[counts > 0]) for where in np.nonzero(counts))
    hour = np.select([week == 0, week == counts.shape[1] - 1], [1, 150], 30)
    return pd.DataFrame({
        "order_id": [f"o{i}" for i in range(len(week))],
        "customer_id": pd.Series([f"c{i}" for i in customer], dtype="str"),
        "ordered_at": (start + week * WEEK + pd.to_timedelta(hour, "h")).astype("datetime64[us]"),
        "amount": 10.0, "is_refund": False})


def gamma_shop(customers: int, *, seed: int, weeks: int = 143, shape: float = 1.0, rate: float = 0.08) -> pd.DataFrame:
    """Steady customers, no season, no drop-out: 39 of the weeks since the launch."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(shape, rate / shape, customers)
    counts = rng.poisson(rates[:, None], (customers, weeks))
    counts[0, [0, -1]] = 1
    return orders_of(counts, start=LAUNCH - (weeks - 39) * WEEK)


def table_of(orders: pd.DataFrame, **options) -> pd.DataFrame:
    found = power.power_table({"orders": orders}, launched_on=LAUNCH.date(), **options)
    return in_words(found).set_index("design")


def can_know(table: pd.DataFrame) -> str:
    return said(power.can_know_sentence(table))


# ---------------------------------------------------------------- retention
@pytest.mark.parametrize(("after", "customers"), [(0.45, 1534), (0.50, 388), (0.60, 97)])
def test_customers_for_retention_are_those_of_the_plan(after, customers):
    assert power._customers_for_retention(0.40, after) == customers
    size = NormalIndPower().solve_power(proportion_effectsize(after, 0.40), alpha=0.05, power=0.8)
    assert customers == pytest.approx(size, rel=0.01)
    exact = samplesize_proportions_2indep_onetail(after - 0.40, 0.40, 0.8, alpha=0.05, alternative="two-sided")
    assert customers == pytest.approx(exact, abs=1.01)


def test_customers_for_retention_at_the_edges():
    assert power._customers_for_retention(0.4, 0.4) == math.inf
    assert all(math.isnan(power._customers_for_retention(*pair)) for pair in [(0.4, 1.2), (-0.1, 0.4), (math.nan, 0.4)])
    assert power._customers_for_retention(0.3, 0.6) == power._customers_for_retention(0.6, 0.3)


@settings(max_examples=60, deadline=None)
@given(before=st.floats(0.02, 0.9), step=st.floats(0.01, 0.09))
def test_a_larger_change_takes_fewer_customers(before, step):
    assert power._customers_for_retention(before, before + step) >= power._customers_for_retention(before, before + 0.1)


def test_the_smallest_rise_of_retention_is_that_which_takes_the_customers_there_are():
    retention = Finding(label="retention", unit="share", estimate=0.4, n=388)
    row = table_of(gamma_shop(30, seed=1), retention=retention).loc["retention"]
    assert row["smallest_lift"] == pytest.approx(0.25, abs=0.001)  # 40 to 50 %
    assert row["needed_for_10"] == power._customers_for_retention(0.4, 0.44)
    assert row["time_to_answer_weeks_for_20"] == math.inf and "From 40 % to 50 %" in said(row["note"])
    high = Finding(label="retention", unit="share", estimate=0.9, n=12)
    row = table_of(gamma_shop(30, seed=1), retention=high).loc["retention"]
    assert math.isnan(row["smallest_lift"]) and math.isnan(row["needed_for_20"])  # 108 % cannot be
    assert "not even that all of them stay" in said(row["note"])


# ---------------------------------------------------------------- holdout
def test_a_holdout_finds_its_smallest_lift_in_four_cases_of_five():
    """120 shops of 400: the table states a lift, then the shop lives on, half of its customers with that lift."""
    rng, found = np.random.default_rng(7), []
    for _ in range(120):
        rates = rng.gamma(0.8, 0.1, 400)
        past = rng.poisson(rates[:, None], (400, 80))
        past[0, [0, -1]] = 1
        row = table_of(orders_of(past, start=LAUNCH - 80 * WEEK)).loc[HALF]
        active = rng.permutation(rates[past[:, -52:].sum(axis=1) > 0])
        assert row["customers"] == len(active)
        held, treated = (rng.poisson(26 * lift * arm, (5, len(arm))) for lift, arm in zip(
            (1, 1 + row["smallest_lift"]), np.array_split(active, 2), strict=True))
        error = np.sqrt(sum(arm.var(axis=1, ddof=1) / arm.shape[1] for arm in (held, treated)))
        found.extend(treated.mean(axis=1) - held.mean(axis=1) > 1.966 * error)
    assert 0.75 < np.mean(found) < 0.85


def test_earlier_orders_narrow_a_holdout_by_their_correlation():
    """Poisson counts of two windows of the same length and gamma rates correlate by r = m c / (1 + m c)."""
    rows = table_of(gamma_shop(3000, seed=5, shape=3, rate=0.3))
    mean, c = 26 * 0.3, 1 / 3
    left = 1 - (mean * c / (1 + mean * c)) ** 2
    saved = (np.log1p(rows.loc[CUPED, "smallest_lift"]) / np.log1p(rows.loc[HALF, "smallest_lift"])) ** 2
    assert saved == pytest.approx(left, rel=0.08)
    assert rows.loc[CUPED, "needed_for_10"] == pytest.approx(left * rows.loc[HALF, "needed_for_10"], rel=0.08)
    assert f"explain {100 * (1 - saved):.0f} %" in rows.loc[CUPED, "note"]


def test_chance_correlation_is_not_taken_for_a_gain():
    rng = np.random.default_rng(2)
    left = [power._unexplained(*rng.poisson(2.0, (2, 12)).astype(float)) for _ in range(400)]
    assert np.mean(left) > 0.93 and max(left) == 1.0  # unadjusted 1 - 1/11 = 0.91
    assert power._unexplained(np.ones(9), np.arange(9.0)) == 1.0


@pytest.mark.parametrize(("customers", "plain", "cuped"), [(1000, 0.33, 0.26), (5000, 0.15, 0.12)])
def test_holdouts_of_simulated_shops_are_about_those_of_the_plan(customers, plain, cuped):
    rows = table_of(simulated(customers=customers, seed=1).orders)
    assert rows.loc[HALF, "smallest_lift"] == pytest.approx(plain, rel=0.2)
    assert rows.loc[CUPED, "smallest_lift"] == pytest.approx(cuped, rel=0.2)


def test_newcomers_bring_the_answer_nearer():
    orders = simulated(customers=1000, seed=1).orders
    row = table_of(orders).loc[HALF]
    bought = orders[~orders["is_refund"]].dropna(subset="customer_id")
    end = bought["ordered_at"].max().normalize() + pd.Timedelta(days=1)
    pace = (bought.groupby("customer_id")["ordered_at"].min() >= end - 26 * WEEK).sum() / 26
    assert row["needed_for_20"] > row["customers"]
    assert row["time_to_answer_weeks_for_20"] == pytest.approx(26 + (row["needed_for_20"] - row["customers"]) / pace)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 10**6), spread=st.floats(0.1, 50), floor=st.sampled_from([0.0, 0.02]))
def test_needed_and_found_are_the_same_formula_and_fall_with_n(n, spread, floor):
    def row(n: int) -> dict:
        return dict(zip(power.COLUMNS, power._row(4, "x", n, 26, spread=spread, pace=1.0, floor=floor), strict=True))

    assert row(n + 1)["smallest_lift"] < row(n)["smallest_lift"]
    assert row(n)["needed_for_10"] >= row(n)["needed_for_20"] >= row(n)["needed_for_30"]
    for lift in power.LIFTS:
        needed = row(n)[f"needed_for_{lift * 100:.0f}"]
        assert row(needed)["smallest_lift"] <= lift * (1 + 1e-9)
        assert needed == 1 or row(needed - 1)["smallest_lift"] >= lift * (1 - 1e-9)
    assert row(n)["time_to_answer_weeks_for_20"] == max(0, row(n)["needed_for_20"] - n)


# ---------------------------------------------------------------- at the till
def test_at_the_till_the_width_of_the_interval_tells_and_its_place_does_not():
    z = 2.8016
    se = (math.log(1.4) - math.log(0.9)) / (2 * 1.959964)
    options = {"orders": gamma_shop(60, seed=1), "usable_joiners": 100}
    row = table_of(**options, effects=[effect()]).loc[power.TILL]
    assert row["smallest_lift"] == pytest.approx(math.expm1(z * se), rel=1e-4)
    room = (math.log(1.2) / z) ** 2 - 0.02**2
    assert row["needed_for_20"] == pytest.approx(100 * (se**2 - 0.02**2) / room, abs=1.5)
    assert row["time_to_answer_weeks_for_20"] == pytest.approx((row["needed_for_20"] - 100) / (100 / 26))  # 39 - 13
    higher = effect(low=2 * 0.9 - 1, high=2 * 1.4 - 1, estimate=1.0)
    pd.testing.assert_frame_equal(table_of(**options, effects=[higher]), table_of(**options, effects=[effect()]))
    for other in (effect(outcome="spend"), effect(low=math.nan), effect(low=-1.0), effect(rung=0)):
        assert "Planned" in said(table_of(**options, effects=[other]).loc[power.TILL, "note"])


@pytest.mark.parametrize(("scenario", "customers"), [("mixed", 1000), ("stable", 1000), ("mixed", 4000)])
def test_the_plan_at_the_till_is_about_what_the_estimator_reaches(scenario, customers):
    reached, planned = [], []
    for seed in (11, 12, 13, 14)[: 1 if customers > 1000 else 4]:
        shop = simulated(customers=customers, seed=seed, **simulate.SCENARIOS[scenario])
        found = calibrated(panel(shop.orders, shop.members, launched_on=shop.launched_on))
        row = power.power_table(shop.frames, launched_on=shop.launched_on, usable_joiners=len(found.joiners))
        planned.append(row.set_index("design").loc[power.TILL, "smallest_lift"])
        reached.append(np.expm1(power.Z * found.se))
    assert np.mean(planned) == pytest.approx(np.mean(reached), rel=0.35)


def test_a_short_history_cannot_be_compared_at_the_till_or_by_the_cross_check_alone():
    orders = gamma_shop(300, seed=2)
    late = orders[orders["ordered_at"] >= LAUNCH - 60 * WEEK]
    full, cross = (table_of(rows, usable_joiners=80).loc[power.TILL] for rows in (orders, late))
    assert cross["smallest_lift"] > 1.5 * full["smallest_lift"] and "cross-check" in said(cross["note"])
    none = table_of(orders[orders["ordered_at"] >= LAUNCH - 30 * WEEK], usable_joiners=80).loc[power.TILL]
    assert math.isnan(none["smallest_lift"]) and "whole weeks of orders before the launch; 75 are" in said(none["note"])


def test_before_anybody_joined_the_joiners_needed_are_known_and_the_time_is_not():
    orders = gamma_shop(300, seed=2)
    row = table_of(orders).loc[power.TILL]
    assert math.isnan(row["smallest_lift"]) and row["time_to_answer_weeks_for_20"] == math.inf
    assert row["needed_for_20"] == table_of(orders, usable_joiners=80).loc[power.TILL, "needed_for_20"] > 50
    assert "fewer than 50" in said(row["note"])
    for launched_on in (None, LAUNCH.date().replace(year=2030)):
        planned = power.power_table({"orders": orders}, launched_on=launched_on).set_index("design").loc[power.TILL]
        assert planned["weeks"] == 0 and planned["needed_for_20"] == pytest.approx(row["needed_for_20"], rel=0.2)
    nobody = table_of(orders, usable_joiners=None).loc[power.TILL]
    assert "nobody to compare" in said(nobody["note"]) and math.isnan(nobody["needed_for_20"])


# ---------------------------------------------------------------- trend, randomised
def test_the_trend_finds_what_its_forecast_error_allows_and_waiting_does_not_help():
    wide, narrow = (table_of(gamma_shop(60, seed=1), effects=[effect(2, low, high, 39)]).loc[power.TREND]
                    for low, high in ((-0.2, 0.3), (-0.04, 0.06)))
    assert wide["smallest_lift"] == pytest.approx(1.625 ** (2.8016 / 3.919928) - 1, rel=1e-3)
    assert wide["needed_for_20"] == wide["time_to_answer_weeks_for_20"] == math.inf
    assert narrow["time_to_answer_weeks_for_20"] == 0 and narrow["needed_for_10"] == 4
    missing = effect(2, math.nan, math.nan, estimate=math.nan, note="three weeks are not enough")
    assert table_of(gamma_shop(60, seed=1), effects=[missing]).loc[power.TREND, "note"] == "Three weeks are not enough."


def test_an_experiment_under_way_has_a_row_of_its_own():
    row = table_of(gamma_shop(60, seed=1), effects=[effect(4)]).loc["drawn"]
    se = math.log(1.4 / 0.9) / 3.919928
    assert row["customers"] == 200 and row["needed_for_10"] == pytest.approx(200 * (se * 2.8016 / math.log(1.1)) ** 2,
                                                                             abs=2)


# ---------------------------------------------------------------- the table and its words
def test_nothing_known_says_so_and_does_not_fail():
    empty = gamma_shop(30, seed=1).iloc[:0]
    nothing = power.power_table({"orders": empty}, launched_on=None)
    assert nothing.empty and list(nothing) == power.COLUMNS and "Too few" in can_know(nothing)
    tiny = gamma_shop(30, seed=1)
    refunds = tiny.assign(is_refund=True, amount=-1.0)
    guests = tiny.assign(customer_id=pd.Series(pd.NA, tiny.index, dtype="str"))
    for orders in (tiny.iloc[:1], tiny.iloc[:3], tiny.iloc[-2:], refunds, guests):
        for launched_on in (None, LAUNCH.date()):
            table = power.power_table({"orders": orders}, launched_on=launched_on)
            assert list(table) == power.COLUMNS and table["smallest_lift"].isna().all() and (table["note"] != "").all()
            assert can_know(table).startswith("Too few customers")
    early = power.power_table({"orders": tiny}, launched_on=LAUNCH.date().replace(year=2020)).set_index("design")
    assert said(early.loc[power.TILL, "note"]).startswith("0 whole weeks of orders before the launch")


def test_the_inputs_are_left_as_they_are_and_every_rung_is_there():
    orders = gamma_shop(300, seed=2)
    kept = orders.copy(deep=True)
    table = power.power_table({"orders": orders}, launched_on=LAUNCH.date(), effects=[effect(2)], usable_joiners=80)
    pd.testing.assert_frame_equal(orders, kept)
    assert table["rung"].tolist() == [1, 2, 3, 4, 4, 4, 4] and table["design"].is_unique
    assert table["needed_unit"].tolist() == ["customers", "weeks", "joiners", *["customers"] * 4]
    again = power.power_table({"orders": orders}, launched_on=LAUNCH.date(), effects=[effect(2)], usable_joiners=80)
    pd.testing.assert_frame_equal(table, again)


def test_the_sentence_says_what_can_be_found_and_what_more_takes():
    table = power.power_table({"orders": gamma_shop(600, seed=2)}, launched_on=LAUNCH.date(), usable_joiners=94,
                              effects=[effect(2)])
    rows, told = table.set_index("design"), can_know(table)
    till, half, cuped = rows.loc[power.TILL], rows.loc[HALF], rows.loc[CUPED]
    assert told.startswith("With 94 members to compare and 39 weeks since the launch, this shop can find a lift of +"
                           f"{100 * till['smallest_lift']:.0f} % or more among its members, in four cases out of five.")
    months = math.ceil(till["time_to_answer_weeks_for_20"] / (365.25 / 84))
    twenty, ten = (power.rounded_up(till[f"needed_for_{lift}"]) for lift in (20, 10))
    assert f"To find +20 % takes about {twenty:,} of them ({months} months more" in told
    assert f"; to find +10 % takes about {ten:,} of them." in told
    assert (f"half of the {half['customers']} customers of the last year would find "
            f"+{100 * half['smallest_lift']:.0f} % or more in 26 weeks, +{100 * cuped['smallest_lift']:.0f} %") in told
    assert told.endswith("and waiting does not change that.") and "caused" not in told


def test_the_sentence_of_a_shop_with_few_joiners_and_of_one_that_knows_enough():
    orders = gamma_shop(300, seed=2)
    few = can_know(power.power_table({"orders": orders}, launched_on=LAUNCH.date(), usable_joiners=12))
    assert few.startswith("12 members can be compared with other buyers at the till so far; below 50 no answer is")
    many = can_know(power.power_table({"orders": orders}, launched_on=LAUNCH.date(),
                                                     usable_joiners=90_000))
    assert "takes" not in many
    assert [power.rounded_up(n) for n in (7, 61, 612, 1534)] == [7, 61, 620, 1600]
    assert [said(power._long(weeks)) for weeks in (0.5, 8, 20, 400)] == ["1 week", "8 weeks", "5 months",
                                                                         "over five years"]
