import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from loyalty_helpers import forecast
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.forecast import GammaGamma, gamma_gamma


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

        return load_cdnow_summary_data_with_monetary_value()


def test_cdnow_to_the_published_digits(cdnow):
    model = forecast.fit_gamma_gamma(cdnow["frequency"], cdnow["monetary_value"])
    assert (round(model.p, 2), round(model.q, 2), round(model.v, 1)) == (6.25, 3.74, 15.4)
    assert model.v == pytest.approx(15.44, abs=0.01)
    assert round(model.log_likelihood, 2) == -4055.92
    assert model.customers == 946 and not model.on_bound


def test_the_archived_package_says_the_same_of_every_customer(cdnow):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import GammaGammaFitter

        again = cdnow[cdnow["frequency"] > 0]
        oracle = GammaGammaFitter().fit(again["frequency"], again["monetary_value"])
        theirs = oracle.conditional_expected_average_profit(cdnow["frequency"], cdnow["monetary_value"])
    ours = GammaGamma(*(float(oracle.params_[name]) for name in ("p", "q", "v")), 0.0)
    np.testing.assert_allclose(ours.expected_value(cdnow["frequency"], cdnow["monetary_value"]), theirs, rtol=1e-9)


def test_gradient_is_that_of_the_likelihood():
    rng = np.random.default_rng(1)
    x, value = rng.integers(1, 9, 100).astype(float), rng.gamma(2, 1, 100)
    seen = gamma_gamma.Means(x, value, *np.unique(x, return_inverse=True))
    assert check_grad(lambda p: gamma_gamma._loss(p, seen)[0], lambda p: gamma_gamma._loss(p, seen)[1],
                      np.array([0.7, 0.4, -0.2])) < 1e-5


def test_fits_find_what_was_put_in():
    rng = np.random.default_rng(4)
    x = rng.integers(1, 12, 20_000)
    scale = rng.gamma(4, 1 / 60, 20_000)  # q = 4, v = 60
    model = forecast.fit_gamma_gamma(x, rng.gamma(6 * x, 1 / (scale * x)))
    assert (model.p, model.q, model.v) == pytest.approx((6, 4, 60), rel=0.08)
    assert model.mean == pytest.approx(6 * 60 / 3, rel=0.02)


def test_values_are_drawn_towards_the_mean_the_more_the_fewer_orders():
    model = GammaGamma(6.0, 4.0, 60.0, 0.0)
    none, one, many = model.expected_value([0, 1, 50], [np.nan, 300.0, 300.0])
    assert none == pytest.approx(model.mean) == pytest.approx(120)
    assert one == pytest.approx(6 * (60 + 300) / 9)
    assert 120 < one < many < 300


def test_money_all_given_back_counts_as_nothing_and_not_as_usual():
    model = GammaGamma(6.0, 4.0, 60.0, 0.0)
    assert model.expected_value([2], [-30.0]) == model.expected_value([2], [0.0]) < model.mean
    fitted = forecast.fit_gamma_gamma([3, 2, 1, 2, 4], [10.0, 20.0, 15.0, -4.0, 0.0])
    assert fitted.customers == 3


def test_the_currency_changes_nothing():
    rng = np.random.default_rng(5)
    x = rng.integers(1, 9, 500)
    value = rng.gamma(5 * x, 1 / (rng.gamma(4, 1 / 60, 500) * x))
    pounds, yen = forecast.fit_gamma_gamma(x, value), forecast.fit_gamma_gamma(x, value * 190)
    assert yen.mean == pytest.approx(190 * pounds.mean, rel=1e-3)
    assert yen.log_likelihood == pytest.approx(pounds.log_likelihood - 500 * np.log(190), abs=0.01)


@pytest.mark.parametrize(("columns", "words"), [
    (([0, 0], [np.nan, np.nan]), "No customer has a repeat order"),
    (([1], [-3.0]), "No customer has a repeat order"),
    (([1, 2], [3.0]), "as many mean values"),
    (([-1], [3.0]), "0 or more"),
    (([1.5], [3.0]), "whole number"),
])
def test_what_cannot_be_fitted_is_refused(columns, words):
    with pytest.raises(UserError, match=words):
        forecast.fit_gamma_gamma(*columns)


def test_correlation_of_frequency_and_value():
    x, value = np.array([1, 2, 4, 8, 0]), np.array([10.0, 20.0, 40.0, 80.0, np.nan])
    assert forecast.value_correlation(x, value) == (pytest.approx(1), 4)
    assert np.isnan(forecast.value_correlation(x[:2], value[:2])[0])
    assert np.isnan(forecast.value_correlation([1, 1, 1], [5.0, 6.0, 7.0])[0])
