"""From the files of a source to its cells: which column is which, and what stands in it.

A column is found by its name, never by its place. One that the source needs must be in every file, one that the
client's settings name in one of them at least: exports grow columns over the years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers import cells_contacts, cells_names, cells_numbers, cells_zones, meaning, reading, survey
from loyalty_helpers.cells_moments import moments
from loyalty_helpers.client import Source
from loyalty_helpers.core.columns import (
    ADDRESSES,
    AMOUNTS,
    FLAG,
    FURTHER,
    MOMENT,
    NUMBER,
    OF_SURVEYS,
    PARTS_OF_A_MOMENT,
    PERSONS,
    REQUIRED,
    SCHEMA,
    TIME,
)
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.formats import loose
from loyalty_helpers.meaning import Values
from loyalty_helpers.reading import Column, RawFile
from loyalty_helpers.source_stages import Converted, Read

NOBODY_IN_PARTICULAR = frozenset(["0", "00", "000", "0000", "guest", "guests", "anonymous", "unknown", "no customer",
                                  "walk-in", "walk in", "walk-in customer", "游客", "散客", "匿名", "匿名用户", "未知"])
NOBODY = ("Who bought is unknown, so nobody can be seen coming back: export the orders with the shop's own id of the "
          "customer, or else an e-mail address, telephone number or member number.")
MASKED, NO_ADDRESS = "masked id, not used", "no e-mail address or telephone number"
Found = dict[str, list[Column | None]]  # our name of a column -> the column of each file


# ---------------------------------------------------------------- which columns
def wanted(name: str, source: Source) -> reading.Wanted:
    """Which of the export's columns are used: those that bear a name of ours, or one that the settings say."""
    rules = [*source.set_aside.values(), *source.flag.values(), *([source.refunds] if source.refunds else [])]
    given = [*source.columns.values(), *(rule.columns for rule in rules), source.less]
    ours = {loose(one) for one in (*SCHEMA[name], *FURTHER[name], *(one for names in given for one in names))}
    if name != "survey":
        return lambda header: loose(header) in ours

    def is_asked(header: str) -> bool:
        """By its whole name, or by the question that an option belongs to."""
        parts = header.split(survey.BETWEEN_HEADERS)
        questions = [loose(survey.BETWEEN_HEADERS.join(parts[:i])) for i in range(1, len(parts) + 1)]
        return questions[-1].startswith(tuple(OF_SURVEYS)) or not ours.isdisjoint(questions)

    return is_asked


def _kinds(sheet: Read) -> dict[str, str]:
    """The columns that the source may have, each with its type; an error where the settings name another one."""
    name = sheet.name
    kinds = {column: kind for column, kind in SCHEMA[name].items() if kind != FLAG} | FURTHER[name]
    if name == "survey":
        headers = [loose(header) for raw in sheet.files for header in raw.headers]
        kinds |= {column: kind for start, kind in OF_SURVEYS.items() for column in [*sheet.source.columns, *headers]
                  if column.startswith(start)}
    known = [*kinds, *(part for parts in PARTS_OF_A_MOMENT for part in parts if name in MOMENT), "zone"]
    for column in sheet.source.columns:
        if column not in known:
            raise UserError(f"{sheet.folder}/client.yml: sources.{name}.columns has '{column}', which is no column of "
                            f"{name}.{suggest(column, known)} Columns: {', '.join(dict.fromkeys(known))}.")
    return kinds


def _called(sheet: Read, column: str) -> tuple[str, ...]:
    """The names under which a column is looked for."""
    return sheet.source.columns.get(column, (column,))


def _found(sheet: Read, kinds: Mapping[str, str]) -> Found:
    """The columns that are there and are used."""
    look = _answers_to if sheet.name == "survey" else _first_named
    found = {column: [look(raw, sheet, column) for raw in sheet.files] for column in kinds}
    moment = MOMENT.get(sheet.name)
    if moment and not any(found[moment]):
        found[moment] = _joined_moments(sheet)
    everywhere = {column for column, those in found.items() if all(those)}
    needed, unused = _needed_and_unused(sheet, everywhere)
    for column, those in found.items():
        lacking = [raw for raw, one in zip(sheet.files, those, strict=True) if one is None]
        if lacking and (column in needed or (column in sheet.source.own_columns and not any(those))):
            more = " Or give quantity and unit_price." if sheet.name == "orders" and column == "amount" else ""
            stop_lacking(sheet, lacking[0], _called(sheet, column)[0], f".columns.{column}", more=more)
    found = {column: those for column, those in found.items() if any(those) and column not in unused}
    if sheet.name == "orders" or "customer_id" in REQUIRED[sheet.name]:
        _need_a_person(sheet, found)
    return found


def _needed_and_unused(sheet: Read, everywhere: set[str]) -> tuple[set[str], set[str]]:
    """What every file must have, and what is not read though it is there; `everywhere` has what is in every file."""
    given, is_orders = sheet.source.columns.keys(), sheet.name == "orders"
    parts = {"quantity", "unit_price"}  # whose product is the money where there is no amount
    by_total = "order_total" in everywhere and sheet.by_line
    by_parts = "amount" not in given and (parts <= given or ("amount" not in everywhere and parts <= everywhere))
    needed = set(REQUIRED[sheet.name]) - {"customer_id"}
    if is_orders:
        needed |= {*(() if by_total else parts if by_parts else ["amount"]), *(["order_id"] if sheet.by_line else [])}
    # a column that happens to be called "refunded" may say yes or no: only the settings can have it taken off
    unused = {"amount" if by_parts else "unit_price"} | ({"refunded", "order_total", "order_refunded"} - given)
    unused |= {*ADDRESSES, "refund_email"} - given  # an address is read only where the settings ask for it
    return needed, unused | (set() if by_total else {"order_total", "order_refunded"})


def _need_a_person(sheet: Read, found: Found) -> None:
    """Every file must say somehow who the customer is."""
    for number, raw in enumerate(sheet.files):
        if not any(found[one][number] for one in ("customer_id", *ADDRESSES) if one in found):
            stop_lacking(sheet, raw, _called(sheet, "customer_id")[0], ".columns.customer_id, email or phone",
                         more=f" {NOBODY}" if sheet.name == "orders" else "")


def _joined_moments(sheet: Read) -> list[Column | None]:
    """The moment of each file from the columns it stands in: date and time, date alone, or year, month and day."""
    given = sheet.source.columns

    def joined(raw: RawFile) -> Column | None:
        for parts in PARTS_OF_A_MOMENT:
            there = [column_named(raw, sheet, given[part]) for part in parts if part in given]
            if len(there) == len(parts) and all(there):
                return meaning.joined(there, "-" if parts[0] == "year" else " ")
        return None

    return [joined(raw) for raw in sheet.files]


def _header(sheet: Read, names: tuple[str, ...]) -> str:
    """What the files call the column: the first of the names that one of them has."""
    there = {loose(header) for raw in sheet.files for header in raw.headers}
    return next((name for name in names if loose(name) in there), names[0])


def column_named(raw: RawFile, sheet: Read, names: tuple[str, ...]) -> Column | None:
    """The column of a file with the first of these names that is there. Of several of one name, all but one may be
    empty; near-duplicates (a blank more, another case) yield to the exact name."""
    for name in names:
        found = [i for i, header in enumerate(raw.headers) if header.strip() == name.strip()]
        found = found or [i for i, header in enumerate(raw.headers) if loose(header) == loose(name)]
        filled = [i for i in found if (raw.columns[i].codes >= 0).any()]
        if len(filled) > 1:
            raise UserError(f"{sheet.folder}/{raw.name} has {len(found)} columns named '{name}' (the "
                            f"{', '.join(f'{i + 1}.' for i in found)}). Rename the one to be read, in a copy of the "
                            "file.")
        if found:
            return raw.columns[(filled or found)[0]]
    return None


def _first_named(raw: RawFile, sheet: Read, column: str) -> Column | None:
    return column_named(raw, sheet, _called(sheet, column))


def _answers_to(raw: RawFile, sheet: Read, column: str) -> Column | None:
    """A column of a survey. Under two header rows ("question · option") the question's own name will do where it has
    one column, and where it has one for each option that could be chosen."""
    if (found := _first_named(raw, sheet, column)) is not None:
        return found
    for name in _called(sheet, column):
        options = {option: raw.columns[i] for option, i in survey.options_of(raw.headers, name).items()}
        if options and column.startswith("choice_"):
            return survey.chosen(options)
        if len(options) == 1:
            return next(iter(options.values()))
    return None


def stop_lacking(sheet: Read, raw: RawFile, header: str, setting: str, *, more: str = "") -> None:
    """Stop because a file has no such column."""
    there = ", ".join(name for name in raw.headers if name)
    raise UserError(f"{sheet.folder}/{raw.name} has no column '{header}'.{suggest(header, raw.headers)} Say in "
                    f"client.yml what it is called (sources.{sheet.name}{setting}).{more} "
                    f"Columns there: {there[:900]}.")


# ---------------------------------------------------------------- what stands in them
@dataclass(frozen=True, eq=False)
class Understood(Values):
    """One of our columns over all files. Of ids and addresses also which are `masked`, and which `unusable`."""

    masked: np.ndarray | None = None
    unusable: np.ndarray | None = None


def convert(sheet: Read) -> Converted:
    """The cells, under our names and in our types. Nothing is judged yet."""
    kinds = _kinds(sheet)
    columns = _found(sheet, kinds)
    headers = {column: _header(sheet, _called(sheet, column)) for column in columns}
    rows, none = len(sheet.row), np.zeros(len(sheet.row), bool)
    each_currency = names_each_currency(columns)
    cells, bad, hidden, remarks = pd.DataFrame(index=range(rows)), {}, none, ()
    for column, kind in kinds.items():
        if column in columns:
            found = understood(sheet, column, columns[column], kind, header=headers[column],
                               each_currency=each_currency)
            cells[column], bad[column] = found.values, found.bad
            hidden = hidden if found.masked is None else hidden | found.masked
            remarks += () if found.unusable is None else ((NO_ADDRESS, "flagged", found.unusable, "kept"),)
        elif column in SCHEMA[sheet.name]:
            cells[column] = pd.Series(None, index=cells.index, dtype=kind)
    return sheet.becomes(Converted, columns=columns, headers=headers, cells=cells, bad=bad,
                         order_codes=np.zeros(rows, np.int32), reason=np.full(rows, -1, np.int32),
                         remarks=(*remarks, (MASKED, "flagged", hidden, "kept")))


def names_each_currency(columns: Mapping[str, list[Column | None]]) -> bool:
    """Whether each row says in a column which currency it is in: then the signs in its cells need not be ours."""
    return all(one is not None and (one.codes >= 0).all() for one in columns.get("currency", [None]))


def understood(sheet: Read, column: str, those: list[Column | None], kind: str, *, header: str,
               each_currency: bool) -> Understood:
    """One column over all files, and its bad cells; `each_currency` as `names_each_currency` has it."""
    there, source = [one for one in those if one is not None], sheet.source
    masked = unusable = None
    if kind == TIME:
        values = _moments(sheet, column, those, header)
    elif kind == NUMBER:
        money = sheet.client.currency if column in AMOUNTS and not each_currency else ""
        if sheet.name == "survey":
            words = source.answers.get("*", {}) | source.answers.get(column, {})
            there = [survey.in_numbers(one, words) for one in there]
        values = cells_numbers.numbers(there, source.decimal, sheet.where(header), currency=money)
        if source.hundredths and column in AMOUNTS:
            values = [Values(one.values / 100, one.bad) for one in values]
    elif column in (*ADDRESSES, "refund_email"):
        country = sheet.client.country or cells_zones.country_of(sheet.client.time_zone)
        values = [cells_contacts.phones(one, country) if column == "phone" else cells_contacts.emails(one)
                  for one in there]
        masked, unusable = ([getattr(one, which) for one in values] for which in ("masked", "unusable"))
    elif column in PERSONS:  # guests have the id 0 in some shops; of masked ids different people would become one
        values = [cells_names.names(one, is_id=True, nothing=NOBODY_IN_PARTICULAR) for one in there]
        masked = [np.append(cells_contacts.masked(one.text), False)[one.codes] for one in there]
        values = [Values(one.values.mask(mask), one.bad) for one, mask in zip(values, masked, strict=True)]
    else:
        values = [cells_names.names(one, is_id=column.endswith("_id")) for one in there]
    known = iter(values)
    parts = [next(known) if one is not None else
             Values(pd.Series(None, index=range(raw.rows), dtype=kind), np.zeros(raw.rows, bool))
             for raw, one in zip(sheet.files, those, strict=True)]
    return Understood(pd.concat([part.values for part in parts], ignore_index=True),
                      np.concatenate([part.bad for part in parts]),
                      *(None if masks is None else sheet.by_file(those, masks) for masks in (masked, unusable)))


def _moments(sheet: Read, column: str, those: list[Column | None], header: str) -> list[Values]:
    """Moments of the files that have the column; where each row names its time zone, zone by zone."""
    source, here, where = sheet.source, sheet.client.time_zone, sheet.where(header)
    there = [one for one in those if one is not None]
    zones = [column_named(raw, sheet, source.columns["zone"]) if "zone" in source.columns else None
             for raw in sheet.files]
    if column != MOMENT.get(sheet.name) or not any(zones):
        return moments(there, source.dates, (source.time_zone or here, here), where)
    names = pc.unique(pc.utf8_trim_whitespace(
        pa.chunked_array([one.text for one in zones if one is not None]))).to_pylist()
    its_own = {name: cells_zones.zone_named(name) for name in names if name} | {"": source.time_zone or here}
    by_zone = {name: moments(there, source.dates, (zone, here), where) for name, zone in its_own.items()}
    files = [number for number, one in enumerate(those) if one is not None]
    found = []
    for position, number in enumerate(files):
        zone = zones[number]
        rows = np.full(sheet.files[number].rows, "", dtype=object) if zone is None else np.append(
            np.array([name.strip() for name in zone.text.to_pylist()], dtype=object), "")[zone.codes]
        values, bad = by_zone[""][position].values, by_zone[""][position].bad
        for name in filter(None, names):
            values = values.mask(rows == name, by_zone[name][position].values)
        found.append(Values(values, bad))
    return found


def in_one_spelling(labels: pd.Series) -> pd.Series:
    """85123a and 85123A, Tea and TEA are one: each label in the spelling that most rows have (of equals the first)."""
    counts = labels.value_counts().rename_axis("label").reset_index(name="rows")
    counts = counts.assign(loose=counts["label"].str.casefold()).sort_values(["rows", "label"], ascending=[False, True])
    best = counts.drop_duplicates("loose").set_index("loose")["label"]
    if len(best) == len(counts):
        return labels
    return labels.map(dict(zip(counts["label"], counts["loose"].map(best), strict=True))).astype(labels.dtype)
