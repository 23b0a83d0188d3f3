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

from loyalty_helpers.core.findings import Effect, amount, count, difference, number
from loyalty_helpers.evaluation.calibrated import LEAST_BEFORE, LEAST_JOINERS, Calibrated, calibrated
from loyalty_helpers.evaluation.doubly_robust import MIN_BEFORE, DoublyRobust, doubly_robust
from loyalty_helpers.evaluation.panel import MOST_CUSTOMERS, NEVER, USABLE, Panel, joining_status, panel
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, Frames, check_asked, missing

MIN_JOINERS, MIN_ESS = 50, 30  # for a verdict
SURE_JOINERS, SURE_ESS, STEADY_MARKET = 100, 100, 0.15  # for grade B; the last is of the log of the market factor
LATE, EARLY = 13, 0.2  # weeks until the first joining, share of members from before: beyond, the launch date is doubted
IMPLAUSIBLE = 0.30  # a lift that published programs with a comparison group do not reach
LABELS = {
    ("calibrated", "orders"): "members v. what their own history predicts",
    ("doubly robust", "orders"): "members v. other buyers of the same week",
    ("calibrated", "spend"): "members' spending v. what their own history predicts",
    ("doubly robust", "spend"): "members' spending v. other buyers of the same week",
}
SAME_JOINERS = "The cross-check: the same question, put to other comparable buyers."
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
    reservations (in words), cross_check (is there one), overlap (of the two intervals), kappa, beta, shift, tau, rho,
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
    told = _diagnostics(weekly, status, main, cross)
    told |= {"overlap": _overlap(*both), "cross_check": other.measurable} | _launch(weekly)
    told["reservations"] = _reservations(chosen, told)
    shared = {"ess": cross.ess, "placebo": cross.rho, "placebo_low": cross.rho_low, "placebo_high": cross.rho_high,
              "grade": "C" if told["reservations"] else "B", "diagnostics": told}
    shown, beside = (replace(one, **shared, refused=one.refused or _doubt(one, cross)) for one in (chosen, other))
    beside = replace(beside, note=SAME_JOINERS if beside.measurable else beside.refused)
    return replace(_with_notes(shown, weekly), cross_check=beside)


def joiners(frames: Frames, *, launched_on: date) -> pd.Series:
    """Each member by what a comparison at the till can do with the joining: see `panel.joining_status`."""
    return joining_status(panel(frames["orders"], frames["members"], launched_on=launched_on), frames["members"])


def since_joining(orders: pd.DataFrame, members: pd.DataFrame, *, launched_on: date, outcome: str = "orders",
                  confidence: float = 0.95) -> pd.DataFrame:
    """The calibrated lift by weeks since joining: weeks ("1 to 4"), estimate, low, high, joiners; empty where refused.

    Each spell has a model of its own, and all joiners who could be followed to its end.
    """
    columns = ["weeks", "estimate", "low", "high", "joiners"]
    if _nobody(orders, members):
        return pd.DataFrame(columns=columns)
    weekly = panel(orders, members, launched_on=launched_on)
    found = [(f"{spell[0]} to {spell[1]}", calibrated(weekly, follow_up=spell, outcome=outcome)) for spell in SPELLS]
    return pd.DataFrame([[weeks, np.expm1(one.theta), *one.interval(confidence), len(one.joiners)]
                         for weeks, one in found if not one.refused], columns=columns)


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
    return {name: replace(effect, label=name, method=name, refused=effect.refused or _few(effect.n_treated))
            for name, effect in found.items()}


def _nobody(orders: pd.DataFrame, members: pd.DataFrame | None) -> str | None:
    if orders["customer_id"].isna().all():
        return "no order carries a customer id"
    if members is None:
        return "there is no member list"
    dated = members.reindex(columns=["customer_id", "joined_at"]).dropna()
    return "nobody has a date of joining" if dated.empty else None


def _refused(effect: Effect, why: str) -> Effect:
    return replace(effect, refused=why, diagnostics={"joiners_used": 0, "set_aside": {}, "reservations": []})


def _calibrated_effect(found: Calibrated, outcome: str, confidence: float) -> Effect:
    label = LABELS["calibrated", outcome]
    if found.refused:
        return replace(missing(label, "", rung=3, grade="C", outcome=outcome), refused=found.refused)
    low, high = found.interval(confidence)
    return Effect(label=label, method=label, outcome=outcome, unit="lift", rung=3, grade="C",
                  estimate=float(np.expm1(found.theta)), low=low, high=high, confidence=confidence,
                  n=len(found.joiners), n_noun="joiner", n_treated=len(found.joiners), n_comparison=found.n_comparison)


def _cross_effect(found: DoublyRobust, outcome: str, confidence: float) -> Effect:
    label = LABELS["doubly robust", outcome]
    return Effect(label=label, method=label, outcome=outcome, unit="lift", rung=3, grade="C", estimate=found.estimate,
                  low=found.low, high=found.high, confidence=confidence, n=found.n_treated, n_noun="joiner",
                  n_treated=found.n_treated, n_comparison=found.n_comparison, refused=found.refused or None)


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


def _reservations(effect: Effect, told: dict) -> list[str]:
    """Why the grade is C; nothing where it is B."""
    kappa = told["kappa"]
    found = {
        f"only {count(effect.n_treated, 'joiner')} could be used; {SURE_JOINERS} are needed":
            effect.n_treated < SURE_JOINERS,
        f"the comparison is worth only {number(told['ess'])} customers; {SURE_ESS} are needed":
            told["ess"] < SURE_ESS,
        "there is no second estimate to check it by": not told["cross_check"],
        "there is no calibration on the time before the launch": not isfinite(kappa),
        f"everybody's buying moved by {difference(kappa - 1, 'lift')} since the launch":
            isfinite(kappa) and abs(np.log(kappa)) > STEADY_MARKET,
        f"the first member joined {count(told['first_joined'], 'week')} after the launch; is its date right?":
            told["first_joined"] > LATE,
        f"{amount(told['joined_before'], 'share', digits=0)} of the members joined before the launch; is the date "
        "right?":
            told["joined_before"] > EARLY,
        "the two estimates contradict each other": told["cross_check"] and isfinite(kappa) and not told["overlap"],
    }
    return [words for words, holds in found.items() if holds]


def _doubt(effect: Effect, cross: DoublyRobust) -> str | None:
    """Why an estimate should not be relied on for a verdict."""
    if few := _few(effect.n_treated):
        return few
    if isfinite(cross.ess) and cross.ess < MIN_ESS:
        return (f"the buyers that joiners can be compared with are worth only {number(cross.ess)} customers; {MIN_ESS} "
                "are needed for a verdict")
    return None


def _few(joiners: int) -> str | None:
    few = joiners < MIN_JOINERS
    return f"{count(joiners, 'usable joiner')}; {MIN_JOINERS} are needed for a verdict" if few else None


def _with_notes(effect: Effect, weekly: Panel) -> Effect:
    told = effect.diagnostics
    drawn, seen = MOST_CUSTOMERS, weekly.customers_seen
    aside = "; ".join(f"{number(members)} {why}" for why, members in told["set_aside"].items())
    if not effect.measurable:
        return replace(effect, note=f"{effect.refused}{f' (set aside: {aside})' if aside else ''}")
    notes = {
        f"{count(effect.n_treated, 'joiner')} used{f', others set aside ({aside})' if aside else ''}.": True,
        f"Reservations: {'; '.join(told['reservations'])}.": bool(told["reservations"]),
        f"{difference(effect.estimate, 'lift')} is more than published programs reach: look for another cause before "
        "believing it.": effect.estimate > IMPLAUSIBLE,
        f"{number(drawn)} of {number(seen)} customers were drawn by lot; with all of them the interval would be "
        f"{number(100 * (1 - np.sqrt(drawn / seen)))} % narrower.": seen > drawn,
    }
    return replace(effect, note=" ".join(words for words, holds in notes.items() if holds))
