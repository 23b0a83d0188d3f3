"""The charts of chapter 01: orders and revenue week by week, and how many orders carry a customer id."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from loyalty_helpers.core.messages import Message, Number, message
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    GREY,
    Chart,
    canvas,
    dates,
    launch_line,
    nothing,
    numbers,
    percent_axis,
)
from loyalty_helpers.report.wording.catalogue import text


def over_time(weekly: pd.DataFrame, column: str, *, launched_on: date | None, unit: str = "orders") -> Chart:
    """Weekly `column` (orders or revenue) of `evaluation.weekly` with its four-week mean and the launch; the claim
    compares levels only."""
    if len(weekly) < 2:
        return nothing(message("weekly-nothing", column=column))
    figure, ax = canvas(2.7)
    ax.plot(weekly["week_start"], weekly[column], color=GREY, linewidth=0.8)
    ax.plot(weekly["week_start"], weekly[column].rolling(4, min_periods=1).mean(), color=ACCENT, linewidth=2)
    ax.set(ylim=(0, None), ylabel=text("weekly-axis", column=column, unit=unit))
    numbers(ax.yaxis)
    _weeks(ax, launched_on)
    title = _level_claim(weekly, column, launched_on=launched_on, unit=unit)
    return Chart(figure, title, message("weekly-alt", column=column, weeks=len(weekly), title=title),
                 note=message("weekly-note"))


def _weeks(ax: Axes, launched_on: date | None) -> None:
    launch_line(ax, launched_on)
    ax.set_xlabel(text("week-axis"))
    dates(ax.xaxis)
    ax.grid(axis="y")


def _level_claim(weekly: pd.DataFrame, column: str, *, launched_on: date | None, unit: str) -> Message:
    def level(frame: pd.DataFrame) -> Number:
        mean = frame[column].mean()
        return Number(mean, unit, digits=0 if mean >= 10 else 1)

    after = weekly["week_start"] >= pd.Timestamp(launched_on or date.max)
    if launched_on is not None and after.any() and not after.all():
        return message("weekly-both", column=column, before=level(weekly[~after]), since=level(weekly[after]))
    when = "any" if launched_on is None else "after" if after.all() else "before"
    return message("weekly-one", column=column, level=level(weekly), when=when)


def identified(weekly: pd.DataFrame, *, launched_on: date | None) -> Chart:
    """Share of orders with a customer id, by week: a program that raises it raises orders per customer by itself."""
    if not weekly["orders"].sum():
        return nothing(message("identified-nothing"))
    figure, ax = canvas(2.2)
    ax.plot(weekly["week_start"], weekly["identified"].rolling(4, min_periods=1).mean(), color=ACCENT, linewidth=2)
    ax.set(ylim=(0, 1.02), ylabel=text("identified-axis"))
    percent_axis(ax.yaxis)
    _weeks(ax, launched_on)
    share = np.average(weekly["identified"].fillna(0), weights=weekly["orders"].clip(lower=1e-9))
    title = message("identified-title", share=Number(share, "share", digits=0))
    return Chart(figure, title, message("identified-alt", title=title))
