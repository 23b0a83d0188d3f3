"""The money: cases worked by hand, what must hold for every shop, planted truths, words no stronger than numbers."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from by_hand import DAY, LAUNCH, client_of, members_of, orders_of, roi
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from said import said

from loyalty_helpers.core import findings
from loyalty_helpers.core.findings import Effect
from loyalty_helpers.core.settings import Client
from loyalty_helpers.evaluation import money, segments
from loyalty_helpers.lab import simulate

NAN, INF = math.nan, math.inf
MONTHS = 61 / (365.25 / 12)  # of the hand-made shops: their last order is on the 61st day
RETURNS = ["extra-orders", "margin", "gain", "return", "payback", "subsidy", "chance"]


def effect_of(estimate: float, low: float = NAN, high: float = NAN, **more) -> Effect:
    return Effect(**{"label": "at the till", "unit": "lift", "estimate": estimate, "low": low, "high": high, "n": 100,
                     "outcome": "orders", "rung": 3, "grade": "B"} | more)


def old_member_shop() -> dict[str, pd.DataFrame]:
    """Forty orders of 150 by one who joined before the launch, the last on day 60: all of them can be lifted."""
    return {"orders": orders_of([("a", -5, 70), *[("a", 1.5 * i + 1.5, 150) for i in range(40)]]),
            "members": members_of({"a": -30})}


def new_member_shop() -> dict[str, pd.DataFrame]:
    """Two join at an order of 300 and spend 700 afterwards, one of them only until day 45."""
    return {"orders": orders_of([("a", 10.5, 300), ("a", 20, 200), ("a", 22, -100), ("b", 20.2, 300), ("b", 30, 600),
                                 ("b", 50, 999), ("c", 60.5, 80), ("a", -9, 40)]),
            "members": members_of({"a": 10.5, "b": 20.2}, left={"b": 45})}


# ---------------------------------------------------------------- by hand
@pytest.mark.parametrize(("margin", "rate", "fixed", "lift"), [(0.4, 0.03, 0, 0.081), (0.4, 0.03, 2, 0.135),
                                                             (0.05, 0.05, 0, INF), (0.04, 0.05, 3, INF)])
def test_the_break_even_lift_of_the_plan(margin, rate, fixed, lift):
    found = money._break_even_lift(baseline=100, members=7, gross_margin=margin, reward_rate=rate, fixed=fixed * 7)
    assert found == pytest.approx(lift, abs=5e-4)
    assert math.isnan(money._break_even_lift(baseline=1, members=0, gross_margin=0.4, reward_rate=0.03, fixed=0))


@settings(max_examples=60, deadline=None)
@given(b=st.floats(1, 1e4), m=st.floats(0.05, 1), r=st.floats(0, 0.9), f=st.floats(0, 1e5), n=st.integers(1, 1000))
def test_at_break_even_the_extra_margin_pays_the_costs(b, m, r, f, n):
    lift = money._break_even_lift(baseline=b, members=n, gross_margin=m, reward_rate=r * m, fixed=f)
    assert n * b * lift * m == pytest.approx(n * b * (1 + lift) * r * m + f, rel=1e-6)


def money_frames() -> dict[str, pd.DataFrame]:
    rows = [("a", -5, 999), ("a", 10, 300), ("a", 20, -100), ("b", 30, 500), ("b", 50, 400), ("c", 40, 777),
            ("old", 1, 300), ("a", 60.5, 0), ("b", 5, 50), ("old", -10, 80)]
    points = pd.DataFrame({"customer_id": "a", "at": pd.Timestamp(LAUNCH) + DAY,
                           "kind": ["earn", "burn", "expire", "earn"], "points": [60.0, -30.0, 10.0, 40.0]})
    costs = pd.DataFrame({"date": pd.to_datetime(["2025-03-05", "2025-03-09", "2024-01-01"]),
                          "kind": ["print", "print", "print"], "amount": [5.0, 6.0, 70.0]})
    members = members_of({"a": 10, "b": 20, "old": -30}, left={"b": 45})
    return {"orders": orders_of(rows), "members": members, "points": points, "costs": costs}


def test_costs_are_counted_on_all_orders_of_members_since_joining():
    client = client_of(gross_margin=0.5, reward_rate=0.1, redemption=0.5, cost_share=0.5, launch_cost=7, monthly_cost=3,
                       owner_hours_per_month=2, owner_hourly_rate=4)
    found = money.money(money_frames(), client)
    rows, months = roi(found), 61 / (365.25 / 12)
    assert list(found.roi_table.columns) == ["item", "value", "low", "high", "unit"]
    spending = 300 - 100 + 500 + 300  # b's 50 came before joining, the 400 after leaving; c is no member
    assert rows.loc["spending", "value"] == spending
    assert rows.loc["rewards", ["value", "low", "high"]].tolist() == pytest.approx(
        [spending * 0.1 * 0.5 * share for share in (0.5, 0.3, 0.9)])
    total = spending * 0.025 + 7 + 3 * months + 8 * months + 11
    assert rows.loc["total", "value"] == pytest.approx(total)
    assert rows.loc["other", "value"] == 11
    lift, lifted = found.break_even, -100 + 500 + 300  # a's first 300 is the order of joining, which no lift brought
    assert rows.loc["members-spending", "value"] == lifted
    assert lift / (1 + lift) * lifted * 0.5 == pytest.approx(total)  # extra margin at break-even
    assert rows.loc["break-even", "low"] < lift < rows.loc["break-even", "high"]
    assert rows.loc[["return-needs", "payback-needs"], "value"].isna().all()
    assert f"at least {100 * lift:.1f} % more" in said(found.sentence) and "¥" in said(found.sentence)


@pytest.mark.parametrize(("program", "words", "bar"), [
    ({"gross_margin": 0.5}, "No costs are known", 0.0),
    ({"launch_cost": 10}, "Without a gross margin", 0.0),
    ({"launch_cost": 9000, "gross_margin": 0.5}, "no lift could pay", math.inf),
    ({"reward_rate": 0.3, "gross_margin": 0.3}, "no lift could pay", math.inf),
])
def test_money_that_cannot_be_counted_says_why(program, words, bar):
    frames = {name: frame for name, frame in money_frames().items() if name in ("orders", "members")}
    found = money.money(frames, client_of(**program))
    assert words in said(found.sentence) and found.break_even == bar
    assert "no launch date" in said(money.money(frames, client_of(None)).sentence)
    assert "not yet launched" in said(money.money(frames, client_of(date(2031, 1, 1))).sentence)
    alone = money.money({"orders": frames["orders"]}, client_of(launch_cost=10, gross_margin=0.5))
    assert said(alone.sentence).endswith("Without a member list with dates of joining there is no break-even.")


def test_the_returns_of_a_case_worked_by_hand():
    # spending 6,000; rewards 6,000 x .1 x .5 = 300; launch 300; hours 300 -> cost 900, of which 600 running
    client = client_of(gross_margin=0.5, reward_rate=0.1, redemption=0.5, launch_cost=300,
                       owner_hours_per_month=1, owner_hourly_rate=300 / MONTHS)
    found = money.money(old_member_shop(), client, effect_of(0.25, 0.0, 1.0))
    rows = roi(found)
    assert rows.loc["members-orders", "value"] == 40
    assert rows.loc["total", "value"] == pytest.approx(900)
    # d / (1 + d) = 1/5, 0, 1/2 of 40 orders and of a margin of 3,000 on 6,000
    expected = {
        "extra-orders": (8, 0, 20),
        "margin": (600, 0, 1500),
        "gain": (-300, -900, 600),
        "return": (-1 / 3, -1, 2 / 3),
        "payback": (INF, MONTHS * 300 / 900, INF),  # 600 a period is what runs; 1,500 leave 900 for the 300
        "subsidy": (0.8, 0.5, 1),
    }
    for item, ends in expected.items():
        assert rows.loc[item, ["value", "low", "high"]].tolist() == pytest.approx(list(ends)), item
    assert found.break_even == pytest.approx(0.3 / 0.7)  # 900 of the 3,000
    assert rows.loc[RETURNS[-1], "value"] == pytest.approx(effect_of(0.25, 0.0, 1.0).chance_above(0.3 / 0.7))
    assert rows.loc[RETURNS, "unit"].tolist() == ["orders", "CNY", "CNY", "share", "months", "share", "share"]
    assert "the return on the costs is −33 % (95 % interval −100 % to +67 %)" in said(found.sentence)
    assert "whether it has paid for itself cannot be told yet" in said(found.sentence)
    assert "all 40 orders of members" in said(found.sentence) and "rung" not in said(found.sentence)
    assert (f"not within sight, at the upper end of the lift's interval after {MONTHS / 3:.1f} months"
            in said(found.sentence))
    assert "80 % of the rewards (50 % to 100 %) went to orders that would have come anyway" in said(found.sentence)
    sure = roi(money.money(old_member_shop(), client, effect_of(1.0, 0.6, 2.0, grade="C")))
    assert sure.loc["payback", "value"] == pytest.approx(MONTHS / 3)


def test_the_order_of_joining_is_rewarded_but_no_lift_brought_it():
    client = client_of(gross_margin=0.5, reward_rate=0.1)
    found = money.money(new_member_shop(), client, effect_of(0.25, 0.1, 0.4))
    rows = roi(found)["value"]
    assert rows["spending"] == 1300 and rows["rewards"] == pytest.approx(130)
    assert rows["members-spending"] == 700
    assert rows["members-orders"] == 2
    assert rows["margin"] == pytest.approx(0.2 * 700 * 0.5)
    assert rows["subsidy"] == pytest.approx(1 - 140 / 1300)
    assert found.break_even / (1 + found.break_even) * 700 * 0.5 == pytest.approx(130)
    spend = money.money(new_member_shop(), client, effect_of(0.25, 0.1, 0.4, outcome="spend"))
    spend = roi(spend)["value"]
    assert math.isnan(spend["extra-orders"]) and spend["margin"] == rows["margin"]


def test_an_effect_on_everyone_offered_is_counted_on_all_their_orders():
    start = pd.Timestamp(LAUNCH)
    assignment = pd.DataFrame({"customer_id": ["a", "c", "d"], "arm": ["program", "program", "holdout"],
                               "assigned_at": [start - 3 * DAY, start + 40.3 * DAY, start]})
    frames = new_member_shop() | {"assignment": assignment}
    more = orders_of([("c", 39, 7), ("c", 40.5, 8), ("c", 50, 2000), ("d", 3, 9)])
    frames["orders"] = pd.concat([frames["orders"], more.assign(order_id="m" + more["order_id"])])
    found = money.money(frames, client_of(gross_margin=0.5, reward_rate=0.1),
                         effect_of(0.25, 0.1, 0.4, rung=4, grade="A", scope="everyone"))
    rows = roi(found)["value"]
    # all of a's since the launch, c's since the day after the draw, and b, a member who was not drawn
    assert rows["everyone-spending"] == 300 + 200 - 100 + 2000 + 80 + 600
    assert rows["spending"] == 1300  # what was rewarded stays the same
    assert found.break_even == pytest.approx(130 / (3080 * 0.5 - 130))
    dear = money.money(frames, client_of(gross_margin=0.5, reward_rate=0.52), effect_of(
        0.25, 0.1, 0.4, rung=4, grade="A", scope="everyone"))  # more than the margin, but on members' orders only
    assert dear.break_even == pytest.approx(676 / (3080 * 0.5 - 676))
    assert "if those offered it spend" in said(found.sentence) and "orders of everyone offered" in said(found.sentence)


def test_the_launch_cost_stands_apart_from_what_runs():
    # 6,000 at a margin of .5; rewards 600, launch 300: 600 + 300 of 3,000, without the launch 600 of 3,000
    client = client_of(gross_margin=0.5, reward_rate=0.1, launch_cost=300)
    found = money.money(old_member_shop(), client, effect_of(0.25, 0.1, 0.4))
    assert found.break_even == pytest.approx(900 / 2100) and found.running_break_even == pytest.approx(600 / 2400)
    assert found.months == pytest.approx(MONTHS)
    rows = roi(found)
    assert rows.loc["running", ["value", "unit"]].tolist() == [found.running_break_even, "lift"]
    assert "42.9 % more than they would have without it (25.0 % without the launch cost). T" in said(found.sentence)
    plain = money.money(old_member_shop(), client_of(gross_margin=0.5, reward_rate=0.1))
    assert plain.running_break_even == plain.break_even and "without the launch" not in said(plain.sentence)
    dear = money.money(old_member_shop(), client_of(gross_margin=0.5, reward_rate=0.1, launch_cost=1e6))
    assert (dear.break_even, dear.running_break_even) == (INF, pytest.approx(0.25))
    assert "no lift could pay for them yet. Its costs without the launch are paid for" in said(dear.sentence)
    unknown = money.money(old_member_shop(), client_of(launch_cost=5))
    assert (unknown.break_even, unknown.running_break_even) == (0, 0)
    late = money.money(old_member_shop(), client_of(date(2031, 1, 1), launch_cost=5))
    assert (late.break_even, late.running_break_even, late.months) == (0, 0, 0)


@pytest.mark.parametrize(("program", "what"), [
    ({"reward_rate": 0.6}, "Its rewards alone are more than the whole margin on what members spent: no lift could pay"),
    ({"reward_rate": 0.1, "monthly_cost": 1e5}, "Its costs are more than the whole margin on what members spent: no "),
])
def test_only_rewards_beyond_the_margin_are_blamed(program, what):
    found = money.money(old_member_shop(), client_of(gross_margin=0.5, **program))
    assert what in said(found.sentence) and found.running_break_even == found.break_even == INF
    assert said(found.sentence).endswith("pay for them.")


def test_net_refunds_earn_no_rewards_and_leave_no_break_even():
    frames = {"orders": orders_of([("a", 10, 50), ("a", 20, -200), ("b", 30, 100), ("z", 60.5, 1)]),
              "members": members_of({"a": 5, "b": 6})}
    client = client_of(gross_margin=0.5, reward_rate=0.1, monthly_cost=30)
    found = money.money(frames, client, effect_of(0.3, 0.1, 0.5))
    rows = roi(found)["value"]
    assert rows["spending"] == -50 and rows["rewards"] == 0
    assert rows["total"] == pytest.approx(30 * MONTHS) and found.break_even == found.running_break_even == 0
    assert said(found.sentence).endswith(
        "Members' spending since joining, less refunds, is not above 0, so there is no break-even.")
    more = frames | {"orders": pd.concat([frames["orders"], orders_of([("b", 40, 400), ("c", 40, -70), ("c", 2, 70),
                                                                       ("c", -3, 1)])])}
    more["members"] = members_of({"a": 5, "b": 6, "c": 30})
    table = segments.by_segment(more, client).set_index("segment")
    assert table["spend"].sum() == pytest.approx(280) and table["rewards"].sum() == pytest.approx(28)
    assert table.loc["light", ["spend", "rewards", "rewards_share"]].tolist() == [-70, 0, 0]


def test_without_a_member_list_rewards_are_not_known():
    orders = {"orders": old_member_shop()["orders"]}
    undated = members_of({"a": -30}).assign(joined_at=pd.Series([pd.NaT], dtype="datetime64[us]"))
    client = client_of(gross_margin=0.5, reward_rate=0.1, launch_cost=300)
    for frames in (orders, orders | {"members": undated}):
        found = money.money(frames, client)
        rows = roi(found)["value"]
        assert rows[["rewards", "members", "spending"]].isna().all()
        assert rows["total"] == 300 and found.break_even == found.running_break_even == 0
        assert said(found.sentence) == (
            "In its first 2.0 months the program cost ¥300, rewards left out: they cannot be counted without a member "
            "list with dates of joining. Without a member list with dates of joining there is no break-even.")
    unset = said(money.money(orders, client_of(reward_rate=0.1, launch_cost=300)).sentence)
    assert "Without a gross margin in the settings and a member list with dates of joining there is" in unset
    assert "rewards cannot be counted without" in said(money.money(orders, client_of(reward_rate=0.1)).sentence)
    listed = money.money(orders | {"members": members_of({"a": 400})}, client)
    assert "Nobody had joined by the end" in said(listed.sentence) and "rewards" not in said(listed.sentence)
    assert roi(listed).loc["rewards", "value"] == 0


def test_a_draw_without_a_member_list_is_judged_where_there_are_no_rewards_to_count():
    frames = {"orders": old_member_shop()["orders"],
              "assignment": pd.DataFrame({"customer_id": ["a", "d"], "arm": ["program", "holdout"],
                                          "assigned_at": pd.Timestamp(LAUNCH) - 3 * DAY})}
    effect = effect_of(0.25, 0.1, 0.4, rung=4, grade="A", scope="everyone")
    found = money.money(frames, client_of(gross_margin=0.5, launch_cost=300), effect)
    assert found.break_even == pytest.approx(300 / 2700) and "rewards" not in said(found.sentence)
    unknown = money.money(frames, client_of(gross_margin=0.5, launch_cost=300, reward_rate=0.1), effect)
    rows = roi(unknown)["value"]
    assert unknown.break_even == 0 and rows[["return", "payback", RETURNS[-1]]].isna().all()
    assert rows["margin"] == pytest.approx(600)
    assert "rewards left out" in said(unknown.sentence) and "return on the costs" not in said(unknown.sentence)


@pytest.mark.parametrize("effect", [
    None, effect_of(0.3, 0.2, 0.4, rung=2, grade="D"), effect_of(0.3, 0.2, 0.4, refused="too few joiners"),
    effect_of(NAN, grade="E"), effect_of(0.3, 0.2, 0.4, rung=0, grade="E"),
])
def test_an_effect_that_may_not_be_relied_on_fills_no_row(effect):
    client = client_of(gross_margin=0.5, reward_rate=0.1, launch_cost=5)
    found, plain = (money.money(new_member_shop(), client, one) for one in (effect, None))
    pd.testing.assert_frame_equal(found.roi_table, plain.roi_table)
    assert said(found.sentence) == said(plain.sentence) and "needs rung 3 or 4" in said(found.sentence)
    rows = roi(found)["value"]
    assert rows[["return-needs", "payback-needs"]].isna().all()
    assert not set(RETURNS) & set(rows.index)
    assert math.isnan(money.break_even_curve(new_member_shop(), client, effect).attrs["estimate"])


# ---------------------------------------------------------------- for every shop
days = st.integers(-6, 9).map(lambda step: 9.5 * step)  # few, so that many join at an order
shops = st.fixed_dictionaries({
    "orders": st.lists(st.tuples(st.sampled_from("abcd"), days, st.floats(-20, 500)), min_size=1, max_size=25),
    "joined": st.dictionaries(st.sampled_from("abce"), days, max_size=4),
    "margin": st.sampled_from([0.05, 0.3, 0.5, 1.0]),
    "program": st.fixed_dictionaries({"reward_rate": st.sampled_from([0.0, 0.02, 0.4]),
                                      "launch_cost": st.sampled_from([0.0, 40.0]),
                                      "monthly_cost": st.sampled_from([0.0, 9.0])}),
    "lifts": st.lists(st.floats(-1.5, 3), min_size=3, max_size=3, unique=True).map(sorted),
})


@settings(max_examples=30, deadline=None)
@given(shop=shops)
def test_what_holds_in_every_shop(shop):
    frames = {"orders": orders_of(shop["orders"]), "members": members_of(shop["joined"])}
    before = {name: frame.copy() for name, frame in frames.items()}
    client, (low, estimate, high) = client_of(gross_margin=shop["margin"], **shop["program"]), shop["lifts"]
    effect = effect_of(estimate, low, high)
    found = money.money(frames, client, effect)
    assert said(found.sentence) and "nan" not in said(found.sentence).lower() and "inf " not in said(found.sentence)
    if found.roi_table.empty:
        return
    rows = roi(found)
    for item, row in rows.loc[RETURNS].iterrows():
        assert np.isnan(row["value"]) or np.isnan(row["low"]) or row["low"] <= row["value"] <= row["high"], item
    back, payback = (rows.loc[item, ["value", "low", "high"]].to_numpy(dtype=float)
                    for item in ("return", "payback"))
    if rows.loc["total", "value"] > 0 and not np.isnan(back[0]):
        # the launch has been paid back by now exactly where the program has paid for itself
        for gain, months in zip(back, payback[[0, 2, 1]], strict=True):
            assert abs(gain) < 1e-9 or (months <= rows.loc["months", "value"]) == (gain > 0)
        assert rows.loc["subsidy", ["low", "high"]].between(0, 1).all()
        told = findings.verdict(effect, break_even=found.break_even)
        if ": it has paid" in said(found.sentence):
            assert told.key == "works"
        if "brought in less" in said(found.sentence):
            assert told.key in ("harms", "costs_more")
    cost = rows.loc[["rewards", "launch", "total"], "value"]
    assert found.running_break_even <= found.break_even and not (cost.iloc[:2] < 0).any()
    if cost["launch"] == 0:
        assert found.running_break_even == found.break_even
    if 0 < found.break_even < INF:
        bar = effect_of(found.break_even, found.break_even - 0.1, found.break_even + 0.1)
        there = roi(money.money(frames, client, bar)).loc["return"]
        assert there["value"] == pytest.approx(0, abs=1e-6) and there["low"] < 0 < there["high"]
        curve = money.break_even_curve(frames, client, effect)
        assert (np.diff(curve["profit"]) > 0).all() and curve.attrs["break_even"] == found.break_even
        assert np.interp(found.break_even, *curve[["lift", "profit"]].to_numpy().T) == pytest.approx(
            0, abs=0.02 * np.ptp(curve["profit"]))
    groups = segments.by_segment(frames, client)
    segments.rewards_to_unchanged(frames, client)
    if len(groups):
        assert groups["members"].sum() == rows.loc["members", "value"]
        assert groups["spend"].sum() == pytest.approx(rows.loc["spending", "value"])
        assert not (groups["rewards"] < 0).any() and not (groups["rewards_share"] > 1).any()
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(frame, before[name])


@settings(max_examples=20, deadline=None)
@given(lifts=st.lists(st.floats(-0.99, 5), min_size=2, max_size=2, unique=True).map(sorted))
def test_more_lift_is_never_worth_less(lifts):
    client = client_of(gross_margin=0.5, reward_rate=0.1, launch_cost=100, monthly_cost=30)
    less, more = (roi(money.money(old_member_shop(), client, effect_of(lift)))["value"]
                  for lift in lifts)
    assume(lifts[1] - lifts[0] > 1e-6)
    assert (less[RETURNS[:3]] < more[RETURNS[:3]]).all()
    assert less["payback"] >= more["payback"] and less["subsidy"] >= more["subsidy"]


# ---------------------------------------------------------------- planted truth
@functools.cache
def planted(lift: float, **options) -> tuple[simulate.Shop, Client]:
    shop = simulate.shop(customers=2500, lift=lift, seed=3, **options)
    return shop, client_of(shop.launched_on, gross_margin=0.45, reward_rate=0.05)


@pytest.mark.parametrize("design", ["members", "everyone"])
def test_the_true_lift_gives_the_true_number_of_extra_orders(design):
    shop, client = planted(0.3, **({"holdout": 0.3} if design == "everyone" else {}))
    lift = shop.truth["lift_13_weeks" if design == "members" else "lift_of_offer"]
    effect = effect_of(lift, lift - 0.1, lift + 0.1, scope=design, grade="A", rung=4)
    rows = roi(money.money(shop.frames, client, effect))["value"]
    assert rows["extra-orders"] == pytest.approx(shop.truth["extra_orders"], rel=0.08)


def test_where_nothing_changed_the_share_is_about_what_chance_gives():
    rng = np.random.default_rng(5)
    rows = []
    for i in range(400):  # steady customers who join on the day of an order that is none of their own rhythm
        days = np.sort(rng.uniform(-364, 180, rng.poisson(rng.gamma(2, 4))))
        rows += [(f"c{i}", -365, 10), (f"c{i}", 0.5, 10), *[(f"c{i}", day, 10) for day in days if not 0 <= day < 1]]
    frames = {"orders": orders_of([*rows, ("x", 179.9, 1)]), "members": members_of({f"c{i}": 0 for i in range(400)})}
    found = segments.rewards_to_unchanged(frames, client_of(reward_rate=0.05))
    assert found.n == 400 and "100 % of the rewards" in said(found.note)
    by_chance = found.note.facts["expected"].value
    assert found.low <= by_chance <= found.high and found.low > 0.2 and found.high < 0.6
    doubled = frames | {"orders": pd.concat([frames["orders"], frames["orders"].query("ordered_at >= '2025-03-04'")
                                             .assign(order_id=lambda f: f["order_id"] + "x")])}
    assert segments.rewards_to_unchanged(doubled, client_of(reward_rate=0.05)).high < by_chance - 0.1


# ---------------------------------------------------------------- who gets the rewards
def test_rewards_to_those_who_buy_no_more_often_by_hand():
    rows = [("a", -140, 1), ("a", -70, 9), ("a", 0.2, 50), ("a", 95, 50),  # 1 in 20 weeks, 1 in 20: no more often
            ("b", -140, 1), ("b", -70, 9), ("b", 0.2, 10), *[("b", day, 20) for day in (30, 60, 90)],  # more often
            ("c", -30, 5), ("c", 0.2, 30), ("c", 70, 30),  # not known for 13 weeks
            ("z", 140.5, 1)]
    frames = {"orders": orders_of(rows), "members": members_of(dict.fromkeys("abc", 0))}
    found = segments.rewards_to_unchanged(frames, client_of())
    assert found.estimate == pytest.approx(100 / 170) and found.n == 2
    assert f"{100 * 170 / 230:.0f} % of the rewards" in said(found.note)
    assert math.isnan(found.low)  # two members do not make an interval
    nobody = segments.rewards_to_unchanged({"orders": frames["orders"]}, client_of())
    assert not nobody.measurable and "13 weeks" in said(nobody)


def test_the_interval_of_a_share_stays_within_0_and_1(monkeypatch):
    rows = [(name, day, 10) for name in "ab" for day in (-140, -70, 0.2, 30)]
    frames = {"orders": orders_of([*rows, ("z", 140.5, 1)]), "members": members_of(dict.fromkeys("ab", 0))}
    wide = segments.Ratio(pd.Series([1.0]), pd.Series([2.0])).level(0.95)._replace(low=-0.2, high=1.3)
    monkeypatch.setattr(segments.Ratio, "level", lambda self, confidence: wide)
    found = segments.rewards_to_unchanged(frames, client_of(reward_rate=0.05))
    assert (found.low, found.high) == (0, 1)


def test_segments_by_hand():
    before = {"light": 1, "middle": 3, "heavy": 6, "long ago": 0}
    rows = [(name, -400, 5) for name in before] + [(name, -10 * i - 10, 5) for name, n in before.items()
                                                   for i in range(n)]
    rows += [(name, 0.5, 100) for name in [*before, "new"]] + [("heavy", 30, 300), ("new", 0.9, 0), ("z", 70.5, 9)]
    frames = {"orders": orders_of(rows), "members": members_of(dict.fromkeys([*before, "new", "ghost"], 0.5))}
    named = segments.segments(frames, client_of())
    assert named.astype(str).to_dict() == {"light": "light", "long ago": "light", "new": "new",
                                           "middle": "middle", "heavy": "heavy",
                                           "ghost": "unknown"}
    table = segments.by_segment(frames, client_of(reward_rate=0.1)).set_index("segment")
    assert list(table.index) == segments.SEGMENTS
    assert table["rewards"].sum() == pytest.approx(80)
    assert table.loc["heavy", ["spend", "rewards", "rewards_share"]].tolist() == pytest.approx([400, 40, 0.5])
    assert table.loc["light", ["orders_low", "orders_high"]].tolist() == [0, 1]
    heavy = table.loc["heavy"]
    assert heavy["per_week_before"] == pytest.approx(6 / 52) and heavy["per_week_after"] == pytest.approx(1 / 10)
    assert heavy["change_described"] == pytest.approx(52 / 60 - 1)
    assert math.isnan(table.loc["new", "change_described"])
    assert table["lift"].isna().all()


def test_a_segment_has_a_lift_of_its_own_from_fifty_usable_joiners_on():
    shop, client = planted(0.3)
    effect = effect_of(0.3, 0.1, 0.5)
    effects = {"heavy": effect, "new": effect, "middle": replace(effect, refused="odd")}
    table = segments.by_segment(shop.frames, client, effects).set_index("segment")
    assert table.loc["heavy", ["lift", "low", "high"]].tolist() == [0.3, 0.1, 0.5]
    assert table.loc[["new", "middle", "light"], "lift"].isna().all()
    assert table[["members_share", "rewards_share"]].sum().tolist() == pytest.approx([1, 1])


# ---------------------------------------------------------------- the curve, and the words
def test_the_curve_goes_through_the_estimate_and_past_twice_the_break_even():
    client, effect = client_of(gross_margin=0.5, reward_rate=0.1, launch_cost=100), effect_of(0.25, -0.5, 0.4)
    found = money.money(old_member_shop(), client, effect)
    rows, curve = roi(found)["value"], money.break_even_curve(old_member_shop(), client, effect)
    assert np.interp(0.25, curve["lift"], curve["profit"]) == pytest.approx(
        rows["margin"] - rows["total"], abs=5)
    assert curve["lift"].min() == -0.5 and curve["lift"].max() == pytest.approx(max(0.4, 2 * found.break_even))
    assert curve.attrs == {"break_even": found.break_even, "currency": "CNY", "estimate": 0.25, "low": -0.5,
                           "high": 0.4}
    plain = money.break_even_curve(old_member_shop(), client)
    assert plain["lift"].min() == -0.2 and math.isnan(plain.attrs["estimate"])
    never = money.break_even_curve(old_member_shop(), client_of(gross_margin=0.5, launch_cost=1e6), effect)
    assert (never["profit"] < 0).all() and never.attrs["break_even"] == INF
    for lacking in (client_of(launch_cost=5), client_of(None), client_of(date(2031, 1, 1))):
        assert money.break_even_curve(old_member_shop(), lacking, effect).empty


@pytest.mark.parametrize(("effect", "words"), [
    (effect_of(0.9, 0.6, 1.2), "it has paid for itself;"),
    (effect_of(0.9, 0.6, 1.2, grade="C"), "it has probably paid for itself;"),
    (effect_of(0.02, -0.1, 0.1), "it has brought in less than it cost;"),
    (effect_of(0.9, -0.1, 2.0), "whether it has paid for itself cannot be told yet;"),
    (effect_of(0.9), "the return on the costs is +"),
    (effect_of(0.3, -1.2, 1.0), "a loss without limit to"),
])
def test_the_words_follow_the_interval(effect, words):
    client = client_of(gross_margin=0.5, reward_rate=0.1, launch_cost=300)
    text = said(money.money(old_member_shop(), client, effect).sentence)
    assert words in text and not any(wrong in text.lower() for wrong in ("nan", "inf ", "caus", "–", "−-"))


@pytest.mark.parametrize(("program", "words", "absent"), [
    ({"gross_margin": 0.5}, "No costs are known", "rewards"),
    ({"launch_cost": 10}, "Without a gross margin", "rewards ("),
    ({"launch_cost": 10, "reward_rate": 0.1}, "Without a gross margin", "return on the costs"),
    ({"launch_cost": 1e6, "gross_margin": 0.5}, "no lift could pay", "return on the costs"),
    ({"reward_rate": 0.1, "gross_margin": 0.5}, "the return on the costs", "launch costs"),
])
def test_with_an_effect_what_is_lacking_is_still_said(program, words, absent):
    text = said(money.money(old_member_shop(), client_of(**program), effect_of(0.3, 0.1, 0.5)).sentence)
    assert words in text and absent not in text and not text.endswith("without it")


def test_shops_with_next_to_nothing_get_true_words():
    effect = effect_of(0.3, 0.1, 0.5)
    wild = members_of({"a": -300, "nobody": 5, "z": 9e3})
    undated = wild.assign(joined_at=pd.Series([pd.NaT] * 3, dtype="datetime64[us]"))
    one, refunds = orders_of([("a", 3, 5)]), orders_of([("a", -30, -5), ("b", 3, -5)])
    bare = orders_of([("a", 3, 5)]).assign(customer_id=pd.Series([pd.NA], dtype="str"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for orders in (one, refunds, bare, old_member_shop()["orders"]):
            for members in (None, wild, wild.iloc[:0], undated):
                frames = {"orders": orders} | ({} if members is None else {"members": members})
                for launched_on in (LAUNCH, None, date(2031, 1, 6)):
                    client = client_of(launched_on, gross_margin=0.4, reward_rate=0.03, monthly_cost=10)
                    text = [said(money.money(frames, client, effect).sentence),
                            said(segments.rewards_to_unchanged(frames, client))]
                    segments.by_segment(frames, client)
                    assert all(text) and not any(wrong in " ".join(text).lower() for wrong in ("nan", "none ", "inf "))
                    money.break_even_curve(frames, client, effect)
                    segments.segments(frames, client)
