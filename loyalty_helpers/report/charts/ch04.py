"""The charts of chapter 04: the comparisons, the whole shop, and the money.

The title is a computed claim, neutral wherever the interval covers nil; a table with nothing to draw gives a Chart
without a figure, whose title says why. Estimates without an interval are drawn as dots alone, and an end too far out to
draw (or infinite) as an arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import inf, isfinite, isinf, isnan

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from loyalty_helpers.core.findings import NAN, UNITS, Change, Effect, digits_for
from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.evaluation.said import counted, joined, lift, percent, sentence, yes
from loyalty_helpers.evaluation.till import MIN_JOINERS
from loyalty_helpers.evaluation.trends import placebo_sentence
from loyalty_helpers.report.charts.ch00 import forest
from loyalty_helpers.report.charts.fairness import balance, overlap
from loyalty_helpers.report.charts.loyalty import drivers, key_drivers, mentions
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    CAUTION,
    GREY,
    INK,
    PALE,
    Chart,
    Row,
    break_even_line,
    canvas,
    dates,
    interval,
    launch_line,
    names,
    nothing,
    numbers,
    percent_axis,
    rows_axis,
)
from loyalty_helpers.report.wording import findings as wording
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.numbers import day, difference

__all__ = ["balance", "both_estimates", "break_even_curve", "changes", "drivers", "forest", "key_drivers", "mentions",
           "overlap", "placebo_launches", "power", "segments_gain", "since_joining", "trend", "trend_effects"]

LIFTS = (0.1, 0.2, 0.3)
DOUBLING = 1.0  # smallest lifts beyond it are said in words: drawn, they would press all others together
FURTHEST = 2.0  # a lift up to which intervals are drawn whole


# ---------------------------------------------------------------- rows with intervals
def _covers_nil(row: Row) -> bool:
    """Also without an interval: then nothing is ruled out."""
    return not (row.low > 0 or row.high < 0)


def _value(row: Row) -> Number:
    return lift(row.estimate, digits_for(row.low, row.high, "lift"))


def _row_said(label: Message, row: Row) -> Message:
    """ "Weeks 1 to 4: +18 % (interval −2 % to +42 %)"."""
    digits = digits_for(row.low, row.high, "lift")
    low, high = (message("no-limit") if isinf(end) else lift(end, digits) for end in (row.low, row.high))
    return message("row-of-chart", label=label, value=_value(row), low=low, high=high,
                   bounded=yes(not (isnan(row.low) or isnan(row.high))))


def _limits(rows: Sequence[Row], *marks: float) -> tuple[float, float]:
    """Limits of an axis that show nil, all estimates and `marks`, and the intervals' ends as far as FURTHEST."""
    needed = [0.0, *(row.estimate for row in rows), *filter(isfinite, marks)]
    ends = [end for row in rows for end in (row.low, row.high) if isfinite(end)]
    low = min(needed + [max(end, -FURTHEST) for end in ends])
    high = max(needed + [min(end, FURTHEST) for end in ends])
    margin = 0.05 * (high - low) or 0.1
    return low - margin, high + margin


def _beyond(rows: Sequence[Row], limits: tuple[float, float]) -> Message | None:
    """The word on arrows, where there are any."""
    outside = any(row.low < limits[0] or row.high > limits[1] for row in rows)
    return message("note-arrow") if outside else None


def _lift_axis(ax: Axes, labels: Sequence[Message], limits: tuple[float, float], label: str) -> None:
    rows_axis(ax, [message("capital", said=one) for one in labels], label, width=34)
    ax.set(xlim=limits)
    percent_axis(ax.xaxis, signed=True)


def _rows(table: pd.DataFrame) -> list[Row]:
    """The rows of a table that have an estimate; what has none is not drawn."""
    return list(table[np.isfinite(table["estimate"].astype(float))].itertuples())


# ---------------------------------------------------------------- members at the till
def since_joining(table: pd.DataFrame, effect: Effect) -> Chart:
    """The lift by weeks since joining (`till.since_joining`).

    That the lift changes with time is said only where the last interval lies clear of the first, and not where
    `effect`, the headline, should not be relied on.
    """
    rows = _rows(table)
    if not rows:
        return nothing(message("since-nothing"))
    labels, limits = [message("since-weeks", first=row.first, last=row.last) for row in rows], _limits(rows)
    figure, ax = canvas(3.0)
    for at, row in enumerate(rows):
        interval(ax, at, row, limits=limits, upright=True, color=GREY if _covers_nil(row) else ACCENT)
    ax.axhline(0, color=INK, linewidth=1, zorder=1)
    ax.set_xticks(range(len(rows)), [f"{words(one)}\n{words(counted(row.joiners, 'joiner'))}"
                                     for one, row in zip(labels, rows, strict=True)])
    ax.set(xlim=(-0.6, len(rows) - 0.4), ylim=limits, xlabel=text("since-axis"),
           ylabel=text("lift-axis", outcome=effect.outcome))
    percent_axis(ax.yaxis, signed=True)
    ax.grid(axis="y")
    title = _course(labels, rows, effect)
    said = [sentence(_row_said(*one)) for one in zip(labels, rows, strict=True)]
    return Chart(figure, title, joined([message("since-alt"), sentence(title), *said]),
                 note=joined([message("note-grey-nil") if any(map(_covers_nil, rows)) else None,
                              _beyond(rows, limits)]))


def _course(labels: Sequence[Message], rows: Sequence[Row], effect: Effect) -> Message:
    first, last = rows[0], rows[-1]
    facts = {"first": _value(first), "first-weeks": labels[0], "last": _value(last), "last-weeks": labels[-1]}
    if effect.refused:
        return message("since-refused", why=effect.refused)
    if last.high < first.low or last.low > first.high:
        return message("since-falls" if last.high < first.low else "since-rises", **facts)
    if all(map(_covers_nil, rows)) and effect.covers_zero:
        return message("since-none", any=yes(len(rows) > 1), **facts)
    return message("since-one" if len(rows) == 1 else "since-steady", **facts)


def both_estimates(effect: Effect, *, break_even: float = NAN) -> Chart:
    """The headline and its cross-check on one axis."""
    both = [one for one in (effect, effect.cross_check) if one is not None]
    shown, missing = ([one for one in both if one.measurable == known] for known in (True, False))
    if not shown:
        return nothing(wording.title(effect))
    limits = _limits(shown, break_even)
    figure, ax = canvas(1.0 + 0.45 * max(len(shown), 2))
    for y, one in zip(range(len(shown) - 1, -1, -1), shown, strict=True):
        interval(ax, y, one, limits=limits, color=GREY if one.refused else ACCENT, hollow=bool(one.refused),
                 width=4 if one is effect else 2.4)
    _lift_axis(ax, [one.label for one in shown], limits, text("lift-axis", outcome=effect.outcome))
    break_even_line(ax, break_even)
    title, other = wording.title(effect), effect.cross_check
    if len(shown) == 2 and not any(one.refused for one in shown):
        overlap = effect.low <= other.high and other.low <= effect.high
        title = message("both-title", claim=title, agree=yes(overlap))
    lost = [sentence(wording.claim(one)) for one in missing]
    said = [message("both-row", x=one, said=wording.sentence(one)) for one in shown]
    hollow = message("note-hollow-refused") if any(one.refused for one in shown) else None
    return Chart(figure, title, joined([message("both-alt", level=wording.level(effect)), sentence(title), *said,
                                        *lost]), note=joined([*lost, hollow, _beyond(shown, limits)]))


# ---------------------------------------------------------------- the whole shop
def trend(fit: pd.DataFrame, effect: Effect, *, launched_on: date | None) -> Chart:
    """Weekly orders, and what the trend before the launch predicted for after it, with its interval."""
    if fit.empty or launched_on is None:
        return nothing(wording.sentence(effect))
    figure, ax = canvas(2.9)
    after = fit[fit["week_start"] >= pd.Timestamp(launched_on)]
    ax.plot(fit["week_start"], fit["observed"], color=GREY, linewidth=0.9, label=text("trend-observed"))
    ax.fill_between(after["week_start"], after["low"], after["high"], color=PALE, linewidth=0)
    ax.plot(after["week_start"], after["predicted"], color=ACCENT, linewidth=2, label=text("trend-predicted"))
    launch_line(ax, launched_on)
    ax.set(ylim=(0, fit["observed"].max() * 1.35), xlabel=text("trend-axis-weeks"), ylabel=text("trend-axis-orders"))
    dates(ax.xaxis)
    ax.grid(axis="y")
    ax.legend(loc="upper left", ncols=2)
    return Chart(figure, wording.title(effect), message("trend-alt", said=wording.sentence(effect)),
                 note=message("trend-shaded"))


def trend_effects(effects: Sequence[Effect]) -> Chart:
    """The whole shop against its own trend: an axis of its own, because it is not about members."""
    whole = [one for one in effects if one.rung in (1, 2)]
    rows = [one for one in whole if one.measurable]
    if not rows:
        why = next(filter(None, map(wording.why, whole)), message("forest-no-comparison"))
        return nothing(message("trend-nothing", why=why))
    figure, ax = canvas(0.75 + 0.42 * max(len(rows), 2))
    for y, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        interval(ax, y, row, color=ACCENT if row.headline or row is rows[0] else GREY)
    rows_axis(ax, [row.label for row in rows], text("trend-axis-difference"))
    percent_axis(ax.xaxis, signed=True)
    said = Listed(tuple(map(wording.sentence, rows)), parted_by="blank")
    return Chart(figure, wording.title(rows[0]), message("trend-effects-alt", level=wording.level(rows[0]), said=said))


def placebo_launches(table: pd.DataFrame, effect: Effect) -> Chart:
    """Pretended launches (`trends.placebo_launches`) above the real one, `effect` of `trends.trend`."""
    pretended = _rows(table)
    if not pretended:
        return nothing(placebo_sentence(table, effect))
    real = [effect] if effect.measurable else []
    rows = pretended + real
    labels = [message("placebo-row", day=day(row.launched_on, short=True)) for row in pretended] + [
        message("placebo-real")] * len(real)
    limits = _limits(rows)
    figure, ax = canvas(0.8 + 0.34 * max(len(rows), 2))
    for y, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        if row is effect:
            interval(ax, y, row, limits=limits, width=4)
        else:
            interval(ax, y, row, limits=limits, hollow=True, color=GREY if _covers_nil(row) else CAUTION)
    if real:
        ax.axhline(0.5, color=PALE, linewidth=1)
    _lift_axis(ax, labels, limits, text("placebo-axis"))
    wrong = sum(not _covers_nil(row) for row in pretended)
    title = message("placebo-title", dates=len(pretended), shown=wrong or len(pretended), wrong=yes(wrong))
    said = [sentence(_row_said(*one)) for one in zip(labels, rows, strict=True)]
    return Chart(figure, title, joined([message("placebo-alt"), sentence(title), placebo_sentence(table, effect),
                                        *said]),
                 note=joined([message("placebo-hollow"), message("placebo-amber") if wrong else None,
                              _beyond(rows, limits)]))


def changes(rows: Sequence[Change], *, unit: str) -> Chart:
    """Forest plot of the changes of one unit, each with its interval; grey where there is no evidence of a change."""
    rows = [row for row in rows if row.unit == unit and row.verdict != "not measurable"]
    if not rows:
        return nothing(message("changes-nothing"))
    figure, ax = canvas(0.75 + 0.36 * max(len(rows), 2))
    for y, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        interval(ax, y, row, color=GREY if row.verdict == "no evidence" else ACCENT)
    rows_axis(ax, [message("capital", said=row.label) for row in rows],
              text("changes-axis", unit=text(f"change-{unit}", n="").strip()))
    numbers(ax.xaxis, factor=UNITS[unit][0], signed=True)
    title = message("changes-title", moved=sum(row.verdict in ("up", "down") for row in rows), rates=len(rows))
    said = Listed(tuple(map(wording.sentence, rows)), parted_by="blank")
    return Chart(figure, title, message("changes-alt", level=wording.level(rows[0]), title=title, said=said),
                 note=message("changes-note"))


# ---------------------------------------------------------------- money
def break_even_curve(table: pd.DataFrame, effect: Effect | None = None) -> Chart:
    """What the program brings against the lift (`money.break_even_curve`: lift and profit; the rest in its attrs).

    The interval of `effect`, the one the table was made with, is shaded; where it may not be counted by, or there is
    none, only the curve is drawn.
    """
    if table.empty:
        return nothing(message("curve-nothing"))
    bar, currency = table.attrs["break_even"], table.attrs["currency"]
    row = effect if effect is not None and effect.measurable and isfinite(table.attrs["estimate"]) else None
    best = row.estimate if row else 0.0
    # the curve drops without end towards a lift of -1, and flattens for large ones
    left = max(table["lift"].min(), min(-0.4, best - 0.1))
    right = min(table["lift"].max(), max(DOUBLING, best * 1.2, 2 * bar if isfinite(bar) else 0))
    drawn = table[table["lift"].between(left, right)]
    figure, ax = canvas(3.1)
    if row and not np.isnan([row.low, row.high]).any():
        ax.axvspan(*np.clip([row.low, row.high], left, right), color=PALE, alpha=0.7, linewidth=0, zorder=0)
    ax.axhline(0, color=INK, linewidth=1, zorder=1)
    ax.plot(drawn["lift"], drawn["profit"], color=ACCENT, linewidth=2.2, zorder=2)
    if row:
        ax.plot([best], [np.interp(best, table["lift"], table["profit"])], "o", color=ACCENT, markersize=8, zorder=3)
    ax.set(xlim=(left, right), xlabel=text("curve-axis-lift"), ylabel=text("curve-axis-profit", currency=currency))
    break_even_line(ax, bar)
    percent_axis(ax.xaxis, signed=True)
    numbers(ax.yaxis)
    ax.grid(axis="y")
    title = _pays(bar, row)
    above = row.chance_above(bar) if row and isfinite(bar) else NAN
    sure = None if isnan(above) else message("curve-chance", chance=Number(above, "chance"))
    seen = wording.sentence(row) if row else None
    return Chart(figure, title, joined([message("curve-alt", currency=currency), sentence(title), seen, sure]),
                 note=joined([message("curve-shaded") if row else None, sure]))


def _pays(bar: float, effect: Effect | None) -> Message:
    if bar == inf:
        return message("curve-never")
    needed = lift(bar, 1)
    if effect is None or not effect.bounded:
        return message("curve-from", needed=needed)
    side = "above" if effect.low > bar else "below" if effect.high < bar else "across"
    return message("curve-title", needed=needed, x=effect, side=side)


def segments_gain(table: pd.DataFrame) -> Chart:
    """Who gets the rewards (`segments.by_segment`): share of members beside share of rewards, in the table's order."""
    rows = table.dropna(subset=["members_share", "rewards_share"])
    if rows.empty:
        return nothing(message("gain-nothing"))
    figure, ax = canvas(1.1 + 0.45 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    ax.hlines(y, rows["members_share"], rows["rewards_share"], color=PALE, linewidth=4, zorder=1)
    ax.plot(rows["members_share"], y, "o", color=INK, markerfacecolor="white", markersize=7, label=text("gain-members"))
    ax.plot(rows["rewards_share"], y, "o", color=ACCENT, markersize=7, label=text("gain-rewards"))
    names(ax, [message("gain-row", segment=message(f"segment-{row.segment}"), low=int(row.orders_low),
                       high=int(row.orders_high), one=yes(row.orders_low == row.orders_high))
               for row in rows.itertuples()])
    ax.set(xlim=(min(0, rows["rewards_share"].min() - 0.03), None), xlabel=text("gain-axis"))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=2)
    said = [message("gain-said", segment=message(f"segment-{row.segment}"), members=percent(row.members_share),
                    rewards=percent(row.rewards_share)) for row in rows.itertuples()]
    most = int((rows["rewards_share"] - rows["members_share"]).to_numpy().argmax())
    return Chart(figure, said[most], joined([message("gain-alt"), *map(sentence, said)]), note=message("gain-note"))


# ---------------------------------------------------------------- can this shop know?
def power(table: pd.DataFrame) -> Chart:
    """The smallest lift that each design of `power.power_table` could find; what cannot be drawn is said in words."""
    smallest = table["smallest_lift"].astype(float)
    known = np.isfinite(smallest) & ~(table["rung"].eq(3) & table["customers"].lt(MIN_JOINERS))
    rows, rest = table[known & (smallest <= DOUBLING)], table[~known | (smallest > DOUBLING)]
    more = [message("power-only" if known[row.Index] else "power-unknown", design=message(f"design-{row.design}"),
                     lift=lift(row.smallest_lift), why=row.note) for row in rest.itertuples()]
    if rows.empty:
        return nothing(joined([message("power-nothing"), *more]))
    figure, ax = canvas(0.95 + 0.44 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    right = max(0.4, rows["smallest_lift"].max() * 1.2)
    for one in LIFTS:
        ax.axvline(one, color=GREY, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    ax.hlines(y, 0, rows["smallest_lift"], color=PALE, linewidth=3, zorder=1)
    for at, row in zip(y, rows.itertuples(), strict=True):
        color = ACCENT if row.rung >= 3 else GREY
        ax.plot(row.smallest_lift, at, "o", color=color, markerfacecolor=color if row.rung >= 3 else "white",
                markersize=8, markeredgewidth=1.6, zorder=3)
        ax.annotate(difference(row.smallest_lift, "lift"), (row.smallest_lift, at), xytext=(8, 0), va="center",
                    textcoords="offset points", zorder=4,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85})
    names(ax, [message(f"design-{design}") for design in rows["design"]])
    ax.set(xlim=(0, right), xlabel=text("power-axis"))
    percent_axis(ax.xaxis, signed=True)
    ax.xaxis.set_major_locator(MultipleLocator(0.1 if right < 0.5 else 0.2))
    title = _reachable(rows)
    said = [message("power-row", design=message(f"design-{row.design}"), lift=lift(row.smallest_lift))
            for row in rows.itertuples()]
    grey = message("power-grey") if (rows["rung"] < 3).any() else None
    return Chart(figure, title, joined([message("power-alt"), sentence(title), *said, *more]),
                 note=joined([message("power-dashed"), grey, *more]))


def _reachable(rows: pd.DataFrame) -> Message:
    telling = rows[rows["rung"] >= 3]
    if telling.empty:
        return message("power-none-tells")
    best = telling.loc[telling["smallest_lift"].idxmin()]
    return message("power-title", lift=lift(best["smallest_lift"]), design=message(f"design-{best['design']}"),
                   holdout=yes(best["rung"] == 4 and best["design"] != "drawn"))
