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

__all__ = ["entry", "words"]

HERE = Path(__file__).parent
LANGUAGE = "en"


def words(said: Message | str | None, *, least: int = 1) -> str:
    """`said` in words; "" where there is nothing to say; a text of the client's own as it is.

    `least` is the fewest persons of whom the reader may see a number: 1 for the owner, more for others, who read
    "fewer than 5" instead. Raises KeyError for a key that the catalogue has not, and for a fact that a message lacks.
    """
    if said is None or isinstance(said, str):
        return said or ""
    bundle = _catalogue(LANGUAGE)
    if not bundle.has_message(said.key):
        raise KeyError(f"The catalogue has no message '{said.key}'.")
    facts = {name: text for fact in said.facts.items() for name, text in _named(*fact, least).items()}
    text, errors = bundle.format_pattern(bundle.get_message(said.key).value, facts)
    if errors:
        raise KeyError(f"The message '{said.key}' lacks a fact: {errors[0]}.")
    return text


def entry(key: str, language: str) -> str:
    """The entry `key`, which has no facts, of the catalogue of a `language`; "" where there is none."""
    bundle = _catalogue(language)
    return bundle.format_pattern(bundle.get_message(key).value, {})[0] if bundle.has_message(key) else ""


@cache
def _catalogue(language: str) -> FluentBundle:
    bundle = FluentBundle([language], use_isolating=False)
    for path in sorted((HERE / language).glob("*.ftl")):
        bundle.add_resource(FluentResource(path.read_text(encoding="utf-8")))
    return bundle


def _named(name: str, fact: Fact | Finding, least: int) -> dict[str, str | int]:
    """A fact by its name; a finding as several: its value, and -label, -interval, -level, -n and -measurable."""
    if not isinstance(fact, Finding):
        return {name: _fact(fact, least)}
    return {name: fact.value, f"{name}-label": words(fact.label, least=least), f"{name}-interval": fact.interval,
            f"{name}-level": fact.level, f"{name}-n": _persons(Persons(fact.n), least), f"{name}-why":
            words(fact.note, least=least), f"{name}-measurable": "yes" if fact.measurable else "no"}


def _fact(fact: Fact, least: int) -> str | int:
    """A fact as Fluent takes it: a whole number stays one, so that a message can choose its plural by it."""
    if isinstance(fact, Persons):
        return _persons(fact, least)
    if isinstance(fact, Number):
        return _number(fact, least)
    if isinstance(fact, Listed):
        return words(message(f"list-{fact.parted_by}")).join(str(_fact(item, least)) for item in fact.items)
    if isinstance(fact, Message):
        return words(fact, least=least)
    if isinstance(fact, date):  # of which a moment is one
        return format_date(fact, "d MMMM y", locale=LANGUAGE)
    return int(fact) if not isinstance(fact, str) else fact


def _persons(persons: Persons, least: int) -> str | int:
    if persons.of is not None and 1 <= persons.of - persons.n < least:
        return words(message("nearly-all"))
    return words(message("few-persons", least=least)) if 1 <= persons.n < least else int(persons.n)


def _number(number: Number, least: int) -> str:
    if number.rests_on is not None and isinstance(_persons(number.rests_on, least), str):
        return words(message("hidden-number"))
    write = difference if number.signed else amount
    return write(number.value, number.unit, digits=number.digits)
