"""Charts of what goes with loyalty: drivers, ratings, and what comments mention."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox

from loyalty_helpers.core.messages import Listed, message
from loyalty_helpers.evaluation.driver_analysis import UNSURE, key_drivers_sentence
from loyalty_helpers.evaluation.said import counted, joined, percent, sentence
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    CAUTION,
    GREY,
    INK,
    PALE,
    Chart,
    canvas,
    decimals,
    interval,
    names,
    nothing,
    percent_axis,
)
from loyalty_helpers.report.comments import mentioned
from loyalty_helpers.report.wording.catalogue import text

WIDEST_RATIO = 8.0  # a ratio up to which intervals are drawn whole
CORNERS = {"fine": (0, 1), "keep": (1, 1), "watch": (0, 0), "fix": (1, 0)}


def drivers(table: pd.DataFrame) -> Chart:
    """Ranked dot plot of `driver_analysis.drivers`: ratios on a log axis, grey where the interval covers 1."""
    told, untold = (table[table["estimate"].notna() == known] for known in (True, False))
    if told.empty:
        return nothing(message("drivers-nothing", why=joined(table["sentence"].head(1))))
    with np.errstate(divide="ignore"):  # an interval may begin at 0
        logs = np.log(told[["estimate", "low", "high"]].astype(float))
    unclear = (told["low"] <= 1) & (told["high"] >= 1)
    limits, arrows = _log_limits(logs)
    figure, ax = canvas(0.8 + 0.36 * max(len(told), 2))
    # logs decide where the picture ends, ratios are what is drawn
    for y, row, grey in zip(range(len(told) - 1, -1, -1), told.itertuples(), unclear, strict=True):
        interval(ax, y, row, limits=tuple(np.exp(limits)), color=GREY if grey else ACCENT)
    ax.axvline(1, color=INK, linewidth=1, zorder=1)
    names(ax, list(told["driver"]), width=30)
    ax.set(xscale="log", xlim=np.exp(limits), xlabel=text("drivers-axis"))
    _ratio_ticks(ax)
    ax.grid(axis="x")
    clear, gray = told[~unclear], Listed(tuple(told.loc[unclear, "driver"]))
    title = message("drivers-title", n=len(clear), things=counted(len(told), "thing"),
                    strongest=next(iter(clear["driver"]), ""))
    return Chart(
        figure, title, joined([message("drivers-alt"), sentence(title), *clear["sentence"],
                               message("drivers-no-link", drivers=gray) if unclear.any() else None]),
        note=joined([message("drivers-note"), message("drivers-grey") if unclear.any() else None,
                     message("drivers-cannot", drivers=Listed(tuple(untold["driver"]))) if len(untold) else None,
                     message("note-arrow") if arrows else None]))


def _log_limits(logs: pd.DataFrame) -> tuple[tuple[float, float], bool]:
    """Limits of an axis that shows 0, all estimates, and the ends as far as WIDEST_RATIO; whether an end lies beyond.
    """
    furthest, ends = np.log(WIDEST_RATIO), logs[["low", "high"]].to_numpy()
    near = np.append(np.clip(ends[np.isfinite(ends)], -furthest, furthest), [0.0, *logs["estimate"]])
    margin = 0.05 * np.ptp(near) or 0.1
    low, high = near.min() - margin, near.max() + margin
    return (low, high), bool((ends < low).any() or (ends > high).any())


def _ratio_ticks(ax: Axes) -> None:
    """Round ratios, a few of them whatever the width of the axis."""
    low, high = ax.get_xlim()
    width = high / low
    ax.xaxis.set_major_locator(MaxNLocator(5) if width < 2.5 else LogLocator(
        subs=(1, 2, 5) if width > 6 else (1, 1.5, 2, 3, 5, 7)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", which="minor", bottom=False)


def key_drivers(table: pd.DataFrame) -> Chart:
    """Importance against performance of each rated thing (`driver_analysis.key_drivers`), cut at the means."""
    rows = table.dropna(subset=["importance", "performance"])
    if rows.empty:
        return nothing(message("quadrant-nothing"))
    figure, ax = canvas(4.2)
    for row in rows.itertuples():
        color = {UNSURE: GREY, "fix": CAUTION}.get(row.quadrant, ACCENT)
        ax.plot([row.importance_low, row.importance_high], [row.performance] * 2, color=PALE, linewidth=2, zorder=1)
        ax.plot([row.importance] * 2, [row.performance_low, row.performance_high], color=PALE, linewidth=2, zorder=1)
        ax.plot(row.importance, row.performance, "o", color=color, markersize=8, zorder=3,
                markerfacecolor="white" if row.quadrant == UNSURE else color, markeredgewidth=1.6)
    cuts = [ax.axvline(rows["importance_cut"].iloc[0], color=GREY, linewidth=1, linestyle=(0, (4, 2))),
            ax.axhline(rows["performance_cut"].iloc[0], color=GREY, linewidth=1, linestyle=(0, (4, 2)))]
    ax.margins(0.12)
    ax.set(xlabel=text("quadrant-axis-importance"), ylabel=text("quadrant-axis-rating"))
    decimals(ax.xaxis, 2)
    percent_axis(ax.yaxis)
    named = [ax.annotate(text(f"quadrant-{quadrant}"), corner, xycoords="axes fraction",
                         xytext=[3 - 6 * side for side in corner], textcoords="offset points",
                         ha=("left", "right")[corner[0]], va=("bottom", "top")[corner[1]], style="italic", fontsize=9)
             for quadrant, corner in CORNERS.items()]
    _place_labels(ax, [(row.driver, row.importance, row.performance) for row in rows.itertuples()], [*cuts, *named])
    first = tuple(rows.loc[rows["quadrant"] == "fix", "driver"])
    unsure = rows["quadrant"].eq(UNSURE)
    title = (message("quadrant-title-fix", first=Listed(first, parted_by="series")) if first else
             message("quadrant-title-unsure", things=counted(len(rows), "rated-thing")) if unsure.all() else
             message("quadrant-title-none"))
    lost = tuple(table.loc[~table.index.isin(rows.index), "driver"])
    return Chart(figure, title, joined([message("quadrant-alt"), None if unsure.all() else sentence(title),
                                        key_drivers_sentence(table), *rows["sentence"]]),
                 note=joined([message("quadrant-note"), message("quadrant-hollow") if unsure.any() else None,
                              message("drivers-cannot", drivers=Listed(lost)) if lost else None]))


def mentions(rows: pd.DataFrame) -> Chart:
    """Bars of what the comments mention (one question of `themes.by_question`), each theme with its interval."""
    rows = mentioned(rows)
    if rows.empty:
        return nothing(message("mentions-nothing"))
    figure, ax = canvas(0.8 + 0.33 * max(len(rows), 2))
    y = np.arange(len(rows))[::-1]
    ax.barh(y, rows["share"], height=0.62, color=ACCENT)
    ax.hlines(y, rows["low"], rows["high"], color=INK, linewidth=1.4)
    names(ax, list(rows["theme"]))
    ax.set(xlim=(0, None), xlabel=text("mentions-axis"))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    said = [message("mentions-row", theme=row.theme, share=percent(row.share), low=percent(row.low),
                    high=percent(row.high)) for row in rows.itertuples()]
    title = message("mentions-title", share=percent(rows["share"].iloc[0]), theme=rows["theme"].iloc[0],
                    comments=counted(rows["n"].max(), "comment"))
    return Chart(figure, title, joined([message("mentions-alt", title=title), *map(sentence, said)]),
                 note=message("mentions-note"))


def _place_labels(ax: Axes, points: Sequence[tuple[str, float, float]], taken: Sequence) -> None:
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
