"""The evidence ladder: which comparisons the data allow, which of them is the headline, and what would tell more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import ceil
from typing import TYPE_CHECKING

import pandas as pd

from loyalty_helpers.evaluation.before_after import describe, naive
from loyalty_helpers.evaluation.calibrated import LEAST_BEFORE as CALIBRATED_BEFORE
from loyalty_helpers.evaluation.experiment import randomised
from loyalty_helpers.evaluation.panel import USABLE
from loyalty_helpers.evaluation.power import HOLDOUT_WEEKS, power_holdout
from loyalty_helpers.evaluation.till import MIN_JOINERS, at_the_till, joiners
from loyalty_helpers.evaluation.trends import (
    MIN_AFTER,
    MIN_BEFORE,
    MIN_CUSTOMERS,
    MIN_WEEKS,
    interrupted_time_series,
    placebo_launches,
    trend,
    with_placebo,
)
from loyalty_helpers.evaluation.weeks import (
    FOLLOW_UP,
    NO_LAUNCH,
    WEEK,
    Frames,
    data_end,
    first_joining,
    purchases,
    weekly,
)
from loyalty_helpers.findings import OUTCOMES, Effect, capital, count, difference, number

if TYPE_CHECKING:
    from loyalty_helpers.client import Client, Program
    from loyalty_helpers.kpis import Windows

RUNGS = {1: "description", 2: "trend of the whole shop", 3: "members against comparable buyers",
         4: "customers drawn at random (randomised)"}
TOO_SMALL = 0.4  # a lift that no program of the published cases with a comparison group came near

NOT_RELIED = "Not to be relied on: "
OLDER = "of orders from before the launch (older exports; waiting does not help)"


def ladder(frames: Frames, program: Program, windows: Windows | None, *, confidence: float = 0.95) -> list[Effect]:
    """Every rung side by side, the believable ones first; the headline is the highest rung that the data allow.

    An estimator that refuses is passed over. No effect is flagged where there is nothing to compare.
    """
    orders, when = frames["orders"], {"launched_on": program.launched_on, "confidence": confidence}
    effects = [
        *_experiment(frames, program, confidence),
        *_till(frames, program, confidence),
        _tried(trend(orders, **when), orders, program),
        interrupted_time_series(orders, **when),
        _tried(trend(orders, **when, outcome="spend"), orders, program),
        describe(frames, windows, confidence=confidence),
        *naive(frames, windows, confidence=confidence),
    ]
    allowed = {row["rung"] for row in _rungs(frames, program) if row["allowed"]}
    chosen = next((i for i, effect in enumerate(effects) if effect.rung in allowed and effect.outcome == "orders"
                   and effect.measurable and not effect.refused), None)
    return [replace(effect, headline=i == chosen) for i, effect in enumerate(effects)]


def _experiment(frames: Frames, program: Program, confidence: float) -> list[Effect]:
    """Rung 4 for both outcomes, each followed by its cross-check; nothing without an assignment or a launch."""
    assignment = frames.get("assignment")
    if assignment is None or program.launched_on is None:
        return []
    drawn = assignment["assigned_at"].min() if "assigned_at" in assignment else pd.NaT
    start = max(pd.Timestamp(program.launched_on), drawn) if pd.notna(drawn) else pd.Timestamp(program.launched_on)
    # whom the draw left free to join says nothing of who had the program
    members = frames.get("members") if program.joining == "randomised" else None
    return _with_cross_checks([
        randomised(frames["orders"], assignment, start=start.date(), end=data_end(frames["orders"]).date(),
                   confidence=confidence, outcome=outcome, members=members, planned_share=program.holdout_share)
        for outcome in OUTCOMES])


def _till(frames: Frames, program: Program, confidence: float) -> list[Effect]:
    """Rung 3 for both outcomes, each followed by its cross-check; nothing where nobody is left to compare with."""
    if frames.get("members") is None or program.launched_on is None or program.joining == "everyone":
        return []
    return _with_cross_checks([at_the_till(frames["orders"], frames["members"], launched_on=program.launched_on,
                                           outcome=outcome, confidence=confidence) for outcome in OUTCOMES])


def _tried(effect: Effect, orders: pd.DataFrame, program: Program) -> Effect:
    """The trend with what pretended launches before the real one gave."""
    return with_placebo(effect, placebo_launches(orders, launched_on=program.launched_on, outcome=effect.outcome,
                                                 confidence=effect.confidence))


def _with_cross_checks(effects: list[Effect]) -> list[Effect]:
    both = [one for effect in effects for one in (effect, effect.cross_check) if one is not None]
    return [replace(one, note=_told(one)) for one in both]


def _told(effect: Effect) -> str:
    """The note of an effect, beginning with its refusal: the table has no other column for it."""
    if not effect.refused:
        return effect.note
    if not effect.measurable:
        return effect.note or effect.refused
    return f"{NOT_RELIED}{effect.refused}. {effect.note}".strip()


def headline(effects: Sequence[Effect]) -> Effect | None:
    """The one effect flagged as headline; None where there is nothing to compare."""
    return next((effect for effect in effects if effect.headline), None)


TABLE = ["outcome", "rung", "method", "scope", "estimate", "low", "high", "unit", "n_treated", "n_comparison", "ess",
         "placebo", "placebo_low", "placebo_high", "grade", "headline", "note"]


def effects_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """The rows of tables/effects.csv; `method` is the effect's label, a missing estimate has its reason as `note`."""
    return pd.DataFrame([{name: getattr(effect, name) for name in TABLE} for effect in effects], columns=TABLE)


def from_table(table: pd.DataFrame, *, confidence: float = 0.95) -> list[Effect]:
    """The effects of a table made by `effects_table`; what has no column there (such as `n`) does not come back."""
    rows = table[TABLE].assign(note=table["note"].astype(object).where(table["note"].notna(), ""))
    return [Effect(**row, label=row["method"], confidence=confidence, refused=_refusal(row["note"]))
            for row in rows.to_dict("records")]


def _refusal(note: str) -> str | None:
    return note.removeprefix(NOT_RELIED).partition(". ")[0].rstrip(".") if note.startswith(NOT_RELIED) else None


# ---------------------------------------------------------------- what the data allow
def rungs_allowed(frames: Frames, client: Client) -> pd.DataFrame:
    """Rungs 1 to 4: rung, name, allowed (by the data), why, what_it_takes (empty where allowed)."""
    return pd.DataFrame(_rungs(frames, client.program))


def _rungs(frames: Frames, program: Program) -> list[dict]:
    launched_on, orders = program.launched_on, frames["orders"]
    weeks = weekly(orders, launched_on=launched_on)["week"]
    before, after = int((weeks < 0).sum()), int((weeks >= 0).sum())
    judged = {
        1: _description_takes(orders, launched_on),
        2: _trend_takes(before, after, orders["customer_id"].nunique()),
        3: _till_takes(frames, program, before),
        4: _randomised_takes(frames),
    }
    if launched_on is None:
        launch = "the launch date (client.yml, program: launched_on)"
        judged = {rung: ("There is no launch date.", [launch, *(takes if rung == 4 else [])])
                  for rung, (_, takes) in judged.items()}
    return [{"rung": rung, "name": RUNGS[rung], "allowed": not takes, "why": why,
             "what_it_takes": capital("; ".join(takes)) + "." if takes else ""}
            for rung, (why, takes) in judged.items()]


def _description_takes(orders: pd.DataFrame, launched_on: date | None) -> tuple[str, list[str]]:
    early = purchases(orders)["ordered_at"] < pd.Timestamp(launched_on)
    made = {"before": int(early.sum()), "after": int((~early).sum())}
    why = f"{count(made['before'], 'order')} before the launch, {number(made['after'])} since."
    return why, [f"orders from {side} the launch" for side, n in made.items() if not n]


def _trend_takes(before: int, after: int, customers: int) -> tuple[str, list[str]]:
    takes = {
        f"{count(MIN_BEFORE - before, 'more week')} {OLDER}": before < MIN_BEFORE,
        f"{count(MIN_AFTER - after, 'more week')} since the launch": after < MIN_AFTER,
        f"{count(MIN_WEEKS - before - after, 'more week')} of orders in all (older exports, or waiting)":
            before + after < MIN_WEEKS,
        count(MIN_CUSTOMERS - customers, "more customer"): customers < MIN_CUSTOMERS,
    }
    why = f"{count(before, 'whole week')} before the launch and {after} since; {count(customers, 'customer')}."
    return why, _needed(takes)


def _needed(takes: dict[str, bool]) -> list[str]:
    return [words for words, lacking in takes.items() if lacking]


def _till_takes(frames: Frames, program: Program, before: int) -> tuple[str, list[str]]:
    if program.launched_on is None or first_joining(frames).empty:
        return "There is no member list with dates of joining.", ["a member list with customer id and date of joining"]
    if program.joining == "everyone":
        return "Everyone was made a member: nobody is left to compare with.", ["customers who could join and did not"]
    status = joiners(frames, launched_on=program.launched_on)
    usable = int((status == USABLE).sum())
    # weeks whose joiners have been followed long enough
    seen = (data_end(frames["orders"]) - pd.Timestamp(program.launched_on)) // WEEK - FOLLOW_UP
    short = MIN_JOINERS - usable
    wait = f", about {count(ceil(short * seen / usable), 'week')} of waiting at the pace so far" if usable else ""
    takes = {
        f"{count(CALIBRATED_BEFORE - before, 'more week')} {OLDER}": before < CALIBRATED_BEFORE,
        f"{count(short, 'more usable joiner')}{wait}": short > 0,
    }
    others = "; ".join(f"{number(n)} {reason}" for reason, n in status[status != USABLE].value_counts().items())
    cross = " That is enough for the cross-check alone." if MIN_BEFORE <= before < CALIBRATED_BEFORE else ""
    return (f"{count(before, 'whole week')} before the launch.{cross} {count(usable, 'usable joiner')} of "
            f"{count(len(status), 'member')}{f' ({others})' if others else ''}."), _needed(takes)


def _randomised_takes(frames: Frames) -> tuple[str, list[str]]:
    assignment = frames.get("assignment")
    arms = 0 if assignment is None else assignment.dropna(subset=["customer_id", "arm"])["arm"].nunique()
    if arms >= 2:
        return f"{count(len(assignment), 'customer')} drawn into {arms} arms.", []
    why = "Nobody was drawn at random." if arms == 0 else "The assignment has a single arm."
    return why, ["a random holdout: the program kept from customers drawn at random, and the list of who was drawn"]


def why_not(frames: Frames, program: Program, effects: Sequence[Effect]) -> str:
    """Why it cannot be told, in plain sentences: what the headline leaves open, and why no higher rung was reached."""
    rungs = pd.DataFrame(_rungs(frames, program)).set_index("rung")
    if program.launched_on is None:
        return f"{capital(NO_LAUNCH)}, so there is no before and after."
    if not rungs.loc[1, "allowed"]:
        takes = rungs.loc[1, "what_it_takes"]
        return f"There is nothing to compare yet: it takes {takes[0].lower()}{takes[1:]}"
    chosen = headline(effects)
    words = ("The trend speaks of the whole shop: whatever else happened at the launch is in it, and it cannot tell "
             "members from others." if chosen is not None and chosen.rung == 2 else
             "A comparison of before and after cannot separate the program from season, trend and who joins.")
    higher = next((effect for effect in effects if effect.rung >= 3 and effect.refused), None)
    return f"{words} {capital(RUNGS[higher.rung])}: {higher.refused}." if higher is not None else words


def too_small(orders: pd.DataFrame) -> bool:
    """Whether even half of the customers held out could only show a lift that no published program came near."""
    power = power_holdout(orders)
    return not power.empty and power["smallest_lift"].min() > TOO_SMALL


def would_tell(frames: Frames, client: Client) -> str:
    """What would tell, and when, in numbers of this shop: for the verdict cannot_tell."""
    power, launch = power_holdout(frames["orders"]), client.program.launched_on
    if power.empty:
        return ("A random holdout would tell: the program kept from customers drawn by lot. How many it takes cannot "
                "be said yet: too few customers have come back so far.")
    running = launch is not None and pd.Timestamp(launch) < data_end(frames["orders"])
    act = "leave half of the customers out of the next offers" if running else "start a program with half of them"
    half, tenth = power.to_dict("records")
    if too_small(frames["orders"]):
        return (f"This shop is too small to measure a program by its own customers: even with half of the "
                f"{count(half['customers'], 'customer')} of the last year drawn by lot and left out for "
                f"{HOLDOUT_WEEKS} weeks, only a lift of {difference(half['smallest_lift'], 'lift')} or more would be "
                "found in four cases out of five. Decide by what the program costs, and keep it cheap.")
    needed = half["customers_for_10"]
    step = 10 ** max(len(str(needed)) - 2, 0)  # two digits are all that can be promised
    more = f", and +10 % would take {number(ceil(needed / step) * step)} customers"
    return (f"A random holdout would tell: {act}, drawn by lot, for {HOLDOUT_WEEKS} weeks. With the "
            f"{count(half['customers'], 'customer')} of the last year it would find a lift of "
            f"{difference(half['smallest_lift'], 'lift')} or more in four cases out of five "
            f"({difference(tenth['smallest_lift'], 'lift')} with only a tenth of them held out)"
            f"{more if needed > half['customers'] else ''}.")
