"""Who buys next: features that never look ahead, measures checked by hand, models tried out of time on real orders."""

from __future__ import annotations

import math
import warnings
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from loyalty_helpers import forecast, repurchase_charts, simulate
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.evaluation import glm
from loyalty_helpers.forecast import kept, measures
from loyalty_helpers.forecast.features import FEATURES, TERMS, History, design

mpl.use("Agg")
room = import_module("loyalty_helpers.forecast.repurchase")  # the package's own name for it is the function
START = date(2024, 1, 1)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def orders(*rows: tuple) -> pd.DataFrame:
    """Canonical orders from (customer, day, amount, category); a negative amount is a refund, None nobody known."""
    frame = pd.DataFrame([(*row, None)[:4] for row in rows], columns=["customer_id", "day", "amount", "category"])
    at = pd.Series([pd.Timestamp(day) for day in frame.pop("day")], dtype="datetime64[us]")
    return frame.assign(order_id=[f"o{i}" for i in range(len(frame))], ordered_at=at,
                        is_refund=frame["amount"].astype("float64") < 0, amount=frame["amount"].astype("float64"),
                        customer_id=frame["customer_id"].astype("str"), category=frame["category"].astype("str"))


def some_orders(days: int = 400):
    row = st.tuples(st.sampled_from(["a", "b", "c", "d", None]), st.integers(0, days), st.integers(-20, 90),
                    st.sampled_from(["x", "y", None]))
    return st.lists(row, max_size=25).map(lambda rows: orders(
        *((who, START + timedelta(days=day), amount, kind) for who, day, amount, kind in rows)))


@cache
def cdnow() -> pd.DataFrame:
    """The 2,357 customers of CDNOW (Fader, Hardie & Lee 2005), who first bought in the first quarter of 1997."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes
    path = Path(lifetimes.__file__).parent / "datasets" / "CDNOW_sample.txt"
    rows = pd.read_csv(path, sep=r"\s+", header=None, names=["master", "customer", "day", "pieces", "amount"])
    return orders(*zip(rows["customer"].astype(str), pd.to_datetime(rows["day"].astype(str)), rows["amount"],
                       strict=True))


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
    seen = pd.DataFrame(design(forecast.customer_features(rows, as_of=date(2024, 10, 1))),
                        columns=[term.name for term in TERMS])
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
    known, same = (forecast.customer_features(rows, as_of=as_of) for rows in (before, pd.concat([before, later])))
    pd.testing.assert_frame_equal(known, same)


@settings(max_examples=30)
@given(some_orders(), st.integers(1, 380), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_input_changes(rows, day, random):
    as_of, untouched = START + timedelta(days=day), rows.copy()
    mixed = rows.iloc[random.sample(range(len(rows)), len(rows))]
    pd.testing.assert_frame_equal(*(forecast.customer_features(one, as_of=as_of) for one in (rows, mixed)))
    pd.testing.assert_frame_equal(rows, untouched)


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
    history = History.of(shop().orders)
    whole, some = (one.at(date(2025, 6, 1)).set_index("customer_id") for one in (history, history.some(300, seed=1)))
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


def test_calibration_finds_the_slope_and_level_that_were_planted():
    rng = np.random.default_rng(4)
    odds = rng.normal(-1, 1.5, 40_000)
    happened = rng.random(40_000) < 1 / (1 + np.exp(-odds))
    said = 1 / (1 + np.exp(-(2 * odds)))  # twice too sure
    assert measures.calibration(happened, said)[0] == pytest.approx(0.5, abs=0.02)
    high = 1 / (1 + np.exp(-(odds + 0.7)))
    assert measures.calibration(happened, high) == pytest.approx((1, -0.7), abs=0.04)
    assert math.isnan(measures.calibration(happened, np.full(40_000, 0.3))[0])


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
    assert "told best by how lately, how often and for how much" in result.sentence


def test_recency_alone_is_the_order_of_the_last_purchase():
    table, origin = tried().scores, date(1998, 4, 1)
    history = History.of(cdnow())
    known = history.at(origin)
    bought = history.bought(known["customer_id"], origin, 91)
    ours = table[(table["model"] == "recency") & (table["origin"] == origin)]["auc"].item()
    assert ours == pytest.approx(roc_auc_score(bought, -known["recency_days"]))


def test_a_random_split_of_rows_hides_how_far_the_level_is_off():
    """In spring fewer come than in the weeks learnt from: customers of those weeks cannot tell, later ones can."""
    history, origin = History.of(cdnow()), date(1997, 12, 31)
    known = history.at(origin)
    bought = history.bought(known["customer_id"], origin, 91)
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
    assert result.gains.loc[result.gains["contacted"] == 0.1, "winner"].item() == pytest.approx(winner["gained"].mean())
    assert result.summary.set_index("model")["winner"].sum() == 1
    everybody = result.at_threshold.iloc[-1]
    assert everybody["recall"] == 1 and everybody["precision"] == pytest.approx(winner["buyers"].sum() / (3 * 2357))
    chosen = result.at_threshold.iloc[0]
    harmonic = 2 / (1 / chosen["precision"] + 1 / chosen["recall"])
    assert chosen["threshold"] == 0.2 and chosen["f1"] == pytest.approx(harmonic)
    assert result.chances["chance"].between(0, 1, inclusive="neither").all() and len(result.chances) == 2357
    plain = result.at_threshold.set_index("rule").loc["time since the last order alone"]
    precision, recall = (f"{100 * plain[name]:.0f} %" for name in ("precision", "recall"))
    assert f"it would have been {precision}, and {recall} of all buyers" in forecast.contact_sentence(result)


def test_the_threshold_is_set_by_cost():
    rows, moments = shop().orders, forecast.origins(shop().orders, most=1)
    dear, cheap = (forecast.repurchase(rows, origins=moments, contact_cost=cost, gain=10) for cost in (6, 1))
    for result, worth, share in ((dear, "1.7 times", "60 %"), (cheap, "10 times", "10 %")):
        assert f"worth {worth} what a contact costs" in forecast.contact_sentence(result)
        assert f"a chance of {share} or more" in forecast.contact_sentence(result)
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
    history, start = History.of(rows), end - timedelta(days=91)
    window, now = room._windows(history, {start}, 91)[start], history.at(end)
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
        return room._summary(table).set_index("model")

    def winner(**changed) -> str:
        return summary(**changed)["winner"].idxmax()

    assert summary().loc["recency", "behind"] > 0
    assert winner() == "recency"  # a little behind all others, by less than one standard error
    assert winner(recency=np.clip(rng.random(400), 0.01, 0.99)) == "bg_nbd"  # as good as its copies, and simplest
    assert winner(svm=np.where(bought, 0.9, 0.1)) == "svm"  # clearly better than all that is simpler


def test_the_same_customers_at_several_origins_do_not_count_as_new_ones():
    bought, said = np.tile(BOUGHT, 40), np.tile(SAID, 40) + np.linspace(0, 0.01, 200)
    _, parts = measures.auc(bought, said)
    once = room._error(np.array([0.7]), parts, np.arange(200))
    twice = room._error(np.array([0.7, 0.7]), np.tile(parts, 2), np.tile(np.arange(200), 2))
    fresh = room._error(np.array([0.7, 0.7]), np.tile(parts, 2), np.arange(400))
    assert twice == pytest.approx(once) and fresh == pytest.approx(once / math.sqrt(2))
    assert room._error(np.array([0.6, 0.8]), np.tile(parts, 2) * 0, np.arange(400)) == pytest.approx(0.1)


@pytest.mark.parametrize(("winner", "gained", "words"), [
    ("base_rate", 0.1, "cannot be told from past orders: in 2 tests on periods that nothing had been fitted to, no"),
    ("recency", 0.3, "sorting by the last purchase does as well as any model. In 2 tests"),
    ("logistic", 0.4, "the tenth of customers it puts first held 40 % of the buyers; sorting by the last purchase "
                      "alone, 30 %."),
    ("forest", 0.305, "In practice sorting by the last purchase does nearly as well."),
])
def test_the_sentence_says_what_a_model_is_worth(winner, gained, words):
    scores = pd.DataFrame([(key, origin, share) for key, share in {winner: gained, "recency": 0.3}.items()
                           for origin in (1, 2)], columns=["model", "origin", "gained"])
    sentence = room._sentence(winner, scores, 91)
    assert words in sentence and ("nearly" in sentence) == (winner == "forest")
    single = room._sentence(winner, scores[scores["origin"] == 1], 91)
    assert "n the one test, on a period that nothing had been fitted to" in single
    for jargon in ("AUC", "BG/NBD", "logistic", "forest", "probability"):
        assert jargon not in sentence


def test_the_total_is_told_with_what_the_next_period_may_bring():
    scores = pd.DataFrame({"customers": 100, "buyers": 50, "gained": 0.2, "total_error": [0.0, 0.21, 0.1]})
    total = room._findings(scores, 91)[-1]
    logs = np.log([1.0, 1.21, 1.1])
    half = 4.302653 * logs.std(ddof=1) * math.sqrt(4 / 3)  # Student's t, two degrees of freedom
    assert total.estimate == pytest.approx(0.1) and total.n == 3
    assert (total.low, total.high) == pytest.approx((math.expm1(logs.mean() - half), math.expm1(logs.mean() + half)))
    two = room._findings(scores.iloc[:2], 91)
    assert two[-1].interval == "" and two[-1].estimate == pytest.approx(0.1)
    assert two[0].estimate == 1 and two[0].n == 20 and two[1].estimate == 0.5  # 10 of 50 buyers in each tenth of 100


# ---------------------------------------------------------------- reasons
def test_reasons_of_a_logistic_regression_name_what_was_planted():
    result = tried()
    assert result.reasons["measure"].eq("odds").all()
    table = result.reasons.set_index("term")
    assert table.loc["number of orders so far", "low"] > 1
    assert table.loc["number of orders so far", "words"] == "more orders so far: a higher chance"
    assert (table["low"] <= table["effect"]).all() and (table["effect"] <= table["high"]).all()
    assert "number of categories bought" not in table.index  # none is known, so none is a reason
    unclear = (table["low"] <= 1) & (table["high"] >= 1)
    assert (table["words"].eq("no clear difference") == unclear).all()


def test_small_effects_are_not_shown_as_nothing():
    rows = pd.DataFrame([("a", "odds", 1.3456, 1.1, 1.6, "more"), ("b", "fall in AUC", 0.0041, 0.0012, -0.0071, "")],
                        columns=["term", "measure", "effect", "low", "high", "words"])
    shown = forecast.reasons_shown(rows)
    assert shown["effect"].tolist() == ["× 1.35", "0.4 pp"]
    assert shown["interval"].tolist() == ["× 1.10 to × 1.60", "0.1 pp to −0.7 pp"]
    assert forecast.reasons_shown(rows.iloc[:0]).columns.tolist() == ["term", "effect", "interval", "words"]
    assert forecast.reasons_shown(forecast.Repurchase(horizon_days=91, sentence="").reasons).empty


def test_shuffling_what_a_model_does_not_use_costs_nothing():
    history = History.of(shop().orders)
    windows = room._windows(history, {date(2025, 3, 1), date(2025, 6, 1)}, 91)
    before, after = (windows[start] for start in sorted(windows))
    reasons = room._reasons("tree", before, after).set_index("term")
    used = kept.estimator("tree").fit(design(before.features), before.bought)[-1].feature_importances_ > 0
    for term, is_used in zip(TERMS, used, strict=True):
        assert is_used or reasons.loc[term.words, "effect"] == 0
    assert reasons["effect"].iloc[0] > 0.01
    purchase_model = room._reasons("bg_nbd", before, after)
    assert set(purchase_model["term"]) == {term.words for term in TERMS[:3]} and purchase_model["effect"].max() > 0.05


# ---------------------------------------------------------------- few customers, many customers
def drawn(n: int, seed: int = 1) -> pd.DataFrame:
    """The orders of `n` customers, and unknown ones on the first and last day: the shop is as old as ever."""
    rows = shop().orders
    ids = np.sort(rows["customer_id"].dropna().unique())
    some = rows[rows["customer_id"].isin(np.random.default_rng(seed).choice(ids, n, replace=False))]
    ends = rows.iloc[[0, -1]].assign(customer_id=pd.array([None, None], dtype="str"))
    return pd.concat([some, ends], ignore_index=True)


@pytest.mark.parametrize(("rows", "words", "scored"), [
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
def test_few_customers_get_a_true_sentence(rows, words, scored):
    rows = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = forecast.repurchase(rows, origins=forecast.origins(rows))
    assert "cannot be told yet" in result.sentence and words in result.sentence
    assert ("chance to buy in the action list, where one is given, is another" in result.sentence) == (scored > 0)
    assert result.winner == "" and result.scores.empty and result.summary.empty and result.findings == ()
    assert len(result.chances) == scored and (result.fitted is None) == (scored == 0)
    assert result.chances.columns.tolist() == ["customer_id", "chance"]
    assert forecast.contact_sentence(result) == ""
    for chart in (repurchase_charts.calibration(result.calibration, result), repurchase_charts.gains(result),
                  repurchase_charts.compared(result)):
        assert chart.figure is None and "nothing to draw" in chart.title
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
    assert "no chances are given for today" in result.sentence
    few = pd.concat([silent, drawn(60)[lambda late: late["ordered_at"] >= "2025-09-01"]], ignore_index=True)
    result = forecast.repurchase(few, origins=forecast.origins(few))
    assert result.winner != "recency" and result.fitted.key == "recency" and len(result.chances) > 500
    assert "today's chances rest on the time since the last order alone" in result.sentence


def test_of_many_customers_a_stated_sample_is_studied_and_all_are_scored(monkeypatch):
    monkeypatch.setattr(room, "MOST_STUDIED", 700)
    rows = shop().orders
    result = forecast.repurchase(rows, origins=forecast.origins(rows, most=1))
    everybody = rows.loc[~rows["is_refund"], "customer_id"].nunique()
    assert result.scores["customers"].max() <= 700 and len(result.chances) == everybody > 700
    assert result.sampled == (f"The models were compared on 700 of the {everybody:,} customers, drawn at random; all "
                              "have their chance.")
    assert tried().sampled == ""


def test_the_same_shop_gives_the_same_answer_whatever_the_order_of_its_rows():
    rows = drawn(500)
    moments = forecast.origins(rows, most=1)
    one, other = (forecast.repurchase(some, origins=moments) for some in (rows, rows.sample(frac=1, random_state=2)))
    pd.testing.assert_frame_equal(one.scores, other.scores)
    pd.testing.assert_frame_equal(one.chances, other.chances)
    assert one.sentence == other.sentence


def test_nothing_after_an_origin_reaches_the_model_tried_there():
    """Whatever happens after the outcome's end changes no score of an earlier origin."""
    rows, moment = shop().orders, date(2025, 6, 1)
    short = rows[rows["ordered_at"] < pd.Timestamp(moment) + pd.Timedelta(days=91)]
    pd.testing.assert_frame_equal(*(forecast.repurchase(some, origins=[moment]).scores for some in (rows, short)))


# ---------------------------------------------------------------- charts
def test_charts_say_what_their_tables_hold():
    result = tried()
    level = repurchase_charts.calibration(result.calibration, result)
    met = ((result.calibration["low"] <= result.calibration["expected"])
           & (result.calibration["expected"] <= result.calibration["high"])).sum()
    assert level.title.startswith(f"In {met} of 10 groups")
    hidden = repurchase_charts.calibration(result.calibration.assign(
        bought=result.calibration["bought"].mask(result.calibration.index < 3)), result)
    assert "of 7 groups" in hidden.title
    gained = result.scores[result.scores["model"] == "logistic"]["gained"].mean()
    assert f"holds {gained * 100:.0f} % of the buyers" in repurchase_charts.gains(result).title
    assert repurchase_charts.compared(result).title == "No model sorts customers better than logistic regression"
    for chart in (level, repurchase_charts.gains(result), repurchase_charts.compared(result)):
        assert chart.figure is not None and chart.title in chart.alt


@settings(max_examples=10)
@given(st.floats(0.2, 0.9), st.floats(0.01, 0.2))
def test_the_total_says_more_or_fewer(expected, off):
    assert repurchase_charts._beside(expected, expected * (1 + off)).endswith(
        "more than said" if off >= 0.005 else "as many as said")
    assert "fewer" in repurchase_charts._beside(expected, expected * (0.98 - off))
