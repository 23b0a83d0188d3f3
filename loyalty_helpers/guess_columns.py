"""Which of our columns a column of a file may be, by its name and by its cells.

Words stand in words/columns.yml, English and Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loyalty_helpers.core.columns import described, guessed
from loyalty_helpers.guess_looks import CLOCK, Look, plain, said, words


@dataclass(frozen=True)
class Guess:
    """What a file may be. `source` is the source it becomes, "" where nothing can be made of it; `settings` are that
    source's settings without its files; `notes` say in sentences what to know and why."""

    source: str
    settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _within(low: float, high: float) -> Callable[[Look], bool]:
    return lambda look: look.filled > 0.05 and look.whole >= 0.95 and look.numbers().between(low, high).mean() >= 0.95


# what a column holds -> whether these cells may be it, else it must look like a label
IS: dict[str, Callable[[Look], bool]] = {
    "order number": lambda look: look.is_id,
    "customer": lambda look: look.is_id and look.masked < 0.1 and look.person < 0.5,
    "friend": lambda look: look.filled > 0.05 and look.date < 0.8,
    "email": lambda look: look.email >= 0.6,
    "phone": lambda look: look.phone >= 0.6 and look.masked < 0.1,
    "clock": lambda look: look.cells[look.cells != ""].str.fullmatch(CLOCK, case=False).mean() >= 0.8,
    "year": _within(1990, 2100), "month": _within(1, 12), "day": _within(1, 31),
    "quantity": lambda look: look.is_money and look.whole >= 0.9,
    "currency": lambda look: look.cells[look.cells != ""].str.fullmatch("[A-Za-z]{3}").mean() >= 0.9,
    "rating": _within(0, 10),
    "arm": lambda look: look.is_label and look.distinct <= 10,
    **dict.fromkeys(("kind", "tier"), lambda look: look.is_label and look.distinct <= 30),
    "wave": lambda look: look.distinct <= 50,
    **dict.fromkeys(("money", "points"), lambda look: look.is_money), "moment": lambda look: look.is_day,
}


def candidates(ours: str, columns: list[Look]) -> list[Look]:
    """The columns that may be `ours` by name and by cells, the likeliest first."""
    ranked = []
    for look in columns:
        refused = any(said(look.name, str(word)) for word in words()["not"].get(ours, ()))
        scores = [(look.name != str(word), place) for place, word in enumerate(words_for(ours))
                  if said(look.name, str(word))]
        if ours == "email" and look.email >= 0.8:  # an address is one, whatever the column is called
            scores.append((True, len(words_for(ours))))
        may_be = IS.get(described(ours).holds, lambda look: look.is_label)
        if scores and (not refused or not min(scores)[0]) and may_be(look):
            ranked.append((min(scores), look))
    return [look for _, look in sorted(ranked, key=lambda one: one[0])]


def words_for(ours: str) -> list[str]:
    return [plain(ours), *words()["columns"].get(ours, ())]


def assign(wanted: Iterable[str], columns: list[Look], taken: Collection[str] = ()) -> dict[str, Look]:
    """One column for each of the wanted names that has one, none twice, the likeliest first; `taken` are headers
    that are not free."""
    found: dict[str, Look] = {}
    for ours in wanted:
        used = {look.header for look in found.values()} | set(taken)
        free = [look for look in candidates(ours, columns) if look.header and look.header not in used]
        if free:
            found[ours] = free[0]
    return found


def columns_of(table: str, columns: list[Look], but: Collection[str] = ()) -> dict[str, Look]:
    """The columns of a table that are there, but for those named; sought in the order of the list of words."""
    wanted = guessed(table).difference(but)
    first = [ours for ours in words()["columns"] if ours in wanted]
    return assign((*first, *sorted(wanted.difference(first))), columns)


def headers_of(found: Mapping[str, Look]) -> dict[str, str]:
    return {ours: look.header for ours, look in found.items()}
