"""Chapter 04: before and after, the ladder of evidence, the money, and the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from loyalty_helpers import evaluation
from loyalty_helpers.core import findings
from loyalty_helpers.core.findings import NAN, Change, Effect, Finding, Verdict, amount, capital, count, difference
from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers import scoring, tables
from loyalty_helpers.evaluation import Money, kpis
from loyalty_helpers.report import gate as privacy
from loyalty_helpers.report.chapters.ch01 import day

Frames = Mapping[str, pd.DataFrame]


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
    before = f"{day(spans.before_start)} to {day(spans.before_end - kpis.DAY)}"
    after = f"{day(spans.after_start)} to {day(spans.after_end - kpis.DAY)}"
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
        too_small=evaluation.too_small(frames["orders"]), drawing=evaluation.draw_goes_on(frames, shop))
    if program.launched_on is None:
        return replace(verdict, words=message("verdict-no-launch-words"), sentence=message("verdict-no-launch"))
    if headline is None:
        return verdict
    doubt = _too_early(verdict, headline, money) or _no_more_spent(verdict, headline, judged, money)
    if doubt:
        verdict = replace(verdict, key="cannot_tell", words=message("verdict-cannot-tell-words"), sentence=doubt,
                          would_tell=would_tell)
    total = money.roi_table.set_index("item")["value"].get("total cost", 0.0)
    unpaid = ("" if money.break_even != 0 else "the settings name no gross margin" if not program.gross_margin else
              "no costs are known" if not total > 0 else "there is no break-even")
    return replace(verdict, because=(*verdict.because, *_reservations(verdict, headline, judged, unpaid)))


def _too_early(verdict: Verdict, headline: Effect, money: Money) -> Message | None:
    covered = headline.estimate >= money.running_break_even
    if verdict.key != "costs_more" or money.months >= FIRST_YEAR or not covered:
        return None
    return message("verdict-too-early", x=headline)


def _no_more_spent(verdict: Verdict, headline: Effect, effects: Sequence[Effect], money: Money) -> Message | None:
    if verdict.key not in ("works", "probably_works"):
        return None
    if money.roi_table.set_index("item")["value"].get(evaluation.SPENDING, NAN) <= 0:
        return message("verdict-no-money", x=headline)
    spend = next((one for one in effects if one.rung == headline.rung and one.outcome == "spend"), None)
    if spend is None or not spend.measurable or spend.refused or not spend.high < money.break_even:
        return None
    return message("verdict-no-more-spent", x=headline, spend=spend)


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
    return [*([headline.sentence] if seen else []), *verdict.because]
