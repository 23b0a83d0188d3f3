"""The money of each row of a source: less what the row itself says was refunded, each order's total once, in the
client's currency."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from loyalty_helpers.cells_numbers import currency_of
from loyalty_helpers.core.columns import AMOUNTS, MOMENT, NUMBER
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import count
from loyalty_helpers.source_columns import column_named, names_each_currency, stop_lacking, understood
from loyalty_helpers.source_copies import codes
from loyalty_helpers.source_rules import matching
from loyalty_helpers.source_stages import Converted


def amounts(sheet: Converted) -> Converted:
    """The money of each row, less what the row itself says was refunded or is not to count.

    Where the order's total is given, it stands on the first row of the order (of a file), and the other rows have none:
    `line_amount` keeps the money of each line, and `money_of` says which rows share a total.
    """
    sheet, less = _less(sheet)
    cells, nil = sheet.cells, 0.0
    line = cells["quantity"] * cells["unit_price"] if "unit_price" in cells else cells["amount"]
    if "order_total" not in cells:
        refunded = cells["refunded"].abs().fillna(nil) if "refunded" in cells else nil
        # tax given back makes a refund smaller
        return sheet.with_cells(amount=(line - refunded - less * np.sign(line)).round(6))
    order = codes([sheet.file, sheet.order_codes, matching(sheet, sheet.source.refunds)])
    total = cells.groupby(order)["order_total"]
    differ = total.transform("nunique").gt(1).to_numpy()
    total = total.transform("first")
    back = _of_the_order(cells["order_refunded"].abs(), order) if "order_refunded" in cells else nil
    first = ~pd.Series(order).duplicated().to_numpy()
    net = total - back - _of_the_order(less.replace(nil, np.nan), order) * np.sign(total)
    sheet = sheet.remark("order totals that differ within the order", "flagged", differ)
    return replace(sheet, money_of=order).with_cells(
        line_amount=line.round(6), amount=net.round(6).where(first | total.isna(), nil))


def _of_the_order(money: pd.Series, order: np.ndarray) -> pd.Series:
    """What an order's rows say of the whole order: one figure, repeated or given once; different ones are its parts."""
    each = money.groupby(order)
    return each.transform("first").where(each.transform("nunique") <= 1, each.transform("sum")).fillna(0.0)


def _less(sheet: Converted) -> tuple[Converted, pd.Series]:
    """The size of the money in the columns that the settings have taken off, from now on columns of the sheet."""
    found, taken = {}, pd.Series(0.0, index=sheet.cells.index)
    for header in sheet.source.less:
        those = [column_named(raw, sheet, (header,)) for raw in sheet.files]
        if not any(those):
            stop_lacking(sheet, sheet.files[0], header, ".less")
        one = understood(sheet, header, those, NUMBER, header=header,
                         each_currency=names_each_currency(sheet.columns))
        whole = sheet.source.hundredths and header not in AMOUNTS  # of which hundredths are made already
        taken += one.values.abs().fillna(0.0) / (100 if whole else 1)
        found[header] = those, one.bad
    more = {"columns": {header: those for header, (those, _) in found.items()},
            "headers": {header: header for header in found}, "bad": {header: bad for header, (_, bad) in found.items()}}
    return replace(sheet, **{name: getattr(sheet, name) | of for name, of in more.items()}), taken


def settle_totals(sheet: Converted) -> Converted:
    """A line that is set aside takes its money along, out of the total of its order."""
    cells, kept = sheet.cells, sheet.kept
    if sheet.money_of is None:
        return sheet
    order = pd.Series(sheet.money_of)
    some_kept = pd.Series(kept).groupby(order).transform("any").to_numpy()
    leaving = some_kept & ~kept
    if not leaving.any():
        return sheet
    total = cells["amount"].groupby(order).transform("sum").to_numpy()
    line = cells["line_amount"].where(leaving, 0.0).fillna(0.0)
    asked = line.groupby(order).transform("sum").to_numpy()
    taken = np.clip(asked, np.minimum(total, 0.0), np.maximum(total, 0.0))  # a discount: no more than there is
    line = line.to_numpy() * np.divide(taken, asked, out=np.ones(len(asked)), where=asked != 0)
    first_kept = kept & ~order.where(kept, -1 - order.index).duplicated().to_numpy()
    touched = pd.Series(leaving).groupby(order).transform("any").to_numpy()
    moved = np.where(leaving, line, np.where(first_kept, total - taken, 0.0))
    return sheet.with_cells(amount=cells["amount"].where(~touched, moved).round(6))


def turn_signs(sheet: Converted) -> Converted:
    """Some tills write sales with a minus: where nearly all amounts are below zero, all change their sign."""
    amount = sheet.cells["amount"]
    signed = amount[amount.notna() & (amount != 0) & sheet.kept]
    # of several sources one may be the file of the refunds
    if len(sheet.client.sources[sheet.name]) > 1 or len(signed) < 20 or (signed < 0).mean() <= 0.8:
        return sheet
    return sheet.with_cells(amount=-amount).remark("sales written with a minus", "changed", np.ones(len(amount), bool))


def in_own_currency(sheet: Converted) -> Converted:
    """All money in the client's currency, by the rates of the settings; a currency without one stops."""
    client, cells = sheet.client, sheet.cells
    if "currency" not in sheet.columns:
        return sheet
    code = cells["currency"].map(lambda sign: currency_of(sign, client.currency), na_action="ignore")
    if sheet.by_line:
        code = code.fillna(code.groupby(sheet.order_codes).transform("first"))
    foreign = (code.notna() & (code != client.currency)).to_numpy() & sheet.kept
    if not foreign.any():
        return sheet
    _stop_without_rate(sheet, code[foreign & ~code.isin(list(client.rates)).to_numpy()])
    factor = np.ones(len(cells))
    for rows, rate in _rates(sheet, code, foreign):
        factor[rows] = rate
    converted = {column: (cells[column] * factor).round(6) for column in ("amount", "line_amount") if column in cells}
    return sheet.with_cells(**converted).remark("other currency, converted", "changed", foreign)


def _rates(sheet: Converted, code: pd.Series, foreign: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """The rows to which each rate applies, later ones over earlier ones; an error for rows from before the first."""
    time = sheet.cells.get(MOMENT.get(sheet.name, "date"))
    for currency, steps in sheet.client.rates.items():
        rows = foreign & (code == currency).to_numpy()
        for day, rate in steps:
            yield (rows if time is None or day.year == 1 else rows & (time >= pd.Timestamp(day)).to_numpy()), rate
        if time is not None and steps[0][0].year > 1:
            early = rows & (time < pd.Timestamp(steps[0][0])).to_numpy()
            sheet.stop_at(early, "currency", f"has no rate before {steps[0][0]}",
                          f"Give an earlier one in client.yml (rates.{currency}).")


def _stop_without_rate(sheet: Converted, unknown: pd.Series) -> None:
    """Stop where there are rows in a currency without a rate."""
    if not len(unknown):
        return
    own, where, first = sheet.client.currency, sheet.where(sheet.headers["currency"]), unknown.iloc[0]
    if len(unknown) == sheet.kept.sum() and unknown.nunique() == 1:
        raise UserError(f"{where}: all amounts are in {first}, and client.yml says currency: {own}. Correct the "
                        f"setting, or give a rate (rates: {{{first}: ...}}).")
    raise UserError(f"{where}: {count(len(unknown), 'row')} in {', '.join(sorted(unknown.unique()))}, which cannot be "
                    f"added to {own}. Give the rate in client.yml (rates: {{{first}: 7.1}} if one {first} is 7.1 "
                    f"{own}), or set these rows aside (set_aside: other currency: {{column: "
                    f"{sheet.headers['currency']}, other_than: {own}}}).")
