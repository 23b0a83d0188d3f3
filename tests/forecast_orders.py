"""Orders for the tests of the forecasts: made by hand, and those of CDNOW (Fader, Hardie & Lee 2005)."""

from __future__ import annotations

import warnings
from functools import cache

import pandas as pd


def made(*rows: tuple) -> pd.DataFrame:
    """Canonical orders from (customer, time, amount, category); a negative amount is a refund, None nobody known."""
    frame = pd.DataFrame([(*row, None)[:4] for row in rows], columns=["customer_id", "at", "amount", "category"])
    at = pd.Series([pd.Timestamp(moment) for moment in frame.pop("at")], dtype="datetime64[us]")
    return frame.assign(order_id=[f"o{i}" for i in range(len(frame))], ordered_at=at,
                        is_refund=frame["amount"].astype("float64") < 0, amount=frame["amount"].astype("float64"),
                        customer_id=frame["customer_id"].astype("str"), category=frame["category"].astype("str"))


@cache
def cdnow() -> pd.DataFrame:
    """The orders of the 2,357 customers who first bought in the first quarter of 1997."""
    rows = _of_lifetimes("load_dataset", "CDNOW_sample.txt", header=None, sep=r"\s+")
    return made(*zip(rows[1].map("{:04d}".format), pd.to_datetime(rows[2].astype(str)), rows[4], strict=True))


@cache
def cdnow_histories() -> pd.DataFrame:
    """Their frequency, recency, T and monetary_value in weeks 1 to 39, as the archived package has them."""
    return _of_lifetimes("load_cdnow_summary_data_with_monetary_value")


def _of_lifetimes(name: str, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import datasets

        return getattr(datasets, name)(*args, **options)
