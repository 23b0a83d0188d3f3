"""Rung 3, members at the till: what joiners bought, against what comparable buyers would have.

People join at an order: in that week a joiner is alive, buying, and often in a busy spell. So joiners are compared from
the week after with what customers with the same history do after an order. Two estimators answer: the calibrated one
(`calibrated`) is the headline wherever it can be had, the doubly robust one (`doubly_robust`) its cross-check. Which of
them is shown never depends on what comes out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import isfinite

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import Effect
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.evaluation.calibrated import LEAST_BEFORE, LEAST_JOINERS, Calibrated, calibrated
from loyalty_helpers.evaluation.doubly_robust import MIN_BEFORE, DoublyRobust, doubly_robust
from loyalty_helpers.evaluation.panel import MOST_CUSTOMERS, NEVER, USABLE, Panel, aside, joining_status, panel
from loyalty_helpers.evaluation.said import counted, joined, lift, percent, yes
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, Frames, check_asked, missing

MIN_JOINERS, MIN_ESS = 50, 30  # for a verdict
SURE_JOINERS, SURE_ESS, STEADY_MARKET = 100, 100, 0.15  # for grade B; the last is of the log of the market factor
LATE, EARLY = 13, 0.2  # weeks until the first joining, share of members from before: beyond, the launch date is doubted
IMPLAUSIBLE = 0.30  # a lift that published programs with a comparison group do not reach
LABELS = {(estimator, outcome): message(f"till-{estimator}-{outcome}")
          for estimator in ("calibrated", "doubly-robust") for outcome in ("orders", "spend")}
SPELLS = ((1, 4), (5, 8), (9, 13))  # weeks since joining


def at_the_till(orders: pd.DataFrame, members: pd.DataFrame | None, *, launched_on: date,
                follow_up_weeks: int = FOLLOW_UP, outcome: str = "orders", confidence: float = 0.95) -> Effect:
    """Rung 3: the lift of joiners' orders (or `outcome` "spend") in the weeks after the week of joining, with interval.

    From plain frames: `orders` needs customer_id, ordered_at (local time) and amount, `members` customer_id and
    joined_at; both are left as they are. Weeks are 7-day blocks from `launched_on`, and the joining order is never
    counted. The headline is the history-calibrated estimator where there are 75 whole weeks before the launch, else the
    doubly robust one (52 weeks); the other is the `cross_check`. `placebo` is the ratio of joiners' to comparable
    buyers' orders long before the launch, which the doubly robust estimate divides out.

    `refused` says why the number should not be relied on (under 50 usable joiners, or a comparison worth fewer than 30
    customers), or why there is none. Grade B takes 100 joiners, a comparison worth 100 customers, a market factor
    within 15 % and two intervals that overlap, else C. `diagnostics`: joiners_used, set_aside (reason -> members),
    reservations (messages), cross_check (is there one), overlap (of the two intervals), kappa, beta, shift, tau, rho,
    rho_low, rho_high, ess, comparison_orders, customers_seen, first_joined (weeks after the launch), joined_before
    (share of members from before it); balance and propensity are tables. ValueError for a missing column.
    """
    check_asked(orders, outcome=outcome, confidence=confidence, members=(members, ["customer_id", "joined_at"]))
    if why := _nobody(orders, members):
        return _refused(missing(LABELS["calibrated", outcome], why, rung=3, grade="C", outcome=outcome), why)
    weekly = panel(orders, members, launched_on=launched_on)
    main = calibrated(weekly, follow_up=(1, follow_up_weeks), outcome=outcome)
    cross = doubly_robust(weekly, follow_up=follow_up_weeks, outcome=outcome, confidence=confidence)
    both = [_calibrated_effect(main, outcome, confidence), _cross_effect(cross, outcome, confidence)]
    chosen, other = both if both[0].measurable or not both[1].measurable else both[::-1]
    if not chosen.measurable and weekly.launch < LEAST_BEFORE:  # fewer weeks would do for the cross-check
        chosen = replace(chosen, refused=other.refused)
    status = joining_status(weekly, members, follow_up=follow_up_weeks)
    usable = int((status == USABLE).sum())
    if not chosen.measurable and usable < LEAST_JOINERS and weekly.launch >= MIN_BEFORE:
        chosen = replace(chosen, refused=_few(usable))
    told = _diagnostics(weekly, status, main, cross) | {"follow_up": follow_up_weeks}
    told |= {"overlap": _overlap(*both), "cross_check": other.measurable} | _launch(weekly)
    told["reservations"] = _reservations(chosen, told)
    shared = {"ess": cross.ess, "placebo": cross.rho, "placebo_low": cross.rho_low, "placebo_high": cross.rho_high,
              "grade": "C" if told["reservations"] else "B", "diagnostics": told}
    shown, beside = (replace(one, **shared, refused=one.refused or _doubt(one, cross)) for one in (chosen, other))
    beside = replace(beside, note=message("till-cross-check") if beside.measurable else beside.refused)
    return replace(_with_notes(shown, weekly), cross_check=beside)


def joiners(frames: Frames, *, launched_on: date) -> pd.Series:
    """Each member by what a comparison at the till can do with the joining: see `panel.joining_status`."""
    return joining_status(panel(frames["orders"], frames["members"], launched_on=launched_on), frames["members"])


def since_joining(orders: pd.DataFrame, members: pd.DataFrame, *, launched_on: date, outcome: str = "orders",
                  confidence: float = 0.95) -> pd.DataFrame:
    """The calibrated lift by weeks since joining: first, last, estimate, low, high, joiners; empty where refused.

    Each spell has a model of its own, and all joiners who could be followed to its end.
    """
    columns = ["first", "last", "estimate", "low", "high", "joiners"]
    if _nobody(orders, members):
        return pd.DataFrame(columns=columns)
    weekly = panel(orders, members, launched_on=launched_on)
    found = [(spell, calibrated(weekly, follow_up=spell, outcome=outcome)) for spell in SPELLS]
    return pd.DataFrame([[*spell, np.expm1(one.theta), *one.interval(confidence), len(one.joiners)]
                         for spell, one in found if not one.refused], columns=columns)


def by_group(orders: pd.DataFrame, members: pd.DataFrame, groups: pd.Series, *, launched_on: date,
             confidence: float = 0.95) -> dict[str, Effect]:
    """The calibrated lift of orders of each group of joiners; `groups` names the group of each customer_id.

    An id stands in `groups` once. What is learnt and the market factor are those of the whole shop; only the joiners
    counted differ. Groups with fewer than MIN_JOINERS joiners are refused, as the whole is.
    """
    if _nobody(orders, members):
        return {}
    weekly = panel(orders, members, launched_on=launched_on)
    of = groups.reindex(weekly.ids).to_numpy()
    found = {str(name): _calibrated_effect(calibrated(weekly, of=of == name), "orders", confidence)
             for name in groups.dropna().unique()}
    return {name: replace(effect, label=name, refused=effect.refused or _few(effect.n_treated))
            for name, effect in found.items()}


def _nobody(orders: pd.DataFrame, members: pd.DataFrame | None) -> Message | None:
    if orders["customer_id"].isna().all():
        return message("till-no-ids")
    if members is None:
        return message("till-no-list")
    dated = members.reindex(columns=["customer_id", "joined_at"]).dropna()
    return message("till-undated") if dated.empty else None


def _refused(effect: Effect, why: Message) -> Effect:
    return replace(effect, refused=why, diagnostics={"joiners_used": 0, "set_aside": {}, "reservations": []})


def _calibrated_effect(found: Calibrated, outcome: str, confidence: float) -> Effect:
    label = LABELS["calibrated", outcome]
    if found.refused:
        return replace(missing(label, "", rung=3, grade="C", outcome=outcome), refused=found.refused)
    low, high = found.interval(confidence)
    return Effect(label=label, outcome=outcome, unit="lift", rung=3, grade="C",
                  estimate=float(np.expm1(found.theta)), low=low, high=high, confidence=confidence,
                  n=len(found.joiners), n_noun="joiner", n_treated=len(found.joiners), n_comparison=found.n_comparison)


def _cross_effect(found: DoublyRobust, outcome: str, confidence: float) -> Effect:
    return Effect(label=LABELS["doubly-robust", outcome], outcome=outcome, unit="lift", rung=3, grade="C",
                  estimate=found.estimate, low=found.low, high=found.high, confidence=confidence, n=found.n_treated,
                  n_noun="joiner", n_treated=found.n_treated, n_comparison=found.n_comparison,
                  refused=found.refused or None)


def _overlap(one: Effect, other: Effect) -> bool:
    return one.measurable and other.measurable and one.low <= other.high and other.low <= one.high


def _diagnostics(weekly: Panel, status: pd.Series, main: Calibrated, cross: DoublyRobust) -> dict:
    return {
        "joiners_used": cross.n_treated if main.joiners is None else len(main.joiners),
        "set_aside": status[status != USABLE].value_counts().to_dict(),
        "kappa": main.kappa, "beta": main.beta, "shift": main.shift, "tau": main.steadiness,
        "rho": cross.rho, "rho_low": cross.rho_low, "rho_high": cross.rho_high, "ess": cross.ess,
        "comparison_orders": main.n_comparison, "customers_seen": weekly.customers_seen,
        "balance": cross.balance, "propensity": cross.overlap,
    }


def _launch(weekly: Panel) -> dict:
    """Whether members joined when the program is said to have begun: weeks until the first, share from before."""
    weeks = weekly.joined[weekly.joined != NEVER] - weekly.launch
    since = weeks[weeks >= 0]
    return {"first_joined": int(since.min()) if len(since) else 0,
            "joined_before": float((weeks < 0).mean()) if len(weeks) else 0.0}


def _reservations(effect: Effect, told: dict) -> list[Message]:
    """Why the grade is C; nothing where it is B."""
    kappa, known = told["kappa"], isfinite(told["kappa"])
    found = {
        "few": effect.n_treated < SURE_JOINERS,
        "ess": told["ess"] < SURE_ESS,
        "alone": not told["cross_check"],
        "uncalibrated": not known,
        "market": known and abs(np.log(kappa)) > STEADY_MARKET,
        "late": told["first_joined"] > LATE,
        "early": told["joined_before"] > EARLY,
        "contradict": told["cross_check"] and known and not told["overlap"],
    }
    facts = {"joiners": counted(effect.n_treated, "joiner"), "ess": Number(told["ess"]), "market": lift(kappa - 1),
             "weeks": counted(told["first_joined"], "week"), "share": percent(told["joined_before"]),
             "joiners-needed": SURE_JOINERS, "ess-needed": SURE_ESS}
    return [message(f"doubt-{key}", **facts) for key, holds in found.items() if holds]


def _doubt(effect: Effect, cross: DoublyRobust) -> Message | None:
    """Why an estimate should not be relied on for a verdict."""
    if few := _few(effect.n_treated):
        return few
    if isfinite(cross.ess) and cross.ess < MIN_ESS:
        return message("till-few-comparable", ess=Number(cross.ess), needed=MIN_ESS)
    return None


def _few(joiners: int) -> Message | None:
    return message("till-few", joiners=counted(joiners, "usable-joiner"), needed=MIN_JOINERS) if (
        joiners < MIN_JOINERS) else None


def _with_notes(effect: Effect, weekly: Panel) -> Effect:
    told = effect.diagnostics
    drawn, seen = MOST_CUSTOMERS, weekly.customers_seen
    away = Listed(tuple(message("aside", n=Persons(n), why=aside(why, follow_up=told["follow_up"]))
                        for why, n in told["set_aside"].items()), parted_by="semicolon")
    said = {"aside": away, "any": yes(away.items)}
    if not effect.measurable:
        return replace(effect, note=message("till-refused", why=effect.refused, **said))
    return replace(effect, note=joined((
        message("till-used", joiners=counted(effect.n_treated, "joiner"), **said),
        joined(told["reservations"], "till-reservations", "semicolon"),
        message("implausible", lift=lift(effect.estimate)) if effect.estimate > IMPLAUSIBLE else None,
        message("till-drawn", drawn=drawn, seen=Persons(seen), narrower=percent(1 - np.sqrt(drawn / seen)))
        if seen > drawn else None)))
