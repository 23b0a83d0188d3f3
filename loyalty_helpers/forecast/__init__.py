"""Forecast: what customers will do next, and what they will bring."""

from loyalty_helpers.forecast.bg_nbd import BgNbd, Nbd, fit_bg_nbd, fit_nbd
from loyalty_helpers.forecast.gamma_gamma import GammaGamma, fit_gamma_gamma, value_correlation
from loyalty_helpers.forecast.lifetime import Outlook, beside_textbook, calibration, gains, holdout_table, outlook
from loyalty_helpers.forecast.purchase_days import histories
from loyalty_helpers.forecast.textbook import clv_table, discounted_clv, simple_clv

__all__ = [
    "BgNbd",
    "GammaGamma",
    "Nbd",
    "Outlook",
    "beside_textbook",
    "calibration",
    "clv_table",
    "discounted_clv",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "fit_nbd",
    "gains",
    "histories",
    "holdout_table",
    "outlook",
    "simple_clv",
    "value_correlation",
]
