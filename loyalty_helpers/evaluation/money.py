"""The money: what the program cost, what it must bring to pay for itself, and whether it does.

One lift d of the headline effect is carried through everything: of the orders it was measured on, d / (1 + d) are
extra, and the rest would have come anyway. The order at which a member joins is never one of them (nothing could have
brought it), though it earns rewards like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Effect, digits_for
from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.core.purchases import CALENDAR_YEAR, DAY, purchases, span
from loyalty_helpers.core.settings import Client
from loyalty_helpers.evaluation.experiment import _arms
from loyalty_helpers.evaluation.said import joined, percent, yes
from loyalty_helpers.evaluation.weeks import NO_LAUNCH, Frames, first_joining

COLUMNS = ["item", "value", "low", "high", "unit"]  # items are messages (roi-...)


@dataclass(frozen=True)
class Money:
    """What the program cost and what it must bring: the rows of tables/roi.csv, the break-even lift, what to say.

    `break_even` is 0 where it cannot be had (no margin set, no members) and infinite where no lift could pay.
    `running_break_even` is the same without the launch cost, which a young program cannot have earned back yet;
    `months` is how long it has run.
    """

    roi_table: pd.DataFrame
    break_even: float
    running_break_even: float
    months: float
    sentence: Message

    def value(self, item: str) -> float:
        """The value of an item by its key ("spending"); missing where there is no such row."""
        return next((row.value for row in self.roi_table.itertuples() if row.item.key == f"roi-{item}"), NAN)


def _break_even_lift(*, baseline: float, members: int, gross_margin: float, reward_rate: float, fixed: float) -> float:
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
    taken off, but never below nothing), not only on the extra: spending x reward rate x expected redemption x cost
    share. Where a points ledger exists, low and high are what has been redeemed so far and all that has not expired,
    and the expected redemption is kept between them. What the costs table holds for that time comes on top of the
    settings, by kind. The last row is the total. Without a member list with dates of joining, members, their spending
    and rewards are missing, and the total leaves them out. Empty where the program had not been launched by the end of
    the data.
    """
    program, start, end = client.program, pd.Timestamp(client.program.launched_on), span(frames["orders"]).end
    if not start < end:
        return pd.DataFrame(columns=COLUMNS)
    period, months = {"start": start, "end": end}, (end - start) / DAY / (CALENDAR_YEAR / 12)
    spending, members = _member_spending(frames, **period)
    least, most = _redeemed(frames, **period)
    redemption = program.redemption if np.isnan(least) else float(np.clip(program.redemption, least, most))
    rate = program.reward_rate * program.cost_share
    rewarded = np.maximum(spending, 0.0) if rate > 0 else 0.0  # no rewards need no list of who got them
    rewards = rewarded * rate * np.array([redemption, least, most])
    counted = [0.0, NAN, NAN] if isnan(rewards[0]) else rewards
    fixed = [
        ("launch", program.launch_cost),
        ("monthly", program.monthly_cost * months),
        ("owner", program.owner_hours_per_month * program.owner_hourly_rate * months),
        *_other_costs(frames, **period),
    ]
    return _items([
        ("members", members, NAN, NAN, "members"),
        ("months", months, NAN, NAN, "months"),
        ("spending", spending, NAN, NAN, client.currency),
        ("rewards", *rewards, client.currency),
        *((item, value, NAN, NAN, client.currency) for item, value in fixed),
        ("total", *np.add(counted, sum(value for _, value in fixed)), client.currency),
    ])


def _items(rows: Sequence[tuple]) -> pd.DataFrame:
    """Rows of the table, whose items are keys of the catalogue, or messages already."""
    return pd.DataFrame([[message(f"roi-{item}") if isinstance(item, str) else item, *row] for item, *row in rows],
                        columns=COLUMNS)


def _by_key(table: pd.DataFrame) -> pd.DataFrame:
    """The rows by the keys of their items."""
    return table.set_index(pd.Index([item.key.removeprefix("roi-") for item in table["item"]]))


def _member_spending(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> tuple[float, float]:
    """Members' money from joining (or `start`) to leaving (or `end`), and how many had joined by `end`.

    Both are missing without a member list.
    """
    joined = first_joining(frames)
    if joined.empty:
        return NAN, NAN
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


def _other_costs(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> list[tuple[Message, float]]:
    paid = _within(frames.get("costs"), "date", start=start, end=end)
    if paid is None:
        return []
    by_kind = paid["amount"].groupby(paid["kind"].fillna("")).sum()
    return [(message("roi-other", kind=str(kind), named=yes(kind)), float(value)) for kind, value in by_kind.items()]


def _within(table: pd.DataFrame | None, column: str, *, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame | None:
    return None if table is None else table[(table[column] >= start) & (table[column] < end)]


def money(frames: Frames, client: Client, effect: Effect | None = None) -> Money:
    """Costs, break-even lift and, from an `effect` of rung 3 or 4 that may be relied on, what the program returned.

    Of the spending that the lift is counted on, d / (1 + d) is extra; times the gross margin it is the incremental
    margin (EVALUATION, section 7: extra orders x basket x margin). Return on investment = (incremental margin - all
    costs) / all costs. Payback: months until the launch cost is covered by what the margin of a month leaves after
    the running costs (all the others), both at the average pace so far; infinite where it leaves nothing. Subsidy
    share: rewards on orders that would have come anyway, 1 - extra spending / spending rewarded (1 / (1 + d) where
    all orders rewarded are orders the lift is counted on), kept between 0 and 1. Their low and high are those of the
    lift, costs as expected; a lift of -1 or less gives a loss without limit.

    The break-even lift is d / (1 + d) = total cost / margin on the spending seen: at that lift, and only there, the
    return on investment is nil. Spending itself, as the baseline of a lift of nil, would give too low a bar. Its low
    and high are those of the costs. Without the launch cost it is what the running costs ask for.

    What the lift is counted on follows `effect.scope`. "members": members' orders from the day after joining (from
    the launch, for those who joined before). "everyone" (by intention to treat): all orders of the arm that was offered
    the program, from the day after being drawn, and those of members who were not drawn, for whom the lift is taken to
    hold too.
    """
    table = costs(frames, client)
    if table.empty:
        why_not = message("not-yet-launched") if client.has_program else NO_LAUNCH
        return Money(table, 0.0, 0.0, 0.0, message("cost-uncounted", why=why_not))
    scope = effect.scope if _usable(effect) else "members"
    base, rows = _base(frames, client, scope=scope), _by_key(table)
    sides, margin = rows.loc["total", ["value", "low", "high"]], client.program.gross_margin
    bars, running = ([_bar(rows, base, cost, margin) for cost in sides - one_off]
                     for one_off in (0.0, rows.loc["launch", "value"]))
    returns = _returns(rows, base, effect, client) if _usable(effect) else {
        "return-needs": (NAN, NAN, NAN, "share"), "payback-needs": (NAN, NAN, NAN, "months")}
    if "return" in returns:
        returns["chance"] = (effect.chance_above(bars[0]), NAN, NAN, "share")
    roi_table = pd.concat([table.iloc[:3], _items([
        (f"{scope}-orders", base["orders"], NAN, NAN, "orders"),
        (f"{scope}-spending", base["spending"], NAN, NAN, client.currency)]), table.iloc[3:], _items([
            ("break-even", *bars, "lift"), ("running", *running, "lift"),
            *((item, *row) for item, row in returns.items())])], ignore_index=True)
    counts = 0 <= bars[0] < inf and rows.loc["total", "value"] > 0
    said = _money_said(rows, base, (bars[0], running[0]), client, scope=scope, needs=counts and not _usable(effect))
    if counts and _usable(effect):
        said += __return_on_costs(rows, returns, base, effect)
    known = [0.0 if isnan(bar) else bar for bar in (bars[0], running[0])]
    return Money(roi_table, *known, rows.loc["months", "value"], joined([*said, _subsidy_said(rows, returns)]))


def break_even_curve(frames: Frames, client: Client, effect: Effect | None = None) -> pd.DataFrame:
    """Incremental margin less all costs against the lift: lift, profit (client's currency), for a chart.

    From -20 % to the upper end of the effect or twice the break-even lift, whichever is more. `attrs` holds the
    effect's estimate, low and high (missing without one of rung 3 or 4), break_even and currency. The profit is nil
    at break-even and grows ever more slowly, because the spending seen is given: the higher the lift, the smaller the
    spending it lifted. Empty where no break-even can be had.
    """
    usable = _usable(effect)
    seen = {name: getattr(effect, name) if usable else NAN for name in ("estimate", "low", "high")}
    table, margin = costs(frames, client), client.program.gross_margin
    curve = pd.DataFrame({"lift": pd.Series(dtype=float), "profit": pd.Series(dtype=float)})
    if not table.empty:
        rows, base = _by_key(table), _base(frames, client, scope=effect.scope if usable else "members")
        bar = _bar(rows, base, rows.loc["total", "value"], margin)
        if not isnan(bar):
            far = [end for end in (seen["high"], 2 * bar) if isfinite(end)]
            near = max(seen["low"], -0.9) if isfinite(seen["low"]) else -0.2
            lift = np.linspace(min(near, -0.2), max([0.2, *far]), 201)
            curve = pd.DataFrame({"lift": lift, "profit": _extra_share(lift) * base["spending"] * margin
                                                          - rows.loc["total", "value"]})
            seen["break_even"] = bar
    curve.attrs = {"break_even": NAN, "currency": client.currency, **seen}
    return curve


def _usable(effect: Effect | None) -> bool:
    """May money be counted by it? The same condition as for a verdict other than "cannot tell"."""
    return (effect is not None and effect.rung in (3, 4) and effect.grade in "ABC" and not effect.refused
            and effect.measurable)


def _extra_share(lift: np.ndarray) -> np.ndarray:
    """d / (1 + d): the share of what was seen that the lift added; minus infinity from -1 down."""
    lift = np.asarray(lift, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lift <= -1, -inf, lift / (1 + lift))


def _base(frames: Frames, client: Client, *, scope: str) -> dict[str, float]:
    """Orders and net spending that the lift is counted on (see `money`); missing where nobody is known to count."""
    start, end = pd.Timestamp(client.program.launched_on), span(frames["orders"]).end
    reached = first_joining(frames)
    if scope == "everyone":
        arms = _arms(frames["assignment"])
        offered = arms.drawn[arms.drawn["arm"] == arms.treated]
        reached = pd.concat([
            pd.DataFrame({"customer_id": offered["customer_id"], "joined_at": offered["assigned_at"].dt.normalize(),
                          "left_at": pd.Series(pd.NaT, index=offered.index, dtype="datetime64[us]")}),
            reached[~reached["customer_id"].isin(arms.drawn["customer_id"])]])
    if reached.empty:
        return {"orders": NAN, "spending": NAN}
    rows = frames["orders"].merge(reached, on="customer_id")
    rows = rows[(rows["ordered_at"] >= first_day_after(rows["joined_at"], start)) & (rows["ordered_at"] < end)
                & ~(rows["ordered_at"] >= rows["left_at"])]
    return {"orders": float(len(purchases(rows))), "spending": float(rows["amount"].sum())}


def first_day_after(joined: pd.Series, start: pd.Timestamp) -> pd.Series:
    """The first day on which membership can have changed anything: after joining, and not before the launch."""
    return (joined + DAY).where(joined >= start, start)


def _bar(rows: pd.DataFrame, base: Mapping[str, float], cost: float, margin: float | None) -> float:
    """The break-even lift with that cost; missing without margin or spending, and where rewards are not known.

    All costs are fixed here, rewards too: they are those of the spending seen, of which the baseline is what would
    have been there without the lift that just pays.
    """
    spending = base["spending"]
    if not margin or rows.loc["spending", "value"] <= 0 or not spending > 0 or isnan(cost) or _unknown_rewards(rows):
        return NAN
    return _break_even_lift(baseline=spending - cost / margin, members=1, gross_margin=margin, reward_rate=0.0,
                           fixed=cost)


def _unknown_rewards(rows: pd.DataFrame) -> bool:
    return isnan(rows.loc["rewards", "value"])


def _returns(rows: pd.DataFrame, base: Mapping[str, float], effect: Effect, client: Client) -> dict[str, tuple]:
    """What the lift is worth: item -> value, low, high, unit. Missing where there is nothing to count it on."""
    total, launch, months, spending = rows.loc[["total", "launch", "months", "spending"], "value"]
    total = NAN if _unknown_rewards(rows) else total
    share = _extra_share([effect.estimate, effect.low, effect.high]) if base["spending"] > 0 else np.full(3, NAN)
    margin = share * base["spending"] * (client.program.gross_margin or NAN)
    left = (margin - (total - launch)) / months  # of a month's margin after the running costs
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        payback = np.where(np.isnan(left), NAN, np.where(left > 0, launch / left, inf))
        subsidy = np.clip(1 - share * base["spending"] / spending, 0, 1) if spending > 0 else np.full(3, NAN)
    orders = share * base["orders"] if effect.outcome == "orders" else np.full(3, NAN)
    falling = [0, 2, 1]  # what falls with the lift has its low end at the lift's high end
    return {
        "extra-orders": (*orders, "orders"),
        "margin": (*margin, client.currency),
        "gain": (*(margin - total), client.currency),
        "return": (*(margin / total - 1 if total > 0 else np.full(3, NAN)), "share"),
        "payback": (*payback[falling], "months"),
        "subsidy": (*subsidy[falling], "share"),
    }


def _money_said(rows: pd.DataFrame, base: Mapping[str, float], bars: tuple[float, float], client: Client, *,
                scope: str, needs: bool) -> list[Message]:
    """What it cost, and the bar."""
    total, rewards, months = rows.loc[["total", "rewards", "months"], "value"]
    margin, (least, running), unknown = client.program.gross_margin, bars, _unknown_rewards(rows)
    if total == 0:
        return [message("cost-unknown" if unknown else "cost-none")]
    spent = message("cost-spent", months=Number(months, digits=1), total=Number(total, client.currency),
                    rewards=Number(rewards, client.currency),
                    part="unknown" if unknown else "some" if rewards > 0 else "none")
    if isnan(least):
        return [spent, _no_bar(rows, base, margin, scope)]
    facts = {"scope": scope, "running": _bar_number(running), "lift": _bar_number(least)}
    if least == inf:
        what = "rewards" if rewards > margin * base["spending"] else "costs"
        return [spent, message("bar-never", **facts, what=what, later=yes(running not in (0, inf)))]
    return [spent, message("bar", **facts, margin=percent(margin), needs=yes(needs),
                           launch=yes(0 < running < least))]


def _bar_number(bar: float) -> Number:
    return Number(bar, "lift", digits=1)


def _no_bar(rows: pd.DataFrame, base: Mapping[str, float], margin: float | None, scope: str) -> Message:
    """Why there is no break-even: what the settings or the data lack, or spending that is none."""
    lacking = {"margin": not margin, "members": _unknown_rewards(rows) or isnan(base["spending"])}
    if any(lacking.values()):
        lacks = tuple(message(f"lacks-{what}") for what, lacks in lacking.items() if lacks)
        return message("no-bar-lacks", what=Listed(lacks, parted_by="and"))
    if rows.loc["members", "value"] == 0:
        return message("no-bar-nobody")
    nothing = "spending" if rows.loc["spending", "value"] <= 0 else f"{scope}-spending"
    return message("no-bar-spending", what=message(f"roi-{nothing}"))


def __return_on_costs(rows: pd.DataFrame, returns: Mapping[str, tuple], base: Mapping[str, float],
                 effect: Effect) -> list[Message]:
    """Return, chance and payback. Never more than the verdict says: neutral where the interval covers a return of 0."""
    value, low, high, _ = returns["return"]
    paid = ("paid" if effect.grade in "AB" else "probably") if low > 0 else "less" if high < 0 else "unknown"
    above = returns["chance"][0]
    said = message("paid-back", orders=Number(base["orders"]), scope=effect.scope, paid=paid,
                   returned=_return_on_costs(value, low, high, level=effect.confidence), sure=yes(isfinite(above)),
                   chance=Number(above, "chance"))
    return [said, *([_payback_said(returns["payback"])] if rows.loc["launch", "value"] > 0 else [])]


def _return_on_costs(value: float, low: float, high: float, *, level: float | None = None) -> Message:
    """A return on costs with its interval, whose `level` is a share such as 0.95."""
    digits = digits_for(low, high, "lift")
    ends = {name: message("endless-loss") if end == -inf else Number(end, "lift", digits=digits, signed=True)
            for name, end in (("value", value), ("low", low), ("high", high))}
    return message("return-on-costs", **ends, bounded="no" if isnan(low) else "yes" if level is None else "at",
                   level=message("level-share", n=f"{100 * (level or 0):g}"))


def _payback_said(payback: tuple) -> Message:
    value, low, high, _ = payback
    ends = {name: message("months", n=Number(end, digits=1)) if isfinite(end) else message("not-within-sight")
            for name, end in (("value", value), ("low", low), ("high", high))}
    if not isfinite(value):
        return message("payback-never", **ends, best=yes(isfinite(low)))
    return message("payback", **ends, bounded=yes(not isnan(high)))


def _subsidy_said(rows: pd.DataFrame, returns: Mapping[str, tuple]) -> Message | None:
    value, low, high, _ = returns.get("subsidy", (NAN, NAN, NAN, "share"))
    if isnan(value) or not rows.loc["rewards", "value"] > 0:
        return None
    digits = digits_for(low, high, "share")
    ends = {name: Number(end, "share", digits=digits) for name, end in (("value", value), ("low", low), ("high", high))}
    return message("subsidy", **ends, bounded=yes(high > low))
