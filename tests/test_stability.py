"""Scores that stand still: what is claimed of luck is what another lot of luck shows."""

from __future__ import annotations

from datetime import date
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from loyalty_helpers.core.purchases import span
from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.customers import scoring, tables
from loyalty_helpers.forecast import agreement as stability
from loyalty_helpers.lab import simulate

AS_OF = date(2025, 1, 1)


def client_of(folder, audience: str = "owner") -> Client:
    return Client(key="x", folder=folder, name="X", currency="CNY", time_zone="Asia/Shanghai", sources={},
                  program=Program(), audience=audience)


def orders_of(customer: np.ndarray, ago: np.ndarray, amount: np.ndarray | float = 100.0) -> pd.DataFrame:
    """Canonical orders from the customer's number and the days before AS_OF."""
    n = len(customer)
    at = pd.Timestamp(AS_OF) - pd.to_timedelta(np.asarray(ago, dtype=float), unit="D")
    return pd.DataFrame({
        "order_id": pd.Series([f"o{i}" for i in range(n)], dtype="str"),
        "customer_id": pd.Series([f"c{i:04d}" for i in customer], dtype="str"),
        "ordered_at": pd.Series(at).astype("datetime64[us]"), "amount": np.broadcast_to(amount, n).astype(float),
        "is_refund": np.broadcast_to(amount, n) < 0, "channel": pd.Series([None] * n, dtype="str"),
        "category": pd.Series([None] * n, dtype="str"), "rating": np.full(n, np.nan)})


def regulars(pace: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Customers who buy at `pace` orders in 360 days, first 360 days ago, 100 an order."""
    rng = np.random.default_rng(seed)
    more = rng.poisson(pace)
    customer = np.concatenate([np.arange(len(pace)), np.repeat(np.arange(len(pace)), more)])
    return orders_of(customer, np.concatenate([np.full(len(pace), 360.0), 1 + 358 * rng.random(more.sum())]))


def stability_of(orders: pd.DataFrame, as_of: date = AS_OF) -> stability.Stability:
    return stability.stability(tables.customers(orders, as_of=as_of), orders, as_of=as_of)


# ---------------------------------------------------------------- had luck been different
STREAM = simulate.Plan.stream


def with_other_luck(**options) -> simulate.Shop:
    """The same people, arrivals, tastes and days of leaving; other orders and busy spells."""

    def stream(plan: simulate.Plan, purpose: str) -> np.random.Generator:
        seed = plan.seed + 1000 * (purpose in ("order", "busy"))
        return np.random.Generator(np.random.PCG64([seed, *purpose.encode()]))

    with mock.patch.object(simulate.Plan, "stream", stream):
        return simulate.shop(**options)


@pytest.mark.parametrize("options", [
    {"customers": 1500, "seed": 5},
    {"customers": 1500, "seed": 6, "dropout": 0.0, "busy_factor": 1.0},
    {"customers": 2500, "seed": 7, "rate": 0.03, "weeks_before": 60, "weeks_after": 20},
])
def test_the_claim_holds_against_the_same_shop_with_other_luck(options):
    one, other = simulate.shop(**options).orders, with_other_luck(**options).orders
    as_of = span(one).end
    found = stability_of(one, as_of)
    first, second = (scoring.loyalty_score(tables.customers(rows, as_of=as_of)).set_index("customer_id")["score"]
                     for rows in (one, other))
    best = first[first >= np.sort(first)[-int(np.ceil(len(first) / 10))]].index
    again = second[second >= np.sort(second)[-int(np.ceil(len(second) / 10))]].index
    kept = best.isin(again).mean()
    assert found.top.low - 0.04 < kept < found.top.high + 0.04  # another lot of luck for the twin, too
    both = pd.concat([first, second], axis=1, join="inner")
    assert found.correlation.estimate == pytest.approx(both.corr("spearman").iloc[0, 1], abs=0.04)
    fifth, fifth_again = (np.ceil(both.iloc[:, k].rank(pct=True) * 5) for k in (0, 1))
    seen = (fifth == fifth_again).groupby(fifth).mean().to_numpy()
    # of those who bought once the model does not see who has left: too sure of the lower fifths in sparse shops
    np.testing.assert_allclose(found.fifths["stays"], seen, atol=0.1 if "rate" in options else 0.06)
    if "rate" not in options:
        assert kept < 0.75  # so that "all of it is skill" would not pass


def test_where_all_are_alike_the_ranking_is_luck_and_where_they_differ_it_is_not():
    alike = stability_of(regulars(np.full(300, 10.0)))
    assert alike.top.estimate < 0.25 and abs(alike.correlation.estimate) < 0.25
    apart = stability_of(regulars(np.geomspace(1, 3000, 60)))
    assert apart.correlation.estimate > 0.9
    assert apart.top.estimate > 0.65
    assert apart.top.n == 6 and "Of the 6 customers called the best tenth" in apart.sentence


def test_other_luck_makes_a_shop_of_the_same_size():
    made = simulate.shop(customers=1500, seed=3).orders
    customers = scoring.buyers(tables.customers(made, as_of=span(made).end))
    luck = stability._Luck.of(customers, made, stability.forecast.histories(made, as_of=span(made).end))
    rng = np.random.default_rng(1)
    drawn = pd.concat([luck.redrawn(rng).mean() for _ in range(20)], axis=1).mean(axis=1)
    within = {"orders": 0.08, "spend": 0.08, "recency_days": 0.1, "categories": 0.15, "rating": 0.02}
    for trait, far in within.items():
        assert drawn[trait] == pytest.approx(customers[trait].mean(), rel=far), trait


def test_alike_is_the_share_of_the_spread_between_customers():
    customer = pd.Series([1, 1, 2, 2])
    assert stability._alike(customer, pd.Series([0.0, 0.0, 1.0, 1.0])) == 1
    assert stability._alike(customer, pd.Series([0.0, 1.0, 0.0, 1.0])) == 0
    # mean squares 9 between and 2 within: (9 - 2) / 2 over that plus 2
    assert stability._alike(customer, pd.Series([0.0, 2.0, 3.0, 5.0])) == pytest.approx(3.5 / 5.5)
    rng = np.random.default_rng(2)
    own, luck = rng.normal(size=2000), rng.normal(size=(2000, 4))
    values = (own[:, None] * np.sqrt(0.3) + luck * np.sqrt(0.7)).ravel()
    assert stability._alike(pd.Series(np.repeat(np.arange(2000), 4)), pd.Series(values)) == pytest.approx(0.3, abs=0.04)


def test_row_order_does_not_matter_and_nothing_is_changed():
    made = simulate.shop(customers=200, seed=4).orders
    customers = tables.customers(made, as_of=span(made).end)
    kept = made.copy(deep=True), customers.copy(deep=True)
    found = stability.stability(customers, made, as_of=span(made).end)
    pd.testing.assert_frame_equal(made, kept[0])
    pd.testing.assert_frame_equal(customers, kept[1])
    again = stability.stability(customers.sample(frac=1, random_state=1), made.sample(frac=1, random_state=1),
                                as_of=span(made).end)
    assert again.sentence == found.sentence
    pd.testing.assert_frame_equal(again.fifths, found.fifths)


def test_a_large_shop_is_sampled_and_says_so():
    with mock.patch.object(stability, "MOST", 100):
        found = stability_of(regulars(np.geomspace(1, 200, 150)))
    assert (found.customers, found.sampled) == (150, 100)
    assert found.sentence.endswith("Reckoned from 100 customers picked at random.")
    assert found.sentence.startswith("Of the customers called the best tenth")


SMALL = {
    "nobody": regulars(np.full(1, 3.0)).iloc[:0],
    "one": regulars(np.full(1, 3.0)),
    "nine": regulars(np.full(9, 3.0)),
    "nobody buys twice": orders_of(np.arange(60), np.arange(60.0) + 1, np.arange(60.0) + 1),
    "refunds only": orders_of(np.arange(5), np.arange(5.0) + 1, -10.0),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SMALL)
def test_too_few_get_a_true_sentence(name):
    made = SMALL[name]
    found = stability.stability(tables.customers(made, as_of=AS_OF), made, as_of=AS_OF)
    assert found.sentence.startswith("How far the ranking is luck cannot be told yet: it takes")
    assert found.fifths.empty and found.fifths_sentence == ""
    assert ("two different days, and there are 0" in found.sentence) == (name == "nobody buys twice")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("made", [
    regulars(np.full(60, 3.0)),
    pd.concat([regulars(np.full(60, 2.0)), orders_of(np.zeros(40, int), np.arange(40.0) + 1, 5000.0)]).assign(
        order_id=lambda t: [f"o{i}" for i in range(len(t))]).reset_index(drop=True),
    orders_of(np.repeat(np.arange(60), 2), np.tile([30.0, 3.0], 60)),  # all alike
], ids=["sixty", "one heavy", "all alike"])
def test_sixty_customers_are_enough_for_a_wide_answer(made):
    found = stability_of(made)
    assert found.why == "" and "nan" not in found.sentence + found.fifths_sentence
    assert 0 <= found.top.low <= found.top.estimate <= found.top.high <= 1


# ---------------------------------------------------------------- had the weights been others
def customers(**columns) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"customer_id": pd.Series([f"c{i}" for i in range(n)], dtype="str"), "orders": 1,
                         "spend": 100.0, "categories": np.nan, "rating": np.nan, "recency_days": 10.0,
                         "tenure_days": 400.0}).assign(**columns).assign(
        mean_order=lambda t: t["spend"] / t["orders"].clip(lower=1))


def test_weight_sensitivity_has_a_row_for_each_weight_up_and_down_and_the_articles():
    rng = np.random.default_rng(1)
    made = customers(orders=1 + rng.poisson(3, 300), spend=rng.lognormal(5, 1, 300),
                     categories=rng.integers(1, 5, 300).astype(float), rating=rng.integers(1, 6, 300).astype(float),
                     recency_days=rng.integers(0, 400, 300).astype(float))
    table = stability.weight_sensitivity(made)
    assert len(table) == 11
    assert table[["rank_correlation", "top_tenth_kept"]].to_numpy().max() <= 1
    assert table["rank_correlation"].idxmin() == 10
    agree = customers(orders=range(1, 81), spend=np.arange(80.0), recency_days=np.arange(80.0)[::-1])
    table = stability.weight_sensitivity(agree)
    np.testing.assert_allclose(table[["rank_correlation", "top_tenth_kept"]], 1)
    assert stability.sensitivity_sentence(table).startswith("The same customers are the best tenth")
    assert not table["weights"].str.contains("rating|categories").any()  # nobody has any
    # frequency and recency rank the other way round, and recency just wins
    opposed = customers(orders=range(1, 81), recency_days=np.arange(80.0))
    table = stability.weight_sensitivity(opposed, weights={"frequency": 0.45, "recency": 0.55})
    assert table.set_index("weights").loc["recency halved", "rank_correlation"] == pytest.approx(-1)
    assert table.set_index("weights").loc["recency halved", "top_tenth_kept"] == 0
    assert "at least 0 % of the best tenth stay in it (fewest:" in stability.sensitivity_sentence(table)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("made", [customers(orders=range(1, n + 1)) for n in (1, 2, 9, 49)]
                         + [customers(orders=[]), customers(orders=[1] * 300), customers(orders=[0] * 60)])
def test_weights_of_too_few_or_all_alike_get_a_sentence(made):
    table = stability.weight_sensitivity(made)
    assert table["top_tenth_kept"].isna().all()
    assert stability.sensitivity_sentence(table) == (
        "How much the weights matter cannot be told: it takes 50 customers with an order, not all of them alike.")


# ---------------------------------------------------------------- do the measures agree
def compared(score: np.ndarray, chance: np.ndarray, value: np.ndarray, **traits) -> stability.Agreement:
    n = len(score)
    ids = pd.Series([f"c{i}" for i in range(n)], dtype="str")
    return stability.agreement(pd.DataFrame({"customer_id": ids, "score": score}),
                               customers(orders=np.full(n, 5), **traits),
                               pd.DataFrame({"customer_id": ids, "chance_to_buy": chance, "lifetime_value": value}),
                               currency="CNY")


def test_measures_that_agree_and_measures_that_are_opposed():
    up = np.arange(100.0)
    pairs = compared(up, -up, up**2).pairs.set_index(["one", "other"])
    agree, opposed = pairs.loc[("score", "value to come")], pairs.loc[("score", "chance to buy")]
    assert (agree["rank_correlation"], agree["shared"]) == (pytest.approx(1), 1)
    assert (opposed["rank_correlation"], opposed["shared"]) == (pytest.approx(-1), 0)
    assert agree["shared_low"] == pytest.approx(0.722, abs=0.001)  # Wilson, 10 of 10
    rng = np.random.default_rng(3)
    score = rng.normal(size=400)
    found = compared(score, score + rng.normal(size=400), score).pairs.set_index("other").loc["chance to buy"]
    found = found.iloc[0] if isinstance(found, pd.DataFrame) else found
    assert found["low"] < found["rank_correlation"] < found["high"]
    # Fisher: half a width of 1.96 sqrt((1 + r^2 / 2) / 397) around artanh r
    half = 1.96 * np.sqrt((1 + found["rank_correlation"] ** 2 / 2) / 397)
    assert np.arctanh(found["high"]) - np.arctanh(found["low"]) == pytest.approx(2 * half)


def test_who_disagrees_and_why():
    score = np.arange(100.0)
    chance = score.copy()
    chance[90:] -= 90  # of the best fifth, the ten best have stayed away
    chance[89] = 44.5  # with 55 below: in the middle, not low
    recency = np.where(score >= 90, 300.0, 20.0)
    found = compared(score, chance, score, recency_days=recency, spend=score * 50)
    groups = found.groups.set_index("group")
    gone = groups.loc["high score, low chance to buy"]
    assert (gone["customers"], gone["share"], gone["recency_days"]) == (10, 0.1, 300)
    assert gone["why"].startswith("last bought 300 days ago (the others: 20 days)")
    assert groups.loc["low score, high value to come", "why"] == "nobody"
    assert found.sentence == (
        "Of the best tenth by score, 100 % are in that by value to come (72 % to 100 %) and 0 % are in that by chance "
        "to buy (0 % to 28 %).")


@pytest.mark.filterwarnings("error")
def test_agreement_of_few_or_of_nothing_known():
    assert "it takes 50 customers with a score and a forecast, and there are 9" in compared(
        np.arange(9.0), np.arange(9.0), np.arange(9.0)).sentence
    nothing = compared(np.arange(60.0), np.full(60, np.nan), np.full(60, 0.5))
    assert nothing.sentence.endswith("the score or the forecast is the same for everybody.")
    only = compared(np.arange(60.0), np.arange(60.0), np.full(60, np.nan))
    assert only.pairs["other"].tolist() == ["chance to buy"]
    assert set(only.groups["group"]) == {"high score, low chance to buy", "low score, high chance to buy"}
    assert "nan" not in only.sentence


def test_others_see_no_small_group(tmp_path):
    score = np.arange(100.0)
    chance = score.copy()
    chance[97:] -= 97
    found = compared(score, chance, score, recency_days=np.where(score >= 97, 300.0, 20.0))
    shared = stability.published(found, client_of(tmp_path, "shared"))
    row = shared.groups.set_index("group").loc["high score, low chance to buy"]
    assert np.isnan(row["customers"]) and pd.isna(row["why"])
    assert shared.pairs["shared"].isna().tolist() == [False, True, True]  # ten of ten; seven of ten
    assert "chance to buy" not in shared.sentence
    assert stability.published(found, client_of(tmp_path)).groups.equals(found.groups)
