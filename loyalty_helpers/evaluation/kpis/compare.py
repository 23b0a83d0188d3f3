"""KPIs in two windows side by side: levels, changes, and what a conclusion could hang on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from loyalty_helpers.core.findings import NAN, Change, Finding
from loyalty_helpers.core.intervals import SMALL, Interval, Mean, Share, chance_greater, holm
from loyalty_helpers.core.messages import Message, Number, message
from loyalty_helpers.core.purchases import DAY, span
from loyalty_helpers.core.settings import UserError, suggest
from loyalty_helpers.core.windows import Windows, activity_window
from loyalty_helpers.evaluation.kpis.definitions import DEFINITIONS, label
from loyalty_helpers.evaluation.kpis.measures import (
    MEASURES,
    POINTS_SPELL,
    SECOND_ORDER,
    Sample,
    Shop,
    Wave,
    mean_answer,
    observe,
    waves,
)
from loyalty_helpers.evaluation.said import percent

Frames = Mapping[str, pd.DataFrame]
Scales = Mapping[str, tuple[float, float]]
MIRRORED = {"churn": "retention", "retention": "churn"}  # the same test twice: it is counted once
NUMBERS = ("before", "before_low", "before_high", "n_before", "after", "after_low", "after_high", "n_after",
           "change", "change_low", "change_high")
COLUMNS = ("kpi", "unit", *NUMBERS, "p_value", "p_adjusted", "primary", "method", "verdict")


# ---------------------------------------------------------------- samples -> findings
def _level(kpi: str, sample: Sample | Message, *, currency: str, confidence: float,
           note: Message | str = "") -> Finding:
    one = DEFINITIONS[kpi]
    shared = {"label": label(kpi), "unit": currency if one.unit == "money" else one.unit, "n_noun": one.noun,
              "confidence": confidence}
    if isinstance(sample, Message):
        return Finding(estimate=NAN, note=sample, **shared)
    estimate, low, high, _, method = sample.level(confidence)
    n = sample.bottom.sum() if one.noun == "order" else sample.n
    return Finding(estimate=estimate, low=low, high=high, n=round(n), hits=isinstance(sample, Share), method=method,
                   note=note, **shared)


def _remark(kpi: str, shop: Shop, wave: Wave, sample: Sample | Message) -> Message | str:
    """What has to be known to read the level; "" where its definition says all."""
    if isinstance(sample, Message):
        return ""
    if kpi in ("retention", "churn"):
        return message("remark-active", days=wave.activity_days)
    if kpi in ("csat", "ces"):
        worst, best = (f"{end:g}" for end in shop.scale(kpi))
        mean = Number(mean_answer(shop, wave, kpi).values.mean(), "scale points")
        return message(f"remark-{kpi}", worst=worst, best=best, mean=mean)
    if kpi == "breakage":
        return message("remark-breakage", days=POINTS_SPELL * sample.there.shape[1], left=percent(sample.left))
    return ""


def _compared(kpi: str, shop: Shop, both: tuple[Wave, Wave], *, currency: str, confidence: float) -> Change:
    """One KPI in both waves, p-values not yet adjusted."""
    was, now = samples = [observe(kpi, shop, wave) for wave in both]
    before, after = (_level(kpi, sample, currency=currency, confidence=confidence,
                            note=_remark(kpi, shop, wave, sample)) for sample, wave in zip(samples, both, strict=True))
    change, chance, note = Interval(NAN), NAN, after.note
    better = DEFINITIONS[kpi].higher_is_better
    if kpi == "ces" and after.measurable:
        worst, best = shop.scale(kpi)
        better = best > worst
    if isinstance(was, Message) or isinstance(now, Message):
        note = was if isinstance(was, Message) else now
    else:
        change = now.change_from(was, confidence)
        if not change.low <= change.high:
            note = message("unseen-few" if min(was.n, now.n) < 10 else "unseen-alike")
        if isinstance(now, Share) and min(was.n, now.n) < SMALL:
            chance = chance_greater(was, now) if better else 1 - chance_greater(was, now)
        if kpi == "csat":
            note = _mean_change(*(mean_answer(shop, wave, kpi) for wave in both), confidence)
    return Change(kpi=kpi, label=after.label, unit=after.unit, estimate=change.estimate, low=change.low,
                  high=change.high, n=before.n + after.n, n_noun=after.n_noun, confidence=confidence,
                  method=change.method, note=note, before=before, after=after, p_value=change.p_value,
                  higher_is_better=better, chance_improved=chance)


def _mean_change(before: Mean, after: Mean, confidence: float) -> Message:
    change = after.change_from(before, confidence)
    levels = {name: Number(mean.values.mean(), "scale points") for name, mean in (("before", before), ("after", after))}
    ends = {name: Number(getattr(change, name), "scale points", signed=True) for name in ("estimate", "low", "high")}
    return message("remark-mean-change", **levels, **ends)


def compare(frames: Frames, spans: Windows, *, primary: str, currency: str, scales: Scales | None = None,
            extra: Sequence[Change] = (), confidence: float = 0.95) -> list[Change]:
    """Every KPI before and after, in the order of DEFINITIONS; what cannot be measured is kept, with the reason.

    `frames` are the canonical tables (only orders must be there), `spans` what `windows` gave. `primary` was named
    before looking and stands alone; Holm's adjustment is made over all the others. Churn is retention mirrored: the
    same test, counted once, so that one of the two carries no p-value of its own. `scales` are the declared (worst,
    best) answers of survey questions; `extra` are changes measured elsewhere (the loyalty index), which join the
    adjustment. Surveys are split at the launch, whatever their age; answers of the gap days are left out. Program
    KPIs have no before: their level stands in `after`.
    """
    if primary not in DEFINITIONS:
        raise UserError(f"primary_kpi: {primary} is not a KPI.{suggest(primary, DEFINITIONS)}")
    shop = Shop(frames, spans.data_start, scales or {})
    changes = [_compared(kpi, shop, waves(spans), currency=currency, confidence=confidence) for kpi in MEASURES]
    if "loyalty_index" not in [change.kpi for change in extra]:
        level = _level("loyalty_index", message("unseen-no-score"), currency=currency, confidence=confidence)
        changes.append(Change(kpi="loyalty_index", label=level.label, unit=level.unit, estimate=NAN, before=level,
                              after=level, note=level.note, confidence=confidence))
    return _adjusted([*changes, *extra], primary)


def _adjusted(changes: list[Change], primary: str) -> list[Change]:
    copy = MIRRORED.get(primary, "churn")
    p_values = {change.kpi: change.p_value for change in changes if change.kpi not in (primary, copy)}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    adjusted |= {change.kpi: change.p_value for change in changes if change.kpi == primary}
    adjusted[copy] = adjusted[MIRRORED[copy]]
    return [replace(change, p_adjusted=float(adjusted[change.kpi]), primary=change.kpi == primary,
                    p_value=NAN if change.kpi == copy else change.p_value) for change in changes]


def table(changes: Sequence[Change]) -> pd.DataFrame:
    """The rows of tables/kpis.csv. Where nothing was compared, `method` says why."""
    rows = [(one.kpi, one.unit, one.before.estimate, one.before.low, one.before.high, one.before.n,
             one.after.estimate, one.after.low, one.after.high, one.after.n, one.estimate, one.low, one.high,
             one.p_value, one.p_adjusted, one.primary,
             one.note if one.verdict == "not measurable" else one.method, one.verdict) for one in changes]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def levels(frames: Frames, start: pd.Timestamp, end: pd.Timestamp, *, currency: str, scales: Scales | None = None,
           confidence: float = 0.95) -> dict[str, Finding]:
    """The level of each KPI in [start, end), for a shop with no launch date; `last_year` gives a window.

    Where the orders begin too late for the window's own retention, retention and churn are those of the last days of
    the window, as many as the activity window has; the note says so.
    """
    data_start = span(frames["orders"]).first
    shop, active = Shop(frames, data_start, scales or {}), activity_window(frames["orders"], until=end)
    wave = Wave("", pd.Timestamp(start), pd.Timestamp(end), active, pd.Timestamp(start) - data_start,
                (end - SECOND_ORDER * DAY - start).days, pd.Timestamp(end), pd.Timestamp(start), pd.Timestamp.max)
    late = wave.start - active * DAY < data_start <= wave.end - 2 * active * DAY
    recent = replace(wave, start=wave.end - active * DAY)
    found = {}
    for kpi in MEASURES:
        chosen = recent if late and kpi in ("retention", "churn") else wave
        sample = observe(kpi, shop, chosen)
        note = _remark(kpi, shop, chosen, sample)
        if chosen is recent and note:
            note = message("remark-recent", days=active)
        found[kpi] = _level(kpi, sample, currency=currency, confidence=confidence, note=note)
    return found


def by_channel(frames: Frames, spans: Windows, *, currency: str, confidence: float = 0.95) -> pd.DataFrame:
    """Retention, frequency and order value within each channel, before and after, busiest channel first.

    Columns channel, kpi, unit, the levels and changes of `table`. Each channel is treated as a shop of its own: a
    customer who moved to another one counts as not retained in the first. No test is made of so many numbers.
    """
    orders, columns = frames["orders"], ["channel", "kpi", "unit", *NUMBERS]
    parts = [pd.DataFrame(columns=columns)]
    for channel in orders["channel"].value_counts().index:
        shop = Shop({"orders": orders[orders["channel"] == channel]}, spans.data_start, {})
        rows = table([_compared(kpi, shop, waves(spans), currency=currency, confidence=confidence)
                      for kpi in ("retention", "frequency", "order_value")])
        parts.append(rows.assign(channel=channel)[columns])
    return pd.concat(parts[1:], ignore_index=True) if len(parts) > 1 else parts[0]


def against_thresholds(changes: Sequence[Change], thresholds: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The latest levels (of `after`) against the limits of the settings ({kpi: {"min": ..., "max": ...}}), one row per
    limit.

    Columns kpi, unit, value, low, high, threshold, side ("min" or "max"), reading: "met" or "missed" only where the
    whole interval lies on one side, else "unsure"; "unmeasured".
    """
    of = {change.kpi: change.after for change in changes}
    rows = []
    for kpi, limits in thresholds.items():
        level = of.get(kpi) or Finding(label=label(kpi), unit="share", estimate=NAN)
        for side, limit in limits.items():
            rows.append((kpi, level.unit, level.estimate, level.low, level.high, limit, side,
                         _reading(level, side, limit)))
    return pd.DataFrame(rows, columns=["kpi", "unit", "value", "low", "high", "threshold", "side", "reading"])


def _reading(level: Finding, side: str, limit: float) -> str:
    if not level.measurable:
        return "unmeasured"
    met, missed = (level.low >= limit, level.high < limit) if side == "min" else (level.high <= limit,
                                                                                  level.low > limit)
    return "met" if met else "missed" if missed else "unsure"


def activity_stress(frames: Frames, spans: Windows, *, confidence: float = 0.95) -> pd.DataFrame:
    """Retention with half, once and twice the activity window: a conclusion should not hang on that choice.

    Columns activity_days, before, after, change, low, high, n_before, n_after, note (why it is not measurable).
    """
    rows = []
    for factor in (0.5, 1, 2):
        days = max(1, round(spans.activity_days * factor))
        shop = Shop(frames, spans.data_start, {})
        one = _compared("retention", shop, waves(replace(spans, activity_days=days)), currency="",
                        confidence=confidence)
        rows.append((days, one.before.estimate, one.after.estimate, one.estimate, one.low, one.high, one.before.n,
                     one.after.n, "" if one.measurable else one.note))
    return pd.DataFrame(rows, columns=["activity_days", "before", "after", "change", "low", "high", "n_before",
                                       "n_after", "note"])
