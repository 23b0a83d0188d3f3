"""Messages: what is to be said, as a key of the catalogue with the facts it needs; never as words.

Rooms that compute give reasons and sentences as messages; `report.wording` turns them into a language, and knows on
the way which facts count persons, so that a report for others hides what they must not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType


@dataclass(frozen=True)
class Persons:
    """A count of persons, `of` so many where that is known: others than the owner never see 1 to k - 1 of them."""

    n: int
    of: int | None = None


@dataclass(frozen=True)
class Number:
    """A quantity in a `unit` (a key of findings.UNITS, or a currency), to be written as the catalogue's language does.

    `signed` marks a difference (+8.0 pp), others are levels (8.0 %). `digits` are decimals, by default the unit's
    usual ones. `rests_on` are the persons behind it: where they are too few for others, so is the number.
    """

    value: float
    unit: str = ""
    digits: int | None = None
    signed: bool = False
    rests_on: Persons | None = None


@dataclass(frozen=True)
class Listed:
    """Several things said one after the other, `parted_by` a comma, semicolon, blank, dot, "and", or in a series
    ("a, b and c")."""

    items: tuple[Fact, ...]
    parted_by: str = "comma"


@dataclass(frozen=True)
class Message:
    """One entry of the catalogue by its `key`, and the facts that stand in it by their names there.

    `rests_on` are the persons of whom all of it speaks: where they are too few for others, they do not read it.
    """

    key: str
    facts: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}))
    rests_on: Persons | None = None

    def resting(self, on: Persons) -> Message:
        """The same message, of so many persons."""
        return replace(self, rests_on=on)


# what may stand in a message: whole numbers that count no persons, days, names from the client's files, and the above
Fact = int | str | date | Persons | Number | Listed | Message


def message(key: str, /, **facts: Fact) -> Message:
    """`message("late", customers=Persons(3), weeks=13)`: the entry "late" of the catalogue, with its facts."""
    return Message(key, MappingProxyType(facts))
