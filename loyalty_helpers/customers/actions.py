"""Actions: whom to turn to first, and what that is worth.

Everything here but the counts is about persons: lists are for the client's private folder only.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import DAY, YEAR
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers import rhythm
from loyalty_helpers.customers.buyers import buyers
from loyalty_helpers.customers.concentration import heaviest
from loyalty_helpers.customers.levels import LATE

FIRST_CALLS = 20  # customers: what one person can write to in a week
MINUTES = 10  # of a call
HORIZON = 91  # days that the forecast looks ahead: 13 weeks
LIKELY, SURE = 0.2, 0.95  # chance still to be a customer: below most likely gone, above in no need of a call
LONG = 182  # days of silence: who has been away for longer is left alone, however sure a forecast
MOST_IN_DOUBT = 0.25  # what p (1 - p) is at most, whatever the chance p
GONE = 9  # usual gaps past due, ten of silence: more, and no call reaches them where no chance can be told
COLUMNS = ("customer_id", "segment", "value_group", "score", "level", "last_order", "recency_days", "orders", "spend",
           "spend_last_year", "order_value", "days_bought", "usual_gap_days", "gaps_overdue", "expected_orders",
           "chance_to_buy", "still_customer", "usual_value", "value_at_risk", "value_of_acting", "action_for")
OF_FORECAST = ["expected_orders", "chance_to_buy", "still_customer", "usual_orders", "order_value"]


def action_list(customers: pd.DataFrame, assigned: pd.DataFrame, paces: pd.DataFrame, forecast: pd.DataFrame, *,
                opt_outs: pd.DataFrame | None, gross_margin: float | None = None,
                horizon_days: int = HORIZON) -> pd.DataFrame:
    """Whom to turn to first: COLUMNS, one row per scored customer who may be contacted, best first. Personal data.

    Whoever stands in `opt_outs` (canonical, None without such a list) is left out. `assigned`: customer_id, segment,
    value_group, score, level. `paces` as from `rhythm.rhythm`. `forecast` as `forecast.outlook(...).customers`, over
    `horizon_days`. Money is in the client's currency: `gross_margin` of it where that is known, revenue else.

    usual_value is what the customer would bring in the horizon at the usual pace: usual orders x value of an order
    (x margin). With p the chance that they are still a customer,

        value_at_risk = usual_value x (1 - p), what is lost if they stay away;
        value_of_acting = value_at_risk x p, for who is late, silent for LONG days at most, and has a p from LIKELY to
        SURE; nothing for the others.

    The sure ones need no call and the lost ones do not answer: p (1 - p) is nil for both. Of the first 20 in simulated
    shops (1,500 customers, 20 shops of two kinds) 60 % are truly still customers, and the others hold what left lately:
    without the bounds 54 % are; with narrower ones (p from 0.5, six usual gaps) 72 %, but a third of the money of who
    left within half a year is no longer among them.
    Late is whoever has been silent for longer than the usual gap; with fewer than five days bought, than
    the gap that the pace of the forecast implies. A model may doubt a good customer on the day after an order (the
    BG/NBD does); a person would not. Both values are rough, and say nothing about what a call achieves.

    One order tells nothing of staying: still_customer and value_at_risk are missing for who bought on one day only.

    Where no chance is known at all (a forecast without drop-out), usual_value is what they spent in the last 364 days,
    scaled to the horizon; value_at_risk is missing; value_of_acting is a quarter of the usual value, the most that
    p (1 - p) can be, for overdue regulars (`rhythm.overdue`) silent for ten usual gaps at most; and of overdue ones the
    forecast's orders and chance to buy are missing, as it supposes that nobody leaves.

    Whoever is worth a call gets the one action of overdue regulars, all others that of their segment: `action_for`
    names it. The list is sorted by value_of_acting, then spend_last_year, then customer_id.
    """
    kept = buyers(customers)[["customer_id", "last_order_at", "orders", "spend"]]
    if opt_outs is not None:
        kept = kept[~kept["customer_id"].isin(opt_outs["customer_id"])]
    listed = (kept.merge(assigned[["customer_id", "segment", "value_group", "score", "level"]], on="customer_id")
              .merge(paces, on="customer_id")
              .merge(forecast[["customer_id", *OF_FORECAST]], on="customer_id", how="left"))
    listed = listed.assign(last_order=listed["last_order_at"].dt.date,
                           order_value=listed["order_value"].fillna(listed["spend"] / listed["orders"]))
    listed = listed.assign(**_told_by_forecast(listed))
    listed = listed.assign(**_values(listed, 1.0 if gross_margin is None else gross_margin, horizon_days))
    listed = listed.assign(action_for=listed["segment"].mask(listed["value_of_acting"] > 0, LATE))
    listed = listed.sort_values(["value_of_acting", "spend_last_year", "customer_id"], ascending=[False, False, True])
    return listed.reset_index(drop=True)[list(COLUMNS)]


def _told_by_forecast(listed: pd.DataFrame) -> dict[str, pd.Series]:
    """The columns of the forecast without what it cannot tell."""
    still = listed["still_customer"].mask(listed["days_bought"] < 2)
    if still.notna().any():
        return {"still_customer": still}
    unsure = rhythm.overdue(listed)
    return {"still_customer": still} | {name: listed[name].mask(unsure) for name in ("expected_orders",
                                                                                   "chance_to_buy")}


def _values(listed: pd.DataFrame, margin: float, horizon_days: int) -> dict[str, pd.Series]:
    """usual_value, value_at_risk, value_of_acting; to the cent, so that equal customers are equal."""
    still = listed["still_customer"]
    if still.notna().any():
        usual = (listed["usual_orders"] * listed["order_value"] * margin).clip(lower=0).fillna(0)
        gap = listed["usual_gap_days"].fillna(horizon_days / listed["usual_orders"].where(listed["usual_orders"] > 0))
        at_risk = usual * (1 - still)
        late = listed["recency_days"].gt(gap) & listed["recency_days"].le(LONG)
        acting = (at_risk * still).where(late & still.between(LIKELY, SURE), 0.0)
    else:
        usual = (listed["spend_last_year"] * margin * horizon_days / (YEAR // DAY)).clip(lower=0)
        at_risk = pd.Series(NAN, index=listed.index)
        acting = (usual * MOST_IN_DOUBT).where(rhythm.overdue(listed) & (listed["gaps_overdue"] <= GONE), 0.0)
    return {"usual_value": usual.round(2), "value_at_risk": at_risk.round(2), "value_of_acting": acting.round(2)}


# ---------------------------------------------------------------- what may be published: counts and sentences
def how_sorted(listed: pd.DataFrame, *, gross_margin: float | None, horizon_days: int = HORIZON) -> Message:
    """What the list is sorted by."""
    if listed["still_customer"].notna().any():
        return message("list-by-doubt", **_ahead(gross_margin, horizon_days), long=rhythm.span(LONG))
    return message("list-by-overdue", **_ahead(gross_margin, horizon_days), gaps=GONE + 1,
                   share=Number(MOST_IN_DOUBT, "share", 0))


def _ahead(gross_margin: float | None, horizon_days: int) -> dict[str, str | int]:
    """What money is counted, and for how many weeks."""
    return {"money": "revenue" if gross_margin is None else "margin", "weeks": round(horizon_days / 7)}


def first(listed: pd.DataFrame) -> pd.DataFrame:
    """The customers to call: the head of the list, FIRST_CALLS at most, of those whom it is worth anything to call."""
    return listed[listed["value_of_acting"] > 0].head(FIRST_CALLS)


def worth(listed: pd.DataFrame, *, currency: str, gross_margin: float | None = None,
          horizon_days: int = HORIZON) -> Finding:
    """The value of acting of all customers of the list together, to two significant digits, because it rests on a
    forecast for each of them. Unlike the value at risk it leaves out what is as good as lost. Where no chance is known
    it is an upper bound, and the label says so."""
    doubtful = listed[listed["value_of_acting"] > 0]
    about = "none" if doubtful.empty else "roughly" if listed["still_customer"].notna().any() else "at-most"
    return Finding(label=message("worth-acting", **_ahead(gross_margin, horizon_days), about=about), unit=currency,
                   n=len(doubtful), note=message("nobody-to-call") if doubtful.empty else "",
                   estimate=_rough(doubtful["value_of_acting"].sum()) if len(doubtful) else NAN)


def _rough(value: float) -> float:
    """To two significant digits."""
    return float(f"{value:.1e}")


def by_segment(listed: pd.DataFrame) -> pd.DataFrame:
    """Per RFM segment that occurs: segment, customers, late (and worth a call), first_calls (of the FIRST_CALLS),
    value_at_risk (missing where it is for all) and value_of_acting (both to two significant digits); most worth acting
    on first."""
    called = listed.index.isin(first(listed).index)
    table = listed.assign(late=listed["value_of_acting"] > 0, called=called).groupby("segment", sort=True).agg(
        customers=("customer_id", "size"), late=("late", "sum"), first_calls=("called", "sum"),
        value_at_risk=("value_at_risk", lambda values: values.sum(min_count=1)),
        value_of_acting=("value_of_acting", "sum")).reset_index()
    table = table.sort_values(["value_of_acting", "segment"], ascending=[False, True], ignore_index=True)
    return table.assign(**{name: [_rough(value) for value in table[name]] for name in (
        "value_at_risk", "value_of_acting")})


def reach(listed: pd.DataFrame) -> pd.DataFrame:
    """How much of all that is worth acting on the first calls reach: calls (0, 1, 2, ...), share, step (customers
    between a row and the one before)."""
    worth = listed.loc[listed["value_of_acting"] > 0, "value_of_acting"].to_numpy()
    share = np.concatenate([[0.0], np.cumsum(worth)]) / (worth.sum() or 1.0)
    return pd.DataFrame({"calls": np.arange(len(share)), "share": share, "step": np.arange(len(share)).clip(max=1)})


def call_cost(listed: pd.DataFrame, shop: Client, *, horizon_days: int = HORIZON) -> Message | None:
    """What a call costs in the owner's time, and how many of the first calls must bring somebody back to pay for it;
    None where no hourly rate is known or nobody is to be called."""
    rate, called = shop.program.owner_hourly_rate, first(listed)
    if not rate > 0 or called.empty:
        return None
    cost, gain = rate * MINUTES / 60, called["usual_value"].mean()
    key = "call-dearer" if gain <= cost else "call-pays-one" if len(called) == 1 else "call-pays"
    return message(
        key, minutes=MINUTES, cost=Number(cost, shop.currency), gain=Number(gain, shop.currency), calls=len(called),
        enough=math.ceil(len(called) * cost / gain) if gain > cost else 0,
        **_ahead(shop.program.gross_margin, horizon_days)).resting(Persons(len(called)))


def look_after(customers: pd.DataFrame) -> pd.DataFrame:
    """The one customer who alone brings much of the revenue (`scoring.heaviest`): one row of `customers`, or none.
    `customers` needs spend."""
    spend = customers["spend"].clip(lower=0).sort_values(ascending=False, kind="stable")
    return customers.loc[spend.index[:1 if len(spend) and heaviest(spend.to_numpy()) else 0]]


def look_after_sentence(customers: pd.DataFrame, paces: pd.DataFrame) -> Message | None:
    """What the owner has to know of the one customer who brings much of the revenue; None without one."""
    bought = buyers(customers)
    heavy = look_after(bought)
    if heavy.empty:
        return None
    spend, (one,) = bought["spend"].clip(lower=0), heavy.merge(paces[["customer_id", "usual_gap_days"]]).itertuples()
    return message("one-customer-alone", share=Number(spend.max() / spend.sum(), "share", 0),
                   **next_order(one)).resting(Persons(1))


def next_order(one) -> dict[str, Message | str]:
    """When the next order of a customer (usual_gap_days, recency_days) is due: `usual`, `every` and `ago`."""
    unknown = math.isnan(one.usual_gap_days)
    return {"usual": "no" if unknown else "yes", "every": "" if unknown else rhythm.every(one.usual_gap_days),
            "ago": rhythm.span(one.recency_days)}


def at_stake(listed: pd.DataFrame, shop: Client, *, horizon_days: int = HORIZON) -> Message | None:
    """How much of the next weeks hangs on the first calls: "about €260 of margin of the next 13 weeks", to two digits;
    "at most" that where no chance is known (`action_list`); None without such calls."""
    called = first(listed)
    if called.empty:
        return None
    about = "about" if listed["still_customer"].notna().any() else "at-most"
    return message("at-stake", about=about, value=Number(_rough(called["value_of_acting"].sum()), shop.currency),
                   **_ahead(shop.program.gross_margin, horizon_days))


def opted_out(customers: pd.DataFrame, opt_outs: pd.DataFrame | None) -> Message:
    """Who is left out of the list because they must not be contacted, with counts only."""
    if opt_outs is None:
        return message("opt-outs-no-list")
    asked = opt_outs["customer_id"].drop_duplicates()
    known = int(asked.isin(buyers(customers)["customer_id"]).sum())
    unknown = len(asked) - known
    return message("opt-outs", known=Persons(known), unknown=Persons(unknown), some="yes" if known else "no",
                   others="yes" if unknown else "no")
