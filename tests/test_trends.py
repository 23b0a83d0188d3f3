"""Pretended launches, and what else happened at the real one: planted truths and shops too young to be asked."""

from __future__ import annotations

import time
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import in_words, said

from loyalty_helpers.evaluation.trends import (
    at_launch,
    at_launch_sentence,
    placebo_launches,
    placebo_sentence,
    trend,
    with_placebo,
)
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.wording import findings as wording

LAUNCH = date(2025, 3, 3)  # a Monday
COLUMNS = ["launched_on", "weeks_before", "weeks_after", "estimate", "low", "high", "covers_zero"]


def weeks_of(counts, *, before: int, **columns) -> pd.DataFrame:
    """A shop with `counts` orders in its weeks, the first `before` of them before the launch; 600 customers.

    `columns`: name -> function of (week of each order, random generator).
    """
    rng, counts = np.random.default_rng(5), np.asarray(counts)
    week = np.repeat(np.arange(len(counts)) - before, counts)
    day = np.sort(np.concatenate([week * 7 + 7 * rng.random(len(week)) * 0.99, [-7 * before],
                                  [7 * (len(counts) - before) - 0.01]]))  # an order on the first and the last day
    orders = pd.DataFrame({
        "order_id": [f"o{i}" for i in range(len(day))],
        "customer_id": pd.Series([f"c{i}" for i in rng.integers(0, 600, len(day))], dtype="str"),
        "ordered_at": pd.Series(pd.Timestamp(LAUNCH) + pd.to_timedelta(day, unit="D")).astype("datetime64[us]"),
        "amount": 100 * np.exp(0.3 * rng.normal(size=len(day))),
        "is_refund": False,
    })
    return orders.assign(**{name: values(day // 7, rng) for name, values in columns.items()})


def poisson(mean: float, n: int = 143, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, n)


@pytest.fixture(scope="module")
def shop() -> simulate.Shop:
    return simulate.shop(customers=800, lift=0.0, seed=11)


# ---------------------------------------------------------------- pretended launches
def test_most_pretended_launches_of_shops_where_nothing_happened_show_nothing():
    covers, low, high = [], [], []
    for seed in range(10):
        table = placebo_launches(simulate.shop(customers=600, seed=seed).orders, launched_on=LAUNCH)
        covers.append(table["covers_zero"].mean())
        low.append(table["low"].max())
        high.append(table["high"].min())
    assert np.mean(covers) >= 0.85
    assert np.max(low) > -0.3 and np.min(high) < 0.5  # not because the intervals hold everything


def test_a_step_where_there_was_no_program_is_flagged():
    counts = poisson(400)
    counts[70:] = (counts[70:] * 1.5).astype(int)
    orders = weeks_of(counts, before=104)
    table = placebo_launches(orders, launched_on=LAUNCH)
    at_step = table[table["weeks_before"] == 70].iloc[0]
    assert not at_step["covers_zero"] and at_step["low"] < 0.5 < at_step["high"] and at_step["low"] > 0.2
    assert at_step["launched_on"] == pd.Timestamp(LAUNCH) - pd.Timedelta(days=7 * 34)
    words = said(placebo_sentence(table, trend(orders, launched_on=LAUNCH)))
    assert f"{at_step['launched_on']:%Y-%m-%d}: +" in words and "a change where there was no program" in words


def test_the_dates_lie_before_the_launch_and_see_nothing_since(shop):
    table = placebo_launches(shop.orders, launched_on=LAUNCH)
    assert list(table.columns) == COLUMNS and len(table) == 6
    assert (table["weeks_before"] >= 52).all() and (table["weeks_after"] >= 8).all()
    assert (table["weeks_before"] + table["weeks_after"] <= 104).all() and table["weeks_after"].max() == 39
    assert (table["launched_on"] == pd.Timestamp(LAUNCH) - (104 - table["weeks_before"]) * pd.Timedelta(days=7)).all()
    since = shop.orders["ordered_at"] >= pd.Timestamp(LAUNCH)
    tripled = pd.concat([shop.orders, *(shop.orders[since].assign(order_id=shop.orders["order_id"] + tail)
                                        for tail in "xy")])
    pd.testing.assert_frame_equal(placebo_launches(tripled, launched_on=LAUNCH), table)


def test_a_pretended_launch_is_the_trend_asked_at_that_date():
    """The same as `trend` of the orders cut before the real launch, where the whole of them is asked about."""
    orders = weeks_of(poisson(80), before=117)
    row = placebo_launches(orders, launched_on=LAUNCH).iloc[-1]
    cut = orders[orders["ordered_at"] < pd.Timestamp(LAUNCH)]
    effect = trend(cut, launched_on=row["launched_on"].date())
    assert row["weeks_before"] + row["weeks_after"] == 117 == effect.n
    assert [row["estimate"], row["low"], row["high"]] == pytest.approx([effect.estimate, effect.low, effect.high])


def test_pretended_launches_are_quick(shop):
    placebo_launches(shop.orders, launched_on=LAUNCH)
    began = time.process_time()
    placebo_launches(shop.orders, launched_on=LAUNCH)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(("before", "after", "dates"), [(55, 30, 0), (60, 30, 1), (64, 30, 2), (104, 5, 6), (58, 6, 1),
                                                        (104, 2, 0), (40, 30, 0)])
def test_a_short_history_has_few_pretended_launches_or_a_reason(before, after, dates):
    orders = weeks_of(poisson(50, before + after), before=before)
    table, effect = placebo_launches(orders, launched_on=LAUNCH), trend(orders, launched_on=LAUNCH)
    assert len(table) == dates and list(table.columns) == COLUMNS
    words = said(placebo_sentence(table, effect))
    if not dates:
        assert "could not be tried" in words and with_placebo(effect, table) is effect
        why_not = "no date before the real one" if effect.measurable else said(effect.note)
        assert why_not in words
    else:
        assert f"Of {dates} pretended launch{'es' if dates > 1 else ''} " in words


def test_without_a_launch_there_is_nothing_to_pretend(shop):
    effect = trend(shop.orders, launched_on=None)
    table = placebo_launches(shop.orders, launched_on=None)
    assert table.empty and "no launch date" in said(placebo_sentence(table, effect))
    assert placebo_launches(weeks_of(np.full(143, 9), before=104).iloc[:0], launched_on=LAUNCH).empty


def placebos(*estimates: float, half: float = 0.1) -> pd.DataFrame:
    return pd.DataFrame([{"launched_on": pd.Timestamp(LAUNCH) - pd.Timedelta(weeks=10 + i), "weeks_before": 60,
                          "weeks_after": 10, "estimate": e, "low": e - half, "high": e + half,
                          "covers_zero": abs(e) <= half} for i, e in enumerate(estimates)], columns=COLUMNS)


def test_words_count_and_compare(shop):
    effect = trend(weeks_of(np.append(poisson(400, 104), poisson(600, 39)), before=104), launched_on=LAUNCH)
    assert 0.3 < effect.estimate < 0.7
    words = said(placebo_sentence(placebos(0.01, -0.05, 0.3), effect))
    assert words.startswith("Of 3 pretended launches before the real one, 2 show nothing, as they should; the rest")
    assert "(2024-12-09: +30 %)" in words
    assert f"The {wording.value(effect)} of the real launch lies above what they gave (−5 % to +30 %)." in words
    within = said(placebo_sentence(placebos(-0.05, 0.9), effect))
    assert "1 shows nothing, as it should" in within and "such a number comes about without a program" in within
    assert "all show nothing" in said(placebo_sentence(placebos(0.01, 0.02), effect))
    assert "every one shows a change" in said(placebo_sentence(placebos(0.4, 0.5), effect))
    assert "lies below" in said(placebo_sentence(placebos(0.8, 0.9), effect))


def test_the_effect_takes_the_median_pretended_launch():
    effect = trend(weeks_of(poisson(50), before=104), launched_on=LAUNCH)
    assert np.isnan(effect.placebo)
    odd = with_placebo(effect, placebos(0.3, -0.05, 0.01))
    assert [odd.placebo, odd.placebo_low, odd.placebo_high] == pytest.approx([0.01, -0.09, 0.11])
    assert with_placebo(effect, placebos(0.3, -0.05, 0.01, -0.2)).placebo == pytest.approx(-0.05)
    assert odd.estimate == effect.estimate


# ---------------------------------------------------------------- what else happened
def row_of(table: pd.DataFrame, what: str) -> pd.Series:
    table = in_words(table)
    return table[table["what"].str.contains(what)].iloc[0]


def test_what_changed_at_the_launch_is_found_with_its_numbers():
    flat = poisson(60)
    orders = weeks_of(flat, before=104, channel=lambda week, rng: np.where(
        rng.random(len(week)) < np.where(week < 0, 0.7, 0.4), "Shop", "Web"))
    since = orders["ordered_at"] >= pd.Timestamp(LAUNCH)
    orders = orders.assign(amount=orders["amount"] * np.where(since, 1.2, 1.0),
                           customer_id=orders["customer_id"].mask(np.arange(len(orders)) % 10 == 0))
    table = at_launch(orders, launched_on=LAUNCH)
    price, web = row_of(table, "average order"), row_of(table, "through Web")
    first = (orders["ordered_at"] - pd.Timestamp(LAUNCH)) // pd.Timedelta(weeks=13)
    assert price["after"] == pytest.approx(orders.loc[first == 0, "amount"].mean())
    assert price["before"] == pytest.approx(orders.loc[first == -1, "amount"].mean())
    assert price["change"] == pytest.approx(price["after"] / price["before"] - 1)
    assert web["change"] == pytest.approx(web["after"] - web["before"]) and 0.24 < web["change"] < 0.36
    assert price["moved"] and web["moved"] and not row_of(table, "without a customer")["moved"]
    words = said(at_launch_sentence(table))
    assert "The average order went from" in words and "The trend cannot separate this from the program." in words
    assert "No more than usual changed:" in words and "stand in no table" in words


def test_a_wave_of_new_customers_is_found():
    orders = weeks_of(poisson(60), before=104)
    since = (orders["ordered_at"] >= pd.Timestamp(LAUNCH)) & (np.arange(len(orders)) % 2 == 0)
    orders = orders.assign(customer_id=orders["customer_id"].mask(since, "new" + orders["order_id"]))
    row = row_of(at_launch(orders, launched_on=LAUNCH), "new customers")
    assert row["moved"] and row["after"] - row["before"] > 0.3


def test_new_customers_are_those_without_an_order_in_the_half_year_before():
    orders = weeks_of(poisson(20), before=104)
    orders = orders.assign(customer_id=orders["customer_id"].mask(np.arange(len(orders)) % 7 == 0))
    row = row_of(at_launch(orders, launched_on=LAUNCH), "new customers")
    for side, start in (("before", -13), ("after", 0)):
        begin = pd.Timestamp(LAUNCH) + pd.Timedelta(weeks=start)
        rows = orders[orders["ordered_at"].between(begin, begin + pd.Timedelta(weeks=13), inclusive="left")]
        new = [not orders.loc[orders["customer_id"] == customer, "ordered_at"].between(
            at - pd.Timedelta(weeks=26), at, inclusive="left").any()
            for customer, at in rows.dropna(subset="customer_id")[["customer_id", "ordered_at"]].to_numpy()]
        assert row[side] == pytest.approx(np.mean(new)) and 0.2 < np.mean(new) < 0.8


def test_a_channel_opened_at_the_launch_is_found():
    orders = weeks_of(poisson(60), before=104, channel=lambda week, rng: np.where(
        (week >= 0) & (rng.random(len(week)) < 0.08), "Live", "Shop"))
    row = row_of(at_launch(orders, launched_on=LAUNCH), "through Live")
    assert row["moved"] and row["before"] == 0 and f"from 0.0 % to {row['after'] * 100:.1f} %" in row["sentence"]


def test_quiet_shops_are_seldom_said_to_have_changed():
    moved = pd.concat([at_launch(simulate.shop(customers=400, seed=seed).orders, launched_on=LAUNCH)
                       for seed in range(12)])["moved"]
    assert moved.notna().all() and len(moved) >= 60 and moved.astype(bool).mean() <= 0.15


@pytest.mark.parametrize(("before", "after", "says"), [
    (104, 3, "cannot be told"), (2, 20, "cannot be told"), (30, 20, "Too few weeks before the launch"),
    (104, 6, "No more than usual changed")])
def test_what_else_changed_of_young_shops(before, after, says):
    table = at_launch(weeks_of(poisson(50, before + after), before=before), launched_on=LAUNCH)
    assert says in said(at_launch_sentence(table))
    assert "nan" not in said(*table["sentence"])


def test_nothing_raises_without_orders_or_launch(shop):
    for orders, launch in ((shop.orders, None), (shop.orders.iloc[:0], LAUNCH), (shop.orders.iloc[:1], LAUNCH),
                           (shop.orders.assign(customer_id=pd.Series(pd.NA, shop.orders.index, dtype="str")), LAUNCH)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert said(at_launch_sentence(at_launch(orders, launched_on=launch)))
            placebo_launches(orders, launched_on=launch)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 110), st.integers(0, 60), st.integers(0, 10**6))
def test_invariants(before, after, seed):
    orders = weeks_of(np.random.default_rng(seed).poisson(3, before + after + 1), before=before)
    kept = orders.copy()
    table, what = placebo_launches(orders, launched_on=LAUNCH), at_launch(orders, launched_on=LAUNCH)
    pd.testing.assert_frame_equal(orders, kept)
    assert (table["low"] <= table["estimate"]).all() and (table["estimate"] <= table["high"]).all()
    assert table["covers_zero"].eq((table["low"] <= 0) & (table["high"] >= 0)).all() and len(table) <= 6
    shares = what[what["unit"] == "share"]
    assert shares["before"].between(0, 1).all() and shares["after"].between(0, 1).all()
    assert "were not checked" in said(at_launch_sentence(what))
