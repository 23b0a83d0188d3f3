from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loyalty_helpers import actions, cohorts, scoring
from loyalty_helpers.core.errors import UserError

AS_OF = datetime(2025, 1, 1)


def customers(**columns) -> pd.DataFrame:
    """A canonical customers frame; what is not given is plain (one order of 100, ten days ago)."""
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame({"customer_id": pd.Series([f"c{i}" for i in range(n)], dtype="str"), "orders": 1,
                          "spend": 100.0, "categories": np.nan, "rating": np.nan, "recency_days": 10.0,
                          "tenure_days": 400.0}).assign(**columns)
    last = pd.Timestamp(AS_OF) - pd.to_timedelta(frame["recency_days"], unit="D")
    first = pd.Timestamp(AS_OF) - pd.to_timedelta(frame["tenure_days"], unit="D")
    return frame.assign(first_order_at=first.astype("datetime64[us]"), last_order_at=last.astype("datetime64[us]"))


def orders(*rows: tuple) -> pd.DataFrame:
    """Canonical orders from (customer, day, amount); a negative amount is a refund, customer None is anonymous."""
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])
    return frame.assign(order_id=[f"o{i}" for i in range(len(frame))], is_refund=frame["amount"] < 0,
                        ordered_at=pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]"),
                        customer_id=frame["customer_id"].astype("str"), amount=frame["amount"].astype("float64"))


def shop(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    bought = 1 + rng.poisson(rng.gamma(1, 3, n))
    return customers(orders=bought, spend=np.round(bought * rng.lognormal(5, 0.6, n), 2),
                     categories=np.minimum(bought, rng.integers(1, 6, n)).astype(float),
                     rating=np.where(rng.random(n) < 0.4, rng.integers(1, 6, n), np.nan),
                     recency_days=rng.integers(0, 500, n).astype(float), tenure_days=500.0)


def some_customers(min_size: int = 1, max_size: int = 40):
    row = st.tuples(st.integers(0, 9), st.integers(-500, 50_000), st.integers(0, 700),
                    st.none() | st.integers(1, 5), st.none() | st.integers(1, 4))
    return st.lists(row, min_size=min_size, max_size=max_size).map(lambda rows: customers(
        orders=[r[0] for r in rows], spend=[r[1] / 100 for r in rows],
        recency_days=[float(r[2]) if r[0] else np.nan for r in rows],
        rating=pd.array([r[3] for r in rows], dtype="Float64").to_numpy("float64", na_value=np.nan),
        categories=pd.array([r[4] for r in rows], dtype="Float64").to_numpy("float64", na_value=np.nan)))


def assigned(frame: pd.DataFrame) -> pd.DataFrame:
    scored = scoring.rfm(frame).merge(scoring.loyalty_score(frame)[["customer_id", "score"]], on="customer_id")
    return scored.merge(scoring.levels(frame), on="customer_id")


# ---------------------------------------------------------------- recency, frequency, monetary value
def test_the_eleven_segments_cover_every_code_once():
    listed = [code for codes in scoring.SEGMENTS.values() for code in codes.split()]
    every = [f"{r}{f}{m}" for r in range(1, 6) for f in range(1, 6) for m in range(1, 6)]
    assert sorted(listed) == every
    assert len(scoring.SEGMENTS) == 11
    assert scoring.SEGMENT_OF["555"] == "Champions" and scoring.SEGMENT_OF["111"] == "Lost"


def test_fifths_are_equal_where_nobody_ties_and_recency_is_reversed():
    n = 250
    scored = scoring.rfm(customers(orders=range(1, n + 1), spend=np.arange(1.0, n + 1),
                                   recency_days=np.arange(1.0, n + 1)))
    for column in ("recency_score", "frequency_score", "monetary_score"):
        assert scored[column].value_counts().to_dict() == dict.fromkeys(range(1, 6), 50)
    assert scored["rfm"].iloc[[0, -1]].tolist() == ["511", "155"]
    assert scored["segment"].iloc[[0, -1]].tolist() == ["New Customers", "Cannot Lose Them"]


def test_frequency_uses_fixed_breaks_where_many_tie():
    counts = [1, 2, 3, 4, 5, 7, 8, 30]
    scored = scoring.rfm(customers(orders=counts * 30 + [1] * 100))
    assert scored["frequency_score"].iloc[:8].tolist() == [1, 2, 3, 3, 4, 4, 5, 5]


def test_exactly_a_fifth_tied_still_uses_quantiles():
    scored = scoring.rfm(customers(orders=[100] * 60 + list(range(101, 341))))
    assert scored["frequency_score"].value_counts().to_dict() == dict.fromkeys(range(1, 6), 60)


def test_a_small_shop_gets_thirds_scored_1_3_5():
    scored = scoring.rfm(shop(60))
    for column in ("recency_score", "frequency_score", "monetary_score"):
        assert set(scored[column]) <= {1, 3, 5}
    assert scored["monetary_score"].value_counts().to_dict() == {1: 20, 3: 20, 5: 20}
    tied = scoring.rfm(customers(orders=[1] * 30 + [2, 3, 4, 5, 20]))
    assert tied["frequency_score"].tolist() == [1] * 30 + [3, 3, 3, 5, 5]


def test_customers_with_refunds_only_are_left_out_and_counted():
    frame = customers(orders=[1, 0, 3], recency_days=[5, np.nan, 7])
    assert scoring.rfm(frame)["customer_id"].tolist() == ["c0", "c2"]


def test_cutoffs_speak_the_units_of_the_client():
    frame = customers(orders=[1, 2, 3, 6, 8] * 50, spend=np.arange(10.0, 2501, 10), recency_days=np.arange(1.0, 251))
    words = scoring.rfm_cutoffs(frame, scoring.rfm(frame), currency="CNY").set_index(["measure", "score"])
    assert words.loc["Recency", "meaning"].tolist() == [
        "bought within 50 days", "last bought 51 to 100 days ago", "last bought 101 to 150 days ago",
        "last bought 151 to 200 days ago", "last bought more than 200 days ago"]
    assert words.loc["Monetary", "meaning"].tolist() == [
        "spent ¥2,010 or more", "spent ¥1,510 to under ¥2,010", "spent ¥1,010 to under ¥1,510",
        "spent ¥510 to under ¥1,010", "spent less than ¥510"]
    assert words["customers"].tolist() == [50] * 15
    tied = frame.assign(orders=[1, 1, 2, 6, 8] * 50)
    words = scoring.rfm_cutoffs(tied, scoring.rfm(tied), currency="CNY").set_index(["measure", "score"])
    assert words.loc["Frequency", "meaning"].tolist() == ["8 or more orders", "5 to 7 orders", "2 orders", "1 order"]


def test_money_cutoffs_are_round_and_still_separate():
    assert scoring._round_between(2398.20, 2401.50) == 2400
    assert scoring._round_between(0.5, 0.75) == pytest.approx(0.7)
    assert scoring._round_between(99.99, 100) == 100


PACE = scoring.Pace(gap_days=30, activity_days=90, returned=50)


def test_nobody_who_bought_yesterday_is_called_gone():
    frame = shop(60).assign(recency_days=[0.0] * 30 + [1.0] * 30)
    relative, bounded = scoring.rfm(frame), scoring.rfm(frame, pace=PACE)
    assert set(relative["recency_score"]) == {1, 5}
    assert set(bounded["recency_score"]) == {4, 5}
    gone = {"Cannot Lose Them", "At Risk", "About To Sleep", "Hibernating", "Lost"}
    assert set(relative["segment"]) & gone and not set(bounded["segment"]) & gone
    assert not bounded["chinese_type"].str.contains("win back|keep").any()


def test_nobody_long_gone_is_called_a_champion():
    frame = shop(60).assign(recency_days=np.arange(60.0) + 400)
    relative, bounded = scoring.rfm(frame), scoring.rfm(frame, pace=PACE)
    assert relative["recency_score"].max() == 5 and bounded["recency_score"].max() == 2
    assert not set(bounded["segment"]) & {"Champions", "Loyal", "New Customers", "Promising"}
    assert set(bounded["value_group"]) <= {"High-value", "Other"}
    assert bounded["chinese_type"].str.contains("win back|keep").all()


def test_the_pace_bounds_the_recency_score_where_it_says():
    days = [30.0, 31, 90, 91, 180, 181]  # the last day within each bound, and the first beyond
    worst = customers(recency_days=days + [0.0] * 60)
    assert scoring.rfm(worst, pace=PACE)["recency_score"].tolist()[:6] == [4, 2, 2, 1, 1, 1]
    best = customers(recency_days=days + [500.0] * 60)
    assert scoring.rfm(best, pace=PACE)["recency_score"].tolist()[:6] == [5, 5, 5, 3, 3, 2]


def test_within_its_bounds_the_pace_moves_nobody():
    frame = shop(400).assign(recency_days=np.tile([10.0, 40, 80, 120, 200], 80))
    slow = scoring.Pace(gap_days=40, activity_days=120, returned=50)
    pd.testing.assert_frame_equal(scoring.rfm(frame, pace=slow), scoring.rfm(frame))


def test_scores_by_the_cutoffs_of_others():
    base, others = shop(300), shop(120, seed=9)
    itself = scoring.rfm_scores(base, base, pace=PACE)
    pd.testing.assert_frame_equal(itself, scoring.rfm(base, pace=PACE)[itself.columns.tolist()])
    by_base = scoring.rfm_scores(others, base)
    for who in (0, 60, 119):  # a customer scores as the base's customers who spent as much do
        nearest = (base["spend"] - others["spend"][who]).abs().idxmin()
        assert abs(by_base["monetary_score"][who] - itself["monetary_score"][nearest]) <= 1
    best = customers(orders=[999, 1], spend=[1e9, -1e9], recency_days=[0.0, 9999.0])  # beyond all of the base
    assert scoring.rfm_scores(best, base).iloc[:, 1:].to_numpy().tolist() == [[5, 5, 5], [1, 1, 1]]
    assert scoring.rfm_scores(best, base.iloc[:0]).empty
    assert scoring.segment_names(scoring.rfm_scores(best, base)).tolist() == ["Champions", "Lost"]


def test_the_pace_is_the_median_of_the_gaps_between_days():
    rows = [(f"c{i}", date(2024, 1, 1) + timedelta(days=d), 10) for i in range(10) for d in (0, 0, 7, 27)]
    rows += [("c0", date(2024, 1, 29), 10), ("once", date(2024, 5, 1), 10), ("once", date(2024, 5, 9), -10)]
    found = scoring.pace(orders(*rows), activity_days=60)  # gaps of 7 and 20 ten times each, and one of 1
    assert (found.gap_days, found.activity_days, found.returned) == (7, 60, 10)
    assert "are 7 days or shorter; with an order in the last 60 days" in found.sentence
    few = scoring.pace(orders(*[row for row in rows if row[0] != "c9"]), activity_days=60)
    assert (few.gap_days, few.activity_days, few.returned) == (365, 365, 9)
    assert few.sentence.startswith("Only 9 customers are known to have bought on two different days")
    once = scoring.pace(orders(("a", date(2024, 1, 1), 5)), activity_days=60)
    assert once.sentence.startswith("No customer is known to have bought on two different days")


def test_cutoffs_of_odd_shops_say_the_truth():
    fresh = shop(60).assign(recency_days=[0.0] * 30 + [1.0] * 30)
    words = scoring.rfm_cutoffs(fresh, scoring.rfm(fresh, pace=PACE), currency="CNY").set_index(["measure", "score"])
    assert words.loc["Recency", "meaning"].tolist() == ["bought on the last day of the data", "last bought 1 day ago"]
    gone = shop(60).assign(recency_days=np.arange(60.0) + 400)
    words = scoring.rfm_cutoffs(gone, scoring.rfm(gone, pace=PACE), currency="CNY").set_index(["measure", "score"])
    assert words.loc["Recency", "meaning"].tolist() == ["last bought 400 to 439 days ago",
                                                        "last bought more than 439 days ago"]


def test_the_eight_types_and_the_value_groups():
    scored = pd.DataFrame({"recency_score": [5, 5, 1, 1, 5, 5, 1, 1], "frequency_score": [5, 1, 5, 1, 5, 1, 5, 1],
                           "monetary_score": [5, 5, 5, 5, 1, 1, 1, 1]})
    assert scoring._eight_types(scored).tolist() == [
        f"{worth}: {what}" for worth in ("Important", "General") for what in ("value", "develop", "keep", "win back")]
    alike = scoring._eight_types(scored.assign(recency_score=3, frequency_score=3, monetary_score=3))
    assert set(alike) == {"General: win back"}  # at the mean is not above it
    assert scoring.value_groups(scored).tolist() == ["High-value"] * 4 + ["Loyal", "Potential", "Other", "Other"]


@settings(deadline=None, max_examples=15)
@given(some_customers())
def test_identical_customers_get_identical_scores(frame):
    twice = pd.concat([frame, frame.assign(customer_id=frame["customer_id"] + "x")], ignore_index=True)
    for scored in (scoring.rfm(twice), scoring.loyalty_score(twice), scoring.levels(twice)):
        half = len(scored) // 2
        first, second = (part.drop(columns="customer_id").reset_index(drop=True)
                         for part in (scored.iloc[:half], scored.iloc[half:]))
        pd.testing.assert_frame_equal(first, second, check_exact=True)


@settings(deadline=None, max_examples=15)
@given(some_customers(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant_and_the_input_stays(frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)
    before = frame.copy(deep=True)
    for score in (scoring.rfm, scoring.loyalty_score, scoring.levels):
        expected = score(frame).sort_values("customer_id", ignore_index=True)
        got = score(frame.iloc[order]).sort_values("customer_id", ignore_index=True)
        pd.testing.assert_frame_equal(got, expected, check_exact=True)
    pd.testing.assert_frame_equal(frame, before)


@settings(deadline=None, max_examples=15)
@given(some_customers(), st.sampled_from([0.01, 0.1, 7.3, 100, 12345.678]))
def test_the_currency_changes_no_score(frame, rate):
    other = frame.assign(spend=frame["spend"] * rate)
    pd.testing.assert_frame_equal(scoring.rfm(other), scoring.rfm(frame))
    pd.testing.assert_frame_equal(scoring.loyalty_score(other), scoring.loyalty_score(frame))


def test_the_same_amounts_added_in_another_order_tie():
    frame = customers(orders=[3, 3, 3], spend=[0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1, 5.0])
    assert frame["spend"].nunique() == 3  # they differ in the last digit
    points = scoring.loyalty_score(frame)["monetary_points"]
    assert points[0] == points[1] < points[2]


# ---------------------------------------------------------------- loyalty score
def test_the_score_by_hand():
    frame = customers(orders=[1, 2, 4, 4], spend=[10, 20, 30, 40], categories=[1, 1, 2, 3], rating=[3, 5, 4, 4],
                      recency_days=[40, 10, 20, 30])
    scored = scoring.loyalty_score(frame)
    assert scored["frequency_points"].tolist() == [12.5, 37.5, 75, 75]
    assert scored["recency_points"].tolist() == [12.5, 87.5, 62.5, 37.5]
    assert scored["rating_points"].tolist() == [12.5, 87.5, 50, 50]
    assert scored["score"][1] == pytest.approx(0.25 * 37.5 + 0.25 * 37.5 + 0.10 * 25 + 0.15 * 87.5 + 0.25 * 87.5)
    assert scored["behavior"][1] == pytest.approx((0.25 * (37.5 + 37.5 + 87.5) + 0.10 * 25) / 0.85)
    assert scored["attitude"].tolist() == [12.5, 87.5, 50, 50]
    assert set(scored["flags"]) == {""}


def test_a_missing_rating_spreads_its_weight_and_is_flagged():
    frame = customers(orders=[1, 2], spend=[10, 20], categories=[1, 2], rating=[4, np.nan], recency_days=[20, 10])
    scored = scoring.loyalty_score(frame)
    assert scored["score"].tolist() == pytest.approx([25 * 0.85 + 50 * 0.15, 75])
    assert scored["flags"].tolist() == ["", "no rating"]
    bare = scoring.loyalty_score(frame.drop(columns=["rating", "categories"]))
    assert bare["score"].tolist() == [25, 75]
    assert bare["flags"].tolist() == ["no rating, no categories"] * 2


def test_weights_must_make_sense():
    frame = shop(10)
    assert sum(scoring.WEIGHTS.values()) == pytest.approx(1) == sum(scoring.ARTICLE_WEIGHTS.values())
    with pytest.raises(UserError, match=r"sum to 1; got 0\.9 \(frequency 0\.5, monetary 0\.4\)"):
        scoring.loyalty_score(frame, weights={"frequency": 0.5, "monetary": 0.4})
    with pytest.raises(UserError, match="Did you mean 'recency'"):
        scoring.loyalty_score(frame, weights={"recencey": 1.0})
    with pytest.raises(UserError, match="negative"):
        scoring.loyalty_score(frame, weights={"frequency": 1.5, "monetary": -0.5})
    article = scoring.loyalty_score(frame, weights=scoring.ARTICLE_WEIGHTS)
    stale = scoring.loyalty_score(frame.assign(recency_days=400.0), weights=scoring.ARTICLE_WEIGHTS)
    assert article["score"].tolist() == stale["score"].tolist()


@settings(deadline=None, max_examples=15)
@given(some_customers(), some_customers())
def test_scores_stay_within_0_and_100_against_any_reference(frame, reference):
    scored = scoring.loyalty_score(frame, reference=reference)
    numbers = scored.drop(columns=["customer_id", "flags"]).to_numpy(dtype="float64")
    assert ((numbers >= 0) & (numbers <= 100) | np.isnan(numbers)).all()
    assert len(scored) == (frame["orders"] > 0).sum()


def test_a_reference_is_a_yardstick_that_lets_a_wave_rise():
    before = customers(orders=[1, 2, 3, 4])
    after = customers(orders=[5, 6])
    assert scoring.loyalty_score(after, reference=before)["frequency_points"].tolist() == [100, 100]
    assert scoring.loyalty_score(after)["frequency_points"].mean() == 50


def test_survey_answers_enter_the_attitude_part():
    frame = customers(orders=[1, 1, 1])
    survey = pd.DataFrame({"answered_at": pd.to_datetime(["2024-03-01", "2024-01-01", "2024-01-01"]),
                           "customer_id": pd.Series(["c0", "c0", "c1"], dtype="str"), "nps": [9.0, 0.0, 5.0],
                           "csat": [np.nan, 4.0, 2.0]})
    answers = scoring.with_survey(frame, survey)
    assert answers["nps"].tolist()[:2] == [9, 5] and answers["csat"].tolist()[:2] == [4, 2]  # the latest known
    attitude = scoring.loyalty_score(answers)["attitude"]
    assert attitude.tolist()[:2] == [75, 25] and np.isnan(attitude[2])


# ---------------------------------------------------------------- index
def test_the_index_says_how_many_are_scored():
    frame = customers(orders=[1, 2, 0], recency_days=[1, 2, np.nan])
    index = scoring.loyalty_index(scoring.loyalty_score(frame), len(frame))
    assert index.estimate == pytest.approx(50)
    assert "2 of 3 customers scored" in index.sentence
    assert index.interval == ""  # two are no sample


def test_customers_scored_among_themselves_are_not_estimated():
    scores = pd.DataFrame({"score": np.linspace(0, 100, 50)})
    assert scoring.loyalty_index(scores, 50).interval
    among = scoring.loyalty_index(scores, 50, among_themselves=True)
    assert among.estimate == 50 and among.interval == "" and "by construction" in among.note
    assert scoring.loyalty_index(scores.assign(score=50.0), 50).interval == ""
    assert not scoring.loyalty_index(scores.iloc[:9], 9, among_themselves=True).measurable


def test_the_interval_of_the_index_is_the_t_interval():
    scores = pd.DataFrame({"score": [40.0, 60.0] * 5})  # sd 10.541, t(9) = 2.2622: margin 7.541
    index = scoring.loyalty_index(scores, 10)
    assert (index.low, index.high) == pytest.approx((50 - 7.541, 50 + 7.541), abs=0.001)


def test_the_index_of_the_source_article_depends_on_the_unscored():
    scores = pd.Series([80.0] * 70 + [60.0] * 20)
    assert scoring.missing_treatments(scores, 100)["index"].round(2).tolist() == [68.00, 75.56, 74.00]


def test_no_change_is_no_evidence_and_more_orders_are_a_rise():
    frame, alike = shop(150), shop(150, seed=2).assign(customer_id=[f"d{i}" for i in range(150)])
    same = scoring.index_change(frame, alike)
    assert same.kpi == "loyalty_index" and same.verdict == "no evidence" and same.low < 0 < same.high
    more = frame.assign(orders=frame["orders"] * 3, spend=frame["spend"] * 3, customer_id=frame["customer_id"] + "b")
    rise = scoring.index_change(frame, more)
    assert rise.verdict == "up" and rise.before.n == rise.after.n == 150
    assert rise.low < rise.estimate < rise.high
    assert scoring.index_change(frame, more, part="behavior").verdict == "up"
    assert scoring.index_change(frame, more, part="attitude").verdict == "no evidence"


def test_customers_of_both_waves_stay_together_in_the_bootstrap():
    before = shop(150)
    after = before.assign(orders=before["orders"] + 1)  # everybody one order more: sure where people are matched
    strangers = after.assign(customer_id=after["customer_id"] + "b")
    matched, apart = scoring.index_change(before, after), scoring.index_change(before, strangers)
    assert matched.estimate == apart.estimate
    assert matched.high - matched.low < 0.5 * (apart.high - apart.low)


def test_the_bootstrap_of_two_separate_waves_is_welch():
    before, after = shop(120, seed=3), shop(80, seed=4).assign(customer_id=[f"d{i}" for i in range(80)])
    change = scoring.index_change(before, after)
    first, second = (scoring.loyalty_score(wave, reference=before)["score"] for wave in (before, after))
    welch = np.sqrt(first.var() / 120 + second.var() / 80)
    assert (change.high - change.low) / 2 == pytest.approx(1.99 * welch, rel=0.1)  # t(79)
    assert change.estimate == pytest.approx(second.mean() - first.mean())


def test_an_index_change_needs_customers_enough_who_differ():
    for wave in (customers(orders=range(1, 10)), customers(orders=[1] * 50), shop(60).iloc[:0]):
        change = scoring.index_change(wave, wave)
        assert change.verdict == "not measurable"
        assert "fewer than 10 customers" in change.sentence


# ---------------------------------------------------------------- the articles' score
def test_the_score_of_the_source_article_is_money():
    frame = customers(orders=[5], spend=[1000.0], categories=[3], rating=[4])
    raw = scoring.raw_article_score(frame)
    assert raw["score"][0] == pytest.approx(402.5)
    assert raw["monetary_part"][0] / raw["score"][0] == pytest.approx(0.994, abs=0.0005)
    faults = scoring.article_score_faults(frame, currency="CNY")
    assert faults["money_share_of_score"][0] == pytest.approx(0.994, abs=0.0005)


def test_another_unit_of_money_turns_the_article_ranking_round():
    frame = customers(orders=[5, 1], spend=[100.0, 105.0])  # 41.5 < 42.3; in hundreds 1.90 > 0.72
    faults = scoring.article_score_faults(frame, currency="CNY")
    assert faults["unit"].tolist() == ["CNY", "100 CNY", "1,000 CNY", "10,000 CNY"]
    assert faults["rank_correlation"].tolist()[:2] == pytest.approx([1, -1])
    shares = scoring.article_score_faults(shop(300), currency="CNY")["money_share_of_variance"]
    assert shares[0] > 0.95 > 0.5 > shares[3]
    against = scoring.article_score_faults(customers(orders=[9, 5, 1], spend=[1.0, 20, 40]), currency="CNY")
    assert against["money_share_of_variance"].between(0, 1).all()  # the covariance's share is 118 %


# ---------------------------------------------------------------- groups
def test_levels_follow_the_rules_that_can_be_checked():
    frame = customers(orders=[1, 2, 4, 8, 8, 8], rating=[5, np.nan, 4, 3.9, np.nan, 5])
    found = scoring.levels(frame)
    assert found["level"].tolist() == ["No level yet", "Basic", "Middle", "No level yet", "High", "High"]
    assert found["basis"].tolist()[:2] == ["orders, rating", "orders"]
    referrals = pd.DataFrame({"referrer_id": ["c2", "c5", "c5"], "referee_id": ["x", "y", "y"], "at": AS_OF})
    found = scoring.levels(frame, referrals=referrals)
    assert found["level"].tolist() == ["No level yet", "Basic", "Middle", "No level yet", "Basic", "High"]
    own = {"basic": {"min_orders": 1, "min_rating": 0, "min_referrals": 0},
           "middle": {"min_orders": 2, "min_rating": 0, "min_referrals": 0},
           "high": {"min_orders": 4, "min_rating": 0, "min_referrals": 2}}
    found = scoring.levels(frame, own, referrals)
    assert found["level"].tolist() == ["Basic"] + ["Middle"] * 5  # y, referred twice, is one customer


def test_the_rules_of_the_levels_say_whom_they_stop():
    frame = customers(orders=[1, 2, 4, 8, 1], rating=[5, np.nan, 4, 3.9, 2])
    table = scoring.level_rules(frame)
    basic = table[table["level"] == "Basic"].set_index("rule")
    assert basic.loc["2 orders or more", ["checked", "customers", "only_this"]].tolist() == [5, 3, 1]
    # that is c0; c4 fails both
    rated = basic.loc["a rating of 4 or better, where there is one"]
    assert rated[["checked", "customers", "only_this"]].tolist() == [4, 2, 1]
    assert basic["low"].lt(basic["share"]).all() and basic["high"].gt(basic["share"]).all()
    assert len(table) == 6  # without referrals nothing is asked of them
    found = scoring.levels(frame)
    assert scoring.levels_sentence(found, table) == (
        "2 of 5 customers have a loyalty level; a single rule keeps 1 of the others from the lowest one: 2 orders or "
        "more.")
    referrals = pd.DataFrame({"referrer_id": ["c2"], "referee_id": ["x"], "at": AS_OF})
    table = scoring.level_rules(frame, referrals=referrals)
    for_others = scoring.level_rules(frame, referrals=referrals, least=2)
    assert for_others.loc[for_others["rule"].str.startswith("recommended"), "customers"].isna().all()
    assert for_others["only_this"].eq(1).sum() == 0
    asked = table[table["rule"].str.startswith("recommended")].set_index("level")
    assert asked["customers"].to_dict() == {"Middle": 1, "High": 1} and asked["only_this"].to_dict() == {
        "Middle": 0, "High": 0}


def test_the_parts_of_the_index_side_by_side():
    # the twenty who answered are the better half; among them those who bought again are as glad as the others
    frame = customers(orders=[1] * 20 + [1] * 10 + [5] * 10, spend=np.arange(40.0), recency_days=np.arange(40.0)[::-1],
                      rating=[np.nan] * 20 + [3, 5] * 10)
    table = scoring.index_parts(frame, scoring.loyalty_score(frame)).set_index("group")
    assert table["customers"].tolist() == [20, 20, 10, 30]
    assert table["answered"].tolist() == [20, 0, 10, 10]
    assert table.loc["bought again", "attitude"] == table.loc["bought once", "attitude"] == 50
    assert np.isnan(table.loc["gave none", "attitude"])
    said = scoring.index_parts_sentence(table.reset_index())
    assert said.startswith("Those who gave a rating or an answer buy more than the others (")
    assert "neither more nor less satisfied" in said
    few = frame.assign(rating=[np.nan] * 31 + [5] * 9)
    said = scoring.index_parts_sentence(scoring.index_parts(few, scoring.loyalty_score(few)))
    assert said.startswith("Too few customers gave a rating")


def test_concentration_by_hand():
    frame = customers(spend=[91.0] + [1.0] * 9)
    top10, top20 = scoring.concentration(frame)
    assert (top10.estimate, top20.estimate) == pytest.approx((0.91, 0.92))
    assert top10.note == "one customer alone brings 91 % of the revenue"
    assert top10.interval == ""  # of ten customers nothing follows for others
    for few in scoring.concentration(customers(spend=[1.0] * 9)):
        assert "it takes at least 10 customers with an order, there are 9" in few.sentence
    assert scoring.concentration(customers(spend=[1.0] * 10))[1].estimate == pytest.approx(0.2)
    none = scoring.concentration(customers(spend=[0.0] * 20))
    assert not any(finding.measurable for finding in none)


def test_half_of_the_revenue_is_counted_out():
    frame = customers(spend=[40.0, 30, 20, *[1.0] * 10])  # 100 in all: the first two bring 70, the first only 40
    half = scoring.half_of_revenue(frame)
    assert half.estimate == pytest.approx(2 / 13) and half.interval == ""
    rng = np.random.default_rng(1)
    assert scoring.half_of_revenue(customers(spend=rng.lognormal(3, 1, 299))).interval == ""
    assert scoring.half_of_revenue(customers(spend=rng.lognormal(3, 1, 300))).interval
    assert scoring.revenue_sentence(frame).startswith("Half of the revenue comes from 2 of 13 customers. One customer")
    assert scoring.revenue_sentence(frame).endswith(
        "One customer alone brings 40 % of it all; without that one, half of the rest comes from 1 of 12 customers.")
    assert scoring.half_of_revenue(customers(spend=[10.0] * 400)).interval == ""  # nothing varies: no false precision
    even = scoring.revenue_sentence(customers(spend=[10.0] * 8))
    assert even == "Half of the revenue comes from 4 of 8 customers."
    assert "fewer than 5 customers" in scoring.revenue_sentence(frame, least=5)
    assert "alone" not in scoring.revenue_sentence(customers(spend=[500.0] + [10.0] * 50), least=5)
    assert not scoring.half_of_revenue(customers(spend=[5.0] * 9)).measurable
    assert scoring.revenue_sentence(customers(spend=[5.0] * 4)).startswith("Only 4 customers bought so far")
    assert "no revenue" in scoring.revenue_sentence(customers(spend=[-5.0] * 8))


def test_a_few_who_bring_half_are_counted_and_get_no_interval():
    frame = customers(spend=[5000.0] + [10.0] * 388)
    half, curve = scoring.half_of_revenue(frame), scoring.lorenz(frame)
    assert (half.estimate, half.interval) == (1 / 389, "")
    assert scoring.revenue_sentence(frame).startswith("Half of the revenue comes from 1 of 389 customers. One")
    place = curve[curve["customers"] == half.estimate]  # the curve turns there, not at the next of its hundred points
    assert place["revenue"].tolist() == pytest.approx([5000 / 8880]) and len(curve) <= 102
    ten = scoring.revenue_sentence(customers(spend=[500.0] * 10 + [12.0] * 390))
    assert ten.startswith("Half of the revenue comes from 10 of 400 customers, 2.5 % of them (95 % interval ")
    others = scoring.lorenz(customers(spend=[500.0] * 7 + [1.0] * 93), least=3)
    assert others["customers"].diff().min() >= 0.03 - 1e-9 and 0.04 in others["customers"].to_numpy()


def test_the_intervals_of_the_concentration_cover_the_truth():
    # lognormal with sigma 0.8: half of the money lies with the best 1 - Phi(0.8), and the best 20 % have Phi(0.8 -
    # Phi^-1(0.8)) of it (its Lorenz curve)
    rng, hits = np.random.default_rng(7), np.zeros(2)
    for _ in range(300):
        frame = customers(spend=rng.lognormal(3, 0.8, 400))
        for at, (truth, one) in enumerate(((stats.norm.sf(0.8), scoring.half_of_revenue(frame)),
                                           (stats.norm.cdf(0.8 - 0.8416), scoring.concentration(frame)[1]))):
            hits[at] += one.low <= truth <= one.high
    assert (hits / 300 >= 0.90).all() and (hits / 300 <= 0.99).all()


def test_the_error_of_the_concentration_is_that_of_the_bootstrap():
    rng = np.random.default_rng(3)
    spend = np.sort(rng.lognormal(3, 1, 1000))[::-1]
    top, half = scoring.concentration(customers(spend=spend))[1], scoring.half_of_revenue(customers(spend=spend))
    drawn = -np.sort(-spend[rng.integers(0, 1000, (500, 1000))], axis=1)
    upto = np.cumsum(drawn, axis=1)
    for one, again in ((top, upto[:, 199] / upto[:, -1]), (half, (upto < upto[:, -1:] / 2).sum(axis=1) / 1000)):
        assert (one.high - one.low) / 2 == pytest.approx(1.96 * again.std(), rel=0.12)


@settings(deadline=None, max_examples=12)
@given(some_customers(min_size=2))
def test_shares_stay_shares(frame):
    for finding in scoring.concentration(frame):
        if finding.measurable:
            assert 0 <= finding.estimate <= 1 + 1e-12
        if finding.interval:
            assert 0 <= finding.low <= finding.high <= 1
    curve = scoring.lorenz(frame)
    if len(curve):
        assert curve.iloc[0].tolist() == [0, 0] and curve.iloc[-1].tolist() == pytest.approx([1, 1])
        assert (curve.diff().iloc[1:] >= 0).all(axis=None)
        assert (curve["revenue"] >= curve["customers"] - 1e-9).all()


def test_activity_groups_are_disjoint_and_complete():
    frame = customers(orders=[1, 5, 1, 5, 5, 0], recency_days=[90, 90, 91, 180, 181, np.nan],
                      spend=[1.0, 2, 3, 4, 5, -1])
    table = scoring.activity(frame, 90)
    assert table["group"].tolist() == ["active", "lapsing", "gone", "one-time"]
    assert table["customers"].tolist() == [2, 1, 1, 1]
    assert table["spend"].tolist() == [3, 4, 5, 3]
    assert table["share"].sum() == pytest.approx(1) == table["spend_share"].sum()


def test_the_quadrant_by_hand():
    # thrice: loyal, trapped, once long ago and glad, once long ago and not, glad and often but long ago, once lately
    frame = customers(orders=[2, 2, 1, 1, 3, 1, 2] * 3, recency_days=[10, 10, 100, 100, 400, 10, 10] * 3)
    ids = pd.Series([None if i % 7 == 6 else f"c{i}" for i in range(21)], dtype="str")
    survey = pd.DataFrame({"answered_at": AS_OF, "customer_id": ids, "nps": np.nan,
                           "csat": [5.0, 3, 4, 1, 5, 5, 5] * 3})
    table = scoring.quadrant(survey, frame, activity_days=90).set_index("type")
    counts = {"loyal": 3, "trapped": 3, "latent": 6, "none": 3, "too new": 3}
    assert table["customers"].to_dict() == counts
    assert table["share"].tolist()[:4] == pytest.approx([0.2, 0.2, 0.4, 0.2])
    assert table.loc[["too new"], ["share", "low", "high"]].isna().all(axis=None)
    assert table.loc["latent", "meaning"] == "satisfied (4 or 5 of 5), but does not buy again"
    assert scoring.satisfied_rule(table.reset_index()) == "4 or 5 of 5"
    by_nps = survey.assign(csat=np.nan, nps=[9.0, 8, 10, 0, 9, 9, 9] * 3)
    table = scoring.quadrant(by_nps, frame, activity_days=90).set_index("type")
    assert table["customers"].to_dict() == counts
    assert table.loc["loyal", "meaning"] == (
        "satisfied (9 or 10 of 10, asked whether they would recommend the shop), and buys again")
    assert scoring.quadrant(None, frame, activity_days=90) is None
    assert scoring.quadrant(survey.assign(customer_id=pd.Series([None] * 21, dtype="str")), frame,
                            activity_days=90) is None
    few = scoring.quadrant(survey.iloc[:7], frame, activity_days=90)
    assert few["customers"].sum() == 6 and few["share"].isna().all()


# ---------------------------------------------------------------- what to do for whom
@settings(deadline=None, max_examples=15)
@given(some_customers())
def test_each_scheme_adds_up_to_all_customers_and_all_money(frame):
    table = scoring.segments_table(frame, assigned(frame), actions=actions.load_actions())
    assert list(table.columns) == ["scheme", "segment", "customers", "share", "spend", "spend_share", "action"]
    for _, rows in table.groupby("scheme"):
        assert rows["customers"].sum() == len(frame)
        assert rows["spend"].sum() == pytest.approx(frame["spend"].sum(), abs=1e-6)
        assert rows["share"].sum() == pytest.approx(1)
    assert table["scheme"].nunique() == 4


def test_segments_come_in_their_order_and_refunds_last():
    frame = customers(orders=[0, *[9] * 15, *[1] * 15], spend=[-5.0, *[900] * 15, *[10] * 15],
                      recency_days=[np.nan, *[1] * 15, *[300] * 15])
    table = scoring.segments_table(frame, assigned(frame), actions=actions.load_actions())
    groups = table[table["scheme"] == "Value group"]
    assert groups["segment"].tolist() == ["High-value", "Other", "Refunds only (not scored)"]
    assert groups["spend_share"].tolist() == pytest.approx([13500 / 13645, 150 / 13645, -5 / 13645])
    assert groups["action"].tolist()[-1] == ""


def test_nine_customers_are_one_group_with_its_own_action():
    frame = shop(9)
    table = scoring.segments_table(frame, assigned(frame), actions=actions.load_actions())
    sorted_out = table[table["scheme"] != "Loyalty level"]
    assert sorted_out["segment"].tolist() == [scoring.TOO_FEW] * 3
    assert sorted_out["customers"].tolist() == [9] * 3 and (sorted_out["action"] != "").all()
    scored = scoring.rfm(frame)
    assert scoring.segments_sentence(scored).startswith("9 customers with an order: too few")
    assert "Each name is shorthand for three ranks among this shop's own customers" in scoring.segments_sentence(
        scoring.rfm(customers(spend=np.arange(1.0, 41))))
    assert scoring.rfm_cutoffs(frame, scored, currency="CNY").empty
    assert scoring.TOO_FEW not in set(scoring.rfm(shop(30))["segment"])
    assert scoring.TOO_FEW in set(scoring.rfm(shop(29))["segment"])


# ---------------------------------------------------------------- shops that strain the room
HARD = {
    "nobody": shop(60).iloc[:0],
    "one customer": customers(orders=[1]),
    "sixty": shop(60),
    "nobody buys twice": customers(orders=[1] * 60, spend=np.arange(60.0), recency_days=np.arange(60.0)),
    "all alike": customers(orders=[1] * 300),
    "no rating, no category": shop(60).assign(rating=np.nan, categories=np.nan),
    "one heavy customer": shop(60).assign(spend=[6000.0] + [100.0] * 59),
    "refunds only": customers(orders=[0] * 5, spend=-10.0, recency_days=np.nan, tenure_days=np.nan),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", HARD)
def test_hard_shops_get_true_sentences(name):
    frame = HARD[name]
    bought = frame[frame["orders"] > 0]
    rows = orders(*zip(bought["customer_id"], bought["last_order_at"], bought["spend"], strict=True))
    everyone = assigned(frame)
    assert len(everyone) == len(bought)
    standard = actions.load_actions()
    scored = scoring.loyalty_score(frame)
    found = [*scoring.concentration(frame), cohorts.cohort_return(cohorts.cohorts(rows)),
             scoring.index_change(frame, frame),
             *(scoring.loyalty_index(scored, len(frame), part=part) for part in scoring.INDEX)]
    for finding in found:
        assert "nan" not in finding.sentence and finding.sentence.endswith(".")
    told = scoring.rfm_cutoffs(frame, scoring.rfm(frame), currency="CNY")["customers"].sum()
    assert told == (3 * len(bought) if len(bought) >= 30 else 0)
    rules_met = scoring.level_rules(frame)
    for sentence in (scoring.segments_sentence(everyone), scoring.revenue_sentence(frame),
                     scoring.half_of_revenue(frame).sentence, scoring.levels_sentence(everyone, rules_met),
                     scoring.index_parts_sentence(scoring.index_parts(frame, scored)),
                     scoring.pace(rows, activity_days=90).sentence):
        assert "nan" not in sentence and sentence.endswith(".")
    assert scoring.activity(frame, 90)["customers"].sum() == len(bought)
    assert len(scoring.article_score_faults(frame, currency="CNY")) == 4
    assert scoring.quadrant(None, frame, activity_days=90) is None
    assert scoring.segments_table(frame, everyone, actions=standard)["customers"].sum() == 4 * len(frame)


def test_nobody_who_bought_once_is_called_loyal():
    scored = scoring.rfm(HARD["nobody buys twice"])
    assert set(scored["frequency_score"]) == {1}
    assert not set(scored["segment"]) & {"Champions", "Loyal"}
