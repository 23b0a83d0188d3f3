"""The evidence ladder and the money: known answers, planted truths, and shops with next to nothing in them."""

from __future__ import annotations

import functools
import math
import time
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest
from by_hand import DAY, LAUNCH, client_of, members_of, orders_of
from hypothesis import given, settings
from hypothesis import strategies as st
from said import in_words, said
from statsmodels.stats.power import NormalIndPower

from loyalty_helpers import evaluation
from loyalty_helpers.core import windows
from loyalty_helpers.core.messages import message
from loyalty_helpers.core.purchases import CALENDAR_YEAR
from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.evaluation import before_after, money, power, rungs, trends
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.wording import findings as wording

DESIGN_COLUMNS = ["outcome", "rung", "method", "scope", "estimate", "low", "high", "unit", "n_treated", "n_comparison",
                  "ess", "placebo", "placebo_low", "placebo_high", "grade", "headline", "note"]


def weeks_of(counts: np.ndarray, *, before: int) -> pd.DataFrame:
    """A shop with `counts` orders in its weeks, the first `before` of them before the launch; 600 customers."""
    day = np.repeat((np.arange(len(counts)) - before) * 7, counts) + 3.5
    edges = [-7 * before, 7 * (len(counts) - before) - 0.5]  # an order in the first and in the last day
    return orders_of([(f"c{i % 600}", d, 10) for i, d in enumerate([*day, *edges])])


@pytest.fixture(scope="module")
def shop() -> simulate.Shop:
    return simulate.shop(customers=800, lift=0.0, seed=11)


def would_tell(frames: dict, client: Client) -> str:
    return said(rungs.would_tell(frames, client))


def why_not(frames: dict, program: Program, effects: list) -> str:
    return said(rungs.why_not(frames, program, effects))


def windows_of(frames: dict, launched_on: date = LAUNCH) -> windows.Windows:
    return windows.windows(frames["orders"], launched_on=launched_on)


# ---------------------------------------------------------------- weeks
def test_weeks_are_whole_and_count_purchases():
    orders = orders_of([("a", -10, 5), ("a", -7, 1), ("b", -1, 2), ("b", 8, 4), ("b", 9, -3), (None, 10, 6),
                        ("a", 20, 9)])
    weekly = evaluation.weekly(orders, launched_on=LAUNCH)
    assert weekly["week"].tolist() == [-1, 0, 1, 2]  # the data begin 10 days before: that week is not whole
    assert weekly["orders"].tolist() == [2, 0, 2, 1]
    assert weekly["revenue"].tolist() == [3, 0, 4 - 3 + 6, 9]
    assert weekly["week_start"].iloc[1] == pd.Timestamp(LAUNCH)
    np.testing.assert_array_equal(weekly["identified"], [1, np.nan, 0.5, 1])
    assert evaluation.weekly(orders, launched_on=LAUNCH, end=date(2025, 3, 16))["week"].tolist() == [-1, 0]


def test_weeks_without_a_launch_begin_on_a_monday():
    weekly = evaluation.weekly(orders_of([("a", 2, 1), ("a", 20, 1)]), launched_on=None)
    assert weekly["week_start"].tolist() == [pd.Timestamp(LAUNCH) + 7 * DAY, pd.Timestamp(LAUNCH) + 14 * DAY]
    assert weekly["week"].tolist() == [0, 1]


@settings(max_examples=25, deadline=None)
@given(days=st.lists(st.floats(-80, 80), min_size=1, max_size=40), seed=st.integers(0, 99))
def test_weeks_hold_every_order_of_their_days_in_any_order_of_rows(days, seed):
    orders = orders_of([("a", day, 1) for day in days])
    weekly = evaluation.weekly(orders, launched_on=LAUNCH)
    shuffled = orders.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(weekly, evaluation.weekly(shuffled, launched_on=LAUNCH))
    if len(weekly):
        inside = orders["ordered_at"].between(weekly["week_start"].min(), weekly["week_start"].max() + 7 * DAY, "left")
        assert weekly["orders"].sum() == inside.sum()
        assert (np.diff(weekly["week"]) == 1).all()


# ---------------------------------------------------------------- rungs 0 and 1
def test_members_after_against_before_joining_counts_the_joining_order_as_after():
    rows, joined = [("first", -200, 10), ("last", 200, 10)], {}
    for i in range(20):
        customer, day = f"m{i}", 10 + i
        joined[customer] = day + 0.6  # recorded in the evening of the day of the order
        rows += [(customer, day - 95, 1), (customer, day - 5, 1), (customer, day, 1), (customer, day + 20, 1),
                 (customer, day + 90, 1), (customer, day + 91, 1)]
    joined |= {"early": -3, "late": 150, "future": 9000, "unknown": 20}
    frames = {"orders": orders_of(rows), "members": members_of(joined)}
    effect = before_after.naive(frames, windows_of(frames))[2]
    assert effect.estimate == pytest.approx(3 / 1 - 1)
    assert effect.n == 21 and "3 members left out" in said(effect.note)


def test_members_against_others_compares_those_who_ordered():
    rows = [("first", -300, 1), *((f"m{i}", 5 + k, 1) for i in range(12) for k in range(3)),
            *((f"o{i}", 5 + k, 1) for i in range(24) for k in range(2)), *((f"idle{i}", -50, 1) for i in range(30))]
    frames = {"orders": orders_of(rows), "members": members_of({f"m{i}": 5 for i in range(12)})}
    effect = before_after.naive(frames, windows_of(frames))[3]
    assert effect.estimate == pytest.approx(3 / 2 - 1)
    assert (effect.n_treated, effect.n_comparison) == (12, 24)


def test_description_counts_anonymous_orders_and_matches_the_season():
    rows = [("first", -500, 1)]
    for i in range(40):
        rows += [(f"c{i}", 3 + i, 1), (f"c{i}", 3 + i - 364, 1), (None, 4 + i, 1)]
    frames = {"orders": orders_of(rows)}
    effect = before_after.describe(frames, windows_of(frames))
    assert (effect.rung, effect.grade, effect.scope) == (1, "E", "everyone")
    assert effect.estimate == pytest.approx(80 / 40 - 1)
    assert effect.low < 1 < effect.high
    assert before_after.naive(frames, windows_of(frames))[1].estimate == pytest.approx(0)


def test_resampling_customers_gives_the_spread_that_many_shops_have():
    rng = np.random.default_rng(5)

    def sample() -> np.ndarray:
        rate = rng.gamma(1, 3, 400)
        return np.column_stack([rng.poisson(rate), rng.poisson(rate * 1.2), np.ones(400), np.ones(400)]).astype(int)

    effects = [before_after._compared(message("naive-after"), sample(), confidence=0.95) for _ in range(50)]
    assert 0.88 <= np.mean([effect.low <= 0.2 <= effect.high for effect in effects]) < 1


def test_usual_comparisons_claim_an_effect_where_there_is_none():
    effects = []
    for seed in range(4):
        frames = simulate.shop(customers=700, lift=0.0, seed=seed).frames
        effects.append(before_after.naive(frames, windows_of(frames)))
    mean = np.mean([[effect.estimate for effect in shop] for shop in effects], axis=0)
    claims = np.mean([[effect.low > 0 for effect in shop] for shop in effects], axis=0)
    assert (mean[1:] > 0.10).all()
    assert (claims[2:] == 1).all()
    assert all(effect.rung == 0 and effect.grade == "E" and effect.note for shop in effects for effect in shop)


# ---------------------------------------------------------------- rung 2
def season_of(weeks: np.ndarray) -> np.ndarray:
    return np.exp(0.2 * np.sin(2 * np.pi * (weeks + 5) / (CALENDAR_YEAR / 7)))


def test_trend_finds_a_planted_step_of_the_whole_shop():
    weeks = np.arange(-104, 39)
    counts = np.round(400 * season_of(weeks) * np.where(weeks >= 0, 1.25, 1)).astype(int)
    orders = weeks_of(counts, before=104)
    found, series = trends.trend(orders, launched_on=LAUNCH), trends.interrupted_time_series
    for effect in (found, trends.trend(orders, launched_on=LAUNCH, outcome="spend"),
                   series(orders, launched_on=LAUNCH)):
        assert effect.estimate == pytest.approx(0.25, abs=0.01)
        assert effect.low > 0.2 and effect.high < 0.3
        assert (effect.n_comparison, effect.n_treated) == (104, 39)
    assert "above what the trend predicted" in said(found)


@pytest.mark.parametrize(("level", "wander"), [(50, 0.02), (12, 0.01)])
def test_trend_interval_holds_the_planted_step(level, wander):
    trend, series = [], []
    for seed in range(20):
        rng, weeks = np.random.default_rng(seed), np.arange(-104, 39)
        log = np.cumsum(rng.normal(0, wander, len(weeks)))
        counts = rng.poisson(level * np.exp(log - log[104]) * season_of(weeks) * np.where(weeks >= 0, 1.2, 1))
        orders = weeks_of(counts, before=104)
        trend.append(trends.trend(orders, launched_on=LAUNCH))
        series.append(trends.interrupted_time_series(orders, launched_on=LAUNCH))
    holds, beside = (np.mean([e.low <= 0.2 <= e.high for e in effects]) for effects in (trend, series))
    assert holds >= 0.90
    assert beside < holds  # it is shown as too narrow, and it is


def test_forecast_is_that_of_generalised_least_squares(monkeypatch):
    rng, n, launch, ratio = np.random.default_rng(3), 140, 104, 0.3
    weeks = np.arange(n)
    turns = 2 * np.pi * np.outer(weeks, [1, 2]) / (CALENDAR_YEAR / 7)
    season = np.hstack([np.sin(turns), np.cos(turns)])
    y = 4 + np.cumsum(rng.normal(0, 0.03, n)) + rng.normal(0, 0.1, n)
    monkeypatch.setattr(trends, "RATIOS", np.array([ratio, ratio + 1e-9]))
    series = trends.LogWeeks(weeks=pd.DataFrame(), log=y, offset=0.5, season=season, launch=launch, notes=(),
                                 why_not=None)
    means, errors = trends._forecast(series)

    covariance = np.eye(n) + ratio**2 * np.minimum.outer(weeks + 1.0, weeks + 1.0)
    old, design = slice(0, launch), np.column_stack([np.ones(n), season])
    targets = np.vstack([np.eye(n)[launch:], np.eye(n)[launch:].mean(axis=0)])
    inverse = np.linalg.inv(covariance[old, old])
    information = design[old].T @ inverse @ design[old]
    beta = np.linalg.solve(information, design[old].T @ inverse @ y[old])
    rest = y[old] - design[old] @ beta
    scale = rest @ inverse @ rest / (launch - design.shape[1])
    gain = targets @ covariance[:, old] @ inverse
    lack = targets @ design - gain @ design[old]
    variance = (targets @ covariance @ targets.T - gain @ covariance[old] @ targets.T
                + lack @ np.linalg.solve(information, lack.T))
    np.testing.assert_allclose(means, targets @ design @ beta + gain @ rest, atol=1e-3)
    np.testing.assert_allclose(errors, np.sqrt(scale * np.diag(variance)), rtol=1e-3)


def test_trend_fit_is_what_the_trend_says(shop):
    fit = trends.trend_fit(shop.orders, launched_on=LAUNCH)
    effect = trends.trend(shop.orders, launched_on=LAUNCH)
    before, after = fit[fit["week"] < 0], fit[fit["week"] >= 0]
    assert before["predicted"].isna().all() and after.notna().all().all()
    assert (after["low"] <= after["predicted"]).all() and (after["predicted"] <= after["high"]).all()
    gap = np.log(after["observed"] + 0.5) - np.log(after["predicted"] + 0.5)
    assert effect.estimate == pytest.approx(np.expm1(gap.mean()), rel=1e-6)


def test_trend_says_what_it_cannot_have():
    late = trends.trend(weeks_of(np.full(80, 9), before=40), launched_on=LAUNCH)
    assert "40 whole weeks of orders before the launch; 52 are needed" in said(late)
    young = weeks_of(np.full(107, 9), before=104)
    assert "3 whole weeks of orders since the launch; 4 are" in said(trends.trend(young, launched_on=LAUNCH))
    assert "no launch date" in said(trends.trend(young, launched_on=None))
    rng = np.random.default_rng(1)
    short = trends.trend(weeks_of(rng.poisson(9, 80), before=60), launched_on=LAUNCH)
    assert short.measurable and "With 80 weeks of orders the season cannot be told" in said(short.note)
    assert "learnt from 60 weeks" in said(
        trends.trend(weeks_of(rng.poisson(9, 110), before=60), launched_on=LAUNCH).note)
    gaps = rng.poisson(9, 143)
    gaps[[4, 120]] = 0
    assert "2 weeks without orders" in said(trends.trend(weeks_of(gaps, before=104), launched_on=LAUNCH).note)


def test_trend_of_revenue_survives_a_week_of_refunds():
    orders = weeks_of(np.random.default_rng(1).poisson(60, 143), before=104)
    orders = pd.concat([orders, orders_of([("c1", -200, -50_000)])], ignore_index=True)
    effect = trends.trend(orders, launched_on=LAUNCH, outcome="spend")
    assert effect.measurable and "1 week without orders or revenue" in said(effect.note)


def test_trend_looks_at_the_first_year_only():
    rng = np.random.default_rng(1)
    counts = np.append(rng.poisson(60, 104 + 52), rng.poisson(600, 40))
    effect = trends.trend(weeks_of(counts, before=104), launched_on=LAUNCH)
    assert effect.n_treated == 52 and effect.high < 1


def test_trend_is_quick(shop):
    trends.trend(shop.orders, launched_on=LAUNCH)
    began = time.process_time()
    trends.trend(shop.orders, launched_on=LAUNCH)
    assert time.process_time() - began < 0.5


# ---------------------------------------------------------------- the ladder
def test_headline_is_chosen_by_the_data_there_are(shop):
    frames, program = shop.frames, client_of().program
    full = evaluation.headline(evaluation.ladder(frames, program, windows_of(frames)))
    assert (full.rung, full.scope, full.outcome) == (3, "members", "orders")
    alone = {"orders": frames["orders"]}
    assert evaluation.headline(evaluation.ladder(alone, program, windows_of(alone))).rung == 2
    all_in = evaluation.ladder(frames, client_of(joining="everyone").program, windows_of(frames))
    assert evaluation.headline(all_in).rung == 2 and max(effect.rung for effect in all_in) == 2
    start = pd.Timestamp(LAUNCH) - 40 * 7 * DAY
    short = frames | {"orders": frames["orders"][frames["orders"]["ordered_at"] >= start]}
    assert evaluation.headline(evaluation.ladder(short, program, windows_of(short))).rung == 1
    some = frames["orders"]["customer_id"].unique()[:300]
    few = frames | {"orders": frames["orders"][frames["orders"]["customer_id"].isin(some)]}
    ladder = evaluation.ladder(few, program, windows_of(few))
    assert ladder[0].rung == 3 and ladder[0].refused and evaluation.headline(ladder).rung == 1
    assert any(effect.rung == 2 and effect.measurable for effect in ladder)  # of 300 customers: no headline
    assert evaluation.headline(evaluation.ladder(frames, client_of(None).program, None)) is None


def test_effects_table_has_the_columns_of_the_design_and_says_what_is_refused(shop):
    effects = evaluation.ladder(shop.frames, client_of().program, windows_of(shop.frames))
    effects += evaluation.ladder({"orders": shop.orders}, client_of(None).program, None)
    table = in_words(evaluation.effects_table(effects))
    assert list(table.columns) == DESIGN_COLUMNS
    assert table["method"].tolist() == [said(effect.label) for effect in effects]
    few = {"orders": shop.orders, "members": shop.members[:60]}
    refused = [one for one in evaluation.ladder(few, client_of().program, windows_of(few)) if one.refused]
    assert any(effect.measurable for effect in refused)
    assert all(said(effect.note).startswith(f"Not to be relied on: {said(effect.refused)}.")
               for effect in refused if effect.measurable)


def test_nothing_is_said_to_be_caused(shop):
    effects = evaluation.ladder(shop.frames, client_of().program, windows_of(shop.frames))
    words = " ".join(said(effect, effect.note) for effect in effects).lower()
    assert "caus" not in words and "thanks to" not in words
    assert [effect for effect in effects if "comparable buyers" in said(effect) and effect.rung != 3] == []
    assert sum(effect.headline for effect in effects) == 1


# ---------------------------------------------------------------- what the data allow
@pytest.mark.parametrize(("usable", "before", "takes"), [
    (50, 75, ""),
    (40, 75, "10 more usable joiners, about 3 weeks of waiting at the pace so far"),
    (50, 60, "15 more weeks of orders from before the launch (older exports; waiting does not help)"),
])
def test_rung_three_needs_weeks_and_joiners(usable, before, takes):
    rows = [("old", -7 * before, 1), ("end", 7 * 25 - 0.5, 1)]  # joiners of weeks 0 to 11 have 13 weeks to follow
    rows += [(f"m{i}", day, 1) for i in range(usable) for day in (-120, 10)]
    frames = {"orders": orders_of(rows), "members": members_of({f"m{i}": 10 for i in range(usable)})}
    rung = in_words(evaluation.rungs_allowed(frames, client_of())).set_index("rung").loc[3]
    assert rung["what_it_takes"] == takes and rung["allowed"] == (takes == "")
    assert f"{usable} usable joiners" in rung["why"]


def test_rung_two_says_how_many_weeks_and_customers_are_missing():
    orders = weeks_of(np.full(70, 3), before=60)
    rung = in_words(evaluation.rungs_allowed({"orders": orders}, client_of())).set_index("rung").loc[2]
    customers = orders["customer_id"].nunique()
    assert "34 more weeks of orders in all" in rung["what_it_takes"]
    assert f"{500 - customers} more customers" in rung["what_it_takes"]
    assert "before the launch (older" not in rung["what_it_takes"]


def test_a_random_assignment_is_the_highest_rung():
    shop = simulate.shop(customers=600, holdout=0.5, seed=2)
    allowed = evaluation.rungs_allowed(shop.frames, client_of()).set_index("rung")
    assert allowed["allowed"].loc[4]
    best = evaluation.headline(evaluation.ladder(shop.frames, client_of().program, windows_of(shop.frames)))
    assert (best.rung, best.grade) == (4, "A")


def lots(frames: dict, day: int, arms: tuple[str, ...] = ("program", "holdout")) -> pd.DataFrame:
    """All customers of before `day` (since the launch) drawn for `arms` on that day, in equal parts."""
    at, rng = pd.Timestamp(LAUNCH) + day * DAY, np.random.default_rng(5)
    ids = np.unique(frames["orders"].loc[frames["orders"]["ordered_at"] < at, "customer_id"].dropna().to_numpy(object))
    return pd.DataFrame({"customer_id": pd.Series(rng.permutation(ids), dtype="str"),
                         "arm": [arms[i % len(arms)] for i in range(len(ids))], "assigned_at": at})


def rung_four(frames: dict, **program) -> pd.Series:
    return in_words(evaluation.rungs_allowed(frames, client_of(**program))).set_index("rung").loc[4]


@pytest.mark.parametrize(("day", "joining", "whole"), [
    (-30, "self-selected", True), (28, "self-selected", True), (29, "self-selected", False), (151, "everyone", False),
    (151, "randomised", True)])
def test_a_draw_for_a_campaign_is_no_verdict_on_the_program(shop, day, joining, whole):
    frames = {"orders": shop.orders} | ({"members": shop.members} if joining == "self-selected" else {})
    frames["assignment"] = lots(frames, day)
    program, since = client_of(joining=joining).program, pd.Timestamp(LAUNCH) + day * DAY
    effects = evaluation.ladder(frames, program, windows_of(frames))
    drawn, rung = [effect for effect in effects if effect.rung == 4], rung_four(frames, joining=joining)
    assert len(drawn) == 4 and all(effect.measurable and not effect.refused for effect in drawn)
    assert len({said(effect.label) for effect in drawn}) == 4
    assert (evaluation.headline(effects).rung == 4) == rung["allowed"] == whole
    note = f"It answers for what was offered to those drawn since {since.day} {since:%B %Y}, not for the program as a"
    label = f"campaign since {since.day} {since:%B %Y}, "
    assert all((note in said(effect.note)) == said(effect.label).startswith(label) == (not whole) for effect in drawn)
    assert f"{len(frames['assignment']):,} customers drawn into 2 arms" in rung["why"]
    assert (f"since {since.day} {since:%B %Y}" in rung["why"]) == (not whole)
    takes = f"answers for what was offered since {since.day} {since:%B %Y}"
    assert rung["what_it_takes"].endswith(takes) != whole


@pytest.mark.parametrize(("change", "reason"), [
    ({"arms": ("program", "mail", "holdout")}, "there are 3 arms"), ({"arms": ("program",)}, "a single arm"),
    ({"ids": "x"}, "so the ids may not be the same"), ({"lost": 80}, "where 50 % were to be"), ({}, "")])
def test_rung_four_is_what_its_estimator_says(shop, change, reason):
    frames = {"orders": shop.orders}
    assignment = lots(frames, 0, change.get("arms", ("program", "holdout")))
    assignment = assignment.assign(customer_id=change.get("ids", "") + assignment["customer_id"])
    held = assignment.index[assignment["arm"] == "holdout"][: change.get("lost", 0)]
    frames["assignment"] = assignment.drop(held)
    client = client_of(holdout_share=0.5)
    rung, text = rung_four(frames, holdout_share=0.5), would_tell(frames, client)
    best = evaluation.headline(evaluation.ladder(frames, client.program, windows_of(frames)))
    assert rung["allowed"] == (best.rung == 4) == (reason == "")
    assert f"{len(frames['assignment']):,} customers drawn into {assignment['arm'].nunique()} arm" in rung["why"]
    if not reason:
        assert text.startswith("Go on with the draw")
        return
    assert rung["what_it_takes"].startswith("a draw that can be used; this one cannot: ")
    assert reason in rung["what_it_takes"]
    assert text.startswith("The draw in the assignment could not be used (") and reason in text
    assert "). A random holdout would tell: " in text and "Go on" not in text


def test_a_draw_that_the_settings_name_and_nobody_kept_is_asked_for(shop):
    assert "but there is no assignment" in rung_four({"orders": shop.orders}, joining="randomised")["why"]
    assert rung_four({"orders": shop.orders})["why"] == "Nobody was drawn at random."
    for undated in (lots(shop.frames, 0).drop(columns="assigned_at"), lots(shop.frames, 0).assign(assigned_at=pd.NaT)):
        assert rung_four({"orders": shop.orders, "assignment": undated})["allowed"]
    none = lots(shop.frames, 0).iloc[:0]
    assert rung_four(shop.frames | {"assignment": none})["why"] == "Nobody was drawn at random."


def test_a_running_draw_is_to_go_on_with_what_it_finds(shop):
    frames = {"orders": shop.orders, "assignment": lots({"orders": shop.orders}, 0)}
    effect = evaluation.ladder(frames, client_of().program, None)[0]
    text = would_tell(frames, client_of())
    reach = (math.log1p(effect.high) - math.log1p(effect.low)) / 2 / 1.959964 * (1.959964 + 0.841621)
    assert f"with the {len(frames['assignment']):,} customers drawn so far" in text and "left out" not in text
    assert f"it finds a lift of +{100 * math.expm1(reach):.0f} % or more in four cases out of five; +10 %" in text
    needed = int(text.split("would take ")[1].split(" customers")[0].replace(",", ""))
    assert needed == pytest.approx(effect.n * (reach / math.log(1.1)) ** 2, rel=0.1)
    soon = frames | {"orders": shop.orders[shop.orders["ordered_at"] < pd.Timestamp(LAUNCH)]}
    assert would_tell(soon, client_of()).startswith("Go on with the draw, for 26 weeks: so far it says")
    campaign = {"orders": shop.orders, "assignment": lots({"orders": shop.orders}, 90)}
    told = would_tell(campaign, client_of())
    assert "Go on" not in told and told.endswith("It answers for those offers, not for the program as a whole.")
    assert "as a whole" not in would_tell({"orders": shop.orders}, client_of(joining="randomised"))


def test_why_it_cannot_be_told_names_what_refused(shop):
    orders = shop.orders
    some = orders["customer_id"].unique()[:300]
    few = {"orders": orders[orders["customer_id"].isin(some)], "members": shop.members}
    program = client_of().program
    told = why_not(few, program, evaluation.ladder(few, program, windows_of(few)))
    assert "Members against comparable buyers: " in told and "are needed" in told
    alone = {"orders": orders}
    trend = why_not(alone, program, evaluation.ladder(alone, program, windows_of(alone)))
    assert trend.startswith("The trend speaks of the whole shop")


def test_power_is_that_of_the_textbook():
    rng = np.random.default_rng(0)
    rows = [(f"c{i}", -7 * 26 - 1 - i % 50, 1) for i in range(300)]
    rows += [(f"c{i}", -rng.integers(1, 180), 1) for i in range(300) for _ in range(rng.poisson(2))]
    orders = orders_of([*rows, ("c0", -0.5, 1)])
    half, tenth = power.power_holdout(orders).to_dict("records")
    deviations = math.sqrt(half["variance"]) / half["mean"]
    for row, first in ((half, 150), (tenth, 30)):
        size = NormalIndPower().solve_power(nobs1=first, alpha=0.05, power=0.8, ratio=(300 - first) / first)
        assert np.log1p(row["smallest_lift"]) == pytest.approx(size * deviations, rel=1e-3)
    needed = NormalIndPower().solve_power(effect_size=np.log1p(0.2) / deviations, alpha=0.05, power=0.8)
    assert half["customers_for_20"] == pytest.approx(2 * needed, rel=1e-2)


@pytest.mark.parametrize(("customers", "smallest"), [(200, 0.63), (1000, 0.26)])
def test_power_of_simulated_shops_is_about_that_of_the_plan(customers, smallest):
    found = [power.power_holdout(simulate.shop(customers=customers, seed=seed).orders)["smallest_lift"].iloc[0]
             for seed in range(4)]
    assert np.mean(found) == pytest.approx(smallest, rel=0.25)


def test_what_would_tell_is_told_in_numbers_of_the_shop(shop):
    text = would_tell(shop.frames, client_of())
    half = power.power_holdout(shop.orders).to_dict("records")[0]
    assert f"{half['customers']:,} customers of the last year" in text
    assert f"+{100 * half['smallest_lift']:.0f} %" in text and "26 weeks" in text
    assert "+10 % would take" in text
    assert half["customers"] < 0.95 * half["customers_for_10"]
    steady = orders_of([(f"c{i}", day + i % 7, 1) for i in range(900) for day in range(-400, 0, 40)])
    assert "would take" not in would_tell({"orders": steady}, client_of())


# ---------------------------------------------------------------- next to nothing
@functools.cache
def odd_shops() -> dict[str, tuple[dict, date | None]]:
    rng = np.random.default_rng(8)
    shop = simulate.shop(customers=200, seed=4)
    frames, start = shop.frames, pd.Timestamp(LAUNCH)
    late = (start - 7 * 80 * DAY).date()
    month = orders_of([(f"c{i}", rng.uniform(-15, 15), 20) for i in range(90)])
    once = orders_of([(f"c{i}", rng.uniform(-700, 200), 20) for i in range(60)])
    wild = members_of({"c1": -300, "nobody": 5, "c2": 9e3, "c3": 4, "c4": 4.5})
    doubled = pd.concat([wild, wild, members_of({"c1": 9})])
    undated = wild.assign(joined_at=pd.Series([pd.NaT] * len(wild), dtype="datetime64[us]", index=wild.index))
    return {
        "no launch date": (frames, None),
        "no members": ({"orders": frames["orders"]}, LAUNCH),
        "empty tables": (frames | {name: frames[name].iloc[:0] for name in ("members", "points", "costs")}, LAUNCH),
        "launched three weeks ago": (frames, (frames["orders"]["ordered_at"].max() - 21 * DAY).date()),
        "launched after the data": (frames, date(2031, 1, 6)),
        "launched before the data": (frames, date(2019, 1, 7)),
        "launched a day into the data": (frames, (frames["orders"]["ordered_at"].min() + DAY).date()),
        "long after the launch": (frames, late),
        "one month": ({"orders": month, "members": wild}, LAUNCH),
        "nobody buys twice": ({"orders": once, "members": doubled}, LAUNCH),
        "members without dates": ({"orders": once, "members": undated}, LAUNCH),
        "one order": ({"orders": orders_of([("a", 3, 5)])}, LAUNCH),
        "refunds only": ({"orders": orders_of([("a", -30, -5), ("b", 3, -5)])}, None),
        "nothing is paid": ({"orders": frames["orders"].assign(amount=0.0), "members": frames["members"]}, LAUNCH),
        "one arm": (frames | {"assignment": pd.DataFrame({"customer_id": ["c1"], "arm": ["offer"],
                                                          "assigned_at": [start]})}, LAUNCH),
    }


@pytest.mark.parametrize("name", odd_shops())
def test_every_shop_gets_true_words_and_no_traceback(name, capsys):
    frames, launched_on = odd_shops()[name]
    before = {table: frame.copy() for table, frame in frames.items()}
    client = client_of(launched_on, gross_margin=0.4, reward_rate=0.03, monthly_cost=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spans = None if launched_on is None else windows_of(frames, launched_on)
        effects = evaluation.ladder(frames, client.program, spans)
        evaluation.effects_table(effects)
        trends.trend_fit(frames["orders"], launched_on=launched_on)
        allowed = in_words(evaluation.rungs_allowed(frames, client))
        found = money.money(frames, client)
        words = [would_tell(frames, client), why_not(frames, client.program, effects),
                 said(found.sentence), *allowed["why"], *allowed.loc[~allowed["allowed"], "what_it_takes"]]
    for effect in effects:
        assert effect.note
        assert not effect.measurable or effect.low <= effect.estimate <= effect.high
        words += [said(effect), said(wording.title(effect))]
    for text in words:
        assert text and not any(wrong in text.lower() for wrong in ("nan", "none ", "inf ", "−-", "caus", " -"))
    assert (allowed["allowed"] == (allowed["what_it_takes"] == "")).all()
    assert capsys.readouterr() == ("", "")
    for table, frame in frames.items():
        pd.testing.assert_frame_equal(frame, before[table])
