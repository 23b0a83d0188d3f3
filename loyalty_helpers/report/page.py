"""The page: the only door by which words, tables, charts and results of a chapter leave.

A chapter opens its page and gives it what the rooms found; the page hides what its readers must not see (`gate.seen`),
puts it into words, and shows it. No chapter knows who reads it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

import pandas as pd

from loyalty_helpers.core import packed, store
from loyalty_helpers.core.findings import Effect, Finding, Verdict
from loyalty_helpers.core.messages import Fact, Message, message
from loyalty_helpers.core.settings import Client, UserError
from loyalty_helpers.report import gate, show, tables
from loyalty_helpers.report.wording import words


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
    def lead(self, said: str | Message, *found: Any) -> None:
        """The chapter's answer, set large."""
        show.lead(self._words(said, found))

    def say(self, said: str | Message | Finding, *found: Any) -> None:
        """A paragraph; nothing where there is nothing to say."""
        show.say(self._words(said, found))

    def note(self, said: str | Message, *found: Any) -> None:
        """A limit, beside the claim that it limits."""
        show.note(self._words(said, found))

    def actions(self, steps: Iterable[tuple[Message, Message]]) -> None:
        """Numbered things to do, each as (what, why)."""
        show.actions([(self._words(what, ()), self._words(why, ())) for what, why in steps])

    def links(self, chapters: Iterable[str]) -> None:
        """Ways to other chapters ("02_scoring"): `link-02-scoring` of the catalogue, and `link-02-scoring-what`."""
        keys = {chapter: f"link-{chapter.replace('_', '-')}" for chapter in chapters}
        show.links([(chapter, words(Message(key)), words(Message(f"{key}-what"))) for chapter, key in keys.items()])

    def hero(self, verdict: Verdict, headline: Effect | None) -> None:
        """The answer to the report's question, with what it rests on and its grade."""
        show.hero(verdict, self.seen(headline), self.shop.program)

    def cards(self, findings: Sequence[Finding]) -> None:
        """One card per finding: a change with its direction, a level with its interval."""
        show.cards(self.seen(list(findings)))

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
        store.save_result(self.shop, name, self._of_groups(frame, name).map(_text))

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
        if isinstance(said, str):
            made = getattr(self.sentences, said)(*(self.seen(one) for one in found))
            several = made if isinstance(made, (list, tuple)) else [made]
        else:
            several = [said, *found]
        seen = (self.seen(one) for one in several)
        return " ".join(filter(None, (one.sentence if isinstance(one, Finding) else words(one) for one in seen)))

    def _of_groups(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        if "customer_id" in frame:
            raise ValueError(f"The table '{name}' is a list of customers: keep it with store.save_private.")
        return tables.worded(self.seen(frame, name), name)


def _text(cell: Any) -> Any:
    return words(cell) if isinstance(cell, Message) else cell
