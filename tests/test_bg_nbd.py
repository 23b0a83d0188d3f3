import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.special import betaln

from loyalty_helpers import forecast
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.forecast import BgNbd, Nbd, bg_nbd

CDNOW = BgNbd(0.243, 4.414, 0.793, 2.426, -9582.4)


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """The 2,357 customers of the paper, weeks 1 to 39: frequency, recency, T."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.datasets import load_cdnow_summary

        return load_cdnow_summary()


def shop(n: int, model: BgNbd, *, weeks: float, ahead: float = 13.0, seed: int = 0):
    """Customers who live by the model: frequency, recency, age and purchases in the weeks after."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(model.r, 1 / model.alpha, n), rng.beta(model.a, model.b, n)
    age = rng.uniform(1, weeks, n)
    x, last, later, t, here = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, dtype=bool)
    while here.any():
        t = t + rng.exponential(1 / np.maximum(rate, 1e-12))
        here &= t < age + ahead
        seen = here & (t < age)
        x, last, later = x + seen, np.where(seen, t, last), later + (here & ~seen)
        here &= rng.random(n) >= leaves
    return x, last, age, later


# ---------------------------------------------------------------- known answers
def test_cdnow_to_the_published_digits(cdnow):
    model = forecast.fit_bg_nbd(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    assert (round(model.r, 3), round(model.alpha, 3), round(model.a, 3), round(model.b, 3)) == (
        0.243, 4.414, 0.793, 2.426)
    assert round(model.log_likelihood, 1) == -9582.4
    assert model.customers == 2357 and not model.on_bound


def test_nbd_on_cdnow_as_published(cdnow):
    model = forecast.fit_nbd(cdnow["frequency"], cdnow["T"])
    assert round(model.r, 3) == 0.385 and round(model.alpha, 2) == 12.07  # Fader, Hardie & Lee 2005, table 2
    assert round(model.log_likelihood, 1) == -9763.7


def test_a_customer_worked_out_in_the_paper():
    assert CDNOW.expected(39, 2, 30.43, 38.86)[0] == pytest.approx(1.226, abs=0.0006)
    assert CDNOW.still_customer(2, 30.43, 38.86)[0] == pytest.approx(0.727, abs=0.0006)


def test_the_archived_package_says_the_same_of_every_customer(cdnow):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import BetaGeoFitter

        oracle = BetaGeoFitter().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
        expected = oracle.conditional_expected_number_of_purchases_up_to_time(
            39, cdnow["frequency"], cdnow["recency"], cdnow["T"])
        alive = oracle.conditional_probability_alive(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    r, alpha, a, b = (float(oracle.params_[name]) for name in ("r", "alpha", "a", "b"))
    ours = BgNbd(r, alpha, a, b, 0.0)
    history = (cdnow["frequency"], cdnow["recency"], cdnow["T"])
    np.testing.assert_allclose(ours.expected(39, *history), expected, rtol=1e-6)
    np.testing.assert_allclose(ours.still_customer(*history), alive, rtol=1e-9)


# ---------------------------------------------------------------- likelihoods and formulas
def test_gradients_are_those_of_the_likelihoods():
    x, recency, age, _ = shop(200, BgNbd(0.8, 8.0, 0.7, 4.0, 0.0), weeks=80, seed=3)
    seen = bg_nbd._counted(x, recency, age)
    for at in ([0.1, -0.5, 0.3, 1.0], [-2.0, 2.0, -4.0, 3.0]):
        for objective, logs in ((bg_nbd._bg_nbd, np.array(at)), (bg_nbd._nbd, np.array(at[:2]))):
            error = check_grad(lambda p, f=objective: f(p, seen)[0], lambda p, f=objective: f(p, seen)[1], logs)
            assert error < 1e-5


def test_the_likelihood_of_two_customers_by_hand():
    """r = alpha = a = b = 1: L(0, T) = 1 / (1 + T); L(x=1) = B(1, 2) [(1 + T)^-2 + (1 + t)^-2]."""
    x, recency, age = np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([3.0, 3.0])
    seen = bg_nbd._counted(x, recency, age)
    log_alpha = np.log(1 / seen.unit)
    loss, _ = bg_nbd._bg_nbd(np.array([0.0, log_alpha, 0.0, 0.0]), seen)
    by_hand = np.log(1 / 4) + np.log(0.5 * (1 / 16 + 1 / 4))
    assert bg_nbd._unscaled(loss, seen) == pytest.approx(by_hand)


@pytest.mark.parametrize("model", [CDNOW, BgNbd(0.8, 8.0, 1.0, 4.0, 0.0), BgNbd(2.0, 0.01, 0.003, 300.0, 0.0),
                                   BgNbd(43.6, 0.157, 78.5, 2380.0, 0.0), BgNbd(29.0, 0.15, 322.0, 0.11, 0.0)])
def test_expected_purchases_are_the_mean_over_the_customers_there_might_be(model):
    """E[(1 - e^(-rate p t)) / p] over gamma(r + x, alpha + T) and beta(a, b + x), by quadrature over log-odds of p."""
    for x, age, ahead in ((0, 0.0, 13.0), (2, 38.86, 39.0), (30, 0.4, 205.0), (300, 100.0, 156.0)):
        odds = np.linspace(-40 / min(model.a, 1) - 10, 40 / min(model.b, 1) + 10, 2_000_001)
        log_p, log_q = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
        density = np.exp(model.a * log_p + (model.b + x) * log_q - betaln(model.a, model.b + x))
        p = np.maximum(np.exp(log_p), 1e-200)
        bought = -np.expm1(-(model.r + x) * np.log1p(p * ahead / (model.alpha + age)))
        by_quadrature = np.trapezoid(density * bought / p, odds)
        assert model.if_still(ahead, x, age)[0] == pytest.approx(by_quadrature, rel=1e-4)


def test_the_chance_to_buy_is_the_share_who_did():
    model = BgNbd(0.8, 6.0, 0.6, 3.0, 0.0)
    x, recency, age, later = shop(200_000, model, weeks=60, seed=5)
    for some in (x == 0, (x > 0) & (age - recency > 20), x >= 4):
        chances, orders = (method(13, x[some], recency[some], age[some]) for method in
                           (model.chance_to_buy, model.expected))
        bought = later[some]
        assert chances.mean() == pytest.approx((bought > 0).mean(), abs=4 * 0.5 / np.sqrt(some.sum()))
        assert orders.mean() == pytest.approx(bought.mean(), abs=4 * bought.std() / np.sqrt(some.sum()))


histories_ = st.tuples(st.integers(0, 400), st.floats(0, 1), st.floats(0, 600))
parameters = st.tuples(*[st.floats(-4, 5)] * 4)


@settings(max_examples=200, deadline=None)
@given(parameters, histories_, st.floats(0.1, 300))
def test_what_must_hold_for_every_customer(logs, known, horizon):
    x, part, age = known
    recency = part * age if x else 0.0
    model = BgNbd(*np.exp(logs), 0.0)
    orders, chance, still = (float(value[0]) for value in (
        model.expected(horizon, x, recency, age), model.chance_to_buy(horizon, x, recency, age),
        model.still_customer(x, recency, age)))
    assert 0 <= chance <= still <= 1
    assert -1e-9 <= orders <= float(model.rate(x, age)[0]) * horizon * (1 + 1e-6) + 1e-9
    assert orders >= chance * (1 - 1e-4) - 1e-7  # a mean count is at least the chance of one
    assert float(model.expected(2 * horizon, x, recency, age)[0]) >= orders * (1 - 1e-6) - 1e-9
    if x == 0:
        assert still == 1


# ---------------------------------------------------------------- fits
def test_fits_find_what_was_put_in():
    truth = BgNbd(0.8, 8.0, 0.7, 5.0, 0.0)
    x, recency, age, _ = shop(20_000, truth, weeks=104, seed=1)
    found = forecast.fit_bg_nbd(x, recency, age)
    assert (found.r, found.alpha) == pytest.approx((truth.r, truth.alpha), rel=0.08)
    assert found.a / (found.a + found.b) == pytest.approx(truth.a / (truth.a + truth.b), rel=0.08)


def test_the_unit_of_time_changes_nothing_but_alpha(cdnow):
    weeks = forecast.fit_bg_nbd(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    hours = forecast.fit_bg_nbd(cdnow["frequency"], cdnow["recency"] * 168, cdnow["T"] * 168)
    assert (hours.r, hours.a, hours.b, hours.alpha / 168) == pytest.approx(
        (weeks.r, weeks.a, weeks.b, weeks.alpha), rel=1e-3)
    assert hours.expected(39 * 168, 2, 30.43 * 168, 38.86 * 168) == pytest.approx(
        weeks.expected(39, 2, 30.43, 38.86), rel=1e-4)
    purchases = cdnow["frequency"].sum()
    assert hours.log_likelihood == pytest.approx(weeks.log_likelihood - purchases * np.log(168), abs=0.01)


def test_the_order_of_customers_does_not_matter(cdnow):
    some = cdnow.head(300)
    turned = some.iloc[::-1]
    one, other = (forecast.fit_bg_nbd(frame["frequency"], frame["recency"], frame["T"]) for frame in (some, turned))
    assert (one.r, one.alpha, one.a, one.b) == pytest.approx((other.r, other.alpha, other.a, other.b), rel=1e-3)


def test_where_nobody_leaves_leaving_adds_nothing():
    rng = np.random.default_rng(2)
    age = rng.uniform(5, 100, 1500)
    x = rng.poisson(rng.gamma(1.2, 0.1, 1500) * age)
    last = np.where(x > 0, age * rng.random(1500) ** (1 / np.maximum(x, 1)), 0)  # the last of x uniform moments
    leaving, plain = forecast.fit_bg_nbd(x, last, age), forecast.fit_nbd(x, age)
    assert -0.01 < leaving.log_likelihood - plain.log_likelihood < 3
    assert (plain.r, plain.alpha) == pytest.approx((1.2, 10), rel=0.15)


def test_customers_all_alike_end_on_a_bound():
    assert forecast.fit_nbd([3] * 50, [30.0] * 50).on_bound


def test_the_nbd_expects_the_shrunken_rate():
    model = Nbd(1.0, 10.0, 0.0)
    assert model.expected(13, [0, 4], [0, 1], [10, 40]) == pytest.approx([13 / 20, 13 * 5 / 50])
    assert model.chance_to_buy(10, 0, 0, 0)[0] == pytest.approx(1 - 10 / 20)
    assert model.still_customer([0, 4], [0, 1], [10, 40]).tolist() == [1, 1]


@pytest.mark.parametrize(("history", "words"), [
    (([1], [5.0], [4.0]), "after the end of the data"),
    (([1], [-1.0], [4.0]), "recency must be a number of 0 or more"),
    (([np.nan], [1.0], [4.0]), "frequency must be a number"),
    (([1.5], [1.0], [4.0]), "whole number"),
    (([0], [1.0], [4.0]), "recency must be 0"),
    (([1, 2], [1.0], [4.0]), "as many values"),
    (([], [], []), "no customer"),
    (([0], [0.0], [0.0]), "on the last day"),
])
def test_impossible_histories_are_refused(history, words):
    with pytest.raises(UserError, match=words):
        forecast.fit_bg_nbd(*history)


# ---------------------------------------------------------------- histories
def _orders(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])
    return frame.assign(order_id=[str(i) for i in range(len(frame))], is_refund=frame["amount"] < 0,
                        customer_id=frame["customer_id"].astype("str"),
                        ordered_at=pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]"))


def test_histories_by_hand():
    orders = _orders([
        ("b", "2024-01-01 10:00", 40.0), ("b", "2024-01-01 18:00", 60.0), ("b", "2024-01-15 09:00", 30.0),
        ("b", "2024-01-22 09:00", 70.0), ("b", "2024-01-23 09:00", -50.0), ("a", "2024-01-29 12:00", 20.0),
        ("a", "2024-03-01 12:00", 99.0), ("c", "2024-01-02 12:00", -5.0), (None, "2024-01-02 12:00", 7.0)])
    before = orders.copy()
    found = forecast.histories(orders, as_of=pd.Timestamp("2024-01-30").date())
    pd.testing.assert_frame_equal(orders, before)
    assert found["customer_id"].tolist() == ["a", "b"]  # c only gave back
    assert found["frequency"].tolist() == [0, 2]
    assert found["recency"].tolist() == [0, 3]
    assert found["age"].tolist() == [0, 4]
    assert found["mean_value"].iloc[1] == pytest.approx(50 * 0.75)  # a quarter of the money went back
    assert np.isnan(found["mean_value"].iloc[0])
    assert found["days_value"].tolist() == pytest.approx([20, 200 / 3 * 0.75])
    shuffled = forecast.histories(orders.sample(frac=1, random_state=1), as_of=pd.Timestamp("2024-01-30").date())
    pd.testing.assert_frame_equal(found, shuffled, check_exact=True)


def test_histories_of_cdnow_are_those_of_the_paper(cdnow):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.datasets import load_dataset

        rows = load_dataset("CDNOW_sample.txt", header=None, sep=r"\s+")
    orders = pd.DataFrame({"customer_id": rows[1].map("{:04d}".format).astype("str"), "amount": rows[4],
                           "ordered_at": pd.to_datetime(rows[2].astype(str)), "is_refund": False})
    found = forecast.histories(orders, as_of=pd.Timestamp("1997-10-01").date())
    assert found["frequency"].tolist() == cdnow["frequency"].tolist()
    assert found["recency"].to_numpy() == pytest.approx(cdnow["recency"].to_numpy(), abs=0.006)
    assert found["age"].to_numpy() == pytest.approx(cdnow["T"].to_numpy(), abs=0.006)
    model = forecast.fit_bg_nbd(found["frequency"], found["recency"], found["age"])
    assert round(model.log_likelihood, 1) == -9582.4
    later = orders[orders["ordered_at"] >= "1997-10-01"].drop_duplicates(["customer_id", "ordered_at"])
    came = later.groupby("customer_id").size().reindex(found["customer_id"], fill_value=0).to_numpy()
    expected = model.expected(39, found["frequency"], found["recency"], found["age"])
    assert came.sum() == 1882
    assert expected.sum() / came.sum() - 1 == pytest.approx(-0.121, abs=0.0006)
    assert np.sqrt(np.mean((expected - came) ** 2)) == pytest.approx(1.608, abs=0.0006)
    assert np.corrcoef(expected, came)[0, 1] == pytest.approx(0.626, abs=0.0006)
