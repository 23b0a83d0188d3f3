"""The catalogue: turns messages (keys and facts) into the words of a language.

It takes messages of any room and gives plain text. It never computes a figure, and never reads one out of words.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from loyalty_helpers.core.findings import Finding
from loyalty_helpers.core.messages import Fact, Listed, Message, Number, Persons
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.findings import parts, value
from loyalty_helpers.report.wording.numbers import amount, day, difference

__all__ = ["catalogue", "findings", "numbers", "words"]


def words(said: Fact | Finding | None) -> str:
    """`said` in words; "" where there is nothing to say; a text of the client's own as it is; of a finding its value.

    Hides nothing: what readers must not see, the gate has hidden before. Raises KeyError for a key that the catalogue
    has not, and for a fact that a message lacks.
    """
    if not isinstance(said, Message):
        return "" if said is None else value(said) if isinstance(said, Finding) else str(_fact(said))
    facts = {}
    for name, fact in said.facts.items():
        facts |= ({name: _fact(fact)} if not isinstance(fact, Finding) else
                  {name + part: _fact(one) for part, one in parts(fact).items()})
    return text(said.key, **facts)


def _fact(fact: Any) -> str | int:
    """A fact as Fluent takes it: a whole number stays one, so that a message can choose its plural by it."""
    if isinstance(fact, Persons):
        return int(fact.n)
    if isinstance(fact, Number):
        return (difference if fact.signed else amount)(fact.value, fact.unit, digits=fact.digits)
    if isinstance(fact, Listed):
        return _listed([words(item) for item in fact.items], fact.parted_by)
    if isinstance(fact, Message):
        return words(fact)
    if isinstance(fact, date):  # of which a moment is one
        return day(fact)
    return int(fact) if not isinstance(fact, str) else fact


def _listed(said: list[str], parted_by: str) -> str:
    if parted_by == "series":
        *most, last = said
        return text("list-series", most=text("list-comma").join(most), last=last) if most else last
    return text(f"list-{parted_by}").join(said)
