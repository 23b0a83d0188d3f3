"""Charts: each takes findings or a table, and comes with a claim for its title and an alt text, both computed.

A chart never carries its claim inside the picture: `show.chart` sets it above, as text that wraps on a phone and can
be read aloud. Colours are those of the page: one ink, one accent, one caution colour, greys.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loyalty_helpers.core.messages import Message
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.numbers import difference, number

INK, ACCENT, CAUTION, GREY, PALE = "#1c2b33", "#0b6e69", "#8f5a00", "#8795a1", "#e3e8ec"
WIDTH = 6.6  # inches: about the text width of the page, so that letters keep their size
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "loyalty",
    "figure.dpi": 96,
    "savefig.bbox": "tight",
    "font.family": ["sans-serif"],
    "font.size": 10,
    "axes.titlesize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "axes.labelsize": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": PALE,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Chart:
    """A figure with the words that belong to it; `dense` ones are kept as PNG because as SVG they would weigh more.

    Without a figure there was nothing to draw, and the title says why.
    """

    figure: Figure | None
    title: str | Message
    alt: str | Message
    note: str | Message = ""
    dense: bool = False


def nothing(why: str | Message) -> Chart:
    """No chart, and why."""
    return Chart(None, why, why)


def canvas(height: float, *, columns: int = 1, **options) -> tuple[Figure, Axes | np.ndarray]:
    sns.set_theme(style="white", palette="colorblind", rc=STYLE)
    return plt.subplots(1, columns, figsize=(WIDTH, height), layout="constrained", **options)


def numbers(axis, *, factor: float = 1, suffix: str = "", signed: bool = False) -> None:
    """At most six ticks, labelled as the text writes numbers, with a decimal only where a tick is no whole number."""

    def label(value: float, _: int) -> str:
        shown = round(value * factor, 6)
        return number(shown, int(shown != round(shown)), signed=signed) + suffix

    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(label))


def percent_axis(axis, *, signed: bool = False) -> None:
    numbers(axis, factor=100, suffix=" %", signed=signed)


def dates(axis) -> None:
    """At most seven ticks, each as short as its neighbours allow ("2025", "Mar"), so that they cannot collide."""
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _mark(ax: Axes, at: float | pd.Timestamp, said: str, *, offset: tuple[int, int], **options) -> None:
    """A broken upright line, and what it is."""
    ax.axvline(at, color=CAUTION, linewidth=1.2, linestyle=(0, (4, 2)))
    ax.annotate(said, (at, 1), xycoords=("data", "axes fraction"), xytext=offset, textcoords="offset points",
                color=CAUTION, **options)


def launch_line(ax: Axes, launched_on: date | None) -> None:
    """Where the program began; nothing without a launch."""
    if launched_on is not None:
        _mark(ax, pd.Timestamp(launched_on), text("mark-launch"), offset=(4, -2), va="top")


def break_even_line(ax: Axes, lift: float) -> None:
    """Where the program pays for itself, with its words above the picture; nothing where there is no such lift."""
    reach = ax.get_xlim()
    if not np.isfinite(lift) or lift > reach[1] + (reach[1] - reach[0]):  # so far off, it would flatten all the rest
        return
    right = lift > np.mean(reach)
    said = text("mark-break-even", lift=difference(lift, "lift", digits=1))
    _mark(ax, lift, said, offset=(0 if right else 4, 3), ha="right" if right else "left", fontsize=9)


class Row(Protocol):
    """What has an estimate and an interval, whose ends may be missing or infinite."""

    estimate: float
    low: float
    high: float


def interval(ax: Axes, at: float, row: Row, *, limits: tuple[float, float] = (-np.inf, np.inf), upright: bool = False,
             color: str = ACCENT, hollow: bool = False, width: float = 2.4) -> None:
    """The interval as a line, the estimate as a dot: lying at height `at`, or upright at `at` to the right.

    Hollow for what is known to be biased. An end beyond the `limits` is an arrow.
    """
    def plot(values: Sequence[float], style: str = "-", **options) -> None:
        at_all = [at] * len(values)
        ax.plot(*((at_all, values) if upright else (values, at_all)), style, color=color, **options)

    low, high = np.clip([row.low, row.high], *limits)
    plot([low, high], linewidth=width, solid_capstyle="butt", zorder=2)
    for drawn, end, marker in ((low, row.low, "<v"), (high, row.high, ">^")):
        if not np.isnan(end) and drawn != end:
            plot([drawn], marker[upright], markersize=7, clip_on=False)
    plot([row.estimate], "o", markersize=7, markerfacecolor="white" if hollow else color, markeredgewidth=1.6, zorder=3)


def rows_axis(ax: Axes, labels: Sequence[str | Message], label: str, *, width: int = 44) -> None:
    """Names of the rows, first on top, wrapped (they may hold signs that look like formulas), over an axis of
    differences that shows nil."""
    names = [textwrap.fill(words(one), width) for one in labels]
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(range(len(names) - 1, -1, -1), names, parse_math=False)
    ax.set(xlabel=label, ylim=(-0.6, max(len(names), 2) - 0.4))
    ax.grid(axis="x")
