"""Tables as a reader sees them: for each column its unit and whether it counts persons, for each table its groups.

One declaration serves the page, the charts and the files: the gate hides by it, the page writes units by it.
"""

from __future__ import annotations

from dataclasses import dataclass

MONEY = "money"  # stands for the client's currency


@dataclass(frozen=True)
class Column:
    """A column of a result table: the unit its numbers are written in ("" for plain numbers), and whether it counts
    persons, so that others must not see 1 to k - 1 of them."""

    unit: str = ""
    persons: bool = False


@dataclass(frozen=True)
class Table:
    """What the gate must know of a table beside its columns.

    Counts of persons add up to a known total `within` the values of these columns, or in the whole table. Where a count
    is hidden, the row's `figures` go too: None means all its numbers. `persons` are further columns that count persons
    in this table alone. `hits` are shares of persons, each with the column of its n ("recall", "customers"): behind one
    may stand a few persons, though n is large; levels before and after (n_before, n_after) need no declaration.
    `units` are those of columns that have another unit here than elsewhere.
    """

    within: tuple[str, ...] = ()
    figures: tuple[str, ...] | None = None
    persons: tuple[str, ...] = ()
    hits: tuple[tuple[str, str], ...] = ()
    units: tuple[tuple[str, str], ...] = ()


COLUMNS: dict[str, Column] = {
    "customers": Column(persons=True),
    "members": Column(persons=True),
    "joiners": Column(persons=True),
    "answers": Column(persons=True),
    "n_treated": Column(persons=True),
    "n_comparison": Column(persons=True),
    "share": Column("share"),
    "spend": Column(MONEY),
    "spend_share": Column("share"),
    **dict.fromkeys(("value", "low", "high", "before", "before_low", "before_high", "after", "after_low", "after_high",
                     "change", "change_low", "change_high"), Column()),
    **dict.fromkeys(("n_before", "n_after"), Column()),  # which the gate knows (see Table.hits)
    **dict.fromkeys(("effect", "lowest", "highest", "results", "studies", "client_effect", "client_low", "client_high"),
                    Column()),  # of published cases
    # evaluation
    **dict.fromkeys((
        "n", "rung", "weeks", "needed_for_10", "needed_for_20", "needed_for_30", "time_to_answer_weeks_for_20",
        "smallest_lift", "activity_days", "first", "last", "week", "weeks_before", "weeks_after", "quantile", "others",
        "orders_low", "orders_high", "per_week_before", "per_week_after", "members_share", "rewards_share",
        "change_described", "rewards", "profit", "lift", "estimate", "ess", "placebo", "placebo_low", "placebo_high",
        "p_value", "p_adjusted", "observed", "predicted", "importance", "importance_low", "importance_high",
        "performance", "performance_low", "performance_high", "importance_cut", "performance_cut"), Column()),
}
LEVELS = ("before", "after", "change", "low", "high")
# tables that need more than their columns' declarations, by the name under which the page shows or keeps them
TABLES: dict[str, Table] = {
    "segments": Table(within=("scheme",)),
    # evaluation
    "activity_stress": Table(units=tuple((name, "share") for name in LEVELS)),
    "choices": Table(within=("option",), persons=("n",)),
    "comments": Table(within=("group", "theme"), persons=("n", "comments")),
    "compared_joiners": Table(persons=("number",)),
    "power": Table(within=("design",)),
    "since_joining": Table(within=("first",)),
}


def units(frame, name: str, *, currency: str) -> dict[str, str]:
    """The unit of each column of `frame`, shown as table `name`, that has one; money in the client's `currency`."""
    own = dict(TABLES.get(name, Table()).units)
    found = {column: own.get(column, COLUMNS.get(column, Column()).unit) for column in frame.columns}
    return {column: currency if unit == MONEY else unit for column, unit in found.items() if unit}
