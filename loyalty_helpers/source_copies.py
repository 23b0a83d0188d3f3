"""Rows of a source that stand there more than once, within a file or in several."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from loyalty_helpers.core.columns import FIRST_BY, TEXT
from loyalty_helpers.source_stages import Priced

APART = "one order number, rows of another day or file"


def judge_copies(sheet: Priced) -> Priced:
    """Rows that stand in a file more than once, and rows that stand in several files.

    Within a file a copy equals another row in every cell; of an order at order grain, in every cell that is used. A row
    that stands in k files counts as often as in the one that has it most: exports overlap. What is left of an order
    that two files have at the same moment with different content is two states of it: the later file's counts.
    """
    cells, drop = sheet.cells, (sheet.source.duplicates or ("keep" if sheet.by_line else "drop")) == "drop"
    if sheet.name in FIRST_BY:
        return sheet  # judged by person
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
        sheet = sheet.set_aside("exact duplicate", copies)
    else:
        sheet = sheet.remark("exact duplicate", "flagged", copies, of="all")
    if several:
        states = _earlier_states(sheet, used) if "order_id" in sheet.columns and sheet.name == "orders" else None
        rows = rows[sheet.kept[rows.index]]
        rows = rows.assign(copy=rows.groupby(["file", "used"]).cumcount())
        sheet = sheet.set_aside("overlap with another file",
                                sheet.having(rows.index[rows.duplicated(["used", "copy"])]))
        if states is not None:
            sheet = sheet.set_aside("earlier state of an order in another file", states)
    if sheet.by_line:
        sheet = sheet.remark(APART, "flagged", _apart(sheet))
    if by_id:
        orders = cells.loc[sheet.kept & ~cells["is_refund"].to_numpy(), "order_id"]
        sheet = sheet.remark("order number again, with other content", "flagged",
                             sheet.having(orders.index[orders.duplicated(keep=False)]))
    return sheet


def _apart(sheet: Priced) -> np.ndarray:
    """Rows of purchases by line that bear one order number and stand in several files, or more than a day apart."""
    counted = sheet.kept & ~sheet.cells["is_refund"].to_numpy()
    order = pd.Series(sheet.order_codes)[counted]
    when, file = sheet.cells["ordered_at"][counted].groupby(order), pd.Series(sheet.file)[counted].groupby(order)
    apart = (when.transform("max") - when.transform("min") > pd.Timedelta(days=1)) | (file.transform("nunique") > 1)
    return sheet.having(apart.index[apart])


def _earlier_states(sheet: Priced, used: np.ndarray) -> np.ndarray:
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
