"""The catalogue: turns messages (keys and facts) into the words of a language.

It takes messages of any room and gives plain text. It never computes a figure, and never reads one out of words.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from babel.dates import format_date
from fluent.runtime import FluentBundle, FluentResource

from loyalty_helpers.core.findings import Finding, amount, difference
from loyalty_helpers.core.messages import Fact, Listed, Message, Number, Persons, message

__all__ = ["words"]

HERE = Path(__file__).parent
LANGUAGE = "en"


def words(said: Fact | Finding | None) -> str:
    """`said` in words; "" where there is nothing to say; a text of the client's own as it is; of a finding its value.

    Hides nothing: what readers must not see, the gate has hidden before. Raises KeyError for a key that the catalogue
    has not, and for a fact that a message lacks.
    """
    if not isinstance(said, Message):
        return "" if said is None else said.value if isinstance(said, Finding) else str(_fact(said))
    bundle = _catalogue(LANGUAGE)
    if not bundle.has_message(said.key):
        raise KeyError(f"The catalogue has no message '{said.key}'.")
    facts = {name: text for fact in said.facts.items() for name, text in _named(*fact).items()}
    text, errors = bundle.format_pattern(bundle.get_message(said.key).value, facts)
    if errors:
        raise KeyError(f"The message '{said.key}' lacks a fact: {errors[0]}.")
    return text


@cache
def _catalogue(language: str) -> FluentBundle:
    bundle = FluentBundle([language], use_isolating=False)
    for path in sorted((HERE / language).glob("*.ftl")):
        bundle.add_resource(FluentResource(path.read_text(encoding="utf-8")))
    return bundle


def _named(name: str, fact: Fact | Finding) -> dict[str, str | int]:
    """A fact by its name; a finding as several: its value, and -label, -interval, -level, -n, -why and -measurable."""
    if not isinstance(fact, Finding):
        return {name: _fact(fact)}
    return {name: fact.value, f"{name}-label": words(fact.label), f"{name}-interval": fact.interval,
            f"{name}-level": fact.level, f"{name}-n": int(fact.n), f"{name}-why": words(fact.note),
            f"{name}-measurable": "yes" if fact.measurable else "no"}


def _fact(fact: Fact) -> str | int:
    """A fact as Fluent takes it: a whole number stays one, so that a message can choose its plural by it."""
    if isinstance(fact, Persons):
        return int(fact.n)
    if isinstance(fact, Number):
        write = difference if fact.signed else amount
        return write(fact.value, fact.unit, digits=fact.digits)
    if isinstance(fact, Listed):
        return words(message(f"list-{fact.parted_by}")).join(str(_fact(item)) for item in fact.items)
    if isinstance(fact, Message):
        return words(fact)
    if isinstance(fact, date):  # of which a moment is one
        return format_date(fact, "d MMMM y", locale=LANGUAGE)
    return int(fact) if not isinstance(fact, str) else fact
