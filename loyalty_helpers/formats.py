"""Known exports: each file in `formats/` says how to tell an export of one platform, and the settings that read it.

A known format is data, not code: the same code reads it as reads a client's own settings.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from loyalty_helpers import client
from loyalty_helpers.client import Source
from loyalty_helpers.core import checks
from loyalty_helpers.core.columns import SOURCES
from loyalty_helpers.core.errors import UserError

# shop: sales, as the shop itself knows them; payments: the same sales, as a payment service saw them; items: the lines
# of another file's orders
ROLES = ("shop", "payments", "items", "members", "survey")
CONFIDENCES = ("high", "medium-high", "medium", "medium-low", "low")


def loose(text: str) -> str:
    """A text as names are compared: without byte order mark, outer and doubled blanks, case and full width."""
    return " ".join(unicodedata.normalize("NFKC", text).replace("\ufeff", "").casefold().split())


def _headers(value: Any, at: str) -> tuple[tuple[str, ...], ...]:
    """The entries of `recognise`: each a tuple of headers, of which any one will do."""
    if not isinstance(value, list) or not value:
        raise UserError(f"{at} must be a list of column names; a list within it means any one of these.")
    entries = [tuple(entry) if isinstance(entry, list) else (entry,) for entry in value]
    for entry in entries:
        if not entry or not all(isinstance(header, str) and header.strip() for header in entry):
            raise UserError(f"{at} has an entry that is no column name. Put names that YAML reads as numbers, dates or "
                            "yes/no in quotes.")
    return tuple(entries)


def _settings(value: Any, at: str) -> dict[str, Any]:
    client.build(Source, value, at)  # says what is wrong with them
    return value


@dataclass(frozen=True, kw_only=True)
class Format:
    """One known export. `settings` are a source's settings without its files; `recognise` the headers that must be
    there, each entry a tuple of which any one will do; `amount` and `about` say in words what to know."""

    key: str
    name: Annotated[str, checks.text]
    platform: Annotated[str, checks.text]
    source: Annotated[str, checks.choice(*SOURCES)]
    role: Annotated[str, checks.choice(*ROLES)]
    confidence: Annotated[str, checks.choice(*CONFIDENCES)]
    evidence: Annotated[str, checks.text]
    recognise: Annotated[tuple[tuple[str, ...], ...], _headers]
    amount: Annotated[str, checks.text] = ""
    about: Annotated[str, checks.text]
    settings: Annotated[dict[str, Any], _settings] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """A format whose headers are all there, and how many of the headers it knows are there."""

    format: Format
    headers: int


@cache
def known(folder: Path = client.FORMATS) -> dict[str, Format]:
    """The formats in `folder`, by key (the file's name). A UserError names a file that is not as it should be."""
    return {path.stem: _format(path) for path in sorted(folder.glob("*.yml"))}


def _format(path: Path) -> Format:
    given, shown = client.load_format(path.stem, path.parent), f"loyalty_helpers/formats/{path.name}"
    return checks.checked(lambda value, at: client.build(Format, value, at, key=path.stem), given, shown)


def recognise(headers: Iterable[str], folder: Path = client.FORMATS) -> list[Match]:
    """The formats that a file with these headers may be, the one with most known headers first.

    Names count, never positions; upper and lower case, full width, blanks and a byte order mark make no difference.
    """
    there = {loose(header) for header in headers}
    found = [Match(one, len(there & headers_of(one))) for one in known(folder).values()
             if all(there & set(map(loose, entry)) for entry in one.recognise)]
    return sorted(found, key=lambda match: (-match.headers, match.format.key))


def headers_of(one: Format) -> set[str]:
    """Every header that a format knows, loosely written: those that tell it and those that it reads."""
    columns = one.settings.get("columns") or {}
    read = [name for names in columns.values() if names for name in (names if isinstance(names, list) else [names])]
    return {loose(str(header)) for header in [*read, *(header for entry in one.recognise for header in entry)]}


def describe(folder: Path = client.FORMATS) -> str:
    """The text that `make formats` prints: a table of the known formats, then what to know of each."""
    formats = known(folder)
    head = ("key", "platform", "becomes", "sure", "evidence")
    rows = [head, *((one.key, one.platform, _becomes(one), one.confidence, one.evidence) for one in formats.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    margin = " " * (sum(widths) + 2 * len(widths))
    lines = [f"{len(formats)} known exports. make new CLIENT=acme FROM=path/to/exports/ tells them by their columns.",
             ""]
    for row in rows:
        start = "".join(cell.ljust(width + 2) for cell, width in zip(row, widths, strict=False))
        lines.append(textwrap.fill(row[-1], max(len(margin) + 40, 118), initial_indent=start, subsequent_indent=margin))
    for one in formats.values():
        lines += ["", f"{one.key}: {one.name}", *map(_folded, filter(None, [one.about, one.amount and
                                                                           f"Amount: {one.amount}"]))]
    return "\n".join(lines)


def _becomes(one: Format) -> str:
    return one.source if one.role in ("shop", one.source) else f"{one.source} ({one.role})"


def _folded(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 110, initial_indent="  ", subsequent_indent="  ",
                         break_on_hyphens=False)
