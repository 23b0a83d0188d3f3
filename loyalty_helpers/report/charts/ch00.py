"""The chart of the first page: every comparison of members on one axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loyalty_helpers.core.findings import NAN, Effect
from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    GREY,
    INK,
    PALE,
    Chart,
    break_even_line,
    canvas,
    interval,
    nothing,
    percent_axis,
    rows_axis,
)
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.findings import level, sentence, title, why


def forest(effects: Sequence[Effect], *, break_even: float = NAN, truth: float = NAN) -> Chart:
    """Every comparison of members on one axis: believable ones filled, biased ones hollow below a rule.

    Hollow above the rule is what its own estimator refuses. Rungs 1 and 2 speak of the whole shop, which is another
    question: they get an axis of their own in chapter 04. `truth` is the planted lift of a simulated shop.
    """
    shown = [one for one in effects if one.measurable and one.outcome == "orders"]
    believed, biased = [one for one in shown if one.rung >= 3], [one for one in shown if one.rung == 0]
    rows = believed + biased
    if not rows:
        return nothing(message("forest-nothing", why=_reason(effects)))
    wrapped = sum(len(words(row.label)) > 44 for row in rows)
    figure, ax = canvas(0.85 + 0.42 * max(len(rows), 2) + 0.12 * wrapped)
    for y, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        hollow = row.rung < 3 or row.refused is not None
        interval(ax, y, row, color=GREY if hollow else ACCENT, hollow=hollow, width=4 if row.headline else 2.4)
    rows_axis(ax, [row.label for row in rows], text("forest-axis"))
    break_even_line(ax, break_even)
    if np.isfinite(truth):
        ax.plot(truth, -0.5, marker="^", color=INK, markersize=8, clip_on=False, zorder=4)
    if believed and biased:
        ax.axhline(len(biased) - 0.5, color=PALE, linewidth=1)
    percent_axis(ax.xaxis, signed=True)
    note = Listed(tuple(_notes(believed, biased, truth)), parted_by="blank")
    alt = message("forest-alt", level=level(rows[0]), note=note,
                  sentences=Listed(tuple(sentence(row) for row in rows), parted_by="blank"))
    return Chart(figure, _claim(believed, biased), alt, note=message("forest-note", note=note))


def _claim(believed: Sequence[Effect], biased: Sequence[Effect]) -> Message:
    sound = [row for row in believed if not row.refused]
    if sound or not biased:
        return title((sound or believed)[0])
    low, high = (Number(find(row.estimate for row in biased), "lift", signed=True) for find in (min, max))
    return message("forest-biased", low=low, high=high, one="yes" if words(low) == words(high) else "no")


def _notes(believed: Sequence[Effect], biased: Sequence[Effect], truth: float) -> list[Message]:
    return [message(key, **facts) for key, facts, holds in (
        ("forest-note-biased", {}, bool(biased)),
        ("forest-note-refused", {}, any(row.refused for row in believed)),
        ("forest-note-truth", {"lift": Number(truth, "lift", signed=True)}, bool(np.isfinite(truth))),
    ) if holds]


def _reason(effects: Sequence[Effect]) -> str | Message:
    """Why nothing could be had: the first reason given, that of the highest rung."""
    return next(filter(None, (why(one) for one in effects if not one.measurable)), message("forest-no-comparison"))
