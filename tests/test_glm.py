"""The one regression behind the ladder's models: equal to statsmodels', and quiet where nothing can be fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.genmod.families import Binomial, Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from loyalty_helpers.core import glm

FAMILIES = {"log": Poisson(), "logit": Binomial()}


def data_of(seed: int, link: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(300), rng.normal(size=(300, 3))])
    offset = rng.normal(size=300) / 2
    index = design @ [-0.5, 0.8, -0.4, 0.0] + offset
    outcome = rng.poisson(np.exp(index)) if link == "log" else rng.random(300) < 1 / (1 + np.exp(-index))
    return design, outcome.astype(float), offset


@pytest.mark.parametrize("link", FAMILIES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_coefficients_and_information_are_those_of_statsmodels(link, seed):
    design, outcome, offset = data_of(seed, link)
    ours = glm.fit(design, outcome, link=link, offset=offset)
    theirs = GLM(outcome, design, family=FAMILIES[link], offset=offset).fit(tol=1e-12)
    assert ours.converged
    np.testing.assert_allclose(ours.coef, theirs.params, atol=1e-7)
    np.testing.assert_allclose(np.linalg.inv(ours.information), theirs.cov_params(), atol=1e-7)


@pytest.mark.parametrize("link", FAMILIES)
def test_a_ridge_shrinks_all_but_the_constant(link):
    design, outcome, _ = data_of(1, link)
    free, tight = (glm.fit(design, outcome, link=link, ridge=ridge) for ridge in (0.0, 1e4))
    assert np.abs(tight.coef[1:]).max() < 1e-3 < np.abs(free.coef[1:]).max()
    assert tight.mean.mean() == pytest.approx(outcome.mean())


@pytest.mark.parametrize("link", FAMILIES)
def test_collinear_columns_share_and_a_far_start_comes_home(link):
    design, outcome, _ = data_of(2, link)
    twice = glm.fit(np.column_stack([design, design[:, 1]]), outcome, link=link)
    assert twice.coef[1] == pytest.approx(twice.coef[4])
    assert twice.coef[1] * 2 == pytest.approx(glm.fit(design, outcome, link=link).coef[1])
    steep = glm.fit(design * [1, 1000, 1000, 1000], outcome, link=link)
    assert steep.converged


def test_groups_that_are_completely_apart_do_not_converge():
    design = np.column_stack([np.ones(40), np.arange(40) - 19.5])
    apart = glm.fit(design, (design[:, 1] > 0).astype(float), link="logit")
    assert not apart.converged and np.isfinite(apart.coef).all()
