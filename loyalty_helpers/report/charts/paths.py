"""Charts of where customers go and how far a ranking can be trusted: migration, stability, agreement, affinity.

As in `charts`, whose hand they share: the title is a computed claim, and what cannot be drawn says why.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loyalty_helpers.core.findings import amount, capital, number
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers.affinity import affinity_sentence, baskets_sentence
from loyalty_helpers.customers.migration import Migration
from loyalty_helpers.forecast import agreement as stable
from loyalty_helpers.forecast.agreement import Agreement, Stability
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

PAIRS_DRAWN = 8


def _claim(sentence: str) -> str:
    return sentence.rstrip(".")


# ---------------------------------------------------------------- where customers went
def migration(found: Migration) -> Chart:
    """Heat map of `migration.migration`: groups before down, groups after across, shares of each row.

    Nothing of fewer customers than migration.FEWEST, of whom there are no shares worth a picture.
    """
    shares = found.groups[found.groups["before"].isin(found.sizes["group"])]
    if not any(change.after.measurable and change.after.n >= FEWEST.moved for change in found.moves):
        return nothing(_claim(found.sentence))
    places = list(dict.fromkeys(shares["after"]))
    wide = shares.pivot(index="before", columns="after", values="share").reindex(
        index=list(dict.fromkeys(shares["before"])), columns=places).astype("float64") * 100
    figure, ax = canvas(0.95 + 0.42 * max(len(wide), 2))
    sns.heatmap(wide, ax=ax, cmap=sns.light_palette(ACCENT, as_cmap=True), vmin=0, annot=True, fmt=".0f",
                annot_kws={"fontsize": 10}, linewidths=1, linecolor="white", cbar=False)
    ax.set(xlabel="group after", ylabel="group before")
    ax.tick_params(axis="y", rotation=0)
    said = [f"{row.before} to {row.after}: {amount(row.share, 'share', digits=0)}" for row in shares.itertuples()]
    return Chart(figure, _claim(found.sentence), f"Heat map of groups before and after. {'; '.join(said)}.", dense=True,
                 note="Percent of the customers of each group before. Both windows by the cut-offs of the first.")


# ---------------------------------------------------------------- how far the ranking stands still
def stability(found: Stability) -> Chart:
    """Of each fifth by score the share that would be in it again (`stability.stability`), best on top."""
    rows = found.fifths.dropna(subset=["stays"]).reset_index(drop=True)
    if rows.empty:
        return nothing(_claim(found.sentence))
    figure, ax = canvas(0.9 + 0.36 * max(len(rows), 2))
    y = np.arange(len(rows))
    ax.hlines(y, rows["low"], rows["high"], color=ACCENT, linewidth=2.4)
    ax.plot(rows["stays"], y, "o", color=ACCENT, markersize=7, label="in the same fifth again")
    ax.plot(rows["near"], y, "o", color=GREY, markerfacecolor="white", markeredgewidth=1.6, markersize=7,
            label="in the same or the next one")
    ax.axvline(0.2, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    ax.set_yticks(y, [capital(name) for name in rows["fifth"]])
    ax.set(xlim=(0, 1.02), ylim=(-0.6, max(len(rows), 2) - 0.4),
           xlabel="share of its customers, had luck been different")
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=2)
    said = [f"{capital(row.fifth)}: {amount(row.stays, 'share', digits=0)} ({amount(row.low, 'share', digits=0)} to "
            f"{amount(row.high, 'share', digits=0)})" for row in rows.iloc[::-1].itertuples()]
    title = _claim(found.fifths_sentence)
    return Chart(figure, title, f"Dot plot by fifth of the loyalty score. {'; '.join(said)}.",
                 note="Dashed: what a ranking by lot would give.")


def sensitivity(table: pd.DataFrame) -> Chart:
    """How much of the best tenth stays when the weights of the loyalty score change (`weight_sensitivity`)."""
    rows = table.iloc[::-1].reset_index(drop=True)
    title = _claim(stable.sensitivity_sentence(table))
    if not rows["top_tenth_kept"].notna().any():
        return nothing(title)
    figure, ax = canvas(0.7 + 0.3 * len(rows))
    y = np.arange(len(rows))
    ax.hlines(y, 0, rows["top_tenth_kept"], color=PALE, linewidth=3)
    ax.plot(rows["top_tenth_kept"], y, "o", color=ACCENT, markersize=7)
    ax.set_yticks(y, rows["weights"])
    ax.set(xlim=(0, 1.02), xlabel="share of the best tenth of customers that stays in it")
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    return Chart(figure, title, f"Dot plot of alternative weights. {title}.")


def agreement(found: Agreement, *, by: str = "chance_to_buy", least: int = 1) -> Chart:
    """Where customers stand by score and `by` another measure, as a map of how many stand where.

    Spots of fewer than `least` customers stay blank.
    """
    if by not in found.ranks:
        return nothing(_claim(found.sentence) if found.why else
                       f"The {stable.MEASURES[by]} is not known, or the same for everybody.")
    figure, ax = canvas(3.8)
    spots = int(np.clip(np.sqrt(len(found.ranks) / (4 * max(least, 1))), 5, 25))  # across; about four customers in each
    ax.hexbin(100 * found.ranks["score"], 100 * found.ranks[by].astype(float), gridsize=spots, extent=(0, 100, 0, 100),
              bins="log", mincnt=max(least, 1), cmap=sns.light_palette(ACCENT, as_cmap=True), linewidths=0.2)
    corners = {f"high score, low {stable.MEASURES[by]}": (100 * stable.HIGH, 0, 100 * (1 - stable.HIGH),
                                                         100 * stable.LOW),
               f"low score, high {stable.MEASURES[by]}": (0, 100 * stable.HIGH, 100 * stable.LOW,
                                                         100 * (1 - stable.HIGH))}
    for x, y, width, height in corners.values():
        ax.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=CAUTION, linewidth=1.4))
    ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="rank by loyalty score (100: best)",
           ylabel=f"rank by {stable.MEASURES[by]} (100: best)", aspect="equal")
    groups = found.groups.dropna(subset=["customers"]).set_index("group")["customers"]
    said = [f"{name}: {number(groups[name])} of {len(found.ranks):,} customers" for name in corners if name in groups]
    title = capital("; ".join(said)) or f"Loyalty score and {stable.MEASURES[by]} of {len(found.ranks):,} customers"
    pair = found.pairs[(found.pairs["one"] == stable.MEASURES["score"]) & (found.pairs["other"] == stable.MEASURES[by])]
    rank = "".join(f" Rank correlation {number(row.rank_correlation, 2)} ({number(row.low, 2)} to "
                   f"{number(row.high, 2)})." for row in pair.itertuples())
    return Chart(figure, title, f"Map of customers by two ranks. {title}.{rank}", dense=True,
                 note=f"Darker: more customers. Framed: where the two disagree.{rank}")


# ---------------------------------------------------------------- what goes together
def affinity(table: pd.DataFrame) -> Chart:
    """The PAIRS_DRAWN pairs of categories that are furthest from what is expected (`affinity.affinity`)."""
    return _pairs(table, affinity_sentence(table), "bought by the same customers: times as often as expected",
                  "1: as often as customers' numbers of orders, their tastes and what goes into one order let expect. "
                  "Grey: no more than chance, allowing for the number of pairs, or too little to matter.")


def baskets(table: pd.DataFrame) -> Chart:
    """The PAIRS_DRAWN pairs of categories furthest from what orders filled by lot would hold (`affinity.baskets`)."""
    return _pairs(table, baskets_sentence(table) or "No order is known to hold two categories.",
                  "bought in one order: times as often as by lot",
                  "1: as often as in orders of as many categories, filled by lot. Grey: no more than chance, allowing "
                  "for the number of pairs, or too little to matter.")


def _pairs(table: pd.DataFrame, sentence: str, axis: str, note: str) -> Chart:
    judged = table[table["lift"].notna()]
    if judged.empty:
        return nothing(_claim(sentence))
    order = judged["p_value"].sort_values(kind="stable").index[:PAIRS_DRAWN]
    rows = judged.loc[order].sort_values("lift", kind="stable").reset_index(drop=True)
    figure, ax = canvas(0.8 + 0.36 * max(len(rows), 2))
    for y, row in enumerate(rows.itertuples()):
        color = GREY if row.reading == "as expected" else ACCENT
        ax.plot([row.lift_low, row.lift_high], [y, y], color=color, linewidth=2.4, solid_capstyle="butt")
        ax.plot([row.lift], [y], "o", color=color, markersize=7)
    ax.axvline(1, color=INK, linewidth=1)
    ax.set_yticks(range(len(rows)), [f"{row.category} and {row.other}" for row in rows.itertuples()], parse_math=False)
    ax.set(ylim=(-0.6, max(len(rows), 2) - 0.4), xlabel=axis)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
    ax.grid(axis="x")
    said = [f"{row.category} and {row.other}: {number(row.lift, 2)} times ({number(row.lift_low, 2)} to "
            f"{number(row.lift_high, 2)})" for row in rows.iloc[::-1].itertuples()]
    return Chart(figure, _claim(sentence), f"Dot plot of pairs of categories. {'; '.join(said)}.", note=note)
