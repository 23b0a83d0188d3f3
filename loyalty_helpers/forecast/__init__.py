"""Forecast: what customers will do next, and what they will bring."""

from loyalty_helpers.forecast.textbook import clv_table, discounted_clv, simple_clv

__all__ = ["clv_table", "discounted_clv", "simple_clv"]
