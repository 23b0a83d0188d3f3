"""Messages that several modules of this room make: counts with their nouns, and sentences one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message

# nouns of the catalogue (n-...) that count persons; all others do not
PERSONS = ("customer", "held-out-customer", "member", "joiner", "usable-joiner", "first-time-buyer",
           "comparable-buyer")


def counted(n: int, noun: str, *, of: int | None = None) -> Message:
    """A number with its noun: "1,200 customers"; of persons, `of` so many where that is said beside it."""
    return message(f"n-{noun}", n=Persons(int(n), of) if noun in PERSONS else int(n))


def too_few(n: int, noun: str, needed: int) -> Message:
    """ "40 whole weeks of orders before the launch; 52 are needed"."""
    return message("too-few", have=counted(n, noun), needed=needed)


def joined(said: Iterable[Message | str | None], key: str = "together", parted_by: str = "blank") -> Message | str:
    """The messages one after the other, empty ones left out; "" where none is left."""
    found = tuple(filter(None, said))
    return message(key, said=Listed(found, parted_by=parted_by)) if found else ""


def sentence(said: Message) -> Message:
    """What stands in the middle of a sentence, as one of its own."""
    return message("sentence", said=said)


def lift(value: float, digits: int | None = None) -> Number:
    return Number(value, "lift", digits=digits, signed=True)


def percent(value: float) -> Number:
    """A share in whole percent."""
    return Number(value, "share", digits=0)


def yes(holds: bool) -> str:
    """A condition, for a message to choose its words by."""
    return "yes" if holds else "no"
