"""Forecast: what customers will do next, and what they will bring."""

from loyalty_helpers.forecast.bg_nbd import BgNbd, Nbd, fit_bg_nbd, fit_nbd
from loyalty_helpers.forecast.features import customer_features
from loyalty_helpers.forecast.gamma_gamma import GammaGamma, fit_gamma_gamma, value_correlation
from loyalty_helpers.forecast.kept import FittedModel, load_model, packed_model, save_model
from loyalty_helpers.forecast.lifetime import (
    Outlook,
    beats_sentence,
    beside_textbook,
    calibration,
    gains,
    heavy_sentence,
    holdout_table,
    outlook,
)
from loyalty_helpers.forecast.purchase_days import histories
from loyalty_helpers.forecast.repurchase import Repurchase, contact_sentence, origins, reasons_shown, repurchase
from loyalty_helpers.forecast.textbook import clv_table, discounted_clv, simple_clv

__all__ = [
    "BgNbd",
    "FittedModel",
    "GammaGamma",
    "Nbd",
    "Outlook",
    "Repurchase",
    "beats_sentence",
    "beside_textbook",
    "calibration",
    "clv_table",
    "contact_sentence",
    "customer_features",
    "discounted_clv",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "fit_nbd",
    "gains",
    "heavy_sentence",
    "histories",
    "holdout_table",
    "load_model",
    "origins",
    "outlook",
    "packed_model",
    "reasons_shown",
    "repurchase",
    "save_model",
    "simple_clv",
    "value_correlation",
]
