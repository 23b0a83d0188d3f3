"""Affinity: what goes together is found, and heavy buyers and favorites are not taken for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_helpers import affinity, simulate

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
    sentence = affinity.affinity_sentence(table)
    assert sentence.startswith(f"{best['category']} and {best['other']} go together: ")
    assert "15 pairs of categories looked at" in sentence
    assert "No pair stands out" in affinity.affinity_sentence(table_of(shop(600, 1, tastes=4.0)))


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
        assert low <= affinity.concentration(who, cells.to_numpy(), what) <= high


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
    assert found.sentence.startswith("Customers who bought from two or more categories: 50 %")


def test_what_came_next_by_hand():
    rows = [("a", 1, "A"), ("a", 2, "A"), ("a", 3, "B"), ("a", 4, "C"), ("b", 1, "A"), ("b", 2, "C"), ("c", 1, "B"),
            ("c", 2, "A"), ("d", 1, "C")]
    table = affinity.next_category(affinity.choices({"orders": orders(*rows)}))
    went = {(row.first, row.next): row.customers for row in table.itertuples(index=False)}
    assert went == {("A", "B"): 1, ("A", "C"): 1, ("B", "A"): 1}
    assert table.loc[table["first"] == "A", "share"].tolist() == [0.5, 0.5]
    assert "too few have bought from a second category" in affinity.next_sentence(table)


def test_nobody_can_turn_anew_to_where_they_began():
    # quasi-independent: row factors 1, 2, 3 times column factors 4, 5, 6, nothing on the diagonal
    counts = np.outer([1.0, 2, 3], [4.0, 5, 6]) * (1 - np.eye(3))
    np.testing.assert_allclose(affinity._quasi_independent(counts), counts, rtol=1e-6)
    clear = [affinity.next_category(affinity.choices({"orders": shop(300, seed)}))["p_adjusted"].min() < 0.05
             for seed in range(20)]
    assert sum(clear) <= 4
    table = affinity.next_category(affinity.choices({"orders": shop(600, 1, follow=0.9)}))
    assert (table.loc[(table["first"] == "E") & (table["next"] == "F"), "p_adjusted"] < 0.05).all()
    assert affinity.next_sentence(table).startswith("After a first order of E, ")


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
    said = [affinity.affinity_sentence(table), affinity.next_sentence(following), affinity.cross_sell(chosen).sentence]
    assert not any("nan" in sentence or "inf" in sentence for sentence in said)
    assert all(sentence.endswith(".") for sentence in said)
    assert "go together" not in said[0] or "cannot be told" in said[0]
