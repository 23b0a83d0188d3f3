"""Chapter 02: who is loyal, who is leaving, what they will bring, and whom to call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from loyalty_helpers import forecast
from loyalty_helpers.core import store, windows
from loyalty_helpers.core.findings import NAN, Finding, amount, count
from loyalty_helpers.core.intervals import FEWEST_UNITS, wilson
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers import actions, cohorts, rhythm, scoring
from loyalty_helpers.ingest import survey
from loyalty_helpers.report import gate as privacy
from loyalty_helpers.report.chapters import ch01
from loyalty_helpers.report.wording import words

Frames = Mapping[str, pd.DataFrame]


def assignments(customers: pd.DataFrame, shop: Client, referrals: pd.DataFrame | None, *,
                pace: scoring.Pace | None = None) -> pd.DataFrame:
    """Everything a customer is given: RFM scores and segments, loyalty score, level; one row per scored customer.

    With the shop's own `pace` nobody who bought lately is called gone, and nobody long gone a champion.
    """
    return (
        scoring.rfm(customers, pace=pace)
        .merge(scoring.loyalty_score(customers), on="customer_id")
        .merge(scoring.levels(customers, shop.levels, referrals), on="customer_id")
    )


def owners_only(table: pd.DataFrame, shop: Client) -> pd.DataFrame:
    """`table` for the owner, without rows for others, who could work out hidden counts from it and its neighbors."""
    return table if privacy.least(shop) == 1 else table.iloc[:0]


def pace(orders: pd.DataFrame) -> scoring.Pace:
    """The shop's pace up to the end of its data."""
    return scoring.pace(orders, activity_days=windows.activity_window(orders, until=ch01.data_end(orders)))


def ahead(orders: pd.DataFrame, shop: Client, *, horizon_days: int, years: int, discount: float) -> forecast.Outlook:
    """`forecast.outlook` from the end of the data, in the client's currency and at the client's margin."""
    return forecast.outlook(
        orders, as_of=ch01.data_end(orders), horizon_days=horizon_days, years=years, discount=discount,
        gross_margin=shop.program.gross_margin, currency=shop.currency,
    )


def to_call(frames: Frames, assigned: pd.DataFrame, rhythms: pd.DataFrame, outlook: forecast.Outlook,
            shop: Client) -> pd.DataFrame:
    """`actions.action_list` with the client's own table of actions, and without those who must not be contacted."""
    return actions.action_list(
        frames["customers"], assigned, rhythms, outlook.customers, actions=actions.load_actions(shop.folder),
        opt_outs=frames.get("opt_outs"), gross_margin=shop.program.gross_margin, horizon_days=outlook.days,
    )


def first_calls(listed: pd.DataFrame, shop: Client, *, horizon_days: int = actions.HORIZON) -> Finding:
    """What the customers at the head of the action list spent in the last 365 days: those worth a call, at most
    `actions.FIRST_CALLS`. The note says what hangs on them in the next weeks, which is far less."""
    first = actions.first(listed)
    if 1 <= len(first) < privacy.least(shop):
        return Finding(label="what the first customers to call spent", unit=shop.currency, estimate=NAN,
                       note=privacy.NOT_SHOWN)
    whom = "customers" if first.empty else "customer" if len(first) == 1 else count(len(first), "customer")
    return Finding(
        label=f"what the first {whom} to call spent in the last 365 days", unit=shop.currency,
        estimate=first["spend_last_year"].sum() if len(first) else NAN, n=len(first),
        note=actions.at_stake(listed, shop, horizon_days=horizon_days) or actions.NOBODY_TO_CALL,
    )


def first_calls_sentence(found: Finding) -> str:
    """`first_calls` as a sentence: what they spent, beside what hangs on them."""
    if not found.measurable:
        return found.sentence
    whom, them = ("customer", "that one") if found.n == 1 else (count(found.n, "customer"), "them")
    return f"The first {whom} to call spent {found.value} in the last 365 days; {found.note} hangs on {them}."


def customers_answer(active: pd.DataFrame, overdue: Finding, expected: Finding, money: Finding, *,
                     lateness: pd.DataFrame, shop: Client) -> list[str]:
    """The answer of chapter 02 in three sentences: who is still there, who is leaving, what they will bring.

    `active` is `scoring.activity` and `lateness` `rhythm.lateness`, both published; `overdue` the share of
    `rhythm.overdue_regulars`, `expected` and `money` the totals of `forecast.outlook`, all told.
    """
    said = [_still_there(active), _leaving(overdue, lateness), _to_come(expected, money)]
    return privacy.worded(said, shop)


def _still_there(active: pd.DataFrame) -> str:
    n, row = active["customers"].sum(skipna=False), active.set_index("group").loc["active"]
    here = row["customers"]
    if n == 0:
        return f"{scoring.NOBODY}."
    if pd.isna(here):
        return f"How many customers are still active is not shown: {privacy.NOT_SHOWN}."
    of = f"Of {count(int(n), 'customer')} " if pd.notna(n) else ""
    many = (f"{int(here):,}" if of else count(int(here), "customer")) if here else "nobody" if of else "Nobody"
    brought = (f"; {'that one has' if here == 1 else 'they have'} brought "
               f"{amount(row['spend_share'], 'share', digits=0)} of all revenue so far"
               if here and 0 <= row["spend_share"] <= 1 else "")
    return f"{of}{many} {row['meaning']} and {'count' if here > 1 else 'counts'} as active{brought}."


def _leaving(overdue: Finding, lateness: pd.DataFrame) -> str:
    if not overdue.measurable:
        return f"Who is leaving cannot be said: {words(overdue.note)}."
    n, late = overdue.n, round(overdue.estimate * overdue.n)
    share = f" ({overdue.value}; {overdue.level} interval {overdue.interval})" if n >= FEWEST_UNITS else ""
    said = (f"Of {count(n, 'regular customer')} {f'{late:,}' if late else 'nobody'} {'are' if late > 1 else 'is'} "
            f"overdue, silent for {rhythm.OVERDUE + 1} of their usual gaps or more{share}")
    chance = n * lateness["by_chance"].iloc[-1] if n >= rhythm.FEWEST and len(lateness) else NAN
    if math.isnan(chance):
        return f"{said}."
    about = "hardly anybody" if chance < 0.5 else f"about {round(chance):,}"
    return f"{said}; if all bought at random times and nobody had left, {about} would be overdue all the same."


def _to_come(expected: Finding, money: Finding) -> str:
    span = expected.label.partition(" expected in ")[2].partition(" from ")[0]
    if not expected.measurable:
        return f"What customers will bring in {span} cannot be said: {expected.note}."
    between, worth = (f" ({one.level} interval {one.interval})" if one.interval else "" for one in (expected, money))
    bring = (f", and {money.value}{worth} of {money.label.partition(' expected ')[0]}" if money.measurable else "")
    orders = "order" if expected.value == "1" else "orders"
    return f"In {span} the customers known today may be expected to bring {expected.value} {orders}{between}{bring}."


def yearly_survival(orders: pd.DataFrame) -> Finding:
    """Of the customers of one year the share who bought in the next: the survival of the lifetime value.

    Two years of 364 days up to the end of the data, and nothing with less: of two shorter spells slow buyers count as
    gone, and brought to a year the share is far too low. Needs ten customers in the first year.
    """
    end = pd.Timestamp(ch01.data_end(orders))
    known = (end - orders["ordered_at"].min().normalize()).days
    label = "customers of one year who bought in the next"
    if known < 2 * windows.YEAR:
        note = f"it takes two full years of orders ({2 * windows.YEAR} days), and there are {known}"
        return Finding(label=label, unit="share", estimate=NAN, note=note)
    bought = scoring.purchases(orders)
    age = (end - bought["ordered_at"]) / pd.Timedelta(days=windows.YEAR)
    was, still = set(bought.loc[age.between(1, 2), "customer_id"]), set(bought.loc[age < 1, "customer_id"])
    if len(was) < FEWEST_UNITS:
        who = count(len(was), "customer") if was else "nobody"
        note = f"{who} bought in the first of the last two years, and it takes {FEWEST_UNITS}"
        return Finding(label=label, unit="share", estimate=NAN, n=len(was), note=note)
    low, high = wilson(len(was & still), len(was), 1.96)
    return Finding(label=label, unit="share", estimate=len(was & still) / len(was), low=low, high=high, n=len(was),
                   method="Wilson")


def lifetime_values(customers: pd.DataFrame, assigned: pd.DataFrame, shop: Client, *, outlook: forecast.Outlook,
                    survival: Finding, horizon_years: int, discount: float) -> pd.DataFrame:
    """`forecast.clv_table` for those who bought in the last year, under the survival seen (empty without), with the
    model's value of the same customers beside."""
    if not survival.measurable:
        return pd.DataFrame(columns=["value_group", "discounted_clv"])
    still = customers[customers["recency_days"] < windows.YEAR]
    table = forecast.clv_table(
        still, assigned, gross_margin=shop.program.gross_margin, horizon_years=horizon_years, discount=discount,
        retention=survival.estimate, currency=shop.currency,
    )
    lately = assigned[assigned["customer_id"].isin(still["customer_id"])]
    seen = privacy.published(forecast.beside_textbook(table, outlook, lately), shop)
    return seen.assign(meaning=seen["meaning"].where(seen["customers"].notna()))  # which holds the value again


def parameters(outlook: forecast.Outlook) -> pd.DataFrame:
    """The fitted model in one row: its name, its parameters and log-likelihood; empty where none was fitted."""
    rows = [{"model": outlook.model, **outlook.parameters}] if outlook.parameters else []
    return pd.DataFrame(rows, columns=["model", *outlook.parameters])


def keep_model(shop: Client, found: forecast.Repurchase) -> None:
    """Keep the model of who buys next as private/repurchase.model; none where none was found, an old one neither."""
    path = shop.private / "repurchase.model"
    if found.fitted is None:
        path.unlink(missing_ok=True)
    else:
        store.keep_private(shop, path.name, forecast.packed_model(found.fitted))


def second_order(orders: pd.DataFrame, shop: Client, *, pace: scoring.Pace) -> cohorts.SecondOrder:
    """How soon new customers order again, as the client's audience may see it; who is new, by the shop's pace."""
    found = cohorts.second_order(orders, as_of=ch01.data_end(orders), lead_days=pace.activity_days)
    return cohorts.second_order_shown(found, privacy.told(found.after, shop), privacy.least(shop))


def quadrant(frames: Frames, activity_days: int, shop: Client) -> pd.DataFrame:
    """`scoring.quadrant` on the scale of satisfaction, empty where no answer of a survey carries a customer.

    Satisfied are the two best points of the scale.
    """
    answers = frames.get("survey")
    bar = NAN if answers is None else survey.scale(answers["csat"], "csat", shop.scales)[1] - 1
    found = scoring.quadrant(answers, frames["customers"], activity_days=activity_days, satisfied_from=bar)
    return (pd.DataFrame(columns=["type", "meaning", "customers", "share"]) if found is None
            else privacy.published(found, shop))


def quadrant_sentence(found: pd.DataFrame) -> str:
    """What the quadrant shows first: the satisfied who do not come back."""
    if found.empty:
        return "No survey answer carries a customer id, so satisfaction and behavior cannot be set side by side."
    rows = found.set_index("type")
    latent, judged = rows.loc["latent"], rows.loc[list(scoring.QUADRANT), "customers"].sum(skipna=False)
    new = rows.loc[scoring.TOO_NEW, "customers"]
    early = f" {int(new):,} more ordered once, and lately: too early to tell." if new > 0 else ""
    if judged < FEWEST_UNITS:
        return (f"{count(int(judged), 'customer')} who answered can be judged so far: too few for shares, which take "
                f"{FEWEST_UNITS}.{early}")
    if pd.isna(latent["share"]):
        return f"How many are satisfied and do not come back is not shown: {privacy.NOT_SHOWN}."
    low, share, high = (amount(latent[name], "share", digits=0) for name in ("low", "share", "high"))
    answered = "those" if pd.isna(judged) else count(int(judged), "customer")
    return (f"Of the {answered} who answered, {share} are satisfied ({scoring.satisfied_rule(found)}) and do not come "
            f"back ({low} to {high}).{early}")
