"""Chapter 01: what came, what was kept, and what the other chapters read.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import amount, capital, count
from loyalty_helpers.core.purchases import purchases, span
from loyalty_helpers.core.settings import SOURCES, Client, UserError
from loyalty_helpers.customers import tables
from loyalty_helpers.ingest import pseudonyms
from loyalty_helpers.ingest.prepare import Prepared
from loyalty_helpers.report import gate as privacy

Frames = Mapping[str, pd.DataFrame]


def canonical(prepared: Prepared, shop: Client) -> dict[str, pd.DataFrame]:
    """The tables that other chapters read: the canonical ones, and customers and customer_weeks made from orders.

    Weeks count from the launch; without one from the Monday of the first order's week.
    """
    orders = prepared.tables["orders"]
    first = orders["ordered_at"].min().normalize()
    origin = shop.program.launched_on or (first - pd.Timedelta(days=first.weekday())).date()
    made = {
        "customers": tables.customers(orders, as_of=span(orders).end, members=prepared.tables.get("members")),
        "customer_weeks": tables.customer_weeks(orders, origin=origin),
    }
    return prepared.tables | made


def coverage(orders: pd.DataFrame, shop: Client) -> list[str]:
    """Period, orders, customers and revenue in sentences, with what the launch leaves on either side."""
    bought = purchases(orders)
    if bought.empty:
        raise UserError("All rows of the orders are refunds or came to nothing, so nothing was bought. Check the "
                        "column of amounts, its sign, and the rule for refunds in client.yml.")
    first, last = bought["ordered_at"].min(), bought["ordered_at"].max()
    known = bought["customer_id"].notna().mean()
    sentences = [
        f"The orders run from {day(first)} to {day(last)}: {count(len(bought), 'order')} of "
        f"{count(bought['customer_id'].nunique(), 'identified customer')}, "
        f"{amount(orders['amount'].sum(), shop.currency)} net of refunds.",
        f"{capital(amount(known, 'share', digits=0))} of the orders carry a customer id.",
    ]
    sentences = privacy.worded(sentences, shop)
    launch = shop.program.launched_on
    if launch is None:
        return [
            *sentences,
            "No launch date is set, so there is no before and after: customers are described as they are.",
        ]
    weeks = evaluation.weekly(orders, launched_on=launch)["week"]
    before, after = int((weeks < 0).sum()), int((weeks >= 0).sum())
    return [
        *sentences,
        f"The program was launched on {day(pd.Timestamp(launch))}: {count(before, 'whole week')} before it and "
        f"{count(after, 'whole week')} since are in the data.",
    ]


# the sources that a client may go without, in an owner's words
OPTIONAL = {"lines": "order lines", "members": "a list of members", "survey": "a survey", "assignment": "a draw by lot",
            "points": "a ledger of points", "referrals": "referrals", "costs": "a list of costs",
            "opt_outs": "a list of people who must not be contacted"}


def loaded(frames: Frames, shop: Client) -> str:
    """What a chapter reads, in words: how much of it, and which optional tables the client has not."""
    missing = [OPTIONAL[name] for name in SOURCES if name in OPTIONAL and name not in frames]
    (words,) = privacy.worded([f"Read: {count(len(frames['orders']), 'order row')} of "
                               f"{count(len(frames['customers']), 'identified customer')}."], shop)
    return words + (f" Not supplied: {', '.join(missing)} (no report needs any of them)." if missing else "")


def inventory(frames: Frames) -> pd.DataFrame:
    """The tables by name with their rows and columns."""
    rows = [(name, len(frame), ", ".join(frame.columns)) for name, frame in frames.items()]
    return pd.DataFrame(rows, columns=["table", "rows", "columns"])


def field_purposes(prepared: Prepared, shop: Client) -> pd.DataFrame:
    """Every column that is read from the client's files, and what it is used for."""
    rows = [(one.source, one.header, one.column, pseudonyms.purpose(one.column, shop))
            for one in prepared.columns.itertuples()]
    for source, several in shop.sources.items():
        for settings in several:
            refunds = {"refunds": settings.refunds} if settings.refunds else {}
            rules = settings.set_aside | settings.flag | refunds
            rows += [(source, " or ".join(rule.columns), "–", f"which rows are {reason}; not kept")
                     for reason, rule in rules.items()]
            rows += [(source, column, "–", "money taken off the amount; not kept") for column in settings.less]
    table = pd.DataFrame(rows, columns=["source", "column in the file", "read as", "used for"])
    return table.drop_duplicates(ignore_index=True)


def dropped(prepared: Prepared) -> str:
    """How much of the files ends at the door."""
    if not prepared.unread:
        return "The files have no other columns."
    return f"{count(prepared.unread, 'further column')} of the files: not read."


def day(moment: pd.Timestamp) -> str:
    return f"{moment.day} {moment:%B %Y}"
