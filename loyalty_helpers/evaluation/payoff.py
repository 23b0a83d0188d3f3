"""The money: what the program cost, what it must bring to pay for itself, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from loyalty_helpers.evaluation.weeks import DAY, NO_LAUNCH, Frames, data_end, first_joining
from loyalty_helpers.findings import NAN, amount, number

if TYPE_CHECKING:
    from loyalty_helpers.client import Client

SPENDING = "members' spending since joining"


@dataclass(frozen=True)
class Money:
    """What the program cost and what it must bring: the rows of tables/roi.csv, the break-even lift, the words.

    `break_even` is 0 where it cannot be had (no margin set, no members) and infinite where no lift could pay.
    """

    roi_table: pd.DataFrame
    break_even: float
    sentence: str


def break_even_lift(*, baseline: float, members: int, gross_margin: float, reward_rate: float, fixed: float) -> float:
    """The lift at which members' extra margin pays for the program: (b r + F/N) / (b (m - r)).

    `baseline` b: spend per member and period without the program; `reward_rate` r: cost of rewards per unit of spend,
    after breakage; `fixed` F: all other costs of the period; `members` N; `gross_margin` m. Rewards are paid on the
    extra spend too. Infinite where no lift can pay: r takes the whole margin, or there is no baseline to lift.
    Missing without members. (EVALUATION: m .40, r .03, F 0 gives 8.1 %.)
    """
    if members <= 0:
        return NAN
    if baseline <= 0 or gross_margin <= reward_rate:
        return inf
    return (baseline * reward_rate + fixed / members) / (baseline * (gross_margin - reward_rate))


def costs(frames: Frames, client: Client) -> pd.DataFrame:
    """What the program cost from its launch to the end of the orders: item, value, low, high, unit.

    Rewards are counted on all of members' spending since they joined (or the launch, where that was later; refunds
    taken off), not only on the extra: spending x reward rate x expected redemption x cost share. Where a points ledger
    exists, low and high are what has been redeemed so far and all that has not expired, and the expected redemption
    is kept between them. What the costs table holds for that time comes on top of the settings, by kind. The last row
    is the total. Empty where the program had not been launched by the end of the data.
    """
    program, start, end = client.program, pd.Timestamp(client.program.launched_on), data_end(frames["orders"])
    if not start < end:
        return pd.DataFrame(columns=["item", "value", "low", "high", "unit"])
    period, months = {"start": start, "end": end}, (end - start) / DAY / (365.25 / 12)
    spending, members = _member_spending(frames, **period)
    least, most = _redeemed(frames, **period)
    redemption = program.redemption if np.isnan(least) else float(np.clip(program.redemption, least, most))
    rewards = spending * program.reward_rate * program.cost_share * np.array([redemption, least, most])
    fixed = {
        "launch": program.launch_cost,
        "monthly costs": program.monthly_cost * months,
        "owner's time": program.owner_hours_per_month * program.owner_hourly_rate * months,
        **_other_costs(frames, **period),
    }
    return pd.DataFrame([
        ["members", members, NAN, NAN, "members"],
        ["months", months, NAN, NAN, "months"],
        [SPENDING, spending, NAN, NAN, client.currency],
        ["rewards", *rewards, client.currency],
        *[[item, value, NAN, NAN, client.currency] for item, value in fixed.items()],
        ["total cost", *(rewards + sum(fixed.values())), client.currency],
    ], columns=["item", "value", "low", "high", "unit"])


def _member_spending(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> tuple[float, int]:
    """Members' money from joining (or `start`) to leaving (or `end`), and how many had joined by `end`."""
    joined = first_joining(frames)
    joined = joined[joined["joined_at"] < end]
    rows = frames["orders"].merge(joined, on="customer_id")
    at = rows["ordered_at"]
    counted = (at >= start) & (at >= rows["joined_at"]) & (at < end) & ~(at >= rows["left_at"])
    return float(rows.loc[counted, "amount"].sum()), len(joined)


def _redeemed(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> tuple[float, float]:
    """Least and most of the points issued that will ever be redeemed, by the ledger; missing without one."""
    points = _within(frames.get("points"), "at", start=start, end=end)
    total = points["points"].abs().groupby(points["kind"]).sum() if points is not None else {}
    earned = total.get("earn", 0)
    if not earned > 0:
        return NAN, NAN
    least = min(total.get("burn", 0) / earned, 1.0)
    return least, max(1 - total.get("expire", 0) / earned, least)


def _other_costs(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, float]:
    paid = _within(frames.get("costs"), "date", start=start, end=end)
    if paid is None:
        return {}
    by_kind = paid["amount"].groupby(paid["kind"].fillna("not named")).sum()
    return {f"other: {kind}": float(value) for kind, value in by_kind.items()}


def _within(table: pd.DataFrame | None, column: str, *, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame | None:
    return None if table is None else table[(table[column] >= start) & (table[column] < end)]


def money(frames: Frames, client: Client) -> Money:
    """Costs, break-even lift, and the rows that only rungs 3 and 4 can fill (return on investment, payback).

    The baseline of the break-even lift is what members would have spent had the program just paid for itself: their
    spending since joining less total cost / margin. So it is exact for the spending that was seen, whatever the lift
    was; spending itself, as the baseline of a lift of nil, would give too low a bar.
    """
    table = costs(frames, client)
    if table.empty:
        why_not = NO_LAUNCH if not client.has_program else "the program was not yet launched when the data end"
        return Money(table, 0.0, f"The money cannot be counted: {why_not}.")
    rows = table.set_index("item")
    lifts = [_bar(rows, side, client.program.gross_margin) for side in ("value", "low", "high")]
    table.loc[len(table)] = ["break-even lift", *lifts, "lift"]
    table.loc[len(table)] = ["return on investment (needs rung 3 or 4)", NAN, NAN, NAN, "share"]
    table.loc[len(table)] = ["payback (needs rung 3 or 4)", NAN, NAN, NAN, "months"]
    return Money(table, 0.0 if np.isnan(lifts[0]) else lifts[0], _money_words(rows, lifts[0], client))


def _bar(rows: pd.DataFrame, side: str, margin: float | None) -> float:
    """The break-even lift with one of the cost columns; missing without margin, members or spending."""
    spending, members = rows.loc[[SPENDING, "members"], "value"]
    cost, rewards = rows.loc[["total cost", "rewards"], side]
    if not margin or spending <= 0 or np.isnan(cost):
        return NAN
    return break_even_lift(baseline=(spending - cost / margin) / members, members=int(members), gross_margin=margin,
                           reward_rate=rewards / spending, fixed=cost - rewards)


def _money_words(rows: pd.DataFrame, lift: float, client: Client) -> str:
    total, rewards, months = rows.loc[["total cost", "rewards", "months"], "value"]
    if total == 0:
        return "No costs are known: neither the settings nor a costs table name any."
    spent = (f"In its first {number(months, 1)} months the program cost {amount(total, client.currency)}, of which "
             f"{amount(rewards, client.currency)} in rewards.")
    if not client.program.gross_margin:
        return f"{spent} Without a gross margin in the settings there is no break-even."
    if np.isnan(lift):
        return f"{spent} Without members' spending there is no break-even."
    if lift == inf:
        return f"{spent} That is more than the whole margin on what members spent: no lift could pay for it."
    margin, least = amount(client.program.gross_margin, "share", digits=0), amount(lift, "lift", digits=1)
    return (f"{spent} At a gross margin of {margin} it pays for itself if members spend at least {least} more than "
            "they would have without it; whether they do needs rung 3 or 4 of the evidence ladder.")
