"""Which tables belong together: of one kind, of one shop, and which of them tell of the same sales."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loyalty_helpers import client, guess_looks, reading
from loyalty_helpers.cells_moments import moments
from loyalty_helpers.cells_numbers import numbers
from loyalty_helpers.client import Source
from loyalty_helpers.core.columns import AMOUNTS, MOMENTS, WHO, guessed
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.formats import Format
from loyalty_helpers.guess_columns import Guess
from loyalty_helpers.start_inventory import Table, names_of, one_line

SAME_PEOPLE = 0.1  # of the customers of the smaller of two files: one shop, whatever its order numbers
WITHIN = 0.95  # of the orders of a file stand in another, too: it adds nothing
SAME_SALES = 0.3  # two files whose order numbers agree to this share of the smaller one hold the same sales
UTC = ("UTC", "UTC")
DAY = pd.Timedelta(days=1)

@dataclass(frozen=True)
class Entry:
    """Tables that become one source together: they are of one kind."""

    tables: tuple[Table, ...]
    guess: Guess

    @property
    def format(self) -> Format | None:
        return self.tables[0].format

    @property
    def source(self) -> str:
        return self.guess.source

    @property
    def role(self) -> str:
        return self.tables[0].role

    @property
    def label(self) -> str:
        if self.format:
            return f"{self.format.name} (confidence: {self.format.confidence})"
        return f"unknown, guessed to be {self.source}"

    @property
    def paths(self) -> list[Path]:
        return list(dict.fromkeys(table.path for table in self.tables))

    @cached_property
    def settings(self) -> Source:
        """The settings as the run will have them."""
        own = {**self.guess.settings, **self.tables[0].part, **({"format": self.format.key} if self.format else {})}
        return client.source_of({"files": "x", **own}, "client.yml")

    def column(self, ours: str) -> list[reading.Column]:
        """The column of that name in each of the tables that have it."""
        wanted = (*self.settings.columns.get(ours, ()), ours)
        found = [[column for header in wanted for column in table.columns(header)] for table in self.tables]
        return [columns[0] for columns in found if columns]

    def values(self, ours: str) -> Counter[str]:
        """How often each cell of a column stands in the tables."""
        found: Counter[str] = Counter()
        for column in self.column(ours):
            often = np.bincount(column.codes[column.codes >= 0], minlength=len(column.text))
            found.update({text.strip(): int(n) for text, n in zip(column.text.to_pylist(), often, strict=True) if n})
        return found

    @cached_property
    def orders(self) -> set[str]:
        """Its order numbers."""
        return {_bare(number) for number in self.values("order_id")} - {""}

    @cached_property
    def days(self) -> dict[str, pd.Timestamp]:
        """When each order was, by its number; without those that cannot be read."""
        orders, days = self.column("order_id"), self.column("ordered_at") or self.column("date")
        if len(orders) != len(days):
            return {}
        try:
            when = moments(days, self.settings.dates, UTC, "")
        except UserError:
            when = moments(days, "day-first", UTC, "")
        order = pd.concat([guess_looks.cells(column, None) for column in orders], ignore_index=True).map(_bare)
        found = pd.concat([one.values for one in when], ignore_index=True).groupby(order).min().dropna()
        return found.drop("", errors="ignore").to_dict()

    @cached_property
    def people(self) -> dict[str, set[str]]:
        """Who bought, by each of the columns that say so."""
        return {ours: {cell.casefold() for cell in self.values(ours)} - {""} for ours in WHO}


def together(tables: Iterable[Table]) -> list[Entry]:
    """Tables of one kind become one entry: of one format, or of one guess."""
    kinds: dict[str, list[Table]] = {}
    for table in tables:
        key = table.format.key if table.format else ""
        columns = table.guess.settings.get("columns", table.guess.settings.get("names"))
        kinds.setdefault(repr((table.guess.source, key, columns, table.part)), []).append(table)
    entries = [Entry(tuple(group), _united([table.guess for table in group])) for group in kinds.values()]
    return [one for entry in entries for dressed in _by_dress(entry) for one in _by_shop(dressed)]


def _by_dress(entry: Entry) -> list[Entry]:
    """The entry, or several where its files write dates or decimal marks in ways that contradict each other, though
    each file by itself is clear."""
    if len(entry.tables) < 2 or not unclear(entry):
        return [entry]  # as nearly always, and file by file it takes long
    groups: list[tuple[Table, ...]] = []
    left_open: list[bool] = []
    for table in entry.tables:
        is_unclear = bool(unclear(replace(entry, tables=(table,))))
        place = next((i for i, group in enumerate(groups) if is_unclear or left_open[i] or not unclear(
            replace(entry, tables=(*group, table)))), None)
        if place is None:
            groups.append((table,))
            left_open.append(is_unclear)
        else:
            groups[place] += (table,)
            if is_unclear or left_open[place]:
                left_open[place] = bool(unclear(replace(entry, tables=groups[place])))
    return [replace(entry, tables=group) for group in groups]


def _by_shop(entry: Entry) -> list[Entry]:
    """The entry, or one for each shop where files bear the same order numbers for different orders."""
    groups: list[list[Entry]] = []
    for table in entry.tables if entry.role == "shop" and len(entry.tables) > 1 else ():
        alone = replace(entry, tables=(table,))  # held on to: it reads its days once, not for each pair
        free = (group for group in groups if not any(clash(alone, other) for other in group))
        group = next(free, None)
        if group is None:
            groups.append([alone])
        else:
            group.append(alone)
    if len(groups) < 2:
        return [entry]
    return [of_shop(replace(entry, tables=tuple(one.tables[0] for one in group))) for group in groups]


def clash(one: Entry, other: Entry) -> bool:
    """Whether they bear the same order numbers for orders of different days, as two shops do. One shop that begins
    its numbers anew each year does so, too: but its files follow each other, or its customers come back."""
    shared = one.days.keys() & other.days.keys()
    apart = [abs(one.days[order] - other.days[order]) > DAY for order in shared]
    if len(shared) < 3 or sum(apart) <= 0.5 * len(shared):
        return False
    follow = max(one.days.values()) < min(other.days.values()) or max(other.days.values()) < min(one.days.values())
    return not follow and not any(
        len(mine & other.people[ours]) >= SAME_PEOPLE * min(len(mine), len(other.people[ours]))
        for ours, mine in one.people.items() if mine and other.people[ours])


def _bare(number: str) -> str:
    """An order number without what a platform writes round it: "#1001" is 1001."""
    return re.sub(r"^\W+|\W+$", "", number)


def _united(guesses: list[Guess]) -> Guess:
    """One guess for several files with the same columns: the words of rules and answers, and the scales, added up."""
    settings = dict(guesses[0].settings)
    for other in guesses[1:]:
        for name in ("set_aside", "answers", "scale"):
            mine, more = settings.get(name, {}), other.settings.get(name, {})
            both = {**more, **mine}
            for key in mine.keys() & more.keys():
                both[key] = _both(name, mine[key], more[key])
            settings |= {name: both} if both else {}
    return Guess(guesses[0].source, settings, tuple(dict.fromkeys(note for one in guesses for note in one.notes)))


def _both(name: str, mine: Any, more: Any) -> Any:
    if name == "scale":
        return max(mine, more, key=lambda ends: abs(ends[1] - ends[0]))
    if name == "answers":
        return {**more, **mine}
    same = mine["column"] == more["column"] and "equals" in mine and "equals" in more
    return {**mine, "equals": list(dict.fromkeys(mine["equals"] + more["equals"]))} if same else mine


def same_sales(one: Entry, other: Entry) -> bool:
    """Whether they bear the same order numbers, be it of the same sales or of two shops'."""
    mine, others = one.orders, other.orders
    return bool(mine and others) and len(mine & others) >= SAME_SALES * min(len(mine), len(others))


def shared(one: Entry, other: Entry) -> list[str]:
    """The orders that both have: of the same number, and not of different days."""
    mine, others = one.days, other.days
    return [order for order in one.orders & other.orders
            if order not in mine or order not in others or abs(mine[order] - others[order]) <= DAY]


def is_within(one: Entry, other: Entry) -> bool:
    """Whether nearly all orders of the one are in the other, which then has all that counts."""
    return bool(one.orders) and len(shared(one, other)) >= WITHIN * len(one.orders)


def of_shop(entry: Entry) -> Entry:
    """The entry with the name of its shop, which tells its order numbers from another's."""
    note = "Its order numbers stand in another file for other orders: two shops, it seems."
    named = {**entry.guess.settings, "shop": entry.guess.settings.get("shop", one_line(entry.paths[0].stem))}
    return replace(entry, guess=Guess(entry.source, named, tuple(dict.fromkeys((*entry.guess.notes, note)))))


def as_lines(entry: Entry, orders: Entry) -> Entry | None:
    """A guessed file by line beside the same orders in a file by order: it becomes the source of lines."""
    if entry.format or entry.settings.grain != "line" or orders.settings.grain == "line":
        return None
    kept = guessed("lines")
    columns = {ours: header for ours, header in entry.guess.settings["columns"].items() if ours in kept}
    tables = tuple(replace(table, guess=Guess("lines", {"columns": columns})) for table in entry.tables)
    return Entry(tables, Guess("lines", {"columns": columns}))


def is_filled(column: reading.Column) -> bool:
    return bool((column.codes >= 0).any())


def is_named(entry: Entry) -> bool:
    """Whether orders say who bought."""
    people = [column for ours in WHO for column in entry.column(ours)]
    return entry.source == "orders" and any(map(is_filled, people))


def unclear(entry: Entry) -> list[tuple[str, str]]:
    """What the cells of an entry leave open, as (setting, words): the order of day and month, the decimal mark."""
    found, names = {}, names_of(entry.tables)
    for ours in filter(entry.column, MOMENTS):
        try:
            moments(entry.column(ours), entry.settings.dates, UTC, f"{names}, {ours}")
        except UserError as error:
            found.setdefault("dates", str(error))
    for ours in filter(entry.column, AMOUNTS):
        try:
            numbers(entry.column(ours), entry.settings.decimal, f"{names}, {ours}")
        except UserError as error:
            if error.facts.get("setting") == "decimal":
                found.setdefault("decimal", str(error))
    return [(f"sources.{entry.source}.{setting}", words) for setting, words in found.items()]
