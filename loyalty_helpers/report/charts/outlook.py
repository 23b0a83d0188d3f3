"""Charts of what customers will bring: forecasts of the past beside what came, and who brings the money."""

from __future__ import annotations

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import Finding, amount, capital, count, digits_for, number
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.forecast.lifetime import FEW, sides
from loyalty_helpers.report.charts.marks import ACCENT, GREY, INK, PALE, Chart, canvas, nothing, numbers, percent_axis


def backtests(table: pd.DataFrame, total: Finding) -> Chart:
    """`Outlook.backtests`: forecasts made in the past with their intervals, what came, and today's forecast `total`.

    An interval is drawn where forecasts before it gave one. Nothing without a past forecast, or with next to no orders.
    """
    table = table.dropna(subset=["customers", "predicted", "actual"])
    if table.empty or table["actual"].mean() < FEWEST.orders:
        return nothing("No forecast of the past can be tried yet: it takes longer data with more orders.")
    figure, ax = canvas(3.0)
    at = np.arange(len(table) + 1)
    predicted = np.append(table["predicted"].to_numpy(dtype="float64"), total.estimate)
    low, high = (np.append(table[end].to_numpy(dtype="float64"), getattr(total, end)) for end in ("low", "high"))
    ax.vlines(at, low, high, color=ACCENT, linewidth=2.4)
    ax.plot(at, predicted, "o", color=ACCENT, markersize=7, label="forecast, with its interval")
    ax.plot(at[:-1], table["actual"], "D", color=INK, markerfacecolor="white", markeredgewidth=1.6, markersize=6,
            label="what came")
    ax.set_xticks(at, [*(f"{day:%b}\n{day:%Y}" for day in table["origin"]), "now"])
    ax.set(ylim=(0, None), xlim=(-0.5, len(table) + 0.5), xlabel="forecast made in", ylabel="orders")
    numbers(ax.yaxis)
    ax.grid(axis="y")
    figure.legend(loc="outside upper right", ncols=2)
    title = _held(table)
    said = [f"{day:%B %Y}: {number(forecast)} expected, {number(came)} came" for day, forecast, came in
            zip(table["origin"], table["predicted"], table["actual"], strict=True)]
    return Chart(figure, title, f"Forecasts of the past beside what came. {title}. {'; '.join(said)}. {total.sentence}",
                 note="Each forecast uses only what was known at its time. The first ones have no interval yet: it "
                      "comes from the misses before.")


def _held(table: pd.DataFrame) -> str:
    """How many intervals held what came; with fewer than FEW of them, how far forecasts were off, and on which side."""
    known = table.dropna(subset=["low", "high"])
    if len(known) < FEW:
        off = (table["predicted"] / table["actual"].clip(lower=0.5) - 1).abs()
        least, most = (amount(end, "share", digits=0) for end in (off.min(), off.max()))
        return (f"The {count(len(table), 'forecast')} of the past missed what came by {least} to {most}: {sides(table)}"
                if len(table) > 1 else f"The one forecast of the past missed what came by {most}: {sides(table)}")
    held = int(known["actual"].between(known["low"], known["high"]).sum())
    return f"What came lay within the interval in {held} of {count(len(known), 'past forecast')}"


def calibration(table: pd.DataFrame) -> Chart:
    """`forecast.calibration`: orders expected and orders that came, in tenths of customers by forecast."""
    table = table.dropna(subset=["customers", "predicted", "actual"])
    if table.empty:
        return nothing("Whether forecasts of single customers come true cannot be shown: no forecast could be tried.")
    figure, ax = canvas(3.2)
    at = table["tenth"].to_numpy()
    ax.vlines(at, table["low"], table["high"], color=GREY, linewidth=2.4)
    ax.plot(at, table["actual"], "D", color=INK, markerfacecolor="white", markeredgewidth=1.6, markersize=6,
            label="came, with interval")
    ax.plot(at, table["predicted"], "o", color=ACCENT, markersize=6, label="expected")
    ax.set_xticks(range(1, 11))
    ax.set(ylim=(0, None), xlabel="tenth of customers by expected value (1: the best)", ylabel="orders per customer")
    numbers(ax.yaxis)
    ax.grid(axis="y")
    figure.legend(loc="outside upper right", ncols=2)
    rows = list(zip(table["tenth"], table["predicted"], table["actual"], table["low"], table["high"], strict=True))
    place, expected, came, low, high = rows[0]
    digits = max(digits_for(low, high, "orders"), 1)
    title = (f"{'The best tenth' if place == 1 else f'Tenth {place}'} of customers: {number(expected, digits)} orders "
             f"each were expected, {number(came, digits)} came")
    held = "" if table["low"].isna().all() else f" {_within(table)}"
    said = "; ".join(f"tenth {place}: {number(expected, 2)} expected, {number(came, 2)} came"
                     for place, expected, came, _, _ in rows)
    return Chart(figure, title, f"Orders expected and orders that came, by tenth. {title}.{held} {capital(said)}.",
                 note=f"All past forecasts together.{held}")


def _within(table: pd.DataFrame) -> str:
    """In how many tenths the forecast lies in the interval of what came; only intervals that could say no count.

    One that reaches from less than half of the forecast to more than double says nothing.
    """
    telling = table[(table["low"] > table["predicted"] / 2) & (table["high"] < 2 * table["predicted"])]
    if len(telling) < FEW:
        return "What came differed too much between the forecasts to say tenth by tenth whether they were right."
    within = int(telling["predicted"].between(telling["low"], telling["high"]).sum())
    wide = (f" The other {count(len(table) - len(telling), 'interval')} are too wide to tell."
            if len(table) - len(telling) > 1 else "")
    return (f"In {within} of {count(len(telling), 'tenth')} with an interval narrow enough to tell, the forecast lies "
            f"within it.{wide}")


def gains(table: pd.DataFrame, finding: Finding) -> Chart:
    """`forecast.gains`: the share of the expected money that the best customers hold; `finding` is of the best tenth.
    """
    table = table.dropna(subset=["customers", "share"])
    if table.empty or not finding.measurable:
        return nothing(finding.sentence if not finding.measurable else
                       "Who brings the money cannot be shown: too few customers.")
    figure, ax = canvas(3.2)
    customers = table["tenth"].to_numpy() / 10
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    if table["low"].notna().all():
        low, high = (np.append(0, table[end].to_numpy(dtype="float64")) for end in ("low", "high"))
        ax.fill_between(np.append(0, customers), low, high, color=PALE, linewidth=0)
    ax.plot(np.append(0, customers), np.append(0, table["share"]), "-o", color=ACCENT, linewidth=2.2, markersize=4)
    ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="customers, highest expected value first", ylabel="share of the money")
    for axis in (ax.xaxis, ax.yaxis):
        percent_axis(axis)
    ax.grid()
    said = "; ".join(f"best {place * 10} %: {amount(share, 'share', digits=0)}"
                     for place, share in zip(table["tenth"], table["share"], strict=True))
    alt = f"Share of the expected money by share of customers. {finding.sentence} {capital(said)}."
    note = "Dashed: if all customers were worth the same."
    shaded = " Shaded: as far off as past forecasts were." if table["low"].notna().all() else ""
    return Chart(figure, finding.title, alt, note=note + shaded)
