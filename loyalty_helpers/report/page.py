"""The page: the only door by which words, tables, charts and results of a chapter leave.

A chapter opens its page and gives it what the rooms found; the page hides what its readers must not see (`gate.seen`),
puts it into words, and shows it. No chapter knows who reads it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

import pandas as pd

from loyalty_helpers.core import packed, store
from loyalty_helpers.core.findings import Change, Effect, Finding, Verdict
from loyalty_helpers.core.messages import Fact, Listed, Message, Persons, message
from loyalty_helpers.core.settings import SOURCES, Client, UserError
from loyalty_helpers.report import gate, show, tables
from loyalty_helpers.report.wording import findings as wording
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.numbers import day


@dataclass(frozen=True)
class Page:
    """One chapter of one client's report; `frames` are the prepared tables by name.

    A chapter's module (chapters/chNN.py) holds a subclass `Chapter` with what it computes, and beside it the functions
    that say what was found; its charts are functions of charts/chNN.py. `said` is the name of such a function, called
    with what was `found`, or a message or finding itself, with further ones behind it.
    """

    shop: Client
    frames: Mapping[str, pd.DataFrame]

    reads: ClassVar[bool] = True  # whether the chapter reads prepared tables

    # ------------------------------------------------------------ words
    def loaded(self) -> None:
        """What the chapter reads, which tables the client has not, and what readers have to know who are not the owner.
        """
        missing = tuple(message(f"source-{name.replace('_', '-')}") for name in SOURCES if name not in self.frames)
        k = gate.least(self.shop)
        self.say(message("loaded", rows=message("read-rows", rows=len(self.frames["orders"])),
                         customers=message("read-customers", customers=Persons(len(self.frames["customers"]))),
                         missing=Listed(missing), all="no" if missing else "yes"),
                 *([message("notice", least=k)] if k > 1 else []))

    def lead(self, said: str | Message, *found: Any) -> None:
        """The chapter's answer, set large."""
        show.lead(self._words(said, found))

    def say(self, said: str | Callable | Message | Finding, *found: Any) -> None:
        """A paragraph; nothing where there is nothing to say."""
        show.say(self._words(said, found))

    def note(self, said: str | Message, *found: Any) -> None:
        """A limit, beside the claim that it limits."""
        show.note(self._words(said, found))

    def actions(self, said: str, *found: Any) -> None:
        """Numbered things to do: the chapter's function `said` gives each as (what, why)."""
        show.actions([tuple(map(words, step)) for step in self._made(said, found)])

    def links(self, chapters: Iterable[str]) -> None:
        """Ways to other chapters ("02_scoring"): `link-02-scoring` of the catalogue, and `link-02-scoring-what`."""
        keys = {chapter: f"link-{chapter.replace('_', '-')}" for chapter in chapters}
        show.links([(chapter, words(Message(key)), words(Message(f"{key}-what"))) for chapter, key in keys.items()])

    def hero(self, verdict: Verdict, headline: Effect | None) -> None:
        """The answer to the report's question, with what it rests on and its grade.

        Where the headline may claim nothing its sentence says what was seen all the same; without one no grade.
        """
        verdict, headline = self.seen(verdict), self.seen(headline)
        seen = headline is not None and headline.measurable and headline.grade in "DE"
        letters, program = wording.grades(), self.shop.program
        kicker = program.name if not (program.name and program.launched_on) else words(
            message("program-launched", name=program.name, day=day(program.launched_on, short=True)))
        show.hero(words(verdict.sentence), words(verdict.words), kicker=kicker,
                  because=[words(one) for one in (wording.sentence(headline) if seen else "", *verdict.because,
                                                  verdict.would_tell)],
                  grade=None if headline is None else (
                      verdict.grade, words(message("grade-of-evidence", grade=letters[verdict.grade])),
                      words(message("grades-summary")), letters))

    def cards(self, said: str, *found: Any) -> None:
        """One card per finding that the chapter's function `said` gives: a change with its direction, a level with its
        interval."""
        seen = self._made(said, found)
        made = [show.Card(**{part: words(said) for part, said in wording.card(one).items()}) for one in seen]
        changes = any(isinstance(one, Change) for one in seen)
        show.cards(made, caution=words(message("cards-changes")) if changes else "")

    # ------------------------------------------------------------ tables and charts
    def table(self, frame: pd.DataFrame, name: str, *, note: Message | None = None, **facts: Fact) -> None:
        """A table under the caption `table-<name>` of the catalogue, which may take `facts`, and a `note` below it.

        Its columns have the units declared in tables.py; a cell may be a message. Raises ValueError for a list of
        customers, which belongs to the private folder.
        """
        seen = self._of_groups(frame, name)
        show.table(seen, caption=words(self.seen(message(f"table-{name.replace('_', '-')}", **facts))),
                   note=self._words(note, ()) if note else "",
                   units=tables.units(frame, name, currency=self.shop.currency))

    def chart(self, name: str, *found: Any, **options: Any) -> None:
        """The chapter's chart of that name, of what was `found`; `name` also finds the table's declaration."""
        show.chart(self.seen(getattr(self.charts, name)(*(self.seen(one, name) for one in found), **options)))

    # ------------------------------------------------------------ results
    def keep(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a result as tables/`name`.csv, as its readers may see it; raises ValueError as `table` does."""
        store.save_result(self.shop, name, self._of_groups(frame, name).map(_in_words))

    def publish(self, name: str, facts: Mapping[str, Any]) -> None:
        """Keep `facts`, all messages in words, as `name`.json beside the report."""
        store.write_json(_in_words(self.seen(facts, name)), self.shop.results / f"{name}.json")

    def hand_on(self, name: str, found: Any) -> None:
        """Keep findings, messages and values for other chapters, which read them with `handed`."""
        store.write_json(packed.pack(self.seen(found, name)), self.shop.results / f"{name}.json")

    def handed(self, name: str) -> Any:
        """What another chapter handed on under this name; UserError where it has not run yet."""
        path = self.shop.results / f"{name}.json"
        if not path.exists():
            raise UserError(f"{path.name} of {self.shop.key} is not there yet: run `make report "
                            f"CLIENT={self.shop.key}`.")
        return packed.unpack(json.loads(path.read_text(encoding="utf-8")))

    def seen(self, found: Any, name: str = "") -> Any:
        """`found` as the readers of this page may see it; `name` is that of the table's declaration."""
        return gate.seen(found, gate.least(self.shop), name)

    @property
    def sentences(self) -> ModuleType:
        """The chapter's own module."""
        return sys.modules[type(self).__module__]

    @property
    def charts(self) -> ModuleType:
        """The chapter's charts."""
        return import_module(self.sentences.__name__.replace(".chapters.", ".charts."))

    def _words(self, said: str | Message | Finding, found: tuple) -> str:
        seen = self._made(said, found)
        return " ".join(filter(None, (words(wording.sentence(one) if isinstance(one, Finding) else one)
                                      for one in seen)))

    def _made(self, said: str | Callable | Message | Finding, found: tuple) -> list:
        """What is said, as readers may see it: the messages given, or what is made of what was found by a function (the
        chapter's own, where it has one of that name) or as the property of that name."""
        if not isinstance(said, str) and not callable(said):
            return self.seen([said, *found])
        seen = [self.seen(one) for one in found]
        make = getattr(self.sentences, said, None) if isinstance(said, str) else said
        made = make(*seen) if make else getattr(seen[0], said)
        return self.seen(list(made) if isinstance(made, (list, tuple)) else [made])

    def _of_groups(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        if "customer_id" in frame:
            raise ValueError(f"The table '{name}' is a list of customers: keep it with store.save_private.")
        return tables.worded(self.seen(frame, name), name)


def _in_words(found: Any) -> Any:
    """`found` with words in place of messages."""
    if isinstance(found, Mapping):
        return {name: _in_words(one) for name, one in found.items()}
    if isinstance(found, list):
        return [_in_words(one) for one in found]
    return words(found) if isinstance(found, Message) else found
