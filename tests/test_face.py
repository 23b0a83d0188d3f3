"""The face of the package: light, complete, and with the names that whoever works from Python knows."""

import subprocess
import sys

import pytest

import loyalty_helpers


def test_importing_it_loads_nothing_else():
    code = "import sys, loyalty_helpers; from loyalty_helpers import settings; print('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("name", loyalty_helpers.__all__)
def test_every_name_is_there(name):
    assert getattr(loyalty_helpers, name) is not None


def test_stable_names_keep_working():
    from loyalty_helpers import evaluation, forecast, scoring, simulate

    assert all(map(callable, (
        evaluation.at_the_till, evaluation.randomised, scoring.rfm, scoring.loyalty_score, forecast.fit_bg_nbd,
        forecast.fit_gamma_gamma, forecast.repurchase, forecast.load_model, forecast.customer_features, simulate.shop)))
    with pytest.raises(AttributeError, match="'scorring'"):
        loyalty_helpers.scorring  # noqa: B018
