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
    in this table alone. `units` are those of columns that have another unit here than elsewhere.
    """

    within: tuple[str, ...] = ()
    figures: tuple[str, ...] | None = None
    persons: tuple[str, ...] = ()
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
    # forecasts
    **dict.fromkeys(("buyers", "contacted"), Column(persons=True)),
    **dict.fromkeys(("days", "tenth", "fifth", "season", "predicted", "actual", "carried", "threshold", "expected",
                     "value_predicted", "value_actual", "r", "alpha", "a", "b"), Column()),
}
# tables that need more than their columns' declarations, by the name under which the page shows or keeps them
TABLES: dict[str, Table] = {
    "segments": Table(within=("scheme",)),
    "disagreement": Table(figures=("share", "why")),
}


def units(frame, name: str, *, currency: str) -> dict[str, str]:
    """The unit of each column of `frame`, shown as table `name`, that has one; money in the client's `currency`."""
    own = dict(TABLES.get(name, Table()).units)
    found = {column: own.get(column, COLUMNS.get(column, Column()).unit) for column in frame.columns}
    return {column: currency if unit == MONEY else unit for column, unit in found.items() if unit}
