"""Charts of where customers go and what they buy together: migration and affinity.

As in `charts`, whose hand they share: the title is a computed claim, and what cannot be drawn says why.
"""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loyalty_helpers.core.findings import amount, number
from loyalty_helpers.customers.affinity import affinity_sentence, baskets_sentence
from loyalty_helpers.customers.migration import FEWEST, Migration
from loyalty_helpers.report.charts.marks import (
    ACCENT,
    GREY,
    INK,
    Chart,
    canvas,
    nothing,
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
    if not any(change.after.measurable and change.after.n >= FEWEST for change in found.moves):
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
