"""Exports -> canonical tables, with a ledger that accounts for every row and every unit of money.

The rule: rows read = rows kept + rows set aside, by reason and file; money likewise. Nothing is dropped in silence,
nothing is guessed: what cannot be understood stops with the file, the row, the column, the value and what to do.
Nothing is written here, and the raw files are only read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from loyalty_helpers import people, privacy, sheets, themes
from loyalty_helpers.client import Client
from loyalty_helpers.core.columns import AMOUNTS, MAY_BE_EMPTY, NUMBER, SCHEMA, TEXT, TIME, described, is_kept
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import count
from loyalty_helpers.source_columns import NOBODY
from loyalty_helpers.source_copies import codes, in_order
from loyalty_helpers.source_stages import Converted

MICRO = 1_000_000  # money of an order is added up in whole millionths: exact, whatever the order of the rows


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
    """The canonical tables that the client has, by name, and the ledger of how they came about.

    `recognised` tells how customers were recognised across files (see `people.recognise`; empty where ids sufficed),
    `columns` which column of the files was read as what: source, header, column; `unread` counts the others.
    Customers bear pseudonyms in `tables` (see privacy.py); `ids` has customer_id (the pseudonym) and id, their own.
    """

    tables: dict[str, pd.DataFrame]
    ledger: Ledger
    recognised: pd.DataFrame = field(default_factory=pd.DataFrame)
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)
    ids: pd.DataFrame = field(default_factory=privacy.NO_IDS.copy)
    unread: int = 0


def prepare(client: Client) -> Prepared:
    """Read all that the settings name and make the canonical tables: pure reading, nothing is written.

    Frames are as in SCHEMA, sorted, the same for any order of rows in the files; times are naive, in the client's time
    zone. `lines` comes from a source of its own, or from orders at line grain. A survey with comments, or questions
    with several answers, also gives `themes` and `choices` (`themes.table`, `themes.choices_table`). Raises UserError
    for anything that cannot be read or understood.
    """
    read = [sheets.read(client, name, source) for name, several in client.sources.items() for source in several]
    cells, recognised = people.recognise([sheet.cells for sheet in read])
    read = [replace(sheet, cells=own) for sheet, own in zip(read, cells, strict=True)]
    del cells  # what is not needed any more makes room: ten million lines are a gigabyte
    columns = pd.DataFrame([(sheet.name, header, column) for sheet in read for column, header in sheet.headers.items()],
                           columns=["source", "header", "column"], dtype=TEXT).drop_duplicates(ignore_index=True)
    unread = {(sheet.name, header) for sheet in read for raw in sheet.files
              for header, column in zip(raw.headers, raw.columns, strict=True) if column is None}
    parts: dict[str, list[pd.DataFrame]] = {}
    ledger = Ledger()
    members: set[str] = set()
    read.sort(key=lambda sheet: (list(client.sources).index(sheet.name), _undated(sheet)))
    while read:
        sheet = sheets.judge(sheets.price(read.pop(0)))
        if sheet.name == "members":  # who stands in several lists counts once, with the date of joining if one has it
            sheet = sheet.set_aside("duplicate member", sheet.cells["customer_id"].isin(members).to_numpy())
            members |= set(sheet.cells["customer_id"][sheet.kept])
        ledger = Ledger((*ledger.entries, *sheet.entries()))
        kept = sheet.cells.drop(columns={*AMOUNTS} - {"amount"}, errors="ignore")[sheet.kept].reset_index(drop=True)
        if kept.empty and sheet.name not in MAY_BE_EMPTY:
            raise UserError(f"Nothing is left of the {sheet.name}: {ledger.sentence(sheet.name)} "
                            "Check set_aside and columns in client.yml, and the files.")
        name, by_line = sheet.name, sheet.by_line
        del sheet
        if by_line:
            if "lines" not in client.sources:  # which, given, are the same lines again
                parts.setdefault("lines", []).append(_lines_of(kept))
            kept = _orders_of(kept)
        parts.setdefault(name, []).append(kept)
        del kept
    ledger.check()
    _need_customers(parts["orders"], ledger, client)
    survey = parts.get("survey", [])
    tables = {name: _canonical(name, parts.pop(name)) for name in SCHEMA if name in parts}
    guarded, ids = privacy.guarded(tables, client)
    return Prepared(guarded | _said(survey, client), ledger, recognised, columns, ids, len(unread))


def _undated(sheet: Converted) -> float:
    """The share of rows without a date of joining: lists of members that have them come first."""
    return sheet.cells["joined_at"].isna().mean() if sheet.name == "members" else 0.0


def _need_customers(orders: list[pd.DataFrame], ledger: Ledger, client: Client) -> None:
    if all(frame["customer_id"].isna().all() for frame in orders):
        kept = [one for one in ledger.entries if one["source"] == "orders" and one["action"] == "kept"]
        raise UserError(f"data/{client.folder.name}/{', '.join(one['file'] for one in kept)}: none of the "
                        f"{sum(one['rows'] for one in kept):,} rows names a customer. {NOBODY}")


def _said(surveys: list[pd.DataFrame], client: Client) -> dict[str, pd.DataFrame]:
    """Counts of what comments mention, and of what was chosen among several answers: the texts go no further."""
    if not surveys:
        return {}
    survey = pd.concat(surveys, ignore_index=True)
    counted = {"themes": themes.table(survey, client), "choices": themes.choices_table(survey)}
    return {name: frame for name, frame in counted.items() if len(frame)}


# ---------------------------------------------------------------- from cells to canonical tables
def _lines_of(lines: pd.DataFrame) -> pd.DataFrame:
    lines = lines.assign(amount=lines["line_amount"]) if "line_amount" in lines else lines
    return lines[[column for column in SCHEMA["lines"] if column in lines]]


def _orders_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Orders from their lines: the sum of the amounts, the earliest time, the category and channel with most money.

    Refunds by rule are orders of their own even where they bear the number of a purchase. Other negative lines net
    against their order. An order that comes to nothing or less (voided, given back) is no purchase: `is_refund` is
    true.
    """
    lines = lines.assign(order=codes([lines[name] for name in ("order_id", "customer_id", "is_refund")]),
                         micro=np.rint(lines["amount"].fillna(0) * MICRO).astype("int64"))
    each = lines.groupby("order")
    orders = lines.drop_duplicates("order").set_index("order").sort_index()
    return orders.assign(
        ordered_at=each["ordered_at"].min(),
        amount=each["micro"].sum() / MICRO,
        is_refund=orders["is_refund"] | (each["micro"].sum() <= 0),
        rating=each["rating"].mean(),
        **{name: _with_most_money(lines, name) for name in ("channel", "category")})


def _with_most_money(lines: pd.DataFrame, name: str) -> pd.Series:
    """For each order with a label the one on which most was spent; of equals the first by name."""
    place, labels = pd.factorize(lines[name], sort=True)
    known = place >= 0
    both = (lines["order"].to_numpy() * len(labels) + place)[known]
    del place  # of ten million lines each such column is 80 MB
    sums = _sums(lines["micro"].to_numpy()[known], both).abs()
    del both, known
    order, place = np.divmod(sums.index.to_numpy(), max(len(labels), 1))
    most = sums.to_numpy() == sums.groupby(order).transform("max").to_numpy()
    best = pd.Series(place[most], index=order[most])
    best = best[~best.index.duplicated()]
    return pd.Series(labels.take(best.to_numpy()).astype(TEXT), index=best.index)


def _sums(amount: np.ndarray, by: np.ndarray) -> pd.Series:
    """The sum for each whole number in `by`, in their order. Sorting takes less memory than a table of them, and little
    time, for lines of one order stand together."""
    place = np.argsort(by, kind="stable")
    amount, by = amount[place], by[place]
    first = np.flatnonzero(np.diff(by, prepend=by[:1] - 1))
    return pd.Series(np.add.reduceat(amount, first) if len(first) else amount, index=by[first])


def _canonical(name: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Exactly the columns and types of SCHEMA, sorted by time first where there is one (lines by order)."""
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    kinds = SCHEMA[name] | {column: described(column).kind for column in frame
                            if column not in SCHEMA[name] and is_kept(column, name)}
    frame = pd.DataFrame({column: frame[column] if column in frame else pd.Series(index=frame.index, dtype=kind)
                          for column, kind in kinds.items()}).astype(kinds)
    times = [column for column, kind in kinds.items() if kind == TIME]
    frame = in_order(frame, [*times[:1], *(column for column in frame if column not in times[:1])])
    if name == "orders" and frame["order_id"].isna().all():  # the export has no order numbers: each row is an order
        frame["order_id"] = pd.Series(range(1, len(frame) + 1)).astype(TEXT)
    return frame
