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

from loyalty_helpers.core import findings
from loyalty_helpers.core.findings import Finding
from loyalty_helpers.core.intervals import FEWEST_UNITS
from loyalty_helpers.core.messages import Message
from loyalty_helpers.customers import scoring
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.catalogue import capital, text
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


def decimals(axis, digits: int, *, signed: bool = False) -> None:
    """At most six ticks with so many decimals."""
    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, digits, signed=signed)))


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


def names(ax: Axes, labels: Sequence[str | Message], *, width: int = 34) -> None:
    """Names of the rows, first on top, wrapped; they may hold signs that look like formulas."""
    lines = ["\n".join(textwrap.fill(line, width) for line in capital(words(label)).split("\n")) for label in labels]
    ax.set_yticks(range(len(labels) - 1, -1, -1), lines, parse_math=False)
    ax.set_ylim(-0.6, max(len(labels), 2) - 0.4)


# ---------------------------------------------------------------- chapter 01
def over_time(weekly: pd.DataFrame, column: str, *, launched_on: date | None, unit: str = "orders") -> Chart:
    """Weekly `column` of `evaluation.weekly` with its four-week mean and the launch; the claim compares levels only."""
    if len(weekly) < 2:
        return nothing(f"It takes two whole weeks to follow {column} over time.")
    figure, ax = canvas(2.7)
    smooth = weekly[column].rolling(4, min_periods=1).mean()
    ax.plot(weekly["week_start"], weekly[column], color=GREY, linewidth=0.8)
    ax.plot(weekly["week_start"], smooth, color=ACCENT, linewidth=2)
    launch_line(ax, launched_on)
    ax.set(
        ylim=(0, None),
        xlabel="week beginning",
        ylabel=f"{column} per week" + ("" if unit == "orders" else f" ({unit})"),
    )
    numbers(ax.yaxis)
    dates(ax.xaxis)
    ax.grid(axis="y")
    title = _level_claim(weekly, column, launched_on=launched_on, unit=unit)
    return Chart(
        figure,
        title,
        f"Line chart of weekly {column} over {len(weekly)} weeks. {title}.",
        note="Thin line: each week. Thick line: mean of the last four weeks.",
    )


def _level_claim(weekly: pd.DataFrame, column: str, *, launched_on: date | None, unit: str) -> str:
    def level(frame: pd.DataFrame) -> str:
        mean = frame[column].mean()
        return findings.amount(mean, unit, digits=0 if mean >= 10 else 1)

    name = column.capitalize()
    if launched_on is None:
        return f"{name}: {level(weekly)} in a usual week"
    after = weekly["week_start"] >= pd.Timestamp(launched_on)
    if not after.any() or after.all():
        return f"{name}: {level(weekly)} in a usual week, all {'after' if after.all() else 'before'} the launch"
    return f"{name}: {level(weekly[~after])} in a usual week before the launch, {level(weekly[after])} since"


def identified(weekly: pd.DataFrame, *, launched_on: date | None) -> Chart:
    """Share of orders with a customer id, by week: a program that raises it raises orders per customer by itself."""
    if not weekly["orders"].sum():
        return nothing("No week is whole yet, so the share of orders with a customer cannot be followed.")
    figure, ax = canvas(2.2)
    ax.plot(weekly["week_start"], weekly["identified"].rolling(4, min_periods=1).mean(), color=ACCENT, linewidth=2)
    launch_line(ax, launched_on)
    ax.set(ylim=(0, 1.02), xlabel="week beginning", ylabel="orders with a customer")
    percent_axis(ax.yaxis)
    dates(ax.xaxis)
    ax.grid(axis="y")
    share = np.average(weekly["identified"].fillna(0), weights=weekly["orders"].clip(lower=1e-9))
    title = f"{findings.amount(share, 'share', digits=0)} of orders carry a customer id"
    return Chart(figure, title, f"Line chart, four-week mean of the share of orders with a customer id. {title}.")


# ---------------------------------------------------------------- chapter 02
def lorenz(curve: pd.DataFrame, finding: Finding) -> Chart:
    """Cumulated share of revenue against cumulated share of customers, best customers first."""
    if curve.empty or not finding.measurable:
        return nothing(finding.sentence)
    figure, ax = canvas(3.2)
    half, few = finding.estimate, round(finding.estimate * finding.n)
    ax.plot([0, half, half], [0.5, 0.5, 0], color=CAUTION, linewidth=1.2, linestyle=(0, (4, 2)))
    ax.annotate("half of the revenue", (half, 0.5), xytext=(6, -3), textcoords="offset points", color=CAUTION,
                va="top", fontsize=9)
    ax.plot(curve["customers"], curve["revenue"], color=ACCENT, linewidth=2.2)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    ax.annotate("if all customers spent the same", (0.64, 0.59), color=INK, va="top", fontsize=9)
    ax.set(
        xlim=(0, 1),
        ylim=(0, max(1.0, curve["revenue"].max())),
        xlabel="customers, best first",
        ylabel="share of revenue",
    )
    for axis in (ax.xaxis, ax.yaxis):
        percent_axis(axis)
    ax.grid()
    who = f"{finding.value} of" if few >= FEWEST_UNITS else f"{few:,} of {finding.n:,}"
    title = f"{who} customers {'brings' if few == 1 else 'bring'} half of the revenue"
    return Chart(figure, title, f"Concentration curve of revenue over customers. {finding.sentence}")


def groups(table: pd.DataFrame, *, label: str) -> Chart:
    """Share of customers beside share of revenue, one row per group, in the order of the revenue."""
    rows = table.dropna(subset=["spend_share"]).sort_values("spend_share").reset_index(drop=True)
    if rows.empty or not rows["share"].any():
        return nothing("There is no revenue to share out among groups.")
    if rows[label].isin([scoring.TOO_FEW, scoring.REFUNDS_ONLY]).all():
        return nothing(f"Groups can be compared from {scoring.FEWEST_TO_SORT} customers with an order on.")
    figure, ax = canvas(0.75 + 0.33 * max(len(rows), 2))
    y = np.arange(len(rows))
    ax.hlines(y, rows["share"], rows["spend_share"], color=PALE, linewidth=4, zorder=1)
    ax.plot(rows["share"], y, "o", color=INK, markerfacecolor="white", markersize=7, label="share of customers")
    ax.plot(rows["spend_share"], y, "o", color=ACCENT, markersize=7, label="share of revenue")
    ax.set_yticks(y, rows[label])
    ends = [0, *rows["share"], *rows["spend_share"]]
    margin = 0.04 * (max(ends) - min(ends))
    ax.set(xlabel="share of all customers, share of all revenue", ylim=(-0.6, max(len(rows), 2) - 0.4),
           xlim=(min(ends) - margin, max(ends) + margin))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=2)
    said = [
        f"{findings.capital(name)}: {findings.amount(share, 'share', digits=0)} of customers, "
        f"{findings.amount(money, 'share', digits=0)} of revenue"
        for name, share, money in zip(rows[label], rows["share"], rows["spend_share"], strict=True)
    ][::-1]
    first, _, rest = said[0].partition(": ")
    among = "Of the groups shown, the" if table["spend_share"].isna().any() else "The"
    return Chart(figure, f"{among} largest part of the revenue comes from “{first}”: {rest}",
                 f"Dot plot by {label}. {'; '.join(said)}.")


MOST_COHORTS = 36  # months of first orders that one picture can hold


def cohorts(table: pd.DataFrame, finding: Finding) -> Chart:
    """Heat map of `cohorts.cohorts`: months after the first order across, month of the first order down."""
    shares = table.pivot(index="cohort", columns="month", values="share").iloc[-MOST_COHORTS:] * 100
    if not shares.notna().any(axis=None):
        return nothing(finding.sentence)
    figure, ax = canvas(max(2.6, 0.24 * len(shares) + 1.1))
    sns.heatmap(
        shares.astype("float64"),
        ax=ax,
        cmap=sns.light_palette(ACCENT, as_cmap=True),
        vmin=0,
        annot=True,
        fmt=".0f",
        annot_kws={"fontsize": 9},
        linewidths=0.5,
        linecolor="white",
        cbar=False,
    )
    unsure = set(table.loc[table["truncated"].astype(bool), "cohort"])
    ax.set_yticklabels([f"{cohort} *" if cohort in unsure else cohort for cohort in shares.index])
    ax.set(xlabel="months after the first order", ylabel="month of the first order")
    ax.tick_params(axis="y", rotation=0)
    alt = f"Heat map of the share of customers who came back, by month of the first order. {finding.sentence}"
    note = "Percent of the month's new customers with an order in that later month. Blank: under 20 customers."
    if unsure & set(shares.index):
        note += " *: so near the beginning of the data that old customers may be among them."
    if table["cohort"].nunique() > MOST_COHORTS:
        note += f" The last {MOST_COHORTS} months are shown."
    who, _, came_back = finding.label.partition(" who ")
    title = (f"{finding.value} of {who} {came_back}" if finding.measurable else
             "New customers who came back, by month of their first order")
    return Chart(figure, title, alt, note=note, dense=True)


def score_histogram(groups: pd.DataFrame, finding: Finding) -> Chart:
    """How the loyalty score spreads over the scored customers: `scoring.score_groups`; none where a number is missing.
    """
    if not finding.measurable:
        return nothing(finding.sentence)
    figure, ax = canvas(2.4)
    ax.hist(groups["score"], bins=[*groups["score"], 100], weights=groups["customers"].fillna(0), color=ACCENT,
            edgecolor="white")
    ax.axvline(finding.estimate, color=CAUTION, linewidth=1.4, linestyle=(0, (4, 2)))
    ax.annotate(
        f"mean {finding.value}",
        (finding.estimate, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        color=CAUTION,
    )
    ax.set(xlabel="loyalty score (0 to 100)", ylabel="customers", xlim=(0, 100))
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    return Chart(figure, f"The {finding.label} is {finding.value}",
                 f"Histogram of loyalty scores. {finding.sentence}")
