"""Referral value: like is compared with like, month by month, and nobody is praised for what others would have done."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import said

from loyalty_helpers.customers import referrals as referral_value
from loyalty_helpers.customers import tables
from loyalty_helpers.lab import simulate
from loyalty_helpers.report import gate


def customers(*rows: tuple) -> pd.DataFrame:
    """Canonical customers from (id, first day, orders, spend)."""
    frame = pd.DataFrame(rows, columns=["customer_id", "first_order_at", "orders", "spend"])
    first = pd.to_datetime(frame["first_order_at"]).astype("datetime64[us]")
    return frame.assign(customer_id=frame["customer_id"].astype("str"), spend=frame["spend"].astype("float64"),
                        first_order_at=first, last_order_at=first + pd.to_timedelta(frame["orders"] - 1, unit="D"))


def referrals(*rows: tuple) -> pd.DataFrame:
    """Canonical referrals from (referrer, referee, day)."""
    frame = pd.DataFrame(rows, columns=["referrer_id", "referee_id", "at"])
    return frame.assign(referrer_id=frame["referrer_id"].astype("str"), referee_id=frame["referee_id"].astype("str"),
                        at=pd.to_datetime(frame["at"]).astype("datetime64[us]"))


def crowd(name: str, n: int, month: int, spend: float, orders: int = 1) -> list[tuple]:
    return [(f"{name}{k}", f"2024-{month:02d}-{10 + k % 15:02d}", orders, spend + (k % 2 * 2 - 1)) for k in range(n)]


def named(name: str, n: int, day: str = "2024-01-01", by: int = 5) -> list[tuple]:
    return [(f"r{k % by}", f"{name}{k}", day) for k in range(n)]


PEOPLE = customers(*crowd("a", 10, 1, 100, 2), *crowd("x", 20, 1, 50), *crowd("b", 6, 2, 200), *crowd("y", 10, 2, 300),
                   *crowd("z", 8, 3, 9999))  # nobody of March was referred
LIST = referrals(*named("a", 10), *named("b", 6))


def test_each_month_is_compared_with_itself():
    found = referral_value.referral_value(PEOPLE, LIST, currency="CNY")
    # ten times +50 and six times -100 over sixteen
    assert found.difference.estimate == pytest.approx((10 * 50 - 6 * 100) / 16)
    table = found.groups.set_index("group")
    assert table["customers"].tolist() == [16, 30]
    assert table["spend_each"].tolist() == pytest.approx([(10 * 100 + 6 * 200) / 16, (10 * 50 + 6 * 300) / 16])
    assert table["bought_again"].tolist() == pytest.approx([10 / 16, 0])
    assert (found.came.estimate, found.came.n) == (1, 16)
    assert said(found.sentence).startswith("16 referred customers have spent ¥138 each so far, other newcomers of the "
                                           "same months ¥144: −¥6")
    # the months differ more than their difference from nil
    assert said(found.sentence).endswith("no evidence that they differ. They might have come without being referred.")


def test_only_who_came_after_being_named_by_another_counts():
    extra = referrals(("r0", "x0", "2024-05-01"),  # was a customer before
                      ("x1", "x1", "2024-01-01"),  # named oneself
                      ("r9", "a0", "2024-01-05"),  # named a second time
                      ("r0", "never", "2024-01-01"))
    found = referral_value.referral_value(PEOPLE, pd.concat([LIST, extra]), currency="CNY")
    assert (found.came.n, round(found.came.estimate * found.came.n)) == (18, 16)
    assert found.groups["customers"].tolist() == [16, 30]


def test_half_of_them_were_brought_by_a_few():
    one_star = [("star", f"a{k}", "2024-01-01") for k in range(9)]
    others = [(f"r{k}", f"x{k}", "2024-01-01") for k in range(9)]
    found = referral_value.referral_value(PEOPLE, referrals(*one_star, *others), currency="CNY")
    assert said(found.half_sentence) == (
        "Half of the customers who were referred and came were brought by 10 % of the 10 persons who brought anybody.")


def test_in_a_simulated_shop_referred_are_like_other_newcomers():
    def value(orders: pd.DataFrame) -> referral_value.ReferralValue:
        bought = tables.customers(orders, as_of=orders["ordered_at"].max().date())
        return referral_value.referral_value(bought, made.referrals, currency="CNY")

    covered = 0
    for seed in range(8):
        made = simulate.shop(customers=500, seed=seed, weeks_before=20, weeks_after=30, join_rate=0.3)
        gap = value(made.orders).difference
        covered += gap.low <= 0 <= gap.high
    assert covered >= 6  # at 95 % each, fewer in 6 of 1,000
    richer = made.orders["customer_id"].isin(made.referrals["referee_id"])
    orders = made.orders.assign(amount=made.orders["amount"] * np.where(richer, 3, 1))
    found = value(orders)
    assert found.difference.low > 0 and "more than chance would explain" in said(found.sentence)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 39)), max_size=50), st.randoms(use_true_random=False))
def test_row_order_does_not_matter(pairs, random):
    ids = PEOPLE["customer_id"]
    rows = referrals(*[(ids[a], ids[b], "2024-01-02") for a, b in pairs])
    kept = rows.copy(deep=True)
    found = referral_value.referral_value(PEOPLE, rows, currency="CNY")
    pd.testing.assert_frame_equal(rows, kept)
    order = list(range(len(rows)))
    random.shuffle(order)
    again = referral_value.referral_value(PEOPLE.sample(frac=1, random_state=1), rows.iloc[order], currency="CNY")
    told = said([found.sentence, found.half_sentence])
    assert said([again.sentence, again.half_sentence]) == told and "nan" not in told


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_few_referrals_get_a_true_sentence(n):
    found = referral_value.referral_value(PEOPLE, referrals(*named("a", n)), currency="CNY")
    if n:
        assert f"it takes 10 referred customers and as many other newcomers of the same months, there are {n} and" in (
            said(found.sentence))
        assert found.difference.n == n and not found.difference.measurable
    else:
        assert said(found.sentence) == "What referrals bring cannot be told: nobody has been referred yet."
    shared = gate.seen(found, 5)
    told = said([shared.sentence, shared.half_sentence])
    assert "nan" not in told and (n not in (1, 2) or (f" {n} person" not in told and f"are {n} and" not in told))


@pytest.mark.filterwarnings("error")
def test_without_referrals_or_customers_there_is_one_sentence():
    found = referral_value.referral_value(PEOPLE, None, currency="CNY")
    assert said(found.sentence) == "What referrals bring cannot be told: there is no list of referrals."
    assert found.half_sentence is None
    nobody = said(referral_value.referral_value(PEOPLE.iloc[:0], LIST, currency="CNY").sentence)
    assert "0 %" in nobody and "nan" not in nobody


def test_no_person_stands_in_what_is_published():
    found = gate.seen(referral_value.referral_value(PEOPLE, LIST, currency="CNY"), 20)
    assert not set(found.groups.columns) & {"customer_id", "referrer_id", "referee_id"}
    assert found.groups["customers"].isna().all() and not found.difference.measurable  # sixteen and thirty
