"""Who buys next: features that never look ahead, measures checked by hand, models tried out of time on real orders."""

from __future__ import annotations

import math
import warnings
from datetime import date, timedelta
from functools import cache
from importlib import import_module

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from forecast_orders import cdnow
from forecast_orders import made as orders
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from loyalty_helpers import forecast
from loyalty_helpers.core import glm
from loyalty_helpers.core.settings import UserError
from loyalty_helpers.forecast import kept, measures
from loyalty_helpers.forecast.features import FEATURES, TERMS, design, features_at
from loyalty_helpers.forecast.purchase_days import purchase_days
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.charts import forecasts as charts
from loyalty_helpers.report.wording import words

mpl.use("Agg")
room = import_module("loyalty_helpers.forecast.repurchase")  # the package's own name for it is the function
START = date(2024, 1, 1)


def said(result: forecast.Repurchase) -> str:
    return " ".join(map(words, result.sentences))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def some_orders(days: int = 400):
    row = st.tuples(st.sampled_from(["a", "b", "c", "d", None]), st.integers(0, days), st.integers(-20, 90),
                    st.sampled_from(["x", "y", None]))
    return st.lists(row, max_size=25).map(lambda rows: orders(
        *((who, START + timedelta(days=day), amount, kind) for who, day, amount, kind in rows)))


@cache
def tried() -> forecast.Repurchase:
    """CDNOW at the three origins of the known answers: 39, 52 and 65 weeks after the start."""
    return forecast.repurchase(cdnow(), origins=[date(1997, 10, 1), date(1997, 12, 31), date(1998, 4, 1)])


@cache
def shop() -> simulate.Shop:
    return simulate.shop(customers=1500, seed=11)


# ---------------------------------------------------------------- features
def test_features_by_hand():
    rows = orders(("b", "2024-01-01 23:30", 10, "x"), ("b", "2024-01-01 23:40", 20, "x"), ("b", "2024-03-01", 30, "y"),
                  ("b", "2024-07-01", -30), ("a", "2024-10-31", 0), (None, "2024-05-01", 99, "z"),
                  ("r", "2024-05-01", -1), ("b", "2024-11-01", 500, "z"))
    table = forecast.customer_features(rows, as_of=date(2024, 11, 1))
    assert table["customer_id"].tolist() == ["a", "b"]  # nobody unknown, nobody who only gave back
    a, b = table.to_dict("records")
    assert b == {"customer_id": "b", "recency_days": 245, "age_days": 305, "days_bought": 2, "bought_half_year": 0,
                 "bought_year": 2, "usual_gap_days": 60, "mean_order": 20, "categories": 2, "refund_share": 0.25}
    assert (a["recency_days"], a["age_days"], a["days_bought"], a["bought_half_year"]) == (1, 1, 1, 1)
    assert math.isnan(a["usual_gap_days"]) and math.isnan(a["categories"]) and a["mean_order"] == 0
    assert table.columns.tolist() == ["customer_id", *FEATURES]


def test_what_a_model_sees_by_hand():
    rows = orders(("a", "2024-01-01", 10, "x"), ("a", "2024-01-31", 10, "x"), ("b", "2024-01-31", 0))
    seen = pd.DataFrame(design(forecast.customer_features(rows, as_of=date(2024, 10, 1))), columns=TERMS)
    assert seen.loc[0].tolist() == pytest.approx([math.log(244), math.log(2), math.log(274), math.log(30), 0,
                                                  math.log(0.5 / 2.5), 0, math.log(10), 0, 0])
    missing = {"usual_gap", "mean_order", "categories"}  # money of nil has no logarithm
    assert set(seen.columns[seen.loc[1].isna()]) == missing and seen.loc[1, "once"] == 1


@settings(max_examples=60)
@given(some_orders(), some_orders(), st.integers(1, 380))
def test_features_never_look_ahead(past, future, day):
    """Whatever is ordered or given back on the day and later, by whomever: nothing changes."""
    as_of = START + timedelta(days=day)
    before = past[past["ordered_at"] < pd.Timestamp(as_of)]
    later = future.assign(ordered_at=future["ordered_at"] + pd.Timedelta(days=day))
    both = pd.concat([before, later])
    untouched, mixed = both.copy(), both.sample(frac=1, random_state=day)
    known, same, turned = (forecast.customer_features(rows, as_of=as_of) for rows in (before, both, mixed))
    pd.testing.assert_frame_equal(known, same)
    pd.testing.assert_frame_equal(known, turned)  # nor does the order of rows
    pd.testing.assert_frame_equal(both, untouched)


@settings(max_examples=30)
@given(some_orders(), st.integers(1, 380))
def test_features_agree_with_the_histories_of_the_purchase_models(rows, day):
    as_of = START + timedelta(days=day)
    table, known = forecast.customer_features(rows, as_of=as_of), forecast.histories(rows, as_of=as_of)
    assert table["customer_id"].tolist() == known["customer_id"].tolist()
    for ours, theirs in zip(kept.visits(table), ("frequency", "recency", "age"), strict=True):
        np.testing.assert_allclose(ours, known[theirs].to_numpy(dtype="float64"))


def test_another_currency_changes_no_chance():
    rows = shop().orders
    dear = rows.assign(amount=rows["amount"] * 7.3)
    moments = forecast.origins(rows, most=1)
    chances = [forecast.repurchase(some, origins=moments).scores.set_index("model").loc["logistic", "auc"]
               for some in (rows, dear)]
    assert chances[0] == pytest.approx(chances[1], abs=1e-6)


def test_a_sample_keeps_the_features_of_the_drawn():
    days = purchase_days(shop().orders)
    whole, some = (features_at(one, date(2025, 6, 1)).set_index("customer_id")
                   for one in (days, days.some(300, seed=1)))
    assert 200 < len(some) <= 300
    pd.testing.assert_frame_equal(whole.loc[some.index], some)


# ---------------------------------------------------------------- origins
def test_origins_step_back_from_the_end_and_leave_history():
    rows = orders(("a", "2024-01-01", 5), ("a", "2024-09-29 23:59", 5))  # 273 days: three times 91
    assert forecast.origins(rows) == [date(2024, 7, 1)]
    assert forecast.origins(rows.iloc[1:]) == [] and forecast.origins(rows.iloc[:0]) == []
    assert forecast.origins(rows, horizon_days=28) == [date(2024, 9, 2) - timedelta(days=28 * back)
                                                       for back in (3, 2, 1, 0)]
    day_less = orders(("a", "2024-01-02", 5), ("a", "2024-09-29", 5))
    assert forecast.origins(day_less) == []


def test_an_outcome_that_is_not_known_to_the_end_is_refused():
    rows = orders(("a", "2024-01-01", 5), ("a", "2024-09-29", 5))
    with pytest.raises(UserError, match="must be earlier"):
        forecast.repurchase(rows, origins=[date(2024, 7, 2)])
    assert forecast.repurchase(rows, origins=[date(2024, 7, 1)]).winner == ""


# ---------------------------------------------------------------- measures
SAID = np.array([0.9, 0.6, 0.6, 0.2, 0.1])
BOUGHT = np.array([True, False, True, False, False])


def test_measures_by_hand():
    area, parts = measures.auc(BOUGHT, SAID)
    assert area == pytest.approx((3 + 2.5) / 6)  # the second buyer ties with one other customer
    assert parts.sum() == pytest.approx(0)
    assert measures.brier(BOUGHT, SAID).mean() == pytest.approx((0.01 + 0.36 + 0.16 + 0.04 + 0.01) / 5)
    assert measures.log_loss(BOUGHT, SAID)[[0, 3]] == pytest.approx(-np.log([0.9, 0.8]))
    np.testing.assert_allclose(measures.gains(BOUGHT, SAID, np.array([0, 0.2, 0.4, 0.6, 1])), [0, 0.5, 0.75, 1, 1])


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9)), min_size=4, max_size=40).filter(
    lambda rows: 0 < sum(bought for bought, _ in rows) < len(rows)))
def test_measures_agree_with_scikit_learn_and_with_each_other(rows):
    bought, said = np.array([row[0] for row in rows]), np.array([row[1] / 10 for row in rows])
    assert measures.auc(bought, said)[0] == pytest.approx(roc_auc_score(bought, said))
    assert measures.average_precision(bought, said) == pytest.approx(average_precision_score(bought, said))
    curve = measures.gains(bought, said, np.linspace(0, 1, 11))
    assert (np.diff(curve) >= -1e-12).all() and curve[0] == 0 and curve[-1] == 1
    back = measures.auc(~bought, 1 - said)
    assert back[0] == pytest.approx(measures.auc(bought, said)[0])


def test_the_error_of_the_auc_is_what_repeated_samples_show():
    rng = np.random.default_rng(3)
    areas, errors = [], []
    for _ in range(400):
        bought = rng.random(150) < 0.3
        area, parts = measures.auc(bought, rng.normal(size=150) + bought)
        areas.append(area)
        errors.append(math.sqrt((parts**2).sum()))
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.12)


def test_calibration_finds_the_slope_that_was_planted():
    rng = np.random.default_rng(4)
    odds = rng.normal(-1, 1.5, 40_000)
    happened = rng.random(40_000) < 1 / (1 + np.exp(-odds))
    said = 1 / (1 + np.exp(-(2 * odds)))  # twice too sure
    assert measures.calibration_slope(happened, said) == pytest.approx(0.5, abs=0.02)
    assert measures.calibration_slope(happened, 1 / (1 + np.exp(-(odds + 0.7)))) == pytest.approx(1, abs=0.04)
    assert math.isnan(measures.calibration_slope(happened, np.full(40_000, 0.3)))


# ---------------------------------------------------------------- real orders
def test_on_cdnow_the_logistic_regression_is_at_least_as_good_as_the_others():
    result = tried()
    auc = result.scores.pivot(index="model", columns="origin", values="auc")
    assert result.winner == "logistic"
    # .778, .808, .839 of all 23,570 customers; a tenth of them are within what chance makes of it
    np.testing.assert_allclose(auc.loc["logistic"], [0.778, 0.808, 0.839], atol=0.03)
    np.testing.assert_allclose(auc.loc["bg_nbd"], [0.765, 0.793, 0.830], atol=0.03)
    np.testing.assert_allclose(auc.loc["recency"], [0.764, 0.793, 0.828], atol=0.03)
    summary = result.summary.set_index("model")
    assert summary["auc"].idxmax() == "logistic" and summary.loc["logistic", "behind"] == 0
    assert (summary.loc[["tree", "forest", "boosting", "svm"], "behind"] > 0).all()
    assert summary.loc["recency", "auc"] < summary.loc["logistic", "auc"] - summary.loc["recency", "behind_se"]
    assert 0.8 < summary.loc["logistic", "calibration_slope"] < 1.2
    assert summary.loc["base_rate", "auc"] == 0.5 and summary.loc["base_rate", "lift"] == pytest.approx(1)
    assert "told best by how lately, how often and for how much" in said(result)


def test_recency_alone_is_the_order_of_the_last_purchase():
    table, origin = tried().scores, date(1998, 4, 1)
    window = room._window(purchase_days(cdnow()), origin, 91)
    ours = table[(table["model"] == "recency") & (table["origin"] == origin)]["auc"].item()
    assert ours == pytest.approx(roc_auc_score(window.bought, -window.features["recency_days"]))


def test_a_random_split_of_rows_hides_how_far_the_level_is_off():
    """In spring fewer come than in the weeks learnt from: customers of those weeks cannot tell, later ones can."""
    window = room._window(purchase_days(cdnow()), date(1997, 12, 31), 91)
    known, bought = window.features, window.bought
    columns, off = np.log(known[["recency_days", "days_bought"]]), []
    with threadpool_limits(1):
        for seed in range(40):
            seen, hidden = train_test_split(np.arange(len(known)), test_size=0.5, random_state=seed)
            told = LogisticRegression().fit(columns.iloc[seen], bought[seen]).predict_proba(columns.iloc[hidden])[:, 1]
            off.append(told.sum() / bought[hidden].sum() - 1)
    table = tried().scores.set_index(["model", "origin"])["total_error"]
    assert abs(np.mean(off)) < 0.03
    assert table["base_rate", date(1998, 4, 1)] == pytest.approx(385 / 300 - 1)  # buyers of either window, by hand
    assert min(table[key, date(1998, 4, 1)] for key in ("recency", "bg_nbd", "forest")) > 0.1


def test_scores_and_tables_fit_together():
    result = tried()
    winner = result.scores[result.scores["model"] == result.winner]
    assert len(result.scores) == 3 * len(kept.MODELS)
    assert result.calibration["customers"].sum() == winner["customers"].sum() == 3 * 2357
    assert result.calibration["buyers"].sum() == winner["buyers"].sum()
    assert (result.calibration["expected"].diff().dropna() > 0).all()
    np.testing.assert_allclose(winner["total_error"], winner["expected"] / winner["buyers"] - 1)
    assert result.gains.loc[result.gains["share"] == 0.1, "winner"].item() == pytest.approx(winner["gained"].mean())
    assert result.summary.set_index("model")["winner"].sum() == 1
    everybody = result.at_threshold.iloc[-1]
    assert everybody["recall"] == 1 and everybody["precision"] == pytest.approx(winner["buyers"].sum() / (3 * 2357))
    chosen = result.at_threshold.iloc[0]
    harmonic = 2 / (1 / chosen["precision"] + 1 / chosen["recall"])
    assert chosen["threshold"] == 0.2 and chosen["f1"] == pytest.approx(harmonic)
    assert result.chances["chance"].between(0, 1, inclusive="neither").all() and len(result.chances) == 2357
    assert [words(rule) for rule in result.at_threshold["rule"]][1:] == ["time since the last order alone", "everybody"]
    plain = result.at_threshold.iloc[1]
    precision, recall = (f"{100 * plain[name]:.0f} %" for name in ("precision", "recall"))
    assert f"it would have been {precision}, and {recall} of all buyers" in words(forecast.contact_sentence(result))


def test_the_threshold_is_set_by_cost():
    rows, moments = shop().orders, forecast.origins(shop().orders, most=1)
    dear, cheap = (forecast.repurchase(rows, origins=moments, contact_cost=cost, gain=10) for cost in (6, 1))
    for result, worth, share in ((dear, "1.7 times", "60 %"), (cheap, "10 times", "10 %")):
        assert f"worth {worth} what a contact costs" in words(forecast.contact_sentence(result))
        assert f"a chance of {share} or more" in words(forecast.contact_sentence(result))
    dear, cheap = dear.at_threshold.iloc[0], cheap.at_threshold.iloc[0]
    assert dear["contacted"] < cheap["contacted"] and dear["precision"] > cheap["precision"]
    assert dear["precision"] > 0.6 and cheap["precision"] > 0.1  # the last one was thought to be worth it, so all are
    for cost, gain in ((0, 1), (2, 1), (1, 1)):
        with pytest.raises(UserError, match="contact"):
            forecast.repurchase(rows, origins=moments, contact_cost=cost, gain=gain)


# ---------------------------------------------------------------- simulated shops
def test_chances_agree_with_the_truth_of_a_simulated_shop():
    """Those who are said to buy, buy: the simulator knows how many orders to expect of everybody after the end."""
    rows, truth = shop().orders, shop().expected
    result = forecast.repurchase(rows, origins=forecast.origins(rows))
    both = result.chances.merge(truth, on="customer_id")
    assert len(both) == len(result.chances)
    expected = both["expected_orders_next_13_weeks"]
    assert both["chance"].corr(expected, method="spearman") > 0.75
    # orders of one customer come as good as independent: nobody buys with a chance of exp(-expected)
    assert both["chance"].sum() == pytest.approx((1 - np.exp(-expected)).sum(), rel=0.2)


def test_the_slope_of_a_simulated_shop_is_recovered():
    """Held against the simulator's own chances, those of the purchase model lean as much as they should."""
    rows, truth = shop().orders, shop().expected
    end = rows["ordered_at"].max().date() + timedelta(days=1)
    days = purchase_days(rows)
    window, now = room._window(days, end - timedelta(days=91), 91), features_at(days, end)
    expected = now[["customer_id"]].merge(truth, on="customer_id")["expected_orders_next_13_weeks"].to_numpy()
    for key in ("logistic", "bg_nbd"):
        odds = logit(room.fit(key, window, seen=now).of(now))
        slope = glm.fit(np.column_stack([np.ones(len(odds)), odds]), 1 - np.exp(-expected), link="logit").coef[1]
        assert 0.8 < slope < 1.2


def test_where_only_the_last_order_counts_no_model_is_worth_more():
    """Everybody bought once, and comes back the sooner the later that was: no other feature tells anything."""
    rng = np.random.default_rng(5)
    days = rng.integers(0, 273, 6000)
    rows = [(f"c{i:05d}", START + timedelta(days=int(day)), float(amount))
            for i, (day, amount) in enumerate(zip(days, rng.lognormal(3, 0.5, 6000), strict=True))]
    back = [(who, day + timedelta(days=int(gap)), amount) for (who, day, amount), gap in zip(
        rows, 1 + rng.exponential(60, 6000), strict=True) if gap < 300 and rng.random() < 0.6]
    once = [row for row in rows + back if row[1] < START + timedelta(days=273)]
    result = forecast.repurchase(orders(*once), origins=forecast.origins(orders(*once)))
    assert result.winner in ("recency", "bg_nbd", "logistic")
    summary = result.summary.set_index("model")
    assert summary.loc[result.winner, "behind"] <= summary.loc[result.winner, "behind_se"]
    simpler = summary.loc[: result.winner].iloc[:-1]
    assert (simpler["behind"] > simpler["behind_se"]).all()


def test_the_simplest_within_one_standard_error_wins():
    """Ten copies of one opinion, and one a little better on the same customers: only a clear difference counts."""
    rng = np.random.default_rng(6)
    bought = rng.random(400) < 0.4
    good = 1 / (1 + np.exp(-(rng.normal(size=400) + bought)))
    near = np.clip(good + rng.normal(0, 0.02, 400), 0.01, 0.99)
    worse, better = sorted((good, near), key=lambda said: roc_auc_score(bought, said))
    said = dict.fromkeys(kept.MODELS, better) | {"base_rate": np.full(400, 0.4), "recency": worse}

    def summary(**changed) -> pd.DataFrame:
        table = pd.concat([pd.DataFrame({"model": key, "origin": START, "customer_id": np.arange(400).astype(str),
                                         "bought": bought, "chance": chance})
                           for key, chance in (said | changed).items()], ignore_index=True)
        return measures.summary(table).set_index("model")

    def winner(**changed) -> str:
        return summary(**changed)["winner"].idxmax()

    assert summary().loc["recency", "behind"] > 0
    assert winner() == "recency"  # a little behind all others, by less than one standard error
    assert winner(recency=np.clip(rng.random(400), 0.01, 0.99)) == "bg_nbd"  # as good as its copies, and simplest
    assert winner(svm=np.where(bought, 0.9, 0.1)) == "svm"  # clearly better than all that is simpler


def test_the_same_customers_at_several_origins_do_not_count_as_new_ones():
    bought, said = np.tile(BOUGHT, 40), np.tile(SAID, 40) + np.linspace(0, 0.01, 200)
    _, parts = measures.auc(bought, said)
    once = measures._error(np.array([0.7]), parts, np.arange(200))
    twice = measures._error(np.array([0.7, 0.7]), np.tile(parts, 2), np.tile(np.arange(200), 2))
    fresh = measures._error(np.array([0.7, 0.7]), np.tile(parts, 2), np.arange(400))
    assert twice == pytest.approx(once) and fresh == pytest.approx(once / math.sqrt(2))
    assert measures._error(np.array([0.6, 0.8]), np.tile(parts, 2) * 0, np.arange(400)) == pytest.approx(0.1)


@pytest.mark.parametrize(("winner", "gained", "answer"), [
    ("base_rate", 0.1, "cannot be told from past orders: in 2 tests on periods that nothing had been fitted to, no"),
    ("recency", 0.3, "sorting by the last purchase does as well as any model. In 2 tests"),
    ("logistic", 0.4, "the tenth of customers it puts first held 40 % of the buyers; sorting by the last purchase "
                      "alone, 30 %."),
    ("forest", 0.305, "In practice sorting by the last purchase does nearly as well."),
])
def test_the_sentence_says_what_a_model_is_worth(winner, gained, answer):
    scores = pd.DataFrame([(key, origin, share) for key, share in {winner: gained, "recency": 0.3}.items()
                           for origin in (1, 2)], columns=["model", "origin", "gained"])
    sentence = words(room._answer(winner, scores, 91))
    assert answer in sentence and ("nearly" in sentence) == (winner == "forest")
    single = words(room._answer(winner, scores[scores["origin"] == 1], 91))
    assert "n the one test, on a period that nothing had been fitted to" in single
    for jargon in ("AUC", "BG/NBD", "logistic", "forest", "probability"):
        assert jargon not in sentence


# ---------------------------------------------------------------- reasons
def test_reasons_of_a_logistic_regression_name_what_was_planted():
    result = tried()
    assert result.reasons["measure"].eq("odds").all()
    table = result.reasons.assign(words=result.reasons["words"].map(words)).set_index(result.reasons["term"].map(words))
    assert table.loc["number of shopping days so far", "low"] > 1
    assert table.loc["number of shopping days so far", "words"] == "more shopping days so far: a higher chance"
    assert (table["low"] <= table["effect"]).all() and (table["effect"] <= table["high"]).all()
    assert "number of categories bought" not in table.index  # none is known, so none is a reason
    unclear = (table["low"] <= 1) & (table["high"] >= 1)
    assert (table["words"].eq("no clear difference") == unclear).all()


def test_small_effects_are_not_shown_as_nothing():
    rows = pd.DataFrame([("a", "odds", 1.3456, 1.1, 1.6, "more"), ("b", "fall in AUC", 0.0041, 0.0012, -0.0071, "")],
                        columns=["term", "measure", "effect", "low", "high", "words"])
    shown = forecast.reasons_shown(rows).map(words)
    assert shown["effect"].tolist() == ["× 1.35", "0.4 pp"]
    assert shown["interval"].tolist() == ["× 1.10 to × 1.60", "0.1 pp to −0.7 pp"]
    assert forecast.reasons_shown(rows.iloc[:0]).columns.tolist() == ["term", "effect", "interval", "words"]
    assert forecast.reasons_shown(forecast.Repurchase(horizon_days=91, sentences=()).reasons).empty


def test_shuffling_what_a_model_does_not_use_costs_nothing():
    days = purchase_days(shop().orders)
    before, after = (room._window(days, start, 91) for start in (date(2025, 3, 1), date(2025, 6, 1)))
    reasons = room._reasons("tree", before, after)
    reasons = reasons.set_index(reasons["term"].map(lambda term: term.facts["term"]))
    used = kept.estimator("tree").fit(design(before.features), before.bought)[-1].feature_importances_ > 0
    for term, is_used in zip(TERMS, used, strict=True):
        assert is_used or reasons.loc[term, "effect"] == 0
    assert reasons["effect"].iloc[0] > 0.01
    purchase_model = room._reasons("bg_nbd", before, after)
    assert {term.facts["term"] for term in purchase_model["term"]} == set(TERMS[:3])
    assert purchase_model["effect"].max() > 0.05


# ---------------------------------------------------------------- few customers, many customers
def drawn(n: int, seed: int = 1) -> pd.DataFrame:
    """The orders of `n` customers, and unknown ones on the first and last day: the shop is as old as ever."""
    rows = shop().orders
    ids = np.sort(rows["customer_id"].dropna().unique())
    some = rows[rows["customer_id"].isin(np.random.default_rng(seed).choice(ids, n, replace=False))]
    ends = rows.iloc[[0, -1]].assign(customer_id=pd.array([None, None], dtype="str"))
    return pd.concat([some, ends], ignore_index=True)


@pytest.mark.parametrize(("rows", "why", "scored"), [
    (lambda: orders(), "no order carries a customer", 0),
    (lambda: orders((None, START, 5)), "no order carries a customer", 0),
    (lambda: orders(("a", START, -5)), "no order carries a customer", 0),
    (lambda: orders(("a", START, 5)), "that takes 273 days of orders", 0),
    (lambda: shop().orders[shop().orders["ordered_at"] >= "2025-09-01"], "there are 91 days", 0),
    (lambda: shop().orders.dropna(subset=["customer_id"]).drop_duplicates("customer_id"), "bought a second time", 0),
    (lambda: drawn(1), "too few customers", 0),
    (lambda: drawn(2), "too few customers", 0),
    (lambda: drawn(9), "too few customers", 0),
    (lambda: drawn(60), "the time since the last order alone, and are not tested", 60),
])
def test_few_customers_get_a_true_sentence(rows, why, scored):
    rows = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = forecast.repurchase(rows, origins=forecast.origins(rows))
    assert "cannot be told yet" in said(result) and why in said(result)
    assert ("chance to buy in the action list, where one is given, is another" in said(result)) == (scored > 0)
    assert result.winner == "" and result.scores.empty and result.summary.empty
    assert len(result.chances) == scored and (result.fitted is None) == (scored == 0)
    assert result.chances.columns.tolist() == ["customer_id", "chance"]
    assert forecast.contact_sentence(result) is None
    for chart in (charts.chance_calibration(result.calibration, result), charts.chance_gains(result),
                  charts.models_compared(result)):
        assert chart.figure is None and "nothing to draw" in words(chart.title)
    for table in ("scores", "summary", "calibration", "gains", "at_threshold", "reasons"):
        assert getattr(result, table).empty and getattr(result, table).columns.equals(getattr(tried(), table).columns)


def test_a_heavy_customer_and_odd_amounts_break_nothing():
    rows = drawn(400)
    first = rows["customer_id"].iloc[0]
    rows = rows.assign(amount=rows["amount"].where(rows["customer_id"] != first, 1e7).mask(rows.index % 7 == 0, 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = forecast.repurchase(rows, origins=forecast.origins(rows))
    assert result.winner and result.summary[["auc", "log_loss", "auc_se"]].notna().all(axis=None)


def test_a_shop_that_died_gets_no_chances_for_today():
    rows = shop().orders
    silent = pd.concat([rows[rows["ordered_at"] < "2025-03-01"], orders((None, "2025-11-30", 5))], ignore_index=True)
    result = forecast.repurchase(silent, origins=forecast.origins(silent))
    assert result.winner and result.fitted is None and result.chances.empty
    assert "no chances are given for today" in said(result)
    few = pd.concat([silent, drawn(60)[lambda late: late["ordered_at"] >= "2025-09-01"]], ignore_index=True)
    result = forecast.repurchase(few, origins=forecast.origins(few))
    assert result.winner != "recency" and result.fitted.key == "recency" and len(result.chances) > 500
    assert "today's chances rest on the time since the last order alone" in said(result)


def test_of_many_customers_a_stated_sample_is_studied_and_all_are_scored(monkeypatch):
    monkeypatch.setattr(room, "MOST_STUDIED", 700)
    rows = shop().orders
    result = forecast.repurchase(rows, origins=forecast.origins(rows, most=1))
    everybody = rows.loc[~rows["is_refund"], "customer_id"].nunique()
    assert result.scores["customers"].max() <= 700 and len(result.chances) == everybody > 700
    assert words(result.sampled) == (f"The models were compared on 700 of the {everybody:,} customers, drawn at "
                                     "random; all have their chance.")
    assert tried().sampled is None


def test_the_same_shop_gives_the_same_answer_whatever_the_order_of_its_rows():
    rows = drawn(500)
    moments = forecast.origins(rows, most=1)
    one, other = (forecast.repurchase(some, origins=moments) for some in (rows, rows.sample(frac=1, random_state=2)))
    pd.testing.assert_frame_equal(one.scores, other.scores)
    pd.testing.assert_frame_equal(one.chances, other.chances)
    assert one.sentences == other.sentences


def test_nothing_after_an_origin_reaches_the_model_tried_there():
    """Whatever happens after the outcome's end changes no score of an earlier origin."""
    rows, moment = shop().orders, date(2025, 6, 1)
    short = rows[rows["ordered_at"] < pd.Timestamp(moment) + pd.Timedelta(days=91)]
    pd.testing.assert_frame_equal(*(forecast.repurchase(some, origins=[moment]).scores for some in (rows, short)))


# ---------------------------------------------------------------- charts
def test_charts_say_what_their_tables_hold():
    result = tried()
    level = charts.chance_calibration(result.calibration, result)
    met = ((result.calibration["low"] <= result.calibration["expected"])
           & (result.calibration["expected"] <= result.calibration["high"])).sum()
    assert words(level.title).startswith(f"In {met} of 10 groups")
    hidden = charts.chance_calibration(result.calibration.assign(
        bought=result.calibration["bought"].mask(result.calibration.index < 3)), result)
    assert "of 7 groups" in words(hidden.title)
    gained = result.scores[result.scores["model"] == "logistic"]["gained"].mean()
    assert f"holds {gained * 100:.0f} % of the buyers" in words(charts.chance_gains(result).title)
    compared = charts.models_compared(result)
    assert words(compared.title) == "No model sorts customers better than logistic regression"
    for chart in (level, charts.chance_gains(result), compared):
        assert chart.figure is not None and words(chart.title) in words(chart.alt)


@pytest.mark.parametrize(("off", "what"), [(1.12, "12 % more than said"), (0.9, "10 % fewer than said"),
                                           (1.004, "as many as said")])
def test_the_total_says_more_or_fewer(off, what):
    level = tried().calibration.assign(expected=0.5, bought=0.5 * off, low=0.1, high=0.9)
    assert words(charts.chance_calibration(level, tried()).title).endswith(f"in all, {what}")
