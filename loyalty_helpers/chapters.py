"""Chapters: the steps in which a chapter puts several rooms together, with or without a launch, members or a survey.

Pure: everything here returns frames, findings or sentences. Nothing is displayed and nothing is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

import pandas as pd

from loyalty_helpers import (
    actions,
    cases,
    cohorts,
    evaluation,
    findings,
    forecast,
    kpis,
    privacy,
    rhythm,
    scoring,
    survey,
    tables,
)
from loyalty_helpers.client import Client
from loyalty_helpers.core.columns import SOURCES
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.evaluation import Money
from loyalty_helpers.findings import NAN, Change, Effect, Finding, Verdict, amount, capital, count, difference
from loyalty_helpers.ingest import Prepared
from loyalty_helpers.intervals import FEWEST_UNITS, wilson

Frames = Mapping[str, pd.DataFrame]


# ---------------------------------------------------------------- chapter 01
def canonical(prepared: Prepared, shop: Client) -> dict[str, pd.DataFrame]:
    """The tables that other chapters read: the canonical ones, and customers and customer_weeks made from orders.

    Weeks count from the launch; without one from the Monday of the first order's week.
    """
    orders = prepared.tables["orders"]
    first = orders["ordered_at"].min().normalize()
    origin = shop.program.launched_on or (first - pd.Timedelta(days=first.weekday())).date()
    made = {
        "customers": tables.customers(orders, as_of=data_end(orders), members=prepared.tables.get("members")),
        "customer_weeks": tables.customer_weeks(orders, origin=origin),
    }
    return prepared.tables | made


def data_end(orders: pd.DataFrame) -> date:
    """The day after the last row of orders, in the client's time zone."""
    return (orders["ordered_at"].max().normalize() + pd.Timedelta(days=1)).date()


def coverage(orders: pd.DataFrame, shop: Client) -> list[str]:
    """Period, orders, customers and revenue in sentences, with what the launch leaves on either side."""
    bought = orders[~orders["is_refund"]]
    if bought.empty:
        raise UserError("All rows of the orders are refunds, so nothing was bought. Check the column of amounts, its "
                        "sign, and the rule for refunds in client.yml.")
    first, last = bought["ordered_at"].min(), bought["ordered_at"].max()
    known = bought["customer_id"].notna().mean()
    sentences = [
        f"The orders run from {_day(first)} to {_day(last)}: {count(bought['order_id'].nunique(), 'order')} of "
        f"{count(bought['customer_id'].nunique(), 'identified customer')}, "
        f"{amount(orders['amount'].sum(), shop.currency)} net of refunds.",
        f"{capital(amount(known, 'share', digits=0))} of the orders carry a customer id.",
    ]
    sentences = privacy.worded(sentences, shop)
    launch = shop.program.launched_on
    if launch is None:
        return [
            *sentences,
            "No launch date is set, so there is no before and after: customers are described as they are.",
        ]
    weeks = evaluation.weekly(orders, launched_on=launch)["week"]
    before, after = int((weeks < 0).sum()), int((weeks >= 0).sum())
    return [
        *sentences,
        f"The program was launched on {_day(pd.Timestamp(launch))}: {count(before, 'whole week')} before it and "
        f"{count(after, 'whole week')} since are in the data.",
    ]


# the sources that a client may go without, in an owner's words
OPTIONAL = {"lines": "order lines", "members": "a list of members", "survey": "a survey", "assignment": "a draw by lot",
            "points": "a ledger of points", "referrals": "referrals", "costs": "a list of costs",
            "opt_outs": "a list of people who must not be contacted"}


def loaded(frames: Frames, shop: Client) -> str:
    """What a chapter reads, in words: how much of it, and which optional tables the client has not."""
    missing = [OPTIONAL[name] for name in SOURCES if name in OPTIONAL and name not in frames]
    (words,) = privacy.worded([f"Read: {count(len(frames['orders']), 'order row')} of "
                               f"{count(len(frames['customers']), 'identified customer')}."], shop)
    return words + (f" Not supplied: {', '.join(missing)} (no report needs any of them)." if missing else "")


def inventory(frames: Frames) -> pd.DataFrame:
    """The tables by name with their rows and columns."""
    rows = [(name, len(frame), ", ".join(frame.columns)) for name, frame in frames.items()]
    return pd.DataFrame(rows, columns=["table", "rows", "columns"])


def field_purposes(prepared: Prepared, shop: Client) -> pd.DataFrame:
    """Every column that is read from the client's files, and what it is used for."""
    rows = [(one.source, one.header, one.column, privacy.purpose(one.column, shop))
            for one in prepared.columns.itertuples()]
    for source, several in shop.sources.items():
        for settings in several:
            refunds = {"refunds": settings.refunds} if settings.refunds else {}
            rules = settings.set_aside | settings.flag | refunds
            rows += [(source, " or ".join(rule.columns), "–", f"which rows are {reason}; not kept")
                     for reason, rule in rules.items()]
            rows += [(source, column, "–", "money taken off the amount; not kept") for column in settings.less]
    table = pd.DataFrame(rows, columns=["source", "column in the file", "read as", "used for"])
    return table.drop_duplicates(ignore_index=True)


def dropped(prepared: Prepared) -> str:
    """How much of the files ends at the door."""
    if not prepared.unread:
        return "The files have no other columns."
    return f"{count(prepared.unread, 'further column')} of the files: not read."


def _day(moment: pd.Timestamp) -> str:
    return f"{moment.day} {moment:%B %Y}"


# ---------------------------------------------------------------- chapter 02
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
    return scoring.pace(orders, activity_days=kpis.activity_window(orders, until=data_end(orders)))


def ahead(orders: pd.DataFrame, shop: Client, *, horizon_days: int, years: int, discount: float) -> forecast.Outlook:
    """`forecast.outlook` from the end of the data, in the client's currency and at the client's margin."""
    return forecast.outlook(
        orders, as_of=data_end(orders), horizon_days=horizon_days, years=years, discount=discount,
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
        return f"Who is leaving cannot be said: {overdue.note}."
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
    end = pd.Timestamp(data_end(orders))
    known = (end - orders["ordered_at"].min().normalize()).days
    label = "customers of one year who bought in the next"
    if known < 2 * kpis.YEAR:
        note = f"it takes two full years of orders ({2 * kpis.YEAR} days), and there are {known}"
        return Finding(label=label, unit="share", estimate=NAN, note=note)
    bought = scoring.purchases(orders)
    age = (end - bought["ordered_at"]) / pd.Timedelta(days=kpis.YEAR)
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
    still = customers[customers["recency_days"] < kpis.YEAR]
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
        tables.keep_private(shop, path.name, forecast.packed_model(found.fitted))


def second_order(orders: pd.DataFrame, shop: Client, *, pace: scoring.Pace) -> cohorts.SecondOrder:
    """How soon new customers order again, as the client's audience may see it; who is new, by the shop's pace."""
    found = cohorts.second_order(orders, as_of=data_end(orders), lead_days=pace.activity_days)
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


# ---------------------------------------------------------------- chapter 03
def published(families: Sequence[cases.Family]) -> str:
    """The answer of chapter 03: how many results may be compared, and where the shop's own could be set beside."""
    results = sum(len(family.results) for family in families)
    own = [family for family in families if family.own is not None]
    if not results:
        return "No published result of this choice may be compared: none has a figure, a unit and a stated comparison."
    *most, last = dict.fromkeys(family.family for family in own) if own else ["none of them"]
    beside = f"{', '.join(most)} and {last}" if most else last
    found = f"{count(results, 'published result')} in {count(len(families), 'family')} may be compared"
    return f"{found}; this shop's own changes could be set beside {beside}."


def ranges_shown(library: pd.DataFrame) -> pd.DataFrame:
    """`cases.ranges` for a reader, each range with as many digits as were published."""
    table = cases.ranges(library)
    ends = {
        name: [f"{end:+.10g} {unit}".replace("-", "−") for end, unit in zip(table[name], table["unit"], strict=True)]
        for name in ("lowest", "highest")
    }
    return table.assign(**ends).drop(columns="unit")


# ---------------------------------------------------------------- chapter 04
def windows(orders: pd.DataFrame, shop: Client) -> kpis.Windows | None:
    """The windows to compare, None without a launch date."""
    launch = shop.program.launched_on
    return None if launch is None else kpis.windows(orders, launched_on=launch, gap_days=shop.program.gap_days)


def windows_sentence(spans: kpis.Windows | None) -> str:
    """The windows in words."""
    if spans is None:
        return (
            f"{capital(evaluation.NO_LAUNCH)}: there is no before and after, and what follows describes the last year."
        )
    if spans.days == 0:
        return spans.note
    if spans.before_start == spans.before_end:
        return "The orders begin with the launch: there is nothing before it to compare with."
    season = "the same days a year apart" if spans.season_matched else "not the same season"
    before = f"{_day(spans.before_start)} to {_day(spans.before_end - kpis.DAY)}"
    after = f"{_day(spans.after_start)} to {_day(spans.after_end - kpis.DAY)}"
    return (
        f"Before: {before}. After: {after} ({count(spans.days, 'day')} each, {season}). A customer is active with an "
        f"order in the last {count(spans.activity_days, 'day')}. {spans.note}"
    ).strip()


def measure(frames: Frames, spans: kpis.Windows | None, shop: Client, *, confidence: float = 0.95) -> list[Change]:
    """Every KPI as a change; without a launch its level in the last year stands in `after` and nothing is compared."""
    options = {"currency": shop.currency, "scales": shop.scales, "confidence": confidence}
    if spans is None:
        start, end = kpis.last_year(frames["orders"])
        levels = kpis.describe(frames, start, end, **options)
        return [
            _level_only(kpi, level, primary=kpi == shop.primary_kpi)
            for kpi, level in zip(kpis.MEASURES, privacy.told(levels, shop), strict=True)
        ]
    changes = kpis.compare(frames, spans, primary=shop.primary_kpi, extra=_index_changes(frames, spans), **options)
    return privacy.told(changes, shop)


def _level_only(kpi: str, level: Finding, *, primary: bool) -> Change:
    nothing = Finding(label=level.label, unit=level.unit, estimate=NAN, n_noun=level.n_noun, note=evaluation.NO_LAUNCH)
    return Change(
        kpi=kpi,
        label=level.label,
        unit=level.unit,
        estimate=NAN,
        n=level.n,
        n_noun=level.n_noun,
        before=nothing,
        after=level,
        primary=primary,
        note=evaluation.NO_LAUNCH,
        confidence=level.confidence,
    )


def _index_changes(frames: Frames, spans: kpis.Windows) -> list[Change]:
    """The loyalty index and its two parts, both waves scored against the customers before."""
    waves = [
        _wave_customers(frames, start, end)
        for start, end in ((spans.before_start, spans.before_end), (spans.after_start, spans.after_end))
    ]
    return [scoring.index_change(*waves, part=part) for part in ("score", "behavior", "attitude")]


def _wave_customers(frames: Frames, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    orders, survey = frames["orders"], frames.get("survey")
    inside = orders[(orders["ordered_at"] >= start) & (orders["ordered_at"] < end)]
    answers = None if survey is None else survey[survey["answered_at"] < end]
    return scoring.with_survey(tables.customers(inside, as_of=end.date()), answers)


# ---------------------------------------------------------------- tables for the eye
def changes_shown(changes: Sequence[Change]) -> pd.DataFrame:
    """KPIs for a reader: levels, change with interval, n, and the reading; the primary one first.

    Where nothing could be compared: the levels that could be measured, with their intervals.
    """
    if all(one.verdict == "not measurable" for one in changes):
        levels = [one.after for one in changes if one.after.measurable]
        return pd.DataFrame(
            [(capital(one.label), one.value, one.interval or "–", count(one.n, one.n_noun)) for one in levels],
            columns=["KPI", "level", "interval", "n"],
        )
    rows = [
        {
            "KPI": capital(one.label) + (" (primary)" if one.primary else ""),
            "before": _level(one.before, one.digits),
            "after": _level(one.after, one.digits),
            "change": one.change if one.measurable else "–",
            "interval": one.interval or "–",
            "n": f"{one.before.n:,} / {one.after.n:,}",
            "reading": _reading(one),
        }
        for one in sorted(changes, key=lambda one: not one.primary)
    ]
    return pd.DataFrame(rows)


def _reading(change: Change) -> str:
    if change.verdict == "not measurable" and change.note:
        return f"not measurable: {change.note}"
    if change.verdict == "no evidence" and not change.low <= 0 <= change.high:
        return "no evidence, allowing for the number of KPIs looked at"
    return change.verdict


def _level(level: Finding, digits: int) -> str:
    return amount(level.estimate, level.unit, digits=digits) if level.measurable else "–"


def channels_shown(frames: Frames, spans: kpis.Windows | None, shop: Client) -> pd.DataFrame:
    """`kpis.by_channel` for a reader; empty without a launch, or where no order has a channel."""
    if spans is None:
        return pd.DataFrame(columns=["channel", "KPI"])
    table = privacy.compared(kpis.by_channel(frames, spans, currency=shop.currency), shop)
    rows = [
        {
            "channel": row["channel"],
            "KPI": capital(kpis.DEFINITIONS[row["kpi"]].label),
            "before": amount(row["before"], row["unit"]),
            "after": amount(row["after"], row["unit"]),
            "change": difference(row["change"], row["unit"]),
            "interval": _between(row["change_low"], row["change_high"], row["unit"]),
            "n": f"{findings.number(row['n_before'])} / {findings.number(row['n_after'])}",
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["channel", "KPI", "before", "after", "change", "interval", "n"])


def _between(low: float, high: float, unit: str) -> str:
    return "–" if pd.isna(low) or pd.isna(high) else f"{difference(low, unit)} to {difference(high, unit)}"


def thresholds_shown(changes: Sequence[Change], shop: Client) -> pd.DataFrame:
    """`kpis.against_thresholds` for a reader; empty where the settings name no target."""
    units = {change.kpi: change.after.unit for change in changes}
    table = kpis.against_thresholds(changes, shop.thresholds)
    rows = [
        {
            "KPI": capital(kpis.DEFINITIONS[row["kpi"]].label),
            "latest": amount(row["value"], units.get(row["kpi"], "share")),
            "interval": f"{amount(row['low'], units[row['kpi']])} to {amount(row['high'], units[row['kpi']])}"
            if pd.notna(row["low"])
            else "–",
            "reading": row["reading"],
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["KPI", "latest", "interval", "reading"])


def traps(frames: Frames, spans: kpis.Windows | None) -> pd.DataFrame:
    """`kpis.traps`; empty without a launch, where nothing is compared that could mislead."""
    return pd.DataFrame(columns=["check", "found"]) if spans is None else kpis.traps(frames, spans)


def activity_stress(frames: Frames, spans: kpis.Windows | None) -> pd.DataFrame:
    """`kpis.activity_stress`; empty without a launch."""
    return pd.DataFrame(columns=["activity_days"]) if spans is None else kpis.activity_stress(frames, spans)


def effects_shown(effects: Sequence[Effect]) -> pd.DataFrame:
    """Every comparison for a reader: what was compared, grade, lift with interval, and what to know about it.

    Of what could not be had, only the rungs above description stand there, with the reason.
    """
    rows = [
        {
            "comparison": capital(one.label) + (" (headline)" if one.headline else ""),
            "grade": one.grade,
            "difference": one.value if one.measurable else "–",
            "interval": one.interval or "–",
            "what to know": one.note,
        }
        for one in effects
        if one.measurable or one.rung >= 2
    ]
    return pd.DataFrame(rows, columns=["comparison", "grade", "difference", "interval", "what to know"])


def rungs_shown(frames: Frames, shop: Client) -> pd.DataFrame:
    """The evidence ladder for a reader: what the data allow, and what is missing for more."""
    rungs = privacy.published(evaluation.rungs_allowed(frames, shop), shop)
    allowed = ["yes" if yes else "no" for yes in rungs["allowed"]]
    names = [f"{rung} {name}" for rung, name in zip(rungs["rung"], rungs["name"], strict=True)]
    columns = {"rung": names, "do the data allow it?": allowed}
    if privacy.least(shop) > 1:  # the reasons in brackets count a few people each
        rungs = rungs.assign(why=rungs["why"].str.replace(r"( members) \([^()]*\)", r"\1", regex=True))
    return pd.DataFrame(columns | {"what there is": rungs["why"], "what it takes": rungs["what_it_takes"]})


def power_shown(power: pd.DataFrame) -> pd.DataFrame:
    """`evaluation.power_table` for a reader: what each design could find in this shop, before any result is seen."""
    times = [_waiting(weeks) for weeks in power["time_to_answer_weeks_for_20"]]
    needed = {f"needed for +{lift} %": [_units(value, unit) for value, unit in
                                        zip(power[f"needed_for_{lift}"], power["needed_unit"], strict=True)]
              for lift in (10, 20, 30)}
    return pd.DataFrame({
        "design": [capital(design) for design in power["design"]],
        "rests on": [findings.number(n) for n in power["customers"]],
        "smallest lift found": [difference(lift, "lift") for lift in power["smallest_lift"]],
        **needed, "time until +20 % is found": times, "what to know": power["note"],
    })


def _units(value: float, unit: str) -> str:
    if pd.isna(value):
        return "–"
    return "not by waiting" if value == float("inf") else f"{findings.number(value)} {unit}"


def _waiting(weeks: float) -> str:
    return "not in sight" if weeks == float("inf") else "now" if weeks == 0 else count(math.ceil(weeks), "week")


def money_shown(roi: pd.DataFrame) -> pd.DataFrame:
    """tables/roi.csv for a reader, each value in its own unit."""
    words = [
        (capital(row.item) + (" (months)" if row.item == "payback" else ""),
         *(_in_unit(value, row.unit, row.item) for value in (row.value, row.low, row.high)))
        for row in roi.itertuples()
    ]
    return pd.DataFrame(words, columns=["item", "value", "low", "high"])


def _in_unit(value: float, unit: str, item: str) -> str:
    if pd.isna(value):
        return "–"
    if item.startswith("chance"):
        return findings.chance(value)
    if unit == "lift":
        return "no lift could pay" if value == float("inf") else difference(value, "lift", digits=1)
    if unit in ("members", "months", "orders"):
        return "not within sight" if value == float("inf") else findings.number(value, int(unit == "months"))
    return amount(value, unit)


VERDICT_LEVEL = 0.95  # the verdict is that of 95 % intervals, whatever level a chapter shows
FIRST_YEAR = 12  # months in which a launch that is not yet paid back is no reason to condemn a program


def judge(effects: Sequence[Effect], frames: Frames, shop: Client, money: Money) -> Verdict:
    """`findings.verdict` of the headline, and what else the table says of it.

    A shop without a launch is told that there is no program to judge. In its first year a program that covers its
    running costs is not condemned for its launch. Members who buy more often but spend no more are no success.
    """
    judged, program = effects, shop.program
    if any(one.headline and one.confidence != VERDICT_LEVEL for one in effects):
        judged = evaluation.ladder(frames, program, windows(frames["orders"], shop), confidence=VERDICT_LEVEL)
    headline, would_tell = evaluation.headline(judged), evaluation.would_tell(frames, shop)
    verdict = replace(
        findings.verdict(headline, break_even=money.break_even, why_not=evaluation.why_not(frames, program, judged),
                         would_tell=would_tell),
        too_small=evaluation.too_small(frames["orders"]))
    if program.launched_on is None:
        words = "no program to judge yet"
        return replace(verdict, words=words, sentence=f"There is {words}: this report describes the shop as it is.")
    if headline is None:
        return verdict
    doubt = _too_early(verdict, headline, money) or _no_more_spent(verdict, headline, judged, money)
    if doubt:
        verdict = replace(verdict, key="cannot_tell", words="cannot tell yet", sentence=doubt, would_tell=would_tell)
    total = money.roi_table.set_index("item")["value"].get("total cost", 0.0)
    unpaid = ("" if money.break_even != 0 else "the settings name no gross margin" if not program.gross_margin else
              "no costs are known" if not total > 0 else "there is no break-even")
    return replace(verdict, because=" ".join([verdict.because, *_reservations(verdict, headline, judged, unpaid)]))


def _too_early(verdict: Verdict, headline: Effect, money: Money) -> str:
    covered = headline.estimate >= money.running_break_even
    if verdict.key != "costs_more" or money.months >= FIRST_YEAR or not covered:
        return ""
    return (f"{capital(headline.claim)}. The launch is not paid back yet, though the running costs may well be "
            "covered; whether the program works, we cannot tell yet.")


def _no_more_spent(verdict: Verdict, headline: Effect, effects: Sequence[Effect], money: Money) -> str:
    if verdict.key not in ("works", "probably_works"):
        return ""
    if money.roi_table.set_index("item")["value"].get(evaluation.SPENDING, NAN) <= 0:
        return f"{capital(headline.claim)}, yet no money came in; whether the program works, we cannot tell yet."
    spend = next((one for one in effects if one.rung == headline.rung and one.outcome == "spend"), None)
    if spend is None or not spend.measurable or spend.refused or not spend.high < money.break_even:
        return ""
    return f"{capital(headline.claim)}, yet {spend.claim}; whether the program works, we cannot tell yet."


def _reservations(verdict: Verdict, headline: Effect, effects: Sequence[Effect], unpaid: str) -> list[str]:
    """What belongs beside the verdict's own reason: money that is not known, a lift hard to believe, a draw wasted."""
    positive, decided = verdict.key in ("works", "probably_works"), not verdict.would_tell
    drawn = next((one for one in effects if one.rung == 4 and one is not headline), None)
    doubts = headline.diagnostics.get("reservations", [])
    wasted = drawn is not None and bool(drawn.refused or not drawn.measurable)
    said = {
        f"Whether that pays for the program is not known: {unpaid}.": positive and bool(unpaid),
        f"{headline.value} is more than published programs reach: look for another cause before believing it.":
            positive and headline.estimate > evaluation.IMPLAUSIBLE,
        f"The random draw could not be used: {drawn and (drawn.refused or drawn.note)}.": wasted and decided,
        f"Reservations: {'; '.join(doubts)}.": headline.rung == 3 and bool(doubts),
        f"Of the {drawn and drawn.label.partition(',')[0]} alone: {drawn and drawn.sentence}":
            drawn is not None and not wasted and headline.rung < 4,
    }
    return [words for words, holds in said.items() if holds]


def answer(verdict: Verdict, headline: Effect | None) -> list[str]:
    """What stands below the verdict: what was seen, where the verdict's reason does not say it, and that reason."""
    seen = headline is not None and headline.measurable and headline.grade in "DE"
    return [*([headline.sentence] if seen else []), verdict.because]


# ---------------------------------------------------------------- chapter 00
@dataclass(frozen=True)
class Results:
    """What the chapters left for the summary."""

    verdict: Verdict
    changes: list[Change]
    effects: list[Effect]
    headline: Effect | None
    roi: pd.DataFrame
    break_even: float
    overdue: Finding
    first_calls: Finding
    alerts: pd.DataFrame
    ledger: str  # the sentence of the ledger of orders


def keep_verdict(shop: Client, verdict: Verdict, break_even: float, *, confidence: float) -> None:
    """results/verdict.json: the verdict, the break-even lift it was held against, the level of the effects shown."""
    kept = {"verdict": asdict(verdict), "break_even": break_even, "confidence": confidence}
    tables.write_json(kept, shop.results / "verdict.json")


def keep_findings(shop: Client, name: str, kept: Mapping[str, Finding]) -> None:
    """results/`name`.json: findings by name."""
    tables.write_json({key: asdict(finding) for key, finding in kept.items()}, shop.results / f"{name}.json")


def read_results(shop: Client) -> Results:
    """Everything the summary tells, from the files that chapters 01, 02 and 04 wrote."""
    judged = _json(shop, "verdict")
    effects = evaluation.from_table(tables.read_result(shop, "effects"), confidence=judged["confidence"])
    scored = {key: Finding(**_missing_as_nan(value)) for key, value in _json(shop, "scoring").items()}
    return Results(
        verdict=Verdict(**judged["verdict"]),
        changes=kpis.from_table(tables.read_result(shop, "kpis"), shop.currency),
        effects=effects,
        headline=evaluation.headline(effects),
        roi=tables.read_result(shop, "roi"),
        break_even=NAN if judged["break_even"] is None else judged["break_even"],
        overdue=scored["overdue"],
        first_calls=scored["first_calls"],
        alerts=tables.read_result(shop, "alerts"),
        ledger=_json(shop, "ledger")["sentence"],
    )


def _json(shop: Client, name: str) -> dict:
    path = shop.results / f"{name}.json"
    if not path.exists():
        raise UserError(f"{name}.json of {shop.key} is not there yet: run `make report CLIENT={shop.key}`.")
    return json.loads(path.read_text(encoding="utf-8"))


def _missing_as_nan(values: Mapping) -> dict:
    return {name: NAN if value is None else value for name, value in values.items()}


def results_json(shop: Client, results: Results, provenance: Mapping) -> dict:
    """results.json: client, verdict, verdict_sentence, headline, cross_check, money, kpis, provenance."""
    headline = results.headline
    beside = [] if headline is None else [
        one for one in results.effects
        if (one.rung, one.outcome) == (headline.rung, headline.outcome) and not one.headline and headline.rung >= 3]
    first, second = (next(iter(evaluation.effects_table(some).to_dict("records")), None)
                     for some in ([headline] if headline is not None else [], beside[:1]))
    return {
        "client": shop.key,
        "verdict": results.verdict.key,
        "verdict_sentence": results.verdict.sentence,
        "headline": first,
        "cross_check": second,
        "money": results.roi.to_dict("records"),
        "kpis": kpis.table(results.changes).to_dict("records"),
        "provenance": provenance,
    }
