"""Forecast: what customers will do next, and what they will bring."""

from loyalty_helpers.forecast.bg_nbd import BgNbd, Nbd, fit_bg_nbd, fit_nbd, histories
from loyalty_helpers.forecast.gamma_gamma import GammaGamma, fit_gamma_gamma, value_correlation
from loyalty_helpers.forecast.textbook import clv_table, discounted_clv, simple_clv

__all__ = [
    "BgNbd",
    "GammaGamma",
    "Nbd",
    "clv_table",
    "discounted_clv",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "fit_nbd",
    "histories",
    "simple_clv",
    "value_correlation",
]
