"""How a simulated shop is lived: people, their weeks, and the truth of what the program did to them.

A shop is lived week by week, in 7-day blocks counted from the launch (week 0). A customer has a personal purchase rate
(gamma), busy spells, and a chance to drop out each week; season, trend and shocks are common to all. People join the
program **at an order**, the heavy and recently active ones more often, so every naive comparison of members is wrong
even where the program does nothing. Membership multiplies the purchase rate from the week after joining on.

Each part draws from its own random stream, so two shops that differ in `lift` alone share all their luck: they are
the same up to the week of the first joiner, and differ afterwards by what the program did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from loyalty_helpers.core.calendar import NEW_YEARS

FOLLOW_UP = 13  # weeks over which lifts and expectations are told
BUSY_SHARE, BUSY_WEEKS = 0.15, 6.0  # customers in a busy spell at any time; the mean length of a spell in weeks
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


def live(plan: Plan) -> Life:
    """The weeks of a shop, from the first of the data to the last."""
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


def days(plan: Plan, weeks: int) -> np.ndarray:
    """Relative demand of the days, weeks x 7."""
    start = plan.launch - 7 * plan.weeks_before
    return (calendar(start + np.arange(7 * weeks)) ** plan.season).reshape(weeks, 7)


def _demand(plan: Plan) -> np.ndarray:
    week = np.arange(plan.weeks + FOLLOW_UP) - plan.weeks_before
    shocks = np.exp(plan.shock * plan.stream("shocks").standard_normal(plan.weeks) - plan.shock**2 / 2)
    return (days(plan, len(week)).mean(axis=1) * (1 + plan.trend) ** (week / 52)
            * np.where(week >= 0, 1 + plan.demand_step, 1) * np.append(shocks, np.ones(FOLLOW_UP)))


# ---------------------------------------------------------------- the truth
def truth(plan: Plan, life: Life) -> dict:
    """What came of the plan, by the names in `simulate.Shop`."""
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


def expected(plan: Plan, life: Life, known: np.ndarray) -> np.ndarray:
    """Orders to come in the weeks after the end from each of the people `known`, given what they hide."""
    ahead = np.arange(FOLLOW_UP)
    memory = (1 - 1 / BUSY_WEEKS / (1 - BUSY_SHARE)) ** (ahead + 1)  # of a spell, on its way back to the mean
    busy = BUSY_SHARE + (life.busy[known, -1:] - BUSY_SHARE) * memory
    joined = life.joined[known, None]
    dropout = life.dropout[known, None] * np.where(joined < plan.weeks, _stay(plan), 1)
    orders = ((life.rate * life.alive_at_end)[known, None] * life.demand[plan.weeks + ahead]
              * _busy_effect(plan, busy) * (1 - dropout) ** ahead * _effect(plan, plan.weeks + ahead - joined))
    return orders.sum(axis=1)
