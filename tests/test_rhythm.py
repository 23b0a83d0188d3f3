"""Rhythm: usual gaps by hand, and how many would be late by chance, from random customers."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import said
from test_actions import AS_OF, orders

from loyalty_helpers.customers import rhythm
from loyalty_helpers.report import tables

BY_HAND = orders(*[("late", ago, 100) for ago in (400, 190, 160, 130, 100, 100)], ("late", 99, -30),
                 *[("fine", ago, 500) for ago in (150, 120, 90, 60, 29.5)], ("once", 20, 80), ("twice", 300, 40),
                 ("twice", 290, 40), (None, 1, 999), ("refund", 5, -10))


def paces(frame: pd.DataFrame) -> pd.DataFrame:
    return rhythm.rhythm(frame, as_of=AS_OF.date())


def test_the_rhythm_by_hand():
    found = paces(BY_HAND).set_index("customer_id")
    assert found.index.tolist() == ["fine", "late", "once", "twice"]
    assert found["days_bought"].tolist() == [5, 5, 1, 2]  # two orders of one day are one visit
    late = found.loc["late"].drop("age_days").tolist()
    assert late == [5, 30, 100, pytest.approx(70 / 30), 470]  # gaps 210, 30, 30, 30
    assert found.loc["fine", ["usual_gap_days", "recency_days", "gaps_overdue"]].tolist() == [30, 29, 0]
    assert found.loc[["once", "twice"], ["usual_gap_days", "gaps_overdue"]].isna().all(axis=None)
    assert found.loc["twice", "spend_last_year"] == 80


def test_overdue_is_three_gaps_past_the_day_it_was_due():
    rows = [("due", ago, 10) for ago in (40, 50, 60, 70, 80)], [
        ("just", ago, 10) for ago in (39, 49, 59, 69, 79)]
    gone = [("gone", ago, 10) for ago in (400, 410, 420, 430, 440)]
    found = paces(orders(*rows[0], *rows[1], *gone))
    assert found.set_index("customer_id")["gaps_overdue"].to_dict() == {"due": 3, "just": 2.9, "gone": 39}
    assert rhythm.overdue(found).tolist() == [True, False, False]  # in order of id: due, gone, just


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 900), st.integers(-50, 500)), min_size=1,
                max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_nothing_is_changed(rows, random):
    frame = orders(*rows)
    before = frame.copy()
    found = paces(frame)
    pd.testing.assert_frame_equal(frame, before)
    mixed = list(range(len(frame)))
    random.shuffle(mixed)
    pd.testing.assert_frame_equal(paces(frame.iloc[mixed].reset_index(drop=True)), found)
    bought = frame[~frame["is_refund"]].groupby("customer_id")["ordered_at"]
    assert found["customer_id"].tolist() == sorted(bought.groups)
    for one in found.itertuples():
        days = sorted({moment.normalize() for moment in bought.get_group(one.customer_id)})
        gaps = [(later - day).days for day, later in pairwise(days)]
        assert one.days_bought == len(days) and one.recency_days == (AS_OF - days[-1]).days
        assert np.isnan(one.usual_gap_days) if len(days) < 5 else one.usual_gap_days == np.median(gaps)


def test_the_last_year_is_half_open():
    rows = orders(("a", 364, 7), ("a", 364.01, 100), ("a", 0, 1000), ("a", 0.01, 5))
    assert paces(rows)["spend_last_year"].tolist() == [12]


def test_late_by_chance_is_what_random_customers_show():
    assert rhythm.late_by_chance(np.array([3, 2, 2])) == pytest.approx([1 / 7, 1 / 9, 1 / 9])
    assert rhythm.late_by_chance(np.array([1])) == pytest.approx([1 / 5])  # E exp(-4 E) = 1 / (1 + 4)
    assert rhythm.late_by_chance(np.array([4001])) == pytest.approx([1 / 16], abs=1e-3)
    assert len(rhythm.late_by_chance(np.array([], dtype="int64"))) == 0
    rng = np.random.default_rng(4)
    for n in (2, 3, 4, 5, 8):
        gaps, silence = rng.exponential(size=(200_000, n)), rng.exponential(size=200_000)
        seen = (silence > 4 * np.median(gaps, axis=1)).mean()
        assert rhythm.late_by_chance(np.array([n]))[0] == pytest.approx(seen, abs=0.003)


def test_only_counts_are_said_and_chance_beside_them():
    late = [(f"l{i}", ago, 10) for i in range(20) for ago in (300, 310, 320, 330, 340)]
    fine = [(f"f{i}", ago, 10) for i in range(20) for ago in (3, 13, 23, 33, 43)]
    found = paces(orders(*late, *fine))
    share, spend = rhythm.overdue_regulars(found, currency="CNY")
    assert (share.estimate, share.n, spend.estimate, spend.n) == (0.5, 40, 1000, 20)
    told = said(rhythm.chance_sentence(found))  # 40 x 3 / 28 = 4.3
    assert "about 4 customers would be overdue by chance; 20 customers are" in told
    assert told.endswith("no proof that somebody left.")
    few = said(rhythm.chance_sentence(paces(orders(*late[:5], *fine))))  # 21 x 3 / 28 = 2.3
    assert "about 2 customers would be overdue by chance; 1 customer is" in few and "may be chance" in few
    assert said(rhythm.chance_sentence(paces(orders(*fine)))).endswith("by chance; 0 customers are.")
    assert rhythm.chance_sentence(paces(orders(*fine[:45]))) is None  # nine regulars


def test_lateness_sets_what_is_seen_beside_chance():
    rows = [(f"{name}{i}", ago + shift, 10) for name, shift, n in (("a", 0, 4), ("b", 8, 3), ("c", 20, 2), ("d", 90, 1))
            for i in range(n) for ago in (10, 20, 30, 40, 50)]
    table = rhythm.lateness(paces(orders(*rows)))
    assert table["customers"].tolist() == [4, 3, 2, 1] and table["share"].tolist() == [0.4, 0.3, 0.2, 0.1]
    # four gaps each: silent for more than k medians is 4 / (4 + k) x 3 / (3 + k) x 2 / (2 + k / 2) for k = 1, 2, 4
    assert table["by_chance"].tolist() == pytest.approx([1 - 12 / 25, 12 / 25 - 4 / 15, 4 / 15 - 3 / 28, 3 / 28])
    assert tables.named(table["silence"], "silence").tolist()[1:] == [
        "late: silent for 1 to 2 usual gaps", "late: silent for 2 to 4 usual gaps",
        "overdue: silent for 4 usual gaps or more"]
    assert rhythm.lateness(paces(orders(("a", 3, 10)))).empty


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [(), (("a", 3, 10),), (("a", 3, -10),), ((None, 3, 10),),
                                  tuple((f"c{i}", i, 10) for i in range(60)),
                                  tuple(("a", ago, 1) for ago in (400, 410, 420, 430, 440))])
def test_shops_without_regulars_get_true_sentences(rows):
    found = paces(orders(*rows))
    told = [said(finding) for finding in rhythm.overdue_regulars(found, currency="CNY")]
    assert all("cannot be measured" in one and "nan" not in one for one in told)
    assert rhythm.chance_sentence(found) is None
    assert ("spent anything" if "420" in str(rows) else "three different days") in told[0]


def test_four_days_bought_are_no_rhythm_and_the_note_does_not_speak_of_three():
    (share, _) = rhythm.overdue_regulars(paces(orders(*[("a", ago, 1) for ago in (1, 5, 9, 20)])), currency="CNY")
    assert said(share.note).endswith("five different days")


def test_of_poisson_buyers_as_many_are_overdue_as_chance_says():
    rng = np.random.default_rng(7)
    rows = [(f"c{i}", ago, 1) for i, rate in enumerate(rng.gamma(3, 0.01, 3000))
            for ago in rng.uniform(0, 730, rng.poisson(730 * rate))]
    table = rhythm.lateness(paces(orders(*rows)))
    assert table["share"].iloc[3] == pytest.approx(table["by_chance"].iloc[3], rel=0.2)


@pytest.mark.parametrize(("days", "words"), [
    (0, "0 days"), (1, "1 day"), (12, "12 days"), (2.5, "2.5 days"), (7.5, "8 days"),
    (13.5, "2 weeks"), (14, "2 weeks"), (17, "17 days"),
    (21, "3 weeks"), (30, "4 weeks"), (63, "9 weeks"), (150, "21 weeks"), (200, "7 months"), (1100, "3 years")])
def test_spans_in_words(days, words):
    assert said(rhythm.span(days)) == words
    assert [said(rhythm.every(gap)) for gap in (1, 7, 21)] == ["every day", "every 7 days", "every 3 weeks"]


@pytest.mark.parametrize(("weekly", "days"), [(0.05, 1000), (0.03, 1500), (0.2, 300)])
def test_slow_random_buyers_are_overdue_as_often_as_said(weekly, days):
    rng = np.random.default_rng(11)
    who = np.repeat(np.arange(4000), rng.poisson(weekly / 7 * days, 4000))
    moment = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.random(len(who)) * days, unit="D")
    frame = pd.DataFrame({"customer_id": pd.Series(who).astype("str"), "ordered_at": moment.astype("datetime64[us]"),
                          "amount": 10.0, "is_refund": False})
    found = rhythm.rhythm(frame, as_of=(pd.Timestamp("2021-01-01") + pd.Timedelta(days=days)).date())
    regulars = found[found["usual_gap_days"].notna() & (found["spend_last_year"] > 0)]
    late = int(rhythm.overdue(regulars).sum())
    assert abs(rhythm.chances(regulars).sum() - late) < 3.5 * np.sqrt(late)
