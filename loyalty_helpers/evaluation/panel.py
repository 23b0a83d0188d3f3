"""Customers by week at the till: who ordered when, who joined when, and the moments at which somebody could join.

Weeks are counted from 0 at the first whole week of the data; the launch is week `launch`. Only weeks with an order or
a refund are held, so that memory follows the orders, not customers times weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.purchases import WEEK, is_purchase, span
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, first_joining, moments

GROUPS, SEED = 40, 20250113  # customers are drawn into so many groups, left out one by one for the standard errors
MOST_CUSTOMERS = 200_000  # of more, so many are drawn
NEVER = np.iinfo(np.int32).max  # the week of joining of those who never did
WARM_UP = 26  # weeks of history that a moment at the till needs
KNOWN_FOR = 13  # weeks for which somebody must have been a customer to be compared
USABLE = "usable"


@dataclass(frozen=True)
class Panel:
    """Weekly orders and spend of identified customers, sparse.

    `ids`, `first`, `joined` and `group` have one entry per customer: `first` is the week of the first order, `joined`
    that of joining (NEVER without; before `launch` for members from before), `group` a random one of GROUPS.
    `customer`, `week` and `orders` have one entry per customer and week with an order or a refund, by customer and
    week. Of more than MOST_CUSTOMERS customers that many are drawn; `not_drawn` has the ids of the others.
    """

    weeks: int
    launch: int
    ids: np.ndarray
    not_drawn: np.ndarray
    first: np.ndarray
    joined: np.ndarray
    group: np.ndarray
    customer: np.ndarray
    week: np.ndarray
    orders: np.ndarray
    cumulated: dict[str, np.ndarray]  # "orders" and "spend" before each entry, and the total last
    mean_amount: float  # of an order, refunds taken off: brings spend to the scale of orders

    @property
    def customers_seen(self) -> int:
        return len(self.ids) + len(self.not_drawn)

    def total(self, customer: np.ndarray, start: np.ndarray, stop: np.ndarray, outcome: str = "orders") -> np.ndarray:
        """Orders (or spend) of each `customer` in the weeks from `start` up to but not including `stop`."""
        span, sums = self.weeks + 1, self.cumulated[outcome]
        keys = self.customer * span + self.week
        ends = [np.searchsorted(keys, customer * span + np.clip(at, 0, self.weeks)) for at in (start, stop)]
        return sums[np.maximum(ends[1], ends[0])] - sums[ends[0]]


def panel(orders: pd.DataFrame, members: pd.DataFrame, *, launched_on: date) -> Panel:
    """Orders and members as a Panel: whole weeks from `launched_on`, anonymous orders left out.

    `orders` needs customer_id, ordered_at (local time) and amount; without is_refund an amount of nothing or less marks
    what is no purchase. `members` needs customer_id and joined_at; of several rows of a
    customer the earliest counts. Spend is net of refunds, in the week of the refund.
    """
    origin = pd.Timestamp(launched_on)
    orders = orders.assign(ordered_at=moments(orders["ordered_at"]))
    begin, end = span(orders)
    before = (origin - begin) // WEEK
    weeks = max(before + (end - origin) // WEEK, 0)
    rows = _named(orders)
    at = ((rows["ordered_at"] - origin) // WEEK + before).to_numpy()
    codes, ids = pd.factorize(rows["customer_id"], sort=True)
    drawn = np.arange(len(ids))
    if len(ids) > MOST_CUSTOMERS:
        drawn = np.sort(np.random.default_rng(SEED).choice(len(ids), MOST_CUSTOMERS, replace=False))
    place = np.full(len(ids), -1)
    place[drawn] = np.arange(len(drawn))
    kept = (place[codes] >= 0) & (at >= 0) & (at < weeks)  # weeks that are not over at either end do not count
    keys, where = np.unique(place[codes[kept]] * (weeks + 1) + at[kept], return_inverse=True)
    made = np.bincount(where, rows["is_order"][kept], minlength=len(keys)).astype(int)
    spent = np.bincount(where, rows["amount"][kept], minlength=len(keys))
    customer, week = keys // (weeks + 1), keys % (weeks + 1)
    first = np.full(len(drawn), weeks)
    np.minimum.at(first, customer[made > 0], week[made > 0])
    joined = (first_joining({"members": members}).set_index("customer_id")["joined_at"] - origin) // WEEK + before
    return Panel(
        weeks=weeks, launch=before, ids=np.asarray(ids)[drawn], not_drawn=np.asarray(ids)[place < 0], first=first,
        joined=joined.reindex(ids[drawn]).fillna(NEVER).to_numpy(dtype=np.int64),
        group=np.random.default_rng(SEED).permutation(len(drawn)) % GROUPS,
        customer=customer, week=week, orders=made,
        cumulated={"orders": np.append(0, made.cumsum()), "spend": np.append(0.0, spent.cumsum())},
        mean_amount=float(spent.sum() / made.sum()) if made.sum() > 0 and spent.sum() > 0 else 1.0,
    )


def _named(orders: pd.DataFrame) -> pd.DataFrame:
    """The rows of identified customers, with `is_order`: whether each is a purchase."""
    rows = orders[orders["customer_id"].notna()]
    return rows.assign(is_order=is_purchase(rows), customer_id=rows["customer_id"].astype("str"))


def trials(panel: Panel) -> pd.DataFrame:
    """One row per customer and week with an order in which the customer could join: not a member before that week.

    Weeks WARM_UP to the last but one; customers who joined before the launch have no rows. Columns: customer, week,
    group; joins (in this very week); post (since the launch); now (orders in the week, at most 3); gap (weeks since
    the order before, at most 26, which also stands for none); c8, c13, c26 (orders in the 8, 13, 26 weeks before);
    te (weeks since the first order); k, e (orders after the first, and weeks, in the 104 weeks before); next (week of
    the next order, NEVER without). By customer and week.
    """
    bought = np.flatnonzero(panel.orders > 0)
    customer, week = panel.customer[bought], panel.week[bought]
    same = customer[1:] == customer[:-1]
    previous = np.append(NEVER, np.where(same, week[:-1], NEVER))[:len(week)]
    following = np.append(np.where(same, week[1:], NEVER), NEVER)[:len(week)]
    joined = panel.joined[customer]
    at = (week >= WARM_UP) & (week <= panel.weeks - 2) & (week <= joined) & (joined >= panel.launch)
    customer, week, joined, previous = customer[at], week[at], joined[at], previous[at]
    since = week - panel.first[customer]
    before = {f"c{reach}": panel.total(customer, week - reach, week) for reach in (8, 13, 26)}
    return pd.DataFrame({
        "customer": customer, "week": week, "group": panel.group[customer], "joins": week == joined,
        "post": week >= panel.launch, "now": np.minimum(panel.orders[bought][at], 3),
        "gap": np.minimum(np.where(previous == NEVER, 26, week - previous), 26), **before, "te": since,
        "k": panel.total(customer, np.maximum(panel.first[customer] + 1, week - 104), week),
        "e": np.clip(since - 1, 0, 103), "next": following[at],
    })


def joining_status(panel: Panel, members: pd.DataFrame, *, follow_up: int = FOLLOW_UP) -> pd.Series:
    """Of each member by customer_id: USABLE for a comparison at the till, or why not (a reason of `aside`).

    Usable: joined since the launch at an order (an order in the same week), a customer for KNOWN_FOR weeks by then, and
    `follow_up` whole weeks of orders to follow.
    """
    listed = members["customer_id"].dropna().astype("str").drop_duplicates()
    place = pd.Index(panel.ids).get_indexer(listed)
    week, first = np.append(panel.joined, NEVER)[place], np.append(panel.first, 0)[place]  # the last: unknown ids
    dated = listed.isin(first_joining({"members": members})["customer_id"]).to_numpy()
    reasons = {
        "undated": ~dated,
        "not-drawn": listed.isin(panel.not_drawn).to_numpy(),
        "no-order": place < 0,
        "early": week < panel.launch,
        "late": week > panel.weeks,
        "short": week + follow_up >= panel.weeks,
        "away": panel.total(place, week, week + 1) == 0,
        "new": week - first < KNOWN_FOR,
    }
    status = np.select(list(reasons.values()), list(reasons), default=USABLE)
    return pd.Series(status, index=pd.Index(listed, name="customer_id"), dtype="str")


def aside(reason: str, *, follow_up: int = FOLLOW_UP) -> Message:
    """What `joining_status` says of those who are set aside: "joined before the launch"."""
    return message(f"aside-{reason}", weeks=follow_up, known=KNOWN_FOR)
