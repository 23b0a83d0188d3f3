"""Forecast: what customers will do next, and what they will bring.

It takes canonical orders, tries its forecasts on the past, and gives one row per customer with totals and how sure they
are. It never judges the program.
"""

from loyalty_helpers.forecast import accuracy, agreement, backtest, measures
from loyalty_helpers.forecast.accuracy import beats_sentence, calibration, holdout_table
from loyalty_helpers.forecast.bg_nbd import BgNbd, Nbd, fit_bg_nbd, fit_nbd
from loyalty_helpers.forecast.features import customer_features
from loyalty_helpers.forecast.gamma_gamma import GammaGamma, fit_gamma_gamma, value_correlation
from loyalty_helpers.forecast.kept import FittedModel, load_model, packed_model
from loyalty_helpers.forecast.outlook import Outlook, beside_textbook, gains, heavy_sentence, outlook
from loyalty_helpers.forecast.purchase_days import histories
from loyalty_helpers.forecast.repurchase import Repurchase, contact_sentence, origins, reasons_shown, repurchase
from loyalty_helpers.forecast.textbook import clv_table, discounted_clv, simple_clv

__all__ = ["BgNbd", "FittedModel", "GammaGamma", "Nbd", "Outlook", "Repurchase", "accuracy", "agreement", "backtest",
           "beats_sentence", "beside_textbook", "calibration", "clv_table", "contact_sentence", "customer_features",
           "discounted_clv", "fit_bg_nbd", "fit_gamma_gamma", "fit_nbd", "gains", "heavy_sentence", "histories",
           "holdout_table", "load_model", "measures", "origins", "outlook", "packed_model", "reasons_shown",
           "repurchase", "simple_clv", "value_correlation"]
