"""What a comparison of before and after falls into, checked on the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from loyalty_helpers.core.calendar import NEW_YEARS
from loyalty_helpers.core.intervals import Share
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import DAY, purchases, visits
from loyalty_helpers.core.windows import Windows, iso
from loyalty_helpers.evaluation.kpis.measures import SECOND_ORDER, Shop, Unseen, waves
from loyalty_helpers.evaluation.said import counted, joined, percent, sentence

Frames = Mapping[str, pd.DataFrame]
Trap = tuple[Message, str]  # what was found, and its grade
FINE, KNOW, DISTORTS = "fine", "worth knowing", "distorts results"


def traps(frames: Frames, spans: Windows) -> pd.DataFrame:
    """What a comparison of before and after falls into, checked on the data: check, found, grade, consequence.

    `grade` is "fine", "worth knowing" or "distorts results". One row for each trap, whether it bites or not.
    """
    checks = {"season": _season, "holidays": _holidays, "newness": _newness, "unfinished": _unfinished,
              "survivors": _survivors, "anonymous": _anonymous, "joiners": _joiners, "ceilings": _ceilings,
              "rows": _rows}
    return pd.DataFrame([(message(f"trap-{name}"), *check(frames, spans), message(f"trap-{name}-consequence"))
                         for name, check in checks.items()], columns=["check", "found", "grade", "consequence"])


def _season(frames: Frames, spans: Windows) -> Trap:
    before, after = (message("trap-period", start=iso(start), end=iso(end - DAY)) if end > start else
                     message("trap-no-time") for start, end in ((spans.before_start, spans.before_end),
                                                                (spans.after_start, spans.after_end)))
    found = message("trap-season-found", before=before, after=after)
    return joined([found, *map(sentence, spans.notes)]), FINE if spans.season_matched else DISTORTS


def _holidays(frames: Frames, spans: Windows) -> Trap:
    def overlap(start: pd.Timestamp, end: pd.Timestamp) -> list[int]:
        days = pd.date_range(start, end, inclusive="left")
        wait = (pd.DatetimeIndex(NEW_YEARS).to_numpy() - days.to_numpy()[:, None]) / np.timedelta64(1, "D")
        return [int(((wait > -7) & (wait <= 21)).sum()), int(((days.month == 11) & (days.day <= 11)).sum())]

    before, after = overlap(spans.before_start, spans.before_end), overlap(spans.after_start, spans.after_end)
    uneven = max(abs(was - now) for was, now in zip(before, after, strict=True)) > 3
    facts = dict(zip(("spring-before", "november-before", "spring-after", "november-after"), before + after,
                     strict=True))
    return message("trap-holidays-found", **facts), KNOW if uneven else FINE


def _newness(frames: Frames, spans: Windows) -> Trap:
    lead = (spans.before_start - spans.data_start).days
    return (message("trap-newness-found", lead=counted(lead, "day"), window=counted(spans.activity_days, "day")),
            FINE if lead >= spans.activity_days else DISTORTS)


def _unfinished(frames: Frames, spans: Windows) -> Trap:
    shop, after = Shop(frames, spans.data_start, {}), waves(spans)[1]
    try:
        firsts = shop.newcomers(after)["first"]
    except Unseen as reason:
        return reason.why, FINE
    young = int((firsts > spans.data_end - SECOND_ORDER * DAY).sum())
    return (message("trap-unfinished-found", young=Persons(young, of=len(firsts)), days=SECOND_ORDER,
                    all=counted(len(firsts), "first-time-buyer")), KNOW if young else FINE)


def _survivors(frames: Frames, spans: Windows) -> Trap:
    members = frames.get("members")
    if members is None or members.empty:
        return message("trap-survivors-no-list"), FINE
    known = set(members["customer_id"].dropna())
    elsewhere = {one for name, column in (("points", "customer_id"), ("referrals", "referrer_id")) if name in frames
                 for one in frames[name][column].dropna()}
    unlisted, left = len(elsewhere - known), int(members["left_at"].notna().sum())
    bought = len(known & set(frames["orders"]["customer_id"].dropna()))
    found = message("trap-survivors-found", bought=Persons(bought, of=len(known)), left=Persons(left),
                    members=counted(len(known), "member"), unlisted=Persons(unlisted))
    return found, DISTORTS if unlisted else KNOW if not left else FINE


def _anonymous(frames: Frames, spans: Windows) -> Trap:
    sales = purchases(frames["orders"])
    was, now = (sales.loc[(sales["ordered_at"] >= start) & (sales["ordered_at"] < end), "customer_id"].isna()
                for start, end in ((spans.before_start, spans.before_end), (spans.after_start, spans.after_end)))
    if was.empty or now.empty:
        return message("trap-anonymous-none"), FINE
    change = Share.of(now).change_from(Share(float(was.sum()), len(was)), 0.95)
    moved = abs(change.estimate) >= 0.01 and not change.low <= 0 <= change.high
    ends = {name: Number(getattr(change, name), "share", signed=True) for name in ("low", "high")}
    return message("trap-anonymous-found", before=Number(was.mean(), "share"), after=Number(now.mean(), "share"),
                   **ends), DISTORTS if moved else FINE


def _joiners(frames: Frames, spans: Windows) -> Trap:
    joins = frames["members"].dropna(subset=["joined_at", "customer_id"]) if "members" in frames else ()
    if not len(joins):
        return message("trap-joiners-undated"), FINE
    days = visits(frames["orders"])[["customer_id", "day"]]
    since = joins[["customer_id", "joined_at"]].merge(days, on="customer_id")
    same_day = since["joined_at"].dt.normalize() == since["day"]
    at_order = since.loc[same_day, "customer_id"].nunique() / joins["customer_id"].nunique()
    return message("trap-joiners-found", share=percent(at_order), members=counted(len(joins), "member")), DISTORTS


def _ceilings(frames: Frames, spans: Windows) -> Trap:
    questions = [(name, frames[table][name].dropna()) for table, names in (
        ("orders", ["rating"]), ("survey", [name for name in frames.get("survey", ()) if name not in (
            "answered_at", "wave", "customer_id")])) for name in names]
    topped = [message("trap-ceilings-topped", name=name, share=percent((values == values.max()).mean()),
                      top=f"{values.max():g}")
              for name, values in questions if len(values) and (values == values.max()).mean() >= 0.8]
    asked = sum(len(values) > 0 for _, values in questions)
    if topped:
        return message("together", said=Listed(tuple(topped), parted_by="semicolon")), KNOW
    return (message("trap-ceilings-none", questions=counted(asked, "question")) if asked else
            message("trap-ceilings-unasked")), FINE


def _rows(frames: Frames, spans: Windows) -> Trap:
    orders = frames["orders"]
    sales, given_back = purchases(orders), orders["is_refund"] & (orders["amount"] < 0)
    nothing = len(orders) - len(sales) - int(given_back.sum())
    twins = int(sales[sales["customer_id"].notna()].duplicated(["customer_id", "ordered_at", "amount"]).sum())
    found = message("trap-rows-found", refunds=counted(given_back.sum(), "refund-row"),
                    nothing=counted(nothing, "order"), twins=counted(twins, "order"))
    return found, KNOW if twins > len(sales) / 100 else FINE
