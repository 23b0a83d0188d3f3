"""Migration: where the customers of before the launch are afterwards, on one and the same yardstick.

Both windows are scored against the customers of the earlier one: ranked anew, as many would always be "best". Heavy
buyers fall back and light ones catch up by chance alone (regression to the mean), with a program or without; so the
same table is made one span earlier, where there was no program, and what counts is the difference between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN, Change, Finding
from loyalty_helpers.core.intervals import Share, holm, newcombe
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.core.windows import Windows
from loyalty_helpers.customers import tables
from loyalty_helpers.customers.buyers import CONFIDENCE, Pace, buyers, share_of
from loyalty_helpers.customers.rfm import SEGMENTS, rfm_scores, segment_names

GROUPS = ("Best", "Regular", "Occasional", "Once")  # best first
BEST, REGULAR = 9, 6  # frequency score + money score from which a customer counts as such
AWAY = "Did not buy"
# By so much such shares differ from one span to the next in shops without a program, because customers grow older with
# the data and seasons differ: 2.7 points in 60 simulated shops of 4,000, a third of which would else show a "change"
AGEING = 0.03
COLUMNS = ["before", "after", "customers", "share", "low", "high"]
MOVES = ("moved-up", "stayed", "moved-down", "stopped")
BEST_AGAIN = "best-again"


@dataclass(frozen=True)
class Migration:
    """Where customers went: `groups` (GROUPS) and `segments` (the eleven) have a row for each way from before to after.

    Their columns: before, after, customers, share (of the customers with the same `before`), low, high (Wilson).
    AWAY stands for no order in that window. `sizes`: group, customers, orders, spend (typical: medians), of the
    customers before. `moves` are shares of the customers before, each set against the same share one span earlier
    (`Change.before`, not measurable where the orders do not reach back). `why` says what is missing.
    """

    groups: pd.DataFrame
    segments: pd.DataFrame
    sizes: pd.DataFrame
    moves: list[Change]
    days: int = 0
    why: Message | None = None

    @property
    def sentence(self) -> Message:
        """Where the customers of before went."""
        levels = {change.kpi: change.after for change in self.moves}
        if not levels:  # a shop without a program lacks nothing
            return self.why if self.why.key == "migration-no-launch" else message("migration-unknown", why=self.why)
        if not all(levels[move].measurable for move in MOVES):
            return message("migration-hidden", why=levels["stopped"].note)
        n = levels["stopped"].n
        told = {move: Persons(round(levels[move].estimate * n), of=n) if n < FEWEST.moved else
                Number(levels[move].estimate, "share", 0) for move in MOVES}
        return message("migration-moved", customers=Persons(n), days=self.days, few="yes" if n < FEWEST.moved else "no",
                       least=FEWEST.moved, **told)

    @property
    def comparison(self) -> list[Message]:
        """The same a span earlier, where there was no program: what moves by itself."""
        told = [change for change in self.moves if change.verdict != "not measurable"]
        if not told:
            why = self.moves and (self.why or self.moves[0].note)
            return [message("migration-usual-unknown", why=why)] if why else []
        usual = [message(f"migration-usual-{change.kpi}", share=Number(change.before.estimate, "share", 0))
                 for change in told if change.kpi in MOVES]
        moved = [_move(change) for change in told if change.verdict != "no evidence"]
        return [message("migration-usual", moves=Listed(tuple(usual))), *(moved or [message("migration-as-usual")])]

    @property
    def details(self) -> list[Message]:
        """Each move against the span earlier; nothing where there is nothing to compare with."""
        return [_move(change) for change in self.moves if change.verdict != "not measurable"]


def _move(change: Change) -> Message:
    """A move against the span earlier: not the sentence of a change, whose "before" would be that of the launch."""
    was, now = (Number(level.estimate, "share", change.digits) for level in (change.before, change.after))
    verdict = {"up": "more", "down": "less"}.get(
        change.verdict, "no" if change.low <= 0 <= change.high else "no-among-many")
    return message("migration-move", move=change.kpi, was=was, now=now, change=change.change, level=change.level,
                   interval=change.interval, verdict=verdict)


def migration(orders: pd.DataFrame, spans: Windows | None, *, pace: Pace | None = None) -> Migration:
    """The way of each customer from the window before the launch to that after it, see `Migration`.

    Groups by the sum of frequency and money score: best from 9 of 10, regular from 6, occasional below; who ordered
    once in a window is "once" whatever it cost. The intervals of the changes are Newcombe's, widened by AGEING on both
    sides; customers of both spans make them slightly too wide. Holm's adjustment over all moves. The shop's `pace`
    bounds the recency scores of the eleven segments, as in `scoring.rfm`; there are none below FEWEST.moved customers
    of before.
    """
    if spans is None:
        return _nothing(message("migration-no-launch"))
    if spans.days == 0 or spans.before_end <= spans.before_start:
        return _nothing(spans.note or message("migration-nothing-before"))
    shift = spans.after_start - spans.before_start
    wave = _wave(orders, spans.before_start, spans.before_end)
    was = scored_against(wave, wave, pace=pace)
    now = scored_against(_wave(orders, spans.after_start, spans.after_end), wave, pace=pace)
    if was.empty:
        return _nothing(message("migration-nobody"))
    reach = spans.before_start - shift
    why = None if reach >= spans.data_start else message("migration-no-reach", needed=reach, begin=spans.data_start)
    usual = _moves(None, None)
    if not why:
        first = _wave(orders, reach, spans.before_end - shift)
        usual = _moves(scored_against(first, first), scored_against(wave, first))
    sizes = buyers(wave).assign(group=was["group"]).groupby("group").agg(
        customers=("orders", "size"), orders=("orders", "median"), spend=("spend", "median"))
    sizes = sizes.assign(orders=np.floor(sizes["orders"] + 0.5).astype("int64"))  # there are no half orders
    sizes = sizes.reindex([group for group in GROUPS if group in sizes.index]).reset_index()
    few = len(was) < FEWEST.moved
    segments = pd.DataFrame(columns=COLUMNS) if few else transitions(was, now, "segment", tuple(SEGMENTS))
    return Migration(transitions(was, now, "group", GROUPS), segments, sizes, _changes(usual, _moves(was, now), why),
                     spans.days, why)


def _nothing(why: Message) -> Migration:
    empty = pd.DataFrame(columns=COLUMNS)
    return Migration(empty, empty, pd.DataFrame(columns=["group", "customers", "orders", "spend"]), [], 0, why)


def _wave(orders: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The `customers` of one window [start, end), counted to its end."""
    inside = orders[(orders["ordered_at"] >= start) & (orders["ordered_at"] < end)]
    return tables.customers(inside, as_of=end.date())


def scored_against(customers: pd.DataFrame, reference: pd.DataFrame, *, pace: Pace | None = None) -> pd.DataFrame:
    """`scoring.rfm` with the cut-offs of the `reference` customers: customer_id, the three scores, segment, group.

    A value beyond all of the reference gets its highest or lowest score. Scored against themselves customers get the
    scores of `scoring.rfm`, whose bounds by the shop's `pace` hold here too. Empty where the reference has no buyer.
    """
    scored = rfm_scores(customers, reference, pace=pace)
    once = scored["customer_id"].isin(customers.loc[customers["orders"] == 1, "customer_id"])
    points = scored["frequency_score"] + scored["monetary_score"]
    group = np.select([once, points >= BEST, points >= REGULAR], ["Once", "Best", "Regular"], "Occasional")
    return scored.assign(segment=segment_names(scored), group=pd.Series(group, index=scored.index, dtype="str"))


def transitions(was: pd.DataFrame, now: pd.DataFrame, column: str, names: Sequence[str]) -> pd.DataFrame:
    """How many went from each of `names` (and AWAY) to each, among all customers of `was` or `now`: COLUMNS.

    Ways that nobody went are there with 0; what nobody was before, and what is nowhere, is left out.
    """
    both = was[["customer_id", column]].merge(now[["customer_id", column]], on="customer_id", how="outer",
                                              suffixes=("_was", "_now")).fillna(AWAY)
    counts = pd.crosstab(both[f"{column}_was"], both[f"{column}_now"])
    rows, columns = ([name for name in (*names, AWAY) if name in index] for index in (counts.index, counts.columns))
    table = counts.reindex(index=rows, columns=columns).rename_axis(index="before", columns="after")
    long = table.stack().rename("customers").reset_index()
    # who is in neither window is unknown: the way from AWAY to AWAY does not exist
    long = long[(long["before"] != AWAY) | (long["after"] != AWAY)].reset_index(drop=True)
    total = long.groupby("before")["customers"].transform("sum")
    limits = [Share(hits, n).level(CONFIDENCE)[:3] for hits, n in zip(long["customers"], total, strict=True)]
    return long.join(pd.DataFrame(limits, columns=COLUMNS[3:], dtype="float64"))


def _moves(was: pd.DataFrame | None, now: pd.DataFrame | None) -> dict[str, Finding]:
    """The share of each of MOVES among the customers of `was`, and of the best who are best again."""
    hits, n, best = dict.fromkeys((*MOVES, BEST_AGAIN), 0), 0, 0
    if was is not None and now is not None:
        place = {group: rank for rank, group in enumerate(GROUPS)}
        later = was["customer_id"].map(now.set_index("customer_id")["group"])
        step = (was["group"].map(place).astype("float64") - later.map(place).astype("float64")).to_numpy()
        top = (was["group"] == GROUPS[0]).to_numpy()
        n, best = len(was), int(top.sum())
        found = ((step > 0).sum(), (step == 0).sum(), (step < 0).sum(), np.isnan(step).sum(), (top & (step == 0)).sum())
        hits = dict(zip(hits, map(int, found), strict=True))
    return {move: share_of(message(f"share-{move}"), hits[move], best if move == BEST_AGAIN else n,
                           note=message("migration-nobody-to-follow")) for move in hits}


def _changes(usual: dict[str, Finding], moves: dict[str, Finding], why: Message | None) -> list[Change]:
    """Each of `moves` as a change from what is `usual`, adjusted for looking at all of them."""
    changes = []
    for move, after in moves.items():
        before = usual[move]
        few = message("migration-few", least=FEWEST.moved, before=Persons(before.n), after=Persons(after.n))
        note = why or (few if min(before.n, after.n) < FEWEST.moved else "")
        change = Change(kpi=move, label=after.label, unit="share", estimate=NAN, n=after.n, before=before, after=after,
                        higher_is_better=move not in ("moved-down", "stopped"), note=note, whole="moves",
                        method="Newcombe, widened")
        if not note:
            shares = [Share(round(one.estimate * one.n), one.n) for one in (before, after)]
            found = newcombe(*shares, CONFIDENCE)
            z = stats.norm.ppf(0.5 + CONFIDENCE / 2)
            error = max((found.high - found.low) / (2 * z), 1e-9)
            p_value = 2 * stats.norm.sf(max(abs(found.estimate) - AGEING, 0) / error)
            change = replace(change, estimate=found.estimate, low=max(found.low - AGEING, -1),
                             high=min(found.high + AGEING, 1), p_value=float(p_value))
        changes.append(change)
    adjusted = holm([change.p_value for change in changes])
    return [replace(change, p_adjusted=float(p)) for change, p in zip(changes, adjusted, strict=True)]


def matrix(table: pd.DataFrame) -> pd.DataFrame:
    """`groups` or `segments` for a reader: customers, one row per place before, one column per place after."""
    places = list(dict.fromkeys(table["after"]))
    wide = table.pivot(index="before", columns="after", values="customers")
    wide = wide.reindex(index=list(dict.fromkeys(table["before"])), columns=places)
    return wide.reset_index().rename_axis(columns=None)
