"""Affinity: what goes together is found, and heavy buyers and favorites are not taken for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import said

from loyalty_helpers.customers import affinity
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.chapters import ch02b

NAMES = np.array(list("ABCDEF"))
POPULAR = np.array([6, 5, 4, 3, 2, 2]) / 22


def orders(*rows: tuple) -> pd.DataFrame:
    """Canonical orders from (customer, day, category)."""
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "category"])
    return pd.DataFrame({
        "order_id": pd.Series([f"o{i}" for i in range(len(frame))], dtype="str"),
        "customer_id": frame["customer_id"].astype("str"),
        "ordered_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"].astype("float64"), unit="D"),
        "amount": 10.0, "is_refund": np.zeros(len(frame), dtype=bool), "category": frame["category"].astype("str")})


def shop(n: int, seed: int, *, tastes: float = np.inf, follow: float = 0.0) -> pd.DataFrame:
    """Customers of very different numbers of orders choose by Dirichlet tastes of that concentration; after an order
    of E the next one is of F with probability `follow`."""
    rng = np.random.default_rng(seed)
    times = 1 + rng.poisson(rng.gamma(0.7, 6, n))
    customer = np.repeat(np.arange(n), times)
    taste = (np.tile(POPULAR, (n, 1)) if np.isinf(tastes) else rng.dirichlet(tastes * POPULAR, n)).cumsum(axis=1)
    choice = (rng.random(len(customer))[:, None] > taste[customer, :-1]).sum(axis=1)
    follows = (np.append(-1, choice[:-1]) == 4) & (np.diff(customer, prepend=-1) == 0)
    choice = np.where(follows & (rng.random(len(choice)) < follow), 5, choice)
    return orders(*zip([f"c{i}" for i in customer], np.arange(len(customer)) * 0.001, NAMES[choice], strict=True))


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    return affinity.affinity(affinity.choices({"orders": rows}))


# ---------------------------------------------------------------- pairs
@pytest.mark.parametrize("tastes", [np.inf, 4.0])
def test_without_a_link_a_pair_stands_out_in_about_one_shop_of_twenty(tastes):
    tables = [table_of(shop(200, seed, tastes=tastes)) for seed in range(60)]
    alarms = sum(table["reading"].isin(["together", "apart"]).any() for table in tables)
    assert alarms <= 8  # of 60, at 5 %: more in 4 of 1,000
    assert all((table["lift"].notna()).sum() > 5 for table in tables)
    # the looks of a link that heavy buyers give every pair
    raw = pd.concat(tables)
    if np.isinf(tastes):
        assert (raw["share"] / raw["share_others"]).median() > 1.3
    assert raw["lift"].median() == pytest.approx(1, abs=0.03)
    assert ((raw["lift_low"] <= 1) & (raw["lift_high"] >= 1)).mean() > 0.93


def test_a_planted_link_is_found_and_told():
    table = table_of(shop(600, 1, tastes=4.0, follow=0.6))
    best = table.iloc[0]
    assert {best["category"], best["other"]} == {"E", "F"} and best["reading"] == "together"
    assert best["lift_low"] > 1.05
    sentence = said(affinity.affinity_sentence(table))
    assert sentence.startswith(f"{best['category']} and {best['other']} go together: ")
    assert "15 pairs of categories looked at" in sentence
    assert "No pair stands out" in said(affinity.affinity_sentence(table_of(shop(600, 1, tastes=4.0))))


def test_what_is_expected_follows_from_the_number_of_choices():
    rows = shop(400, 2)
    customer, category = pd.factorize(rows["customer_id"])[0], pd.factorize(rows["category"], sort=True)[0]
    made = np.bincount(customer)
    has = np.zeros((len(made), 6))
    has[customer, category] = 1
    none = affinity._Unlinked(made, has, affinity.NO_TASTES)
    # as many buyers of each category as there are; without tastes each choice is a new one: 1 - (1 - p)^k
    np.testing.assert_allclose(none.size @ none.bought, has.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(none.bought[:, 0], 1 - (1 - none.mean[0]) ** none.choices, atol=1e-3)
    np.testing.assert_allclose(none.mean, POPULAR, atol=0.03)
    # with tastes of strength 1 half of all is decided by the first choice: k choices, (1 - p) (2 - p) / 2 for k = 2
    tastes = affinity._Unlinked(np.array([2, 2]), np.array([[1.0], [0.0]]), 1.0)
    assert tastes.without(0.3)[0] == pytest.approx(0.7 * 1.7 / 2)


def test_the_strength_of_tastes_is_recovered():
    for tastes, low, high in ((2.0, 1.6, 2.5), (8.0, 5.5, 12.0), (np.inf, 80.0, np.inf)):
        rows = shop(3000, 3, tastes=tastes)
        cells = rows.groupby([pd.factorize(rows["customer_id"])[0], pd.factorize(rows["category"])[0]]).size()
        who, what = (cells.index.get_level_values(level).to_numpy() for level in (0, 1))
        assert low <= affinity.concentration(who, cells.to_numpy(), what, np.bincount(who, weights=cells)) <= high


def test_the_sample_shop_has_tastes_but_no_links():
    table = table_of(simulate.shop(customers=1500, seed=9).orders)
    assert (table["reading"] == "as expected").all()


def test_shares_by_hand():
    rows = [(f"ab{i}", day, category) for i in range(20) for day, category in ((1, "A"), (2, "B"))]
    rows += [(f"a{i}", 1, "A") for i in range(20)] + [(f"b{i}", 1, "B") for i in range(60)]
    (row,) = table_of(orders(*rows)).to_dict("records")
    assert (row["category"], row["other"], row["customers"], row["both"]) == ("A", "B", 40, 20)
    assert (row["share"], row["share_others"]) == (0.5, 1.0)  # all sixty others have bought B
    assert (row["low"], row["high"]) == pytest.approx((0.352, 0.648), abs=0.001)


def test_lines_know_more_than_orders():
    made = orders(("a", 1, "X"), ("b", 2, "X"))
    lines = pd.DataFrame({"order_id": ["o0", "o0", "o0", "o1"], "category": ["A", "B", "A", None]})
    chosen = affinity.choices({"orders": made, "lines": lines})
    assert chosen["category"].tolist() == ["A", "B"]
    assert affinity.choices({"orders": made, "lines": lines.assign(category=None)})["category"].tolist() == ["X", "X"]


# ---------------------------------------------------------------- cross-selling, and what came next
def test_cross_sell_rate_by_hand():
    made = orders(("a", 1, "A"), ("a", 2, "B"), ("b", 1, "A"), ("b", 2, "A"), ("c", 1, None), (None, 1, "B"))
    found = affinity.cross_sell(affinity.choices({"orders": made}))
    assert (found.estimate, found.n) == (0.5, 2)
    assert said(found).startswith("Customers who bought from two or more categories: 50 %")


def test_what_came_next_by_hand():
    rows = [("a", 1, "A"), ("a", 2, "A"), ("a", 3, "B"), ("a", 4, "C"), ("b", 1, "A"), ("b", 2, "C"), ("c", 1, "B"),
            ("c", 2, "A"), ("d", 1, "C")]
    table = affinity.next_category(affinity.choices({"orders": orders(*rows)}))
    went = {(row.first, row.next): row.customers for row in table.itertuples(index=False)}
    assert went == {("A", "B"): 1, ("A", "C"): 1, ("B", "A"): 1}
    assert table.loc[table["first"] == "A", "share"].tolist() == [0.5, 0.5]
    assert "too few have bought from a second category" in said(affinity.next_sentence(table))


def test_nobody_can_turn_anew_to_where_they_began():
    # quasi-independent: row factors 1, 2, 3 times column factors 4, 5, 6, nothing on the diagonal
    counts = np.outer([1.0, 2, 3], [4.0, 5, 6]) * (1 - np.eye(3))
    sets = np.array([1, 2, 4])
    fitted = counts.sum(axis=1)[:, None] * affinity._next_orders(counts, sets)
    np.testing.assert_allclose(fitted, counts, rtol=1e-6)
    clear = [affinity.next_category(affinity.choices({"orders": shop(300, seed)}))["p_adjusted"].min() < 0.05
             for seed in range(20)]
    assert sum(clear) <= 4
    table = affinity.next_category(affinity.choices({"orders": shop(600, 1, follow=0.9)}))
    assert (table.loc[(table["first"] == "E") & (table["next"] == "F"), "p_adjusted"] < 0.05).all()
    assert said(affinity.next_sentence(table)).startswith("After a first order of E, ")


# ---------------------------------------------------------------- orders of several categories
BASKETS = (("Coffee",), ("Coffee", "Filters"), ("Tea",), ("Tea", "Chocolate"), ("Mugs",), ("Books",), ("Chocolate",))
DEALT = np.array([0.18, 0.27, 0.075, 0.075, 0.15, 0.13, 0.12])


def basket_shop(n: int, seed: int, *, follow: float = 0.0) -> dict[str, pd.DataFrame]:
    """Orders drawn from BASKETS by lot, whoever orders; after Mugs the next order is of Books with chance `follow`."""
    rng = np.random.default_rng(seed)
    times = 1 + rng.poisson(rng.gamma(0.7, 5, n))
    customer = np.repeat(np.arange(n), times)
    drawn = rng.choice(len(BASKETS), len(customer), p=DEALT)
    follows = (np.append(-1, drawn[:-1]) == 4) & (np.diff(customer, prepend=-1) == 0)
    drawn = np.where(follows & (rng.random(len(drawn)) < follow), 5, drawn)
    made = orders(*[(f"c{who}", day, None) for day, who in enumerate(customer)])
    lines = pd.DataFrame([(order, one) for order, kind in zip(made["order_id"], drawn, strict=True)
                          for one in BASKETS[kind]], columns=["order_id", "category"])
    return {"orders": made, "lines": lines}


def test_what_is_next_after_orders_of_several_categories_is_expected_rightly():
    found = [affinity.next_category(affinity.choices(basket_shop(500, seed))) for seed in range(60)]
    assert sum(table["p_adjusted"].min() < 0.05 for table in found) <= 7
    ways = pd.concat(found)
    to = ways[(ways["first"] == "Mugs") & (ways["next"] == "Coffee")]
    # by lot: of the orders with anything but mugs, those with coffee
    assert to["expected"].mean() == pytest.approx(0.45 / 0.85, abs=0.02)
    assert to["share"].mean() == pytest.approx(to["expected"].mean(), abs=0.02)
    # after chocolate an order of tea and chocolate still is news, one of chocolate alone is none
    to = ways[(ways["first"] == "Chocolate") & (ways["next"] == "Coffee")]
    assert 0.45 / 0.88 <= to["expected"].mean() <= 0.45 / 0.805


def test_a_planted_sequence_is_found_among_orders_of_several_categories():
    table = affinity.next_category(affinity.choices(basket_shop(1500, 1, follow=0.5)))
    clear = table[(table["share"] > table["expected"]) & (table["p_adjusted"] < 0.05)]
    assert list(zip(clear["first"], clear["next"], strict=True)) == [("Mugs", "Books")]
    assert said(affinity.next_sentence(table)).startswith("After a first order of Mugs, ")


def test_what_is_always_in_one_order_is_no_link_between_orders():
    found = [affinity.affinity(affinity.choices(basket_shop(700, seed))) for seed in range(40)]
    assert sum(table["reading"].isin(["together", "apart"]).any() for table in found) <= 5
    pairs = pd.concat(found)
    assert pairs.groupby(["category", "other"])["lift"].mean().between(0.96, 1.04).all()


def test_what_goes_into_one_order_is_told():
    table = affinity.baskets(affinity.choices(basket_shop(1500, 1)))
    together = table[table["reading"] == "together"]
    assert {frozenset(pair) for pair in zip(together["category"], together["other"], strict=True)} == {
        frozenset({"Coffee", "Filters"}), frozenset({"Tea", "Chocolate"})}
    row = together.set_index("category").loc["Filters"]
    assert row["share"] == 1 and row["both"] == row["orders"] and row["lift_low"] > 2
    told = said(affinity.baskets_sentence(table))
    assert told.startswith("Filters and Coffee are bought together in one order: ")
    assert "Tea and Chocolate" in told and "15 pairs of categories looked at" in told


def test_orders_filled_by_lot_show_no_pair_however_large_they_are():
    alarms, rng = 0, np.random.default_rng(4)
    for _ in range(40):
        size = rng.choice([1, 2, 4], 400, p=[0.5, 0.3, 0.2])
        order = np.repeat(np.arange(400), size)
        kinds = np.concatenate([rng.choice(NAMES, k, replace=False, p=POPULAR) for k in size])
        made = orders(*[(f"c{i % 150}", i, None) for i in range(400)])
        lines = pd.DataFrame({"order_id": [f"o{i}" for i in order], "category": kinds})
        table = affinity.baskets(affinity.choices({"orders": made, "lines": lines}))
        alarms += (table["p_adjusted"] < 0.05).any()
    assert alarms <= 5
    assert said(affinity.baskets_sentence(table)).startswith("In one order no pair")


def test_lines_that_repeat_a_category_make_no_pair():
    rng, popular = np.random.default_rng(5), 1 / np.arange(1, 21)
    made = orders(*[(f"c{i % 5000}", i, None) for i in range(20_000)])
    lines = pd.DataFrame({"order_id": np.repeat(made["order_id"].to_numpy(), 2),
                          "category": rng.choice(20, 40_000, p=popular / popular.sum()).astype(str)})
    table = affinity.baskets(affinity.choices({"orders": made, "lines": lines}))
    assert (table["p_adjusted"] < 0.05).any() and (table["reading"] == "as expected").all()


def test_the_chances_in_an_order_by_hand():
    # two sizes: an order of two of three equal categories holds each pair with chance 1/3, one of one none
    chances = affinity._dealt(np.array([30, 30, 30]), np.array([1, 2, 3]), np.array([30, 15, 10]))
    np.testing.assert_allclose(chances[:, 0, 1], [0, 1 / 3, 1], atol=1e-6)
    # weights 3 : 1 : 1 in orders of two: pairs in proportion 3 : 3 : 1
    totals = 70 * np.array([6, 4, 4]) / 7
    chances = affinity._dealt(totals, np.array([2]), np.array([70]))
    pairs = [chances[0, 0, 1], chances[0, 0, 2], chances[0, 1, 2]]
    np.testing.assert_allclose(pairs, np.array([3, 3, 1]) / 7, atol=1e-4)


def test_one_customer_who_always_buys_both_is_no_rule():
    made = orders(*[("heavy", day, None) for day in range(40)], *[(f"c{i}", i, None) for i in range(200)])
    lines = [(f"o{i}", one) for i in range(40) for one in "AB"] + [
        (f"o{40 + i}", one) for i in range(200) for one in (NAMES[i % 6], NAMES[(i + 1 + i // 6 % 5) % 6])]
    table = affinity.baskets(affinity.choices({"orders": made, "lines": pd.DataFrame(lines, columns=["order_id",
                                                                                                     "category"])}))
    row = table[(table["category"].isin(["A", "B"])) & table["other"].isin(["A", "B"])].iloc[0]
    assert row["lift"] > 1.5 and row["reading"] == "as expected"


def test_small_differences_and_small_p_values_are_not_made_much_of():
    table = pd.DataFrame({"category": list("abc"), "other": list("def"), "lift": [0.97, 1.3, 0.7],
                          "p_value": [1e-9, 1e-9, 1e-9]})
    read = affinity._read(table)
    assert read["reading"].tolist() == ["together", "as expected", "apart"]
    shown = ch02b.with_p(read.assign(p_adjusted=[1e-9, 0.0124, np.nan]))
    assert shown["p_adjusted"].map(said).tolist() == ["under 0.001", "0.012", "–"] and "p_value" not in shown
    told = table_of(shop(600, 1, tastes=4.0, follow=0.6))
    for pair in told[told["reading"] == "apart"][:1].itertuples():
        assert f"{pair.category} and {pair.other}" in said(affinity.affinity_sentence(told))
    many = pd.concat([told[told["reading"] == "together"][:1]] * 6)
    pair = f"{many.iloc[0]['category']} and {many.iloc[0]['other']}"
    assert said(affinity.affinity_sentence(many)).endswith(f"So do {pair}; {pair}; {pair}; 2 other pairs.")


# ---------------------------------------------------------------- any shop
@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30), st.sampled_from([*"ABC", None])),
                min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_row_order_does_not_matter_and_shares_are_shares(rows, random):
    made = pd.concat([orders(*rows), shop(60, 1).assign(order_id=lambda t: "s" + t["order_id"])], ignore_index=True)
    kept = made.copy(deep=True)
    table, following = table_of(made), affinity.next_category(affinity.choices({"orders": made}))
    pd.testing.assert_frame_equal(made, kept)
    order = list(range(len(made)))
    random.shuffle(order)
    again = made.iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(table_of(again), table)
    pd.testing.assert_frame_equal(affinity.next_category(affinity.choices({"orders": again})), following)
    for one in (table, following):
        assert one["share"].between(0, 1).all()
        assert ((one["low"] <= one["share"] + 1e-9) & (one["share"] <= one["high"] + 1e-9)).all()
    assert (table["both"] <= table["customers"]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("made", [
    orders(), orders(("a", 1, "A")), orders(("a", 1, None)), shop(9, 1), shop(60, 1),
    orders(*[(f"c{i}", i, "A") for i in range(60)]),
    orders(*[(f"c{i}", i, "AB"[i % 2]) for i in range(60)]),  # nobody buys twice
    orders(*[(f"c{i}", i + day, "AB"[day]) for i in range(60) for day in (0, 1)]),  # everybody buys both
    orders(*[("heavy", i, NAMES[i % 6]) for i in range(500)], *[(f"c{i}", i, NAMES[i % 6]) for i in range(60)]),
], ids=["nobody", "one", "no category", "nine", "sixty", "one category", "once each", "all both", "one heavy"])
def test_any_shop_gets_true_sentences(made):
    chosen = affinity.choices({"orders": made})
    table, following = affinity.affinity(chosen), affinity.next_category(chosen)
    assert affinity.baskets(chosen).empty and affinity.baskets_sentence(affinity.baskets(chosen)) == []
    ch02b.with_p(table), ch02b.with_p(following)
    told = [said(one) for one in (affinity.affinity_sentence(table), affinity.next_sentence(following),
                                  affinity.cross_sell(chosen))]
    assert not any("nan" in sentence or "inf" in sentence for sentence in told)
    assert all(sentence.endswith(".") for sentence in told)
    assert "go together" not in told[0] or "cannot be told" in told[0]
