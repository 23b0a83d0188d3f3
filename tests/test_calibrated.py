"""The history-calibrated estimator: the same numbers as a second, naive writing of it, and its parts one by one."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from reference_3a import CHOICES, dense, interval_se, reference, refitted
from said import said
from scipy import stats

from loyalty_helpers.evaluation import calibrated as steps
from loyalty_helpers.evaluation.calibrated import _fit_score, calibrated, model
from loyalty_helpers.evaluation.panel import GROUPS, NEVER, panel, trials
from loyalty_helpers.lab import simulate

SHOPS = {  # customers, lift, scenario
    "mixed": (300, 0.0), "strong latent": (450, 0.3), "joining away from the till": (600, 0.0),
    "hidden appetite": (600, 0.15)}
warnings_are_errors = pytest.mark.filterwarnings("error")


@functools.cache
def shop(name: str) -> simulate.Shop:
    customers, lift = SHOPS[name]
    return simulate.shop(customers=customers, lift=lift, seed=len(name), guests=0.05, **simulate.SCENARIOS[name])


@functools.cache
def seen(name: str):
    return panel(shop(name).orders, shop(name).members, launched_on=shop(name).launched_on)


@functools.cache
def world(name: str) -> dict:
    return dense(shop(name).orders, shop(name).members, shop(name).launched_on)


# ---------------------------------------------------------------- against the naive writing
@warnings_are_errors
@pytest.mark.parametrize("outcome", ["orders", "spend"])
@pytest.mark.parametrize("name", SHOPS)
def test_the_naive_writing_gives_the_same_numbers(name, outcome):
    found, wanted = calibrated(seen(name), outcome=outcome), reference(world(name), outcome=outcome)
    assert found.refused is None
    assert len(found.joiners) == wanted["n"] and found.steadiness == pytest.approx(wanted["tau"], abs=1e-12)
    for what in ("theta", "kappa", "beta", "shift"):
        assert getattr(found, what) == pytest.approx(wanted[what], abs=1e-6), what


@pytest.mark.parametrize("spell", [(1, 4), (5, 8), (9, 13)])
def test_the_naive_writing_gives_the_same_numbers_for_each_spell(spell):
    for name, outcome in (("strong latent", "orders"), ("mixed", "spend")):
        found, wanted = (calibrated(seen(name), follow_up=spell, outcome=outcome),
                         reference(world(name), spell=spell, outcome=outcome))
        assert len(found.joiners) == wanted["n"]
        assert (found.theta, found.kappa, found.beta) == pytest.approx(
            (wanted["theta"], wanted["kappa"], wanted["beta"]), abs=1e-6)


def test_the_standard_error_has_three_parts(monkeypatch):
    whole = calibrated(seen("strong latent"))
    monkeypatch.setattr(steps, "JACKKNIFE_FACTOR", 0.0)
    rest = calibrated(seen("strong latent"))
    assert rest.se == pytest.approx(np.hypot(0.02, 0.25 * whole.shift), rel=1e-9)
    monkeypatch.undo()
    n = len(whole.joiners)
    jackknife = np.sqrt((whole.se**2 - rest.se**2) * (n - 4) / n) / 1.08
    again = refitted(world("strong latent"), seen("strong latent").group)
    assert interval_se(jackknife, n, whole.shift) == pytest.approx(whole.se)
    assert jackknife == pytest.approx(again, rel=0.02)


@pytest.mark.parametrize(("name", "outcome", "score_too", "within"), [
    ("strong latent", "spend", False, 0.06), ("joining away from the till", "orders", False, 0.02),
    ("mixed", "orders", True, 0.06)])
def test_one_newton_step_is_as_good_as_fitting_again(name, outcome, score_too, within):
    """Standard errors from 40 full refits; with the score and its scaling refitted too, a little wider."""
    found = calibrated(seen(name), outcome=outcome)
    again = refitted(world(name), seen(name).group, outcome=outcome, score_too=score_too)
    assert found.se == pytest.approx(interval_se(again, len(found.joiners), found.shift), rel=within)


def test_readings_the_description_leaves_open_hardly_matter():
    """A linear grid for the prior, and the overdispersion from all rows before the launch."""
    linear = np.linspace(0.5, 6, 12), np.linspace(4, 45, 12)
    for name in ("strong latent", "hidden appetite"):
        found = calibrated(seen(name))
        for reading in ({"grid": linear}, {"own_counts_on": "pre"}):
            assert set(reading) <= set(CHOICES)
            assert reference(world(name), **reading)["theta"] == pytest.approx(found.theta, abs=0.1 * found.se)


def test_the_interval_is_student_t_on_the_log_scale():
    found = calibrated(seen("mixed"))
    assert found.degrees == len(found.joiners) - 1 < GROUPS - 1
    low, high = found.interval(0.9)
    reach = stats.t.ppf(0.95, found.degrees) * found.se
    assert np.log1p([low, high]) == pytest.approx([found.theta - reach, found.theta + reach])
    many = calibrated(seen("hidden appetite"))
    assert len(many.joiners) > GROUPS and many.degrees == GROUPS - 1


def test_joiners_seen_over_expected_is_the_lift():
    for outcome in ("orders", "spend"):
        found = calibrated(seen("strong latent"), outcome=outcome)
        assert np.log(found.joiners["seen"].sum() / found.joiners["expected"].sum()) == pytest.approx(found.theta)
    assert (found.joiners["expected"] > 0).all() and found.joiners["joins"].all()


# ---------------------------------------------------------------- what must not matter
def test_members_from_before_the_launch_are_in_no_comparison():
    """Without their orders nothing changes but the groups."""
    name, base = "hidden appetite", shop("hidden appetite")
    early = base.orders["customer_id"].dropna().unique()[:30]
    before = pd.Timestamp(base.launched_on) - pd.Timedelta(days=50)
    members = base.members[~base.members["customer_id"].isin(early)]
    added = pd.DataFrame({"customer_id": pd.Series(early, dtype="str"), "joined_at": before}).astype(
        {"joined_at": "datetime64[us]"})
    ends = base.orders["ordered_at"].isin([base.orders["ordered_at"].min(), base.orders["ordered_at"].max()])
    anonymous = base.orders.assign(customer_id=base.orders["customer_id"].where(
        ~base.orders["customer_id"].isin(early) & ~ends))
    launch = base.launched_on
    with_them = calibrated(panel(base.orders.assign(customer_id=base.orders["customer_id"].where(~ends)),
                                 pd.concat([members, added]), launched_on=launch))
    without = calibrated(panel(anonymous, members, launched_on=launch))
    assert seen(name).weeks == panel(anonymous, members, launched_on=launch).weeks
    assert with_them.theta == pytest.approx(without.theta, abs=1e-9)
    assert with_them.kappa == pytest.approx(without.kappa, abs=1e-9)


def test_spend_does_not_depend_on_the_currency():
    base = shop("strong latent")
    one = calibrated(seen("strong latent"), outcome="spend")
    for factor in (2.0, 1e-3, 1e5):
        other = calibrated(panel(base.orders.assign(amount=base.orders["amount"] * factor), base.members,
                                 launched_on=base.launched_on), outcome="spend")
        assert (other.theta, other.se, other.kappa) == pytest.approx((one.theta, one.se, one.kappa), rel=1e-6)
        assert other.joiners["expected"].sum() == pytest.approx(factor * one.joiners["expected"].sum(), rel=1e-6)


def test_spend_of_a_constant_amount_is_orders():
    base = shop("strong latent")
    plain = base.orders[~base.orders["is_refund"]].assign(amount=7.5)
    flat = panel(plain, base.members, launched_on=base.launched_on)
    one, other = (calibrated(flat, outcome=outcome) for outcome in ("orders", "spend"))
    assert (one.theta, one.se, one.beta) == pytest.approx((other.theta, other.se, other.beta), abs=1e-7)


def test_orders_after_the_follow_up_and_the_joining_order_itself_do_not_count():
    """Further orders of joiners in their week of joining, or once they have been followed, leave the lift as it is."""
    base, one = shop("mixed"), calibrated(seen("mixed"))
    rows = one.joiners
    ids, week = seen("mixed").ids[rows["customer"]], rows["week"].to_numpy()
    start = pd.Timestamp(base.launched_on)
    moments = start + pd.to_timedelta(7 * (week - seen("mixed").launch) + 3.5, unit="D")
    for later, same in ((0, False), (14, True)):  # a week after the 13: nothing that is used lies there for joiners
        more = pd.DataFrame({"order_id": [f"x{i}" for i in range(len(ids))], "customer_id": pd.Series(ids, dtype="str"),
                             "ordered_at": moments + pd.Timedelta(days=7 * later), "amount": 5.0, "is_refund": False})
        more = more[more["ordered_at"] < base.orders["ordered_at"].max()]
        orders = pd.concat([base.orders, more.astype({"ordered_at": "datetime64[us]"})], ignore_index=True)
        other = calibrated(panel(orders, base.members, launched_on=base.launched_on))
        assert other.joiners["seen"].sum() == rows["seen"].sum()
        assert (other.theta == pytest.approx(one.theta, abs=1e-9)) is same  # an order more in the week is history


# ---------------------------------------------------------------- the parts
def test_the_score_finds_the_prior_it_was_drawn_from():
    rng = np.random.default_rng(0)
    n, shape, exposure = 60_000, steps.SHAPES[5], steps.EXPOSURES[6]
    rate = rng.gamma(shape, 1 / exposure, n)
    e = rng.integers(1, 103, n)
    halves = rng.poisson(13 * rate), rng.poisson(13 * rate)
    rows = pd.DataFrame({"k": rng.poisson(rate * e), "e": e, "te": e + 1, "c13": halves[0], "c26": sum(halves)})
    score = _fit_score(rows, rng.poisson(13 * rate), None)
    assert score.tau == pytest.approx(1, abs=0.02)
    assert abs(np.log(score.shape / shape)) < 0.3 and abs(np.log(score.exposure / exposure)) < 0.3
    wanted = np.log(rate)  # the posterior mean is right on average, with the spread the posterior variance says
    assert np.mean(score.mean(rows) - wanted) == pytest.approx(0, abs=0.03)
    assert np.var(score.mean(rows) - wanted) == pytest.approx(score.variance(rows).mean(), rel=0.05)
    twice = rows.assign(c13=2 * halves[0], c26=2 * sum(halves))
    assert _fit_score(twice, rng.poisson(13 * rate), None).tau == pytest.approx(0.5, rel=0.03)


@warnings_are_errors
def test_models_solve_their_equations_and_leave_groups_out():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(800), rng.normal(size=(800, 3))])
    group = pd.Series(rng.integers(0, GROUPS, 800))
    eta = x @ [-1, 0.5, -0.3, 0.2]
    offset = rng.normal(size=800)
    penalty = 1e-3 * 800 * np.array([0, 1, 1, 1])
    for link, y, mean in (
            ("log", rng.poisson(np.exp(eta + offset)), lambda b: np.exp(x @ b + offset)),
            ("logit", rng.binomial(1, 1 / (1 + np.exp(-eta - offset))), lambda b: 1 / (1 + np.exp(-(x @ b + offset))))):
        found = model(x, y, group, link=link, offset=offset)
        assert x.T @ (y - mean(found.coef)) - penalty * found.coef == pytest.approx(np.zeros(4), abs=1e-6)
        assert found.coef == pytest.approx([-1, 0.5, -0.3, 0.2], abs=0.3)
        assert found.without.shape == (GROUPS, 4)
        kept = (group != 7).to_numpy()
        again = model(x[kept], y[kept], group[kept], link=link, offset=offset[kept])
        # (the ridge of the smaller sample is smaller by that share)
        assert found.without[7] == pytest.approx(again.coef, abs=3e-3)
        assert np.abs(found.without[7] - found.coef).max() > 3e-3


@warnings_are_errors
def test_time_at_risk_ends_at_the_next_order_or_joining():
    """Ten weeks, the end of the data, the next order, or joining away from an order."""
    orders = pd.DataFrame({"customer_id": list("aabbbcd"), "week": [30, 33, 30, 33, 36, 30, 56]})
    start = pd.Timestamp("2024-01-01")
    orders = pd.concat([orders, pd.DataFrame({"customer_id": ["z", "z"], "week": [0, 59]})])
    orders = orders.assign(ordered_at=start + pd.to_timedelta(7 * orders["week"] + 6, unit="D"), amount=3.0)
    orders.loc[orders["week"] == 0, "ordered_at"] = start
    members = pd.DataFrame({"customer_id": list("ab"), "joined_at": start + pd.to_timedelta([7 * 32, 7 * 33 + 6], "D")})
    shop = panel(orders, members, launched_on=(start + pd.Timedelta(days=7 * 28)).date())
    rows = trials(shop)
    for outcome, unit in (("orders", 1), ("spend", 3.0)):
        weeks, came = steps._to_next_order(shop, rows, shop.weeks - 1, outcome)
        found = dict(zip(zip(shop.ids[rows["customer"]], rows["week"], strict=True), zip(weeks, came, strict=True),
                         strict=True))
        assert found == {("a", 30): (2, 0), ("b", 30): (3, unit), ("b", 33): (3, unit), ("c", 30): (10, 0),
                         ("d", 56): (3, 0)}


# ---------------------------------------------------------------- refusals
@warnings_are_errors
def test_too_little_is_refused_with_what_is_needed():
    whole = seen("mixed")
    assert "of orders before the launch; 75 are needed" in said(calibrated(replace(whole, launch=70)).refused)
    nobody = replace(whole, joined=np.full(len(whole.ids), NEVER))
    assert "0 usable joiners; 8 are needed" in said(calibrated(nobody).refused)
    kept = calibrated(whole).joiners["customer"].to_numpy()
    for joiners, refused in ((7, True), (8, False)):
        joined = np.full(len(whole.ids), NEVER)
        joined[kept[:joiners]] = whole.joined[kept[:joiners]]
        found = calibrated(replace(whole, joined=joined))
        assert (found.refused is not None and said(found.refused).startswith("7 usable")) is refused
        assert np.isnan(found.theta) is np.bool_(refused)
    theirs = np.isin(whole.customer, kept) & (whole.week >= whole.joined[whole.customer])
    alone = calibrated(replace(whole, orders=np.where(theirs | (whole.week < whole.launch), whole.orders, 0)))
    assert said(alone.refused) == "0 orders of customers who did not join; 20 are needed"
    unlearned = calibrated(replace(whole, orders=np.where(whole.week >= whole.launch - 13, whole.orders, 0),
                                   first=np.zeros_like(whole.first)))
    assert "100 are needed" in said(unlearned.refused)


def test_the_number_of_weeks_before_the_launch_decides():
    """75 whole weeks are enough, 74 are not."""
    name = "mixed"
    base = shop(name)
    start = pd.Timestamp(base.launched_on)
    for weeks, refused in ((75, False), (74, True)):
        orders = base.orders[base.orders["ordered_at"] >= start - pd.Timedelta(days=7 * weeks)]
        orders = pd.concat([orders, orders.head(1).assign(ordered_at=start - pd.Timedelta(days=7 * weeks),
                                                          order_id="first", customer_id="first")])
        found = calibrated(panel(orders, base.members, launched_on=base.launched_on))
        assert ("75 are needed" in said(found.refused)) is refused
