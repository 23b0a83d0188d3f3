"""Customers by week at the till: sums, weeks, moments and reasons, against brute force."""

from __future__ import annotations

import functools
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_3a import dense, rows_of

from loyalty_helpers.evaluation import panel as panels
from loyalty_helpers.evaluation.panel import GROUPS, KNOWN_FOR, NEVER, USABLE, joining_status, panel, trials
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, weekly
from loyalty_helpers.lab import simulate

LAUNCH = date(2025, 3, 3)
START = pd.Timestamp(LAUNCH)
DAY = pd.Timedelta(days=1)
EMPTY = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "joined_at": pd.Series(dtype="datetime64[us]")})


def orders_of(rows: list[tuple]) -> pd.DataFrame:
    """From (customer, days since the launch, amount, order id)."""
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "amount", "order_id"])
    return pd.DataFrame({
        "order_id": frame["order_id"].astype("str"), "customer_id": frame["customer_id"].astype("str"),
        "ordered_at": (START + frame["day"].astype(float) * DAY).astype("datetime64[us]"),
        "amount": frame["amount"].astype(float), "is_refund": frame["amount"] < 0})


def members_of(rows: list[tuple]) -> pd.DataFrame:
    """From (customer, days since the launch or nan)."""
    frame = pd.DataFrame(rows, columns=["customer_id", "day"])
    return pd.DataFrame({"customer_id": frame["customer_id"].astype("str"),
                         "joined_at": (START + frame["day"].astype(float) * DAY).astype("datetime64[us]")})


def random_shop(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Untidy: anonymous orders, refunds, orders hours apart, joins at orders and away from them or before."""
    rng = np.random.default_rng(seed)
    n = 400
    day = rng.uniform(-60 * 7, 22 * 7, n)
    customer = rng.choice(np.array([*(f"c{i:02d}" for i in range(30)), None], dtype=object), n)
    rows = [(c, d, a, f"o{i}") for i, (c, d, a) in enumerate(zip(customer, day, rng.integers(1, 90, n), strict=True))]
    rows += [(c, d + rng.uniform(0, 3), a / 2, f"{o}+") for c, d, a, o in rows[:40]]
    rows += [(c, d + rng.uniform(0, 20), -a, f"r{i}") for i, (c, d, a, _) in enumerate(rows[40:70])]
    orders = orders_of(rows)
    orders = orders[orders["ordered_at"] < START + 155 * DAY].sample(frac=1, random_state=seed, ignore_index=True)
    at_order = orders[orders["customer_id"].notna() & (orders["ordered_at"] > START)].drop_duplicates("customer_id")
    members = [(r.customer_id, (r.ordered_at - START) / DAY) for r in at_order.head(18).itertuples()]
    members += [("c28", -30.0), ("c29", 40.0), ("c00", 90.0), ("nobody", 20.0), ("c27", np.nan)]
    return orders, members_of(members).sample(frac=1, random_state=seed, ignore_index=True)


@functools.cache
def simulated() -> simulate.Shop:
    return simulate.shop(customers=300, seed=3, guests=0.1, away_rate=0.002)


# ---------------------------------------------------------------- weeks and sums
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_totals_are_those_of_the_full_matrix(seed):
    orders, members = random_shop(seed)
    found, world = panel(orders, members, launched_on=LAUNCH), dense(orders, members, LAUNCH)
    assert list(found.ids) == world["ids"]
    assert (found.weeks, found.launch) == (world["y"].shape[1], world["launch"])
    np.testing.assert_array_equal(np.where(found.joined == NEVER, 10**6, found.joined), world["joined"])
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, len(found.ids), 200)
    start, stop = rng.integers(-5, found.weeks + 6, (2, 200))  # beyond both ends, and stop before start
    for outcome, matrix in (("orders", world["y"]), ("spend", world["money"])):
        wanted = [matrix[c, max(a, 0):max(b, 0)].sum() for c, a, b in zip(customer, start, stop, strict=True)]
        np.testing.assert_allclose(found.total(customer, start, stop, outcome), wanted, atol=1e-9)
    assert found.mean_amount == pytest.approx(world["money"].sum() / world["y"].sum())


@pytest.mark.parametrize("cut", [0, 1, 3, 6])
def test_weeks_are_those_of_the_whole_shop(cut):
    """Partial weeks at both ends are left out, as in `weekly`."""
    orders = simulated().orders
    days = orders["ordered_at"].dt.normalize()
    orders = orders[(days >= days.min() + cut * DAY) & (days <= days.max() - (6 - cut) * DAY)]
    named = orders[orders["customer_id"].notna()]
    found = panel(named, EMPTY, launched_on=LAUNCH)
    table = weekly(named, launched_on=LAUNCH)
    assert found.weeks == len(table)
    assert table["week"].iloc[found.launch] == 0
    np.testing.assert_array_equal(np.bincount(found.week, found.orders, found.weeks), table["orders"])
    np.testing.assert_allclose(np.diff(found.cumulated["spend"])[found.week == 5].sum(), table["revenue"].iloc[5])


def test_weeks_are_those_of_all_orders_the_anonymous_too():
    rows = [(None, -21, 5, "a"), ("x", -1, 5, "b"), ("x", 8, 5, "c"), (None, 20.5, 5, "d")]
    found = panel(orders_of(rows), EMPTY, launched_on=LAUNCH)
    assert (found.weeks, found.launch, found.customers_seen) == (6, 3, 1)
    assert found.week.tolist() == [2, 4]


def test_each_purchase_counts_and_refunds_take_only_money_off():
    rows = [("x", 8, 10, "a"), ("x", 1, 20, "d"), ("x", 9, -30, "a"), ("x", 9.5, 7, "b"), ("y", -6, 1, "c"),
            (None, 3, 99, "e"), ("y", 13.9, 1, "f")]
    found = panel(orders_of(rows), EMPTY, launched_on=LAUNCH)
    assert found.launch == 0  # the days before are no whole week
    x, y = (np.full(2, list(found.ids).index(name)) for name in "xy")
    weeks = np.arange(2)
    assert found.total(x, weeks, weeks + 1).tolist() == [1, 2]
    assert found.total(x, weeks, weeks + 1, "spend").tolist() == [20, -13]
    assert found.total(y, weeks, weeks + 1).tolist() == [0, 1]


def test_a_refund_listed_before_its_order_does_not_hide_it():
    rows = [("x", 0, 1, "start"), ("x", 8, -10, "a"), ("x", 8, 10, "a"), ("x", 13.5, 1, "end")]
    assert panel(orders_of(rows), EMPTY, launched_on=LAUNCH).orders.tolist() == [1, 2]


@pytest.mark.parametrize("columns", [["order_id"], ["is_refund"], ["order_id", "is_refund"]])
def test_plain_frames_say_the_same(columns):
    orders, members = random_shop(5)
    orders = orders.drop_duplicates("order_id")
    whole, plain = (panel(frame, members, launched_on=LAUNCH) for frame in (orders, orders.drop(columns=columns)))
    pd.testing.assert_frame_equal(trials(whole), trials(plain))
    np.testing.assert_array_equal(whole.cumulated["spend"], plain.cumulated["spend"])


# ---------------------------------------------------------------- moments at the till
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_moments_at_the_till_are_those_of_the_full_matrix(seed):
    orders, members = random_shop(seed)
    found = trials(panel(orders, members, launched_on=LAUNCH))
    world = dense(orders, members, LAUNCH)
    wanted = rows_of(world["y"], world["joined"], world["launch"])
    assert len(found) == len(wanted) > 20
    pairs = {"customer": "i", "week": "w", "joins": "joins", "now": "now", "gap": "gap", "c8": "c8", "c13": "ka",
             "c26": "c26", "te": "te", "k": "k", "e": "e"}
    for mine, theirs in pairs.items():
        np.testing.assert_array_equal(found[mine], wanted[theirs], err_msg=mine)
    np.testing.assert_array_equal(np.where(found["next"] == NEVER, 10**6, found["next"]), wanted["next"])
    np.testing.assert_array_equal(found["post"], wanted["w"] >= world["launch"])


def test_a_long_history_counts_two_years():
    """The windows of k and e, and the bounds of gap and te, on a history longer than any of them."""
    orders = orders_of([("x", 7 * week, 5, f"{week}") for week in (*range(-150, -20), 3, 5)] + [("y", 41.5, 1, "y")])
    last = trials(panel(orders, EMPTY, launched_on=LAUNCH)).set_index("week").loc[153]
    assert (last["gap"], last["te"], last["e"]) == (24, 153, 103)
    assert last["k"] == sum(3 - 104 <= week < 3 for week in range(-150, -20))
    assert last["next"] == 155


def test_members_are_at_the_till_until_they_join_and_early_members_never():
    rows = [(c, 7 * week, 5, f"{c}{week}") for c in "abc" for week in range(-30, 8)]
    members = members_of([("a", 15.0), ("b", -100.0)])
    found = trials(panel(orders_of([*rows, ("c", 62.9, 1, "end")]), members, launched_on=LAUNCH))
    by = {c: rows for c, rows in found.groupby("customer")}
    assert set(by) == {0, 2}
    assert by[0]["week"].tolist() == list(range(26, 33)) and by[0]["joins"].tolist() == [False] * 6 + [True]
    assert by[2]["week"].tolist() == list(range(26, 38)) and not by[2]["joins"].any()


# ---------------------------------------------------------------- why a joiner cannot be used
def test_each_member_has_the_reason_that_is_true():
    weeks = range(-40, 31)
    rows = [(c, 7 * week + 1, 5, f"{c}{week}") for c in ("good", "far", "late", "edge", "early", "undated", "twice")
            for week in weeks if not (c == "far" and week == 4)]
    rows += [("new", 7 * week + 1, 5, f"new{week}") for week in range(0, 20)]
    rows += [("almost", 7 * week + 1, 5, f"almost{week}") for week in range(-9, 20)]
    rows += [("today", 7 * 31 + 2, 5, "today"), ("good", 7 * 31 + 2.5, 5, "end")]  # in the week that is not over
    members = members_of([
        ("good", 29.5), ("far", 30.0), ("late", 7 * 18.0), ("edge", 7 * 17.0), ("early", -1.0), ("undated", np.nan),
        ("new", 29.0), ("almost", 29.0), ("unknown", 30.0), ("future", 3000.0), ("twice", 60.0), ("twice", 29.0),
        ("twice", np.nan), (None, 29.0), ("today", 7 * 31 + 2.0)])
    members = pd.concat([members, members_of([("good", 3000.0)])])  # the earliest counts
    orders = orders_of([*rows, ("future", 1, 5, "future1")])
    before = members.copy(deep=True), orders.copy(deep=True)
    status = joining_status(panel(orders, members, launched_on=LAUNCH), members)
    pd.testing.assert_frame_equal(members, before[0])
    pd.testing.assert_frame_equal(orders, before[1])
    assert status.to_dict() == {
        "good": USABLE, "far": "away", "late": "short", "edge": USABLE,
        "early": "early", "undated": "undated", "twice": USABLE,
        "new": "new", "almost": USABLE,
        "unknown": "no-order",
        "future": "late", "today": "short"}


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_usable_members_are_the_joining_rows(seed):
    orders, members = random_shop(seed)
    found = panel(orders, members, launched_on=LAUNCH)
    rows = trials(found)
    rows = rows[rows["joins"] & (rows["te"] >= KNOWN_FOR) & (rows["week"] + FOLLOW_UP < found.weeks)]
    status = joining_status(found, members)
    assert sorted(status.index[status == USABLE]) == sorted(found.ids[rows["customer"]])
    assert len(status) == members["customer_id"].nunique()


# ---------------------------------------------------------------- what must not matter
def test_the_order_of_rows_does_not_matter_and_nothing_is_changed():
    shop = simulated()
    copies = shop.orders.copy(deep=True), shop.members.copy(deep=True)
    one = panel(shop.orders, shop.members, launched_on=LAUNCH)
    other = panel(shop.orders.sample(frac=1, random_state=1), shop.members.sample(frac=1, random_state=2),
                  launched_on=LAUNCH)
    pd.testing.assert_frame_equal(trials(one), trials(other))
    pd.testing.assert_frame_equal(shop.orders, copies[0])
    pd.testing.assert_frame_equal(shop.members, copies[1])


def test_names_of_customers_matter_for_the_random_groups_only():
    shop = simulated()
    names = shop.orders["customer_id"].dropna().unique()
    renamed = dict(zip(names, np.random.default_rng(0).permutation(names), strict=True))
    orders, members = (frame.assign(customer_id=frame["customer_id"].map(renamed).astype("str").where(
        frame["customer_id"].notna())) for frame in (shop.orders, shop.members))
    tables = []
    for one, back in ((panel(shop.orders, shop.members, launched_on=LAUNCH), renamed),
                      (panel(orders, members, launched_on=LAUNCH), {name: name for name in names})):
        rows = trials(one)
        tables.append(rows.assign(customer=pd.Series(one.ids[rows["customer"]]).map(back)).drop(columns="group")
                      .sort_values(["customer", "week"], ignore_index=True))
    pd.testing.assert_frame_equal(*tables)


def test_groups_are_of_equal_size_and_the_same_each_time():
    one, other = (panel(simulated().orders, simulated().members, launched_on=LAUNCH) for _ in range(2))
    sizes = np.bincount(one.group, minlength=GROUPS)
    assert len(sizes) == GROUPS and sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(one.group, other.group)
    assert abs(np.corrcoef(one.group, np.arange(len(one.group)))[0, 1]) < 0.25  # not by name


def test_of_very_many_customers_some_are_drawn_with_all_their_orders(monkeypatch):
    shop = simulated()
    whole = panel(shop.orders, shop.members, launched_on=LAUNCH)
    monkeypatch.setattr(panels, "MOST_CUSTOMERS", 120)
    drawn = panel(shop.orders, shop.members, launched_on=LAUNCH)
    assert len(drawn.ids) == len(set(drawn.ids)) == 120 and drawn.customers_seen == len(whole.ids) > 120
    same = pd.Index(whole.ids).get_indexer(drawn.ids)
    assert (np.diff(same) > 1).any() and same.min() < len(whole.ids) / 3 and same.max() > 2 * len(whole.ids) / 3
    np.testing.assert_array_equal(whole.joined[same], drawn.joined)
    zero = np.zeros(120, dtype=int)
    for outcome in ("orders", "spend"):
        np.testing.assert_allclose(drawn.total(np.arange(120), zero, zero + 200, outcome),
                                   whole.total(same, zero, zero + 200, outcome))
    status = joining_status(drawn, shop.members)
    left_out = ~status.index.isin(drawn.ids)
    assert left_out.any() and set(status[left_out]) == {"not-drawn"}
    everybody = joining_status(whole, shop.members)
    pd.testing.assert_series_equal(status[~left_out], everybody[~left_out])


# ---------------------------------------------------------------- next to nothing
@pytest.mark.parametrize("days", [[0.5], [-3.0], [-3.0, 3.0], [40.0, 80.0], [-80.0, -40.0]])
def test_next_to_nothing_is_an_empty_table(days):
    orders = orders_of([("x", day, 5, f"{i}") for i, day in enumerate(days)])
    members = members_of([("x", 0.0), ("y", 1.0)])
    found = panel(orders, members, launched_on=LAUNCH)
    assert trials(found).empty
    assert joining_status(found, members).index.tolist() == ["x", "y"]
