"""The page: the only door by which words, tables, charts and results of a chapter leave.

A chapter opens its page and gives it what the rooms found; the page hides what its readers must not see (`gate.seen`),
puts it into words, and shows it. No chapter knows who reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import pandas as pd

from loyalty_helpers.core import store
from loyalty_helpers.core.messages import Message
from loyalty_helpers.core.settings import Client
from loyalty_helpers.report import gate, show, tables
from loyalty_helpers.report.wording import words


@dataclass(frozen=True)
class Page:
    """One chapter of one client's report. `frames` are the prepared tables by name; `sentences` and `charts` are the
    chapter's modules, whose functions take what was found and give a message or a chart."""

    shop: Client
    frames: Mapping[str, pd.DataFrame]
    sentences: ModuleType
    charts: ModuleType

    def lead(self, said: str | Message, *found: Any) -> None:
        """The chapter's answer, set large."""
        show.lead(self._words(said, found))

    def say(self, said: str | Message, *found: Any) -> None:
        """A paragraph: a message, or what the chapter's function of that name says of what was `found`."""
        show.say(self._words(said, found))

    def note(self, said: str | Message, *found: Any) -> None:
        """A limit, beside the claim that it limits."""
        show.note(self._words(said, found))

    def chart(self, name: str, *found: Any, **options: Any) -> None:
        """The chapter's chart of that name, of what was `found`; `name` also finds the table's declaration."""
        seen = (self.seen(one, name) for one in found)
        show.chart(getattr(self.charts, name)(*seen, **options), words=partial(words, least=gate.least(self.shop)))

    def table(self, frame: pd.DataFrame, name: str) -> None:
        """A table under the caption of the catalogue (`table-<name>`), with the units of its columns."""
        said = partial(words, least=gate.least(self.shop))
        show.table(self.seen(frame, name).map(lambda cell: said(cell) if isinstance(cell, Message) else cell),
                   caption=words(Message(f"table-{name.replace('_', '-')}")),
                   units=tables.units(frame, name, currency=self.shop.currency))

    def keep(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a result as tables/`name`.csv, as its readers may see it."""
        store.save_result(self.shop, name, self.seen(frame, name))

    def seen(self, found: Any, name: str = "") -> Any:
        """`found` as the readers of this page may see it."""
        return gate.seen(found, gate.least(self.shop), tables.TABLES.get(name))

    def _words(self, said: str | Message, found: tuple) -> str:
        if isinstance(said, str):
            said = getattr(self.sentences, said)(*(self.seen(one) for one in found))
        several = said if isinstance(said, (list, tuple)) else [said]
        return " ".join(filter(None, (words(one, least=gate.least(self.shop)) for one in several)))
