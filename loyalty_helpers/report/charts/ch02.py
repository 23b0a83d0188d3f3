"""The charts of chapter 02: on whom the revenue rests, who is late, how far the calls reach, who comes back.

Each title is a claim made of the numbers drawn; where there is nothing to draw it says why.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns

from loyalty_helpers.core.findings import Finding
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers import actions, levels, rfm, rhythm
from loyalty_helpers.customers.cohorts import HORIZONS, SecondOrder
from loyalty_helpers.customers.migration import Migration
from loyalty_helpers.report import tables
from loyalty_helpers.report.charts.forecasts import gains
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    CAUTION,
    GREY,
    INK,
    PALE,
    Chart,
    canvas,
    nothing,
    numbers,
    percent_axis,
)
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.findings import sentence

__all__ = ["activity", "gains", "lateness", "lorenz", "migration", "reach", "second_order", "segments"]

MOST_POINTS = 400  # of a curve
DASHED = {"linestyle": (0, (4, 2))}


def share(value: float) -> Number:
    """A share as charts say it, in whole percents."""
    return Number(value, "share", 0)


def joined(said: list[Message]) -> Listed:
    """Several things said of one picture."""
    return Listed(tuple(said), "semicolon")


def lorenz(curve: pd.DataFrame, half: Finding) -> Chart:
    """Cumulated share of revenue against cumulated share of customers, best customers first."""
    if curve["revenue"].isna().all() or not half.measurable:
        return nothing(sentence(half))
    figure, ax = canvas(3.2)
    at, few = half.estimate, round(half.estimate * half.n)
    ax.plot([0, at, at], [0.5, 0.5, 0], color=CAUTION, linewidth=1.2, **DASHED)
    ax.annotate(text("lorenz-half"), (at, 0.5), xytext=(6, -3), textcoords="offset points", color=CAUTION, va="top",
                fontsize=9)
    ax.plot(curve["best"], curve["revenue"], color=ACCENT, linewidth=2.2)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, **DASHED)
    ax.annotate(text("lorenz-alike"), (0.64, 0.59), color=INK, va="top", fontsize=9)
    ax.set(xlim=(0, 1), ylim=(0, max(1.0, curve["revenue"].max())), xlabel=text("lorenz-customers"),
           ylabel=text("lorenz-revenue"))
    for axis in (ax.xaxis, ax.yaxis):
        percent_axis(axis)
    ax.grid()
    title = message("lorenz-title", few=Persons(few, of=half.n), customers=Persons(half.n), x=half,
                    shared="yes" if few >= FEWEST.units else "no")
    return Chart(figure, title, message("lorenz-alt", x=sentence(half)))


# ---------------------------------------------------------------- customers and revenue by group
def activity(table: pd.DataFrame) -> Chart:
    """Who is still there (`concentration.activity`)."""
    return _groups(table.assign(name=tables.named(table["group"], "group")), "activity-alt")


def segments(table: pd.DataFrame) -> Chart:
    """The eleven segments (`Customers.rfm`)."""
    if table["segment"].isin([rfm.TOO_FEW, levels.REFUNDS_ONLY]).all() and table["spend_share"].notna().any():
        return nothing(message("groups-too-few", least=FEWEST.sorted))
    return _groups(table.assign(name=tables.named(table["segment"], "place")), "segments-alt")


def _groups(table: pd.DataFrame, alt: str) -> Chart:
    """Share of customers beside share of revenue, one row per group, in the order of the revenue."""
    rows = table.dropna(subset=["spend_share"]).sort_values("spend_share").reset_index(drop=True)
    if rows.empty or not rows["share"].any():
        return nothing(message("groups-no-revenue"))
    figure, ax = canvas(0.75 + 0.33 * max(len(rows), 2))
    y = np.arange(len(rows))
    ax.hlines(y, rows["share"], rows["spend_share"], color=PALE, linewidth=4, zorder=1)
    ax.plot(rows["share"], y, "o", color=INK, markerfacecolor="white", markersize=7, label=text("groups-customers"))
    ax.plot(rows["spend_share"], y, "o", color=ACCENT, markersize=7, label=text("groups-revenue"))
    ax.set_yticks(y, rows["name"])
    ends = [0, *rows["share"], *rows["spend_share"]]
    margin = 0.04 * (max(ends) - min(ends))
    ax.set(xlabel=text("groups-axis"), ylim=(-0.6, max(len(rows), 2) - 0.4),
           xlim=(min(ends) - margin, max(ends) + margin))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=2)
    said = [message("groups-row", name=name, share=share(one), money=share(money)) for name, one, money in zip(
        rows["name"], rows["share"], rows["spend_share"], strict=True)][::-1]
    title = message("groups-title", some="yes" if table["spend_share"].isna().any() else "no", **said[0].facts)
    return Chart(figure, title, message(alt, groups=joined(said)))


# ---------------------------------------------------------------- whom to call
def lateness(table: pd.DataFrame) -> Chart:
    """Regulars by how late they are (`rhythm.lateness`), beside what chance alone would show."""
    if table["customers"].sum() < FEWEST.units:
        return nothing(message("lateness-too-few"))
    rows = table.dropna(subset=["share"]).reset_index(drop=True)
    names = tables.named(rows["silence"], "silence")
    figure, ax = canvas(0.9 + 0.42 * len(rows))
    y = np.arange(len(rows))[::-1]
    ax.barh(y, rows["share"], height=0.55, label=text("lateness-regulars"),
            color=[CAUTION if silence == rhythm.SILENCES[-1] else ACCENT for silence in rows["silence"]])
    ax.plot(rows["by_chance"], y, "|", color=INK, markersize=19, markeredgewidth=2.2, label=text("lateness-by-chance"))
    ax.set_yticks(y, names)
    ax.set(xlabel=text("lateness-axis"), xlim=(0, None), ylim=(-0.6, len(rows) - 0.4))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=2)
    said = [message("lateness-row", silence=name, share=share(one), chance=share(by_chance))
            for name, one, by_chance in zip(names, rows["share"], rows["by_chance"], strict=True)]
    return Chart(figure, said[-1], message("lateness-alt", title=said[-1], rows=joined(said)))


def reach(curve: pd.DataFrame) -> Chart:
    """Share of all that is worth a call against the number of calls, best first (`actions.reach`)."""
    if curve["share"].isna().any() or curve["calls"].max() == 1:
        return nothing(message("reach-too-few"))
    calls = int(curve["calls"].max())
    if not calls:
        return nothing(message("reach-nobody"))
    points = curve.iloc[np.unique(np.linspace(0, len(curve) - 1, MOST_POINTS).astype(int))]
    first, held = curve.loc[curve["calls"] <= max(actions.FIRST_CALLS, curve["calls"].iloc[1]),
                            ["calls", "share"]].iloc[-1]
    half = int(curve.loc[curve["share"] >= 0.5, "calls"].iloc[0])
    figure, ax = canvas(2.9)
    ax.plot(points["calls"], points["share"], color=ACCENT, linewidth=2.2)
    ax.plot([0, calls], [0, 1], color=GREY, linewidth=1, **DASHED)
    ax.plot([first], [held], "o", color=INK, markersize=6)
    ax.annotate(text("reach-first", calls=int(first)), (first, held), xytext=(10, 0), textcoords="offset points",
                va="center", color=INK)
    ax.set(xlabel=text("reach-calls"), ylabel=text("reach-share"), xlim=(0, calls), ylim=(0, 1.02))
    numbers(ax.xaxis)
    percent_axis(ax.yaxis)
    ax.grid()
    title = message("reach-title", calls=int(first), share=share(held), half=half)
    return Chart(figure, title, message("reach-alt", title=title, customers=Persons(calls)))


# ---------------------------------------------------------------- who comes back, and who went where
def second_order(found: SecondOrder) -> Chart:
    """How many new customers have a second order, by days since their first, with its band."""
    said = Listed(tuple(found.sentence), "blank")
    if not any(one.measurable for one in found.after):
        return nothing(said)
    days, last = next((days, one) for days, one in zip(HORIZONS[::-1], found.after[::-1], strict=True)
                      if one.measurable)
    end = max(days, min(found.reach, found.by_day["day"].max()))  # beyond, single persons would draw the line
    seen = found.by_day[found.by_day["day"] <= end]
    curve = pd.concat([seen, seen.iloc[-1:].assign(day=end)])
    figure, ax = canvas(2.8)
    ax.fill_between(curve["day"], curve["low"], curve["high"], step="post", color=PALE, linewidth=0)
    ax.step(curve["day"], curve["share"], where="post", color=ACCENT, linewidth=2)
    ax.set(xlim=(0, end), ylim=(0, min(1.02, 1.15 * curve["high"].max())), xlabel=text("second-axis"),
           ylabel=text("second-ordered"))
    percent_axis(ax.yaxis)
    ax.grid(axis="y")
    if found.median.measurable and found.median.estimate <= end:
        day = found.median.estimate
        ax.plot([0, day, day], [0.5, 0.5, 0], color=CAUTION, linewidth=1.2, **DASHED)
        late = day > 0.6 * end
        ax.annotate(text("second-half-after", days=round(day)), (day, 0), xytext=(-4 if late else 4, 4),
                    textcoords="offset points", color=CAUTION, ha="right" if late else "left", va="bottom")
    waiting = [message("second-waiting", day=day, customers=Persons(int(risk)))
               for day, risk in _at_risk(found.by_day, end) if risk >= FEWEST.units]
    return Chart(figure, message("second-title", x=last, days=days), message("second-alt", said=said),
                 note=message("second-note", waiting=joined(waiting)))


def _at_risk(curve: pd.DataFrame, end: float) -> list[tuple[int, float]]:
    """How many are still waited for, at least, at the start and at a third and two thirds of the picture."""
    days = (end * np.array([0, 1 / 3, 2 / 3])).round().astype(int)
    return [(int(day), curve.loc[curve["day"] >= day, "at_risk"].max()) for day in days]


def migration(found: Migration) -> Chart:
    """Heat map of `migration.migration`: groups before down, groups after across, shares of each row.

    Nothing of fewer customers than FEWEST.moved, of whom there are no shares worth a picture.
    """
    shares = found.groups[found.groups["before"].isin(found.sizes["group"])]
    if not any(change.after.measurable and change.after.n >= FEWEST.moved for change in found.moves):
        return nothing(found.sentence)
    rows, columns = (tables.named(pd.Series(shares[place].unique()), "migration") for place in ("before", "after"))
    wide = shares.pivot(index="before", columns="after", values="share").reindex(
        index=shares["before"].unique(), columns=shares["after"].unique()).astype("float64") * 100
    figure, ax = canvas(0.95 + 0.42 * max(len(wide), 2))
    sns.heatmap(wide, ax=ax, cmap=sns.light_palette(ACCENT, as_cmap=True), vmin=0, annot=True, fmt=".0f",
                annot_kws={"fontsize": 10}, linewidths=1, linecolor="white", cbar=False, xticklabels=columns,
                yticklabels=rows)
    ax.set(xlabel=text("migration-after"), ylabel=text("migration-before"))
    ax.tick_params(axis="y", rotation=0)
    named = shares.assign(before=tables.named(shares["before"], "migration"),
                          after=tables.named(shares["after"], "migration"))
    said = [message("migration-way", before=row.before, after=row.after, share=share(row.share))
            for row in named.itertuples()]
    return Chart(figure, found.sentence, message("migration-alt", ways=joined(said)), dense=True,
                 note=message("migration-note"))
