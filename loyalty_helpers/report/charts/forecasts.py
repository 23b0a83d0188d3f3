"""Charts of the forecasts: what will come, who buys next, and how far a ranking can be trusted.

As in `marks`, whose hand they share: the title is a computed claim, and what cannot be drawn says why. Tables may lack
numbers that a reader must not see; their other rows are drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loyalty_helpers.core.findings import Finding, digits_for
from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.forecast import Repurchase, accuracy, agreement, backtest, measures
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
from loyalty_helpers.report.wording import words


def _percent(share: float, digits: int | None = 0) -> Number:
    return Number(share, "share", digits=digits)


def _listed(key: str, rows: list[dict]) -> Listed:
    return Listed(tuple(message(key, **row) for row in rows), "semicolon")


def _shares(ax: Axes) -> None:
    """Both axes in percent, with their grid."""
    for axis in (ax.xaxis, ax.yaxis):
        percent_axis(axis)
    ax.grid()


def _came(figure: Figure, ax: Axes, at: np.ndarray, came: pd.Series, label: str) -> None:
    """What came, as diamonds; a height that begins at nil, and the legend above."""
    ax.plot(at, came, "D", color=INK, markerfacecolor="white", markeredgewidth=1.6, markersize=6, label=label)
    ax.set_ylim(0, None)
    numbers(ax.yaxis)
    ax.grid(axis="y")
    figure.legend(loc="outside upper right", ncols=2)


# ---------------------------------------------------------------- what will come
def backtests(table: pd.DataFrame, total: Finding) -> Chart:
    """`Outlook.backtests`: forecasts made in the past with their intervals, what came, and today's forecast `total`.

    An interval is drawn where forecasts before it gave one. Nothing without a past forecast, or with next to no orders.
    """
    table = table.dropna(subset=["customers", "predicted", "actual"])
    if table.empty or table["actual"].mean() < FEWEST.orders:
        return nothing(message("backtests-none"))
    figure, ax = canvas(3.0)
    at = np.arange(len(table) + 1)
    predicted = np.append(table["predicted"].to_numpy(dtype="float64"), total.estimate)
    low, high = (np.append(table[end].to_numpy(dtype="float64"), getattr(total, end)) for end in ("low", "high"))
    ax.vlines(at, low, high, color=ACCENT, linewidth=2.4)
    ax.plot(at, predicted, "o", color=ACCENT, markersize=7, label="forecast, with its interval")
    ax.set_xticks(at, [*(f"{day:%b}\n{day:%Y}" for day in table["origin"]), "now"])
    ax.set(xlim=(-0.5, len(table) + 0.5), xlabel="forecast made in", ylabel="orders")
    _came(figure, ax, at[:-1], table["actual"], "what came")
    title = _held(table)
    said = _listed("backtest-said", [{"origin": row.origin, "predicted": round(row.predicted), "came": int(row.actual)}
                                     for row in table.itertuples()])
    alt = message("backtests-alt", title=title, said=said, total=total, sure="yes" if total.bounded else "no")
    return Chart(figure, title, alt, note=message("backtests-note"))


def _held(table: pd.DataFrame) -> Message:
    """How many intervals held what came; with fewer than FEW of them, how far forecasts were off, and on which side."""
    known = table.dropna(subset=["low", "high"])
    if len(known) >= backtest.FEW:
        held = int(known["actual"].between(known["low"], known["high"]).sum())
        return message("backtests-held", held=held, known=len(known))
    least, most = accuracy.missed_by(table)
    return message("backtests-missed", forecasts=len(table), least=least, most=most, sides=accuracy.sides(table))


def calibration(table: pd.DataFrame) -> Chart:
    """`forecast.calibration`: orders expected and orders that came, in tenths of customers by forecast."""
    table = table.dropna(subset=["customers", "predicted", "actual"])
    if table.empty:
        return nothing(message("tenths-none"))
    figure, ax = canvas(3.2)
    at = table["tenth"].to_numpy()
    ax.vlines(at, table["low"], table["high"], color=GREY, linewidth=2.4)
    ax.plot(at, table["predicted"], "o", color=ACCENT, markersize=6, label="expected", zorder=3)
    ax.set_xticks(range(1, 11))
    ax.set(xlabel="tenth of customers by expected value (1: the best)", ylabel="orders per customer")
    _came(figure, ax, at, table["actual"], "came, with interval")

    def numbered(row: pd.Series, digits: int) -> dict:
        return {"tenth": int(row["tenth"]), "expected": Number(row["predicted"], "orders", digits=digits),
                "came": Number(row["actual"], "orders", digits=digits)}

    first = table.iloc[0]
    title = message("tenths-best", **numbered(first, max(digits_for(first["low"], first["high"], "orders"), 1)))
    held = message("tenths-unjudged") if table["low"].isna().all() else _within(table)
    said = _listed("tenth-said", [numbered(row, 2) for _, row in table.iterrows()])
    return Chart(figure, title, message("tenths-alt", title=title, held=held, said=said),
                 note=message("tenths-note", held=held))


def _within(table: pd.DataFrame) -> Message:
    """In how many tenths the forecast lies in the interval of what came; only intervals that could say no count.

    One that reaches from less than half of the forecast to more than double says nothing.
    """
    telling = table[(table["low"] > table["predicted"] / 2) & (table["high"] < 2 * table["predicted"])]
    if len(telling) < backtest.FEW:
        return message("tenths-untold")
    return message("tenths-within", within=int(telling["predicted"].between(telling["low"], telling["high"]).sum()),
                   telling=len(telling), others=len(table) - len(telling))


def gains(table: pd.DataFrame, finding: Finding) -> Chart:
    """`forecast.gains`: the share of the expected money that the best customers hold; `finding` is of the best tenth.
    """
    table = table.dropna(subset=["customers", "share"])
    if table.empty or not finding.measurable:
        return nothing(message("money-share-none" if finding.measurable else "money-share-untold", top=finding,
                               **finding.label.facts))
    figure, ax = canvas(3.2)
    customers = table["tenth"].to_numpy() / 10
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    shaded = table["low"].notna().all()
    if shaded:
        low, high = (np.append(0, table[end].to_numpy(dtype="float64")) for end in ("low", "high"))
        ax.fill_between(np.append(0, customers), low, high, color=PALE, linewidth=0)
    ax.plot(np.append(0, customers), np.append(0, table["share"]), "-o", color=ACCENT, linewidth=2.2, markersize=4)
    ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="customers, highest expected value first", ylabel="share of the money")
    _shares(ax)
    title = message("money-share", top=finding, **finding.label.facts)
    said = _listed("money-share-said", [{"best": _percent(place / 10), "share": _percent(share)}
                                        for place, share in zip(table["tenth"], table["share"], strict=True)])
    facts = {"shaded": "yes" if shaded else "no"}
    return Chart(figure, title, message("money-share-alt", title=title, said=said, top=finding, **facts),
                 note=message("money-share-note", **facts))


# ---------------------------------------------------------------- who buys next
def chance_calibration(table: pd.DataFrame, result: Repurchase) -> Chart:
    """Chances said beforehand against the share who bought, by tenths of the customers (`Repurchase.calibration`)."""
    rows = table.dropna() if len(table) else table
    if rows.empty:
        return _untold(result)
    figure, ax = canvas(3.2)
    reach = 1.05 * max(rows["high"].max(), rows["expected"].max())
    ax.plot([0, reach], [0, reach], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    met = (rows["low"] <= rows["expected"]) & (rows["expected"] <= rows["high"])
    for some, color in ((met, ACCENT), (~met, CAUTION)):
        ax.vlines(rows.loc[some, "expected"], rows.loc[some, "low"], rows.loc[some, "high"], color=color, linewidth=2.4)
        ax.plot(rows.loc[some, "expected"], rows.loc[some, "bought"], "o", color=color, markersize=6)
    ax.set(xlim=(0, reach), ylim=(0, reach), xlabel="chance said beforehand",
           ylabel=f"bought in the {result.horizon_days} days")
    _shares(ax)
    expected, came = (float((rows[name] * rows["customers"]).sum()) for name in ("expected", "bought"))
    off = came / expected - 1
    title = message("chances-met", met=int(met.sum()), groups=len(rows), off=_percent(abs(off)),
                    way="as-said" if round(abs(off) * 100) == 0 else "more" if off > 0 else "fewer")
    said = _listed("chance-said", [{name: _percent(row[name]) for name in ("expected", "bought", "low", "high")}
                                   for _, row in rows.iterrows()])
    return Chart(figure, title, message("chances-alt", title=title, said=said),
                 note=message("chances-note", amber="yes" if (~met).any() else "no"))


def _untold(result: Repurchase) -> Chart:
    """Without the numbers of `sentences`, which may be of few customers and have been said already."""
    return nothing(message("nothing-to-draw", horizon=result.horizon_days))


def chance_gains(result: Repurchase) -> Chart:
    """Of all buyers, the share among the customers put first: by the model chosen, by the last order, by lot."""
    table, beside = result.gains, result.winner != "recency"
    if table.empty:
        return _untold(result)
    figure, ax = canvas(3.2)
    ax.plot(table["share"], table["winner"], color=ACCENT, linewidth=2.2,
            label="chances" if beside else "last purchase first")
    if beside:
        ax.plot(table["share"], table["recency"], color=INK, linewidth=1.4, label="last purchase first")
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 2)), label="drawn by lot")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of customers, highest chance first", ylabel="share of all buyers")
    _shares(ax)
    figure.legend(loc="outside upper right", ncols=3)
    tenth, half = ({name: _percent(float(np.interp(share, table["share"], table[name])))
                    for name in ("winner", "recency")} for share in (measures.TOP, 0.5))
    title = message("first-tenth", **tenth, beside="yes" if beside else "no")
    return Chart(figure, title, message("first-tenth-alt", title=title, **half),
                 note=message("first-tenth-note", tests=result.scores["origin"].nunique()))


def models_compared(result: Repurchase) -> Chart:
    """How well each model puts buyers first (AUC): mean over the origins with its interval, and each origin."""
    if result.summary.empty:
        return _untold(result)
    rows = result.summary[result.summary["model"] != "base_rate"].iloc[::-1].reset_index(drop=True)
    figure, ax = canvas(0.85 + 0.36 * len(rows))
    each = result.scores.groupby("model")["auc"]
    for y, row in enumerate(rows.itertuples()):
        color = ACCENT if row.winner else GREY
        ax.plot([max(row.auc - measures.Z * row.auc_se, 0), min(row.auc + measures.Z * row.auc_se, 1)], [y, y],
                color=color, linewidth=2.4, solid_capstyle="butt")
        tests = each.get_group(row.model)
        ax.plot(tests, np.full(len(tests), y), "o", color=color, markerfacecolor="white", markersize=4)
        ax.plot(row.auc, y, "o", color=color, markersize=7)
    ax.set_yticks(range(len(rows)), [words(name) for name in rows["name"]])
    ax.set(xlabel="of a buyer and another customer, the buyer is put first", ylim=(-0.6, len(rows) - 0.4))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    best = result.summary.loc[result.summary["auc"].idxmax()]
    title = message("model-best" if result.winner == best["model"] else "model-as-good", model=result.winner,
                    name=message("model-name", model=result.winner), best=best["name"])
    said = _listed("model-said", [{"name": row.name_, "auc": _percent(row.auc, 1)} for row in
                                  rows[::-1].rename(columns={"name": "name_"}).itertuples()])
    return Chart(figure, title, message("models-alt", title=title, said=said), note=message("models-note"))


# ---------------------------------------------------------------- how far the ranking stands still
def stability(found: agreement.Stability) -> Chart:
    """Of each fifth by score the share that would be in it again (`agreement.stability`), best on top."""
    rows = found.fifths.dropna(subset=["stays"]).reset_index(drop=True)
    if rows.empty:
        return nothing(found.sentence)
    figure, ax = canvas(0.9 + 0.36 * max(len(rows), 2))
    names, y = [message("score-fifth", fifth=int(fifth)) for fifth in rows["fifth"]], np.arange(len(rows))
    ax.hlines(y, rows["low"], rows["high"], color=ACCENT, linewidth=2.4)
    ax.plot(rows["stays"], y, "o", color=ACCENT, markersize=7)
    ax.axvline(0.2, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    ax.set_yticks(y, [words(name).capitalize() for name in names])
    ax.set(xlim=(0, 1.02), ylim=(-0.6, max(len(rows), 2) - 0.4), xlabel="in the same fifth again, with other luck")
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    best, worst = (rows["stays"].iloc[::-1].idxmax(), rows["stays"].idxmin())
    title = message("fifths-stay", best=names[best], best_share=_percent(rows["stays"][best]), worst=names[worst],
                    worst_share=_percent(rows["stays"][worst]))
    said = _listed("fifth-said", [{"fifth": names[place]} | {name: _percent(rows[name][place])
                                                             for name in ("stays", "low", "high")}
                                  for place in reversed(range(len(rows)))])
    return Chart(figure, title, message("fifths-alt", said=said), note=message("fifths-note"))
