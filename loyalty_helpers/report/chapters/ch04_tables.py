"""The tables of chapter 04 as a reader sees them: of what rooms found, each number with its own unit."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, isfinite

import pandas as pd

from loyalty_helpers.core.findings import NOUNS, Change, Effect, Finding
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.evaluation.kpis.definitions import label
from loyalty_helpers.evaluation.panel import KNOWN_FOR, aside
from loyalty_helpers.evaluation.said import counted, lift, percent, sentence, yes
from loyalty_helpers.evaluation.till import IMPLAUSIBLE
from loyalty_helpers.evaluation.weeks import FOLLOW_UP
from loyalty_helpers.report.comments import choices, comments
from loyalty_helpers.report.wording import findings as wording
from loyalty_helpers.report.wording.numbers import MISSING

__all__ = ["changes", "channels", "choices", "comments", "compared_joiners", "comparisons", "designs", "fair_draw",
           "member_groups", "money", "quantities", "rungs", "targets"]

DRAW = ["check", "found", "chance of as much or more by lot"]
QUANTITIES = ["quantity", "value", "what it means"]


def _capital(said: Message | str) -> Message:
    return message("capital", said=said)


def _between(low: float, high: float, unit: str, *, digits: int | None = None, signed: bool = True) -> Message | str:
    if pd.isna(low) or pd.isna(high):
        return MISSING
    ends = {name: Number(end, unit, digits, signed) for name, end in (("low", low), ("high", high))}
    return message("between", **ends)


# ---------------------------------------------------------------- the comparisons
def rungs(allowed: pd.DataFrame) -> pd.DataFrame:
    """`evaluation.rungs_allowed`: what the data allow, and what is missing for more."""
    return pd.DataFrame({
        "rung": [message("rung-numbered", rung=row.rung, name=row.name) for row in allowed.itertuples(index=False)],
        "do the data allow it?": [bool(yes_or_no) for yes_or_no in allowed["allowed"]],
        "what there is": allowed["why"],
        "what it takes": [sentence(takes) if takes else "" for takes in allowed["what_it_takes"]]})


def comparisons(effects: Sequence[Effect]) -> pd.DataFrame:
    """What was compared, grade, lift with interval, and what to know about it.

    Of what could not be had, only the rungs above description stand there, with the reason.
    """
    rows = [(message("comparison", label=one.label, headline=yes(one.headline)), one.grade,
             wording.value(one) if one.measurable else MISSING, wording.interval(one) or MISSING, one.note)
            for one in effects if one.measurable or one.rung >= 2]
    return pd.DataFrame(rows, columns=["comparison", "grade", "difference", "interval", "what to know"])


def compared_joiners(effect: Effect) -> pd.DataFrame:
    """How many members the comparison used, and how many were set aside, by reason; empty where none was made."""
    told = effect.diagnostics
    if not told:
        return pd.DataFrame(columns=["which members", "number"])
    follow_up = told.get("follow_up", FOLLOW_UP)
    rows = [(message("joiners-compared", known=KNOWN_FOR, weeks=follow_up), told["joiners_used"])]
    rows += [(message("joiners-aside", why=aside(why, follow_up=follow_up)), n) for why, n in told["set_aside"].items()]
    return pd.DataFrame(rows, columns=["which members", "number"])


def fair_draw(effect: Effect | None) -> pd.DataFrame:
    """The checks of a draw, each of which can fail; empty without one."""
    told = {} if effect is None else effect.diagnostics
    if "balance" not in told:
        return pd.DataFrame(columns=DRAW)
    declared, planned = told["share declared"], Number(told["planned share"], "share")
    size = message("draw-share-found", found=Number(told["share held out"], "share"), declared=yes(declared),
                   planned=planned)
    by_lot = Number(told["share p"], "chance") if declared else MISSING
    before = [(message("draw-before", what=message(f"before-{name}")),
               message("draw-before-found", program=Number(row["treated"], digits=2),
                       held=Number(row["held out"], digits=2)),
               Number(row["p"], "chance")) for name, row in told["balance"].items()]
    joined = [(message("draw-joined", arm=arm), Number(share, "share"), MISSING)
              for arm, share in (told["joined"] or {}).items()]
    return pd.DataFrame([(message("draw-share-held"), size, by_lot), *before, *joined], columns=DRAW)


def quantities(effect: Effect) -> pd.DataFrame:
    """What the comparison at the till rests on, each quantity with its meaning; empty where nothing was estimated."""
    if not effect.measurable:
        return pd.DataFrame(columns=QUANTITIES)
    told = effect.diagnostics
    rho = {name: Number(getattr(effect, name), digits=2) for name in ("placebo", "placebo_low", "placebo_high")}
    agree = "yes" if told["overlap"] else "no" if told["cross_check"] else "none"
    found = {
        "kappa": Number(told["kappa"], digits=2), "beta": Number(told["beta"], digits=2, signed=True),
        "shift": lift(told["shift"], 1), "tau": Number(told["tau"], digits=2),
        "rho": message("between-around", value=rho["placebo"], low=rho["placebo_low"], high=rho["placebo_high"])
        if isfinite(effect.placebo) else MISSING,
        "orders": Number(told["comparison_orders"]), "customers": Number(told["ess"]),
        "agree": message(f"agree-{agree}"),
        "plausible": message("plausible", yes=yes(effect.estimate <= IMPLAUSIBLE)),
    }
    return pd.DataFrame([(message(f"quantity-{name}"), value, message(f"quantity-{name}-means", most=lift(IMPLAUSIBLE)))
                         for name, value in found.items()], columns=QUANTITIES)


def designs(power: pd.DataFrame) -> pd.DataFrame:
    """`power.power_table`: what each design could find in this shop, before any result is seen."""
    needed = {f"needed for +{size} %": [_units(value, unit) for value, unit in
                                        zip(power[f"needed_for_{size}"], power["needed_unit"], strict=True)]
              for size in (10, 20, 30)}
    return pd.DataFrame({
        "design": [_capital(message(f"design-{design}")) for design in power["design"]],
        "rests on": [Number(n) for n in power["customers"]],
        "smallest lift found": [lift(size) for size in power["smallest_lift"]],
        **needed, "time until +20 % is found": [_waiting(weeks) for weeks in power["time_to_answer_weeks_for_20"]],
        "what to know": power["note"]})


def _units(value: float, unit: str) -> Message | str:
    if pd.isna(value):
        return MISSING
    return message("not-by-waiting") if value == inf else message(f"units-{unit}", n=Number(value))


def _waiting(weeks: float) -> Message:
    return message("not-in-sight") if weeks == inf else message("now") if weeks == 0 else counted(ceil(weeks), "week")


# ---------------------------------------------------------------- KPIs
def changes(found: Sequence[Change]) -> pd.DataFrame:
    """KPIs: levels, change with interval, n, and the reading; the primary one first.

    Where nothing could be compared: the levels that could be measured, with their intervals.
    """
    if all(one.verdict == "not measurable" for one in found):
        rows = [(_capital(one.label), wording.value(one), wording.interval(one) or MISSING, wording.counted(one))
                for one in (change.after for change in found) if one.measurable]
        return pd.DataFrame(rows, columns=["KPI", "level", "interval", "n"])
    return pd.DataFrame([{
        "KPI": message("kpi-cell", label=one.label, primary=yes(one.primary)),
        "before": _level(one.before, one.digits),
        "after": _level(one.after, one.digits),
        "change": wording.value(one) if one.measurable else MISSING,
        "interval": wording.interval(one) or MISSING,
        "n": message("n-both", before=_n(one.before), after=_n(one.after)),
        "reading": _reading(one),
    } for one in sorted(found, key=lambda one: not one.primary)])


def _n(level: Finding) -> Persons | int:
    return Persons(level.n) if NOUNS[level.n_noun] else level.n


def _level(level: Finding, digits: int) -> Number:
    return Number(level.estimate, level.unit, digits)


def _reading(change: Change) -> Message:
    verdict = change.verdict.replace(" ", "-")
    if change.verdict == "no evidence" and not change.covers_zero:
        verdict = "many"
    elif change.verdict == "not measurable" and change.note:
        verdict = "why"
    return message(f"reading-{verdict}", why=change.note)


def targets(judged: pd.DataFrame) -> pd.DataFrame:
    """`kpis.against_thresholds`; empty where the settings name no target."""
    rows = [(_capital(label(row.kpi)), Number(row.value, row.unit), _between(row.low, row.high, row.unit, signed=False),
             message(f"target-{row.reading}", bound=message(f"target-{row.side}",
                                                            limit=Number(row.threshold, row.unit))))
            for row in judged.itertuples()]
    return pd.DataFrame(rows, columns=["KPI", "latest", "interval", "reading"])


def channels(compared: pd.DataFrame) -> pd.DataFrame:
    """`kpis.by_channel`; empty without a launch, or where no order has a channel."""
    rows = [(row.channel, _capital(label(row.kpi)), Number(row.before, row.unit), Number(row.after, row.unit),
             Number(row.change, row.unit, signed=True),
             _between(row.change_low, row.change_high, row.unit),
             message("n-both", before=Number(row.n_before), after=Number(row.n_after)))
            for row in compared.itertuples()]
    return pd.DataFrame(rows, columns=["channel", "KPI", "before", "after", "change", "interval", "n"])


# ---------------------------------------------------------------- money
def money(roi: pd.DataFrame) -> pd.DataFrame:
    """The rows of tables/roi.csv, each value in its own unit."""
    rows = [(message("roi-item", item=row.item, payback=yes(row.item.key == "roi-payback")),
             *(_in_unit(value, row.unit, row.item) for value in (row.value, row.low, row.high)))
            for row in roi.itertuples()]
    return pd.DataFrame(rows, columns=["item", "value", "low", "high"])


def _in_unit(value: float, unit: str, item: Message) -> Message | Number | str:
    if pd.isna(value):
        return MISSING
    if item.key == "roi-chance":
        return Number(value, "chance")
    if value == inf:
        return message("no-lift-pays" if unit == "lift" else "not-within-sight")
    if unit == "lift":
        return lift(value, 1)
    plain = unit in ("members", "months", "orders")
    return Number(value, digits=int(unit == "months")) if plain else Number(value, unit)


def member_groups(groups: pd.DataFrame, currency: str) -> pd.DataFrame:
    """`segments.by_segment`: who they are, what they spent, the rewards they got, and their own lift."""
    return pd.DataFrame({
        "group": [_capital(message(f"segment-{name}")) for name in groups["segment"]],
        "orders in the year before": [_range(row.orders_low, row.orders_high) for row in groups.itertuples()],
        "members": groups["members"],
        "spent since joining": [Number(value, currency) for value in groups["spend"]],
        "rewards": [Number(value, currency) for value in groups["rewards"]],
        "share of rewards": [percent(share) for share in groups["rewards_share"]],
        "lift": [lift(size) for size in groups["lift"]],
        "interval": [_between(row.low, row.high, "lift") for row in groups.itertuples()]})


def _range(low: float, high: float) -> Message | Number:
    return Number(low) if low == high else _between(low, high, "", signed=False)
