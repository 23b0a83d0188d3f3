"""The evidence ladder: which comparisons the data allow, which of them is the headline, and what would tell more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import ceil, expm1, isfinite, log1p

import pandas as pd

from loyalty_helpers.core.findings import OUTCOMES, Effect
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import DAY, WEEK, purchases, span
from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.core.windows import Windows
from loyalty_helpers.evaluation.before_after import describe, naive
from loyalty_helpers.evaluation.calibrated import LEAST_BEFORE as CALIBRATED_BEFORE
from loyalty_helpers.evaluation.experiment import _arms, randomised
from loyalty_helpers.evaluation.panel import USABLE, aside
from loyalty_helpers.evaluation.power import HOLDOUT_WEEKS, Z, power_holdout, rounded_up, standard_error
from loyalty_helpers.evaluation.said import counted, joined, lift, sentence, yes
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
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, UNLISTED, Frames, first_joining, moments, weekly

TOO_SMALL = 0.4  # a lift that no program of the published cases with a comparison group came near
WITH_THE_LAUNCH = 28 * DAY  # a draw no later after the launch still decided who had the program


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
                        end=span(frames["orders"]).end.date(), confidence=confidence, outcome=outcome, members=members,
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
    label = message(f"campaign-{effect.label.key}", **effect.label.facts, since=since)
    note = joined([effect.note, message("campaign-alone", since=since)]) if effect.measurable else effect.note
    return replace(effect, campaign=True, label=label, note=note,
                   cross_check=effect.cross_check and _of_campaign(effect.cross_check, since))


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


def _told(effect: Effect) -> Message | str:
    """The note of an effect, beginning with its refusal: the table has no other column for it."""
    if not effect.refused:
        return effect.note
    if not effect.measurable:
        return effect.note or effect.refused
    return joined([message("not-relied-on", why=effect.refused), effect.note])


def headline(effects: Sequence[Effect]) -> Effect | None:
    """The one effect flagged as headline; None where there is nothing to compare."""
    return next((effect for effect in effects if effect.headline), None)


def of_spending(headline: Effect, effects: Sequence[Effect]) -> Effect | None:
    """What the headline's comparison says of spending; None where it says nothing."""
    spend = next((one for one in effects if one.rung == headline.rung and one.outcome == "spend"), None)
    return spend if spend is not None and spend.measurable else None


TABLE = ["outcome", "rung", "method", "scope", "estimate", "low", "high", "unit", "n_treated", "n_comparison", "ess",
         "placebo", "placebo_low", "placebo_high", "grade", "headline", "note"]


def effects_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """The rows of tables/effects.csv; `method` is the effect's label, a missing estimate has its reason as `note`."""
    return pd.DataFrame([{name: getattr(effect, {"method": "label"}.get(name, name)) for name in TABLE}
                         for effect in effects], columns=TABLE)


# ---------------------------------------------------------------- what the data allow
def rungs_allowed(frames: Frames, client: Client) -> pd.DataFrame:
    """Rungs 1 to 4: rung, name, allowed (by the data), why, what_it_takes (empty where allowed).

    `what_it_takes` stands in the middle of a sentence, the others are names and sentences.
    """
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
        judged = {rung: (message("rung-no-launch"), [message("takes-launch"), *(takes if rung == 4 else [])])
                  for rung, (_, takes) in judged.items()}
    return [{"rung": rung, "name": _rung_name(rung), "allowed": not takes, "why": why,
             "what_it_takes": joined(takes, parted_by="semicolon")} for rung, (why, takes) in judged.items()]


def _rung_name(rung: int) -> Message:
    return message(f"rung-{rung}")


Takes = tuple[Message, list[Message]]  # what there is, and what it takes


def _description_takes(orders: pd.DataFrame, launched_on: date | None) -> Takes:
    early = purchases(orders)["ordered_at"] < pd.Timestamp(launched_on)
    made = {"before": int(early.sum()), "after": int((~early).sum())}
    why = message("rung-1-why", before=counted(made["before"], "order"), after=made["after"])
    return why, [message("takes-orders", side=side) for side, n in made.items() if not n]


def _trend_takes(before: int, after: int, customers: int) -> Takes:
    lacking = {"older": MIN_BEFORE - before, "since": MIN_AFTER - after, "all": MIN_WEEKS - before - after}
    takes = [message(f"takes-weeks-{which}", n=n) for which, n in lacking.items() if n > 0]
    if customers < MIN_CUSTOMERS:
        short = MIN_CUSTOMERS - customers
        takes.append(message("takes-customers", n=Number(short, rests_on=Persons(customers)), one=yes(short == 1)))
    return message("rung-2-why", before=counted(before, "whole-week"), after=after,
                   customers=counted(customers, "customer")), takes


def _till_takes(frames: Frames, program: Program, before: int) -> Takes:
    if program.launched_on is None or first_joining(frames).empty:
        return sentence(UNLISTED), [message("takes-members")]
    if program.joining == "everyone":
        return message("rung-3-everyone"), [message("takes-others")]
    status = joiners(frames, launched_on=program.launched_on)
    usable = int((status == USABLE).sum())
    # weeks whose joiners have been followed long enough
    seen = (span(frames["orders"]).end - pd.Timestamp(program.launched_on)) // WEEK - FOLLOW_UP
    short = MIN_JOINERS - usable
    takes = [message("takes-weeks-older", n=CALIBRATED_BEFORE - before)] if before < CALIBRATED_BEFORE else []
    if short > 0:
        pace = {"weeks": counted(ceil(short * seen / usable), "week"), "pace": "yes"} if usable else {"pace": "no"}
        takes.append(message("takes-joiners", n=Number(short, rests_on=Persons(usable)), one=yes(short == 1),
                             **{"weeks": ""} | pace))
    others = tuple(message("aside", n=Persons(n), why=aside(reason))
                   for reason, n in status[status != USABLE].value_counts().items())
    return message("rung-3-why", before=counted(before, "whole-week"),
                   usable=counted(usable, "usable-joiner", of=len(status)), members=counted(len(status), "member"),
                   cross=yes(MIN_BEFORE <= before < CALIBRATED_BEFORE), any=yes(others),
                   others=Listed(others, parted_by="semicolon")), takes


def _randomised_takes(frames: Frames, program: Program, drawn: Effect | None) -> Takes:
    assignment = _assigned(frames)
    if assignment.empty:
        lost = program.joining == "randomised"
        return (message("rung-4-lost"), [message("takes-list")]) if lost else (
            message("rung-4-nobody"), [message("takes-holdout")])
    since = campaign_since(assignment, program)
    why = message("rung-4-why", customers=counted(assignment["customer_id"].nunique(), "customer"),
                  arms=counted(assignment["arm"].nunique(), "arm"), campaign=yes(since is not None), since=since or "")
    if drawn is None:  # no launch, which is said elsewhere
        return why, []
    if _unusable(drawn):
        return why, [message("takes-usable-draw", why=_unusable(drawn))]
    return why, [] if since is None else [message("takes-program-draw", since=since)]


def _unusable(drawn: Effect) -> Message | str:
    """Why the draw tells nothing; "" where it can be used."""
    return drawn.refused or ("" if drawn.measurable else drawn.note)


def why_not(frames: Frames, program: Program, effects: Sequence[Effect]) -> Message:
    """Why it cannot be told: what the headline leaves open, and why no higher rung was reached."""
    if program.launched_on is None:
        return message("why-no-launch")
    _, takes = _description_takes(frames["orders"], program.launched_on)
    if takes:
        return joined(takes, "why-nothing-yet", "semicolon")
    chosen = headline(effects)
    higher = next((effect for effect in effects if effect.rung >= 3 and effect.refused), None)
    return joined([message("why-trend" if chosen is not None and chosen.rung == 2 else "why-description"),
                   higher and message("why-refused", rung=_rung_name(higher.rung), why=higher.refused)])


def too_small(orders: pd.DataFrame) -> bool:
    """Whether even half of the customers held out could only show a lift that no published program came near."""
    power = power_holdout(orders)
    return not power.empty and power["smallest_lift"].min() > TOO_SMALL


def would_tell(frames: Frames, client: Client) -> Message:
    """What would tell, and when, in numbers of this shop: for the verdict cannot_tell.

    Where customers are drawn already, to go on; where their draw cannot be used, why not, and to draw again.
    """
    drawn, assignment, program = _draw(frames, client.program), _assigned(frames), client.program
    if drawn is None or (not _unusable(drawn) and campaign_since(assignment, program) is not None):
        return _holdout_would_tell(frames, client)
    if not _unusable(drawn):
        return _go_on(drawn)
    if draw_goes_on(frames, client):
        return message("would-tell-later", weeks=HOLDOUT_WEEKS, why=_unusable(drawn))
    return joined([message("would-tell-unused", why=_unusable(drawn)), _holdout_would_tell(frames, client)])


def draw_goes_on(frames: Frames, client: Client) -> bool:
    """Whether customers are drawn by lot already, in a way that can be used if the draw goes on."""
    drawn, assignment, program = _draw(frames, client.program), _assigned(frames), client.program
    if drawn is None or not _unusable(drawn):
        return drawn is not None and campaign_since(assignment, program) is None
    early = span(frames["orders"]).end < _draw_begins(assignment, program) + HOLDOUT_WEEKS * WEEK
    return early and not drawn.measurable and not _arms(assignment).why_not


def _go_on(drawn: Effect) -> Message:
    """What the draw finds with the customers drawn so far, by the width of its interval."""
    reach = Z * standard_error(drawn)  # log of 1 + the smallest lift found with 80 % power
    customers = counted(drawn.n, "customer")
    if not isfinite(reach):
        return message("go-on-blind", customers=customers)
    needed = ceil(drawn.n * (reach / log1p(0.1)) ** 2)
    return message("go-on", customers=customers, lift=lift(expm1(reach)), more=yes(needed > drawn.n),
                   needed=rounded_up(needed))


def _holdout_would_tell(frames: Frames, client: Client) -> Message:
    power, launch = power_holdout(frames["orders"]), client.program.launched_on
    if power.empty:
        return message("holdout-unknown")
    running = launch is not None and pd.Timestamp(launch) < span(frames["orders"]).end
    half = power.to_dict("records")[0]
    facts = {"customers": counted(half["customers"], "customer"), "weeks": HOLDOUT_WEEKS,
             "lift": lift(half["smallest_lift"])}
    if too_small(frames["orders"]):
        return message("holdout-too-small", **facts)
    needed = half["customers_for_10"]
    drawn_now = pd.DataFrame({"assigned_at": [span(frames["orders"]).end]})
    of_offers = running and campaign_since(drawn_now, client.program) is not None
    return joined([message("holdout", **facts, running=yes(running), more=yes(needed > half["customers"]),
                           needed=rounded_up(needed)), message("holdout-of-offers") if of_offers else None])
