"""Charts of who comes back: retention with its band, time to the second order, satisfaction beside behavior.

As in `charts`, whose hand they share: the title is a computed claim, and where there is nothing to draw the title says
why.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from loyalty_helpers.core.findings import amount, capital, count
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers.cohorts import HORIZONS, SecondOrder, retention_sentence
from loyalty_helpers.customers.scoring import QUADRANT, TOO_NEW, satisfied_rule
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    CAUTION,
    GREY,
    INK,
    PALE,
    Chart,
    canvas,
    nothing,
    percent_axis,
)

BAND = "Band: 95 % interval."
SHADES = {"loyal": "#cfe3e1", "latent": "#f3e6d0", "trapped": "#eef1f3", "none": "#f7f8f9"}


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
           xlabel="months after the month of the first order", ylabel="with an order in it")
    ax.set_xticks(drawn["month"])
    percent_axis(ax.yaxis)
    ax.grid(axis="y")
    n = int(drawn["customers"].iloc[0])
    note = f"{BAND} The same {count(n, 'new customer')} in every month."
    first, last = (amount(drawn["share"].iloc[at], "share", digits=0) for at in (0, -1))
    title = f"{first} of new customers come back in the first month after" + (
        f", {last} in month {int(drawn['month'].iloc[-1])}" if len(drawn) > 1 else "")
    return Chart(figure, title, f"Line chart of retention by month. {retention_sentence(drawn)}", note=note)


def second_order(found: SecondOrder) -> Chart:
    """How many new customers have a second order, by days since their first, with its band."""
    if not any(one.measurable for one in found.after):
        return nothing(found.sentence)
    days, last = next((days, one) for days, one in zip(HORIZONS[::-1], found.after[::-1], strict=True)
                      if one.measurable)
    end = max(days, min(found.reach, found.curve["day"].max()))  # beyond, single persons would draw the line
    seen = found.curve[found.curve["day"] <= end]
    curve = pd.concat([seen, seen.iloc[-1:].assign(day=end)])
    figure, ax = canvas(2.8)
    ax.fill_between(curve["day"], curve["low"], curve["high"], step="post", color=PALE, linewidth=0)
    ax.step(curve["day"], curve["share"], where="post", color=ACCENT, linewidth=2)
    ax.set(xlim=(0, end), ylim=(0, min(1.02, 1.15 * curve["high"].max())),
           xlabel="days since the first order", ylabel="have ordered again")
    percent_axis(ax.yaxis)
    ax.grid(axis="y")
    if found.median.measurable and found.median.estimate <= end:
        day = found.median.estimate
        ax.plot([0, day, day], [0.5, 0.5, 0], color=CAUTION, linewidth=1.2, linestyle=(0, (4, 2)))
        late = day > 0.6 * end
        ax.annotate(f"half after {count(round(day), 'day')}", (day, 0), xytext=(-4 if late else 4, 4),
                    textcoords="offset points", color=CAUTION, ha="right" if late else "left", va="bottom")
    waiting = _at_risk(found.curve, end)
    followed = "; ".join(f"day {day}: {int(risk):,}" for day, risk in waiting if risk >= FEWEST.units)
    title = f"{last.value} of {last.label.replace('with a second order', 'ordered a second time')}"
    return Chart(figure, title, f"Curve of second orders by day. {found.sentence}",
                 note=f"{BAND} Still followed without a second order: {followed}.")


def _at_risk(curve: pd.DataFrame, end: float) -> list[tuple[int, float]]:
    """How many are still waited for, at least, at the start and at a third and two thirds of the picture."""
    days = (end * np.array([0, 1 / 3, 2 / 3])).round().astype(int)
    return [(int(day), curve.loc[curve["day"] >= day, "at_risk"].max()) for day in days]


def quadrant(found: pd.DataFrame, sentence: str) -> Chart:
    """Satisfaction against behavior as four fields with counts and shares (`scoring.quadrant`)."""
    rows = found.set_index("type") if len(found) else found
    if not len(found) or rows.loc[list(QUADRANT), "customers"].sum(skipna=False) < FEWEST.units or not (
            rows.loc[list(QUADRANT), "share"].notna().any()):
        return nothing(sentence)
    figure, ax = canvas(2.6)
    for name, (x, y) in {"loyal": (1, 1), "latent": (0, 1), "trapped": (1, 0), "none": (0, 0)}.items():
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor=SHADES[name], edgecolor="white", linewidth=3))
        _field(ax, (x + 0.5, y + 0.5), rows.loc[name])
    ax.set(xlim=(0, 2), ylim=(0, 2))
    ax.set_xticks([0.5, 1.5], ["does not buy again", "buys again"])
    ax.set_yticks([0.5, 1.5], ["not\nsatisfied", "satisfied"])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    new = rows.loc[TOO_NEW, "customers"]
    note = f"Satisfied: {satisfied_rule(found)}." + (
        f" {count(int(new), 'further customer')} ordered once, and lately: too early to tell." if new > 0 else "")
    said = "; ".join(f"{row.meaning}: {_people(row.customers)}{_share(row)}"
                     for row in rows.loc[list(QUADRANT)].itertuples())
    glad = rows.loc[["loyal", "latent"], "customers"]
    judged = rows.loc[list(QUADRANT), "customers"].sum(skipna=False)
    title = sentence if np.isnan(judged) or glad.isna().any() else (
        f"{int(glad.sum()):,} of {count(int(judged), 'customer')} are satisfied; "
        f"{int(rows.loc['latent', 'customers']):,} of these do not buy again")
    return Chart(figure, title.rstrip("."), f"Four fields. {capital(said)}. {note}".strip(), note=note)


def _field(ax: Axes, at: tuple[float, float], row: pd.Series) -> None:
    ax.annotate(_people(row["customers"]), at, ha="center", va="bottom", color=INK, fontsize=12)
    if np.isfinite(row["share"]):
        low, high = (amount(row[end], "share", digits=0) for end in ("low", "high"))
        ax.annotate(f"{amount(row['share'], 'share', digits=0)} ({low} to {high})", at, xytext=(0, -4),
                    textcoords="offset points", ha="center", va="top", color=INK, fontsize=9)


def _people(n: float) -> str:
    return "–" if np.isnan(n) else count(int(n), "customer")


def _share(row) -> str:
    return f", {amount(row.share, 'share', digits=0)}" if np.isfinite(row.share) else ""


def index_parts(table: pd.DataFrame, sentence: str) -> Chart:
    """What customers do beside what they say, by group, with intervals (`scoring.index_parts`)."""
    shown = [(row.group, part, row) for row in table.itertuples() for part in ("behavior", "attitude")
             if np.isfinite(getattr(row, part))]
    if not any(part == "attitude" for _, part, _ in shown):
        return nothing(sentence)
    groups = list(dict.fromkeys(group for group, _, _ in shown))[::-1]
    figure, ax = canvas(0.9 + 0.4 * len(groups))
    for group, part, row in shown:
        y = groups.index(group) + (0.14 if part == "behavior" else -0.14)
        color = ACCENT if part == "behavior" else CAUTION
        low, middle, high = (getattr(row, name) for name in (f"{part}_low", part, f"{part}_high"))
        ax.plot([low, high], [y, y], color=color, linewidth=2.4, solid_capstyle="butt")
        ax.plot([middle], [y], "o", color=color, markersize=6,
                markerfacecolor=color if part == "behavior" else "white", markeredgewidth=1.6,
                label=part if not any(part == line.get_label() for line in ax.get_lines()) else None)
    ax.axvline(50, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    ax.set_yticks(range(len(groups)), groups)
    ax.set(ylim=(-0.6, len(groups) - 0.4), xlabel="mean points (50: the shop's usual customer)")
    ax.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=2)
    said = "; ".join(f"{group}, {part}: {getattr(row, part):.0f}" for group, part, row in shown)
    return Chart(figure, sentence.rstrip(".").split(";")[0], f"Dots with 95 % intervals. {capital(said)}.",
                 note="Lines: 95 % intervals. Filled: what they do. Hollow: what they say.")
