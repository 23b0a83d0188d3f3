"""The stages that one source of a client goes through: Read, Converted, Priced, Judged.

Each is a value that carries what the last one had and is never changed: a step takes one and gives the next. Every
decision about a row leaves a word for the ledger.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd

from loyalty_helpers.client import Client, Source
from loyalty_helpers.core.columns import MONEY
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import count
from loyalty_helpers.reading import Column, RawFile

Later = TypeVar("Later", bound="Read")


@dataclass(frozen=True, eq=False)
class Read:
    """The files of a source as they stand; `file` and `row` say for each row in which file it stands, and where."""

    client: Client
    name: str
    source: Source
    files: tuple[RawFile, ...]
    file: np.ndarray
    row: np.ndarray

    @property
    def folder(self) -> str:
        return f"data/{self.client.folder.name}"

    @property
    def by_line(self) -> bool:
        """Whether each row is a line of an order, so that an order may have several."""
        return self.name == "orders" and self.source.grain == "line"

    def where(self, header: str) -> str:
        return f"{self.folder}/{', '.join(raw.name for raw in self.files)}, column '{header}'"

    def becomes(self, stage: type[Later], **more: Any) -> Later:
        """The next stage: what this one has, and more."""
        return stage(**({one.name: getattr(self, one.name) for one in fields(self)} | more))

    def by_file(self, those: list[Column | None], masks: list[np.ndarray]) -> np.ndarray:
        """One mask over all files from one for each file that has the column."""
        known = iter(masks)
        return np.concatenate([np.zeros(raw.rows, bool) if one is None else next(known)
                               for raw, one in zip(self.files, those, strict=True)])


@dataclass(frozen=True, eq=False)
class Converted(Read):
    """The cells of all files under our names, in our types; `bad` marks those that could not be understood.

    `columns` has the column of each file, None where it has none, `headers` what the files call it. `order_codes` are a
    whole number for each order, 0 for rows without a number; `gives_order_fields_once` says whether what concerns a
    whole order stands on its first row only. Rows count until they are given a reason (`reason`, a place in `reasons`).
    `remarks` are (check, "changed" or "flagged", rows, of the "kept" or of "all" rows). `money_of` is a whole number
    for the rows that share one total, where totals are given.
    """

    columns: Mapping[str, list[Column | None]]
    headers: Mapping[str, str]
    cells: pd.DataFrame
    bad: Mapping[str, np.ndarray]
    order_codes: np.ndarray
    reason: np.ndarray
    gives_order_fields_once: bool = False
    reasons: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str, np.ndarray, str], ...] = ()
    money_of: np.ndarray | None = None

    @property
    def kept(self) -> np.ndarray:
        return self.reason < 0

    def having(self, index: pd.Index) -> np.ndarray:
        """The rows with these labels of `cells`."""
        return self.cells.index.isin(index)

    def with_cells(self, **cells: Any) -> Self:
        return replace(self, cells=self.cells.assign(**cells))

    def set_aside(self, reason: str, rows: np.ndarray) -> Self:
        """Give rows a reason; the first one a row is given counts."""
        reasons = self.reasons if reason in self.reasons else (*self.reasons, reason)
        code = np.int32(reasons.index(reason))
        return replace(self, reasons=reasons, reason=np.where(rows & self.kept, code, self.reason))

    def remark(self, check: str, action: str, rows: np.ndarray, *, of: str = "kept") -> Self:
        """"changed" or "flagged": said of those of the rows that are kept in the end, or of "all" rows read."""
        return replace(self, remarks=(*self.remarks, (check, action, rows, of)))

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


@dataclass(frozen=True, eq=False)
class Priced(Converted):
    """The same once the settings have set rows aside, every cell of the others can be read, and `amount` is what each
    row brought in the client's currency."""


@dataclass(frozen=True, eq=False)
class Judged(Priced):
    """The same once it is decided which rows count."""

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
