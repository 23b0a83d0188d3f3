"""Shops with a known truth: to try an estimator on, to teach with, and to make the embedded sample client.

A shop is lived week by week, in 7-day blocks counted from the launch (week 0). A customer has a personal purchase rate
(gamma), busy spells, and a chance to drop out each week; season, trend and shocks are common to all. People join the
program **at an order**, the heavy and recently active ones more often, so every naive comparison of members is wrong
even where the program does nothing. Membership multiplies the purchase rate from the week after joining on.

Each part draws from its own random stream, so two shops that differ in `lift` alone share all their luck: they are
the same up to the week of the first joiner, and differ afterwards by what the program did.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from loyalty_helpers.core.calendar import NEW_YEARS  # other years have no such bump

FOLLOW_UP = 13  # weeks over which lifts and expectations are told
BUSY_SHARE, BUSY_WEEKS = 0.15, 6.0  # customers in a busy spell at any time; the mean length of a spell in weeks
CATEGORIES = ("Dresses", "Tops", "Knitwear", "Coats", "Shoes", "Jewelry")
CHANNELS = ("Shop", "WeChat", "Marketplace")
DRIVERS = ("driver_quality", "driver_price", "driver_service", "driver_communication")
PRINTING_COST, MESSAGES_COST = 1500.0, 120.0  # on the launch day; each month
POINTS_LAST = np.timedelta64(26 * 7, "D")  # without an order for this long, the balance is lost
WEEKDAYS = np.array([0.90, 0.88, 0.90, 0.95, 1.10, 1.20, 1.07])  # relative demand, Monday first


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a shop is made from. Rates are per customer and week; shares and lifts are fractions."""

    customers: int = 1000  # people, guests included; of those present at the start a few may never order
    lift: float = 0.0  # members' purchase rate is multiplied by 1 + lift from the week after joining
    seed: int = 0
    weeks_before: int = 104
    weeks_after: int = 39
    launched_on: date = date(2025, 3, 3)
    # the market
    rate: float = 0.10  # mean orders of a customer in an ordinary week
    rate_shape: float = 1.5  # of the gamma distribution of personal rates; smaller is more unequal
    dropout: float = 0.01  # mean chance to leave for good each week; differs from person to person
    present: float = 0.3  # share who are customers already when the data begin; the others arrive evenly over time
    season: float = 1.0  # strength of the calendar; 0 is a year without seasons
    trend: float = 0.03  # growth of everybody's rate in a year
    shock: float = 0.08  # standard deviation of the log of a week's common shock
    busy_factor: float = 2.0  # purchase rate in a busy spell over that outside; 1 is no spells
    demand_step: float = 0.0  # everybody's rate is multiplied by 1 + this from the launch on
    basket: float = 180.0  # mean amount of an order
    guests: float = 0.0  # share of people who never leave an id and cannot join
    # who joins: the odds to join at an order are those of join_rate times exp of the weighted terms
    join_rate: float = 0.12  # chance at an order, for somebody of mean rate with one recent order
    latent_weight: float = 0.5  # on log(personal rate / mean rate)
    recent_weight: float = 0.15  # on orders in the 8 weeks before (at most 4), less one
    old_weight: float = 0.0  # on log(1 + orders 27 to 104 weeks before)
    appetite_weight: float = 0.0  # on being in a busy spell, which no data show
    away_rate: float = 0.0  # as join_rate, in weeks without an order
    everyone: bool = False  # all who may are members, from the launch or from their first order on
    holdout: float = 0.0  # share drawn at random who cannot join
    # what membership does beside the lift: nothing where the lift is 0
    life_extension: float = 0.0  # members' drop-out is divided by (1 + lift) to this power
    novelty_half_life: float = float("inf")  # weeks in which the lift halves
    attitude: float = 0.0  # members' satisfaction in the survey after, in standard deviations

    def __post_init__(self):
        for name in ("customers", "rate", "rate_shape", "basket", "busy_factor", "novelty_half_life"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        for name in ("present", "guests", "join_rate", "away_rate", "holdout", "dropout"):
            if not 0 <= getattr(self, name) <= (1 if name == "present" else 0.99):
                raise ValueError(f"{name} must be a share from 0 to 0.99, not {getattr(self, name)!r}")
        if self.lift <= -1 or min(self.weeks_before, self.weeks_after) < 0 or self.weeks == 0:
            raise ValueError("lift must be above -1, and there must be a week before or after the launch")

    @property
    def weeks(self) -> int:
        return self.weeks_before + self.weeks_after

    @property
    def launch(self) -> np.datetime64:
        return np.datetime64(self.launched_on, "D")

    @property
    def end(self) -> np.datetime64:
        """The first day after the data."""
        return self.launch + 7 * self.weeks_after

    def stream(self, purpose: str) -> np.random.Generator:
        """A random stream of its own for each purpose, so that no option disturbs the luck of the others."""
        return np.random.Generator(np.random.PCG64([self.seed, *purpose.encode()]))


# Options of shop(): the eight scenarios that an estimator must survive, then four in which it is known to fail.
SCENARIOS: dict[str, dict] = {
    "none": {"latent_weight": 0.0, "recent_weight": 0.0, "join_rate": 0.15},
    "recent history": {"latent_weight": 0.0, "recent_weight": 0.4},
    "mixed": {},
    "strong latent": {"latent_weight": 1.2, "recent_weight": 0.0},
    "life extension": {"life_extension": 3.0},
    "novelty decay": {"novelty_half_life": 6.0},
    "high joining": {"join_rate": 0.35},
    "stable": {"dropout": 0.0, "busy_factor": 1.0, "present": 0.8, "trend": 0.0},
    "hidden appetite": {"appetite_weight": 1.5, "busy_factor": 3.0},
    "joining away from the till": {"join_rate": 0.05, "away_rate": 0.008},
    "old-history joining": {"latent_weight": 0.0, "recent_weight": 0.0, "old_weight": 0.8, "join_rate": 0.06},
    "demand step": {"demand_step": 0.2},
}


@dataclass(frozen=True)
class Shop:
    """A simulated shop: the canonical tables, and the truth behind them.

    `expected` (customer_id, expected_orders_next_13_weeks): the orders to come from each identified customer after the
    end of the data, given the hidden state at that moment, if nobody else joins. `truth` holds the plan, and what came
    of it: `members`; `lift_13_weeks`, members' expected orders in the 13 whole weeks after the week of joining over
    what they would have been without, less one, over the `members_followed_13_weeks` with all of these weeks in the
    data; `extra_orders`, the expected orders that membership added up to the end of the data; `lift_of_offer`, the
    lift from the launch to the end over all buyers before the launch who may join, members or not: what an experiment
    with a holdout measures. Lifts are nan where nobody is concerned.
    """

    orders: pd.DataFrame
    members: pd.DataFrame
    survey: pd.DataFrame
    points: pd.DataFrame
    referrals: pd.DataFrame
    costs: pd.DataFrame
    assignment: pd.DataFrame | None
    expected: pd.DataFrame
    launched_on: date
    truth: dict

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The canonical tables by name; `assignment` only where there is a holdout."""
        names = ("orders", "members", "survey", "points", "referrals", "costs", "assignment")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def shop(*, customers: int = 1000, lift: float = 0.0, seed: int = 0, weeks_before: int = 104, weeks_after: int = 39,
         **options) -> Shop:
    """A shop with a known truth: `lift` planted on members' purchase rate (0.10 = +10 %), everything else in `options`.

    `options` are the fields of Plan; SCENARIOS holds named sets of them. Times are local, to the minute; amounts have
    two decimals and no particular currency. The same arguments always give the same shop. Raises TypeError for an
    unknown option, ValueError for an impossible one.
    """
    plan = Plan(customers=customers, lift=lift, seed=seed, weeks_before=weeks_before, weeks_after=weeks_after,
                **options)
    life = _live(plan)
    bought = _purchases(plan, life)
    named = bought[bought["customer_id"].notna()]
    first = named.groupby("person")["ordered_at"].min()
    members = _members(plan, life, named)
    return Shop(
        orders=pd.concat([bought, _refunds(plan, bought)]).drop(columns=["person", "week"]).sort_values(
            ["ordered_at", "order_id"], ignore_index=True),
        members=members,
        survey=_survey(plan, life, named, members),
        points=_points(plan, named, members),
        referrals=_referrals(plan, first, members),
        costs=_costs(plan),
        assignment=_assignment(plan, life, first) if plan.holdout else None,
        expected=_expected(plan, life, first.index.to_numpy()),
        launched_on=plan.launched_on,
        truth=asdict(plan) | _truth(plan, life),
    )


# ---------------------------------------------------------------- people and their weeks
@dataclass(frozen=True)
class Life:
    """What people are, one entry each, and what they did; weeks are counted from the start of the data."""

    rate: np.ndarray
    dropout: np.ndarray
    guest: np.ndarray
    held_out: np.ndarray
    satisfaction: np.ndarray  # standard normal
    demand: np.ndarray  # common factor of each week, FOLLOW_UP weeks past the end included
    busy: np.ndarray  # people x weeks
    orders: np.ndarray  # people x weeks
    joined: np.ndarray  # week of joining; past all weeks for those who never did
    alive_at_joining: np.ndarray
    alive_at_end: np.ndarray
    with_program: np.ndarray  # expected orders from the launch on, given the hidden states
    without_program: np.ndarray


def _live(plan: Plan) -> Life:
    n, launch, never = plan.customers, plan.weeks_before, plan.weeks + FOLLOW_UP + 1
    people, luck = plan.stream("people"), {use: plan.stream(use) for use in ("busy", "order", "join", "leave")}
    rate = np.maximum(people.standard_gamma(plan.rate_shape, n) * plan.rate / plan.rate_shape, 1e-9)
    dropout = np.minimum(plan.dropout * people.standard_gamma(2.0, n) / 2, 0.5)
    arrival = np.floor(people.random(n) * plan.weeks)
    arrival = np.sort(np.where(people.random(n) < plan.present, -1, arrival))  # so that ids rise with time
    guest, held_out = people.random(n) < plan.guests, people.random(n) < plan.holdout
    may_join = ~guest & ~held_out
    demand = _demand(plan)
    busy, orders = np.zeros((n, plan.weeks), dtype=bool), np.zeros((n, plan.weeks), dtype=np.int16)
    total = np.zeros((n, plan.weeks + 1), dtype=np.int32)  # orders before each week
    joined, alive_at_joining = np.full(n, never), np.ones(n, dtype=bool)
    alive, alive_without = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    with_program, without_program = np.zeros(n), np.zeros(n)
    spell, enter = luck["busy"].random(n) < BUSY_SHARE, BUSY_SHARE / (1 - BUSY_SHARE) / BUSY_WEEKS
    for t in range(plan.weeks):
        here, arrives = arrival <= t, arrival == t
        spell = luck["busy"].random(n) < np.where(spell, 1 - 1 / BUSY_WEEKS, enter)
        if plan.everyone and t == launch:
            enrolled = may_join & (total[:, t] > 0)
            joined[enrolled], alive_at_joining[enrolled] = t - 1, alive[enrolled]
        base = here * rate * demand[t] * _busy_effect(plan, spell)
        mean = base * alive * _effect(plan, t - joined)
        bought = np.maximum(_poisson(luck["order"].random(n), mean), arrives)  # arriving is ordering
        busy[:, t], orders[:, t], total[:, t + 1] = spell, bought, total[:, t] + bought
        chances, staying = luck["join"].random(n), luck["leave"].random(n)
        if t >= launch:
            with_program, without_program = with_program + mean, without_program + base * alive_without
            free = may_join & alive & (total[:, t + 1] > 0) & (joined == never)
            joined[free & (chances < _chance_to_join(plan, rate, total[:, :t + 2], spell))] = t
        alive &= ~here | (staying >= dropout * np.where(joined <= t, _stay(plan), 1))
        alive_without &= ~here | (staying >= dropout)
    return Life(rate, dropout, guest, held_out, people.standard_normal(n), demand, busy, orders, joined,
                alive_at_joining, alive, with_program, without_program)


def _chance_to_join(plan: Plan, rate: np.ndarray, total: np.ndarray, busy: np.ndarray) -> np.ndarray:
    """Chance of each person to join this week; `total` counts orders before each week, its last column those by now."""
    t = total.shape[1] - 2
    bought = total[:, t + 1] > total[:, t]
    if plan.everyone:
        return bought.astype(float)
    recent = total[:, t] - total[:, max(t - 8, 0)]
    old = total[:, max(t - 26, 0)] - total[:, max(t - 104, 0)]
    base = np.where(bought, plan.join_rate, plan.away_rate)
    odds = base / (1 - base) * np.exp(
        plan.latent_weight * np.log(rate / plan.rate) + plan.recent_weight * (np.minimum(recent, 4) - 1)
        + plan.old_weight * np.log1p(old) + plan.appetite_weight * busy)
    return odds / (1 + odds)


def _poisson(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Poisson counts by inversion: with the same uniforms, a larger mean never gives a smaller count."""
    counts, term = np.zeros(len(mean), dtype=np.int16), np.exp(-mean)
    cumulated = term
    for k in range(1, 200):
        more = uniform > cumulated
        if not more.any():
            break
        counts, term = counts + more, term * mean / k
        cumulated = cumulated + term
    return counts


def _effect(plan: Plan, since: np.ndarray) -> np.ndarray:
    """Rate multiplier of membership, `since` weeks after the week of joining (0 or less: none yet)."""
    return np.where(since >= 1, 1 + plan.lift * 0.5 ** (np.maximum(since - 1, 0) / plan.novelty_half_life), 1.0)


def _stay(plan: Plan) -> float:
    """Multiplier of members' drop-out."""
    return (1 + plan.lift) ** -plan.life_extension


def _busy_effect(plan: Plan, share: np.ndarray) -> np.ndarray:
    """Rate multiplier, of mean 1, for somebody who is in a busy spell with probability `share`."""
    return (1 + (plan.busy_factor - 1) * share) / (1 + (plan.busy_factor - 1) * BUSY_SHARE)


def calendar(days: np.ndarray) -> np.ndarray:
    """Relative demand of each day (datetime64[D]): year, weekday, Singles' Day, Chinese New Year by its true dates."""
    of_year = (days - days.astype("datetime64[Y]")).astype(int)
    of_month = (days - days.astype("datetime64[M]")).astype(int) + 1
    november = days.astype("datetime64[M]").astype(int) % 12 == 10
    wait = (NEW_YEARS - days[:, None]).astype(int)  # days until each New Year
    return (np.exp(0.12 * np.cos(2 * np.pi * (of_year - 340) / 365.25)) * WEEKDAYS[(days.astype(int) + 3) % 7]
            * np.where(november & (of_month <= 10), 1.25, 1) * np.where(november & (of_month == 11), 3, 1)
            * np.where(((wait >= 2) & (wait <= 20)).any(axis=1), 1.35, 1)
            * np.where(((wait >= -6) & (wait <= 1)).any(axis=1), 0.5, 1))


def _days(plan: Plan, weeks: int) -> np.ndarray:
    """Relative demand of the days, weeks x 7."""
    start = plan.launch - 7 * plan.weeks_before
    return (calendar(start + np.arange(7 * weeks)) ** plan.season).reshape(weeks, 7)


def _demand(plan: Plan) -> np.ndarray:
    week = np.arange(plan.weeks + FOLLOW_UP) - plan.weeks_before
    shocks = np.exp(plan.shock * plan.stream("shocks").standard_normal(plan.weeks) - plan.shock**2 / 2)
    return (_days(plan, len(week)).mean(axis=1) * (1 + plan.trend) ** (week / 52)
            * np.where(week >= 0, 1 + plan.demand_step, 1) * np.append(shocks, np.ones(FOLLOW_UP)))


# ---------------------------------------------------------------- the truth
def _truth(plan: Plan, life: Life) -> dict:
    followed = np.flatnonzero(life.joined + FOLLOW_UP < plan.weeks)
    ahead = np.arange(1, FOLLOW_UP + 1)
    weeks = life.joined[followed, None] + ahead
    base = ((life.rate * life.alive_at_joining)[followed, None] * life.demand[weeks]
            * _busy_effect(plan, life.busy[followed[:, None], weeks]))
    dropout = life.dropout[followed, None]
    offered = ~life.guest & ~life.held_out & (life.orders[:, :plan.weeks_before].sum(axis=1) > 0)
    return {
        "members": int((life.joined < plan.weeks).sum()),
        "members_followed_13_weeks": len(followed),
        "lift_13_weeks": _gain(base * (1 - dropout * _stay(plan)) ** ahead * _effect(plan, ahead),
                               base * (1 - dropout) ** ahead),
        "extra_orders": float((life.with_program - life.without_program).sum()),
        "lift_of_offer": _gain(life.with_program[offered], life.without_program[offered]),
    }


def _gain(having: np.ndarray, lacking: np.ndarray) -> float:
    return float(having.sum() / lacking.sum() - 1) if lacking.sum() > 0 else float("nan")


def _expected(plan: Plan, life: Life, known: np.ndarray) -> pd.DataFrame:
    """Orders to come in the weeks after the end, from the people `known`."""
    ahead = np.arange(FOLLOW_UP)
    memory = (1 - 1 / BUSY_WEEKS / (1 - BUSY_SHARE)) ** (ahead + 1)  # of a spell, on its way back to the mean
    busy = BUSY_SHARE + (life.busy[known, -1:] - BUSY_SHARE) * memory
    joined = life.joined[known, None]
    dropout = life.dropout[known, None] * np.where(joined < plan.weeks, _stay(plan), 1)
    orders = ((life.rate * life.alive_at_end)[known, None] * life.demand[plan.weeks + ahead]
              * _busy_effect(plan, busy) * (1 - dropout) ** ahead * _effect(plan, plan.weeks + ahead - joined))
    return pd.DataFrame({"customer_id": _ids("C", known, 5),
                         f"expected_orders_next_{FOLLOW_UP}_weeks": orders.sum(axis=1)})


# ---------------------------------------------------------------- tables
def _ids(letters: str, numbers: np.ndarray, width: int) -> pd.Series:
    return pd.Series([f"{letters}{number:0{width}d}" for number in numbers], dtype="str")


def _times(plan: Plan, weeks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A minute in each of the `weeks`: the day by its demand, the hour between nine and eleven at night."""
    by_day = _days(plan, plan.weeks).cumsum(axis=1)
    luck = rng.random((len(weeks), 3))
    day = (luck[:, :1] > (by_day / by_day[:, -1:])[weeks]).sum(axis=1)
    minute = (60 * (9 + 7 * (luck[:, 1] + luck[:, 2]))).astype(int)
    return ((plan.launch + 7 * (weeks - plan.weeks_before) + day).astype("datetime64[m]") + minute).astype(
        "datetime64[us]")


def _choose(plan: Plan, names: tuple[str, ...], buyer: np.ndarray) -> np.ndarray:
    """One of `names` for each order, by the buyer's own taste; the first names are the more popular."""
    rng = plan.stream(names[0])
    taste = rng.standard_gamma(2.0 / np.arange(1, len(names) + 1), (plan.customers, len(names))).cumsum(axis=1)
    return np.array(names)[(rng.random(len(buyer))[:, None] > (taste / taste[:, -1:])[buyer, :-1]).sum(axis=1)]


def _answers(mean: np.ndarray, low: int, high: int) -> np.ndarray:
    return np.clip(np.round(mean), low, high)


def _purchases(plan: Plan, life: Life) -> pd.DataFrame:
    """The canonical orders by time, without refunds, and two working columns: person and week."""
    week, buyer = np.nonzero(life.orders.T)  # by week, so that later orders do not disturb the luck of earlier ones
    times = life.orders[buyer, week]
    buyer, week = np.repeat(buyer, times), np.repeat(week, times)
    at = _times(plan, week, plan.stream("times"))
    by_time = np.lexsort((buyer, at))
    buyer, week, at, rng = buyer[by_time], week[by_time], at[by_time], plan.stream("baskets")
    taste, noise = rng.standard_normal(plan.customers), rng.standard_normal((len(buyer), 2))
    log_basket = 0.35 * taste[buyer] + 0.5 * noise[:, 0]
    liking = 4.1 + 0.6 * life.satisfaction[buyer] + 0.7 * noise[:, 1]
    return pd.DataFrame({
        "order_id": _ids("S", np.arange(1, len(buyer) + 1), 6),
        "customer_id": _ids("C", buyer, 5).where(~life.guest[buyer]),
        "ordered_at": at,
        "amount": np.round(plan.basket * np.exp(log_basket - (0.35**2 + 0.5**2) / 2), 2),
        "is_refund": False,
        "channel": pd.Series(_choose(plan, CHANNELS, buyer), dtype="str"),
        "category": pd.Series(_choose(plan, CATEGORIES, buyer), dtype="str"),
        "rating": np.where(plan.stream("ratings").random(len(buyer)) < 0.25, _answers(liking, 1, 5), np.nan),
        "person": buyer, "week": week,
    })


def _refunds(plan: Plan, bought: pd.DataFrame) -> pd.DataFrame:
    """Refunds of 3 % of the orders, two thirds of them in full, one to 20 days later where the data reach that far."""
    luck = plan.stream("refunds").random((len(bought), 3))
    chosen, share = luck[:, 0] < 0.03, np.where(luck[:, 1] < 2 / 3, 1.0, 0.5)
    later = np.floor(1 + 20 * luck[:, 2]).astype("timedelta64[D]")
    back = bought.assign(order_id="R" + bought["order_id"].str[1:], ordered_at=bought["ordered_at"] + later,
                         amount=-np.round(bought["amount"] * share, 2), is_refund=True, rating=np.nan)
    return back[chosen & (back["ordered_at"] < plan.end)]


def _members(plan: Plan, life: Life, named: pd.DataFrame) -> pd.DataFrame:
    """Members by time of joining: that of their first order in the week of joining, where there is one."""
    members = pd.DataFrame({"person": np.flatnonzero(life.joined < plan.weeks)})
    members["week"] = life.joined[members["person"]]
    first = named.groupby(["person", "week"], as_index=False)["ordered_at"].min()
    away = _times(plan, members["week"].to_numpy(), plan.stream("away"))
    at = members.merge(first, how="left")["ordered_at"].fillna(pd.Series(away))
    # "joined" in the week before the launch means enrolled at the launch: the lift begins in week 0
    spend = members["person"].map(named.groupby("person")["amount"].sum())
    return pd.DataFrame({
        "customer_id": _ids("C", members["person"], 5),
        "joined_at": at.where(members["week"] >= plan.weeks_before, plan.launch.astype(at.dtype)),
        "left_at": pd.Series(pd.NaT, index=members.index, dtype=at.dtype),
        "tier": pd.Series(np.where(spend >= 10 * plan.basket, "Gold", "Silver"), dtype="str"),
    }).sort_values(["joined_at", "customer_id"], ignore_index=True)


def _points(plan: Plan, named: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """The ledger: one point per unit spent, burnt in hundreds at an order, lost after 26 weeks without an order.

    Burnt and expired points are negative: the sum is the balance.
    """
    visits = named.merge(members[["customer_id", "joined_at"]]).query("ordered_at >= joined_at")
    visits = visits.assign(burns=plan.stream("points").random(len(visits)) < 0.4).sort_values(
        ["customer_id", "ordered_at"], kind="stable")
    until = visits.groupby("customer_id")["ordered_at"].shift(-1).fillna(pd.Timestamp(plan.end))
    rows, owner, balance = [], "", 0
    for customer, at, following, spent, burns in zip(visits["customer_id"], visits["ordered_at"].to_numpy(),
                                                     until.to_numpy(), visits["amount"].astype(int), visits["burns"],
                                                     strict=True):
        owner, balance = customer, balance if customer == owner else 0
        if burns and balance >= 200:
            rows.append((customer, at, "burn", -(balance // 100 * 100)))
            balance %= 100
        rows.append((customer, at, "earn", spent))
        balance += spent
        if balance and at + POINTS_LAST < following:
            rows.append((customer, at + POINTS_LAST, "expire", -balance))
            balance = 0
    ledger = pd.DataFrame(rows, columns=["customer_id", "at", "kind", "points"]).astype(
        {"customer_id": "str", "at": "datetime64[us]", "kind": "str", "points": "float64"})
    return ledger.sort_values(["at", "customer_id"], kind="stable", ignore_index=True)


def _referrals(plan: Plan, first: pd.Series, members: pd.DataFrame) -> pd.DataFrame:
    """Members name friends: some newcomers, in the week before their first order, and others who never come.

    A referral brings nobody who would not have come anyway, so that it leaves every other truth alone.
    """
    rng = plan.stream("referrals")
    came = first[(first >= plan.launch) & (rng.random(len(first)) < 0.2)]
    never_came = plan.customers + np.arange(len(came) // 2)
    weeks = plan.weeks_before + (rng.random(len(never_came)) * plan.weeks_after).astype(int)
    at = np.append(came.to_numpy() - (rng.random(len(came)) * 7 * 1440).astype("timedelta64[m]"),
                   _times(plan, weeks, rng))
    members_then = np.searchsorted(members["joined_at"].to_numpy(), at)
    chosen, possible = (rng.random(len(at)) * members_then).astype(int), members_then > 0
    return pd.DataFrame({
        "referrer_id": members["customer_id"].iloc[chosen[possible]].array,
        "referee_id": _ids("C", np.append(came.index, never_came)[possible], 5),
        "at": at[possible],
    }).sort_values(["at", "referee_id"], ignore_index=True)


def _survey(plan: Plan, life: Life, named: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Two waves of four weeks, up to the launch and up to the end, among the buyers of the half-year before them.

    The satisfied answer more often; an eighth of the answers come without an id. nps 0..10, csat and drivers 1..5,
    ces 1..7 (7: no effort). A wave needs four weeks of data.
    """
    rng, waves = plan.stream("survey"), []
    for wave, close, weeks in (("before", plan.launch, plan.weeks_before), ("after", plan.end, plan.weeks_after)):
        start = close - 28
        person = np.unique(named.loc[named["ordered_at"].between(start - 182, start), "person"])
        ids, n = _ids("C", person, 5), len(person)
        joined = members.loc[members["joined_at"] < start, "customer_id"]
        mood = life.satisfaction[person] + plan.attitude * ids.isin(joined)
        noise = rng.standard_normal((3 + len(DRIVERS), n))
        minute = (rng.random(n) * 28 * 1440).astype("timedelta64[m]")
        answers = pd.DataFrame({
            "answered_at": start.astype("datetime64[us]") + minute,
            "wave": pd.Series([wave] * n, dtype="str"),
            "customer_id": ids.where(rng.random(n) < 7 / 8),
            "nps": _answers(7.7 + 1.3 * mood + 1.4 * noise[0], 0, 10),
            "csat": _answers(4.0 + 0.5 * mood + 0.5 * noise[1], 1, 5),
            "ces": _answers(5.3 + 0.4 * mood + 1.1 * noise[2], 1, 7),
            **{name: _answers(3.9 + 0.35 * mood + 0.8 * own, 1, 5)
               for name, own in zip(DRIVERS, noise[3:], strict=True)}})
        waves.append(answers[(rng.random(n) < 0.35 / (1 + np.exp(-0.5 * mood))) & (weeks >= 4)])
    return pd.concat(waves).sort_values("answered_at", kind="stable", ignore_index=True)


def _assignment(plan: Plan, life: Life, first: pd.Series) -> pd.DataFrame:
    """Everybody known at the launch is assigned then, newcomers at their first order."""
    return pd.DataFrame({
        "customer_id": _ids("C", first.index, 5),
        "arm": pd.Series(np.where(life.held_out[first.index], "holdout", "program"), dtype="str"),
        "assigned_at": first.clip(lower=pd.Timestamp(plan.launch)).to_numpy(),
    })


def _costs(plan: Plan) -> pd.DataFrame:
    """What comes on top of the costs that a client's settings name: printing at the launch, messages each month."""
    months = pd.date_range(plan.launch, plan.end, freq=pd.DateOffset(months=1), inclusive="left", unit="us")
    printing, messages = ([(day, kind, cost) for day in days] for days, kind, cost in (
        (months[:1], "printing", PRINTING_COST), (months, "messages", MESSAGES_COST)))
    return pd.DataFrame(printing + messages, columns=["date", "kind", "amount"]).astype(
        {"date": "datetime64[us]", "kind": "str", "amount": "float64"})


# ---------------------------------------------------------------- the sample client
# The seed is the launch date, fixed before the first run, not picked for a nice result.
SAMPLE = {"customers": 4000, "lift": 0.12, "seed": 20250303, "guests": 0.12, "attitude": 0.2}
# Two order exports: the first ends where the year does, the second was begun a month early.
OVERLAP = (pd.Timestamp("2024-12-02"), pd.Timestamp("2025-01-01"))
HEADERS = {
    "orders": {"order_id": "Order No", "customer_id": "Customer", "ordered_at": "Paid at", "amount": "Amount (CNY)",
               "status": "Status", "channel": "Channel", "category": "Category", "rating": "Stars"},
    "members": {"customer_id": "Customer", "joined_at": "Joined at", "tier": "Level"},
    "survey": {"answered_at": "Answered at", "wave": "Wave", "customer_id": "Customer", "nps": "Recommend (0-10)",
               "csat": "Satisfaction (1-5)", "ces": "Ease (1-7)",
               **{name: f"{name.removeprefix('driver_').capitalize()} (1-5)" for name in DRIVERS}},
    "points": {"customer_id": "Customer", "at": "Time", "kind": "Type", "points": "Points"},
    "referrals": {"referrer_id": "Referred by", "referee_id": "Friend", "at": "Time"},
    "costs": {"date": "Date", "kind": "Item", "amount": "Amount (CNY)"},
}


def write_sample(folder: Path | str) -> None:
    """Write the exports of the sample client, and truth.yml, into `folder`: always the same bytes.

    The warts of real exports are built in, and counted in truth.yml. The hand-written client.yml and README.md of
    data/sample are left alone.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sample = shop(**SAMPLE)
    orders = _with_warts(sample.orders)
    early, late = orders["ordered_at"] < OVERLAP[1], orders["ordered_at"] >= OVERLAP[0]
    for name, frame in {**sample.frames, "orders_2023-2024": orders[early], "orders_2024-2025": orders[late]}.items():
        if name != "orders":
            _export(frame, HEADERS[name.partition("_")[0]]).to_csv(folder / f"{name}.csv", index=False,
                                                                   lineterminator="\n")
    kept, ids = sample.orders, orders["customer_id"].dropna()
    truth = {
        "exports": {  # rows, in both files together unless said otherwise
            "read": int(early.sum() + late.sum()),
            "read_by_file": {"orders_2023-2024.csv": int(early.sum()), "orders_2024-2025.csv": int(late.sum())},
            "in_both_files": int((early & late).sum()),
            "duplicates_within_a_file": int(orders.duplicated().sum()),
            "cancelled": int((orders["status"] == "Cancelled").sum()),
            "test_orders": int(orders["order_id"].str.startswith("TEST").sum()),
            "ids_with_stray_blanks": int((ids != ids.str.strip()).sum()),
            "kept": len(kept),
            "kept_refunds": int(kept["is_refund"].sum()),
            "kept_without_customer": int(kept["customer_id"].isna().sum()),
            "kept_orders_without_rating": int(kept.loc[~kept["is_refund"], "rating"].isna().sum()),
            "kept_amount": round(float(kept["amount"].sum()), 2),
        },
        "shop": {name: round(value, 4) if isinstance(value, float) else value for name, value in sample.truth.items()},
    }
    (folder / "truth.yml").write_text(
        "# What is true of the sample client: rows and warts of its exports, then the shop behind them (simulate.py).\n"
        + yaml.safe_dump(truth, sort_keys=False), encoding="utf-8", newline="\n")


def _with_warts(orders: pd.DataFrame) -> pd.DataFrame:
    """Orders as an export has them, by time: with cancelled and test orders, duplicates, stray blanks in ids.

    No wart lies in the time that both files cover, so that each row has one reason only to be set aside.
    """
    rng = np.random.Generator(np.random.PCG64([SAMPLE["seed"], *b"warts"]))
    paid = orders.assign(status=np.where(orders["is_refund"], "Refunded", "Paid"))
    usable = paid[~paid["ordered_at"].between(*OVERLAP) & ~paid["is_refund"] & paid["customer_id"].notna()]
    cancelled, tests, twice, front, back = (
        usable.loc[rows] for rows in np.split(rng.permutation(usable.index)[:770], [350, 390, 550, 660]))
    paid.loc[front.index, "customer_id"] = " " + front["customer_id"]
    paid.loc[back.index, "customer_id"] = back["customer_id"] + " "
    cancelled = cancelled.assign(status="Cancelled", rating=np.nan,
                                 order_id=_ids("S", len(orders) + 1 + np.arange(len(cancelled)), 6).array)
    tests = tests.assign(customer_id="C99999", amount=0.01, rating=np.nan,
                         order_id=_ids("TEST", 1 + np.arange(len(tests)), 3).array)
    return pd.concat([paid, cancelled, tests, twice]).sort_values(["ordered_at", "order_id"], ignore_index=True)


def _export(frame: pd.DataFrame, headers: dict[str, str]) -> pd.DataFrame:
    """Columns and cells as an export prints them: times to the minute, money to the cent, answers as whole numbers."""
    text = frame[list(headers)].copy()
    for name in text:
        if name == "amount":
            text[name] = text[name].map("{:.2f}".format)
        elif pd.api.types.is_float_dtype(text[name]):
            text[name] = text[name].astype("Int64")
        elif pd.api.types.is_datetime64_dtype(text[name]):
            text[name] = text[name].dt.strftime("%Y-%m-%d" if name == "date" else "%Y-%m-%d %H:%M")
    return text.rename(columns=headers)
