"""Scoring under one name, for whoever works from Python: `scoring.rfm(customers)`, `scoring.loyalty_score(...)`."""

from loyalty_helpers.customers.buyers import CONFIDENCE, buyers, came_back, known_values
from loyalty_helpers.customers.rfm import VALUE_GROUPS, rfm
from loyalty_helpers.customers.score import (
    ARTICLE_WEIGHTS,
    WEIGHTS,
    component_points,
    index_change,
    loyalty_score,
    weighted_mean,
    with_survey,
)

__all__ = [
    "ARTICLE_WEIGHTS",
    "CONFIDENCE",
    "VALUE_GROUPS",
    "WEIGHTS",
    "buyers",
    "came_back",
    "component_points",
    "index_change",
    "known_values",
    "loyalty_score",
    "rfm",
    "weighted_mean",
    "with_survey",
]
