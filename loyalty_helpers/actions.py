"""Actions: whom to turn to first, why, and what to do for each segment.

Everything here but the counts is about persons: lists are for the client's private folder only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from loyalty_helpers import privacy, rhythm
from loyalty_helpers.client import Client
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.findings import NAN, Finding, amount, capital, count
from loyalty_helpers.scoring import LATE, SCHEMES, YEAR, buyers, heaviest

ACTIONS = Path(__file__).with_name("actions.csv")
FIRST_CALLS = 20  # customers: what one person can write to in a week
MINUTES = 10  # of a call
HORIZON = 91  # days that the forecast looks ahead: 13 weeks
LIKELY, SURE = 0.2, 0.95  # chance still to be a customer: below most likely gone, above in no need of a call
LONG = 182  # days of silence: who has been away for longer is left alone, however sure a forecast
MOST_IN_DOUBT = 0.25  # what p (1 - p) is at most, whatever the chance p
GONE = 9  # usual gaps past due, ten of silence: more, and no call reaches them where no chance can be told
NOBODY_TO_CALL = "no customer is both late for an order and perhaps still one"
COLUMNS = ("customer_id", "segment", "value_group", "score", "level", "last_order", "recency_days", "orders", "spend",
           "spend_last_year", "order_value", "days_bought", "usual_gap_days", "gaps_overdue", "expected_orders",
           "chance_to_buy", "still_customer", "usual_value", "value_at_risk", "value_of_acting", "reason", "action")
OF_FORECAST = ["expected_orders", "chance_to_buy", "still_customer", "usual_orders", "order_value"]


def load_actions(folder: Path | None = None) -> pd.DataFrame:
    """What to do for each segment: scheme, segment, action; `actions.csv` in the client's `folder` replaces lines.

    The client's file has the same three columns and only the lines to be changed; a blank action keeps the standard
    one. Raises UserError for unknown columns, schemes or segments.
    """
    standard = pd.read_csv(ACTIONS, dtype="str", keep_default_na=False)
    own = Path(folder) / "actions.csv" if folder is not None else None
    if own is None or not own.exists():
        return standard
    try:
        changed = pd.read_csv(own, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{own.name} cannot be read: save it as CSV in UTF-8 with the columns scheme, segment, action "
                        f"({error}).") from None
    if list(changed.columns) != list(standard.columns):
        raise UserError(f"{own.name} has the columns {', '.join(changed.columns)}; needed: scheme, segment, action.")
    for row, (scheme, segment) in enumerate(zip(changed["scheme"], changed["segment"], strict=True), start=2):
        column, word, known = (("segment", segment, SCHEMES[scheme][1]) if scheme in SCHEMES
                               else ("scheme", scheme, SCHEMES))
        if word not in known:
            raise UserError(f"{own.name}, row {row}, column {column}: '{word}' is not one of {', '.join(known)}."
                            f"{suggest(word, known)}")
    changed = changed[changed["action"].str.strip() != ""]
    return pd.concat([standard, changed]).drop_duplicates(["scheme", "segment"], keep="last", ignore_index=True)


def action_list(customers: pd.DataFrame, assigned: pd.DataFrame, paces: pd.DataFrame, forecast: pd.DataFrame, *,
                actions: pd.DataFrame, opt_outs: pd.DataFrame | None, gross_margin: float | None = None,
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

    Where no chance is known at all (a forecast without drop-out), usual_value is what they spent in the last 365 days,
    scaled to the horizon; value_at_risk is missing; value_of_acting is a quarter of the usual value, the most that
    p (1 - p) can be, for overdue regulars (`rhythm.overdue`) silent for ten usual gaps at most; and of overdue ones the
    forecast's orders and chance to buy are missing, as it supposes that nobody leaves.

    Whoever is worth a call gets the one action of overdue regulars, all others that of their segment. The list is
    sorted by value_of_acting, then spend_last_year, then customer_id.
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
    todo = actions[actions["scheme"] == "RFM segment"].set_index("segment")["action"]
    listed = listed.assign(action=listed["segment"].map(todo).mask(listed["value_of_acting"] > 0,
                                                                        _action_if_late(actions)),
                           reason=_reasons(listed))
    listed = listed.sort_values(["value_of_acting", "spend_last_year", "customer_id"], ascending=[False, False, True])
    return listed.reset_index(drop=True)[list(COLUMNS)]


def _action_if_late(actions: pd.DataFrame) -> str:
    return actions.loc[actions["segment"] == LATE, "action"].iloc[0]


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
        usual = (listed["spend_last_year"] * margin * horizon_days / YEAR).clip(lower=0)
        at_risk = pd.Series(NAN, index=listed.index)
        acting = (usual * MOST_IN_DOUBT).where(rhythm.overdue(listed) & (listed["gaps_overdue"] <= GONE), 0.0)
    return {"usual_value": usual.round(2), "value_at_risk": at_risk.round(2), "value_of_acting": acting.round(2)}


# ---------------------------------------------------------------- the reason in words
def _reasons(listed: pd.DataFrame) -> pd.Series:
    """Why somebody stands where they stand: what they did, and how that compares with their own habit."""
    ago = _each(listed["recency_days"], rhythm.span) + " ago"
    several = "bought " + _each(listed["orders"], lambda n: f"{int(n)} times") + ", last " + ago
    usual = "usually buys " + _each(listed["usual_gap_days"], rhythm.every)
    silent = ", silent for " + _each(listed["recency_days"], rhythm.span)
    late, overdue = listed["gaps_overdue"] > 0, listed["gaps_overdue"] >= rhythm.OVERDUE
    regular = (usual + silent + ": late").where(late, usual + ", last bought " + ago)
    regular = regular.mask(overdue, usual + silent + ": overdue")
    return several.mask(listed["orders"] == 1, "bought once, " + ago).mask(listed["usual_gap_days"].notna(), regular)


def _each(values: pd.Series, words: Callable[[float], str]) -> pd.Series:
    """Words for each value; each distinct one is put in words once. "" where it is missing."""
    codes, distinct = pd.factorize(values)
    texts = pd.array([*(words(one) for one in distinct.tolist()), ""], dtype="str")
    return pd.Series(texts.take(codes), index=values.index)


# ---------------------------------------------------------------- what may be published: counts and sentences
def how_sorted(listed: pd.DataFrame, *, gross_margin: float | None, horizon_days: int = HORIZON) -> str:
    """What the list is sorted by, in plain words."""
    money = "margin" if gross_margin is not None else "revenue"
    weeks = count(round(horizon_days / 7), "week")
    if listed["still_customer"].notna().any():
        return (f"Sorted by what is worth a call: the {money} that a late customer would bring in the next {weeks} at "
                "their usual pace, times the chance that they have left, times the chance that they have not. Who is "
                "sure to come needs no call; who has most likely left, or has been silent for more than "
                f"{rhythm.span(LONG)}, gets none either.")
    return (f"Sorted by what overdue regulars spent in the last 365 days, as {money} of {weeks}: too little is known "
            "to tell how likely each of them has left. "
            f"{amount(MOST_IN_DOUBT, 'share', digits=0)} of it counts as worth a call, the most that can be "
            f"both in doubt and still to be won; who has been silent for more than {GONE + 1} usual gaps gets none.")


def first(listed: pd.DataFrame) -> pd.DataFrame:
    """The customers to call: the head of the list, FIRST_CALLS at most, of those whom it is worth anything to call."""
    return listed[listed["value_of_acting"] > 0].head(FIRST_CALLS)


def worth(listed: pd.DataFrame, *, currency: str, gross_margin: float | None = None,
          horizon_days: int = HORIZON) -> Finding:
    """The value of acting of all customers of the list together, to two significant digits, because it rests on a
    forecast for each of them. Unlike the value at risk it leaves out what is as good as lost. Where no chance is known
    it is an upper bound, and the label says so."""
    doubtful = listed[listed["value_of_acting"] > 0]
    money = "margin" if gross_margin is not None else "revenue"
    weeks = count(round(horizon_days / 7), "week")
    about = ", roughly" if listed["still_customer"].notna().any() else ", at most"
    about = about if len(doubtful) else ""
    return Finding(label=f"{money} of the next {weeks} that is in doubt and may still be won{about}", unit=currency,
                   n=len(doubtful), estimate=_rough(doubtful["value_of_acting"].sum()) if len(doubtful) else NAN,
                   note="" if len(doubtful) else NOBODY_TO_CALL)


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
    """How much of all that is worth acting on the first calls reach: calls (0, 1, 2, ...), share."""
    worth = listed.loc[listed["value_of_acting"] > 0, "value_of_acting"].to_numpy()
    share = np.concatenate([[0.0], np.cumsum(worth)]) / (worth.sum() or 1.0)
    return pd.DataFrame({"calls": np.arange(len(share)), "share": share})


def call_cost(listed: pd.DataFrame, shop: Client, *, horizon_days: int = HORIZON) -> str:
    """What a call costs in the owner's time, and how many of the first calls must bring somebody back to pay for it;
    "" where no hourly rate is known or nobody is to be called."""
    rate, called = shop.program.owner_hourly_rate, first(listed)
    if not rate > 0 or called.empty or len(called) < privacy.least(shop):
        return ""
    cost, gain = rate * MINUTES / 60, called["usual_value"].mean()
    weeks = count(round(horizon_days / 7), "week")
    begin = f"A call of {MINUTES} minutes costs {amount(cost, shop.currency)} of your time"
    counted = "margin" if shop.program.gross_margin is not None else "revenue (the settings give no margin)"
    if len(called) == 1 and gain > cost:
        return (f"{begin}; it pays if the one customer to call would have stayed away, comes back, and buys as before: "
                f"{amount(gain, shop.currency)} of {counted} in {weeks}.")
    if gain <= cost:
        return (f"{begin}; that is no less than the {counted} which the first {len(called)} would each bring in the "
                f"next {weeks}: write instead.")
    enough = math.ceil(len(called) * cost / gain)
    comes, buys = ("comes", "buys") if enough == 1 else ("come", "buy")
    return (f"{begin}; it pays if at least {enough} of the first {len(called)} {comes} back who would have stayed "
            f"away, and then {buys} as before: "
            f"{amount(gain, shop.currency)} of {counted} each in {weeks}.")


def look_after(customers: pd.DataFrame) -> pd.DataFrame:
    """The one customer who alone brings much of the revenue (`scoring.heaviest`): one row of `customers`, or none.
    `customers` needs spend."""
    spend = customers["spend"].clip(lower=0).sort_values(ascending=False, kind="stable")
    return customers.loc[spend.index[:1 if len(spend) and heaviest(spend.to_numpy()) else 0]]


def look_after_sentence(customers: pd.DataFrame, paces: pd.DataFrame, shop: Client) -> str:
    """What to know of the one customer who brings much of the revenue; "" without one, and for others than the owner.
    """
    bought = buyers(customers)
    heavy = look_after(bought)
    if heavy.empty or privacy.least(shop) > 1:
        return ""
    spend, (one,) = bought["spend"].clip(lower=0), heavy.merge(paces[["customer_id", "usual_gap_days"]]).itertuples()
    usually = "" if math.isnan(one.usual_gap_days) else f"usually {rhythm.every(one.usual_gap_days)}, "
    return (f"One customer alone brings {amount(spend.max() / spend.sum(), 'share', digits=0)} of the revenue: know "
            f"when the next order is due ({usually}last {rhythm.span(one.recency_days)} ago).")


def at_stake(listed: pd.DataFrame, shop: Client, *, horizon_days: int = HORIZON) -> str:
    """How much of the next weeks hangs on the first calls: "about €260 of margin of the next 13 weeks", to two digits;
    "at most" that where no chance is known (`action_list`); "" without such calls."""
    called = first(listed)
    if called.empty:
        return ""
    about = "about" if listed["still_customer"].notna().any() else "at most"
    money = "revenue" if shop.program.gross_margin is None else "margin"
    return (f"{about} {amount(_rough(called['value_of_acting'].sum()), shop.currency)} of {money} of the next "
            f"{count(round(horizon_days / 7), 'week')}")


def opted_out(customers: pd.DataFrame, opt_outs: pd.DataFrame | None) -> str:
    """Who is left out of the list because they must not be contacted, in a sentence with counts only."""
    if opt_outs is None:
        return ("No list of people who must not be contacted was supplied: leave out yourself whoever has asked for "
                "that.")
    asked = opt_outs["customer_id"].drop_duplicates()
    known = int(asked.isin(buyers(customers)["customer_id"]).sum())
    unknown = len(asked) - known
    said = (f"{known:,} of the customers must not be contacted and stand in no list" if known else
            "none of the customers is on the list of those who must not be contacted")
    also = f"; {unknown:,} of the people on that list could not be found among the customers" if unknown else ""
    return f"{capital(said)}{also}."
