"""Migration: one yardstick for both windows, every customer in one place, and no praise for chance."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_helpers.core import windows as around
from loyalty_helpers.core.intervals import Share, newcombe
from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.core.windows import Windows
from loyalty_helpers.customers import migration, scoring, tables
from loyalty_helpers.customers.migration import AWAY, MOVES
from loyalty_helpers.lab import simulate

LAUNCH = date(2025, 1, 1)
PEOPLE = {0: "nobody", 1: "one", 2: "two", 9: "nine", 60: "sixty"}


def client_of(folder, audience: str = "owner") -> Client:
    return Client(key="x", folder=folder, name="X", currency="CNY", time_zone="Asia/Shanghai", sources={},
                  program=Program(launched_on=LAUNCH), audience=audience)


def orders(*rows: tuple) -> pd.DataFrame:
    """Canonical orders from (customer, day from the launch, amount); a negative amount is a refund."""
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    at = pd.Timestamp(LAUNCH) + pd.to_timedelta(frame["day"].astype("float64"), unit="D")
    return pd.DataFrame({
        "order_id": pd.Series([f"o{i}" for i in range(len(frame))], dtype="str"),
        "customer_id": frame["customer_id"].astype("str"), "ordered_at": at.astype("datetime64[us]"),
        "amount": frame["amount"].astype("float64"), "is_refund": frame["amount"].astype("float64") < 0,
        "channel": pd.Series(None, index=frame.index, dtype="str"),
        "category": pd.Series(None, index=frame.index, dtype="str"), "rating": np.nan})


def windows(*, reach: int = 300) -> Windows:
    """Hundred days on either side of the launch; orders from `reach` days before it."""
    launch = pd.Timestamp(LAUNCH)
    hundred = timedelta(days=100)
    return Windows(launch - hundred, launch, launch, launch + hundred, False, 100, (), launch,
                        launch - timedelta(days=reach), launch + hundred)


def spells(customer: str, first: int, times: int, amount: float) -> list[tuple]:
    return [(customer, first + 5 * k, amount) for k in range(times)]


# before: best (6 orders, 600), regular (3 orders, 300), twice once (10)
# after: fallen to regular, risen to best, away, risen to regular, and a new one
BEFORE = [*spells("a", -90, 6, 100), *spells("b", -90, 3, 100), *spells("c", -90, 1, 10), *spells("e", -90, 1, 10)]
AFTER = [*spells("a", 10, 2, 50), *spells("b", 10, 6, 200), *spells("d", 10, 1, 500), *spells("e", 10, 3, 200)]


def counts(found: migration.Migration) -> dict[tuple[str, str], int]:
    table = found.groups[found.groups["customers"] > 0]
    return {(row.before, row.after): row.customers for row in table.itertuples()}


def test_each_customer_is_placed_by_the_cutoffs_of_before():
    found = migration.migration(orders(*BEFORE, *AFTER), windows())
    assert counts(found) == {("Best", "Regular"): 1, ("Regular", "Best"): 1, ("Once", AWAY): 1,
                             ("Once", "Regular"): 1, (AWAY, "Once"): 1}
    assert found.sizes["group"].tolist() == ["Best", "Regular", "Once"]
    assert found.sizes["orders"].tolist() == [6, 3, 1] and found.sizes["spend"].tolist() == [600, 300, 10]
    levels = {change.kpi: change.after.estimate for change in found.moves}
    assert levels == pytest.approx({"moved up": 1 / 2, "stayed": 0, "moved down": 1 / 4, "stopped": 1 / 4,
                                    "best again": 0})
    assert found.sentence == (
        "Of the 4 customers who bought in the window before the launch, 2 moved up a group in the window after it "
        "(100 days each), 0 stayed, 1 moved down, and 1 did not buy. They are too few to speak of shares: that takes "
        "30 customers.")


def test_typical_orders_are_whole():
    rows = [*spells("a", -90, 2, 100), *spells("b", -90, 3, 100)]
    sizes = migration.migration(orders(*rows, *spells("a", 5, 1, 10)), windows()).sizes
    assert sizes["orders"].dtype == "int64" and set(sizes["orders"]) <= {2, 3}


def test_scored_against_themselves_customers_get_the_usual_scores():
    for n, pace in ((60, None), (400, None), (400, scoring.Pace(40, 60, 300))):
        frame = simulated(n)
        usual, found = scoring.rfm(frame, pace=pace), migration.scored_against(frame, frame, pace=pace)
        columns = ["customer_id", "recency_score", "frequency_score", "monetary_score", "segment"]
        pd.testing.assert_frame_equal(found[columns], usual[columns])


def simulated(n: int) -> pd.DataFrame:
    made = simulate.shop(customers=n, seed=n, weeks_before=30, weeks_after=0).orders
    return tables.customers(made, as_of=date(2025, 3, 3))


def test_twice_as_much_of_everything_lifts_everybody_on_the_old_yardstick():
    was = simulated(400)
    now = migration.scored_against(was.assign(orders=was["orders"] * 2, spend=was["spend"] * 2), was)
    then = migration.scored_against(was, was)
    assert (now["frequency_score"] >= then["frequency_score"]).all()
    assert now["monetary_score"].mean() > then["monetary_score"].mean() + 0.3
    assert set(now["monetary_score"]) <= {1, 2, 3, 4, 5}
    assert not set(now["group"]) & {"Once"}


def test_who_ordered_once_is_once_whatever_it_cost():
    frame = migration.migration(orders(*spells("big", -50, 1, 9999), *BEFORE, *AFTER), windows()).groups
    assert frame.loc[frame["before"] == "Once", "customers"].sum() == 3


def test_the_span_earlier_is_the_yardstick_for_coming_and_going():
    def crowd(names: str, first: int, stay: int) -> list[tuple]:
        """Forty customers of two orders, of whom `stay` come again a span later."""
        return [row for k in range(40) for row in (
            *spells(f"{names}{k}", first, 2, 100), *(spells(f"{names}{k}", first + 100, 2, 100) if k < stay else []))]

    same = migration.migration(orders(*crowd("early", -190, 20), *crowd("late", -90, 20)), windows())
    stopped = {change.kpi: change for change in same.moves}["stopped"]
    # sixty bought before: forty newcomers, of whom twenty come again, and twenty of the span earlier who do not
    assert (stopped.before.estimate, stopped.after.estimate) == pytest.approx((20 / 40, 40 / 60))
    better = migration.migration(orders(*crowd("early", -190, 0), *crowd("late", -90, 36)), windows())
    stopped = {change.kpi: change for change in better.moves}["stopped"]
    assert (stopped.verdict, stopped.estimate) == ("down", pytest.approx(-0.9))
    assert ("did not buy in the later window: 100 % one span earlier, 10 % around the launch (−90 pp"
            in better.comparison)
    assert better.comparison.endswith("less than usual.")
    found = newcombe(Share(40, 40), Share(4, 40), 0.95)  # three points more on either side, for what ageing does
    assert (stopped.low, stopped.high) == pytest.approx((max(found.low - 0.03, -1), found.high + 0.03))
    short = migration.migration(orders(*crowd("late", -90, 36)), windows(reach=150))
    assert "it would take orders from 2024-06-15 on" in short.comparison
    assert all(change.verdict == "not measurable" for change in short.moves)


def test_a_shop_where_nothing_happens_shows_no_change_though_the_best_fall_back():
    false = 0
    for seed in range(6):
        made = simulate.shop(customers=500, seed=seed, weeks_before=150, weeks_after=52, dropout=0.0, present=0.95,
                             trend=0.0, shock=0.0, season=0.0, join_rate=0.0)
        found = migration.migration(made.orders, around.windows(made.orders, launched_on=made.launched_on))
        moves = {change.kpi: change for change in found.moves}
        assert all(change.verdict != "not measurable" for change in found.moves)
        assert moves["best again"].after.estimate < 0.8
        assert moves["moved down"].after.estimate > 0.1
        false += any(change.verdict in ("up", "down") for change in found.moves)
    assert false <= 1


def adds_up(table: pd.DataFrame, before: set, after: set) -> None:
    assert table["customers"].sum() == len(before | after)
    assert table.loc[table["before"] != AWAY, "customers"].sum() == len(before)
    assert table.loc[table["after"] != AWAY, "customers"].sum() == len(after)
    np.testing.assert_allclose(table.groupby("before")["share"].sum(), 1)
    assert (table["low"] <= table["share"] + 1e-12).all() and (table["share"] <= table["high"] + 1e-12).all()


def test_the_eleven_segments_add_up_too():
    made = simulate.shop(customers=400, seed=2, weeks_before=60, weeks_after=20).orders
    spans = around.windows(made, launched_on=date(2025, 3, 3))
    found = migration.migration(made, spans)
    before, after = (set(made.loc[~made["is_refund"] & made["ordered_at"].between(start, end, "left"),
                                  "customer_id"].dropna())
                     for start, end in ((spans.before_start, spans.before_end), (spans.after_start, spans.after_end)))
    adds_up(found.segments, before, after)
    adds_up(found.groups, before, after)
    assert set(found.segments["before"]) <= {*scoring.SEGMENTS, AWAY}


@settings(max_examples=8)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(-300, 99), st.integers(-90, 900)), min_size=1,
                max_size=60), st.randoms(use_true_random=False))
def test_everybody_is_somewhere_once_and_row_order_does_not_matter(rows, random):
    made = orders(*[row for row in rows if row[2]] or [("a", -50, 1)])
    kept = made.copy(deep=True)
    found = migration.migration(made, windows())
    pd.testing.assert_frame_equal(made, kept)
    bought = made[~made["is_refund"]]
    launch = pd.Timestamp(LAUNCH)
    before = set(bought.loc[bought["ordered_at"].between(launch - timedelta(days=100), launch, "left"), "customer_id"])
    after = set(bought.loc[bought["ordered_at"] >= launch, "customer_id"])
    if not before:
        assert found.groups.empty and "cannot be told" in found.sentence
        return
    adds_up(found.groups, before, after)
    assert sum(change.after.estimate for change in found.moves if change.kpi in MOVES) == pytest.approx(1)
    order = list(range(len(made)))
    random.shuffle(order)
    again = migration.migration(made.iloc[order].reset_index(drop=True), windows())
    pd.testing.assert_frame_equal(again.groups, found.groups)
    assert again.sentence == found.sentence and again.comparison == found.comparison


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", PEOPLE)
def test_few_customers_get_true_sentences(n, tmp_path):
    rows = [row for k in range(n)
            for row in (*spells(f"c{k}", -90, 1 + k % 4, 100.0 + k), *spells(f"c{k}", 5, k % 3, 80))]
    found = migration.migration(orders(("x", -299, -5), *rows), windows())
    if n == 0:
        assert found.sentence.endswith("nobody bought in the window before the launch.")
    else:
        assert f"Of the {n} customer" in found.sentence and ("too few" in found.sentence) == (n < migration.FEWEST)
    assert "nan" not in found.sentence + found.comparison
    shared = migration.published(found, client_of(tmp_path, "shared"))
    assert "nan" not in shared.sentence + shared.comparison
    if n in (1, 2):
        assert "is not shown" in shared.sentence


def test_without_a_launch_or_a_before_there_is_one_sentence():
    nothing = migration.migration(orders(*BEFORE), None)
    assert nothing.sentence == "There is no launch date, and so no before and after to compare."
    assert nothing.comparison == nothing.details == "" and nothing.sizes.empty
    assert migration.matrix(nothing.segments).empty and migration.matrix(nothing.groups).empty
    empty = around.windows(orders(("a", 3, 10), ("a", 20, 10)), launched_on=LAUNCH)
    assert "there is no time before to compare with" in migration.migration(orders(("a", 3, 10)), empty).sentence
    refunds = migration.migration(orders(("a", -5, -10.0), ("b", 5, 10)), windows())
    assert refunds.groups.empty


def test_others_see_no_small_cell(tmp_path):
    found = migration.migration(orders(*BEFORE, *AFTER), windows())
    shared = migration.published(found, client_of(tmp_path, "shared"))
    assert not shared.groups["customers"].between(1, 4).any()
    assert migration.published(found, client_of(tmp_path)).groups.equals(found.groups)
    wide = migration.matrix(found.groups)
    assert wide.columns[0] == "before \\ after" and wide.iloc[:, 0].tolist() == ["Best", "Regular", "Once", AWAY]
