"""One source of a client: its cells under their canonical names, and which of its rows count.

A `Sheet` is worked on in place: what its settings set aside, what is blank, what stands there twice. Every decision
leaves a word for the ledger.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from loyalty_helpers import (
    cells_contacts,
    cells_names,
    cells_numbers,
    cells_zones,
    meaning,
    reading,
    survey,
)
from loyalty_helpers.cells_moments import moments
from loyalty_helpers.client import Client, Rule, Source
from loyalty_helpers.core.columns import (
    ADDRESSES,
    AMOUNTS,
    FIRST_BY,
    FLAG,
    FURTHER,
    MAY_BE_EMPTY,
    MOMENT,
    MONEY,
    NUMBER,
    OF_SURVEYS,
    PARTS_OF_A_MOMENT,
    PERSONS,
    POINT_KINDS,
    REQUIRED,
    SCHEMA,
    TEXT,
    TIME,
    described,
)
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.findings import count
from loyalty_helpers.formats import loose
from loyalty_helpers.meaning import Values
from loyalty_helpers.reading import Column, RawFile

NOBODY_IN_PARTICULAR = frozenset(["0", "00", "000", "0000", "guest", "guests", "anonymous", "unknown", "no customer",
                                  "walk-in", "walk in", "walk-in customer", "游客", "散客", "匿名", "匿名用户", "未知"])
APART = "one order number, rows of another day or file"
MASKED = "masked id, not used"
NOBODY = ("Who bought is unknown, so nobody can be seen coming back: export the orders with the shop's own id of the "
          "customer, or else an e-mail address, telephone number or member number.")
MICRO = 1_000_000  # money of an order is added up in whole millionths: exact, whatever the order of the rows
TOO_MUCH = 1e12  # no amount reaches this; a telephone number in the wrong column may
TOTALS = frozenset(["total", "totals", "grand total", "total general", "summe", "gesamt", "gesamtsumme", "somme",
                    "totaux", "合计", "总计", "总和", "小计"])
# rows that are kept, and that a reader should know of: what their product (or number, or address) looks like
LOOKS_LIKE = {
    "looks like a test order": r"(?i)\btest(er|ing|s)?\b|测试",
    "looks like a gift card sold": r"(?i)\bgift[ -]?(card|certificate|voucher)s?\b|gutschein|carte cadeau"
                                   r"|礼品卡|储值卡",
    "looks like shipping, a fee or a correction":
        r"(?i)^(postage|carriage|shipping|delivery|manual|adjust\w*|bank charges|amazon ?fee|bad debt|discount|fees?)\b"
        r"|^(post|dot)$|^(运费|邮费|补差价)",
}
WORDS_OF_THE_LEDGER = frozenset([
    "all rows", "read", "kept", "set aside", "changed", "flagged", "blank row", "exact duplicate",
    "overlap with another file", "earlier state of an order in another file", "duplicate member", "duplicate customer",
    "no order number", "no amount", "no charge", "no charge, customer known", "stock write-offs", "refund",
    "refund written as a positive amount", "refunded part taken off the order", "sales written with a minus",
    "no customer id", "no join date", "one order number, several customers", "order number again, with other content",
    "order totals that differ within the order", "customer taken from another line of the order",
    "date taken from another line of the order", APART, MASKED, "no e-mail address or telephone number",
    "other currency, converted", "partly answered", "no question answered", "wave taken from the date",
    "neither date nor wave", *LOOKS_LIKE,
    *(word for words in REQUIRED.values() for word in words.values())])


class Sheet:
    """The rows of one source under examination: `cells` (canonical columns), and what was decided about each row."""

    def __init__(self, client: Client, name: str, source: Source):
        self.name, self.source, self.client, self.folder = name, source, client, f"data/{client.folder.name}"
        self.by_line = name == "orders" and source.grain == "line"
        self.files: list[RawFile] = reading.read_files(client.folder, source, _wanted(name, source))
        self.file = np.repeat(np.arange(len(self.files), dtype=np.int32), [raw.rows for raw in self.files])
        self.row = np.concatenate([np.arange(raw.rows, dtype=np.int32) for raw in self.files])
        self.columns: dict[str, list[Column | None]] = {}  # of each file, None where it has no such column
        self.headers: dict[str, str] = {}
        self.cells = pd.DataFrame(index=range(len(self.row)))
        self.bad: dict[str, np.ndarray] = {}
        self.reason = np.full(len(self.row), -1, np.int32)
        self.reasons: list[str] = []
        self.remarks: list[tuple[str, str, np.ndarray, str]] = []
        self.masked = np.zeros(len(self.row), bool)

    @property
    def kept(self) -> np.ndarray:
        return self.reason < 0

    @cached_property
    def gives_order_fields_once(self) -> bool:
        """Whether these files say what concerns a whole order on its first row only: date, customer or total of its
        other rows are blank."""
        order = pd.Series(codes([self.file, self.order_codes]))
        first = ~order.duplicated().to_numpy()
        several = order.duplicated(keep=False).to_numpy() & (self.order_codes > 0)
        for column in {"order_total", MOMENT[self.name], "customer_id", "email"} & self.columns.keys():
            filled = _by_file(self, column, [one.codes >= 0 for one in self.columns[column] if one is not None])
            if several.any() and filled[several & first].mean() > 0.5 and filled[several & ~first].mean() < 0.1:
                return True
        return False

    @cached_property
    def money_groups(self) -> np.ndarray:
        """A whole number for each order of each file, and another for its refunds: rows that share one total."""
        refund = _matching(self, self.source.refunds) if self.source.refunds else np.zeros(len(self.row), bool)
        return codes([self.file, self.order_codes, refund])

    @cached_property
    def order_codes(self) -> np.ndarray:
        """A whole number for each order of these files, 0 for rows without an order number."""
        return (pd.factorize(self.cells["order_id"])[0] + 1).astype(np.int32)

    def having(self, index: pd.Index) -> np.ndarray:
        """The rows with these labels of `cells`."""
        return self.cells.index.isin(index)

    def where(self, column: str) -> str:
        return f"{self.folder}/{', '.join(raw.name for raw in self.files)}, column '{self.headers[column]}'"

    def release(self) -> None:
        """Give the memory of cells and files back, once the ledger has its entries; which rows count, stays."""
        self.cells, self.columns, self.remarks = self.cells.iloc[:0].copy(), {}, []
        for name in ("order_codes", "money_groups"):  # computed when asked for, and large
            self.__dict__.pop(name, None)
        self.files = [replace(raw, columns=(), whole=raw.whole[:0].copy(), blank=raw.blank[:0].copy())
                      for raw in self.files]

    def set_aside(self, reason: str, rows: np.ndarray) -> None:
        """Give rows a reason; the first one a row is given counts."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        self.reason[rows & self.kept] = self.reasons.index(reason)

    def remark(self, check: str, action: str, rows: np.ndarray, *, of: str = "kept") -> None:
        """"changed" or "flagged": said of those of the rows that are kept in the end, or of "all" rows read."""
        self.remarks.append((check, action, rows, of))

    def entries(self) -> list[dict]:
        """The ledger's rows. A reason that the client's own settings declare is shown even if no row has it."""
        masks = [("all rows", "read", np.ones(len(self.row), bool)), ("all rows", "kept", self.kept)]
        masks += [(reason, "set aside", self.reason == code) for code, reason in enumerate(self.reasons)]
        masks += [(check, action, rows & self.kept if of == "kept" else rows)
                  for check, action, rows, of in self.remarks]
        declared = {reason for reason, rule in self.source.set_aside.items() if not rule.optional}
        amount = self.cells["amount"].fillna(0).to_numpy() if self.name in MONEY and "amount" in self.cells else None
        entries = []
        for number, raw in enumerate(self.files):
            for check, action, rows in masks:
                rows = rows & (self.file == number)
                if rows.any() or action in ("read", "kept") or check in declared:
                    money = math.nan if amount is None else round(math.fsum(amount[rows]), 6)
                    entries.append({"source": self.name, "file": raw.name, "check": check, "rows": int(rows.sum()),
                                    "amount": money, "action": action})
        return entries

    def stop_at(self, rows: np.ndarray, column: str, problem: str, remedy: str) -> None:
        """Stop at the first of `rows` that is not set aside, if there is one, and show the cell."""
        found = np.flatnonzero(rows & self.kept)
        if len(found):
            file, row = self.file[found[0]], self.row[found[0]]
            raw, value = self.files[file], self.columns[column][file].cell(row)
            # persons stay out of what is printed: 6.90123E+17 becomes 6.9...E+17, addresses and long numbers dots
            value = re.sub(r"(?i)(\d(?:\.\d)?)\d*(?=E\+)", r"\1...", value) if column.endswith("_id") else value
            is_moment = column in self.cells and self.cells[column].dtype.kind == "M"
            value = value if is_moment else re.sub(r"\S+@\S+|\+?\d[\d ()/-]{7,}\d", "...", value)
            more = f" ({count(len(found) - 1, 'more row')} like it)" if len(found) > 1 else ""
            raise UserError(f"{self.folder}/{raw.name}, row {raw.first_row + row}, column '{self.headers[column]}': "
                            f"'{value[:60]}' {problem}{more}. {remedy}")


# ---------------------------------------------------------------- from files to cells
def _wanted(name: str, source: Source) -> reading.Wanted:
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


def read(client: Client, name: str, source: Source) -> Sheet:
    """The cells of a source, converted; `bad` marks those that could not be. Nothing is judged yet."""
    for reason in (*source.set_aside, *source.flag):
        if reason.strip().casefold() in WORDS_OF_THE_LEDGER:
            raise UserError(f"data/{client.folder.name}/client.yml: sources.{name} has a rule '{reason}', which is a "
                            "word of the ledger's own. Give the rule another name.")
    sheet = Sheet(client, name, source)
    if not len(sheet.row) and name not in MAY_BE_EMPTY:
        raise UserError(f"{sheet.folder}/{sheet.files[0].name} has column names but no rows. Export it again, or take "
                        f"'{name}' out of client.yml.")
    kinds = _kinds(sheet)
    known = [*kinds, *(part for parts in PARTS_OF_A_MOMENT for part in parts if name in MOMENT), "zone"]
    for column in source.columns:
        if column not in known:
            raise UserError(f"{sheet.folder}/client.yml: sources.{name}.columns has '{column}', which is no column of "
                            f"{name}.{suggest(column, known)} Columns: {', '.join(dict.fromkeys(known))}.")
    _find_columns(sheet, kinds)
    for column, kind in kinds.items():
        if column in sheet.columns:
            sheet.cells[column], sheet.bad[column] = _converted(sheet, column, kind)
        elif column in SCHEMA[name]:
            sheet.cells[column] = pd.Series(None, index=sheet.cells.index, dtype=kind)
    for column in sheet.cells:
        if column in sheet.columns and described(column).holds in ("label", "tier"):
            sheet.cells[column] = _in_one_spelling(sheet.cells[column])
    sheet.remark(MASKED, "flagged", sheet.masked)
    _tell_shops_apart(sheet)
    _tell_whose_refunds(sheet)
    return sheet


def _kinds(sheet: Sheet) -> dict[str, str]:
    """The columns that the source may have, each with its dtype."""
    kinds = {column: kind for column, kind in SCHEMA[sheet.name].items() if kind != FLAG} | FURTHER[sheet.name]
    if sheet.name == "survey":
        headers = [loose(header) for raw in sheet.files for header in raw.headers]
        kinds |= {column: kind for start, kind in OF_SURVEYS.items() for column in [*sheet.source.columns, *headers]
                  if column.startswith(start)}
    return kinds


def _find_columns(sheet: Sheet, kinds: dict[str, str]) -> None:
    """Find each column by name. One that the source needs must be in every file, one that the client's settings name in
    one of them at least: exports grow columns over the years."""
    given, is_orders = sheet.source.columns, sheet.name == "orders"
    found = {column: [_answers_to(raw, sheet, column, given.get(column, (column,))) if sheet.name == "survey" else
                      _column(raw, sheet, given.get(column, (column,))) for raw in sheet.files] for column in kinds}
    if sheet.name in MOMENT and not any(found[MOMENT[sheet.name]]):
        found[MOMENT[sheet.name]] = _joined_moments(sheet)
    everywhere = {column for column, those in found.items() if all(those)}
    parts = {"quantity", "unit_price"}  # whose product is the money where there is no amount
    by_total = "order_total" in everywhere and sheet.by_line
    by_parts = "amount" not in given and (parts <= given.keys() or ("amount" not in everywhere and parts <= everywhere))
    needed = set(REQUIRED[sheet.name]) - {"customer_id"}
    if is_orders:
        needed |= {*(() if by_total else parts if by_parts else ["amount"]), *(["order_id"] if sheet.by_line else [])}
    # a column that happens to be called "refunded" may say yes or no: only the settings can have it taken off
    unused = {"amount" if by_parts else "unit_price"} | ({"refunded", "order_total", "order_refunded"} - given.keys())
    unused |= {*ADDRESSES, "refund_email"} - given.keys()  # an address is read only where the settings ask for it
    unused |= {"order_total", "order_refunded"} - (kinds.keys() if by_total else set())
    for column, those in found.items():
        lacking = [raw for raw, one in zip(sheet.files, those, strict=True) if one is None]
        if lacking and (column in needed or (column in sheet.source.own_columns and not any(those))):
            more = " Or give quantity and unit_price." if is_orders and column == "amount" else ""
            _stop_lacking(sheet, lacking[0], given.get(column, (column,))[0], f".columns.{column}", more)
        if any(those) and column not in unused:
            sheet.columns[column], sheet.headers[column] = those, _header(sheet, given.get(column, (column,)))
    if is_orders or "customer_id" in REQUIRED[sheet.name]:
        _need_a_person(sheet)


def _need_a_person(sheet: Sheet) -> None:
    """Every file must say somehow who the customer is."""
    for number, raw in enumerate(sheet.files):
        if not any(sheet.columns[one][number] for one in ("customer_id", *ADDRESSES) if one in sheet.columns):
            named = sheet.source.columns.get("customer_id", ("customer_id",))[0]
            _stop_lacking(sheet, raw, named, ".columns.customer_id, email or phone",
                          f" {NOBODY}" if sheet.name == "orders" else "")


def _joined_moments(sheet: Sheet) -> list[Column | None]:
    """The moment of each file from the columns it stands in: date and time, date alone, or year, month and day."""
    given, joined = sheet.source.columns, []
    for raw in sheet.files:
        for parts in PARTS_OF_A_MOMENT:
            there = [_column(raw, sheet, given[part]) for part in parts if part in given]
            if len(there) == len(parts) and all(there):
                joined.append(meaning.joined(there, "-" if parts[0] == "year" else " "))
                break
        else:
            joined.append(None)
    return joined


def _header(sheet: Sheet, names: tuple[str, ...]) -> str:
    """What the files call the column: the first of the names that one of them has."""
    there = {loose(header) for raw in sheet.files for header in raw.headers}
    return next((name for name in names if loose(name) in there), names[0])


def _column(raw: RawFile, sheet: Sheet, names: tuple[str, ...]) -> Column | None:
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


def _answers_to(raw: RawFile, sheet: Sheet, column: str, names: tuple[str, ...]) -> Column | None:
    """A column of a survey. Under two header rows ("question · option") the question's own name will do where it has
    one column, and where it has one for each option that could be chosen."""
    if (found := _column(raw, sheet, names)) is not None:
        return found
    for name in names:
        options = {option: raw.columns[i] for option, i in survey.options_of(raw.headers, name).items()}
        if options and column.startswith("choice_"):
            return survey.chosen(options)
        if len(options) == 1:
            return next(iter(options.values()))
    return None


def _stop_lacking(sheet: Sheet, raw: RawFile, header: str, setting: str, more: str = "") -> None:
    there = ", ".join(name for name in raw.headers if name)
    raise UserError(f"{sheet.folder}/{raw.name} has no column '{header}'.{suggest(header, raw.headers)} Say in "
                    f"client.yml what it is called (sources.{sheet.name}{setting}).{more} "
                    f"Columns there: {there[:900]}.")


def _converted(sheet: Sheet, column: str, kind: str) -> tuple[pd.Series, np.ndarray]:
    """One canonical column over all files, and its bad cells."""
    source, where, client = sheet.source, sheet.where(column), sheet.client
    there = [one for one in sheet.columns[column] if one is not None]
    if kind == TIME:
        values = _moments(sheet, column, there, where)
    elif kind == NUMBER:
        money = client.currency if column in AMOUNTS and not _names_each_currency(sheet) else ""
        if sheet.name == "survey":
            words = source.answers.get("*", {}) | source.answers.get(column, {})
            there = [survey.in_numbers(one, words) for one in there]
        values = cells_numbers.numbers(there, source.decimal, where, currency=money)
        if source.hundredths and column in AMOUNTS:
            values = [Values(one.values / 100, one.bad) for one in values]
    elif column in (*ADDRESSES, "refund_email"):
        values = [cells_contacts.phones(one) if column == "phone" else cells_contacts.emails(one) for one in there]
        sheet.masked |= _by_file(sheet, column, [one.masked for one in values])
        sheet.remark("no e-mail address or telephone number", "flagged",
                     _by_file(sheet, column, [one.unusable for one in values]))
    else:  # guests have the id 0 in some shops
        nothing = NOBODY_IN_PARTICULAR if column in PERSONS else frozenset()
        values = [cells_names.names(one, is_id=column.endswith("_id"), nothing=nothing) for one in there]
        if column in PERSONS:  # different people would become one
            hidden = [np.append(cells_contacts.masked(one.text), False)[one.codes] for one in there]
            sheet.masked |= _by_file(sheet, column, hidden)
            values = [Values(one.values.mask(mask), one.bad) for one, mask in zip(values, hidden, strict=True)]
    known = iter(values)
    parts = [next(known) if one is not None else
             Values(pd.Series(None, index=range(raw.rows), dtype=kind), np.zeros(raw.rows, bool))
             for raw, one in zip(sheet.files, sheet.columns[column], strict=True)]
    return pd.concat([part.values for part in parts], ignore_index=True), np.concatenate([part.bad for part in parts])


def _names_each_currency(sheet: Sheet) -> bool:
    """Whether each row says in a column which currency it is in: then the signs in its cells need not be ours."""
    return all(one is not None and (one.codes >= 0).all() for one in sheet.columns.get("currency", [None]))


def _by_file(sheet: Sheet, column: str, masks: list[np.ndarray]) -> np.ndarray:
    """One mask over all files from one for each file that has the column."""
    known = iter(masks)
    return np.concatenate([np.zeros(raw.rows, bool) if one is None else next(known)
                           for raw, one in zip(sheet.files, sheet.columns[column], strict=True)])


def _moments(sheet: Sheet, column: str, there: list[Column], where: str) -> list[Values]:
    """Moments of the files that have the column; where each row names its time zone, zone by zone."""
    source, here = sheet.source, sheet.client.time_zone
    zones = [_column(raw, sheet, source.columns["zone"]) if "zone" in source.columns else None for raw in sheet.files]
    if column != MOMENT.get(sheet.name) or not any(zones):
        return moments(there, source.dates, (source.time_zone or here, here), where)
    names = pc.unique(pc.utf8_trim_whitespace(
        reading.pa.chunked_array([one.text for one in zones if one is not None]))).to_pylist()
    its_own = {name: cells_zones.zone_named(name) for name in names if name} | {"": source.time_zone or here}
    by_zone = {name: moments(there, source.dates, (zone, here), where) for name, zone in its_own.items()}
    files = [number for number, one in enumerate(sheet.columns[column]) if one is not None]
    found = []
    for position, number in enumerate(files):
        zone = zones[number]
        rows = np.full(sheet.files[number].rows, "", dtype=object) if zone is None else np.append(
            np.array([name.strip() for name in zone.text.to_pylist()], dtype=object), "")[zone.codes]
        values, bad = by_zone[""][position].values.copy(), by_zone[""][position].bad
        for name in names:
            values = values.mask(rows == name, by_zone[name][position].values) if name else values
        found.append(Values(values, bad))
    return found


def _in_one_spelling(labels: pd.Series) -> pd.Series:
    """85123a and 85123A, Tea and TEA are one: each label in the spelling that most rows have (of equals the first)."""
    counts = labels.value_counts().rename_axis("label").reset_index(name="rows")
    counts = counts.assign(loose=counts["label"].str.casefold()).sort_values(["rows", "label"], ascending=[False, True])
    best = counts.drop_duplicates("loose").set_index("loose")["label"]
    if len(best) == len(counts):
        return labels
    return labels.map(dict(zip(counts["label"], counts["loose"].map(best), strict=True))).astype(labels.dtype)


def _tell_shops_apart(sheet: Sheet) -> None:
    """Order numbers of several shops, and customers' numbers of several platforms, may be the same numbers."""
    cells, shop = sheet.cells, sheet.source.shop
    by_row = cells["shop"] if "shop" in cells and cells["shop"].nunique() > 1 else None
    for column in ("order_id", "customer_id"):
        if column in sheet.columns and (shop or (column == "order_id" and by_row is not None)):
            prefix = shop or by_row.fillna("")
            is_address = cells[column].str.contains("@", regex=False, na=False) & (column == "customer_id")
            cells[column] = cells[column].where(is_address, prefix + " " + cells[column])


def _tell_whose_refunds(sheet: Sheet) -> None:
    """Payment services write the shop's own address on a refund, and the customer's in another column."""
    if "refund_email" in sheet.columns and sheet.source.refunds:
        refund = _matching(sheet, sheet.source.refunds)
        sheet.cells["email"] = sheet.cells["email"].mask(refund, sheet.cells["refund_email"])
    sheet.cells = sheet.cells.drop(columns="refund_email", errors="ignore")


# ---------------------------------------------------------------- money
def _amounts(sheet: Sheet) -> None:
    """The money of each row, less what the row itself says was refunded or is not to count.

    Where the order's total is given, it stands on the first row of the order (of a file), and the other rows have none:
    `line_amount` keeps the money of each line.
    """
    cells, nil = sheet.cells, 0.0
    line = cells["quantity"] * cells["unit_price"] if "unit_price" in cells else cells["amount"]
    less = sum((_less(sheet, header) for header in sheet.source.less), pd.Series(nil, index=cells.index))
    if "order_total" not in cells:
        refunded = cells["refunded"].abs().fillna(nil) if "refunded" in cells else nil
        cells["amount"] = (line - refunded - less * np.sign(line)).round(6)  # tax given back makes a refund smaller
        return
    order = sheet.money_groups
    total = cells.groupby(order)["order_total"]
    sheet.remark("order totals that differ within the order", "flagged", total.transform("nunique").gt(1).to_numpy())
    total = total.transform("first")
    back = _of_the_order(cells["order_refunded"].abs(), order) if "order_refunded" in cells else nil
    first = ~pd.Series(order).duplicated().to_numpy()
    cells["line_amount"] = line.round(6)
    net = total - back - _of_the_order(less.replace(nil, np.nan), order) * np.sign(total)
    cells["amount"] = net.round(6).where(first | total.isna(), nil)


def _of_the_order(money: pd.Series, order: np.ndarray) -> pd.Series:
    """What an order's rows say of the whole order: one figure, repeated or given once; different ones are its parts."""
    each = money.groupby(order)
    return each.transform("first").where(each.transform("nunique") <= 1, each.transform("sum")).fillna(0.0)


def _less(sheet: Sheet, header: str) -> pd.Series:
    """The size of the money in a column that the settings have taken off."""
    there = [_column(raw, sheet, (header,)) for raw in sheet.files]
    if not any(there):
        _stop_lacking(sheet, sheet.files[0], header, ".less")
    sheet.columns[header], sheet.headers[header] = there, header
    values, sheet.bad[header] = _converted(sheet, header, NUMBER)
    whole = sheet.source.hundredths and header not in AMOUNTS  # of which hundredths are made already
    return values.abs().fillna(0.0) / (100 if whole else 1)


def _settle_totals(sheet: Sheet) -> None:
    """A line that is set aside takes its money along, out of the total of its order."""
    if "line_amount" not in sheet.cells:
        return
    cells, kept = sheet.cells, sheet.kept
    order = pd.Series(sheet.money_groups)
    some_kept = pd.Series(kept).groupby(order).transform("any").to_numpy()
    leaving = some_kept & ~kept
    if not leaving.any():
        return
    total = cells["amount"].groupby(order).transform("sum").to_numpy()
    line = cells["line_amount"].where(leaving, 0.0).fillna(0.0)
    asked = line.groupby(order).transform("sum").to_numpy()
    taken = np.clip(asked, np.minimum(total, 0.0), np.maximum(total, 0.0))  # a discount: no more than there is
    line = line.to_numpy() * np.divide(taken, asked, out=np.ones(len(asked)), where=asked != 0)
    first_kept = kept & ~order.where(kept, -1 - order.index).duplicated().to_numpy()
    touched = pd.Series(leaving).groupby(order).transform("any").to_numpy()
    moved = np.where(leaving, line, np.where(first_kept, total - taken, 0.0))
    cells["amount"] = cells["amount"].where(~touched, moved).round(6)


def _turn_signs(sheet: Sheet) -> None:
    """Some tills write sales with a minus: where nearly all amounts are below zero, all change their sign."""
    if len(sheet.client.sources[sheet.name]) > 1:
        return  # this may be the file of the refunds
    amount = sheet.cells["amount"]
    signed = amount[amount.notna() & (amount != 0) & sheet.kept]
    if len(signed) >= 20 and (signed < 0).mean() > 0.8:
        sheet.cells["amount"] = -amount
        sheet.remark("sales written with a minus", "changed", np.ones(len(amount), bool))


def _convert(sheet: Sheet) -> None:
    """All money in the client's currency, by the rates of the settings; a currency without one stops."""
    client, cells = sheet.client, sheet.cells
    if "currency" not in sheet.columns:
        return
    code = cells["currency"].map(lambda sign: cells_numbers.currency_of(sign, client.currency), na_action="ignore")
    if sheet.by_line:
        code = code.fillna(code.groupby(sheet.order_codes).transform("first"))
    foreign = (code.notna() & (code != client.currency)).to_numpy() & sheet.kept
    if not foreign.any():
        return
    unknown = code[foreign & ~code.isin(list(client.rates)).to_numpy()]
    if len(unknown) == sheet.kept.sum() and unknown.nunique() == 1:
        raise UserError(f"{sheet.where('currency')}: all amounts are in {unknown.iloc[0]}, and client.yml says "
                        f"currency: {client.currency}. Correct the setting, or give a rate (rates: "
                        f"{{{unknown.iloc[0]}: ...}}).")
    if len(unknown):
        names = ", ".join(sorted(unknown.unique()))
        raise UserError(f"{sheet.where('currency')}: {count(len(unknown), 'row')} in {names}, which cannot be added to "
                        f"{client.currency}. Give the rate in client.yml (rates: {{{unknown.iloc[0]}: 7.1}} if one "
                        f"{unknown.iloc[0]} is 7.1 {client.currency}), or set these rows aside (set_aside: other "
                        f"currency: {{column: {sheet.headers['currency']}, other_than: {client.currency}}}).")
    time = cells.get(MOMENT.get(sheet.name, "date"))
    factor = np.ones(len(cells))
    for currency, steps in client.rates.items():
        rows = foreign & (code == currency).to_numpy()
        for day, rate in steps:
            since = rows if time is None or day.year == 1 else rows & (time >= pd.Timestamp(day)).to_numpy()
            factor[since] = rate
        if time is not None and steps[0][0].year > 1:
            early = rows & (time < pd.Timestamp(steps[0][0])).to_numpy()
            sheet.stop_at(early, "currency", f"has no rate before {steps[0][0]}",
                          f"Give an earlier one in client.yml (rates.{currency}).")
    for column in ("amount", "line_amount"):
        if column in cells:
            cells[column] = (cells[column] * factor).round(6)
    sheet.remark("other currency, converted", "changed", foreign)


# ---------------------------------------------------------------- which rows count
def judge(sheet: Sheet) -> None:
    """Decide about each row: first what the settings say, then what is blank, then what stands there twice."""
    cells, source = sheet.cells, sheet.source
    if sheet.name in MONEY:
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large for money stops a few steps later
            _amounts(sheet)
    sheet.set_aside("blank row", np.concatenate([raw.blank for raw in sheet.files]))
    sheet.set_aside("totals row", _totals_rows(sheet))
    for reason, rule in source.set_aside.items():
        sheet.set_aside(reason, _matching(sheet, rule))
    _stop_at_bad_cells(sheet)
    if sheet.name in MONEY:
        _settle_totals(sheet)
        _turn_signs(sheet)
        _convert(sheet)
    if sheet.name == "orders":
        _judge_orders(sheet)
    for column, reason in REQUIRED[sheet.name].items():
        sheet.set_aside(reason, cells[column].isna().to_numpy())
    _judge_copies(sheet)
    if sheet.name in FIRST_BY:
        _judge_people(sheet)
    if sheet.name == "points":
        kind = cells["kind"] = cells["kind"].str.lower()
        sheet.stop_at((kind.notna() & ~kind.isin(POINT_KINDS)).to_numpy(), "kind", "is not a kind of points entry",
                      f"Known kinds: {', '.join(POINT_KINDS)}. Rename the others in a copy of the file.")
    if sheet.name == "survey":
        _judge_survey(sheet)
    for reason, rule in source.flag.items():
        sheet.remark(reason, "flagged", _matching(sheet, rule))
    if sheet.name == "orders":
        _remark_looks(sheet)
        sheet.remark("no customer id", "flagged", cells["customer_id"].isna().to_numpy())


def _totals_rows(sheet: Sheet) -> np.ndarray:
    """Rows without a date that begin, in a column of names, with "Total": counted, they would double the revenue."""
    moment = MOMENT.get(sheet.name)
    if moment is None:
        return np.zeros(len(sheet.cells), bool)
    found = np.zeros(len(sheet.cells), bool)
    for column in ("order_id", "customer_id", "email", "product", "shop", "category", "channel", moment):
        for number, one in enumerate(sheet.columns.get(column, ())):
            if one is not None:
                words = pc.utf8_rtrim(pc.utf8_lower(reading.stripped(one.text)), ":")
                words = pc.is_in(words, reading.pa.array([*TOTALS]))
                found[sheet.file == number] |= np.append(words.to_numpy(zero_copy_only=False), False)[one.codes]
    return found & sheet.cells[moment].isna().to_numpy()


def _matching(sheet: Sheet, rule: Rule) -> np.ndarray:
    """The rows that pass a rule and all that go with it."""
    return np.logical_and.reduce([_passing(sheet, replace(one, optional=rule.optional)) for one in (rule, *rule.also)])


def _passing(sheet: Sheet, rule: Rule) -> np.ndarray:
    """The rows that pass a single rule; upper and lower case, and blanks at either end, make no difference. In files
    that give an order's fields once a blank cell takes the value of the order's first row."""
    found = [_column(raw, sheet, rule.column) for raw in sheet.files]
    if not any(found):
        if rule.optional:
            return np.zeros(len(sheet.cells), bool)
        _stop_lacking(sheet, sheet.files[0], rule.column[0], ", in a rule")
    values = tuple(loose(value) for value in rule.values)
    test = {"starts_with": lambda word: word.startswith(values), "equals": lambda word: word in values,
            "contains": lambda word: any(value in word for value in values),
            "lacks": lambda word: not any(value in word for value in values),
            "other_than": lambda word: word not in values,
            "is": lambda word: (word == "") == (values == ("blank",))}[rule.test]
    passing = []
    for number, (raw, column) in enumerate(zip(sheet.files, found, strict=True)):
        if column is None:
            passing.append(np.zeros(raw.rows, bool))
            continue
        words = ["" if word in meaning.NOTHING else word for word in map(loose, column.text.to_pylist())]
        passes = np.array([*map(test, words), test("")])
        passing.append(passes[_from_other_rows(column.codes, sheet.order_codes[sheet.file == number])
                              if sheet.by_line and sheet.gives_order_fields_once else column.codes])
    return np.concatenate(passing)


def _from_other_rows(place: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Codes of cells, blank ones (-1) from the first row of the same order. A sign such as "-" is no blank:
    whoever writes it says something of that very row."""
    first = np.empty(order.max(initial=0) + 1, place.dtype)
    first[order[::-1]] = place[::-1]
    return np.where((place < 0) & (order > 0), first[order], place)


def _stop_at_bad_cells(sheet: Sheet) -> None:
    aside = f"in a copy of the file, or set the row aside in client.yml (sources.{sheet.name}.set_aside)."
    for column, bad in sheet.bad.items():
        kind = sheet.cells[column].dtype.kind if column in sheet.cells else "f"
        if kind == "M":
            sheet.stop_at(bad, column, "is not a date that can be read", f"Write it as 2025-03-31 {aside}")
        elif kind == "f":
            stands_for = f"Say what number it stands for in client.yml (sources.survey.answers.{column}), or correct it"
            sheet.stop_at(bad, column, "is not a number",
                          f"{stands_for if sheet.name == 'survey' else 'Correct it'} {aside}")
        else:
            sheet.stop_at(bad, column, "is a number whose last digits a spreadsheet has dropped, so that different ids "
                          "look alike", "Export it again without opening it in a spreadsheet.")
    if sheet.name in MONEY:
        sheet.stop_at((sheet.cells["amount"].abs() >= TOO_MUCH).to_numpy(),
                      next(one for one in ("order_total", "amount", "unit_price") if one in sheet.headers),
                      "is too large for money", f"Check which column is the amount, or correct it {aside}")


def _judge_orders(sheet: Sheet) -> None:
    """Refunds, what a line takes from its order, and what was given away."""
    cells = sheet.cells
    refund = _matching(sheet, sheet.source.refunds) if sheet.source.refunds else np.zeros(len(cells), bool)
    turned = refund & (cells["amount"] > 0).to_numpy()
    cells["amount"] = cells["amount"].mask(turned, -cells["amount"])
    sheet.remark("refund written as a positive amount", "changed", turned)
    for column in ("refunded", "order_refunded"):
        if column in cells:
            sheet.remark("refunded part taken off the order", "changed", cells[column].fillna(0).ne(0).to_numpy())
    if "order_id" in sheet.columns:
        sheet.set_aside("no order number", cells["order_id"].isna().to_numpy())
    if sheet.by_line:
        _fill_from_other_lines(sheet)
        if "line_amount" not in cells:
            _judge_free_lines(sheet)
        cells["is_refund"] = refund
    else:
        sheet.set_aside("no amount", cells["amount"].isna().to_numpy())
        cells["is_refund"] = refund | (cells["amount"] < 0).to_numpy()
        sheet.remark("refund", "flagged", cells["is_refund"].to_numpy())


def _judge_free_lines(sheet: Sheet) -> None:
    """Lines without a price: stock written off where nobody bought them, given away where somebody did."""
    cells = sheet.cells
    free = ((cells["amount"] == 0) & cells["customer_id"].isna()).to_numpy()
    negative = cells["quantity"].lt(0).to_numpy() if "quantity" in cells else np.zeros(len(cells), bool)
    sheet.set_aside("stock write-offs", free & negative)
    sheet.set_aside("no charge", free)
    sheet.remark("no charge, customer known", "flagged", cells["amount"].eq(0).to_numpy())


def _fill_from_other_lines(sheet: Sheet) -> None:
    """Some exports give customer and date only on an order's first line: the other lines take them from there, even if
    that line itself does not count."""
    cells, kept, order = sheet.cells, sheet.kept, sheet.order_codes
    orders = order.max() + 1
    for column in ("customer_id", "ordered_at"):
        place, distinct = pd.factorize(cells[column], sort=True)
        known, nothing = place >= 0, len(distinct)
        first, last = np.full(orders, nothing), np.full(orders, -1)  # of the order's values, by name or time
        np.minimum.at(first, order[known], place[known])
        np.maximum.at(last, order[known], place[known])
        if column == "customer_id":  # an order number with several customers tells nothing of the other lines
            shared = first < last
            sheet.remark("one order number, several customers", "flagged", shared[order])
            first[shared] = nothing
        filled = kept & (place < 0) & (first[order] < nothing)
        sheet.remark(f"{'customer' if column == 'customer_id' else 'date'} taken from another line of the order",
                     "changed", filled)
        if filled.any():
            cells.loc[filled, column] = distinct.take(first[order[filled]])
    priced = np.zeros(orders, bool)
    priced[order[kept & cells["amount"].notna().to_numpy()]] = True
    sheet.set_aside("no amount", cells["amount"].isna().to_numpy() & ~priced[order])


def _remark_looks(sheet: Sheet) -> None:
    """Rows that count and perhaps should not, by what stands in their columns of names."""
    for check, pattern in LOOKS_LIKE.items():
        found = np.zeros(len(sheet.cells), bool)
        for column in ("product", *(["order_id", "email"] if "test" in check else [])):
            for number, one in enumerate(sheet.columns.get(column, ())):
                if one is not None:
                    hit = pc.match_substring_regex(reading.stripped(one.text), pattern).to_numpy(zero_copy_only=False)
                    found[sheet.file == number] |= np.append(hit, False)[one.codes]
        sheet.remark(check, "flagged", found)


def _judge_copies(sheet: Sheet) -> None:
    """Rows that stand in a file more than once, and rows that stand in several files.

    Within a file a copy equals another row in every cell; of an order at order grain, in every cell that is used. A row
    that stands in k files counts as often as in the one that has it most: exports overlap. What is left of an order
    that two files have at the same moment with different content is two states of it: the later file's counts.
    """
    cells, drop = sheet.cells, (sheet.source.duplicates or ("keep" if sheet.by_line else "drop")) == "drop"
    if sheet.name in FIRST_BY:
        return  # judged by person
    by_id = sheet.name == "orders" and not sheet.by_line and "order_id" in sheet.columns
    several = len(sheet.files) > 1
    used = codes([cells[column] for column in cells]) if by_id or several else np.zeros(len(cells))
    whole = used if by_id else np.concatenate([raw.whole for raw in sheet.files])
    comparable = sheet.kept if drop else ~np.isin(sheet.reason, [sheet.reasons.index("blank row"),
                                                                 sheet.reasons.index("totals row")])
    if sheet.name == "survey":  # two people without a name may well give the same answers on the same day
        timed = cells["answered_at"].ne(cells["answered_at"].dt.normalize()) & cells["answered_at"].notna()
        comparable = comparable & (cells["customer_id"].notna() | timed).to_numpy()
    rows = pd.DataFrame({"file": sheet.file, "used": used, "whole": whole})[comparable]
    copies = sheet.having(rows.index[rows.duplicated(["file", "whole"])])
    if drop:
        sheet.set_aside("exact duplicate", copies)
    else:
        sheet.remark("exact duplicate", "flagged", copies, of="all")
    if several:
        states = _earlier_states(sheet, used) if "order_id" in sheet.columns and sheet.name == "orders" else None
        rows = rows[sheet.kept[rows.index]]
        rows = rows.assign(copy=rows.groupby(["file", "used"]).cumcount())
        sheet.set_aside("overlap with another file", sheet.having(rows.index[rows.duplicated(["used", "copy"])]))
        if states is not None:
            sheet.set_aside("earlier state of an order in another file", states)
    if sheet.by_line:
        sheet.remark(APART, "flagged", _apart(sheet))
    if by_id:
        orders = cells.loc[sheet.kept & ~cells["is_refund"].to_numpy(), "order_id"]
        sheet.remark("order number again, with other content", "flagged",
                     sheet.having(orders.index[orders.duplicated(keep=False)]))


def _apart(sheet: Sheet) -> np.ndarray:
    """Rows of purchases by line that bear one order number and stand in several files, or more than a day apart."""
    counted = sheet.kept & ~sheet.cells["is_refund"].to_numpy()
    order = pd.Series(sheet.order_codes)[counted]
    when, file = sheet.cells["ordered_at"][counted].groupby(order), pd.Series(sheet.file)[counted].groupby(order)
    apart = (when.transform("max") - when.transform("min") > pd.Timedelta(days=1)) | (file.transform("nunique") > 1)
    return sheet.having(apart.index[apart])


def _earlier_states(sheet: Sheet, used: np.ndarray) -> np.ndarray:
    """Rows of orders that a later file (one with later orders in it) has, too, at the same moment, but not this row:
    what the later file says of the order holds, and be it that a rule sets all of it aside now."""
    cells, order = sheet.cells, sheet.order_codes
    oldest, newest = (cells["ordered_at"].groupby(sheet.file).agg(which) for which in ("min", "max"))
    rank = newest.sort_values(kind="stable", na_position="first").index.argsort()  # per file its place in time
    rows = pd.DataFrame({"file": sheet.file, "used": used, "kept": sheet.kept, "rank": rank[sheet.file]})
    rows["copy"] = rows.groupby(["file", "used", "kept"]).cumcount()
    rows["seen"] = rows.groupby(["used", "kept", "copy"])["rank"].transform("max")  # the last file that has this row
    when = cells["ordered_at"].groupby(codes([sheet.file, order])).transform("min")
    one = codes([order, when])
    last = rows["seen"].groupby(one).transform("max")
    if not sheet.by_line:
        return (rows["seen"] < last).to_numpy() & (order > 0) & when.notna().to_numpy()
    # where one file ends with the order that the next begins with, each has some of its lines
    ends, begins = when == pd.Series(sheet.file).map(newest), when == pd.Series(sheet.file).map(oldest)
    cut = ends & (begins & (rows["rank"] == last)).groupby(one).transform("any")
    return (rows["seen"] < last).to_numpy() & (order > 0) & when.notna().to_numpy() & ~cut.to_numpy()


def codes(columns: Iterable[pd.Series | np.ndarray]) -> np.ndarray:
    """One whole number per row, the same for rows that agree in all columns."""
    key = None
    for column in columns:
        number = pd.factorize(column)[0] + 1
        key = number if key is None else pd.factorize(key * (number.max(initial=0) + 1) + number)[0]
    return key.astype(np.int64)


def in_order(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The rows sorted by these columns, missing ones last: as `sort_values`, which takes five times as long."""
    keys = [_places(frame[column]) if frame[column].dtype == TEXT else frame[column].to_numpy() for column in by]
    return frame.take(np.lexsort(keys[::-1])).reset_index(drop=True)


def _places(words: pd.Series) -> np.ndarray:
    """Per row the place of its word among all of them in order, a missing one last."""
    place, distinct = pd.factorize(words, sort=True)
    return np.where(place < 0, len(distinct), place)


def _judge_people(sheet: Sheet) -> None:
    """One row per customer: of members the first to join. Nobody can have been drawn for two arms."""
    order = FIRST_BY[sheet.name]
    rows = sheet.cells[sheet.kept].sort_values([order, *(column for column in sheet.cells if column != order)])
    if sheet.name == "assignment":
        other = rows["arm"] != rows.groupby("customer_id")["arm"].transform("first")
        sheet.stop_at(sheet.having(rows.index[other]), "arm", "contradicts another row of the same customer",
                      "Find out which arm is true, and remove the other row in a copy of the file.")
    if sheet.name == "members":
        sheet.remark("no join date", "flagged", sheet.cells["joined_at"].isna().to_numpy())
    sheet.set_aside("duplicate member" if sheet.name == "members" else "duplicate customer",
                    sheet.having(rows.index[rows["customer_id"].duplicated()]))


def _judge_survey(sheet: Sheet) -> None:
    """Partial answers count, as far as they go; a wave that is not named follows from the date."""
    _check_scales(sheet)
    cells, launch = sheet.cells, sheet.client.program.launched_on
    numbers = [column for column in cells.select_dtypes("number") if column in sheet.columns]
    given = cells[numbers].notna().to_numpy(dtype=bool)
    blank = [np.array([one is not None for one in sheet.columns[column]])[sheet.file] & cells[column].isna().to_numpy()
             for column in numbers]  # in a file that asks the question
    said = cells[[column for column in cells if column.startswith(("comment_", "choice_"))]].notna().any(axis=1)
    sheet.remark("partly answered", "flagged", given.any(axis=1) & np.any(blank, axis=0))
    sheet.remark("no question answered", "flagged", ~given.any(axis=1) & ~said.to_numpy())
    sheet.remark("neither date nor wave", "flagged", cells[["answered_at", "wave"]].isna().all(axis=1).to_numpy())
    wave = survey.waves(cells["answered_at"], cells["wave"], None if launch is None else pd.Timestamp(launch))
    sheet.remark("wave taken from the date", "changed", (cells["wave"].isna() & wave.notna()).to_numpy())
    cells["wave"] = wave


def _check_scales(sheet: Sheet) -> None:
    answers = [column for column in sheet.cells if sheet.cells[column].dtype.kind == "f"]
    asked = [column for column in answers if column in sheet.columns]
    if not asked and not any(column.startswith(tuple(OF_SURVEYS)) for column in sheet.columns):
        raise UserError(f"{sheet.folder}/{sheet.files[0].name} has no column of answers. Say in client.yml which is "
                        "nps, csat, ces, driver_..., comment_... or choice_... (sources.survey.columns), or take "
                        "'survey' out of it.")
    for column in sheet.source.answers:
        if column not in ("*", *answers):
            raise UserError(f"client.yml: sources.survey.answers has '{column}', which is no question of the survey."
                            f"{suggest(column, answers)} Questions: {', '.join(answers)}; \"*\" for all.")
    scales = {"nps": survey.NPS_SCALE} | sheet.source.scale
    for column in [column for column in asked if column not in scales]:
        outside = (~sheet.cells[column].between(0, 10) & sheet.cells[column].notna()).to_numpy()
        sheet.stop_at(outside, column, "is on no usual scale (1 to 5, 1 to 7, 0 to 10)",
                      f"Give the worst and best answer in client.yml (sources.survey.scale.{column}: [0, 100], say), "
                      "or correct it in a copy of the file.")
    for column, ends in scales.items():
        if column not in answers:
            raise UserError(f"client.yml: sources.survey.scale has '{column}', which is no question of the survey."
                            f"{suggest(column, answers)} Questions: {', '.join(answers)}.")
        outside = (~sheet.cells[column].between(*sorted(ends)) & sheet.cells[column].notna()).to_numpy()
        sheet.stop_at(outside, column, f"is outside the scale from {min(ends):g} to {max(ends):g}",
                      f"Correct it in a copy of the file, or the scale in client.yml (sources.survey.scale.{column}).")
