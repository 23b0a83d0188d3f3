"""Rung 3 put together: the planted truth, what is refused and why, the grade, and odd shops without a warning."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from said import said

from loyalty_helpers.core.messages import message
from loyalty_helpers.evaluation import panel as panels
from loyalty_helpers.evaluation import till
from loyalty_helpers.evaluation.calibrated import Calibrated
from loyalty_helpers.evaluation.till import at_the_till, joiners, since_joining
from loyalty_helpers.lab import simulate

pytestmark = pytest.mark.filterwarnings("error")
DAY = pd.Timedelta(days=1)
OUTCOMES = ("orders", "spend")


@functools.cache
def shop(customers: int = 800, lift: float = 0.2, seed: int = 4, **options) -> simulate.Shop:
    return simulate.shop(customers=customers, lift=lift, seed=seed, **options)


@functools.cache
def usual(outcome: str = "orders", confidence: float = 0.95):
    base = shop()
    return at_the_till(base.orders, base.members, launched_on=base.launched_on, outcome=outcome, confidence=confidence)


@functools.cache
def sure():
    """A shop with enough of everything for grade B."""
    base = shop(1600, 0.0, 1)
    return at_the_till(base.orders, base.members, launched_on=base.launched_on)


def members_of(customers, moments) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": pd.Series(list(customers), dtype="str"),
                         "joined_at": pd.Series(pd.to_datetime(moments)).astype("datetime64[us]")})


# ---------------------------------------------------------------- the planted truth
@functools.cache
def draws(lift: float, shops: int = 28) -> pd.DataFrame:
    rows = []
    for seed in range(shops):
        one = simulate.shop(customers=900, lift=lift, seed=300 + seed)
        found = at_the_till(one.orders, one.members, launched_on=one.launched_on)
        truth = one.truth["lift_13_weeks"]
        rows.append({"error": math.log1p(found.estimate) - math.log1p(truth), "low": found.low, "high": found.high,
                     "covers": found.low <= truth <= found.high, "used": found.n_treated,
                     "cross": found.cross_check.low <= truth <= found.cross_check.high})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("lift", [0.0, 0.3])
def test_a_planted_lift_is_found(lift):
    """Bias within 2.5 standard errors of the mean; of 28 intervals that hold 95 in 100, 24 or more hold the truth."""
    found = draws(lift)
    assert abs(found["error"].mean()) < 2.5 * found["error"].std() / math.sqrt(len(found))
    assert found["error"].std() < 0.2  # the design promises widths of 35 to 49 points at this size
    assert found["covers"].sum() >= 24 and found["cross"].sum() >= 23
    assert 0.3 < (found["high"] - found["low"]).median() / (1 + lift) < 0.65
    assert (found["low"] > 0).sum() <= (2 if lift == 0 else len(found))
    assert found["used"].median() > 70


def test_a_true_lift_moves_the_estimate():
    assert draws(0.3)["low"].median() > draws(0.0)["low"].median() + 0.1
    assert (draws(0.3)["low"] > 0).sum() >= (draws(0.0)["low"] > 0).sum() + 5


# ---------------------------------------------------------------- what comes back
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_effect_says_what_it_is(outcome):
    found = usual(outcome)
    assert (found.rung, found.scope, found.unit, found.outcome) == (3, "members", "lift", outcome)
    assert found.label == till.LABELS["calibrated", outcome] and found.refused is None
    assert found.cross_check.label == till.LABELS["doubly-robust", outcome] and found.cross_check.measurable
    assert -1 < found.low < found.estimate < found.high
    assert found.n == found.n_treated == found.diagnostics["joiners_used"] > till.MIN_JOINERS
    told = found.diagnostics
    assert (found.placebo, found.placebo_low, found.placebo_high) == (told["rho"], told["rho_low"], told["rho_high"])
    assert found.placebo_low < found.placebo < found.placebo_high
    assert 0.5 < told["kappa"] < 1.5 and math.isfinite(told["beta"]) and math.isfinite(told["shift"])
    assert 0.3 <= told["tau"] <= 1 and found.ess == told["ess"] and found.n_comparison == told["comparison_orders"]
    assert len(told["balance"]) == 8 and not told["propensity"].empty
    assert found.cross_check.n_treated == found.n_treated


def test_all_members_are_used_or_set_aside_for_a_reason():
    base, found = shop(), usual()
    told = found.diagnostics
    assert told["joiners_used"] + sum(told["set_aside"].values()) == base.members["customer_id"].nunique()
    assert all(f"{number} {said(panels.aside(why))}" in said(found.note) for why, number in told["set_aside"].items())
    status = joiners(base.frames, launched_on=base.launched_on)
    assert (status == panels.USABLE).sum() == told["joiners_used"]


def test_more_confidence_is_a_wider_interval():
    for outcome in OUTCOMES:
        effects = [usual(outcome, confidence) for confidence in (0.8, 0.95, 0.99)]
        for one in (effects, [effect.cross_check for effect in effects]):
            assert one[0].estimate == one[1].estimate == one[2].estimate
            assert one[2].low < one[1].low < one[0].low < one[0].estimate < one[0].high < one[1].high < one[2].high
            assert [effect.confidence for effect in one] == [0.8, 0.95, 0.99]


@pytest.mark.parametrize("weeks", [4, 8])
def test_a_shorter_follow_up_uses_more_joiners(weeks):
    base = shop()
    found = at_the_till(base.orders, base.members, launched_on=base.launched_on, follow_up_weeks=weeks)
    assert found.n_treated > usual().n_treated and found.estimate != usual().estimate
    assert found.diagnostics["joiners_used"] + sum(found.diagnostics["set_aside"].values()) == len(base.members)


def test_nothing_is_changed_and_the_same_comes_out_again():
    base = shop()
    copies = base.orders.copy(deep=True), base.members.copy(deep=True)
    again = at_the_till(base.orders.sample(frac=1, random_state=0), base.members.sample(frac=1, random_state=0),
                        launched_on=base.launched_on)
    pd.testing.assert_frame_equal(base.orders, copies[0])
    pd.testing.assert_frame_equal(base.members, copies[1])
    assert (again.low, again.estimate, again.high) == (usual().low, usual().estimate, usual().high)
    assert again.cross_check.estimate == usual().cross_check.estimate


def test_plain_frames_are_enough():
    base = shop()
    plain = base.orders[["customer_id", "ordered_at", "amount"]]
    found = at_the_till(plain, base.members[["customer_id", "joined_at"]], launched_on=base.launched_on)
    assert found.estimate == usual().estimate


def test_doubling_all_amounts_leaves_the_lift_of_spending():
    base = shop()
    twice = at_the_till(base.orders.assign(amount=2 * base.orders["amount"]), base.members,
                        launched_on=base.launched_on, outcome="spend")
    for one, other in ((twice, usual("spend")), (twice.cross_check, usual("spend").cross_check)):
        assert (one.low, one.estimate, one.high) == pytest.approx((other.low, other.estimate, other.high), rel=1e-6)


def test_the_hour_of_joining_and_of_orders_does_not_matter():
    """The day of the joining order, its exact time, or the end of that day: the same week."""
    base = shop()
    exact = base.members["joined_at"].dt.normalize()
    orders = base.orders.assign(ordered_at=base.orders["ordered_at"].dt.normalize() + pd.Timedelta(minutes=1))
    for offset in (pd.Timedelta(0), pd.Timedelta(hours=13), pd.Timedelta(hours=23, minutes=59)):
        found = at_the_till(orders, base.members.assign(joined_at=exact + offset), launched_on=base.launched_on)
        assert found.estimate == usual().estimate


def test_by_weeks_since_joining():
    base = shop()
    table = since_joining(base.orders, base.members, launched_on=base.launched_on)
    assert list(table.columns) == ["first", "last", "estimate", "low", "high", "joiners"]
    assert table[["first", "last"]].to_numpy().tolist() == [[1, 4], [5, 8], [9, 13]]
    assert (table["low"] < table["estimate"]).all() and (table["estimate"] < table["high"]).all()
    assert table["joiners"].is_monotonic_decreasing and table["joiners"].iloc[-1] == usual().n_treated
    assert table["joiners"].iloc[0] > table["joiners"].iloc[-1]
    assert table["low"].min() < usual().estimate < table["high"].max()
    spending = since_joining(base.orders, base.members, launched_on=base.launched_on, outcome="spend")
    assert (spending["joiners"] == table["joiners"]).all() and (spending["estimate"] != table["estimate"]).all()
    surer = since_joining(base.orders, base.members, launched_on=base.launched_on, confidence=0.99)
    assert (surer["low"] < table["low"]).all() and (surer["estimate"] == table["estimate"]).all()


def test_a_lift_that_fades_is_seen_to_fade():
    """Half-life of two weeks: in the first four weeks members buy more, in the last five hardly."""
    fading = shop(3000, 1.5, 8, novelty_half_life=2.0)
    table = since_joining(fading.orders, fading.members, launched_on=fading.launched_on)
    assert table["estimate"].is_monotonic_decreasing and table["low"].iloc[0] > 0.2


def test_groups_of_joiners_make_up_the_whole():
    """Everybody in one group is the whole; of two groups, the whole lies between; few in a group are no verdict."""
    base = shop()
    ids = pd.Index(usable())
    one = till.by_group(base.orders, base.members, pd.Series("all", index=ids), launched_on=base.launched_on)["all"]
    assert (one.low, one.estimate, one.high) == pytest.approx((usual().low, usual().estimate, usual().high))
    halves = till.by_group(base.orders, base.members, pd.Series(["a"] * 60 + ["b"] * (len(ids) - 60), index=ids),
                           launched_on=base.launched_on)
    assert halves["a"].n + halves["b"].n == usual().n and halves["a"].label == "a"
    low, high = sorted(effect.estimate for effect in halves.values())
    assert low < usual().estimate < high
    assert halves["a"].refused is None and "50 are needed for a verdict" in said(halves["b"].refused)
    assert all(effect.high - effect.low > usual().high - usual().low for effect in halves.values())


# ---------------------------------------------------------------- the grade
def test_enough_of_everything_is_grade_b():
    found = sure()
    assert found.grade == found.cross_check.grade == "B" and found.diagnostics["reservations"] == []
    assert found.n_treated >= 100 and found.ess >= 100 and found.diagnostics["overlap"]
    assert "Reservations" not in said(found.note)


def test_each_reservation_alone_makes_it_grade_c():
    found = sure()
    told = found.diagnostics
    broken = {
        "only 99 joiners could be used; 100 are needed": (replace(found, n_treated=99), {}),
        "the comparison is worth only 99 customers; 100 are needed": (found, {"ess": 99.4}),
        "there is no second estimate to check it by": (found, {"cross_check": False, "overlap": False}),
        "there is no calibration on the time before the launch": (found, {"kappa": math.nan, "overlap": False}),
        "everybody's buying moved by +17 % since the launch": (found, {"kappa": math.exp(0.155)}),
        "everybody's buying moved by −14 % since the launch": (found, {"kappa": math.exp(-0.155)}),
        "the two estimates contradict each other": (found, {"overlap": False}),
    }
    for words, (effect, change) in broken.items():
        assert said(*till._reservations(effect, told | change)) == words
    assert not till._reservations(replace(found, n_treated=100), told | {"ess": 100.0, "kappa": math.exp(0.149)})


def test_intervals_overlap_or_not():
    one = usual()
    assert till._overlap(one, one)
    apart = replace(one, low=one.high + 0.01, estimate=one.high + 0.02, high=one.high + 0.03)
    assert not till._overlap(one, apart) and not till._overlap(apart, one)
    assert not till._overlap(one, replace(one, estimate=math.nan))


def test_a_market_that_moved_is_grade_c():
    base = shop(1600, 0.0, 1, demand_step=0.6)
    found = at_the_till(base.orders, base.members, launched_on=base.launched_on)
    assert found.grade == "C" and found.diagnostics["kappa"] > math.exp(0.15)
    assert "everybody's buying moved by +" in said(*found.diagnostics["reservations"])


@pytest.mark.parametrize(("theta", "se"), [(-2.0, 0.01), (0.0, 5.0), (2.0, 0.01)])
def test_what_comes_out_does_not_decide_which_is_shown(monkeypatch, theta, se):
    """The calibrated one stays the headline, whatever the two say; that they contradict each other is said."""
    real = till.calibrated
    monkeypatch.setattr(till, "calibrated", lambda *args, **kwargs: replace(real(*args, **kwargs), theta=theta, se=se))
    base = shop()
    found = at_the_till(base.orders, base.members, launched_on=base.launched_on)
    assert found.label == till.LABELS["calibrated", "orders"] and found.estimate == pytest.approx(math.expm1(theta))
    contradict = "the two estimates contradict each other" in said(*found.diagnostics["reservations"])
    assert contradict is (se < 1) and found.diagnostics["overlap"] is not contradict
    assert ("look for another cause" in said(found.note)) is (found.estimate > 0.3)


def test_without_the_calibrated_one_the_other_is_the_headline(monkeypatch):
    monkeypatch.setattr(till, "calibrated", lambda *args, **kwargs: Calibrated(refused=message("till-no-list")))
    base = shop()
    found = at_the_till(base.orders, base.members, launched_on=base.launched_on)
    assert found.label == till.LABELS["doubly-robust", "orders"] and found.refused is None and found.grade == "C"
    assert said(found.cross_check.refused) == "there is no member list" and not found.cross_check.measurable
    assert found.estimate == usual().cross_check.estimate


def test_few_comparable_buyers_are_no_verdict(monkeypatch):
    real = till.doubly_robust
    monkeypatch.setattr(till, "doubly_robust", lambda *args, **kwargs: replace(real(*args, **kwargs), ess=29.0))
    base = shop()
    found = at_the_till(base.orders, base.members, launched_on=base.launched_on)
    assert "worth only 29 customers; 30 are needed for a verdict" in said(found.refused)
    assert found.measurable and found.low < found.estimate < found.high


# ---------------------------------------------------------------- odd shops: a reason, never a traceback or a warning
@functools.cache
def usable() -> list[str]:
    status = joiners(shop().frames, launched_on=shop().launched_on)
    return sorted(status.index[status == panels.USABLE])


def _joined(customers, at):
    return members_of(customers, [at] * len(customers))


def _early(base, weeks):
    return base.orders[base.orders["ordered_at"] >= pd.Timestamp(base.launched_on) - 7 * weeks * DAY]


def _with_refunds(orders, share):
    again = orders[~orders["is_refund"]].sample(frac=share, random_state=1)
    return pd.concat([orders, again.assign(amount=-5 * again["amount"], is_refund=True,
                                           order_id="again " + again["order_id"])])


@functools.cache
def odd_shops() -> dict:
    """Name -> orders, members, launch, and what the reason says where there is one in both outcomes."""
    base = shop()
    orders, members, launch = base.orders, base.members, base.launched_on
    start, first, last = pd.Timestamp(launch), orders["ordered_at"].min(), orders["ordered_at"].max()
    bought = orders.dropna(subset=["customer_id"]).groupby("customer_id")["ordered_at"].min()
    since = orders[orders["ordered_at"] >= start].dropna(subset=["customer_id"]).groupby("customer_id")[
        "ordered_at"].min()
    rng = np.random.default_rng(0)
    few = members[members["customer_id"].isin(usable()[:30])]
    nobody, none, unmatched = "nobody has a date of joining", "no order carries a customer id", "0 usable joiners; 50"
    anonymous = orders.assign(customer_id=pd.Series(pd.NA, index=orders.index, dtype="str"))
    before = orders["ordered_at"] < start

    def later(days: int) -> pd.DataFrame:
        return members.assign(joined_at=members["joined_at"] + days * DAY)

    return {
        "no members": (orders, members.iloc[:0], launch, nobody),
        "no members, no types": (orders, pd.DataFrame(columns=["customer_id", "joined_at"]), launch, nobody),
        "no members, no columns": (orders, pd.DataFrame(), launch, nobody),
        "no dates": (orders, members.assign(joined_at=pd.NaT), launch, nobody),
        "no orders": (orders.iloc[:0], members, launch, none),
        "all anonymous": (anonymous, members, launch, none),
        "30 joiners": (orders, few, launch, "30 usable joiners; 50 are needed for a verdict"),
        "all before the launch": (orders, members.assign(joined_at=start - 9 * DAY), launch, unmatched),
        "unknown members": (orders, _joined([f"u{i}" for i in range(200)], start + 9 * DAY), launch, unmatched),
        "joined in the future": (orders, later(4000), launch, unmatched),
        "joins away from orders": (orders, _joined(since.index[since > start + 60 * DAY], start + 3 * DAY), launch,
                                   unmatched),
        "joins at any time": (orders, members.assign(joined_at=start + rng.integers(0, 200, len(members)) * DAY),
                              launch, "are needed for a verdict"),
        "launch three weeks ago": (orders, _joined(members["customer_id"], last - 9 * DAY), (last - 21 * DAY).date(),
                                   unmatched),
        "launch before the first order": (orders, members, (first - 30 * DAY).date(), "0 whole weeks of orders before"),
        "launch after the last order": (orders, members, (last + 30 * DAY).date(), unmatched),
        "launch far away": (orders, members, date(2031, 1, 1), unmatched),
        "one customer": (orders[orders["customer_id"] == few["customer_id"].iloc[0]], members, launch, "are needed"),
        "one order": (orders.head(1).assign(customer_id="x"), members, launch, unmatched),
        "everybody joins at the first order since": (orders, members_of(since.index, since.to_numpy()), launch,
                                                     "0 orders of customers who did not join; 20 are needed"),
        "everybody joins": (orders, members_of(bought.index, np.maximum(bought, start).to_numpy()), launch,
                            "0 orders of customers who did not join; 20 are needed"),
        "one week before": (_early(base, 1), members, launch, "1 whole week of orders before the launch; 52"),
        "40 weeks before": (_early(base, 40), members, launch, "40 whole weeks of orders before the launch; 52"),
        "60 weeks before": (_early(base, 60), members, launch, None),
        "duplicate members": (orders, pd.concat([members, later(20)]), launch, None),
        "constant amounts": (orders.assign(amount=np.where(orders["is_refund"], -9.0, 9.0)), members, launch, None),
        "free orders": (orders.assign(amount=0.0), members, launch, None),
        "free since the launch": (orders.assign(amount=orders["amount"].where(before, 0.0)), members, launch, None),
        "free before the launch": (orders.assign(amount=orders["amount"].where(~before, 0.0)), members, launch, None),
        "some large refunds": (_with_refunds(orders, 0.1), members, launch, None),
        "refunds above all orders": (_with_refunds(orders, 0.5), members, launch, None),
        "60 customers": (shop(60).orders, shop(60).members, shop(60).launched_on, "usable joiner"),
    }


def sound(effect) -> bool:
    if not effect.measurable:
        return said(effect.note).startswith(said(effect.refused)) and math.isnan(effect.low)
    return -1 < effect.low <= effect.estimate <= effect.high < math.inf


@pytest.mark.parametrize("name", odd_shops())
def test_odd_shops_get_a_reason_or_an_interval(name):
    orders, members, launch, why = odd_shops()[name]
    for outcome in OUTCOMES:
        found = at_the_till(orders, members, launched_on=launch, outcome=outcome)
        assert sound(found) and (found.cross_check is None or sound(found.cross_check))
        assert (why or "") in said(found.refused) and (why is None or found.grade == "C")
        assert why is not None or outcome == "spend" or found.refused is None
        for words in (said(found), said(found.note), *([said(found.cross_check)] if found.cross_check else [])):
            assert "nan" not in words and "inf " not in words and "  " not in words and "-" not in words[:1]
        table = since_joining(orders, members, launched_on=launch, outcome=outcome)
        assert (table["low"] <= table["estimate"]).all() and (table["estimate"] <= table["high"]).all()


@pytest.mark.parametrize("name", ["free orders", "free before the launch", "refunds above all orders"])
def test_spending_that_cannot_be_compared_is_said_to_be_too_little(name):
    orders, members, launch, _ = odd_shops()[name]
    calibrated = at_the_till(orders, members, launched_on=launch, outcome="spend")
    calibrated = calibrated if calibrated.label == till.LABELS["calibrated", "spend"] else calibrated.cross_check
    assert said(calibrated.refused) == "too little spending before the launch to measure a lift"


def test_net_refunds_since_the_launch_are_no_spending_to_compare():
    """Minus over minus would be a lift."""
    base = shop()
    since = base.orders["ordered_at"] >= pd.Timestamp(base.launched_on)
    orders = base.orders.assign(amount=base.orders["amount"].where(~since, -base.orders["amount"]))
    found = at_the_till(orders, base.members, launched_on=base.launched_on, outcome="spend")
    found = found if found.label == till.LABELS["calibrated", "spend"] else found.cross_check
    assert said(found.refused) == "too little spending since the launch to measure a lift"


def test_constant_amounts_spend_as_they_order():
    orders, members, launch, _ = odd_shops()["constant amounts"]
    orders = orders[~orders["is_refund"]]
    one, other = (at_the_till(orders, members, launched_on=launch, outcome=outcome) for outcome in OUTCOMES)
    assert (one.low, one.estimate, one.high) == pytest.approx((other.low, other.estimate, other.high), abs=1e-6)


def test_members_listed_twice_count_once_from_their_first_day():
    orders, members, launch, _ = odd_shops()["duplicate members"]
    assert at_the_till(orders, members, launched_on=launch).estimate == usual().estimate


def test_a_year_before_the_launch_gives_the_other_estimator_at_grade_c():
    orders, members, launch, _ = odd_shops()["60 weeks before"]
    found = at_the_till(orders, members, launched_on=launch)
    assert found.label == till.LABELS["doubly-robust", "orders"] and found.grade == "C" and found.measurable
    assert said(found.cross_check.refused) == "60 whole weeks of orders before the launch; 75 are needed"
    assert {"doubt-alone", "doubt-uncalibrated"} <= {one.key for one in found.diagnostics["reservations"]}
    assert since_joining(orders, members, launched_on=launch).empty


def test_thirty_joiners_have_an_interval_but_no_verdict():
    orders, members, launch, _ = odd_shops()["30 joiners"]
    found = at_the_till(orders, members, launched_on=launch)
    assert found.n_treated == 30 and found.high - found.low > usual().high - usual().low
    assert "not to be relied on (30 usable joiners; 50 are needed for a verdict)" in said(found)
    assert said(found.note).startswith("30 joiners used.")


@pytest.mark.parametrize("joined", [49, 50])
def test_fifty_joiners_are_enough_for_a_verdict(joined):
    base = shop()
    members = base.members[base.members["customer_id"].isin(usable()[:joined])]
    found = at_the_till(base.orders, members, launched_on=base.launched_on)
    assert found.n_treated == joined and (found.refused is None) is (joined == 50 and found.ess >= till.MIN_ESS)


# ---------------------------------------------------------------- very many customers
def test_of_very_many_customers_some_are_drawn_and_the_note_says_so(monkeypatch):
    base = shop()
    seen = base.orders["customer_id"].nunique()
    monkeypatch.setattr(panels, "MOST_CUSTOMERS", 500)
    monkeypatch.setattr(till, "MOST_CUSTOMERS", 500)
    found, again = (at_the_till(base.orders, base.members, launched_on=base.launched_on) for _ in range(2))
    assert found.estimate == again.estimate != usual().estimate
    assert f"500 of {seen} customers were drawn by lot" in said(found.note)
    assert f"{100 * (1 - math.sqrt(500 / seen)):.0f} % narrower" in said(found.note)
    assert found.diagnostics["customers_seen"] == seen and "drawn by lot" not in said(usual().note)
    aside = found.diagnostics["set_aside"]
    assert aside["not-drawn"] > 0 and "no-order" not in aside
    assert found.n_treated + sum(aside.values()) == len(base.members)


def test_dates_texts_and_zones_are_times_on_the_wall_clock():
    shop = simulate.shop(customers=500, seed=3)
    plain = at_the_till(shop.orders, shop.members, launched_on=shop.launched_on)
    zoned = shop.orders.assign(ordered_at=shop.orders["ordered_at"].dt.tz_localize("Asia/Shanghai"))
    days = shop.members.assign(joined_at=shop.members["joined_at"].dt.date)[["customer_id", "joined_at"]]
    texts = shop.orders.assign(ordered_at=shop.orders["ordered_at"].astype(str))
    for orders, members in ((zoned, shop.members), (texts, days), (zoned, days)):
        found = at_the_till(orders, members, launched_on=f"{shop.launched_on:%Y-%m-%d}")
        assert (found.estimate, found.low, found.high) == (plain.estimate, plain.low, plain.high)
    numbers = [frame.assign(customer_id=frame["customer_id"].str[1:].astype(int))
               for frame in (shop.orders, shop.members)]
    text = numbers[1].assign(customer_id=numbers[1]["customer_id"].astype(str))
    assert at_the_till(numbers[0], text, launched_on=shop.launched_on).n_treated == plain.n_treated
    assert said(at_the_till(shop.orders, None, launched_on=shop.launched_on).refused) == "there is no member list"


@pytest.mark.parametrize(("change", "said"), [
    ({"orders": "amount"}, "orders has no column amount; it has"),
    ({"members": "joined_at"}, "members has no column joined_at"),
    ({"outcome": "revenue"}, "one of orders, spend"),
    ({"confidence": 95}, "a share such as 0.95"),
])
def test_what_cannot_be_asked_is_said_so(change, said):
    shop = simulate.shop(customers=60, seed=3)
    asked = {"orders": shop.orders, "members": shop.members, "launched_on": shop.launched_on}
    asked |= {name: asked[name].drop(columns=value) if name in asked else value for name, value in change.items()}
    with pytest.raises(ValueError, match=said):
        at_the_till(asked.pop("orders"), asked.pop("members"), **asked)
