"""The doubly robust comparison at the till: known answers, planted truths, and shops that cannot tell."""

from __future__ import annotations

import math
import time
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import said

from loyalty_helpers.evaluation import doubly_robust as dr
from loyalty_helpers.evaluation.panel import panel
from loyalty_helpers.lab import simulate

LAUNCH = date(2025, 3, 3)
NUMBERS = ["estimate", "low", "high", "log_se_influence", "log_se_jackknife", "rho", "rho_low", "rho_high", "ess",
           "largest_share", "n_treated", "n_comparison"]


def shop_of(seed: int, *, scenario: str = "mixed", **options) -> simulate.Shop:
    return simulate.shop(seed=seed, **{**simulate.SCENARIOS[scenario], **options})


def lift_of(shop: simulate.Shop, *, orders: pd.DataFrame | None = None, members: pd.DataFrame | None = None,
            **options) -> dr.DoublyRobust:
    return dr.doubly_robust(panel(shop.orders if orders is None else orders,
                                  shop.members if members is None else members, launched_on=shop.launched_on),
                            **options)


def numbers_of(result: dr.DoublyRobust, names: list[str] = NUMBERS) -> list[float]:
    return [getattr(result, name) for name in names]


@pytest.fixture(scope="module")
def shop() -> simulate.Shop:
    return shop_of(7)


# ---------------------------------------------------------------- the general estimator
def test_effect_and_error_by_hand():
    """x = 0: treated 5, others 1 and 3; x = 1: treated 8 and 10, others 4 and 6.

    The models are saturated: m(0) = 2, m(1) = 5, odds 1/2 and 1. ATT = (3 + 3 + 5) / 3 = 11/3; the others' residuals
    average to 0. In a saturated model nothing is lost by estimating: with share treated 3/7 the influence is
    7/3 (y - m - 11/3) of the treated, -14/9, -14/9, 28/9, and -7/3 odds (y - m) of the others, 7/6, -7/6, 7/3, -7/3.
    Its squares sum to 392/27 + 245/18 = 1519/54, so the variance of the mean is 1519/54 / (6 * 7).
    """
    x, treated = [0, 0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 1, 0, 0]
    att = dr.dr_att([5, 1, 3, 8, 10, 4, 6], treated, x, ridge=0)
    assert att.estimate == pytest.approx(11 / 3)
    np.testing.assert_allclose(att.influence, [-14 / 9, 7 / 6, -7 / 6, -14 / 9, 28 / 9, 7 / 3, -7 / 3], atol=1e-9)
    assert att.se == pytest.approx(math.sqrt(1519 / 54 / 42))
    np.testing.assert_allclose(att.weights, [0, 0.5, 0.5, 0, 0, 1, 1])
    assert (att.ess, att.beyond) == (pytest.approx(3**2 / 2.5), 0)
    tiny = dr.dr_att([5, 1, 3, 8, 10, 4, 6], treated, x)
    assert (tiny.estimate, tiny.se) == (pytest.approx(att.estimate, rel=1e-5), pytest.approx(att.se, rel=1e-4))


ROW = np.arange(24)
SIZE = (7 * ROW % 24) / 10
TREATED = (3 + (SIZE > 1.2) > (5 * ROW + ROW // 5) % 7).astype(float)
CHANGE = np.round(1 + 0.8 * SIZE + 0.3 * SIZE**2 + 0.9 * TREATED + np.sin(3 * ROW), 3)


@pytest.mark.parametrize(("trim", "estimate", "se"), [(0.995, 1.0039018566492204, 0.30545960375314074),
                                                      (0.60, 1.1003917050260619, 0.35266955513934733)])
def test_effect_and_error_equal_those_of_the_authors_method(trim, estimate, se):
    """From drdid 1.1.7, which follows the authors' R package DRDID 1.4.0:

    att, f = drdid.drdid.drdid_panel(CHANGE, 0 * CHANGE, TREATED, [constant, SIZE], trim_level=trim), se from f.
    """
    att = dr.dr_att(CHANGE, TREATED, SIZE, trim=trim, ridge=0)
    assert (att.estimate, att.se) == (pytest.approx(estimate, rel=1e-9), pytest.approx(se, rel=1e-9))
    assert (att.beyond > 0) == (trim < 0.9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.floats(-50, 50), scale=st.sampled_from([-3.0, 0.5, 2.0]))
def test_effect_follows_the_units_and_not_the_order_of_rows(seed, shift, scale):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 2))
    treated = rng.random(80) < 1 / (1 + np.exp(-x[:, 0]))
    outcome = x.sum(axis=1) + rng.normal(size=80)
    att, order = dr.dr_att(outcome, treated, x), rng.permutation(80)
    other = dr.dr_att((shift + scale * outcome)[order], treated[order], (7 - 2 * x)[order])
    assert other.estimate == pytest.approx(scale * att.estimate, rel=1e-4, abs=1e-4)
    assert other.se == pytest.approx(abs(scale) * att.se, rel=1e-4)
    assert att.influence.mean() == pytest.approx(0, abs=1e-4)
    doubled = dr.dr_att(outcome, treated, np.hstack([x, x, np.ones((80, 1))]))  # collinear, and one that is constant
    assert doubled.estimate == pytest.approx(att.estimate, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("right", ["outcome", "propensity"])
def test_one_right_model_is_enough(right):
    rng = np.random.default_rng(3)
    x = rng.normal(size=20000)
    odd = np.exp(x) if right == "propensity" else x  # what the outcome follows; the models are linear in x
    index = x if right == "propensity" else x + x**2 / 2 - 1
    treated = rng.random(20000) < 1 / (1 + np.exp(1 - index))
    outcome = 2 * odd + 0.5 * treated + rng.normal(size=20000)
    att = dr.dr_att(outcome, treated, x)
    assert att.estimate == pytest.approx(0.5, abs=4 * att.se)
    assert outcome[treated].mean() - outcome[~treated].mean() > 1


def test_an_empty_arm_gives_no_effect():
    for treated in (np.zeros(5), np.ones(5)):
        assert math.isnan(dr.dr_att(np.arange(5), treated, np.zeros((5, 1))).estimate)
    nothing = dr.dr_att([], [], np.zeros((0, 2)))
    assert math.isnan(nothing.estimate) and said(dr._overlap_problem(nothing.ess, nothing.beyond)).startswith("only 0 ")


def training(*, distance: float, dip: float) -> tuple[dr.Att, dr.Att, np.ndarray]:
    """Trainees against a population survey, as in LaLonde (1986): effects on earnings after, and on those before."""
    rng = np.random.default_rng(1986)
    treated = np.repeat([1, 0], [185, 4000])
    able = rng.normal(size=treated.size) - distance * treated
    age, school = 33 + 8 * rng.normal(size=treated.size), 12 + 2 * able + rng.normal(size=treated.size)
    first, second, third = (12000 + 4000 * able + 3000 * rng.normal(size=treated.size) for _ in range(3))
    second, third = second - dip * treated, third + 1800 * treated
    return (dr.dr_att(third, treated, np.column_stack([age, school, first, second])),
            dr.dr_att(second, treated, np.column_stack([age, school, first])), treated)


def problem_of(effect: dr.Att, placebo: dr.Att) -> str:
    reach = 1.96 * placebo.se
    return said(dr._overlap_problem(effect.ess, effect.beyond,
                                   placebo=(placebo.estimate - reach, placebo.estimate + reach)))


def test_a_comparison_without_overlap_or_with_a_failed_placebo_is_refused():
    effect, placebo, _ = training(distance=1, dip=0)
    assert problem_of(effect, placebo) == ""
    assert effect.estimate == pytest.approx(1800, abs=3 * effect.se)
    effect, placebo, _ = training(distance=1, dip=2500)  # trainees come after a bad year
    assert problem_of(effect, placebo) == "the groups differed already before"
    effect, placebo, _ = training(distance=6, dip=0)
    problem = problem_of(effect, placebo)
    assert "in effect, 30 are needed" in problem and "of those who joined have no comparable buyer" in problem
    assert said(dr._overlap_problem(29.9, 0)) == "only 29 comparable buyers in effect, 30 are needed"


# ---------------------------------------------------------------- at the till
def orders_of(rows: list[tuple[str, int]]) -> pd.DataFrame:
    """Orders from (customer, week counted from the launch), on its first day."""
    customers, weeks = zip(*rows, strict=True)
    return pd.DataFrame({"customer_id": pd.Series(customers, dtype="str"), "amount": 10.0,
                         "ordered_at": pd.Timestamp(LAUNCH) + pd.to_timedelta(7 * np.array(weeks), unit="D")})


def test_lift_and_error_by_hand():
    """All order in week -104, long before, and at the till of week 0, so that no covariate differs.

    10 joiners order three times in the 13 weeks after. Of 40 others 20 join in week 5, with 2 orders up to then and 1
    after; 20 never do, with 1 order: U = 1.5, E = 0.5. Long before, joiners ordered twice and others, half and half,
    once or twice: rho = 4/3. So 1 + d = (3 - 4/3 / 2) / (4/3 * 3/2) = 7/6. Among others, a = +-1 for joining later
    and b = +-1 for two early orders move U and E by a/2 and the early orders by b/2; the influence on log(1 + d) is
    (-65 a + 45 b) / 84, and its squares sum over the 40 to 50^2 (5/42)^2.
    """
    rows = [("edge", -104), ("edge", -60)]
    joined = {}
    for i in range(50):
        customer = f"c{i}"
        rows += [(customer, week) for week in (-104, -70, 0)]
        if i < 10:
            joined[customer] = 0
            rows += [(customer, week) for week in (-50, 2, 6, 13)]
        else:
            rows += [(customer, -50)] * (i % 2) + [(customer, 2)]
            if i < 30:
                joined[customer] = 5
                rows += [(customer, 5), (customer, 8)]
    orders = orders_of(rows)
    last = orders.iloc[:1].assign(ordered_at=pd.Timestamp(LAUNCH) + pd.Timedelta(days=14 * 7 - 1))
    members = pd.DataFrame({"customer_id": pd.Series(list(joined), dtype="str"), "left_at": pd.NaT,
                            "joined_at": pd.Timestamp(LAUNCH) + pd.to_timedelta(7 * np.array(list(joined.values())),
                                                                                unit="D")})
    result = dr.doubly_robust(panel(pd.concat([orders, last]), members, launched_on=LAUNCH))
    assert (result.n_treated, result.n_comparison, result.df) == (10, 40, 9)
    assert result.ess == pytest.approx(40)
    assert result.rho == pytest.approx(4 / 3)
    assert result.estimate == pytest.approx(1 / 6)
    assert result.log_se_influence == pytest.approx(5 / 42)
    assert result.log_se == max(result.log_se_influence, result.log_se_jackknife)
    assert math.log((1 + result.high) / (1 + result.estimate)) == pytest.approx(2.262157 * result.log_se, rel=1e-5)
    assert result.largest_share == pytest.approx(1 / 40)
    assert (result.balance[["before", "after"]].abs() < 1e-9).all(axis=None)


def test_leaving_out_a_group_equals_estimating_without_it(shop):
    """But for the second Newton step; and the influence function foretells it."""
    here = panel(shop.orders, shop.members, launched_on=shop.launched_on)
    seen = {}
    original = dr._left_out

    def spy(fit, responses, group):
        seen.update(fit=fit, responses=responses, group=group)
        return original(fit, responses, group)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dr, "_left_out", spy)
        dr.doubly_robust(here)
    fit, responses, group = seen.values()
    left_out = original(fit, responses, group)
    logs, influences = dr._logs(fit, responses)
    refitted, foretold = [], []
    for one in np.unique(group):
        rest = group != one
        again = dr._propensity(fit.x[rest], fit.treated[rest], trim=fit.trim, ridge=dr.RIDGE)
        refitted.append(dr._logs(again, responses[rest])[0])
        foretold.append(logs - influences[~rest].sum(axis=0) / len(group))
    np.testing.assert_allclose(left_out, refitted, atol=0.005)
    np.testing.assert_allclose(dr._jackknife(left_out), dr._jackknife(np.array(refitted)), rtol=0.02)
    for left, linear in zip(left_out.T, np.transpose(foretold), strict=True):
        assert np.corrcoef(left, linear)[0, 1] > 0.95
        assert np.std(left) == pytest.approx(np.std(linear), rel=0.25)


def study(scenario: str, lift: float, shops: int) -> pd.DataFrame:
    results = []
    for seed in range(900, 900 + shops):
        made = shop_of(seed, scenario=scenario, lift=lift)
        result = lift_of(made)
        truth = made.truth["lift_13_weeks"]
        results.append({"error": math.log1p(result.estimate) - math.log1p(truth), "width": result.high - result.low,
                        "covers": result.low <= truth <= result.high, "claims": result.low > 0, "rho": result.rho,
                        "refused": result.refused})
    return pd.DataFrame(results)


def test_where_the_program_does_nothing_the_interval_says_so():
    results = study("mixed", 0.0, 30)
    assert abs(results["error"].mean()) < 0.075  # three standard errors
    assert results["covers"].sum() >= 26  # at 95 %, 25 or fewer has a chance of 2 %
    assert results["claims"].sum() <= 3
    assert 0.45 < results["width"].median() < 1.31
    assert (results["refused"] == "").all()


def test_a_planted_lift_is_found_though_most_of_the_comparison_joins_later():
    results = study("high joining", 0.5, 10)
    assert abs(results["error"].mean()) < 0.12
    assert results["covers"].sum() >= 8
    assert results["claims"].sum() >= 5


def test_a_latent_appetite_is_divided_out():
    results = study("strong latent", 0.0, 10)
    assert results["rho"].median() > 1.1  # without it the lift would be overstated by as much
    assert abs(results["error"].mean()) < 0.12
    assert results["covers"].sum() >= 8


def test_the_frames_stay_as_they_are_and_their_order_and_names_do_not_matter(shop):
    orders, members = shop.orders.copy(deep=True), shop.members.copy(deep=True)
    result = lift_of(shop)
    pd.testing.assert_frame_equal(shop.orders, orders)
    pd.testing.assert_frame_equal(shop.members, members)
    mixed = {"orders": orders.sample(frac=1, random_state=1), "members": members.sample(frac=1, random_state=2)}
    np.testing.assert_allclose(numbers_of(lift_of(shop, **mixed)), numbers_of(result), rtol=1e-9)
    renamed = {name: frame.assign(customer_id="Z" + frame["customer_id"].str[::-1]) for name, frame in mixed.items()}
    drawn_anew = [name for name in NUMBERS if name not in ("low", "high", "log_se_jackknife", "rho_low", "rho_high")]
    np.testing.assert_allclose(numbers_of(lift_of(shop, **renamed), drawn_anew), numbers_of(result, drawn_anew),
                               rtol=1e-7)


def test_spend_follows_the_orders_where_all_cost_the_same_and_not_the_currency(shop):
    sold = shop.orders[~shop.orders["is_refund"]]
    orders, spend = (lift_of(shop, orders=sold.assign(amount=7.0), outcome=name) for name in ("orders", "spend"))
    np.testing.assert_allclose(numbers_of(spend), numbers_of(orders), rtol=1e-9)
    yuan, cents = (lift_of(shop, orders=shop.orders.assign(amount=factor * shop.orders["amount"]), outcome="spend")
                   for factor in (1, 100))
    np.testing.assert_allclose(numbers_of(yuan), numbers_of(cents), rtol=1e-9)
    assert yuan.estimate != orders.estimate


def test_weighting_makes_the_groups_alike_and_the_descriptions_agree(shop):
    result = lift_of(shop)
    assert result.balance["before"].abs().max() > 0.3
    assert result.balance["after"].abs().max() < 0.1
    assert (result.overlap[["joiners", "others"]].diff().dropna() >= 0).all(axis=None)
    assert result.overlap["joiners"].iloc[3] > result.overlap["others"].iloc[3]
    assert 1 / result.comparison_customers < result.largest_share < 0.2
    assert result.ess < result.comparison_customers < result.n_comparison
    assert result.df == min(result.n_treated, result.ess) - 1
    assert result.low < result.estimate < result.high and result.rho_low < result.rho < result.rho_high
    wider = lift_of(shop, confidence=0.99)
    assert wider.low < result.low and wider.high > result.high and wider.estimate == result.estimate


def test_with_a_year_before_the_launch_shorter_windows_are_used():
    result = lift_of(shop_of(5, weeks_before=60))
    assert said(result.refused) == "" and math.isfinite(result.low) and math.isfinite(result.rho)
    assert result.balance["covariate"].eq("last-13").sum() == 2
    assert lift_of(shop_of(5)).balance["covariate"].eq("last-26").sum() == 2


@pytest.mark.parametrize(("options", "members", "why"), [
    ({}, 0, "0 usable joiners; 8 are needed"),
    ({}, 5, "5 usable joiners; 8 are needed"),
    ({"everyone": True}, None, "0 orders of buyers who did not join then; 30 are needed"),
    ({"weeks_before": 40}, None, "40 whole weeks of orders before the launch; 52 are needed"),
    ({"weeks_before": 0}, None, "0 whole weeks of orders before the launch; 52 are needed"),
    ({"weeks_after": 3}, None, "3 whole weeks of orders since the launch; 14 are needed"),
    ({"weeks_after": 0}, None, "0 whole weeks of orders since the launch; 14 are needed"),
    ({"customers": 30}, None, "3 usable joiners; 8 are needed"),
])
def test_where_too_little_is_known_there_is_a_reason_and_no_number(options, members, why):
    made = shop_of(4, **{"customers": 300, **options})
    result = lift_of(made, members=made.members.head(members))
    assert said(result.refused) == why
    assert math.isnan(result.estimate) and math.isnan(result.low)


def test_a_number_that_should_not_be_believed_says_so(shop):
    small = shop_of(2, customers=130)
    result = lift_of(small)
    assert math.isfinite(result.low) and "comparable buyers in effect, 30 are needed" in said(result.refused)
    free = lift_of(shop, orders=shop.orders.assign(amount=0.0), outcome="spend")
    assert "spent too little" in said(free.refused) and math.isnan(free.estimate)
    newcomers = shop.orders[shop.orders["ordered_at"] > shop.orders["ordered_at"].groupby(
        shop.orders["customer_id"]).transform("max") - pd.Timedelta(days=7 * 40)]
    assert isinstance(lift_of(shop, orders=newcomers), dr.DoublyRobust)  # nobody was there long before


def test_it_takes_a_tenth_of_a_second(shop):
    here = panel(shop.orders, shop.members, launched_on=shop.launched_on)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        dr.doubly_robust(here)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.1
