"""Charts of whom to call: how late the regulars are, and how far the first calls reach."""

from __future__ import annotations

import numpy as np
import pandas as pd

from loyalty_helpers.core import findings
from loyalty_helpers.core.findings import count
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers import actions
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    CAUTION,
    GREY,
    INK,
    Chart,
    canvas,
    nothing,
    numbers,
    percent_axis,
)

MOST_POINTS = 400  # of a curve


def lateness(table: pd.DataFrame) -> Chart:
    """Regulars by how late they are (`rhythm.lateness`), beside what chance alone would show."""
    if table["customers"].sum() < FEWEST.units:
        return nothing("Fewer than ten customers have a rhythm of their own and bought lately: too few to set beside "
                       "chance.")
    rows = table.dropna(subset=["share"]).reset_index(drop=True)
    figure, ax = canvas(0.9 + 0.42 * len(rows))
    y = np.arange(len(rows))[::-1]
    colors = [CAUTION if words.startswith("overdue") else ACCENT for words in rows["silence"]]
    ax.barh(y, rows["share"], height=0.55, color=colors, label="regular customers")
    ax.plot(rows["by_chance"], y, "|", color=INK, markersize=19, markeredgewidth=2.2,
            label="if all bought at random times and nobody had left")
    ax.set_yticks(y, rows["silence"])
    ax.set(xlabel="share of the regular customers of the last 364 days", xlim=(0, None), ylim=(-0.6, len(rows) - 0.4))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=2)
    said = [f"{findings.capital(one.silence)}, {findings.amount(one.share, 'share', digits=0)} of the regulars, "
            f"{findings.amount(one.by_chance, 'share', digits=0)} by chance" for one in rows.itertuples()]
    title = said[-1]
    return Chart(figure, title, f"Bars by how late customers are. {title}. {'; '.join(said)}.")


def reach(curve: pd.DataFrame, *, least: int = 1) -> Chart:
    """Share of all that is worth a call against the number of calls, best first (`actions.reach`); from `least` on."""
    calls = int(curve["calls"].max())
    if calls < max(least, 2):
        return nothing("Too few customers are worth a call for a choice of whom to call first." if calls else
                       "Nobody is both late for an order and perhaps still a customer, so there is nobody to call.")
    points = curve[(curve["calls"] == 0) | (curve["calls"] >= least)]
    points = points.iloc[np.unique(np.linspace(0, len(points) - 1, MOST_POINTS).astype(int))]
    first = min(actions.FIRST_CALLS, calls)
    held = float(curve.loc[curve["calls"] == first, "share"].iloc[0])
    half = int(curve.loc[curve["share"] >= 0.5, "calls"].iloc[0])
    figure, ax = canvas(2.9)
    ax.plot(points["calls"], points["share"], color=ACCENT, linewidth=2.2)
    ax.plot([0, calls], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    ax.plot([first], [held], "o", color=INK, markersize=6)
    ax.annotate(f"the first {first}", (first, held), xytext=(10, 0), textcoords="offset points", va="center",
                color=INK)
    ax.set(xlabel="customers called, best first", ylabel="share of all that is worth a call", xlim=(0, calls),
           ylim=(0, 1.02))
    numbers(ax.xaxis)
    percent_axis(ax.yaxis)
    ax.grid()
    title = (f"The first {count(first, 'call')} reach {findings.amount(held, 'share', digits=0)} of what is worth a "
             f"call; half of it takes {max(half, least):,}")
    return Chart(figure, title, f"Curve of the value reached over calls. {title}, of {count(calls, 'customer')} "
                 "worth a call.")
