"""The charts of chapter 02b: what the numbers of chapter 02 rest on, who comes back, what is bought together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loyalty_helpers.core.findings import Finding
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers import affinity as pairs
from loyalty_helpers.customers.cohorts import retention_sentence
from loyalty_helpers.customers.quadrant import QUADRANT, TOO_NEW
from loyalty_helpers.customers.score import index_parts_sentence
from loyalty_helpers.report import tables
from loyalty_helpers.report.chapters.ch02b import satisfied
from loyalty_helpers.report.charts.ch02 import DASHED, joined, share
from loyalty_helpers.report.charts.forecasts import (
    backtests,
    calibration,
    chance_calibration,
    chance_gains,
    models_compared,
    stability,
)
from loyalty_helpers.report.charts.marks import ACCENT, CAUTION, GREY, INK, PALE, Chart, canvas, nothing, percent_axis
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.findings import sentence
from loyalty_helpers.report.wording.numbers import number

__all__ = ["affinity", "backtests", "baskets", "calibration", "chance_calibration", "chance_gains", "cohorts",
           "index_parts", "models_compared", "quadrant", "retention", "score_groups", "stability"]

MOST_COHORTS = 36  # months of first orders that one picture can hold
PAIRS_DRAWN = 8
SHADES = {"loyal": "#cfe3e1", "latent": "#f3e6d0", "trapped": "#eef1f3", "none": "#f7f8f9"}


# ---------------------------------------------------------------- scores
def score_groups(groups: pd.DataFrame, index: Finding) -> Chart:
    """How the loyalty score spreads over the scored customers (`score.score_groups`); nothing where its mean is not
    known."""
    if not index.measurable:
        return nothing(sentence(index))
    figure, ax = canvas(2.4)
    ax.hist(groups["score"], bins=[*groups["score"], 100], weights=groups["customers"].fillna(0), color=ACCENT,
            edgecolor="white")
    ax.axvline(index.estimate, color=CAUTION, linewidth=1.4, **DASHED)
    ax.annotate(words(message("scores-mean", x=index)), (index.estimate, 1), xycoords=("data", "axes fraction"),
                xytext=(0, 3), textcoords="offset points", ha="center", color=CAUTION)
    ax.set(xlabel=text("scores-axis"), ylabel=text("scores-customers"), xlim=(0, 100))
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    return Chart(figure, message("scores-title", x=index), message("scores-alt", said=sentence(index)))


def index_parts(table: pd.DataFrame) -> Chart:
    """What customers do beside what they say, by group, with intervals (`score.index_parts`)."""
    rows = table.assign(group=tables.named(table["group"], "parts"))
    shown = [(row.group, part, row) for row in rows.itertuples() for part in ("behavior", "attitude")
             if np.isfinite(getattr(row, part))]
    said = index_parts_sentence(table)
    if not any(part == "attitude" for _, part, _ in shown):
        return nothing(Listed(tuple(said), "blank"))
    groups = list(dict.fromkeys(group for group, _, _ in shown))[::-1]
    figure, ax = canvas(0.9 + 0.4 * len(groups))
    for part, color, above in (("behavior", ACCENT, 0.14), ("attitude", CAUTION, -0.14)):
        for place, (group, _, row) in enumerate(one for one in shown if one[1] == part):
            y, middle = groups.index(group) + above, getattr(row, part)
            ax.plot([getattr(row, f"{part}_low"), getattr(row, f"{part}_high")], [y, y], color=color, linewidth=2.4,
                    solid_capstyle="butt")
            ax.plot([middle], [y], "o", color=color, markersize=6, markeredgewidth=1.6,
                    markerfacecolor=color if part == "behavior" else "white",
                    label=None if place else text(f"parts-{part}-name"))
    ax.axvline(50, color=GREY, linewidth=1, **DASHED)
    ax.set_yticks(range(len(groups)), groups)
    ax.set(ylim=(-0.6, len(groups) - 0.4), xlabel=text("parts-axis"))
    ax.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=2)
    dots = [message("parts-row", group=group, part=part, points=Number(getattr(row, part), "score", 0))
            for group, part, row in shown]
    return Chart(figure, said[0], message("parts-alt", rows=joined(dots)), note=message("parts-note"))


def quadrant(found: pd.DataFrame) -> Chart:
    """Satisfaction against behavior as four fields with counts and shares (`quadrant.quadrant`)."""
    said = Listed(tuple(satisfied(found)), "blank")
    rows = found.set_index("type") if len(found) else found
    if not len(found) or rows.loc[[*QUADRANT], "customers"].sum(skipna=False) < FEWEST.units or not (
            rows.loc[[*QUADRANT], "share"].notna().any()):
        return nothing(said)
    figure, ax = canvas(2.6)
    for name, (x, y) in {"loyal": (1, 1), "latent": (0, 1), "trapped": (1, 0), "none": (0, 0)}.items():
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor=SHADES[name], edgecolor="white", linewidth=3))
        _field(ax, (x + 0.5, y + 0.5), rows.loc[name])
    ax.set(xlim=(0, 2), ylim=(0, 2))
    ax.set_xticks([0.5, 1.5], [text("quadrant-leaves"), text("quadrant-returns")])
    ax.set_yticks([0.5, 1.5], [text("quadrant-sad").replace(" ", "\n"), text("quadrant-glad")])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    new = rows.loc[TOO_NEW, "customers"]
    note = message("fields-note", rule=rows.loc["latent", "meaning"].facts["rule"], new="yes" if new > 0 else "no",
                   customers=Persons(int(new) if new > 0 else 0))
    fields = [message("quadrant-row", meaning=row.meaning, customers=_people(row.customers), shared=_finite(row.share),
                      share=share(row.share)) for row in rows.loc[[*QUADRANT]].itertuples()]
    glad, judged = rows.loc[["loyal", "latent"], "customers"], rows.loc[[*QUADRANT], "customers"].sum(skipna=False)
    title = said if np.isnan(judged) or glad.isna().any() else message(
        "quadrant-title", glad=Persons(int(glad.sum()), of=int(judged)), customers=Persons(int(judged)),
        latent=Persons(int(rows.loc["latent", "customers"]), of=int(glad.sum())))
    return Chart(figure, title, message("fields-alt", rows=joined(fields), note=note), note=note)


def _field(ax: Axes, at: tuple[float, float], row: pd.Series) -> None:
    ax.annotate(words(_people(row["customers"])), at, ha="center", va="bottom", color=INK, fontsize=12)
    if np.isfinite(row["share"]):
        shares = {name: share(row[name]) for name in ("share", "low", "high")}
        ax.annotate(words(message("share-between", **shares)), at, xytext=(0, -4), textcoords="offset points",
                    ha="center", va="top", color=INK, fontsize=9)


def _people(n: float) -> Message:
    return message("hidden-number") if np.isnan(n) else message("n-customer", n=Persons(int(n)))


def _finite(value: float) -> str:
    return "yes" if np.isfinite(value) else "no"


# ---------------------------------------------------------------- who comes back
def retention(curve: pd.DataFrame) -> Chart:
    """`cohorts.retention_curve`: the share of new customers with an order in each month after their first."""
    drawn = curve.dropna(subset=["share"])
    if drawn.empty:
        return nothing(retention_sentence(curve.iloc[:0]))
    figure, ax = canvas(2.6)
    ax.fill_between(drawn["month"], drawn["low"], drawn["high"], color=PALE, linewidth=0)
    ax.plot(drawn["month"], drawn["share"], "-o", color=ACCENT, linewidth=2, markersize=5)
    if len(drawn) == 1:  # a band of no width: draw the interval as a line
        ax.plot(drawn["month"].repeat(2), [*drawn["low"], *drawn["high"]], color=ACCENT, linewidth=2.4)
    ax.set(ylim=(0, min(1.02, 1.25 * drawn["high"].max())), xlim=(0.5, drawn["month"].max() + 0.5),
           xlabel=text("retention-axis"), ylabel=text("retention-share"))
    ax.set_xticks(drawn["month"])
    percent_axis(ax.yaxis)
    ax.grid(axis="y")
    title = message("retention-title", months=len(drawn), first=share(drawn["share"].iloc[0]),
                    last=share(drawn["share"].iloc[-1]), month=int(drawn["month"].iloc[-1]))
    return Chart(figure, title, message("retention-alt", said=retention_sentence(drawn)),
                 note=message("retention-note", customers=Persons(int(drawn["customers"].iloc[0]))))


def cohorts(table: pd.DataFrame, returned: Finding) -> Chart:
    """Heat map of `cohorts.cohorts`: months after the first order across, month of the first order down."""
    shares = table.pivot(index="cohort", columns="month", values="share").iloc[-MOST_COHORTS:] * 100
    if not shares.notna().any(axis=None):
        return nothing(sentence(returned))
    figure, ax = canvas(max(2.6, 0.24 * len(shares) + 1.1))
    sns.heatmap(shares.astype("float64"), ax=ax, cmap=sns.light_palette(ACCENT, as_cmap=True), vmin=0, annot=True,
                fmt=".0f", annot_kws={"fontsize": 9}, linewidths=0.5, linecolor="white", cbar=False)
    unsure = set(table.loc[table["truncated"].astype(bool), "cohort"])
    ax.set_yticklabels([f"{cohort} *" if cohort in unsure else cohort for cohort in shares.index])
    ax.set(xlabel=text("cohorts-axis"), ylabel=text("cohorts-months"))
    ax.tick_params(axis="y", rotation=0)
    note = message("cohorts-note", unsure="yes" if unsure & set(shares.index) else "no", most=MOST_COHORTS,
                   cut="yes" if table["cohort"].nunique() > MOST_COHORTS else "no")
    title = message("cohorts-title", x=returned, months=returned.label.facts["months"])
    return Chart(figure, title, message("cohorts-alt", said=sentence(returned)), note=note, dense=True)


# ---------------------------------------------------------------- what goes together
def affinity(table: pd.DataFrame) -> Chart:
    """The PAIRS_DRAWN pairs of categories that are furthest from what is expected (`affinity.affinity`)."""
    return _pairs(table, pairs.affinity_sentence(table), "pairs")


def baskets(table: pd.DataFrame) -> Chart:
    """The PAIRS_DRAWN pairs of categories furthest from what orders filled by lot would hold (`affinity.baskets`)."""
    return _pairs(table, pairs.baskets_sentence(table) or [message("baskets-no-order")], "baskets")


def _pairs(table: pd.DataFrame, said: Sequence[Message], kind: str) -> Chart:
    judged, title = table[table["lift"].notna()], Listed(tuple(said), "blank")
    if judged.empty:
        return nothing(title)
    order = judged["p_value"].sort_values(kind="stable").index[:PAIRS_DRAWN]
    rows = judged.loc[order].sort_values("lift", kind="stable").reset_index(drop=True)
    figure, ax = canvas(0.8 + 0.36 * max(len(rows), 2))
    for y, row in enumerate(rows.itertuples()):
        color = GREY if row.reading == "as expected" else ACCENT
        ax.plot([row.lift_low, row.lift_high], [y, y], color=color, linewidth=2.4, solid_capstyle="butt")
        ax.plot([row.lift], [y], "o", color=color, markersize=7)
    ax.axvline(1, color=INK, linewidth=1)
    names = [message("pair", one=str(row.category), other=str(row.other)) for row in rows.itertuples()]
    ax.set_yticks(range(len(rows)), [words(name) for name in names], parse_math=False)
    ax.set(ylim=(-0.6, max(len(rows), 2) - 0.4), xlabel=text(f"{kind}-axis"))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
    ax.grid(axis="x")
    dots = [message("pairs-row", pair=name, **{part: Number(getattr(row, part), "", 2) for part in (
        "lift", "lift_low", "lift_high")}) for name, row in zip(names, rows.itertuples(), strict=True)][::-1]
    return Chart(figure, title, message("pairs-alt", rows=joined(dots)), note=message(f"{kind}-note"))
