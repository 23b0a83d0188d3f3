"""The evidence ladder: which comparisons the data allow, which of them is the headline, and what would tell more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import ceil, expm1, isfinite, log1p
from typing import TYPE_CHECKING

import pandas as pd

from loyalty_helpers.core.findings import OUTCOMES, Effect, capital, count, difference, number
from loyalty_helpers.evaluation.before_after import describe, naive
from loyalty_helpers.evaluation.calibrated import LEAST_BEFORE as CALIBRATED_BEFORE
from loyalty_helpers.evaluation.experiment import _arms, randomised
from loyalty_helpers.evaluation.panel import USABLE
from loyalty_helpers.evaluation.power import HOLDOUT_WEEKS, Z, _about, _standard_error, power_holdout
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
    DAY,
    FOLLOW_UP,
    NO_LAUNCH,
    WEEK,
    Frames,
    data_end,
    first_joining,
    moments,
    purchases,
    weekly,
)

if TYPE_CHECKING:
    from loyalty_helpers.core.settings import Client, Program
    from loyalty_helpers.evaluation.kpis import Windows

RUNGS = {1: "description", 2: "trend of the whole shop", 3: "members against comparable buyers",
         4: "customers drawn at random (randomised)"}
TOO_SMALL = 0.4  # a lift that no program of the published cases with a comparison group came near
WITH_THE_LAUNCH = 28 * DAY  # a draw no later after the launch still decided who had the program

NOT_RELIED = "Not to be relied on: "
OLDER = "of orders from before the launch (older exports; waiting does not help)"


def ladder(frames: Frames, program: Program, windows: Windows | None, *, confidence: float = 0.95) -> list[Effect]:
    """Every rung side by side, the believable ones first; the headline is the highest rung that the data allow.

    An estimator that refuses is passed over. No effect is flagged where there is nothing to compare.
    """
    orders, when = frames["orders"], {"launched_on": program.launched_on, "confidence": confidence}
    drawn = [_draw(frames, program, outcome=outcome, confidence=confidence) for outcome in OUTCOMES]
    effects = [
        *_with_cross_checks([effect for effect in drawn if effect is not None]),
        *_till(frames, program, confidence),
        _tried(trend(orders, **when), orders, program),
        interrupted_time_series(orders, **when),
        _tried(trend(orders, **when, outcome="spend"), orders, program),
        describe(frames, windows, confidence=confidence),
        *naive(frames, windows, confidence=confidence),
    ]
    allowed = {row["rung"] for row in _rungs(frames, program, drawn[0]) if row["allowed"]}
    chosen = next((i for i, effect in enumerate(effects) if effect.rung in allowed and effect.outcome == "orders"
                   and effect.measurable and not effect.refused), None)
    return [replace(effect, headline=i == chosen) for i, effect in enumerate(effects)]


def _draw(frames: Frames, program: Program, *, outcome: str = "orders", confidence: float = 0.95) -> Effect | None:
    """Rung 4, of the program or of a campaign in it; None where nobody was drawn, or there is no launch."""
    assignment = _assigned(frames)
    if assignment.empty or program.launched_on is None:
        return None
    # whom the draw left free to join says nothing of who had the program
    members = frames.get("members") if program.joining == "randomised" else None
    effect = randomised(frames["orders"], assignment, start=_draw_begins(assignment, program).date(),
                        end=data_end(frames["orders"]).date(), confidence=confidence, outcome=outcome, members=members,
                        planned_share=program.holdout_share)
    since = campaign_since(assignment, program)
    return effect if since is None else _of_campaign(effect, since)


def _assigned(frames: Frames) -> pd.DataFrame:
    """The rows of the assignment that name a customer and an arm; empty without one."""
    assignment = frames.get("assignment")
    return (pd.DataFrame(columns=["customer_id", "arm"]) if assignment is None
            else assignment.dropna(subset=["customer_id", "arm"]))


def _first_drawn(assignment: pd.DataFrame) -> pd.Timestamp:
    """The day of the first draw; NaT where no day is known."""
    return moments(assignment["assigned_at"]).dt.normalize().min() if "assigned_at" in assignment else pd.NaT


def _draw_begins(assignment: pd.DataFrame, program: Program) -> pd.Timestamp:
    """The day from which customers are compared as drawn: the launch, or the first draw where that is later."""
    launch, drawn = pd.Timestamp(program.launched_on), _first_drawn(assignment)
    return launch if pd.isna(drawn) else max(launch, drawn)


def campaign_since(assignment: pd.DataFrame, program: Program) -> pd.Timestamp | None:
    """The first day of a draw for one campaign of a program that was open already; None where it decided who has it.

    A draw later than four weeks after the launch cannot have decided that, unless the settings say so (joining:
    randomised): those held out have had the program, and go on having it.
    """
    if program.launched_on is None or program.joining == "randomised":
        return None
    drawn = _first_drawn(assignment)
    return drawn if drawn > pd.Timestamp(program.launched_on) + WITH_THE_LAUNCH else None  # NaT is never later


def _of_campaign(effect: Effect, since: pd.Timestamp) -> Effect:
    """The effect with a label and a note that say what alone it answers for; its cross-check too."""
    how = effect.label.removeprefix("random holdout").removeprefix("random invitation").lstrip(":, ")
    label = f"campaign since {since.day} {since:%b %Y}, {how}"
    alone = f"It answers for what was offered to those drawn since {_day(since)}, not for the program as a whole."
    return replace(effect, campaign=True, label=label, method=label,
                   note=f"{effect.note} {alone}".strip() if effect.measurable else effect.note,
                   cross_check=effect.cross_check and _of_campaign(effect.cross_check, since))


def _day(day: pd.Timestamp) -> str:
    return f"{day.day} {day:%B %Y}"


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
    return pd.DataFrame(_rungs(frames, client.program, _draw(frames, client.program)))


def _rungs(frames: Frames, program: Program, drawn: Effect | None) -> list[dict]:
    """`rungs_allowed` row by row; `drawn` is what `_draw` found."""
    launched_on, orders = program.launched_on, frames["orders"]
    weeks = weekly(orders, launched_on=launched_on)["week"]
    before, after = int((weeks < 0).sum()), int((weeks >= 0).sum())
    judged = {
        1: _description_takes(orders, launched_on),
        2: _trend_takes(before, after, orders["customer_id"].nunique()),
        3: _till_takes(frames, program, before),
        4: _randomised_takes(frames, program, drawn),
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


def _randomised_takes(frames: Frames, program: Program, drawn: Effect | None) -> tuple[str, list[str]]:
    assignment = _assigned(frames)
    if assignment.empty and program.joining == "randomised":
        return ("The settings say that a draw decided who joined, but there is no assignment.",
                ["the list of who was drawn, and who was held out"])
    if assignment.empty:
        return "Nobody was drawn at random.", [
            "a random holdout: the program kept from customers drawn at random, and the list of who was drawn"]
    since = campaign_since(assignment, program)
    why = (f"{count(assignment['customer_id'].nunique(), 'customer')} drawn into "
           f"{count(assignment['arm'].nunique(), 'arm')}{f', since {_day(since)}' if since is not None else ''}.")
    if drawn is None:  # no launch, which is said elsewhere
        return why, []
    if _unusable(drawn):
        return why, [f"a draw that can be used; this one cannot: {_unusable(drawn)}"]
    return why, [] if since is None else [
        f"a draw that decides who has the program; this one answers for what was offered since {_day(since)}"]


def _unusable(drawn: Effect) -> str:
    """Why the draw tells nothing; "" where it can be used."""
    return drawn.refused or ("" if drawn.measurable else drawn.note)


def why_not(frames: Frames, program: Program, effects: Sequence[Effect]) -> str:
    """Why it cannot be told, in plain sentences: what the headline leaves open, and why no higher rung was reached."""
    if program.launched_on is None:
        return f"{capital(NO_LAUNCH)}, so there is no before and after."
    _, takes = _description_takes(frames["orders"], program.launched_on)
    if takes:
        return f"There is nothing to compare yet: it takes {'; '.join(takes)}."
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
    """What would tell, and when, in numbers of this shop: for the verdict cannot_tell.

    Where customers are drawn already, to go on; where their draw cannot be used, why not, and to draw again.
    """
    drawn, assignment, program = _draw(frames, client.program), _assigned(frames), client.program
    if drawn is None or (not _unusable(drawn) and campaign_since(assignment, program) is not None):
        return _holdout_would_tell(frames, client)
    if not _unusable(drawn):
        return _go_on(drawn)
    if draw_goes_on(frames, client):
        return f"Go on with the draw, for {HOLDOUT_WEEKS} weeks: so far it says nothing ({_unusable(drawn)})."
    return f"The draw in the assignment could not be used ({_unusable(drawn)}). {_holdout_would_tell(frames, client)}"


def draw_goes_on(frames: Frames, client: Client) -> bool:
    """Whether customers are drawn by lot already, in a way that can be used if the draw goes on."""
    drawn, assignment, program = _draw(frames, client.program), _assigned(frames), client.program
    if drawn is None or not _unusable(drawn):
        return drawn is not None and campaign_since(assignment, program) is None
    early = data_end(frames["orders"]) < _draw_begins(assignment, program) + HOLDOUT_WEEKS * WEEK
    return early and not drawn.measurable and not _arms(assignment).why_not


def _go_on(drawn: Effect) -> str:
    """What the draw finds with the customers drawn so far, by the width of its interval."""
    reach = Z * _standard_error(drawn)  # log of 1 + the smallest lift found with 80 % power
    if not isfinite(reach):
        return f"Go on with the draw: with the {count(drawn.n, 'customer')} drawn so far it finds no lift at all."
    needed = ceil(drawn.n * (reach / log1p(0.1)) ** 2)
    more = f"; +10 % would take {_about(needed)} customers" if needed > drawn.n else ""
    return (f"Go on with the draw: with the {count(drawn.n, 'customer')} drawn so far it finds a lift of "
            f"{difference(expm1(reach), 'lift')} or more in four cases out of five{more}.")


def _holdout_would_tell(frames: Frames, client: Client) -> str:
    power, launch = power_holdout(frames["orders"]), client.program.launched_on
    if power.empty:
        return ("A random holdout would tell: the program kept from customers drawn by lot. How many it takes cannot "
                "be said yet: too few customers have come back so far.")
    running = launch is not None and pd.Timestamp(launch) < data_end(frames["orders"])
    act = "leave half of the customers out of the next offers" if running else "start a program with half of them"
    half = power.to_dict("records")[0]
    if too_small(frames["orders"]):
        return (f"This shop is too small to measure a program by its own customers: even with half of the "
                f"{count(half['customers'], 'customer')} of the last year drawn by lot and left out for "
                f"{HOLDOUT_WEEKS} weeks, only a lift of {difference(half['smallest_lift'], 'lift')} or more would be "
                "found in four cases out of five. Decide by what the program costs, and keep it cheap.")
    needed = half["customers_for_10"]
    more = f", and +10 % would take {_about(needed)} customers"
    drawn_now = pd.DataFrame({"assigned_at": [data_end(frames["orders"])]})
    of_offers = running and campaign_since(drawn_now, client.program) is not None
    alone = (" It answers for those offers, not for the program as a whole." if of_offers else "")
    return (f"A random holdout would tell: {act}, drawn by lot, for {HOLDOUT_WEEKS} weeks. With the "
            f"{count(half['customers'], 'customer')} of the last year it would find a lift of "
            f"{difference(half['smallest_lift'], 'lift')} or more in four cases out of five"
            f"{more if needed > half['customers'] else ''}. That is the lift of everybody drawn, joiners or not."
            f"{alone}")
