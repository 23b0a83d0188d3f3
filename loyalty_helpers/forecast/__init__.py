"""Forecast: what customers will do next, and what they will bring."""

from loyalty_helpers.forecast.bg_nbd import BgNbd, Nbd, fit_bg_nbd, fit_nbd, histories
from loyalty_helpers.forecast.features import customer_features
from loyalty_helpers.forecast.gamma_gamma import GammaGamma, fit_gamma_gamma, value_correlation
from loyalty_helpers.forecast.kept import FittedModel, load_model, save_model
from loyalty_helpers.forecast.repurchase import Repurchase, contact_sentence, origins, repurchase
from loyalty_helpers.forecast.textbook import clv_table, discounted_clv, simple_clv

__all__ = [
    "BgNbd",
    "FittedModel",
    "GammaGamma",
    "Nbd",
    "Repurchase",
    "clv_table",
    "contact_sentence",
    "customer_features",
    "discounted_clv",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "fit_nbd",
    "histories",
    "load_model",
    "origins",
    "repurchase",
    "save_model",
    "simple_clv",
    "value_correlation",
]
