"""Charts of how alike joiners and those are whom they are compared with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.evaluation.said import counted, joined, percent, sentence, yes
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    GREY,
    INK,
    PALE,
    Chart,
    canvas,
    decimals,
    names,
    nothing,
    percent_axis,
)
from loyalty_helpers.report.wording.catalogue import text

BALANCED = 0.1  # standardised difference below which a covariate counts as balanced (Austin 2009)


def balance(table: pd.DataFrame) -> Chart:
    """Love plot of `DoublyRobust.balance`: covariate, before, after (standardised differences, joiners minus others).

    Of a covariate that enters in several forms (logarithm, square root) the form that is balanced worst is shown.
    """
    if table.empty:
        return nothing(message("balance-nothing"))
    worst = (table.assign(worst=table["after"].fillna(table["before"]).abs())
             .sort_values("worst", ascending=False).drop_duplicates("covariate"))
    rows = worst.assign(size=worst["before"].abs()).sort_values("size", ascending=False, kind="stable")
    labels = [message(f"covariate-{name}") for name in rows["covariate"]]
    figure, ax = canvas(1.05 + 0.36 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    ax.axvspan(-BALANCED, BALANCED, color=PALE, alpha=0.6, linewidth=0)
    ax.axvline(0, color=INK, linewidth=1)
    ax.hlines(y, rows["before"], rows["after"], color=GREY, linewidth=1, zorder=2)
    ax.plot(rows["before"], y, "o", color=GREY, markerfacecolor="white", markeredgewidth=1.6, markersize=7,
            label=text("balance-before"), zorder=3)
    ax.plot(rows["after"], y, "o", color=ACCENT, markersize=7, label=text("balance-after"), zorder=4)
    names(ax, labels)
    reach = 1.1 * max(2 * BALANCED, np.nanmax(rows[["before", "after"]].abs().to_numpy(dtype=float), initial=0))
    ax.set(xlim=(-reach, reach), xlabel=text("balance-axis"))
    decimals(ax.xaxis, 2, signed=True)
    figure.legend(loc="outside upper right", ncols=2)
    title = _balance_claim(rows, labels)
    said = [message("balance-row", covariate=label, before=Number(row.before, digits=2, signed=True),
                    after=Number(row.after, digits=2, signed=True))
            for label, row in zip(labels, rows.itertuples(), strict=True)]
    return Chart(figure, title, joined([message("balance-alt"), sentence(title), *said]),
                 note=message("balance-note", alike=f"{BALANCED:g}"))


def _balance_claim(rows: pd.DataFrame, labels: list[Message]) -> Message:
    if rows["after"].isna().any():
        return message("balance-impossible")
    apart = tuple(label for label, after in zip(labels, rows["after"], strict=True) if abs(after) > BALANCED)
    if apart:
        return message("balance-apart", covariates=Listed(apart, parted_by="series"))
    differed = int((rows["before"].abs() > BALANCED).sum())
    return message("balance-alike", things=counted(len(rows), "thing"), differed=differed, any=yes(differed))


def overlap(table: pd.DataFrame) -> Chart:
    """How alike the groups are: quantiles of the chance to join (`DoublyRobust.overlap`: quantile, joiners, others)."""
    if table.empty:
        return nothing(message("overlap-nothing"))
    quantiles = table.set_index("quantile").sort_index()
    figure, ax = canvas(1.75)
    for y, (group, color) in enumerate({"others": GREY, "joiners": ACCENT}.items()):
        for low, high, width in ((0, 1, 1), (0.05, 0.95, 3), (0.25, 0.75, 10)):
            ax.plot(quantiles.loc[[low, high], group], [y, y], color=color, linewidth=width, solid_capstyle="butt")
        ax.plot(quantiles.loc[0.5, group], y, "o", color=color, markerfacecolor="white", markeredgewidth=1.6,
                markersize=8)
    names(ax, [message("overlap-joiners"), message("overlap-others")])
    ax.set(xlim=(0, min(1.0, 1.08 * quantiles.to_numpy().max()) or 1.0), xlabel=text("overlap-axis"))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    said = []
    for group in ("joiners", "others"):
        low, middle, high = map(percent, quantiles.loc[[0.25, 0.5, 0.75], group])
        said.append(message("overlap-half", group=message(f"overlap-{group}"), low=low, middle=middle, high=high))
    title = _overlap_claim(quantiles)
    return Chart(figure, title, joined([message("overlap-alt"), sentence(title), *said]), note=message("overlap-note"))


def _overlap_claim(quantiles: pd.DataFrame) -> Message:
    """How many joiners lie within the range of the others, read off between the quantiles."""
    ends = quantiles["others"].iloc[[0, -1]] + np.array([-1e-9, 1e-9])  # equal chances count as shared
    within = np.interp(ends, quantiles["joiners"], quantiles.index, left=0, right=1)
    share = float(within[1] - within[0])
    return message("overlap-nearly" if share > 0.99 else "overlap-about", share=percent(share))
