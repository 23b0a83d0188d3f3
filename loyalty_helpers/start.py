"""`make new CLIENT=acme FROM=path/to/exports/`: look at what a client sent, and write the settings that read it.

Known exports are told by their column names, others are guessed at; every guess is marked in the settings and listed,
with what only a person can know. The files are copied, never moved, and nothing is written outside the client's folder.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import re
import shutil
import sqlite3
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from loyalty_helpers import cells_moments, cells_numbers, cells_zones, client, formats, guess, questions, reading
from loyalty_helpers.client import Source
from loyalty_helpers.core.columns import AMOUNTS, MOMENTS, SOURCES, WHO, guessed
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import count
from loyalty_helpers.formats import Format
from loyalty_helpers.guess import Guess
from loyalty_helpers.reading import RawFile

# what lies beside exports and is none
NO_TABLES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".svg", ".bmp", ".pdf", ".doc", ".docx", ".ppt",
             ".pptx", ".md", ".html", ".htm", ".json", ".yml", ".yaml", ".xml", ".py", ".ipynb", ".eml", ".mp4", ".mov"}
PASSED_OVER = ("a hidden file of the system.", "a text to read.", "no table, by its name.")
SAME_PEOPLE = 0.1  # of the customers of the smaller of two files: one shop, whatever its order numbers
WITHIN = 0.95  # of the orders of a file stand in another, too: it adds nothing
SAME_SALES = 0.3  # two files whose order numbers agree to this share of the smaller one hold the same sales
GUESSED = client.GUESSED
SEEN = "the same sales as {}: counted twice, they would be wrong."
OURS = ("prepared", "private", "client.yml", "themes.yml", "actions.csv")  # names that mean something in that folder
# columns that say whether a person agreed to be written to, in loose spelling, and what stands in them
STAGE = ".new"  # folder in the client's, in which a copy is made ready


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


@dataclass(frozen=True)
class Entry:
    """Tables that become one source together: they are of one kind."""

    tables: tuple[Table, ...]
    guess: Guess

    @property
    def format(self) -> Format | None:
        return self.tables[0].format

    @property
    def source(self) -> str:
        return self.guess.source

    @property
    def role(self) -> str:
        return self.tables[0].role

    @property
    def label(self) -> str:
        if self.format:
            return f"{self.format.name} (confidence: {self.format.confidence})"
        return f"unknown, guessed to be {self.source}"

    @property
    def paths(self) -> list[Path]:
        return list(dict.fromkeys(table.path for table in self.tables))

    @cached_property
    def settings(self) -> Source:
        """The settings as the run will have them."""
        own = {**self.guess.settings, **self.tables[0].part, **({"format": self.format.key} if self.format else {})}
        return client.source_of({"files": "x", **own}, "client.yml")

    def column(self, ours: str) -> list[reading.Column]:
        """The column of that name in each of the tables that have it."""
        wanted = (*self.settings.columns.get(ours, ()), ours)
        found = [[column for header in wanted for column in table.columns(header)] for table in self.tables]
        return [columns[0] for columns in found if columns]

    def values(self, ours: str) -> Counter[str]:
        """How often each cell of a column stands in the tables."""
        found: Counter[str] = Counter()
        for column in self.column(ours):
            often = np.bincount(column.codes[column.codes >= 0], minlength=len(column.text))
            found.update({text.strip(): int(n) for text, n in zip(column.text.to_pylist(), often, strict=True) if n})
        return found

    @cached_property
    def orders(self) -> set[str]:
        """Its order numbers."""
        return {_bare(number) for number in self.values("order_id")} - {""}

    @cached_property
    def days(self) -> dict[str, pd.Timestamp]:
        """When each order was, by its number; without those that cannot be read."""
        orders, days = self.column("order_id"), self.column("ordered_at") or self.column("date")
        if len(orders) != len(days):
            return {}
        try:
            moments = cells_moments.moments(days, self.settings.dates, ("UTC", "UTC"), "")
        except UserError:
            moments = cells_moments.moments(days, "day-first", ("UTC", "UTC"), "")
        numbers = pd.concat([guess.cells(column, None) for column in orders], ignore_index=True).map(_bare)
        found = pd.concat([one.values for one in moments], ignore_index=True).groupby(numbers).min().dropna()
        return found.drop("", errors="ignore").to_dict()

    @cached_property
    def people(self) -> dict[str, set[str]]:
        """Who bought, by each of the columns that say so."""
        return {ours: {cell.casefold() for cell in self.values(ours)} - {""}
                for ours in WHO}


# ---------------------------------------------------------------- the verb
def make(key: str, exports: str | Path, root: Path | None = None) -> tuple[Path, str]:
    """Make the client `key` from the file or folder `exports`: copies of what is of use, and `client.yml`.

    Returns the path of `client.yml` and the text to print. Raises UserError, and leaves everything as it was, where the
    client exists already or nothing of use is found.
    """
    root = root or client.ROOT
    folder = root / "data" / client.check_key(key)
    if (folder / "client.yml").exists():
        raise UserError(f"data/{key}/client.yml exists already and was left as it is. Edit it, then: "
                        f"make check CLIENT={key}.")
    formats.known()  # says which is faulty, before any file is looked at
    place = Path(exports).expanduser()
    tables, left_out = look(place)
    entries, why_not = choose(together([table for table in tables if table.guess.source]))
    left_out += [(_shown(table, place), " ".join(table.guess.notes)) for table in tables if not table.guess.source]
    left_out += [(_names(entry.tables, place), why) for entry, why in why_not]
    if not entries:
        listed = "\n".join(f"  {_plain(f'{name}: {why}')}" for name, why in left_out)
        raise UserError(f"Nothing in {_plain(str(exports))} can be used, and no client was made.\n{listed}")
    names = _free_names([path for entry in entries for path in entry.paths], folder)
    decided = Decisions.of(entries)
    text = settings(key, entries, names, decided, left_out)
    path = _put(folder, names, text)
    return path, _report(key, place, entries, left_out, names, decided)


# ---------------------------------------------------------------- looking
def look(place: Path) -> tuple[list[Table], list[tuple[str, str]]]:
    """Every table at that place, and what was left out: (name, why)."""
    if not place.exists():
        raise UserError(f"FROM={place} does not exist. Give the file, or the folder that holds the files; a path with "
                        "blanks goes in quotes: FROM=\"path with blanks/\".")
    paths = [place] if place.is_file() else sorted(
        (path for path in place.rglob("*") if path.is_file()), key=lambda path: (len(path.parts), len(path.name), path))
    if not paths:
        raise UserError(f"FROM={place} holds no files. Put the client's exports there, or name another folder.")
    tables, left_out, seen = [], [], {}
    for path in paths:
        name = _name(path, place)
        why = _no_table(path.relative_to(place) if path != place else Path(path.name))
        digest = "" if why else _digest(path)
        if why or digest in seen:
            left_out.append((name, why or f"the same file as {seen[digest]}."))
            continue
        seen[digest] = name
        try:
            tables += [_table(path, part) for part in _parts(path)]
        except UserError as error:
            left_out.append((name, f"cannot be read: {str(error).removeprefix(f'data/{path.parent.name}/')}"))
    return tables, left_out


def _no_table(path: Path) -> str:
    """Why a file is passed over without a look; "" where it is not."""
    if any(part.startswith(".") for part in path.parts) or path.name.lower() in ("thumbs.db", "desktop.ini"):
        return PASSED_OVER[0]
    if path.name.startswith("~$"):
        return "the lock of a file that is open in Excel; close it there."
    if path.stem.lower().startswith(("readme", "liesmich", "lisezmoi", "说明")):
        return PASSED_OVER[1]
    return PASSED_OVER[2] if path.suffix.lower() in NO_TABLES else ""


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _read(path: Path, **how: Any) -> RawFile:
    return reading.read_files(path.parent, Source(files=(path.name,), **how))[0]


def _parts(path: Path) -> list[dict[str, str]]:
    """The settings with which each table of a file is read: none, or its sheet or table."""
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            return [{"table": row[0]} for row in base.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")]
    try:
        _read(path)
        return [{}]
    except UserError as error:
        sheets = re.search(r"several sheets with data: (.*)\. Say", str(error))
        if sheets:
            return [{"sheet": name} for name in sheets[1].split(", ")]
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
    fields, columns = formats.headers_of(known), [one for one in guess.looks(raw) if one.filled]
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


# ---------------------------------------------------------------- from tables to sources
def together(tables: Iterable[Table]) -> list[Entry]:
    """Tables of one kind become one entry: of one format, or of one guess."""
    kinds: dict[str, list[Table]] = {}
    for table in tables:
        key = table.format.key if table.format else ""
        columns = table.guess.settings.get("columns", table.guess.settings.get("names"))
        kinds.setdefault(repr((table.guess.source, key, columns, table.part)), []).append(table)
    entries = [Entry(tuple(group), _united([table.guess for table in group])) for group in kinds.values()]
    return [one for entry in entries for dressed in _by_dress(entry) for one in _by_shop(dressed)]


def _by_dress(entry: Entry) -> list[Entry]:
    """The entry, or several where its files write dates or decimal marks in ways that contradict each other, though
    each file by itself is clear."""
    if len(entry.tables) < 2 or not _unclear(entry):
        return [entry]  # as nearly always, and file by file it takes long
    groups: list[tuple[Table, ...]] = []
    unclear: list[bool] = []
    for table in entry.tables:
        is_unclear = bool(_unclear(replace(entry, tables=(table,))))
        place = next((i for i, group in enumerate(groups) if is_unclear or unclear[i] or not _unclear(
            replace(entry, tables=(*group, table)))), None)
        if place is None:
            groups.append((table,))
            unclear.append(is_unclear)
        else:
            groups[place] += (table,)
            if is_unclear or unclear[place]:
                unclear[place] = bool(_unclear(replace(entry, tables=groups[place])))
    return [replace(entry, tables=group) for group in groups]


def _by_shop(entry: Entry) -> list[Entry]:
    """The entry, or one for each shop where files bear the same order numbers for different orders."""
    groups: list[list[Entry]] = []
    for table in entry.tables if entry.role == "shop" and len(entry.tables) > 1 else ():
        alone = replace(entry, tables=(table,))  # held on to: it reads its days once, not for each pair
        free = (group for group in groups if not any(_clash(alone, other) for other in group))
        group = next(free, None)
        if group is None:
            groups.append([alone])
        else:
            group.append(alone)
    if len(groups) < 2:
        return [entry]
    return [_of_shop(replace(entry, tables=tuple(one.tables[0] for one in group))) for group in groups]


def _clash(one: Entry, other: Entry) -> bool:
    """Whether they bear the same order numbers for orders of different days, as two shops do. One shop that begins
    its numbers anew each year does so, too: but its files follow each other, or its customers come back."""
    shared = one.days.keys() & other.days.keys()
    apart = [abs(one.days[order] - other.days[order]) > pd.Timedelta(days=1) for order in shared]
    if len(shared) < 3 or sum(apart) <= 0.5 * len(shared):
        return False
    follow = max(one.days.values()) < min(other.days.values()) or max(other.days.values()) < min(one.days.values())
    return not follow and not any(
        len(mine & other.people[ours]) >= SAME_PEOPLE * min(len(mine), len(other.people[ours]))
        for ours, mine in one.people.items() if mine and other.people[ours])


def _bare(number: str) -> str:
    """An order number without what a platform writes round it: "#1001" is 1001."""
    return re.sub(r"^\W+|\W+$", "", number)


def _united(guesses: list[Guess]) -> Guess:
    """One guess for several files with the same columns: the words of rules and answers, and the scales, added up."""
    settings = dict(guesses[0].settings)
    for other in guesses[1:]:
        for name in ("set_aside", "answers", "scale"):
            mine, more = settings.get(name, {}), other.settings.get(name, {})
            both = {**more, **mine}
            for key in mine.keys() & more.keys():
                both[key] = _both(name, mine[key], more[key])
            settings |= {name: both} if both else {}
    return Guess(guesses[0].source, settings, tuple(dict.fromkeys(note for one in guesses for note in one.notes)))


def _both(name: str, mine: Any, more: Any) -> Any:
    if name == "scale":
        return max(mine, more, key=lambda ends: abs(ends[1] - ends[0]))
    if name == "answers":
        return {**more, **mine}
    same = mine["column"] == more["column"] and "equals" in mine and "equals" in more
    return {**mine, "equals": list(dict.fromkeys(mine["equals"] + more["equals"]))} if same else mine


def choose(entries: list[Entry]) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """Which entries are used, and which are left out, with the reason: each sale is to count once."""
    used, left_out = [], []
    shops = [entry for entry in entries if entry.role == "shop"]
    for entry in sorted(shops, key=lambda one: (one.format is None, -sum(table.raw.rows for table in one.tables))):
        alike = [other for other in used if _same_sales(entry, other)]
        clashing = [other for other in alike if _clash(entry, other)]
        if clashing and len(clashing) == len(alike):
            entry, used = _of_shop(entry), [_of_shop(other) if other in clashing else other for other in used]
        lines = next(filter(None, (_as_lines(entry, other) for other in alike if other not in clashing)), None)
        whole = next((other for other in used if _is_within(entry, other)), None)
        if lines:
            used.append(lines)
        elif whole:
            left_out.append((entry, SEEN.format(_names(whole.tables))))
        else:
            needless = [other for other in used if _is_within(other, entry)]
            left_out += [(other, SEEN.format(_names(entry.tables))) for other in needless]
            used = [*(other for other in used if other not in needless), entry]
    named = [entry for entry in used if _is_named(entry)]
    left_out += [(entry, f"nothing in it says who bought, unlike in {_names(named[0].tables)}.")
                 for entry in used if named and entry.source == "orders" and entry not in named]
    used = [entry for entry in used if not named or entry.source != "orders" or entry in named]
    orders = [entry for entry in used if entry.source == "orders"]
    dated = next((entry for entry in entries if entry.role == "members" and entry.column("joined_at")), None)
    for entry in entries:
        nobody, agreed = _leaves_nobody(entry), _as_opt_outs(entry)
        if entry.role == "payments" and orders:
            left_out.append((entry, f"the same sales as in {_names(orders[0].tables)}, seen by the payment service: "
                                    "counted twice, they would be wrong."))
        elif entry.role == "items" and not orders:
            left_out.append((entry, "it holds the items of orders, but not when and by whom they were bought: it needs "
                                    "the export of the orders beside it."))
        elif entry.role == "items" and all(one.settings.grain == "line" for one in orders):
            left_out.append((entry, "the items stand in the orders' own file already."))
        elif agreed and (nobody or (dated and not entry.column("joined_at"))):
            used.append(agreed)
        elif entry.role == "members" and dated and not entry.column("joined_at"):
            left_out.append((entry, f"{_names(dated.tables)} says who is a member, and since when."))
        elif nobody:
            left_out.append((entry, f"all its rows would be set aside: {nobody}."))
        elif entry.role != "shop":
            used.append(entry)
    return used, left_out


def _as_opt_outs(entry: Entry) -> Entry | None:
    """A list of people who are no members, as the list of those who did not agree to be written to."""
    found = guess.opt_outs(guess.looks(entry.tables[0].raw)) if entry.role == "members" else None
    return found and Entry(tuple(replace(table, format=None, guess=found) for table in entry.tables), found)


def _is_named(entry: Entry) -> bool:
    """Whether orders say who bought."""
    people = [column for ours in WHO for column in entry.column(ours)]
    return entry.source == "orders" and any(map(_is_filled, people))


def _leaves_nobody(entry: Entry) -> str:
    """The rule that sets aside every row for want of a cell, where a column is blank throughout; "" else."""
    for reason, rule in entry.settings.set_aside.items():
        columns = [one for table in entry.tables for header in rule.columns for one in table.columns(header)]
        if rule.test == "is" and rule.values == ("blank",) and columns and not any(map(_is_filled, columns)):
            return reason
    return ""


def _is_filled(column: reading.Column) -> bool:
    return bool((column.codes >= 0).any())


def _same_sales(one: Entry, other: Entry) -> bool:
    """Whether they bear the same order numbers, be it of the same sales or of two shops'."""
    mine, others = one.orders, other.orders
    return bool(mine and others) and len(mine & others) >= SAME_SALES * min(len(mine), len(others))


def _shared(one: Entry, other: Entry) -> list[str]:
    """The orders that both have: of the same number, and not of different days."""
    mine, others, day = one.days, other.days, pd.Timedelta(days=1)
    return [order for order in one.orders & other.orders
            if order not in mine or order not in others or abs(mine[order] - others[order]) <= day]


def _is_within(one: Entry, other: Entry) -> bool:
    """Whether nearly all orders of the one are in the other, which then has all that counts."""
    return bool(one.orders) and len(_shared(one, other)) >= WITHIN * len(one.orders)


def _twice(entries: list[Entry]) -> list[tuple[str, str]]:
    """Files of different shape with some orders in common: to leave one out would lose the others."""
    found = []
    for one, other in combinations([entry for entry in entries if entry.source == "orders"], 2):
        n = len(_shared(one, other))
        if n and n >= 0.01 * min(len(one.orders), len(other.orders)):
            found.append(("sources.orders", f"{count(n, 'order')} {'stands' if n == 1 else 'stand'} in both "
                          f"{_names(one.tables)} and {_names(other.tables)} and would count twice: export one of them "
                          "without these."))
    return found


def _of_shop(entry: Entry) -> Entry:
    """The entry with the name of its shop, which tells its order numbers from another's."""
    note = "Its order numbers stand in another file for other orders: two shops, it seems."
    named = {**entry.guess.settings, "shop": entry.guess.settings.get("shop", _plain(entry.paths[0].stem))}
    return replace(entry, guess=Guess(entry.source, named, tuple(dict.fromkeys((*entry.guess.notes, note)))))


def _as_lines(entry: Entry, orders: Entry) -> Entry | None:
    """A guessed file by line beside the same orders in a file by order: it becomes the source of lines."""
    if entry.format or entry.settings.grain != "line" or orders.settings.grain == "line":
        return None
    kept = guessed("lines")
    columns = {ours: header for ours, header in entry.guess.settings["columns"].items() if ours in kept}
    tables = tuple(replace(table, guess=Guess("lines", {"columns": columns})) for table in entry.tables)
    return Entry(tables, Guess("lines", {"columns": columns}))


# ---------------------------------------------------------------- what only a person can know
@dataclass(frozen=True)
class Decisions:
    """What the settings say of the client as a whole, and what is to be filled in or confirmed: (setting, words)."""

    currency: str
    others: tuple[str, ...]
    time_zone: str
    open: tuple[tuple[str, str], ...]

    @staticmethod
    def of(entries: list[Entry]) -> Decisions:
        orders = [entry for entry in entries if entry.source == "orders"]
        found, how = _currencies([*orders, *(entry for entry in entries if entry.source in ("lines", "costs"))])
        currency = found[0] if found else "CNY"
        zone, why = _time_zone(orders, currency if found else "")
        questions = [("name", "the client's name, as the report prints it."),
                     ("program.launched_on", f"the first day of the program.{_first_member(entries)}"),
                     ("program.gross_margin", "needed for everything about money."),
                     ("currency", f"{currency}: {how} Please confirm." if found else "not found in the files; please "
                      "fill in."), ("time_zone", f"{zone}: {why} Please confirm.")]
        if len(found) > 1:
            questions.append(("rates", f"the files also hold {', '.join(found[1:])}: give what one of them is worth in "
                                       f"{currency}, or export one currency."))
        if not orders:
            questions.append(("sources.orders", "no file of orders was found, and nothing can be said without."))
        questions += _twice(entries)
        for entry in entries:
            questions += _unclear(entry)
            if entry.role == "members" and not entry.column("joined_at"):
                questions.append(("sources.members", f"{_names(entry.tables)} has no date of joining. Make sure that "
                                  "who stands in it is a member, or set the others aside (by a tag, say)."))
            if entry.source == "orders" and not _is_named(entry):
                questions.append(("sources.orders.columns", f"nothing in {_names(entry.tables)} says who bought, so "
                                  "that nobody can be seen coming back: name a column as customer_id, email or phone."))
        return Decisions(currency, tuple(found[1:]), zone, tuple(questions))


def _currencies(sold: list[Entry]) -> tuple[list[str], str]:
    """The currencies of what was sold, the most frequent first, and how they are known."""
    named = Counter()
    for entry in sold:
        named.update({code.upper(): n for code, n in entry.values("currency").items()
                      if re.fullmatch("[A-Za-z]{3}", code)})
    if named:
        return [code for code, _ in named.most_common()], "so the files say in a column."
    signs = Counter()
    for entry in sold:
        for ours in AMOUNTS:
            for cell, n in entry.values(ours).items():
                signs[cells_numbers.currency_of(re.sub(r"[\d.,'()+\s-]", "", cell))] += n
            for header in entry.settings.columns.get(ours, ()):
                signs.update(cells_numbers.currency_of(sign) for sign in re.findall(r"\((\D{1,3})\)", header))
    codes = [code for code, _ in signs.most_common() if re.fullmatch("[A-Z]{3}", code)]
    if codes:
        return codes, "by the signs at the amounts."
    for entry in sold:
        platform = entry.format.platform if entry.format else ""
        usual = [code for name, code in guess.words()["platforms"].items() if name in platform]
        if usual:
            return usual, f"usual for {platform}."
    headers = "".join(header for entry in sold for table in entry.tables for header in table.raw.headers)
    return (["CNY"], "by the language of the column names.") if re.search(f"[{guess.CJK}]", headers) else ([], "")


def _time_zone(orders: list[Entry], currency: str) -> tuple[str, str]:
    for entry in orders:
        if entry.settings.time_zone not in (None, "UTC"):
            return entry.settings.time_zone, f"usual for {entry.format.platform}."
        for name, _ in entry.values("zone").most_common(1):
            with suppress(UserError):
                return cells_zones.zone_named(name), "so a column of the orders says."
    by_currency = guess.words()["time_zones"].get(currency)
    ends = [re.search(r":\d\d(?:\.\d+)?\s*([-+]\d\d):?(\d\d)$", cell)
            for entry in orders for cell in entry.values("ordered_at")]
    ahead = {end[1] + end[2] for end in ends if end}
    there = [zone for zone, known in guess.words()["offsets"].items() if ahead <= {*known}] if ahead - {"+0000"} else []
    if there:
        return by_currency if by_currency in there else there[0], "by the times, which say how far they are from UTC."
    return (by_currency, f"only a proposal, by the currency {currency}.") if by_currency else ("UTC", "not known.")


def _first_member(entries: list[Entry]) -> str:
    for entry in entries:
        if entry.source == "members" and entry.column("joined_at"):
            with suppress(UserError):
                found = cells_moments.moments(entry.column("joined_at"), entry.settings.dates, ("UTC", "UTC"), "")
                first = min((one.values.min() for one in found if one.values.notna().any()), default=None)
                return f" The first member joined on {first:%Y-%m-%d}." if first is not None else ""
    return ""


def _unclear(entry: Entry) -> list[tuple[str, str]]:
    """What the cells of an entry leave open: the order of day and month, the decimal mark."""
    found, names = [], _names(entry.tables)
    for ours in (name for name in MOMENTS if entry.column(name)):
        try:
            cells_moments.moments(entry.column(ours), entry.settings.dates, ("UTC", "UTC"), f"{names}, {ours}")
        except UserError as error:
            found.append((f"sources.{entry.source}.dates", str(error)))
    for ours in (name for name in AMOUNTS if entry.column(name)):
        try:
            cells_numbers.numbers(entry.column(ours), entry.settings.decimal, f"{names}, {ours}")
        except UserError as error:
            if "currenc" not in str(error):
                found.append((f"sources.{entry.source}.decimal", str(error)))
    return list({setting: (setting, words) for setting, words in reversed(found)}.values())


# ---------------------------------------------------------------- client.yml
def settings(key: str, entries: list[Entry], names: Mapping[Path, str], decided: Decisions,
             left_out: list[tuple[str, str]]) -> str:
    """The text of client.yml: the annotated template, with what was found in place of its example."""
    text = client.TEMPLATE.read_text(encoding="utf-8").replace("{client}", key)
    for setting, value in (("currency", decided.currency), ("time_zone", decided.time_zone)):
        line = f"{setting}: {value}".ljust(27) + f" {GUESSED}; "
        text = re.sub(rf"^{setting}: \S+ *# *", line, text, flags=re.MULTILINE)
    if decided.others:
        rates = ", ".join(f"{code}: 1.0" for code in decided.others)
        text = re.sub(r"^#rates: .*", f"#rates: {{{rates}}}  # to be decided: what one of each is worth in "
                      f"{decided.currency}", text, flags=re.MULTILINE)
    sources = "\n".join([*_sources(entries, names, decided), *_remarks(left_out)])
    return re.sub(r"^sources:\n.*?(?=^# ------)", lambda _: f"{sources}\n\n", text, flags=re.MULTILINE | re.DOTALL)


def _sources(entries: list[Entry], names: Mapping[Path, str], decided: Decisions) -> list[str]:
    lines = ["# Written by make new. data/client_template.yml explains every other setting of a source.", "sources:"]
    if not any(entry.source == "orders" for entry in entries):
        lines += ["  orders: orders.csv        # no file of orders was found: put one here"]
    for source in SOURCES:
        several = [entry for entry in entries if entry.source == source]
        lines += [f"  {source}:"] if several else []
        for entry in several:
            block = _entry(entry, names, decided)
            first, rest = ("    - ", "      ") if len(several) > 1 else ("    ", "    ")
            lines += [(first if i == 0 else rest) + line for i, line in enumerate(block)]
    there = any(entry.source == "opt_outs" for entry in entries)
    return lines if there else [*lines, *_opt_outs(entries, names)]


def _opt_outs(entries: list[Entry], names: Mapping[Path, str]) -> list[str]:
    """Whom not to contact, from lists of people with a column that says who agreed; a guess, until confirmed."""
    blocks = []
    for entry in (one for one in entries if one.source == "members"):
        people = {ours: entry.settings.columns[ours][0] for ours in WHO
                  if ours in entry.settings.columns and entry.column(ours)}
        rule = guess.consent(guess.looks(entry.tables[0].raw)) if people else None
        if rule:
            files = [names[path] for path in entry.paths]
            blocks.append([f"files: {_yaml(files if len(files) > 1 else files[0])}  {GUESSED}",
                           f"columns: {_yaml(people)}  {GUESSED}", "set_aside:",
                           f"  agreed to be written to: {_yaml(rule)}  {GUESSED}"])
    first, rest = ("    - ", "      ") if len(blocks) > 1 else ("    ", "    ")
    lines = [(first if i == 0 else rest) + line for block in blocks for i, line in enumerate(block)]
    return ["  opt_outs:  # who is kept off the list of customers to call", *lines] if lines else []


def _entry(entry: Entry, names: Mapping[Path, str], decided: Decisions) -> list[str]:
    """The lines of one entry of a source."""
    files = [names[path] for path in entry.paths]
    part = entry.tables[0].part
    lines = [f"files: {_yaml(files if len(files) > 1 else files[0])}"]
    lines += [f"format: {entry.format.key}  # {entry.format.name}, confidence: {entry.format.confidence}"
              if entry.format else f"# {entry.label}"]
    lines += [f"{name}: {_yaml(value)}" for name, value in part.items()]
    for name, value in entry.guess.settings.items():
        if isinstance(value, dict) and not {"column"} & value.keys():
            lines += [f"{name}:", *(f"  {_yaml(one)}: {_yaml(what)}  {GUESSED}" for one, what in value.items())]
        else:
            lines += [f"{name}: {_yaml(value)}  {GUESSED}"]
    for setting, _ in decided.open:
        for name, example in (("dates", "day-first"), ("decimal", '"."')):
            if setting == f"sources.{entry.source}.{name}":
                lines.append(f"#{name}: {example}  # to be decided: make check says why")
    return [line for line in lines if not line.endswith("columns:") or entry.guess.settings["columns"]]


class _OneLine(yaml.SafeDumper):
    """Text with line breaks or signs that nobody sees goes in double quotes, where these are written as escapes."""


_OneLine.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"'))


def _yaml(value: Any) -> str:
    """A value on one line."""
    text = yaml.dump(value, Dumper=_OneLine, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _remarks(left_out: list[tuple[str, str]]) -> list[str]:
    lines = [_plain(f"{name}: {why}") for name, why in left_out if not why.startswith(PASSED_OVER)]
    return ["  # Left out, and not copied:", *(f"  #   {line[:300]}" for line in lines)] if lines else []


# ---------------------------------------------------------------- copying
def _free_names(paths: Iterable[Path], folder: Path) -> dict[Path, str]:
    """The name that each file gets in the client's folder: its own, in signs that client.yml can hold, and numbered
    where another file has it or where it means something in that folder."""
    names: dict[Path, str] = {}
    taken = {*OURS}
    for path in dict.fromkeys(paths):
        clean = _plain(path.name).replace("\ufffd", "_")
        clean = f"file{clean}" if clean.startswith(".") else clean or "file"
        stem, dot, rest = clean.partition(".")
        for number in range(1, 10_000):
            name = clean if number == 1 else f"{stem}-{number}{dot}{rest}"
            there = folder / name
            is_free = not there.exists() or (there.is_file() and filecmp.cmp(path, there, shallow=False))
            if is_free and name.casefold() not in taken:
                names[path] = name
                taken.add(name.casefold())
                break
    return names


def _put(folder: Path, names: Mapping[Path, str], text: str) -> Path:
    """Copy the files and write client.yml, which comes last: without it there is no client. Whatever stops this on the
    way, what was put there is taken away again."""
    stage, is_new, made = folder / STAGE, not folder.exists(), []
    try:
        shutil.rmtree(stage, ignore_errors=True)  # of a run that was killed
        stage.mkdir(parents=True)
        for path, name in names.items():
            if not (folder / name).exists():
                shutil.copyfile(path, stage / name)
        (stage / "client.yml").write_text(text, encoding="utf-8")
        for ready in sorted(stage.iterdir(), key=lambda one: one.name == "client.yml"):
            os.replace(ready, folder / ready.name)
            made.append(folder / ready.name)
        stage.rmdir()
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        shutil.rmtree(folder if is_new else stage, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(f"data/{folder.name} cannot be written: {error.strerror or error}. Nothing was made."
                            ) from None
        raise
    return folder / "client.yml"


# ---------------------------------------------------------------- what is said
def _plain(text: str) -> str:
    """A text on one line that any file and any screen takes: without line breaks and control characters, and with a
    mark for the bytes of a file's name that are no UTF-8."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _name(path: Path, place: Path) -> str:
    return _plain(path.relative_to(place).as_posix() if path != place else path.name)


def _shown(table: Table, place: Path | None = None) -> str:
    name = _name(table.path, place or table.path)
    return name + "".join(f" ({kind} {one})" for kind, one in table.part.items())


def _names(tables: Iterable[Table], place: Path | None = None) -> str:
    return ", ".join(_shown(table, place) for table in tables)


def _report(key: str, place: Path, entries: list[Entry], left_out: list[tuple[str, str]], names: Mapping[Path, str],
            decided: Decisions) -> str:
    lines = [f"Made data/{key}/client.yml from {_plain(str(place))}.", "", "Found"]
    for entry in entries:
        rows = count(sum(table.raw.rows for table in entry.tables), "row")
        lines.append(_fold(f"{_names(entry.tables, place)}: {entry.label}; {rows}. Used as {_use(entry)}."))
        for ours, header in entry.guess.settings.get("columns", {}).items():
            lines.append(f"      {ours} = '{_plain(header)}'?")
        rules = {**entry.guess.settings.get("set_aside", {}), "refunds": entry.guess.settings.get("refunds")}
        lines += [_fold(f"{reason}: '{rule['column']}' {_test(rule)}?", "      ")
                  for reason, rule in rules.items() if rule]
        lines += [f"      scale of {ours}: worst {ends[0]}, best {ends[1]}?"
                  for ours, ends in entry.guess.settings.get("scale", {}).items()]
        lines += [_fold(note, "      ") for note in entry.guess.notes]
        if entry.format:
            lines += [_fold(words, "      ") for words in (entry.format.about, entry.format.amount) if words]
    renamed = [f"{_name(path, place)} is now {name}" for path, name in names.items() if path.name != name]
    lines += [_fold(f"Copied under another name: {'; '.join(renamed)}.")] if renamed else []
    if left_out:
        lines += ["", "Left out", *(_fold(f"{name}: {why}") for name, why in left_out)]
    asked = [*decided.open, *[("lines marked 'guessed'", "please confirm each.")] * any(
        entry.guess.settings for entry in entries)]
    lines += ["", f"To fill in or confirm in data/{key}/client.yml",
              *(_fold(f"{i}. {setting}: {words}") for i, (setting, words) in enumerate(asked, start=1)),
              "", f"Then: make check CLIENT={key}"]
    return "\n".join(lines)


def _use(entry: Entry) -> str:
    return {"orders": "the orders", "lines": "the items of the orders", "members": "the list of members",
            "opt_outs": "the list of people who must not be contacted"}.get(
        entry.source, f"the {entry.source}")


def _test(rule: Mapping[str, Any]) -> str:
    return f"is {rule['is']}" if "is" in rule else f"is {' or '.join(map(repr, rule['equals']))}"


def _fold(text: str, indent: str = "  ") -> str:
    return textwrap.fill(_plain(text), 110, initial_indent=indent, subsequent_indent=indent + "  ",
                         break_on_hyphens=False, break_long_words=False)
