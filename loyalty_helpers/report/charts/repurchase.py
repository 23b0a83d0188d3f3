"""Charts of who buys next: do chances mean what they say, whom do they put first, and does a model earn its keep?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import amount, count, number
from loyalty_helpers.forecast.kept import MODELS
from loyalty_helpers.forecast.measures import TOP
from loyalty_helpers.forecast.repurchase import Repurchase, Z
from loyalty_helpers.report.charts.marks import ACCENT, CAUTION, GREY, INK, Chart, canvas, nothing, percent_axis


def _nothing(result: Repurchase) -> Chart:
    """Without the numbers of `sentence`, which may be of few customers and has been said already."""
    return nothing(f"There is nothing to draw: who buys in the next {result.horizon_days} days cannot be told yet.")


def calibration(table: pd.DataFrame, result: Repurchase) -> Chart:
    """Chances said beforehand against the share who bought, by tenths of the customers (`Repurchase.calibration`).

    `table` may lack numbers that a reader must not see; its other rows are drawn.
    """
    rows = table.dropna() if len(table) else table
    if rows.empty:
        return _nothing(result)
    figure, ax = canvas(3.2)
    reach = 1.05 * max(rows["high"].max(), rows["expected"].max())
    ax.plot([0, reach], [0, reach], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    met = (rows["low"] <= rows["expected"]) & (rows["expected"] <= rows["high"])
    for some, color in ((met, ACCENT), (~met, CAUTION)):
        ax.vlines(rows.loc[some, "expected"], rows.loc[some, "low"], rows.loc[some, "high"], color=color, linewidth=2.4)
        ax.plot(rows.loc[some, "expected"], rows.loc[some, "bought"], "o", color=color, markersize=6)
    ax.set(xlim=(0, reach), ylim=(0, reach), xlabel="chance said beforehand",
           ylabel=f"bought in the {result.horizon_days} days")
    for axis in (ax.xaxis, ax.yaxis):
        percent_axis(axis)
    ax.grid()
    expected, came = (float((rows[name] * rows["customers"]).sum()) for name in ("expected", "bought"))
    title = (f"In {int(met.sum())} of {count(len(rows), 'group')} of customers as many bought as said, give or take "
             f"chance; in all, {_beside(expected, came)}")
    said = [f"Chance {amount(row.expected, 'share', digits=0)}: {amount(row.bought, 'share', digits=0)} bought "
            f"(95 % interval {amount(row.low, 'share', digits=0)} to {amount(row.high, 'share', digits=0)})"
            for row in rows.itertuples()]
    return Chart(figure, title, f"Chances against what happened. {title}. {'; '.join(said)}.",
                 note="Dashed: chances that mean what they say. Groups: tenths of the customers; each interval "
                      "is what chance alone explains." + (" Amber: more or fewer than that." if (~met).any() else ""))


def _beside(expected: float, came: float) -> str:
    """ "12 % fewer than said"."""
    off = came / expected - 1
    shown = number(abs(off) * 100, 0)
    return "as many as said" if shown == "0" else f"{shown} % {'more' if off > 0 else 'fewer'} than said"


def gains(result: Repurchase) -> Chart:
    """Of all buyers, the share among the customers put first: by the model chosen, by the last order, by lot."""
    table = result.gains
    if table.empty:
        return _nothing(result)
    figure, ax = canvas(3.2)
    ax.plot(table["contacted"], table["winner"], color=ACCENT, linewidth=2.2,
            label="chances" if result.winner != "recency" else "last purchase first")
    if result.winner != "recency":
        ax.plot(table["contacted"], table["recency"], color=INK, linewidth=1.4, label="last purchase first")
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)), label="drawn by lot")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of customers, highest chance first", ylabel="share of all buyers")
    for axis in (ax.xaxis, ax.yaxis):
        percent_axis(axis)
    ax.grid()
    figure.legend(loc="outside upper right", ncols=3)
    at = {name: amount(float(np.interp(TOP, table["contacted"], table[name])), "share", digits=0)
          for name in ("winner", "recency")}
    beside = "" if result.winner == "recency" else f"; of those who bought last, {at['recency']}"
    title = f"The first tenth of the customers holds {at['winner']} of the buyers{beside}; by lot it would be 10 %"
    half = {name: amount(float(np.interp(0.5, table["contacted"], table[name])), "share", digits=0) for name in at}
    return Chart(figure, title, f"Gains curve. {title}. The first half holds {half['winner']}; sorted by the last "
                 f"purchase, {half['recency']}.",
                 note=f"Mean of {count(result.scores['origin'].nunique(), 'test')} on periods the model had not seen.")


def compared(result: Repurchase) -> Chart:
    """How well each model puts buyers first (AUC): mean over the origins with its interval, and each origin."""
    if result.summary.empty:
        return _nothing(result)
    rows = result.summary[result.summary["model"] != "base_rate"].iloc[::-1].reset_index(drop=True)
    figure, ax = canvas(0.85 + 0.36 * len(rows))
    each = result.scores.groupby("model")["auc"]
    for y, row in enumerate(rows.itertuples()):
        color = ACCENT if row.winner else GREY
        ax.plot([max(row.auc - Z * row.auc_se, 0), min(row.auc + Z * row.auc_se, 1)], [y, y], color=color,
                linewidth=2.4, solid_capstyle="butt")
        tests = each.get_group(row.model)
        ax.plot(tests, np.full(len(tests), y), "o", color=color, markerfacecolor="white", markersize=4)
        ax.plot(row.auc, y, "o", color=color, markersize=7)
    ax.set_yticks(range(len(rows)), rows["name"])
    ax.set(xlabel="of a buyer and another customer, the buyer is put first", ylim=(-0.6, len(rows) - 0.4))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    best, chosen = result.summary.loc[result.summary["auc"].idxmax()], result.winner
    title = (f"No model sorts customers better than {MODELS[chosen]}" if chosen == best["model"] else
             f"{MODELS[chosen].capitalize() if chosen != 'bg_nbd' else 'Purchase rhythm'} sorts as well as the best "
             f"model, {best['name']}, as far as these tests can tell")
    said = [f"{row.name}: {amount(row.auc, 'share')}" for row in rows[::-1][["name", "auc"]].itertuples(index=False)]
    return Chart(figure, title, f"Dot plot of models. {title}. {'; '.join(said)}.",
                 note="Large dots: means, with 95 % intervals; small ones: single tests. By lot it would be 50 %. "
                      "Green: the simplest within one standard error of the best.")
