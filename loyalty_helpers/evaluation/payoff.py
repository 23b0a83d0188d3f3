"""The money: what the program cost, what it must bring to pay for itself, whether it does, and who gets the rewards.

One lift d of the headline effect is carried through everything: of the orders it was measured on, d / (1 + d) are
extra, and the rest would have come anyway. The order at which a member joins is never one of them (nothing could have
brought it), though it earns rewards like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, isnan
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import binom

from loyalty_helpers.core.findings import NAN, Finding, amount, capital, chance, count, difference, digits_for, number
from loyalty_helpers.core.intervals import Ratio
from loyalty_helpers.core.purchases import CALENDAR_YEAR, DAY, WEEK, YEAR, purchases, span
from loyalty_helpers.evaluation.experiment import _arms
from loyalty_helpers.evaluation.panel import USABLE
from loyalty_helpers.evaluation.till import MIN_JOINERS, joiners
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, NO_LAUNCH, Frames, first_joining

if TYPE_CHECKING:
    from loyalty_helpers.core.findings import Effect
    from loyalty_helpers.core.settings import Client

COLUMNS = ["item", "value", "low", "high", "unit"]
SPENDING = "members' spending since joining"
RUNNING = "break-even lift without the launch cost"
MEMBER_LIST = "a member list with dates of joining"
# what the lift is counted on, by the effect's scope: rows of tables/roi.csv, the orders in a sentence, and who that is
BASES = {
    "members": ("members' {} after the day of joining", "orders of members after the day of joining", "members"),
    "everyone": ("{} of everyone offered the program", "orders of everyone offered the program", "those offered it"),
}
NEEDS = "; whether they do needs rung 3 or 4 of the evidence ladder."
SEGMENTS = ["new customers", "light buyers", "middle buyers", "heavy buyers", "no order under that id"]
SEGMENTS_NOTE = (
    "The change in orders per week describes and does not measure the program: people join while they are buying, and "
    "those who happened to buy little before go back up to their usual pace, those who happened to buy much back down, "
    "whatever the program does. Season and growth are in it too.")


@dataclass(frozen=True)
class Money:
    """What the program cost and what it must bring: the rows of tables/roi.csv, the break-even lift, the words.

    `break_even` is 0 where it cannot be had (no margin set, no members) and infinite where no lift could pay.
    `running_break_even` is the same without the launch cost, which a young program cannot have earned back yet;
    `months` is how long it has run.
    """

    roi_table: pd.DataFrame
    break_even: float
    running_break_even: float
    months: float
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
        ["total cost", *np.add(counted, sum(fixed.values())), client.currency],
    ], columns=COLUMNS)


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


def _other_costs(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, float]:
    paid = _within(frames.get("costs"), "date", start=start, end=end)
    if paid is None:
        return {}
    by_kind = paid["amount"].groupby(paid["kind"].fillna("not named")).sum()
    return {f"other: {kind}": float(value) for kind, value in by_kind.items()}


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
        why_not = NO_LAUNCH if not client.has_program else "the program was not yet launched when the data end"
        return Money(table, 0.0, 0.0, 0.0, f"The money cannot be counted: {why_not}.")
    scope = effect.scope if _usable(effect) else "members"
    base, rows = _base(frames, client, scope=scope), table.set_index("item")
    sides, margin = rows.loc["total cost", ["value", "low", "high"]], client.program.gross_margin
    bars, running = ([_bar(rows, base, cost, margin) for cost in sides - one_off]
                     for one_off in (0.0, rows.loc["launch", "value"]))
    returns = _returns(rows, base, effect, client) if _usable(effect) else {
        "return on investment (needs rung 3 or 4)": (NAN, NAN, NAN, "share"),
        "payback (needs rung 3 or 4)": (NAN, NAN, NAN, "months"),
    }
    if "return on investment" in returns:
        returns["chance that the lift is above break-even"] = (effect.chance_above(bars[0]), NAN, NAN, "share")
    more = [[BASES[scope][0].format(what), base[what], NAN, NAN, unit]
            for what, unit in (("orders", "orders"), ("spending", client.currency))]
    ends = [["break-even lift", *bars, "lift"], [RUNNING, *running, "lift"],
            *[[item, *row] for item, row in returns.items()]]
    roi_table = pd.concat([table.iloc[:3], pd.DataFrame(more, columns=COLUMNS), table.iloc[3:],
                           pd.DataFrame(ends, columns=COLUMNS)], ignore_index=True)
    words = _money_words(rows, base, (bars[0], running[0]), client, scope=scope)
    if 0 <= bars[0] < inf and rows.loc["total cost", "value"] > 0:
        words += f". {_return_words(rows, returns, base, effect)}" if _usable(effect) else NEEDS
    known = [0.0 if isnan(bar) else bar for bar in (bars[0], running[0])]
    return Money(roi_table, *known, rows.loc["months", "value"], words + _subsidy_words(rows, returns))


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
        rows, base = table.set_index("item"), _base(frames, client, scope=effect.scope if usable else "members")
        bar = _bar(rows, base, rows.loc["total cost", "value"], margin)
        if not isnan(bar):
            far = [end for end in (seen["high"], 2 * bar) if isfinite(end)]
            near = max(seen["low"], -0.9) if isfinite(seen["low"]) else -0.2
            lift = np.linspace(min(near, -0.2), max([0.2, *far]), 201)
            curve = pd.DataFrame({"lift": lift, "profit": _extra_share(lift) * base["spending"] * margin
                                                          - rows.loc["total cost", "value"]})
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
    rows = rows[(rows["ordered_at"] >= _first_day_after(rows["joined_at"], start)) & (rows["ordered_at"] < end)
                & ~(rows["ordered_at"] >= rows["left_at"])]
    return {"orders": float(len(purchases(rows))), "spending": float(rows["amount"].sum())}


def _first_day_after(joined: pd.Series, start: pd.Timestamp) -> pd.Series:
    """The first day on which membership can have changed anything: after joining, and not before the launch."""
    return (joined + DAY).where(joined >= start, start)


def _bar(rows: pd.DataFrame, base: Mapping[str, float], cost: float, margin: float | None) -> float:
    """The break-even lift with that cost; missing without margin or spending, and where rewards are not known.

    All costs are fixed here, rewards too: they are those of the spending seen, of which the baseline is what would
    have been there without the lift that just pays.
    """
    spending = base["spending"]
    if not margin or rows.loc[SPENDING, "value"] <= 0 or not spending > 0 or isnan(cost) or _unknown_rewards(rows):
        return NAN
    return break_even_lift(baseline=spending - cost / margin, members=1, gross_margin=margin, reward_rate=0.0,
                           fixed=cost)


def _unknown_rewards(rows: pd.DataFrame) -> bool:
    return isnan(rows.loc["rewards", "value"])


def _returns(rows: pd.DataFrame, base: Mapping[str, float], effect: Effect, client: Client) -> dict[str, tuple]:
    """What the lift is worth: item -> value, low, high, unit. Missing where there is nothing to count it on."""
    total, launch, months, spending = rows.loc[["total cost", "launch", "months", SPENDING], "value"]
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
        "extra orders": (*orders, "orders"),
        "incremental margin": (*margin, client.currency),
        "net gain": (*(margin - total), client.currency),
        "return on investment": (*(margin / total - 1 if total > 0 else np.full(3, NAN)), "share"),
        "payback": (*payback[falling], "months"),
        "subsidy share": (*subsidy[falling], "share"),
    }


def _money_words(rows: pd.DataFrame, base: Mapping[str, float], bars: tuple[float, float], client: Client, *,
                 scope: str) -> str:
    """What it cost, and the bar: a whole sentence, but for the end of the last where there is a bar."""
    total, rewards, months = rows.loc[["total cost", "rewards", "months"], "value"]
    margin, (lift, running), who = client.program.gross_margin, bars, BASES[scope][2]
    if total == 0:
        return (f"What the program cost is not known: rewards cannot be counted without {MEMBER_LIST}, and neither the "
                "settings nor a costs table name any other costs." if _unknown_rewards(rows) else
                "No costs are known: neither the settings nor a costs table name any.")
    spent = f"In its first {number(months, 1)} months the program cost {amount(total, client.currency)}"
    if _unknown_rewards(rows):
        spent += f", rewards left out: they cannot be counted without {MEMBER_LIST}."
    else:
        spent += f", of which {amount(rewards, client.currency)} in rewards." if rewards > 0 else "."
    if isnan(lift):
        return f"{spent} {_no_bar(rows, base, margin, scope)}"
    least, least_running = (amount(bar, "lift", digits=1) for bar in bars)
    if lift == inf:
        what = "rewards alone" if rewards > margin * base["spending"] else "costs"
        never = f"{spent} Its {what} are more than the whole margin on what {who} spent: no lift could pay for them"
        return f"{never}." if running in (0, inf) else (
            f"{never} yet. Its costs without the launch are paid for if {who} spend at least {least_running} more than "
            "they would have without it.")
    without = f" ({least_running} without the launch cost)" if 0 < running < lift else ""
    return (f"{spent} At a gross margin of {amount(margin, 'share', digits=0)} it pays for itself if {who} spend at "
            f"least {least} more than they would have without it{without}")


def _no_bar(rows: pd.DataFrame, base: Mapping[str, float], margin: float | None, scope: str) -> str:
    """Why there is no break-even: what the settings or the data lack, or spending that is none."""
    lacking = {"a gross margin in the settings": not margin,
               MEMBER_LIST: _unknown_rewards(rows) or isnan(base["spending"])}
    if any(lacking.values()):
        return f"Without {' and '.join(what for what, lacks in lacking.items() if lacks)} there is no break-even."
    if rows.loc["members", "value"] == 0:
        return "Nobody had joined by the end of the orders, so there is no break-even."
    nothing = SPENDING if rows.loc[SPENDING, "value"] <= 0 else BASES[scope][0].format("spending")
    return f"{capital(nothing)}, less refunds, is not above 0, so there is no break-even."


def _return_words(rows: pd.DataFrame, returns: Mapping[str, tuple], base: Mapping[str, float], effect: Effect) -> str:
    """Return, chance and payback. Never more than the verdict says: neutral where the interval covers a return of 0."""
    value, low, high, _ = returns["return on investment"]
    if low > 0:
        paid = "it has paid for itself" if effect.grade in "AB" else "it has probably paid for itself"
    elif high < 0:
        paid = "it has brought in less than it cost"
    else:
        paid = "whether it has paid for itself cannot be told yet"
    above = returns["chance that the lift is above break-even"][0]
    sure = f"; the chance that the lift is above what pays: {chance(above)}" if isfinite(above) else ""
    return (f"Taking the lift to hold for all {number(base['orders'])} {BASES[effect.scope][1]}, the return on the "
            f"costs is {return_words(value, low, high, level=effect.level)}: {paid}{sure}."
            f"{_payback_words(returns['payback']) if rows.loc['launch', 'value'] > 0 else ''}")


def return_words(value: float, low: float, high: float, *, level: str = "") -> str:
    """A return on costs with its interval, in words."""
    digits = digits_for(low, high, "lift")
    between = f" ({f'{level} interval'.strip()} {_end(low, digits)} to {_end(high, digits)})"
    return _end(value, digits) + ("" if isnan(low) else between)


def _payback_words(payback: tuple) -> str:
    value, low, high, _ = payback
    if not isfinite(value):
        best = f", at the upper end of the lift's interval after {number(low, 1)} months" if isfinite(low) else ""
        return f" At the pace so far payback of the launch costs is not within sight{best}."
    ends = "" if isnan(high) else f" (interval {number(low, 1)} months to {_months(high)})"
    return f" At the pace so far the launch costs would be paid back after {_months(value)}{ends}."


def _months(value: float) -> str:
    return f"{number(value, 1)} months" if isfinite(value) else "not within sight"


def _subsidy_words(rows: pd.DataFrame, returns: Mapping[str, tuple]) -> str:
    value, low, high, _ = returns.get("subsidy share", (NAN, NAN, NAN, "share"))
    if isnan(value) or not rows.loc["rewards", "value"] > 0:
        return ""
    digits = digits_for(low, high, "share")
    ends = f" ({amount(low, 'share', digits=digits)} to {amount(high, 'share', digits=digits)})" if high > low else ""
    return (f" If the lift is right, {amount(value, 'share', digits=digits)} of the rewards{ends} went to orders that "
            "would have come anyway.")


def _end(value: float, digits: int) -> str:
    return "a loss without limit" if value == -inf else difference(value, "lift", digits=digits)



# ---------------------------------------------------------------- who gets the rewards
def by_segment(frames: Frames, client: Client, effects: Mapping[str, Effect] | None = None) -> pd.DataFrame:
    """Members by what they bought before joining (`segments`): who they are, what they spent, who gets the rewards.

    segment; orders_before (orders in the 52 weeks before joining, in words); members; spend and rewards since joining
    (or the launch) in the client's currency; members_share and rewards_share of all members; per_week_before and
    per_week_after, orders per member and week (before: up to 52 weeks since the member's first order, that order not
    counted; after: from the day after joining); change_described, the relative change of these, which describes only
    (SEGMENTS_NOTE); lift, low, high of the segment's own effect in `effects`, for 50 usable joiners or more; note,
    that effect in words or why there is none. Members and rewards add up to those of `costs`. Empty without launch
    or members.
    """
    member = _histories(frames, client)
    if member.empty:
        return pd.DataFrame(columns=["segment", "orders_before", "members", "spend", "rewards", "members_share",
                                     "rewards_share", "per_week_before", "per_week_after", "change_described", "lift",
                                     "low", "high", "note"])
    table = costs(frames, client).set_index("item")["value"]
    usable = joiners(frames, launched_on=client.program.launched_on).reindex(member.index) == USABLE
    rows, by = [], _segment(member)
    rewarded = member.groupby(by, observed=True)["spent"].sum().clip(lower=0)  # net refunds earn no rewards
    for name, of in member.assign(usable=usable).groupby(by, observed=True):
        share = rewarded[name] / rewarded.sum() if table[SPENDING] > 0 else NAN
        rates = [of[f"orders_{side}"].sum() / weeks if (weeks := of[f"weeks_{side}"].sum()) > 0 else NAN
                 for side in ("before", "after")]
        n = int(of["usable"].sum())
        effect = (effects or {}).get(name) if n >= MIN_JOINERS else None
        few = f"No lift of its own: {count(n, 'usable joiner')}, {MIN_JOINERS} are needed."
        rows.append({
            "segment": name,
            "orders_before": _range(of["year"]),
            "members": len(of),
            "spend": of["spent"].sum(),
            "rewards": share * table["rewards"],
            "members_share": len(of) / len(member),
            "rewards_share": share,
            "per_week_before": rates[0],
            "per_week_after": rates[1],
            "change_described": rates[1] / rates[0] - 1 if rates[0] > 0 else NAN,
            **{key: getattr(effect, end) if effect and not effect.refused else NAN
               for key, end in (("lift", "estimate"), ("low", "low"), ("high", "high"))},
            "note": effect.sentence if effect else few if n < MIN_JOINERS else "No lift of its own was computed.",
        })
    return pd.DataFrame(rows)


def segments(frames: Frames, client: Client) -> pd.Series:
    """Each member's segment, by customer_id: one of SEGMENTS, in that order.

    New customers had no order before the day of joining. The others are cut in thirds by their orders in the 52 weeks
    before it; equal numbers stay together, so that a third may be larger, or empty.
    """
    return _segment(_histories(frames, client))


def rewards_to_unchanged(frames: Frames, client: Client, *, confidence: float = 0.95) -> Finding:
    """Share of rewards that went to members who bought no more often after joining than before: a description.

    Rewards go with spending since joining. "No more often": orders per week from the day after joining are not above
    those of the up to 52 weeks before it (since the member's first order, that order not counted); only members seen
    for 13 weeks or more on both sides. No customer's own few orders could prove a change, so none is tested; instead
    `note` gives the share that chance alone would give had nobody changed: each member's n orders fall after joining
    with the probability of their weeks, binomially (the conditional test of two Poisson rates, Przyborowski & Wilenski
    1940), and E[a; a <= np] = np P(Bin(n - 1, p) <= floor(np) - 1). The interval is from resampling members.
    """
    label = "share of rewards that went to members who bought no more often after joining than before"
    shared = {"label": label, "unit": "share", "n_noun": "member", "confidence": confidence}
    everybody = _histories(frames, client)
    member = everybody[(everybody["weeks_before"] >= FOLLOW_UP) & (everybody["weeks_after"] >= FOLLOW_UP)]
    spent = member["spent"].clip(lower=0)
    if not spent.sum() > 0:
        return Finding(**shared, estimate=NAN, note=f"no member who spent is seen for {FOLLOW_UP} weeks before and "
                                                    "after joining")
    n = member["orders_before"] + member["orders_after"]
    p = member["weeks_after"] / (member["weeks_before"] + member["weeks_after"])
    most = np.floor(n * p + 1e-9)  # orders after joining that are no more often than before
    same = member["orders_after"] <= most
    at_joining = (member["spent"] - member["spent_after"]).clip(lower=0)
    by_chance = (at_joining * binom.cdf(most, n, p)
                 + member["basket"] * n * p * binom.cdf(most - 1, np.maximum(n - 1, 0), p)).sum()
    expected = by_chance / (at_joining + member["basket"] * n * p).sum()
    found = Ratio(spent.where(same, 0.0), spent).level(confidence)
    covered = spent.sum() / everybody["spent"].clip(lower=0).sum()
    return Finding(
        **shared, estimate=found.estimate, low=max(found.low, 0.0), high=min(found.high, 1.0), n=len(member),
        method=found.method,
        note=(f"Counted are the members seen for {FOLLOW_UP} weeks or more before and after joining, who got "
              f"{amount(covered, 'share', digits=0)} of the rewards. Had nobody changed, chance alone would put this "
              f"share at about {amount(expected, 'share', digits=0)}. It describes and does not measure the program: "
              "people join while they are buying, so the share tends to come out too low even where a program does "
              "nothing, and season and growth are in it."))


def _histories(frames: Frames, client: Client) -> pd.DataFrame:
    """One row per member who joined before the data end, by customer_id; empty without a launch before that.

    first (order); year: orders in the 52 weeks before the day of joining; orders_before and weeks_before: the same
    since the first order, that order not counted; orders_after and weeks_after: from the day after joining (or the
    launch); spent: since joining (or the launch), spent_after: without the day of joining; basket: mean net order.
    """
    start, end = pd.Timestamp(client.program.launched_on), span(frames["orders"]).end
    member = first_joining(frames).set_index("customer_id")
    member = member[member["joined_at"] < (end if start < end else pd.Timestamp.min)]
    known = frames["orders"][frames["orders"]["customer_id"].isin(member.index)]
    bought = purchases(known)
    member = member.assign(first=bought.groupby("customer_id")["ordered_at"].min(),
                           after=_first_day_after(member["joined_at"], start),
                           until=member["left_at"].clip(upper=end).fillna(end))
    order, row = (part.join(member, on="customer_id") for part in (bought, known))
    at, since = order["ordered_at"], row["joined_at"].clip(lower=start)
    before = (at < order["joined_at"]) & (at >= order["joined_at"] - YEAR)
    paid = row["ordered_at"] < row["until"]
    of_member = {
        "year": _per_member(order[before]),
        "orders_before": _per_member(order[before & (at > order["first"])]),
        "orders_after": _per_member(order[(at >= order["after"]) & (at < order["until"])]),
        "spent": _per_member(row[paid & (row["ordered_at"] >= since)], "amount"),
        "spent_after": _per_member(row[paid & (row["ordered_at"] >= row["after"])], "amount"),
        "basket": (_per_member(row, "amount") / _per_member(order)).clip(lower=0),
    }
    filled = {name: values.reindex(member.index).fillna(0.0) for name, values in of_member.items()}
    begin = member["first"].clip(lower=member["joined_at"] - YEAR)
    return member.assign(**filled, weeks_before=((member["joined_at"] - begin) / WEEK).clip(lower=0).fillna(0.0),
                         weeks_after=((member["until"] - member["after"]) / WEEK).clip(lower=0))


def _per_member(rows: pd.DataFrame, column: str | None = None) -> pd.Series:
    by = rows.groupby("customer_id")
    return by.size().astype(float) if column is None else by[column].sum()


def _segment(member: pd.DataFrame) -> pd.Series:
    old = member["first"] < member["joined_at"]
    third, two_thirds = member.loc[old, "year"].quantile([1 / 3, 2 / 3])
    named = np.select([member["first"].isna(), ~old, member["year"] <= third, member["year"] <= two_thirds],
                      [SEGMENTS[4], *SEGMENTS[:3]], default=SEGMENTS[3])
    return pd.Series(pd.Categorical(named, SEGMENTS, ordered=True), index=member.index, name="segment")


def _range(orders: pd.Series) -> str:
    low, high = int(orders.min()), int(orders.max())
    return number(low) if low == high else f"{number(low)} to {number(high)}"
