"""Shops with a known truth: to try an estimator on, to teach with, and to make the embedded sample client.

How they are lived is told in `life`; here stand the tables that a shop leaves, and the kinds of shop of the study.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.calendar import NEW_YEARS  # noqa: F401
from loyalty_helpers.lab.life import FOLLOW_UP, Life, Plan, days, expected, live, truth

CATEGORIES = ("Dresses", "Tops", "Knitwear", "Coats", "Shoes", "Jewelry")
CHANNELS = ("Shop", "WeChat", "Marketplace")
DRIVERS = ("driver_quality", "driver_price", "driver_service", "driver_communication")
PRINTING_COST, MESSAGES_COST = 1500.0, 120.0  # on the launch day; each month
POINTS_LAST = np.timedelta64(26 * 7, "D")  # without an order for this long, the balance is lost
# the sample client; the seed is the launch date, fixed before the first run, not picked for a nice result
SAMPLE = {"customers": 4000, "lift": 0.12, "seed": 20250303, "guests": 0.12, "attitude": 0.2}
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
    life = live(plan)
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
        expected=pd.DataFrame({"customer_id": ids("C", first.index, 5), f"expected_orders_next_{FOLLOW_UP}_weeks":
                               expected(plan, life, first.index.to_numpy())}),
        launched_on=plan.launched_on,
        truth=asdict(plan) | truth(plan, life),
    )


# ---------------------------------------------------------------- tables
def ids(letters: str, numbers: np.ndarray, width: int) -> pd.Series:
    """Names of things by number: ids("C", [7], 5) is "C00007"."""
    return pd.Series([f"{letters}{number:0{width}d}" for number in numbers], dtype="str")


def _times(plan: Plan, weeks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A minute in each of the `weeks`: the day by its demand, the hour between nine and eleven at night."""
    by_day = days(plan, plan.weeks).cumsum(axis=1)
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
        "order_id": ids("S", np.arange(1, len(buyer) + 1), 6),
        "customer_id": ids("C", buyer, 5).where(~life.guest[buyer]),
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
        "customer_id": ids("C", members["person"], 5),
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
        "referee_id": ids("C", np.append(came.index, never_came)[possible], 5),
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
        who, n = ids("C", person, 5), len(person)
        joined = members.loc[members["joined_at"] < start, "customer_id"]
        mood = life.satisfaction[person] + plan.attitude * who.isin(joined)
        noise = rng.standard_normal((3 + len(DRIVERS), n))
        minute = (rng.random(n) * 28 * 1440).astype("timedelta64[m]")
        answers = pd.DataFrame({
            "answered_at": start.astype("datetime64[us]") + minute,
            "wave": pd.Series([wave] * n, dtype="str"),
            "customer_id": who.where(rng.random(n) < 7 / 8),
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
        "customer_id": ids("C", first.index, 5),
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
