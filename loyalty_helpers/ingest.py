"""Exports -> canonical tables, with a ledger that accounts for every row and every unit of money.

The rule: rows read = rows kept + rows set aside, by reason and file; money likewise. Nothing is dropped in silence,
nothing is guessed: what cannot be understood stops with the file, the row, the column, the value and what to do.
Nothing is written here, and the raw files are only read.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loyalty_helpers import meaning, reading
from loyalty_helpers.client import Client, Rule, Source, UserError, suggest
from loyalty_helpers.findings import count
from loyalty_helpers.meaning import Values
from loyalty_helpers.reading import Column, RawFile

TEXT, TIME, NUMBER, FLAG = "str", "datetime64[us]", "float64", "bool"
# table -> column -> dtype, in this order; a survey has any number of further columns named driver_<name> (float64)
SCHEMA: dict[str, dict[str, str]] = {
    "orders": {"order_id": TEXT, "customer_id": TEXT, "ordered_at": TIME, "amount": NUMBER, "is_refund": FLAG,
               "channel": TEXT, "category": TEXT, "rating": NUMBER},
    "lines": {"order_id": TEXT, "category": TEXT, "product": TEXT, "quantity": NUMBER, "amount": NUMBER},
    "members": {"customer_id": TEXT, "joined_at": TIME, "left_at": TIME, "tier": TEXT},
    "survey": {"answered_at": TIME, "wave": TEXT, "customer_id": TEXT, "nps": NUMBER, "csat": NUMBER, "ces": NUMBER},
    "assignment": {"customer_id": TEXT, "arm": TEXT, "assigned_at": TIME},
    "points": {"customer_id": TEXT, "at": TIME, "kind": TEXT, "points": NUMBER},
    "referrals": {"referrer_id": TEXT, "referee_id": TEXT, "at": TIME},
    "costs": {"date": TIME, "kind": TEXT, "amount": NUMBER},
}
# what a file of orders or lines may give beside: amount = quantity x unit_price where it has no amount, less refunded
FURTHER = {"quantity": NUMBER, "unit_price": NUMBER, "refunded": NUMBER, "product": TEXT}
MONEY = ("orders", "lines", "costs")  # sources whose amounts the ledger adds up
POINT_KINDS = ("earn", "burn", "expire", "adjust")
# columns that a source cannot do without; a row in which one is blank is set aside, with these words
REQUIRED = {
    "orders": {"ordered_at": "no date"},
    "lines": {"order_id": "no order number"},
    "members": {"customer_id": "no customer id"},
    "survey": {},
    "assignment": {"customer_id": "no customer id", "arm": "no arm"},
    "points": {"customer_id": "no customer id", "at": "no date", "kind": "no kind", "points": "no points"},
    "referrals": {"referrer_id": "no referrer", "referee_id": "no friend"},
    "costs": {"date": "no date", "amount": "no amount"},
}
NOBODY = ("Who bought is unknown, so nobody can be seen coming back: export the orders with the shop's own id of the "
          "customer, or else an e-mail address, telephone number or member number.")
MICRO = 1_000_000  # money of an order is added up in whole millionths: exact, whatever the order of the rows
WORDS_OF_THE_LEDGER = frozenset([
    "all rows", "read", "kept", "set aside", "changed", "flagged", "blank row", "exact duplicate",
    "overlap with another file", "duplicate member", "duplicate customer", "no order number", "no amount", "no charge",
    "no charge, customer known", "stock write-offs", "refund", "refund written as a positive amount",
    "refunded part taken off the order", "no customer id", "no join date", "one order number, several customers",
    "order number again, with other content", "customer taken from another line of the order",
    "date taken from another line of the order", *(word for words in REQUIRED.values() for word in words.values())])
TOO_MUCH = 1e12  # no amount reaches this; a telephone number in the wrong column may


# ---------------------------------------------------------------- the ledger
@dataclass(frozen=True)
class Ledger:
    """What became of every row. `entries` are the rows of `table`."""

    entries: tuple[dict, ...] = ()

    def table(self) -> pd.DataFrame:
        """source, file, check, rows, amount (client's currency; nan for sources without money), action.

        "read" = "kept" + all "set aside", for each file. "changed" and "flagged" are remarks on rows counted already.
        """
        columns = {"source": TEXT, "file": TEXT, "check": TEXT, "rows": "int64", "amount": NUMBER, "action": TEXT}
        return pd.DataFrame(list(self.entries), columns=list(columns)).astype(columns)

    def check(self) -> None:
        """Raise UserError unless rows and money add up for each file; that would be a fault of this program."""
        table = self.table()
        table = table[table["action"].isin(["read", "kept", "set aside"])]
        for (source, file), rows in table.groupby(["source", "file"]):
            sign = np.where(rows["action"] == "read", 1, -1)
            amount = rows["amount"].fillna(0).to_numpy()
            if rows["rows"] @ sign or abs(amount @ sign) > 1e-5 + 1e-12 * np.abs(amount).sum():
                raise UserError(f"The ledger of {source}, {file}, does not add up. This is a fault of the program, not "
                                "of the data: please report it with this message.")

    def sentence(self, source: str = "orders") -> str:
        """"1,000 rows read = 990 kept + 10 set aside (9 cancelled, 1 test orders)."; the reasons by size."""
        table = self.table()
        table = table[table["source"] == source]
        rows = table.groupby("action")["rows"].sum().reindex(["read", "kept", "set aside"], fill_value=0)
        aside = table[(table["action"] == "set aside") & (table["rows"] > 0)].groupby("check")["rows"].sum()
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(aside.items(), key=lambda item: -item[1]))
        return (f"{count(rows['read'], 'row')} read = {rows['kept']:,} kept + {rows['set aside']:,} set aside"
                + (f" ({reasons})." if reasons else "."))


@dataclass(frozen=True)
class Prepared:
    """The canonical tables that the client has, by name, and the ledger of how they came about."""

    tables: dict[str, pd.DataFrame]
    ledger: Ledger


def prepare(client: Client) -> Prepared:
    """Read all that the settings name and make the canonical tables: pure reading, nothing is written.

    Frames are as in SCHEMA, sorted, the same for any order of rows in the files; times are naive, in the client's time
    zone. `lines` comes from a source of its own, or from orders at line grain. Raises UserError for anything that
    cannot be read or understood.
    """
    tables: dict[str, pd.DataFrame] = {}
    entries: list[dict] = []
    for name, (source, *_) in client.sources.items():
        sheet = _read(client, name, source)
        _judge(sheet)
        kept = sheet.cells[sheet.kept].reset_index(drop=True)
        entries += sheet.entries()
        if kept.empty:
            raise UserError(f"Nothing is left of the {name}: {Ledger(tuple(entries)).sentence(name)} "
                            "Check set_aside and columns in client.yml, and the files.")
        if sheet.by_line:
            tables.setdefault("lines", _canonical("lines", kept))
            kept = _orders_of(kept)
        tables[name] = _canonical(name, kept)
    ledger = Ledger(tuple(entries))
    ledger.check()
    return Prepared({name: tables[name] for name in SCHEMA if name in tables}, ledger)


# ---------------------------------------------------------------- one source: from files to cells
class _Sheet:
    """The rows of one source under examination: `cells` (canonical columns), and what was decided about each row."""

    def __init__(self, client: Client, name: str, source: Source):
        self.name, self.source, self.folder = name, source, f"data/{client.folder.name}"
        self.by_line = name == "orders" and source.grain == "line"
        self.files: list[RawFile] = reading.read_files(client.folder, source, _wanted(name, source))
        self.file = np.repeat(np.arange(len(self.files)), [raw.rows for raw in self.files])
        self.row = np.concatenate([np.arange(raw.rows) for raw in self.files])
        self.columns: dict[str, list[Column | None]] = {}  # of each file, None where it has no such column
        self.headers: dict[str, str] = {}
        self.cells = pd.DataFrame(index=range(len(self.row)))
        self.bad: dict[str, np.ndarray] = {}
        self.reason = np.full(len(self.row), -1)
        self.reasons: list[str] = []
        self.remarks: list[tuple[str, str, np.ndarray, str]] = []

    @property
    def kept(self) -> np.ndarray:
        return self.reason < 0

    def having(self, index: pd.Index) -> np.ndarray:
        """The rows with these labels of `cells`."""
        return self.cells.index.isin(index)

    def where(self, column: str) -> str:
        return f"{self.folder}/{', '.join(raw.name for raw in self.files)}, column '{self.headers[column]}'"

    def set_aside(self, reason: str, rows: np.ndarray) -> None:
        """Give rows a reason; the first one a row is given counts."""
        self.reasons.append(reason)
        self.reason[rows & self.kept] = len(self.reasons) - 1

    def remark(self, check: str, action: str, rows: np.ndarray, *, of: str = "kept") -> None:
        """"changed" or "flagged": said of those of the rows that are kept in the end, or of "all" rows read."""
        self.remarks.append((check, action, rows, of))

    def entries(self) -> list[dict]:
        """The ledger's rows. A reason that the settings declare is shown even if no row has it."""
        masks = [("all rows", "read", np.ones(len(self.row), bool)), ("all rows", "kept", self.kept)]
        masks += [(reason, "set aside", self.reason == code) for code, reason in enumerate(self.reasons)]
        masks += [(check, action, rows & self.kept if of == "kept" else rows)
                  for check, action, rows, of in self.remarks]
        amount = self.cells["amount"].fillna(0).to_numpy() if self.name in MONEY and "amount" in self.cells else None
        entries = []
        for number, raw in enumerate(self.files):
            for check, action, rows in masks:
                rows = rows & (self.file == number)
                if rows.any() or action in ("read", "kept") or check in self.source.set_aside:
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
            if column.endswith("_id"):  # ids stay out of what is printed: 6.90123E+17 becomes 6.9...E+17
                value = re.sub(r"(?i)(\d(?:\.\d)?)\d*(?=E\+)", r"\1...", value)
            more = f" ({count(len(found) - 1, 'more row')} like it)" if len(found) > 1 else ""
            raise UserError(f"{self.folder}/{raw.name}, row {raw.first_row + row}, column '{self.headers[column]}': "
                            f"'{value[:60]}' {problem}{more}. {remedy}")


def _wanted(name: str, source: Source) -> reading.Wanted:
    """Which of the export's columns are used: those that bear a name of ours, or one that the settings say."""
    rules = [*source.set_aside.values(), *source.flag.values(), *([source.refunds] if source.refunds else [])]
    given = [*source.columns.values(), *(rule.column for rule in rules), source.less]
    ours = {_loose(one) for one in (*SCHEMA[name], *FURTHER, *(header for headers in given for header in headers))}
    return lambda header: _loose(header) in ours or _loose(header).startswith("driver_")


def _read(client: Client, name: str, source: Source) -> _Sheet:
    """The cells of a source, converted; `bad` marks those that could not be."""
    for reason in source.set_aside:
        if reason.strip().casefold() in WORDS_OF_THE_LEDGER:
            raise UserError(f"data/{client.folder.name}/client.yml: sources.{name}.set_aside has a rule '{reason}', "
                            "which is a word of the ledger's own. Give the rule another name.")
    sheet = _Sheet(client, name, source)
    if not len(sheet.row):
        raise UserError(f"{sheet.folder}/{sheet.files[0].name} has column names but no rows. Export it again, or take "
                        f"'{name}' out of client.yml.")
    kinds = {column: kind for column, kind in SCHEMA[name].items() if kind != FLAG}
    kinds |= FURTHER if name in ("orders", "lines") else {}
    if name == "survey":
        headers = [_loose(header) for raw in sheet.files for header in raw.headers]
        kinds |= {column: NUMBER for column in [*source.columns, *headers] if column.startswith("driver_")}
    for column in source.columns:
        if column not in kinds:
            raise UserError(f"{sheet.folder}/client.yml: sources.{name}.columns has '{column}', which is no column of "
                            f"{name}.{suggest(column, kinds)} Columns: {', '.join(kinds)}.")
    _find_columns(sheet, kinds)
    for column, kind in kinds.items():
        if column in sheet.columns:
            sheet.cells[column], sheet.bad[column] = _converted(sheet, column, kind, client)
        elif column in SCHEMA[name]:
            sheet.cells[column] = pd.Series(None, index=sheet.cells.index, dtype=kind)
    if name in MONEY:
        sheet.cells["amount"] = _amounts(sheet.cells)
    return sheet


def _find_columns(sheet: _Sheet, kinds: dict[str, str]) -> None:
    """Find each column by name. One that the source needs must be in every file, one that the settings name in one of
    them at least: exports grow columns over the years."""
    given, is_orders = sheet.source.columns, sheet.name == "orders"
    found = {column: [_column(sheet, raw, given.get(column, (column,))) for raw in sheet.files] for column in kinds}
    everywhere = {column for column, those in found.items() if all(those)}
    parts = {"quantity", "unit_price"}  # whose product is the money where there is no amount
    by_parts = "amount" not in given and (parts <= given.keys() or ("amount" not in everywhere and parts <= everywhere))
    needed = set(REQUIRED[sheet.name])
    if is_orders:
        needed |= {"customer_id", *(parts if by_parts else ["amount"]), *(["order_id"] if sheet.by_line else [])}
    # a column that happens to be called "refunded" may say yes or no: only the settings can have it taken off
    unused = {"amount" if by_parts else "unit_price"} | ({"refunded"} - given.keys())
    for column, those in found.items():
        lacking = [raw for raw, one in zip(sheet.files, those, strict=True) if one is None]
        if lacking and (column in needed or (column in given and not any(those))):
            more = " Or give quantity and unit_price." if is_orders and column == "amount" else ""
            more += f" {NOBODY}" if is_orders and column == "customer_id" else ""
            setting = f"sources.{sheet.name}.columns.{column}"
            _stop_lacking(sheet, lacking[0], given.get(column, (column,))[0], setting, more)
        if any(those) and column not in unused:
            sheet.columns[column], sheet.headers[column] = those, given.get(column, (column,))[0]


def _column(sheet: _Sheet, raw: RawFile, names: tuple[str, ...]) -> Column | None:
    header = next((name for name in names if _loose(name) in map(_loose, raw.headers)), names[0])
    found = [i for i, name in enumerate(raw.headers) if name.strip() == header.strip()]
    found = found or [i for i, name in enumerate(raw.headers) if _loose(name) == _loose(header)]
    if len(found) > 1:
        raise UserError(f"{sheet.folder}/{raw.name} has {len(found)} columns named '{header}' (the "
                        f"{', '.join(f'{i + 1}.' for i in found)}). Rename the one to be read, in a copy of the file.")
    return raw.columns[found[0]] if found else None


def _loose(header: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", header).replace("\ufeff", "").casefold().split())


def _stop_lacking(sheet: _Sheet, raw: RawFile, header: str, setting: str, more: str = "") -> None:
    there = ", ".join(name for name in raw.headers if name)
    raise UserError(f"{sheet.folder}/{raw.name} has no column '{header}'.{suggest(header, raw.headers)} Say in "
                    f"client.yml what it is called ({setting}).{more} Columns there: {there[:900]}.")


def _converted(sheet: _Sheet, column: str, kind: str, client: Client) -> tuple[pd.Series, np.ndarray]:
    """One canonical column over all files, and its bad cells."""
    source, where = sheet.source, sheet.where(column)
    there = [one for one in sheet.columns[column] if one is not None]
    if kind == TIME:
        values = meaning.moments(there, source.dates, (source.time_zone or client.time_zone, client.time_zone), where)
    elif kind == NUMBER:
        money = client.currency if column in ("amount", "unit_price", "refunded") else ""
        values = meaning.numbers(there, source.decimal, where, currency=money)
    else:  # guests have the id 0 in some shops
        nothing = frozenset(["0"] if column == "customer_id" else [])
        values = [meaning.names(one, is_id=column.endswith("_id"), nothing=nothing) for one in there]
    known = iter(values)
    parts = [next(known) if one is not None else
             Values(pd.Series(None, index=range(raw.rows), dtype=kind), np.zeros(raw.rows, bool))
             for raw, one in zip(sheet.files, sheet.columns[column], strict=True)]
    return pd.concat([part.values for part in parts], ignore_index=True), np.concatenate([part.bad for part in parts])


def _amounts(cells: pd.DataFrame) -> pd.Series:
    """The money of each row, less what the row itself says was refunded."""
    amount = cells["quantity"] * cells["unit_price"] if "unit_price" in cells else cells["amount"]
    return (amount - cells["refunded"].abs().fillna(0) if "refunded" in cells else amount).round(6)


# ---------------------------------------------------------------- which rows count
def _judge(sheet: _Sheet) -> None:
    """Decide about each row: first what the settings say, then what is blank, then what stands there twice."""
    cells, source = sheet.cells, sheet.source
    sheet.set_aside("blank row", np.concatenate([raw.blank for raw in sheet.files]))
    for reason, rule in source.set_aside.items():
        sheet.set_aside(reason, _matching(sheet, rule))
    _stop_at_bad_cells(sheet)
    if sheet.name == "orders":
        _judge_orders(sheet)
    for column, reason in REQUIRED[sheet.name].items():
        sheet.set_aside(reason, cells[column].isna().to_numpy())
    _judge_copies(sheet)
    if sheet.name in ("members", "assignment"):
        _judge_people(sheet)
    if sheet.name == "points":
        kind = cells["kind"] = cells["kind"].str.lower()
        sheet.stop_at((kind.notna() & ~kind.isin(POINT_KINDS)).to_numpy(), "kind", "is not a kind of points entry",
                      f"Known kinds: {', '.join(POINT_KINDS)}. Rename the others in a copy of the file.")
    if sheet.name == "survey":
        _check_scales(sheet)
    if sheet.name == "orders":
        anonymous = cells["customer_id"].isna().to_numpy()
        if sheet.kept.any() and anonymous[sheet.kept].all():
            raise UserError(f"{sheet.where('customer_id')}: none of the {sheet.kept.sum():,} rows names a customer. "
                            f"{NOBODY}")
        sheet.remark("no customer id", "flagged", anonymous)


def _matching(sheet: _Sheet, rule: Rule) -> np.ndarray:
    """The rows that pass a rule; upper and lower case, and blanks at either end, make no difference."""
    found = [_column(sheet, raw, rule.column) for raw in sheet.files]
    if not any(found):
        _stop_lacking(sheet, sheet.files[0], rule.column[0], f"in a rule of sources.{sheet.name}")
    values = tuple(value.strip().casefold() for value in rule.values)
    tests = {"starts_with": lambda text: text.startswith(values), "equals": lambda text: text in values,
             "contains": lambda text: any(value in text for value in values)}
    passing = []
    for raw, column in zip(sheet.files, found, strict=True):
        distinct = [] if column is None else [tests[rule.test](text.strip().casefold())
                                              for text in column.text.to_pylist()]
        passing.append(np.zeros(raw.rows, bool) if column is None else np.array([*distinct, False])[column.codes])
    return np.concatenate(passing)


def _stop_at_bad_cells(sheet: _Sheet) -> None:
    aside = f"in a copy of the file, or set the row aside in client.yml (sources.{sheet.name}.set_aside)."
    for column, bad in sheet.bad.items():
        kind = sheet.cells[column].dtype.kind
        if kind == "M":
            sheet.stop_at(bad, column, "is not a date that can be read", f"Write it as 2025-03-31 {aside}")
        elif kind == "f":
            sheet.stop_at(bad, column, "is not a number", f"Correct it {aside}")
        else:
            sheet.stop_at(bad, column, "is a number whose last digits a spreadsheet has dropped, so that different ids "
                          "look alike", "Export it again without opening it in a spreadsheet.")
    if sheet.name in MONEY:
        sheet.stop_at((sheet.cells["amount"].abs() >= TOO_MUCH).to_numpy(),
                      "amount" if "amount" in sheet.headers else "unit_price", "is too large for money",
                      f"Check which column is the amount, or correct it {aside}")


def _judge_orders(sheet: _Sheet) -> None:
    """Refunds, what a line takes from its order, and what was given away."""
    cells = sheet.cells
    refund = _matching(sheet, sheet.source.refunds) if sheet.source.refunds else np.zeros(len(cells), bool)
    turned = refund & (cells["amount"] > 0).to_numpy()
    cells["amount"] = cells["amount"].mask(turned, -cells["amount"])
    sheet.remark("refund written as a positive amount", "changed", turned)
    if "refunded" in cells:
        sheet.remark("refunded part taken off the order", "changed", cells["refunded"].fillna(0).ne(0).to_numpy())
    if "order_id" in sheet.columns:
        sheet.set_aside("no order number", cells["order_id"].isna().to_numpy())
    if sheet.by_line:
        _fill_from_other_lines(sheet)
        free = ((cells["amount"] == 0) & cells["customer_id"].isna()).to_numpy()
        negative = cells["quantity"].lt(0).to_numpy() if "quantity" in cells else np.zeros(len(cells), bool)
        sheet.set_aside("stock write-offs", free & negative)
        sheet.set_aside("no charge", free)
        sheet.remark("no charge, customer known", "flagged", cells["amount"].eq(0).to_numpy())
        cells["is_refund"] = refund
    else:
        sheet.set_aside("no amount", cells["amount"].isna().to_numpy())
        cells["is_refund"] = refund | (cells["amount"] < 0).to_numpy()
        sheet.remark("refund", "flagged", cells["is_refund"].to_numpy())


def _fill_from_other_lines(sheet: _Sheet) -> None:
    """Some exports give customer and date only on an order's first line: the other lines take them from there."""
    cells, order = sheet.cells, _codes([sheet.cells["order_id"]])
    for column in ("customer_id", "ordered_at"):
        known = pd.DataFrame({"order": order, column: cells[column]})[sheet.kept & cells[column].notna().to_numpy()]
        if column == "customer_id":  # an order number with several customers tells nothing of the other lines
            known = known.drop_duplicates()
            shared = known["order"].duplicated(keep=False)
            sheet.remark("one order number, several customers", "flagged",
                         pd.Series(order).isin(known["order"][shared]).to_numpy())
            known = known[~shared]
        first = known.sort_values(column).drop_duplicates("order").set_index("order")[column]
        found = first.reindex(order).set_axis(cells.index)
        sheet.remark(f"{'customer' if column == 'customer_id' else 'date'} taken from another line of the order",
                     "changed", (cells[column].isna() & found.notna()).to_numpy() & sheet.kept)
        cells[column] = cells[column].where(cells[column].notna() | ~sheet.kept, found)
    priced = pd.Series(order).isin(order[sheet.kept & cells["amount"].notna().to_numpy()]).to_numpy()
    sheet.set_aside("no amount", cells["amount"].isna().to_numpy() & ~priced)


def _judge_copies(sheet: _Sheet) -> None:
    """Rows that stand in a file more than once, and rows that stand in several files.

    Within a file a copy equals another row in every cell; of an order at order grain, in every cell that is used. A row
    that stands in k files counts as often as in the one that has it most: exports overlap.
    """
    cells, drop = sheet.cells, (sheet.source.duplicates or ("keep" if sheet.by_line else "drop")) == "drop"
    if sheet.name in ("members", "assignment"):
        return  # judged by person
    by_id = sheet.name == "orders" and not sheet.by_line and "order_id" in sheet.columns
    used = _codes([cells[column] for column in cells])
    whole = used if by_id else np.concatenate([raw.whole for raw in sheet.files])
    comparable = sheet.kept if drop else sheet.reason != sheet.reasons.index("blank row")
    if sheet.name == "survey":  # two people without a name may well give the same answers on the same day
        timed = cells["answered_at"].ne(cells["answered_at"].dt.normalize()) & cells["answered_at"].notna()
        comparable = comparable & (cells["customer_id"].notna() | timed).to_numpy()
    rows = pd.DataFrame({"file": sheet.file, "used": used, "whole": whole})[comparable]
    copies = sheet.having(rows.index[rows.duplicated(["file", "whole"])])
    if drop:
        sheet.set_aside("exact duplicate", copies)
    else:
        sheet.remark("exact duplicate", "flagged", copies, of="all")
    if len(sheet.files) > 1:
        rows = rows[sheet.kept[rows.index]]
        rows = rows.assign(copy=rows.groupby(["file", "used"]).cumcount())
        sheet.set_aside("overlap with another file", sheet.having(rows.index[rows.duplicated(["used", "copy"])]))
    if by_id:
        orders = cells.loc[sheet.kept & ~cells["is_refund"].to_numpy(), "order_id"]
        sheet.remark("order number again, with other content", "flagged",
                     sheet.having(orders.index[orders.duplicated(keep=False)]))


def _codes(columns: list[pd.Series | np.ndarray]) -> np.ndarray:
    """One whole number per row, the same for rows that agree in all columns."""
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes = pd.factorize(column)[0] + 1
        key = pd.factorize(key * (codes.max(initial=0) + 1) + codes)[0]
    return key


def _judge_people(sheet: _Sheet) -> None:
    """One row per customer: of members the first to join. Nobody can have been drawn for two arms."""
    order = "joined_at" if sheet.name == "members" else "assigned_at"
    rows = sheet.cells[sheet.kept].sort_values([order, *(column for column in sheet.cells if column != order)])
    if sheet.name == "assignment":
        other = rows["arm"] != rows.groupby("customer_id")["arm"].transform("first")
        sheet.stop_at(sheet.having(rows.index[other]), "arm", "contradicts another row of the same customer",
                      "Find out which arm is true, and remove the other row in a copy of the file.")
    else:
        sheet.remark("no join date", "flagged", sheet.cells["joined_at"].isna().to_numpy())
    sheet.set_aside("duplicate member" if sheet.name == "members" else "duplicate customer",
                    sheet.having(rows.index[rows["customer_id"].duplicated()]))


def _check_scales(sheet: _Sheet) -> None:
    answers = [column for column in sheet.cells if sheet.cells[column].dtype.kind == "f"]
    asked = [column for column in answers if column in sheet.columns]
    if not asked:
        raise UserError(f"{sheet.folder}/{sheet.files[0].name} has no column of answers. Say in client.yml which is "
                        "nps, csat, ces or driver_... (sources.survey.columns), or take 'survey' out of it.")
    scales = {"nps": (0.0, 10.0)} | sheet.source.scale
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


# ---------------------------------------------------------------- from cells to canonical tables
def _orders_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Orders from their lines: the sum of the amounts, the earliest time, the category and channel with most money.

    Refunds by rule are orders of their own even where they bear the number of a purchase. Other negative lines net
    against their order. An order of which no line has a positive amount is no purchase: `is_refund` is true.
    """
    lines = lines.assign(order=_codes([lines[name] for name in ("order_id", "customer_id", "is_refund")]),
                         micro=np.rint(lines["amount"].fillna(0) * MICRO).astype("int64"))
    each = lines.groupby("order")
    orders = lines.drop_duplicates("order").set_index("order").sort_index()
    return orders.assign(
        ordered_at=each["ordered_at"].min(),
        amount=each["micro"].sum() / MICRO,
        is_refund=orders["is_refund"] | (each["micro"].max() <= 0),
        rating=each["rating"].mean(),
        **{name: _with_most_money(lines, name) for name in ("channel", "category")})


def _with_most_money(lines: pd.DataFrame, name: str) -> pd.Series:
    """For each order the label on which most was spent; of equals the first by name."""
    sums = lines[lines[name].notna()].groupby(["order", name])["micro"].sum().abs().reset_index()
    best = sums.sort_values(["order", "micro", name], ascending=[True, False, True]).drop_duplicates("order")
    return best.set_index("order")[name].reindex(lines["order"].unique())


def _canonical(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Exactly the columns and types of SCHEMA, sorted by time first where there is one (lines by order)."""
    kinds = SCHEMA[name] | {column: NUMBER for column in frame if column.startswith("driver_")}
    frame = pd.DataFrame({column: frame[column] if column in frame else pd.Series(index=frame.index, dtype=kind)
                          for column, kind in kinds.items()}).astype(kinds)
    times = [column for column, kind in kinds.items() if kind == TIME]
    frame = frame.sort_values([*times[:1], *(column for column in frame if column not in times[:1])],
                              ignore_index=True, kind="stable")
    if name == "orders" and frame["order_id"].isna().all():  # the export has no order numbers: each row is an order
        frame["order_id"] = pd.Series(range(1, len(frame) + 1)).astype(TEXT)
    return frame
