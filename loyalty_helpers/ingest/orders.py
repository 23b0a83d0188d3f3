"""What an order is, decided once: which rows of the exports are one purchase, and which came to nothing.

It takes the judged sheets of orders and gives each kept row the number of its purchase, an order_id that no other
purchase bears, and the mark of what is none. It never asks: what was decided stands in the ledger, and alerts say it.

Rows are one order where they bear one number of one customer. Where numbers begin anew (each year, each day at a
till, in each shop's file), which shows in numbers that come back under other customers, or in most of them coming
back, a later use of a number is another order, and so is one in another file. Where they do not, it is a part of the
same order, within a quarter of a year. A unique id of the shop's own beside the number settles this beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from loyalty_helpers.core.purchases import DAY
from loyalty_helpers.ingest.source.sheets import AGAIN, ANEW, APART, MICRO, NOTHING, Sheet, codes

MICROS = DAY // pd.Timedelta(microseconds=1)  # of a day
MANY = 3  # numbers that come back, below which it may be chance that most do
ONE_ORDER, ONE_SALE = 91 * MICROS, MICROS // 24  # between rows of an order: in general; where numbers begin anew


def by_unique_id(sheets: Sequence[Sheet]) -> None:
    """Numbers that stand beside several of the shop's unique ids are told apart by these; all others stay.

    Exports by line may give the id on an order's first row only. Ids of the rows, not of the orders (most numbers with
    several bear them for one customer on one day), and ids that a spreadsheet has cut tell nothing.
    """
    known = [sheet for sheet in sheets if "unique_id" in sheet.cells]
    if not known:
        return
    ids = [_filled(sheet) for sheet in known]
    rows = pd.concat([pd.DataFrame({"number": sheet.cells["order_id"], "one": one,
                                    "customer": sheet.cells["customer_id"],
                                    "day": sheet.cells["ordered_at"].dt.normalize()})
                      for sheet, one in zip(known, ids, strict=True)], ignore_index=True)
    pairs = rows.dropna(subset=["number", "one"]).drop_duplicates(["number", "one"])
    shared = pairs[pairs.duplicated("number", keep=False)]
    of_rows = shared.duplicated(["number", "customer", "day"], keep=False)
    numbers = shared["number"].unique() if of_rows.sum() <= len(shared) / 2 else []
    for sheet, one in zip(known, ids, strict=True):
        number = sheet.cells["order_id"]
        apart = number.isin(numbers) & one.notna()
        sheet.cells = sheet.cells.drop(columns="unique_id").assign(
            order_id=number.mask(apart, number + " (" + one + ")"))
        sheet.forget()


def _filled(sheet: Sheet) -> pd.Series:
    ids = sheet.cells["unique_id"].mask(sheet.bad.pop("unique_id"))
    by = codes([sheet.file, sheet.cells["order_id"]])
    return ids.groupby(by).ffill().groupby(by).bfill() if sheet.by_line else ids


def decide(sheets: Sequence[Sheet]) -> None:
    """Write into the cells of the sheets, for kept rows: `purchase`, a whole number for each order (and each refund);
    `order_id`, alone of its kind among purchases; `is_refund`, also true of orders that came to nothing."""
    rows, numbers = _rows(sheets)
    rows["purchase"] = _purchases(rows, apart=ONE_SALE if _begin_anew(rows) else ONE_ORDER)
    each = _each(rows)
    nothing = (~each["refund"] & (each["micro"] + each["back"] <= 0)).to_numpy()
    told = _told(each, numbers)
    is_shared = np.isin(np.arange(len(each)), told.index) & ~each["refund"].to_numpy()
    checks = {AGAIN: each["again"].to_numpy(), APART: each["apart"].to_numpy(), ANEW: is_shared, NOTHING: nothing}
    start = 0
    for sheet in sheets:
        places = np.flatnonzero(sheet.kept)
        purchase = rows["purchase"].to_numpy()[start : start + len(places)]
        start += len(places)
        of_all = np.full(len(sheet.cells), -1)
        of_all[places] = purchase
        sheet.cells["purchase"] = of_all
        for check, of_order in checks.items():
            sheet.remark(check, "flagged", _at(places[of_order[purchase]], len(of_all)))
        sheet.cells["is_refund"] |= _at(places[nothing[purchase]], len(of_all))
        renamed = places[np.isin(purchase, told.index)]
        if len(renamed):
            sheet.cells.loc[renamed, "order_id"] = told.loc[of_all[renamed]].to_numpy()


def _at(places: np.ndarray, n: int) -> np.ndarray:
    mask = np.zeros(n, bool)
    mask[places] = True
    return mask


def _rows(sheets: Sequence[Sheet]) -> tuple[pd.DataFrame, pd.Index]:
    """What decides, of every kept row: number and person as codes (-1 where unknown), file, moment, money; and the
    numbers themselves."""
    parts, files = [], 0
    for sheet in sheets:
        cells = sheet.cells.loc[sheet.kept, ["order_id", "customer_id", "ordered_at", "amount", "is_refund"]]
        parts.append(cells.assign(file=sheet.file[sheet.kept] + files, by_line=sheet.by_line))
        files += len(sheet.files)
    cells = parts[0] if len(parts) == 1 else pd.concat(parts)
    number, numbers = pd.factorize(cells["order_id"])
    return pd.DataFrame({
        "number": number, "person": pd.factorize(cells["customer_id"], sort=True)[0],
        "moment": cells["ordered_at"].to_numpy().astype("datetime64[us]").astype("int64"),
        "micro": np.rint(cells["amount"].fillna(0).to_numpy() * MICRO).astype("int64"),
        "refund": cells["is_refund"].to_numpy(dtype=bool), "file": cells["file"].to_numpy(),
        "by_line": cells["by_line"].to_numpy(dtype=bool)}), numbers


def _begin_anew(rows: pd.DataFrame) -> bool:
    """Whether most numbers that come back after more than a day do so under another customer, or an unknown one; or
    whether most numbers come back at all, be it under the same few customers."""
    by = rows.loc[(rows["number"] >= 0) & ~rows["refund"], ["number", "moment", "person"]].groupby("number", sort=False)
    low, high = by.min(), by.max()
    back = high["moment"] - low["moment"] > MICROS
    other = (low["person"] != high["person"]) | (high["person"] < 0)
    return bool((back & other).sum() > back.sum() / 2 or (back.sum() > len(back) / 2 and back.sum() >= MANY))


def _purchases(rows: pd.DataFrame, *, apart: int) -> np.ndarray:
    """The order (or refund) of each row. Rows without a number, and refunds by order, are each one of their own."""
    key = codes([rows["number"], rows["person"], rows["refund"], *([rows["file"]] if apart == ONE_SALE else [])])
    place = np.lexsort([rows["moment"], key])
    alone = ((rows["number"] < 0) | (rows["refund"] & ~rows["by_line"])).to_numpy()[place]
    waited = np.diff(rows["moment"].to_numpy()[place], prepend=0)
    new = (np.diff(key[place], prepend=-1) != 0) | (waited > apart) | alone
    purchase = np.empty(len(rows), dtype="int64")
    purchase[place] = np.cumsum(new) - 1
    return purchase


def _each(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per order and refund: number, person, refund, start, micro (its money), back (that of refunds that bear
    its number, of the same customer or of nobody known, since), apart (rows of several days or files), again (several
    rows, of a file by order, and not apart)."""
    by = rows.groupby("purchase")
    first = rows.drop_duplicates("purchase").set_index("purchase").sort_index()
    low, high = by[["moment", "file"]].min(), by[["moment", "file"]].max()
    several = by.size() > 1
    apart = ~first["refund"] & ((high["moment"] - low["moment"] > MICROS) | (high["file"] != low["file"]))
    each = first[["number", "person", "refund"]].assign(
        start=low["moment"], micro=by["micro"].sum(), apart=apart,
        again=several & ~first["by_line"] & ~first["refund"] & ~apart)
    return each.assign(of=_given_back(each)).pipe(lambda frame: frame.assign(
        back=frame.loc[frame["of"] >= 0].groupby("of")["micro"].sum().reindex(frame.index, fill_value=0)))


def _given_back(each: pd.DataFrame) -> pd.Series:
    """Of each refund the order that it gives back: the last one before it with its number and customer (any customer
    where it names none); -1 of all others."""
    of = pd.Series(-1, index=each.index)
    numbered = each[each["number"] >= 0].rename_axis("order").reset_index().sort_values("start", kind="stable")
    bought, refunds = numbered[~numbered["refund"]], numbered[numbered["refund"]]
    bought = bought.assign(start=bought["start"] // MICROS * MICROS)  # a refund of the same day may have no time
    refunds = refunds[refunds["number"].isin(bought["number"])]
    for by, some in ((["number", "person"], refunds[refunds["person"] >= 0]),
                     (["number"], refunds[refunds["person"] < 0])):
        if len(some):
            found = pd.merge_asof(some[["order", "start", *by]], bought[["order", "start", *by]], on="start", by=by,
                                  suffixes=("", "_bought"))
            known = found.dropna(subset="order_bought")
            of[known["order"].to_numpy()] = known["order_bought"].to_numpy(dtype="int64")
    return of


def _told(each: pd.DataFrame, numbers: pd.Index) -> pd.Series:
    """The new order_id of each order whose number several bear, and of their refunds: the number with the day."""
    bought = each[~each["refund"] & (each["number"] >= 0)]
    shared = bought[bought["number"].duplicated(keep=False)].sort_values(["number", "start", "person"])
    day = shared["start"].to_numpy().astype("datetime64[us]").astype("datetime64[D]").astype(str)
    again = shared.groupby(["number", day]).cumcount().to_numpy()
    ids = [f"{number} ({date}{f', {k + 1}' if k else ''})"
           for number, date, k in zip(numbers.take(shared["number"]), day, again, strict=True)]
    told = pd.Series(ids, index=shared.index, dtype="str")
    refunds = each.index[each["of"].isin(told.index)]
    return pd.concat([told, told.loc[each.loc[refunds, "of"]].set_axis(refunds)]) if len(refunds) else told
