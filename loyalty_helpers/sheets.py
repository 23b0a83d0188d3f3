"""One source of a client: its cells under their canonical names, and which of its rows count.

The stages are values (source_stages): read, converted, priced, judged; here they are put together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from loyalty_helpers import reading
from loyalty_helpers.client import Client, Source
from loyalty_helpers.core.columns import FIRST_BY, MAY_BE_EMPTY, MONEY, REQUIRED, described
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.source_columns import MASKED, NO_ADDRESS, convert, in_one_spelling, wanted
from loyalty_helpers.source_copies import APART, judge_copies
from loyalty_helpers.source_money import amounts, in_own_currency, settle_totals, turn_signs
from loyalty_helpers.source_rules import (
    LOOKS_LIKE,
    by_settings,
    first_of_order_only,
    judge_orders,
    judge_people,
    judge_points,
    judge_survey,
    matching,
    remark_looks,
    stop_at_bad_cells,
)
from loyalty_helpers.source_stages import Converted, Judged, Priced, Read

WORDS_OF_THE_LEDGER = frozenset([
    "all rows", "read", "kept", "set aside", "changed", "flagged", "blank row", "exact duplicate",
    "overlap with another file", "earlier state of an order in another file", "duplicate member", "duplicate customer",
    "no order number", "no amount", "no charge", "no charge, customer known", "stock write-offs", "refund",
    "refund written as a positive amount", "refunded part taken off the order", "sales written with a minus",
    "no customer id", "no join date", "one order number, several customers", "order number again, with other content",
    "order totals that differ within the order", "customer taken from another line of the order",
    "date taken from another line of the order", APART, MASKED, NO_ADDRESS,
    "other currency, converted", "partly answered", "no question answered", "wave taken from the date",
    "neither date nor wave", *LOOKS_LIKE,
    *(word for words in REQUIRED.values() for word in words.values())])


def read(client: Client, name: str, source: Source) -> Converted:
    """The cells of a source, converted; `bad` marks those that could not be. Nothing is judged yet."""
    for reason in (*source.set_aside, *source.flag):
        if reason.strip().casefold() in WORDS_OF_THE_LEDGER:
            raise UserError(f"data/{client.folder.name}/client.yml: sources.{name} has a rule '{reason}', which is a "
                            "word of the ledger's own. Give the rule another name.")
    files = reading.read_files(client.folder, source, wanted(name, source))
    sheet = Read(client, name, source, tuple(files),
                 np.repeat(np.arange(len(files), dtype=np.int32), [raw.rows for raw in files]),
                 np.concatenate([np.arange(raw.rows, dtype=np.int32) for raw in files]))
    if not len(sheet.row) and name not in MAY_BE_EMPTY:
        raise UserError(f"{sheet.folder}/{files[0].name} has column names but no rows. Export it again, or take "
                        f"'{name}' out of client.yml.")
    converted = convert(sheet)
    labels = [column for column in converted.columns if described(column).holds in ("label", "tier")]
    converted = converted.with_cells(**{column: in_one_spelling(converted.cells[column]) for column in labels})
    return _of_whom(_numbered(_told_apart(converted)))


def _told_apart(sheet: Converted) -> Converted:
    """Order numbers of several shops, and customers' numbers of several platforms, may be the same numbers."""
    cells, shop, changed = sheet.cells, sheet.source.shop, {}
    by_row = cells["shop"] if "shop" in cells and cells["shop"].nunique() > 1 else None
    for column in ("order_id", "customer_id"):
        if column in sheet.columns and (shop or (column == "order_id" and by_row is not None)):
            prefix = shop or by_row.fillna("")
            is_address = cells[column].str.contains("@", regex=False, na=False) & (column == "customer_id")
            changed[column] = cells[column].where(is_address, prefix + " " + cells[column])
    return sheet.with_cells(**changed)


def _numbered(sheet: Converted) -> Converted:
    """With the codes of its orders, where rows of one order are looked at together."""
    if sheet.name != "orders" or not (sheet.by_line or len(sheet.files) > 1):
        return sheet
    order = (pd.factorize(sheet.cells["order_id"])[0] + 1).astype(np.int32)
    has_rules = sheet.by_line and (sheet.source.set_aside or sheet.source.flag or sheet.source.refunds)
    return replace(sheet, order_codes=order, gives_order_fields_once=bool(has_rules) and first_of_order_only(
        sheet, sheet.columns, order))


def _of_whom(sheet: Converted) -> Converted:
    """Payment services write the shop's own address on a refund, and the customer's in another column."""
    cells = sheet.cells
    if "refund_email" in sheet.columns and sheet.source.refunds:
        cells = cells.assign(email=cells["email"].mask(matching(sheet, sheet.source.refunds), cells["refund_email"]))
    return replace(sheet, cells=cells.drop(columns="refund_email", errors="ignore"))


def price(sheet: Converted) -> Priced:
    """What each row brought, and which rows the settings set aside; a cell of the others that cannot be read stops."""
    has_money = sheet.name in MONEY
    if has_money:
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large for money stops a few steps later
            sheet = amounts(sheet)
    sheet = by_settings(sheet)
    stop_at_bad_cells(sheet)
    return (in_own_currency(turn_signs(settle_totals(sheet))) if has_money else sheet).becomes(Priced)


def judge(sheet: Priced) -> Judged:
    """Decide about each row: what is blank, what stands there twice, and what is only remarked upon."""
    sheet = judge_orders(sheet) if sheet.name == "orders" else sheet
    for column, reason in REQUIRED[sheet.name].items():
        sheet = sheet.set_aside(reason, sheet.cells[column].isna().to_numpy())
    sheet = judge_copies(sheet)
    own = judge_people if sheet.name in FIRST_BY else {"points": judge_points, "survey": judge_survey}.get(sheet.name)
    sheet = own(sheet) if own else sheet
    for reason, rule in sheet.source.flag.items():
        sheet = sheet.remark(reason, "flagged", matching(sheet, rule))
    if sheet.name == "orders":
        sheet = remark_looks(sheet).remark("no customer id", "flagged", sheet.cells["customer_id"].isna().to_numpy())
    return sheet.becomes(Judged)
