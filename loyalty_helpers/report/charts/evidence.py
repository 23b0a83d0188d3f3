"""Charts of what the evidence rests on: each takes a table of `evaluation`, and often the Effect it belongs to.

As in `charts`, whose hand they share: the title is a computed claim, neutral wherever the interval covers nil; a table
with nothing to draw gives a Chart without a figure, whose title says why. Estimates without an interval are drawn as
dots alone, and an end too far out to draw (or infinite) as an arrow.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from math import inf, isfinite, isinf
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter
from matplotlib.transforms import Bbox

from loyalty_helpers.core import findings
from loyalty_helpers.core.findings import Effect, amount, capital, chance, count, difference, number
from loyalty_helpers.evaluation.driver_analysis import key_drivers_sentence
from loyalty_helpers.evaluation.till import MIN_JOINERS
from loyalty_helpers.evaluation.trends import placebo_sentence
from loyalty_helpers.ingest import themes
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    CAUTION,
    GREY,
    INK,
    PALE,
    Chart,
    break_even_line,
    canvas,
    nothing,
    numbers,
    percent_axis,
)

BALANCED = 0.1  # standardised difference below which a covariate counts as balanced (Austin 2009)
LIFTS = (0.1, 0.2, 0.3)
DOUBLING = 1.0  # smallest lifts beyond it are said in words: drawn, they would press all others together
FURTHEST = 2.0  # a lift up to which intervals are drawn whole
WIDEST_RATIO = 8.0  # and a ratio
ARROW = "Arrow: the interval goes on beyond the picture."


# ---------------------------------------------------------------- rows with intervals
class Row(NamedTuple):
    """An estimate with its interval, whose ends may be missing or infinite, as one row of a picture."""

    label: str
    estimate: float
    low: float
    high: float

    @property
    def covers_nil(self) -> bool:
        """Also without an interval: then nothing is ruled out."""
        return not (self.low > 0 or self.high < 0)


def _rows(table: pd.DataFrame, labels: Sequence[str]) -> list[Row]:
    return [Row(label, *map(float, values)) for label, *values in zip(
        labels, table["estimate"], table["low"], table["high"], strict=True)]


def _of(effect: Effect, label: str = "") -> Row:
    return Row(label or capital(effect.label), effect.estimate, effect.low, effect.high)


def _value(row: Row) -> str:
    return difference(row.estimate, "lift", digits=findings.digits_for(row.low, row.high, "lift"))


def _said(row: Row) -> str:
    """ "Weeks 1 to 4: +18 % (interval −2 % to +42 %)"."""
    digits = findings.digits_for(row.low, row.high, "lift")
    low, high = ("no limit" if isinf(end) else difference(end, "lift", digits=digits) for end in (row.low, row.high))
    between = "no interval" if np.isnan(row.low) or np.isnan(row.high) else f"interval {low} to {high}"
    return f"{capital(row.label)}: {_value(row)} ({between})"


def _limits(rows: Sequence[Row], *marks: float, furthest: float = FURTHEST) -> tuple[float, float]:
    """Limits of an axis that show nil, all estimates and `marks`, and the intervals' ends as far as `furthest`."""
    needed = [0.0, *(row.estimate for row in rows), *filter(isfinite, marks)]
    ends = [end for row in rows for end in (row.low, row.high) if isfinite(end)]
    low, high = min(needed + [max(end, -furthest) for end in ends]), max(needed + [min(end, furthest) for end in ends])
    margin = 0.05 * (high - low) or 0.1
    return low - margin, high + margin


def _whisker(ax: Axes, at: float, row: Row, limits: tuple[float, float], *, upright: bool = False, color: str = ACCENT,
             hollow: bool = False, width: float = 2.4) -> None:
    """The interval as a line, the estimate as a dot: lying at height `at`, or upright at `at` to the right."""

    def plot(values: Sequence[float], style: str = "-", **options) -> None:
        at_all = [at] * len(values)
        ax.plot(*((at_all, values) if upright else (values, at_all)), style, color=color, **options)

    low, high = np.clip([row.low, row.high], *limits)
    plot([low, high], linewidth=width, solid_capstyle="butt", zorder=2)
    for drawn, end, marker in ((low, row.low, "<v"), (high, row.high, ">^")):
        if not np.isnan(end) and drawn != end:
            plot([drawn], marker[upright], markersize=7, clip_on=False)
    plot([row.estimate], "o", markersize=7, markerfacecolor="white" if hollow else color, markeredgewidth=1.6, zorder=3)


def _beyond(rows: Sequence[Row], limits: tuple[float, float]) -> str:
    """The word on arrows, where there are any."""
    return ARROW if any(row.low < limits[0] or row.high > limits[1] for row in rows) else ""


def _names(ax: Axes, labels: Sequence[str], *, width: int = 34) -> None:
    """Names of the rows, first on top, wrapped; names from clients' files may hold signs that look like formulas."""
    lines = ["\n".join(textwrap.fill(line, width) for line in capital(label).split("\n")) for label in labels]
    ax.set_yticks(range(len(labels) - 1, -1, -1), lines, parse_math=False)
    ax.set_ylim(-0.6, max(len(labels), 2) - 0.4)


def _lift_axis(ax: Axes, limits: tuple[float, float], label: str) -> None:
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    ax.set(xlim=limits, xlabel=label)
    percent_axis(ax.xaxis, signed=True)
    ax.grid(axis="x")


def _decimals(axis: Axis, digits: int, *, signed: bool = False) -> None:
    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, digits, signed=signed)))


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _sentences(*parts: str) -> str:
    """One paragraph, each part once."""
    return " ".join(dict.fromkeys(part if part.endswith(".") else f"{part}." for part in parts if part))


# ---------------------------------------------------------------- members at the till
def since_joining(table: pd.DataFrame, effect: Effect | None = None) -> Chart:
    """The lift by weeks since joining (`till.since_joining`): weeks, estimate, low, high, joiners.

    That the lift changes with time is said only where the last interval lies clear of the first, and not where
    `effect`, the headline, should not be relied on.
    """
    table = table[np.isfinite(table["estimate"].astype(float))]
    if table.empty:
        return nothing("The lift by weeks since joining cannot be had: too few joiners, or too few weeks of orders.")
    rows = _rows(table, [f"weeks {weeks}" for weeks in table["weeks"]])
    limits = _limits(rows)
    figure, ax = canvas(3.0)
    for at, row in enumerate(rows):
        _whisker(ax, at, row, limits, upright=True, color=GREY if row.covers_nil else ACCENT)
    ax.axhline(0, color=INK, linewidth=1, zorder=1)
    ax.set_xticks(range(len(rows)), [f"{row.label}\n{count(int(n), 'joiner')}"
                                     for row, n in zip(rows, table["joiners"], strict=True)])
    ax.set(xlim=(-0.6, len(rows) - 0.4), ylim=limits, xlabel="time since joining",
           ylabel=f"lift in {effect.outcome if effect else 'orders'} per member")
    percent_axis(ax.yaxis, signed=True)
    ax.grid(axis="y")
    title = _course(rows, effect)
    return Chart(figure, title, _sentences("Lift by weeks since joining, with intervals", title, *map(_said, rows)),
                 note=_sentences("Grey: the interval covers no lift." if any(row.covers_nil for row in rows) else "",
                                 _beyond(rows, limits)))


def _course(rows: Sequence[Row], effect: Effect | None) -> str:
    first, last = rows[0], rows[-1]
    if effect is not None and effect.refused:
        return "The lift by weeks since joining, not to be relied on: " + effect.refused
    if last.high < first.low or last.low > first.high:
        course = "falls" if last.high < first.low else "rises"
        return (f"The lift {course} with time: {_value(first)} in {first.label} since joining, {_value(last)} in "
                f"{last.label}")
    if all(row.covers_nil for row in rows) and (effect is None or effect.covers_zero):
        when = "any of the weeks" if len(rows) > 1 else first.label
        return f"No evidence of a lift in {when} since joining"
    if len(rows) == 1:
        return f"Lift in {first.label} since joining: {_value(first)}"
    return "No evidence that the lift changes with time since joining"


def balance(table: pd.DataFrame) -> Chart:
    """Love plot of `DoublyRobust.balance`: covariate, before, after (standardised differences, joiners minus others).

    Of a covariate that enters in several forms (logarithm, square root) the form that is balanced worst is shown.
    """
    if table.empty:
        return nothing("How alike joiners and other buyers are cannot be shown: there was nothing to weight.")
    plain = table["covariate"].str.replace(r" \((log|square root)\)$|, squared$", "", regex=True)
    worst = (table.assign(covariate=plain, worst=table["after"].fillna(table["before"]).abs())
             .sort_values("worst", ascending=False).drop_duplicates("covariate"))
    rows = worst.assign(size=worst["before"].abs()).sort_values("size", ascending=False, kind="stable")
    figure, ax = canvas(1.05 + 0.36 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    ax.axvspan(-BALANCED, BALANCED, color=PALE, alpha=0.6, linewidth=0)
    ax.axvline(0, color=INK, linewidth=1)
    ax.hlines(y, rows["before"], rows["after"], color=GREY, linewidth=1, zorder=2)
    ax.plot(rows["before"], y, "o", color=GREY, markerfacecolor="white", markeredgewidth=1.6, markersize=7,
            label="before weighting", zorder=3)
    ax.plot(rows["after"], y, "o", color=ACCENT, markersize=7, label="after weighting", zorder=4)
    _names(ax, list(rows["covariate"]))
    reach = 1.1 * max(2 * BALANCED, np.nanmax(rows[["before", "after"]].abs().to_numpy(dtype=float), initial=0))
    ax.set(xlim=(-reach, reach), xlabel="joiners minus other buyers (standard deviations)")
    _decimals(ax.xaxis, 2, signed=True)
    figure.legend(loc="outside upper right", ncols=2)
    title = _balance_claim(rows)
    said = [f"{capital(name)}: {number(was, 2, signed=True)} before, {number(now, 2, signed=True)} after"
            for name, was, now in zip(rows["covariate"], rows["before"], rows["after"], strict=True)]
    return Chart(figure, title, _sentences("Differences of joiners from other buyers, in standard deviations", title,
                                           *said),
                 note=f"Shaded: differences under {BALANCED:g} standard deviations, which count as alike.")


def _balance_claim(rows: pd.DataFrame) -> str:
    if rows["after"].isna().any():
        return "Joiners and other buyers could not be made alike by weighting"
    apart = list(rows.loc[rows["after"].abs() > BALANCED, "covariate"])
    if apart:
        return f"Joiners and other buyers still differ after weighting in {_and(apart)}"
    differed = int((rows["before"].abs() > BALANCED).sum())
    before = f"; before, they differed in {number(differed)} of them" if differed else ""
    return f"After weighting, joiners and other buyers are alike in all {count(len(rows), 'thing')} compared{before}"


def overlap(table: pd.DataFrame) -> Chart:
    """How alike the groups are: quantiles of the chance to join (`DoublyRobust.overlap`: quantile, joiners, others)."""
    if table.empty:
        return nothing("How alike joiners and other buyers are cannot be shown: no chance to join was estimated.")
    quantiles = table.set_index("quantile").sort_index()
    figure, ax = canvas(1.75)
    for y, (group, color) in enumerate({"others": GREY, "joiners": ACCENT}.items()):
        for low, high, width in ((0, 1, 1), (0.05, 0.95, 3), (0.25, 0.75, 10)):
            ax.plot(quantiles.loc[[low, high], group], [y, y], color=color, linewidth=width, solid_capstyle="butt")
        ax.plot(quantiles.loc[0.5, group], y, "o", color=color, markerfacecolor="white", markeredgewidth=1.6,
                markersize=8)
    _names(ax, ["joiners", "other buyers"])
    ax.set(xlim=(0, min(1.0, 1.08 * quantiles.to_numpy().max()) or 1.0), xlabel="chance to join at such an order")
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    said = []
    for group, words in {"joiners": "joiners", "others": "other buyers"}.items():
        low, middle, high = (amount(value, "share", digits=0) for value in quantiles.loc[[0.25, 0.5, 0.75], group])
        said.append(f"Half of the {words} between {low} and {high}, around {middle}")
    title = _overlap_claim(quantiles)
    return Chart(figure, title, _sentences("Chance to join, by group", title, *said),
                 note="Dot: the middle; thick: half of the group; thinner: nine of ten; hairline: all.")


def _overlap_claim(quantiles: pd.DataFrame) -> str:
    """How many joiners lie within the range of the others, read off between the quantiles."""
    ends = quantiles["others"].iloc[[0, -1]] + np.array([-1e-9, 1e-9])  # equal chances count as shared
    within = np.interp(ends, quantiles["joiners"], quantiles.index, left=0, right=1)
    share = float(within[1] - within[0])
    rest = "of the joiners had a chance to join that some other buyers had too"
    return f"Nearly all {rest}" if share > 0.99 else f"About {amount(share, 'share', digits=0)} {rest}"


def both_estimates(effect: Effect, *, break_even: float = float("nan")) -> Chart:
    """The headline and its cross-check on one axis."""
    other = effect.cross_check
    shown = [one for one in (effect, other) if one is not None and one.measurable]
    if not shown:
        return nothing(effect.title)
    rows = [_of(one) for one in shown]
    limits = _limits(rows, break_even)
    figure, ax = canvas(1.0 + 0.45 * max(len(rows), 2))
    for y, one, row in zip(range(len(rows) - 1, -1, -1), shown, rows, strict=True):
        _whisker(ax, y, row, limits, color=GREY if one.refused else ACCENT, hollow=bool(one.refused),
                 width=4 if one is effect else 2.4)
    _names(ax, [row.label for row in rows], width=26)
    _lift_axis(ax, limits, f"lift in {effect.outcome} per member")
    break_even_line(ax, break_even)
    title = effect.title
    if len(shown) == 2 and not any(one.refused for one in shown):
        overlaps = effect.low <= other.high and other.low <= effect.high
        title += f"; the cross-check {'does not contradict this' if overlaps else 'contradicts this'}"
    missing = [capital(one.claim) for one in (effect, other) if one is not None and not one.measurable]
    hollow = "Hollow grey: not to be relied on." if any(one.refused for one in shown) else ""
    said = [f"{row.label}: {one.sentence}" for row, one in zip(rows, shown, strict=True)]
    return Chart(figure, title, _sentences(f"Estimates with {effect.level} intervals", title, *said, *missing),
                 note=_sentences(*missing, hollow, _beyond(rows, limits)))


# ---------------------------------------------------------------- the whole shop
def placebo_launches(table: pd.DataFrame, effect: Effect) -> Chart:
    """Pretended launches (`trends.placebo_launches`) above the real one, `effect` of `trends.trend`."""
    table = table[np.isfinite(table["estimate"].astype(float))]
    if table.empty:
        return nothing(placebo_sentence(table, effect))
    rows = _rows(table, [f"pretended, {day.day} {day:%b %Y}" for day in table["launched_on"]])
    real = [_of(effect, "the real launch")] if effect.measurable else []
    limits = _limits(rows + real)
    figure, ax = canvas(0.8 + 0.34 * max(len(rows + real), 2))
    for y, row in zip(range(len(rows) + len(real) - 1, -1, -1), rows + real, strict=True):
        if row in real:
            _whisker(ax, y, row, limits, width=4)
        else:
            _whisker(ax, y, row, limits, hollow=True, color=GREY if row.covers_nil else CAUTION)
    if real:
        ax.axhline(0.5, color=PALE, linewidth=1)
    _names(ax, [row.label for row in rows + real])
    _lift_axis(ax, limits, "whole shop against its trend")
    wrong = sum(not row.covers_nil for row in rows)
    title = _pretended(len(rows), wrong)
    return Chart(figure, title, _sentences("Pretended launches and the real one, with intervals", title,
                                           placebo_sentence(table, effect), *map(_said, rows + real)),
                 note=_sentences("Hollow: dates without a launch, where nothing should be seen.",
                                 "Amber: a change is seen all the same." if wrong else "",
                                 _beyond(rows + real, limits)))


def _pretended(dates: int, wrong: int) -> str:
    ends = "a change where there was no program" if wrong else "nothing, as {} should"
    if dates == 1:
        return f"The one pretended launch shows {ends.format('it')}"
    one = wrong == 1
    return f"{number(wrong or dates)} of {dates} pretended launches {'shows' if one else 'show'} {ends.format('they')}"


# ---------------------------------------------------------------- money
def break_even_curve(table: pd.DataFrame, effect: Effect | None = None) -> Chart:
    """What the program brings against the lift (`payoff.break_even_curve`: lift and profit; the rest in its attrs).

    The interval of `effect`, the one the table was made with, is shaded; where it may not be counted by, or there is
    none, only the curve is drawn.
    """
    if table.empty:
        return nothing("What a lift is worth cannot be counted: it takes a gross margin, costs, and members' spending.")
    bar, currency = table.attrs["break_even"], table.attrs["currency"]
    believed = effect if effect is not None and isfinite(table.attrs["estimate"]) else None
    row = _of(believed) if believed else Row("", 0.0, float("nan"), float("nan"))
    # the curve drops without end towards a lift of -1, and flattens for large ones
    left = max(table["lift"].min(), min(-0.4, row.estimate - 0.1))
    right = min(table["lift"].max(), max(DOUBLING, row.estimate * 1.2, 2 * bar if isfinite(bar) else 0))
    drawn = table[table["lift"].between(left, right)]
    figure, ax = canvas(3.1)
    if believed and not np.isnan([row.low, row.high]).any():
        ax.axvspan(*np.clip([row.low, row.high], left, right), color=PALE, alpha=0.7, linewidth=0, zorder=0)
    ax.axhline(0, color=INK, linewidth=1, zorder=1)
    ax.plot(drawn["lift"], drawn["profit"], color=ACCENT, linewidth=2.2, zorder=2)
    if believed:
        ax.plot([row.estimate], [np.interp(row.estimate, table["lift"], table["profit"])], "o", color=ACCENT,
                markersize=8, zorder=3)
    ax.set(xlim=(left, right), xlabel="lift: what members buy more than without the program",
           ylabel=f"extra margin less all costs ({currency})")
    break_even_line(ax, bar)
    percent_axis(ax.xaxis, signed=True)
    numbers(ax.yaxis)
    ax.grid(axis="y")
    title = _pays(bar, believed)
    above = believed.chance_above(bar) if believed and isfinite(bar) else float("nan")
    sure = "" if np.isnan(above) else f"Chance that the lift is above what pays: {chance(above)}"
    seen = believed.sentence if believed else ""
    about = f"Extra margin less all costs in {currency} against the lift"
    return Chart(figure, title, _sentences(about, title, seen, sure),
                 note=_sentences("Shaded: the interval of the lift; dot: the best estimate" if believed else "", sure))


def _pays(bar: float, effect: Effect | None) -> str:
    if bar == inf:
        return "No lift could pay for the program: it cost more than the whole margin on what members spent"
    needed = difference(bar, "lift", digits=1)
    if effect is None or not effect.interval:
        return f"The program pays for itself from a lift of {needed}"
    between = f"from {effect.interval}"
    if effect.low > bar or effect.high < bar:
        side = "above" if effect.low > bar else "below"
        return f"The whole interval of the lift, {between}, lies {side} the {needed} that pay for the program"
    return f"Whether the program pays for itself cannot be told: it takes {needed}, and the interval goes {between}"


def segments_gain(table: pd.DataFrame) -> Chart:
    """Who gets the rewards (`payoff.by_segment`): share of members beside share of rewards, in the table's order."""
    rows = table.dropna(subset=["members_share", "rewards_share"])
    if rows.empty:
        return nothing("There are no rewards to share out among members.")
    figure, ax = canvas(1.1 + 0.45 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    ax.hlines(y, rows["members_share"], rows["rewards_share"], color=PALE, linewidth=4, zorder=1)
    ax.plot(rows["members_share"], y, "o", color=INK, markerfacecolor="white", markersize=7, label="share of members")
    ax.plot(rows["rewards_share"], y, "o", color=ACCENT, markersize=7, label="share of rewards")
    _names(ax, [f"{row.segment}\n{row.orders_before} orders" for row in rows.itertuples()])
    ax.set(xlim=(min(0, rows["rewards_share"].min() - 0.03), None), xlabel="share of all members, share of all rewards")
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=2)
    said = [f"{capital(str(name))}: {amount(share, 'share', digits=0)} of members, "
            f"{amount(rewards, 'share', digits=0)} of rewards"
            for name, share, rewards in zip(rows["segment"], rows["members_share"], rows["rewards_share"], strict=True)]
    most = int((rows["rewards_share"] - rows["members_share"]).to_numpy().argmax())
    return Chart(figure, said[most], _sentences("Share of members and share of rewards by segment", *said),
                 note="Segments by orders in the 52 weeks before joining.")


# ---------------------------------------------------------------- what goes with loyalty
def drivers(table: pd.DataFrame, *, outcome: str = "buys again") -> Chart:
    """Ranked dot plot of `driver_analysis.drivers`: ratios on a log axis, grey where the interval covers 1."""
    rows = table[table["outcome"] == outcome]
    told, untold = (rows[rows["estimate"].notna() == known] for known in (True, False))
    goes = {"buys again": "buying again or not", "orders": "more or fewer orders"}[outcome]
    if told.empty:
        return nothing(_sentences(f"What goes with {goes} cannot be told", *rows["sentence"].head(1)))
    with np.errstate(divide="ignore"):  # an interval may begin at 0
        logs = _rows(told.assign(**np.log(told[["estimate", "low", "high"]])), list(told["driver"]))
    limits = _limits(logs, furthest=np.log(WIDEST_RATIO))
    figure, ax = canvas(0.8 + 0.36 * max(len(logs), 2))
    # logs decide where the picture ends, ratios are what is drawn
    for y, row in zip(range(len(logs) - 1, -1, -1), logs, strict=True):
        color = GREY if row.covers_nil else ACCENT
        _whisker(ax, y, Row(row.label, *np.exp(row[1:])), tuple(np.exp(limits)), color=color)
    ax.axvline(1, color=INK, linewidth=1, zorder=1)
    _names(ax, [row.label for row in logs], width=30)
    ax.set(xscale="log", xlim=np.exp(limits), xlabel=f"{told['measure'].iloc[0]} (1: no link)")
    _ratio_ticks(ax)
    ax.grid(axis="x")
    clear = [row.label for row in logs if not row.covers_nil]
    unclear = [row.label for row in logs if row.covers_nil]
    looked_at = f"{count(len(logs), 'thing')} looked at"
    title = (f"Of {looked_at}, {number(len(clear))} clearly {'goes' if len(clear) == 1 else 'go'} with {goes}; "
             f"strongest: {clear[0]}" if clear else f"Nothing of {looked_at} clearly goes with {goes}")
    links = told.loc[told["driver"].isin(clear), "sentence"]
    no_link = f"No clear link: {', '.join(unclear)}" if unclear else ""
    return Chart(
        figure, title, _sentences("Ranked dot plot with intervals", title, *links, no_link),
        note=_sentences("Each beside the others, per standard deviation more or yes against no",
                        "What goes together need not depend on each other", "Grey: no clear link" if unclear else "",
                        f"Cannot be told: {', '.join(untold['driver'])}" if len(untold) else "", _beyond(logs, limits)))


def _ratio_ticks(ax: Axes) -> None:
    """Round ratios, a few of them whatever the width of the axis."""
    low, high = ax.get_xlim()
    width = high / low
    ax.xaxis.set_major_locator(MaxNLocator(5) if width < 2.5 else LogLocator(
        subs=(1, 2, 5) if width > 6 else (1, 1.5, 2, 3, 5, 7)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", which="minor", bottom=False)


def key_driver_quadrant(table: pd.DataFrame) -> Chart:
    """Importance against performance of each rated thing (`driver_analysis.key_drivers`), cut at the means."""
    rows = table.dropna(subset=["importance", "performance"]) if len(table) else table
    if rows.empty:
        return nothing("What to look at first cannot be told: too few answers rate single things and the whole shop.")
    figure, ax = canvas(4.2)
    known = {"cannot tell": GREY, "fix first": CAUTION}
    for row in rows.itertuples():
        color = known.get(row.quadrant, ACCENT)
        ax.plot([row.importance_low, row.importance_high], [row.performance] * 2, color=PALE, linewidth=2, zorder=1)
        ax.plot([row.importance] * 2, [row.performance_low, row.performance_high], color=PALE, linewidth=2, zorder=1)
        ax.plot(row.importance, row.performance, "o", color=color, markersize=8, zorder=3,
                markerfacecolor="white" if row.quadrant == "cannot tell" else color, markeredgewidth=1.6)
    cuts = [ax.axvline(rows["importance_cut"].iloc[0], color=GREY, linewidth=1, linestyle=(0, (4, 2))),
            ax.axhline(rows["performance_cut"].iloc[0], color=GREY, linewidth=1, linestyle=(0, (4, 2)))]
    ax.margins(0.12)
    ax.set(xlabel="importance: correlation with the answer on the whole",
           ylabel="rating (0 % worst, 100 % best)")
    _decimals(ax.xaxis, 2)
    percent_axis(ax.yaxis)
    corners = {"fine as it is": (0, 1), "keep up": (1, 1), "watch": (0, 0), "fix first": (1, 0)}
    named = [ax.annotate(words, corner, xycoords="axes fraction", xytext=[3 - 6 * side for side in corner],
                         textcoords="offset points", ha=("left", "right")[corner[0]], va=("bottom", "top")[corner[1]],
                         style="italic", fontsize=9) for words, corner in corners.items()]
    place_labels(ax, [(row.driver, row.importance, row.performance) for row in rows.itertuples()], [*cuts, *named])
    first = list(rows.loc[rows["quadrant"] == "fix first", "driver"])
    placed = rows[rows["quadrant"] != "cannot tell"]
    title = (f"Fix first: {_and(first)}" if first else
             "Nothing that was rated clearly calls to be fixed first" if len(placed) else
             f"Which of {count(len(rows), 'rated thing')} to look at first cannot be told from the answers so far")
    left_out = table.loc[~table.index.isin(rows.index), "driver"]
    return Chart(figure, title, _sentences("Scatter of importance and rating", title, key_drivers_sentence(table),
                                           *rows["sentence"]),
                 note=_sentences("Dashed: the means of all that was rated; pale lines: intervals.",
                                 "Hollow: an interval crosses a mean, so the corner cannot be told."
                                 if len(placed) < len(rows) else "",
                                 f"Cannot be told: {', '.join(left_out)}." if len(left_out) else ""))


def mentions(rows: pd.DataFrame) -> Chart:
    """Bars of what the comments mention (one question of `themes.by_question`), each with its interval."""
    rows = rows[(rows["group"] == themes.EVERYBODY) & ~rows["theme"].isin([themes.NONE, themes.BLANK])]
    n = int(rows["n"].max()) if len(rows) else 0
    rows = rows[rows["answers"] > 0]
    if rows.empty:
        return nothing("No comment mentions a theme of the lists.")
    figure, ax = canvas(0.8 + 0.33 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    ax.barh(y, rows["share"], height=0.62, color=ACCENT)
    ax.hlines(y, rows["low"], rows["high"], color=INK, linewidth=1.4)
    _names(ax, list(rows["theme"]))
    ax.set(xlim=(0, None), xlabel="share of the comments that mention it")
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    shares = rows[["share", "low", "high"]].map(lambda share: amount(share, "share", digits=0))
    said = [f"{capital(theme)}: {share} ({low} to {high})"
            for theme, share, low, high in zip(rows["theme"], *shares.to_numpy().T, strict=True)]
    title = f"{shares['share'].iloc[0]} of {count(n, 'comment')} mention {rows['theme'].iloc[0]}"
    return Chart(figure, title, _sentences(f"Bar chart with intervals. {title}", *said),
                 note="Lines: intervals. These are mentions, not opinions: “not expensive” and “too expensive” both "
                      "mention the price.")


def place_labels(ax: Axes, points: Sequence[tuple[str, float, float]], taken: Sequence) -> None:
    """Name each point beside it, or further away with a line to it, clear of the other names, the points and `taken`.

    Each name takes the nearest free of 48 places; where none is free, the one that hides least.
    """
    figure = ax.figure
    figure.draw_without_rendering()  # only then are sizes known
    pixels = figure.dpi / 72
    dots = [ax.transData.transform((x, y)) for _, x, y in points]
    occupied = [artist.get_window_extent().padded(2 * pixels) for artist in taken]
    occupied += [Bbox.from_bounds(x - 7 * pixels, y - 7 * pixels, 14 * pixels, 14 * pixels) for x, y in dots]
    frame = ax.get_window_extent()
    for (name, x, y), dot in zip(points, dots, strict=True):
        text = ax.annotate(textwrap.fill(name, 22), (x, y), xytext=(0, 0), textcoords="offset points", fontsize=10,
                           parse_math=False, ha="center", va="center", zorder=4,
                           bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8})
        size = text.get_window_extent()
        best = min(_places(size.width, size.height, pixels), key=lambda place, dot=dot, size=size: _hidden(
            Bbox.from_bounds(*(dot + place - (size.width / 2, size.height / 2)), size.width, size.height),
            occupied, frame))
        text.set_position(best / pixels)
        if np.hypot(*(np.abs(best) - (size.width / 2, size.height / 2)).clip(0)) > 14 * pixels:
            ax.annotate("", (x, y), xytext=best / pixels, textcoords="offset points", zorder=2,
                        arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.8, "shrinkB": 5})
        occupied.append(text.get_window_extent())


def _places(width: float, height: float, pixels: float) -> list[np.ndarray]:
    """Where a name's middle can stand, from its point: the near places first."""
    directions = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
    return [np.array([dx * (width / 2 + gap), dy * (height / 2 + gap)])
            for gap in np.array([8, 16, 26, 38, 52, 68]) * pixels for dx, dy in directions]


def _hidden(box: Bbox, occupied: Sequence[Bbox], frame: Bbox) -> float:
    """Area that `box` shares with what is there already, or has outside the frame."""
    shared = [Bbox.intersection(box, other) for other in occupied]
    inside = Bbox.intersection(box, frame)
    return (sum(part.width * part.height for part in shared if part)
            + box.width * box.height - (inside.width * inside.height if inside else 0))


# ---------------------------------------------------------------- can this shop know?
def power(table: pd.DataFrame) -> Chart:
    """The smallest lift that each design of `power.power_table` could find; what cannot be drawn is said in words."""
    smallest = table["smallest_lift"].astype(float)
    known = np.isfinite(smallest) & ~(table["rung"].eq(3) & table["customers"].lt(MIN_JOINERS))
    rows = table[known & (smallest <= DOUBLING)]
    words = [f"{capital(row.design)}: only a lift of {difference(row.smallest_lift, 'lift')} or more" if of_size else
             f"{capital(row.design)}: cannot be said. {row.note}"
             for row, of_size in zip(table.itertuples(), known, strict=True) if row.Index not in rows.index]
    if rows.empty:
        return nothing(_sentences("No design could find less than a doubling in this shop so far", *words))
    figure, ax = canvas(0.95 + 0.44 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    right = max(0.4, rows["smallest_lift"].max() * 1.2)
    for lift in LIFTS:
        ax.axvline(lift, color=GREY, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    ax.hlines(y, 0, rows["smallest_lift"], color=PALE, linewidth=3, zorder=1)
    for at, row in zip(y, rows.itertuples(), strict=True):
        color = ACCENT if row.rung >= 3 else GREY
        ax.plot(row.smallest_lift, at, "o", color=color, markerfacecolor=color if row.rung >= 3 else "white",
                markersize=8, markeredgewidth=1.6, zorder=3)
        ax.annotate(difference(row.smallest_lift, "lift"), (row.smallest_lift, at), xytext=(8, 0), va="center",
                    textcoords="offset points", zorder=4,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85})
    _names(ax, list(rows["design"]))
    ax.set(xlim=(0, right), xlabel="smallest lift that would be found (four times out of five)")
    percent_axis(ax.xaxis, signed=True)
    ax.xaxis.set_major_locator(MultipleLocator(0.1 if right < 0.5 else 0.2))
    title = _reachable(rows)
    said = [f"{capital(row.design)}: {difference(row.smallest_lift, 'lift')}" for row in rows.itertuples()]
    grey = "Hollow grey: sees a change, whatever made it change." if (rows["rung"] < 3).any() else ""
    return Chart(figure, title, _sentences("Smallest lift by design", title, *said, *words),
                 note=_sentences("Dashed: lifts of 10, 20 and 30 %.", grey, *words))


def _reachable(rows: pd.DataFrame) -> str:
    telling = rows[rows["rung"] >= 3]
    if telling.empty:
        return "No design that tells the program from other changes could find less than a doubling so far"
    best = telling.loc[telling["smallest_lift"].idxmin()]
    return (f"The smallest lift that this shop could find: {difference(best['smallest_lift'], 'lift')}, "
            f"by {'a ' if best['design'].startswith('random') else ''}{best['design']}")
