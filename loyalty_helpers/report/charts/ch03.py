"""The charts of chapter 03: published results with this shop beside them."""

from __future__ import annotations

import numpy as np

from loyalty_helpers.core.messages import message
from loyalty_helpers.evaluation.cases import Family
from loyalty_helpers.report.chapters import ch03
from loyalty_helpers.report.charts.marks import INK, PALE, Chart, canvas, interval, numbers, rows_axis
from loyalty_helpers.report.wording.catalogue import text


def range_strips(family: Family) -> Chart:
    """Published results of one KPI family, one strip per evidence grade, with the client's change below them."""
    grades = sorted(family.results["grade"].unique())
    figure, ax = canvas(0.95 + 0.42 * (len(grades) + 1))
    labels = []
    for y, grade in zip(range(len(grades), 0, -1), grades, strict=True):
        effects = family.results.loc[family.results["grade"] == grade, "effect"]
        ax.plot([effects.min(), effects.max()], [y, y], color=PALE, linewidth=8, solid_capstyle="round", zorder=1)
        ax.plot(effects, np.full(len(effects), y), "o", color=INK, markersize=6, zorder=2)
        labels.append(message("strip-grade", grade=grade, results=len(effects)))
    if family.own:
        interval(ax, 0, family.own)
    here = message("strip-own" if family.own else "strip-not-compared")
    rows_axis(ax, [*labels, here], text("strip-axis", family=family.family, unit=family.unit))
    numbers(ax.xaxis, signed=True)
    own = ch03.own(family)
    return Chart(figure, ch03.title(family), message("family-alt", title=ch03.title(family), own=own),
                 note=message("family-note", own=own))
