"""What a client sent: every table of every file, what it is known or guessed to be, and what is passed over."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loyalty_helpers import formats, guess, guess_looks, questions, reading
from loyalty_helpers.client import Source
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.formats import Format
from loyalty_helpers.guess_columns import Guess
from loyalty_helpers.reading import RawFile

# what lies beside exports and is none
NO_TABLES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".svg", ".bmp", ".pdf", ".doc", ".docx", ".ppt",
             ".pptx", ".md", ".html", ".htm", ".json", ".yml", ".yaml", ".xml", ".py", ".ipynb", ".eml", ".mp4", ".mov"}


@dataclass(frozen=True)
class LeftOut:
    """What is not used, under its name, and why. What is no table at all is not worth a line in the settings."""

    name: str
    why: str
    is_table: bool = True

@dataclass(frozen=True)
class Table:
    """One table of one file. `part` are the settings that it takes to read it (its sheet, say); `format` is the known
    export that it is, else `guess` says what it may be."""

    path: Path
    part: dict[str, str]
    raw: RawFile
    format: Format | None
    guess: Guess

    @property
    def role(self) -> str:
        if self.format:
            return self.format.role
        return {"orders": "shop", "lines": "items"}.get(self.guess.source, self.guess.source)

    def columns(self, header: str) -> list[reading.Column]:
        """The columns under that header, however it is written."""
        return [column for name, column in zip(self.raw.headers, self.raw.columns, strict=True)
                if formats.loose(name) == formats.loose(header)]


def look(place: Path) -> tuple[list[Table], list[LeftOut]]:
    """Every table at that place, and what was left out."""
    if not place.exists():
        raise UserError(f"FROM={place} does not exist. Give the file, or the folder that holds the files; a path with "
                        "blanks goes in quotes: FROM=\"path with blanks/\".")
    paths = [place] if place.is_file() else sorted(
        (path for path in place.rglob("*") if path.is_file()), key=lambda path: (len(path.parts), len(path.name), path))
    if not paths:
        raise UserError(f"FROM={place} holds no files. Put the client's exports there, or name another folder.")
    tables, left_out, seen = [], [], {}
    for path in paths:
        name = name_of(path, place)
        if passed_over := _no_table(name, path.relative_to(place) if path != place else Path(path.name)):
            left_out.append(passed_over)
            continue
        digest = _digest(path)
        if digest in seen:
            left_out.append(LeftOut(name, f"the same file as {seen[digest]}."))
            continue
        seen[digest] = name
        try:
            tables += [_table(path, part) for part in _parts(path)]
        except UserError as error:
            left_out.append(LeftOut(name, f"cannot be read: {error}"))
    return tables, left_out


def _no_table(name: str, path: Path) -> LeftOut | None:
    """Why a file is passed over without a look; None where it is not."""
    if any(part.startswith(".") for part in path.parts) or path.name.lower() in ("thumbs.db", "desktop.ini"):
        return LeftOut(name, "a hidden file of the system.", is_table=False)
    if path.name.startswith("~$"):
        return LeftOut(name, "the lock of a file that is open in Excel; close it there.")
    if path.stem.lower().startswith(("readme", "liesmich", "lisezmoi", "说明")):
        return LeftOut(name, "a text to read.", is_table=False)
    return LeftOut(name, "no table, by its name.", is_table=False) if path.suffix.lower() in NO_TABLES else None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _read(path: Path, **how: Any) -> RawFile:
    return reading.read_file(path, path.name, Source(files=(path.name,), **how))


def _parts(path: Path) -> list[dict[str, str]]:
    """The settings with which each table of a file is read: none, or its sheet or table."""
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"SQLite format 3\0"):
        # of one that is damaged the reader says so, in words
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            return [{"table": row[0]} for row in base.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")]
    try:
        _read(path)
        return [{}]
    except UserError as error:
        if sheets := error.facts.get("sheets"):
            return [{"sheet": name} for name in sheets]
        raise


def _table(path: Path, part: dict[str, str]) -> Table:
    raw = _read(path, **part)
    known = _known(raw)
    if not known:
        found = guess.guess(raw)
        raw = _read(path, **part, names=tuple(found.settings["names"])) if "names" in found.settings else raw
        return Table(path, part, raw, None, found)
    how = {name: known.settings[name] for name in ("header_rows",) if name in known.settings}
    raw = _read(path, **part, **how) if how else raw
    if known.source != "survey":
        return Table(path, part, raw, known, Guess(known.source))
    fields, columns = formats.headers_of(known), [one for one in guess_looks.looks(raw) if one.filled]
    found = questions.asked(columns, taken=[one.header for one in columns if formats.loose(one.header) in fields])
    return Table(path, part, raw, known, found)


def _known(raw: RawFile) -> Format | None:
    """The known export that a file is. One told by a single name ("Timestamp") is not where its cells say otherwise."""
    matches = formats.recognise(raw.headers)
    if not matches:
        return None
    known = matches[0].format
    is_sure = len(known.recognise) > 1 or guess.guess(raw).source in ("", known.source)
    return known if is_sure else None


def one_line(text: str) -> str:
    """A text on one line that any file and any screen takes: without line breaks and control characters, and with a
    mark for the bytes of a file's name that are no UTF-8."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def name_of(path: Path, place: Path) -> str:
    return one_line(path.relative_to(place).as_posix() if path != place else path.name)


def shown(table: Table, place: Path | None = None) -> str:
    name = name_of(table.path, place or table.path)
    return name + "".join(f" ({kind} {one})" for kind, one in table.part.items())


def names_of(tables: Iterable[Table], place: Path | None = None) -> str:
    return ", ".join(shown(table, place) for table in tables)
