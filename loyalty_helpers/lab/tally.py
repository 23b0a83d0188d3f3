"""The table of the study: how often each estimator was right, from one row per draw and answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, number
from loyalty_helpers.lab import study

COLUMNS = ("kind", "scenario", "customers", "lift", "estimator")
MEASURES = ("repetitions", "refused", "answers", "truth", "bias", "bias_se", "coverage", "coverage_se",
            "claims_positive", "claims_negative", "says_works", "says_harms", "median_width", "seconds_median",
            "seed_first", "seed_last")


def results(draws: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and estimator, from one row per draw and answer; shares are fractions, lifts 0.10 = +10 %.

    `repetitions` are the draws; `refused` the share in which the estimator had no answer or did not stand by it; all
    that follows is over the answers, also those it did not stand by: `bias` (mean of estimate less truth) and
    `coverage` of the interval, with their standard errors; `claims_positive` and `claims_negative` (the interval lies
    above, below nil), `says_works` (the verdict is works or probably works), `says_harms`, `median_width`. `truth` is
    the mean true lift, `seconds_median` the time of the call that gave the answer.
    """
    answered = draws["low"].notna() & draws["high"].notna() & draws["truth"].notna()
    holds = (draws["low"] <= draws["truth"]) & (draws["truth"] <= draws["high"])
    told = draws.assign(
        error=draws["estimate"] - draws["truth"], holds=holds.where(answered).astype(float),
        positive=(draws["low"] > 0).where(answered).astype(float),
        negative=(draws["high"] < 0).where(answered).astype(float),
        works=draws["verdict"].isin(["works", "probably_works"]), harms=draws["verdict"] == "harms",
        width=(draws["high"] - draws["low"]).where(answered))
    table = told.groupby(list(COLUMNS), sort=False).agg(
        repetitions=("seed", "size"), refused=("refused", "mean"), answers=("holds", "count"), truth=("truth", "mean"),
        bias=("error", "mean"), spread=("error", "std"), coverage=("holds", "mean"),
        claims_positive=("positive", "mean"), claims_negative=("negative", "mean"), says_works=("works", "mean"),
        says_harms=("harms", "mean"), median_width=("width", "median"), seconds_median=("seconds", "median"),
        seed_first=("seed", "min"), seed_last=("seed", "max")).reset_index()
    return table.assign(
        bias_se=table["spread"] / np.sqrt(table["answers"].where(table["answers"] > 0)),
        coverage_se=_share_error(table["coverage"], table["answers"]))[[*COLUMNS, *MEASURES]]


def _share_error(share: pd.Series, n: pd.Series) -> pd.Series:
    """Standard error of a share of n, after two more of either kind (Agresti and Coull 1998): never nil."""
    near = (share * n + 2) / (n + 4)
    return np.sqrt(near * (1 - near) / (n + 4))


def pooled(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """`results` over several cells, weighted by their answers (shares of all draws: by repetitions).

    `width_low` and `width_high` are the smallest and the largest of the cells' median widths, `lowest` the lowest of
    their coverages.
    """
    def merged(rows: pd.DataFrame) -> pd.Series:
        answers, draws = rows["answers"], rows["repetitions"]
        coverage = _mean(rows["coverage"], answers)
        return pd.Series({
            "cells": len(rows), "repetitions": draws.sum(), "answers": answers.sum(),
            "refused": _mean(rows["refused"], draws), "bias": _mean(rows["bias"], answers), "coverage": coverage,
            "coverage_se": _share_error(coverage, answers.sum()), "lowest": rows["coverage"].min(),
            "claims_positive": _mean(rows["claims_positive"], answers),
            "claims_negative": _mean(rows["claims_negative"], answers),
            "says_works": _mean(rows["says_works"], draws), "says_harms": _mean(rows["says_harms"], draws),
            "width_low": rows["median_width"].min(), "width_high": rows["median_width"].max(),
            "seconds_median": rows["seconds_median"].median()})

    return table.groupby(list(by), sort=False)[list(MEASURES)].apply(merged).reset_index()


def _mean(values: pd.Series, weights: pd.Series) -> float:
    known = values.notna() & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else NAN


def simulated(results: pd.DataFrame, **where) -> pd.DataFrame:
    """The rows of simulated shops, those alone whose columns have the values given."""
    return results[np.logical_and.reduce([results["kind"] == "simulated", *(
        results[column] == value for column, value in where.items())])]


def believed_last(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with the estimators that the report uses at the end."""
    return rows.sort_values("estimator", key=lambda names: names.isin(study.BELIEVED), kind="stable")


def points(value: float) -> str:
    """Percentage points, signed: "+1.0 point"."""
    said = number(100 * value, 1, signed=True)
    return f"{said} point" + ("" if said in ("+1.0", "−1.0") else "s")
