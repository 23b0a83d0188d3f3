"""Rung 4: customers drawn at random, compared as they were drawn (intention to treat).

Nothing but the draw decides who is in which arm, so the arms differ by chance and by the program alone. What may go
wrong is the draw itself, or who is left of it: that is tested, and can fail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN, Effect
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import DAY, WEEK, is_purchase, span
from loyalty_helpers.evaluation.said import counted, joined, percent, yes
from loyalty_helpers.evaluation.weeks import check_asked, missing, moments

MIN_CUSTOMERS, MIN_BUYERS = 10, 5  # in each arm
MIN_PER_COEFFICIENT = 5  # customers of the smaller arm for each coefficient of the adjustment
MIN_DIFFERENT = 5  # customers of each arm who differ from most others, or an earlier difference cannot be adjusted for
ALARM = 0.001  # p-value of a check below which the draw is not believed
MIN_FIRST_STAGE = 10.0  # F statistic of joining on the draw (Staiger & Stock 1997)
MIN_Z = 3.0  # what those who join would have bought otherwise, over its standard error
# beginnings of the names of an arm that is held out, and whole names; an arm that was only invited
HELD_OUT = ("holdout", "hold out", "held out", "held back", "control", "kontroll", "without", "no ", "not ", "对照")
HELD_OUT_WHOLE = ("no", "none", "0", "false")
INVITED = ("invit", "einlad", "eingelad", "邀请")
USUAL_SHARES = (1 / 20, 1 / 10, 1 / 5, 1 / 4, 1 / 3, 1 / 2)
# what is known from before: the column summed, over so many weeks
BEFORE = {"orders-13": ("counted", 13), "orders-52": ("counted", 52), "spend-52": ("amount", 52)}


@dataclass(frozen=True)
class Mean:
    """An arm's mean, the variance of this mean, and the degrees of freedom left for it."""

    value: float
    variance: float
    degrees: float


@dataclass(frozen=True)
class Arms:
    """Who was drawn: customer_id, arm, assigned_at, one row each; `why_not` says why nothing can be compared."""

    drawn: pd.DataFrame
    treated: str = ""
    held_out: str = ""
    contradicting: int = 0
    why_not: Message | None = None

    @property
    def invited(self) -> bool:
        return _plain(self.treated).startswith(INVITED)


def randomised(orders: pd.DataFrame, assignment: pd.DataFrame, *, start: date, end: date, confidence: float = 0.95,
               outcome: str = "orders", members: pd.DataFrame | None = None,
               planned_share: float | None = None) -> Effect:
    """Rung 4: orders (or net spend) per customer drawn for the program over those held out, less one (grade A).

    `orders`: customer_id, ordered_at, amount, one row per order; is_refund may be absent (an amount of nothing or less
    is then no purchase). `assignment`: customer_id, arm, assigned_at. Counted is [start, end), no further than the
    orders go. Everybody drawn counts, with 0 where there is no order, whether they took part or not. Who was drawn
    after `start` (newcomers at their first order) is followed from the next day on: the order of being drawn is no
    effect, and the shorter time is the draw's own luck, alike in both arms. Counting them too narrows the interval.

    Headline: Lin's regression adjustment (2013, Annals of Applied Statistics 7: a regression in each arm on centred
    covariates), HC3 standard errors, on square roots of orders and spend before being drawn (CUPED, Deng et al. 2013),
    time followed and having come later. `cross_check`: Welch. Where an arm has fewer than 5 customers for each
    coefficient, or nothing earlier is known, Welch is the headline: the data present decide, never the result. The
    interval is Student's t on log(1 + lift) by the delta method; Fieller's was wider and held no more often.

    `members` (customer_id, joined_at) only where the draw decided who may join, or who was invited to: it gives the
    complier effect (`diagnostics["complier"]`), and contamination. `planned_share` of customers held out; without one
    whether customers were lost cannot be tested: which share was meant cannot be guessed from what is left of it.

    `refused`, with a reason: not two arms of which one is held out by name (more than two: one comparison at a time);
    fewer than 10 customers or 5 buyers in an arm; another share held out than planned (chi-square, p < 0.001); arms
    that differed before (Mann-Whitney, p < 0.001 over the number of measures); of the held out more than half as many
    joined.
    """
    check_asked(orders, outcome=outcome, confidence=confidence, assignment=(assignment, ["customer_id", "arm"]))
    arms = _arms(assignment)
    kind = {"arm": "invitation" if arms.invited else "holdout", "outcome": outcome}
    if arms.why_not:
        return _nothing(kind, arms.why_not)
    orders = orders.assign(ordered_at=moments(orders["ordered_at"]))
    first, last = pd.Timestamp(start), min(pd.Timestamp(end), span(orders).end) if len(orders) else pd.Timestamp(start)
    trial = _followed(_rows(orders), arms, start=first, end=last, outcome=outcome)
    if why_not := _too_few(trial, arms, first < last):
        return _nothing(kind, why_not)
    y, held, earlier = trial["outcome"].to_numpy(), trial["held_out"].to_numpy(), _covariates(trial)
    said = {"outcome": outcome, "confidence": confidence, "n": len(trial), "n_treated": int((~held).sum()),
            "n_comparison": int(held.sum())}
    took = _joined(trial, members, start=first, end=last)
    checks = [_share_check(arms, planned_share), _balance_check(trial), _leak_check(held, took, arms)]
    diagnostics = {name: value for check, _ in checks for name, value in check.items()} | {
        "customers": {arms.treated: said["n_treated"], arms.held_out: said["n_comparison"]},
        "buyers": {arms.treated: int((trial.loc[~held, "orders"] > 0).sum()),
                   arms.held_out: int((trial.loc[held, "orders"] > 0).sum())},
        "in two arms": arms.contradicting, "after the end": len(arms.drawn) - len(trial),
        "drawn later": int((trial["since"] > first).sum()),
        "complier": _complier(y, held, took, arms, outcome=outcome, confidence=confidence),
    }
    refused = joined((reason for _, reason in checks), parted_by="semicolon") or None
    welch, adjusted, lacking = _estimates(kind, y, held, earlier, **said)
    headline = adjusted or welch
    return replace(headline, refused=refused or headline.refused, diagnostics=diagnostics,
                   note=joined([headline.note or _note(diagnostics, arms), lacking]),
                   cross_check=adjusted and replace(welch, refused=refused))


def _estimates(kind: dict[str, str], y: np.ndarray, held: np.ndarray, earlier: np.ndarray,
               **said) -> tuple[Effect, Effect | None, Message | None]:
    """Welch's comparison, the adjusted one, and why the latter is no headline (None where it is)."""
    welch = _lift(message("draw-welch", **kind), _mean(y[~held]), _mean(y[held]), **said)
    enough = min(held.sum(), (~held).sum()) >= MIN_PER_COEFFICIENT * (earlier.shape[1] + 1)
    if not welch.measurable or earlier.shape[1] == 0 or not enough:
        lacking = message("draw-not-adjusted", known=yes(earlier.shape[1]))
        return welch, None, lacking if welch.measurable else None
    return welch, _lift(message("draw-adjusted", **kind), _mean(y[~held], earlier[~held]),
                        _mean(y[held], earlier[held]), **said), None


def _nothing(kind: dict[str, str], why_not: Message) -> Effect:
    return replace(missing(message("draw", **kind), why_not, rung=4, scope="everyone", grade="A",
                           outcome=kind["outcome"]), refused=why_not)


# ---------------------------------------------------------------- who was drawn, and what became of them
def _plain(arm: str) -> str:
    """Lower case, with single blanks for "_" and "-"."""
    return " ".join(arm.casefold().replace("_", " ").replace("-", " ").split())


def _is_held_out(arm: str) -> bool:
    return _plain(arm) in HELD_OUT_WHOLE or _plain(arm).startswith(HELD_OUT)


def _arms(assignment: pd.DataFrame) -> Arms:
    """One row per customer; the same arm twice counts once, two different ones set the customer aside."""
    known = assignment.dropna(subset=["customer_id", "arm"]).reset_index(drop=True)
    known = known.assign(customer_id=known["customer_id"].astype("str"), arm=known["arm"].astype("str").str.strip(),
                         assigned_at=moments(known.get("assigned_at", pd.Series(pd.NaT, index=known.index))))
    contradicting = known.groupby("customer_id")["arm"].transform("nunique") > 1
    drawn = known[~contradicting].sort_values("assigned_at", kind="stable").drop_duplicates("customer_id")
    drawn = drawn[["customer_id", "arm", "assigned_at"]].sort_values("customer_id", ignore_index=True)
    names = sorted(drawn["arm"].unique())
    out = [name for name in names if _is_held_out(name)]
    if len(names) != 2 or len(out) != 1:
        return Arms(drawn, why_not=_unclear(names, len(out)))
    return Arms(drawn, treated=next(name for name in names if name not in out), held_out=out[0],
                contradicting=known.loc[contradicting, "customer_id"].nunique())


def _unclear(names: list[str], out: int) -> Message:
    facts = {"arms": Listed(tuple(f"'{name}'" for name in names[:6]) + (("...",) if len(names) > 6 else ())),
             "n": len(names), "neither": yes(out == 0)}
    kind = ("nobody" if not names else "single" if len(names) < 2 else "several" if len(names) > 2 else "unnamed")
    return message(f"arms-{kind}", **facts)


def _rows(orders: pd.DataFrame) -> pd.DataFrame:
    """The identified rows: customer_id, at, amount, counted (1 of a purchase, else 0)."""
    known = orders.dropna(subset=["customer_id", "ordered_at"])
    return pd.DataFrame({"customer_id": known["customer_id"].astype("str"), "at": known["ordered_at"],
                         "amount": known["amount"].fillna(0.0), "counted": is_purchase(known).astype(int)})


def _followed(rows: pd.DataFrame, arms: Arms, *, start: pd.Timestamp, end: pd.Timestamp, outcome: str) -> pd.DataFrame:
    """Each customer drawn before `end`: held_out, since, weeks, orders, spend, outcome, and the columns of BEFORE."""
    assigned = arms.drawn["assigned_at"]
    since = (assigned.dt.normalize() + DAY).where(assigned > start, start)
    trial = arms.drawn.assign(held_out=arms.drawn["arm"] == arms.held_out, since=since)
    trial = trial[trial["since"] < end].reset_index(drop=True)
    theirs = rows.merge(trial[["customer_id", "since"]], on="customer_id")
    week = (theirs["at"] - theirs["since"]) / WEEK

    def total(column: str, chosen: pd.Series) -> np.ndarray:
        sums = theirs[chosen].groupby("customer_id")[column].sum()
        return sums.reindex(trial["customer_id"], fill_value=0).to_numpy(dtype=float)

    during = (week >= 0) & (theirs["at"] < end)
    sums = {"orders": total("counted", during), "spend": total("amount", during)}
    before = {name: total(column, (week < 0) & (week >= -weeks)) for name, (column, weeks) in BEFORE.items()}
    return trial.assign(weeks=(end - trial["since"]) / WEEK, **sums, outcome=sums[outcome], **before)


def _too_few(trial: pd.DataFrame, arms: Arms, any_time: bool) -> Message | None:
    if not any_time:
        return message("orders-end-before")
    for arm, out in ((arms.treated, False), (arms.held_out, True)):
        theirs = trial[trial["held_out"] == out]
        buyers = int((theirs["orders"] > 0).sum())
        if len(theirs) < MIN_CUSTOMERS:
            return message("arms-small", customers=counted(len(theirs), "customer"), arm=arm, needed=MIN_CUSTOMERS)
        if buyers < MIN_BUYERS:
            unknown = (trial[["orders", *BEFORE]] == 0).all(axis=None)
            return message("arms-few-buyers", customers=counted(buyers, "customer"), arm=arm, needed=MIN_BUYERS,
                           unknown=yes(unknown))
    return None


def _covariates(trial: pd.DataFrame) -> np.ndarray:
    """What was known when customers were drawn, centred and scaled; columns that an arm cannot tell are left out.

    Square roots, because counts and spend are skewed and a single heavy customer must not tilt the line.
    """
    known = np.column_stack([*(np.sqrt(np.maximum(trial[name], 0)) for name in BEFORE), trial["weeks"],
                             trial["since"] > trial["since"].min()]).astype(float)
    held = trial["held_out"].to_numpy()
    kept: list[np.ndarray] = []
    for column in known.T:
        column = (column - column.mean()) / (column.std() or 1)
        sides = [np.column_stack([np.ones(side.sum()), *(one[side] for one in kept), column[side]])
                 for side in (held, ~held)]
        if all(len(side) - np.unique(side[:, -1], return_counts=True)[1].max() >= MIN_DIFFERENT
               and np.linalg.matrix_rank(side, tol=1e-6 * len(side) ** 0.5) == side.shape[1] for side in sides):
            kept.append(column)
    return np.column_stack(kept) if kept else np.empty((len(trial), 0))


# ---------------------------------------------------------------- estimates
def _mean(y: np.ndarray, earlier: np.ndarray | None = None) -> Mean:
    """An arm's mean; with `earlier` (centred over both arms) the regression's value at their common mean.

    The intercept of least squares and its HC3 variance (MacKinnon & White 1985): the fully interacted regression of
    both arms together gives the same two intercepts, and no covariance between them.
    """
    if earlier is None:
        return Mean(y.mean(), y.var(ddof=1) / len(y), len(y) - 1)
    design = np.column_stack([np.ones(len(y)), earlier])
    solve = np.linalg.pinv(design)  # coefficients = solve @ y
    coefficients = solve @ y
    leverage = np.einsum("ij,ji->i", design, solve)
    errors = (y - design @ coefficients) / np.maximum(1 - leverage, 1e-6)
    return Mean(coefficients[0], ((solve[0] * errors) ** 2).sum(), len(y) - design.shape[1])


def _lift(label: Message, treated: Mean, held_out: Mean, *, outcome: str, confidence: float, **sizes: int) -> Effect:
    """The ratio of means less one; t interval of its log by the delta method, Welch-Satterthwaite degrees."""
    effect = Effect(label=label, outcome=outcome, unit="lift", rung=4, grade="A", scope="everyone",
                    estimate=NAN, confidence=confidence, **sizes)
    if min(treated.value, held_out.value) <= 0 or treated.variance + held_out.variance == 0:
        why_not = message("draw-no-ratio", outcome=outcome)
        return replace(effect, note=why_not, refused=why_not)
    parts = np.array([mean.variance / mean.value**2 for mean in (treated, held_out)])
    degrees = parts.sum() ** 2 / (parts**2 / [treated.degrees, held_out.degrees]).sum()
    return _with_interval(effect, np.log(treated.value / held_out.value), np.sqrt(parts.sum()), degrees)


def _with_interval(effect: Effect, log: float, se: float, degrees: float) -> Effect:
    reach = stats.t.ppf((1 + effect.confidence) / 2, degrees) * se
    return replace(effect, estimate=float(np.expm1(log)), low=float(np.expm1(log - reach)),
                   high=float(np.expm1(log + reach)))


def _joined(trial: pd.DataFrame, members: pd.DataFrame | None, *, start: pd.Timestamp,
            end: pd.Timestamp) -> np.ndarray | None:
    """Who of the trial became a member in its time; None where no member list is given, or nobody did."""
    if members is None:
        return None
    first = members.dropna(subset=["customer_id", "joined_at"]).groupby("customer_id")["joined_at"].min()
    during = first[(first >= start) & (first < end)].index.astype("str")
    joined = trial["customer_id"].isin(during).to_numpy()
    return joined if joined.any() else None


def _complier(y: np.ndarray, held: np.ndarray, joined: np.ndarray | None, arms: Arms, *, outcome: str,
              confidence: float) -> Effect | None:
    """The effect on those who join because they may (Imbens & Angrist 1994; two-stage, Wald's ratio); Bloom (1984)
    where none of the held out joins.

    With D for having joined and Z for having been drawn, the means of those who join because of the draw are, both
    over the same difference of joining shares: with the program E[YD|Z=1] - E[YD|Z=0], without it
    E[Y(1-D)|Z=0] - E[Y(1-D)|Z=1] (Abadie 2003). The lift is their ratio less one, over the whole time compared, the
    weeks before joining included; `diagnostics` has the difference per person who joins (Wald), with its interval.
    Assumed: being drawn does nothing to those whom it does not make join, and keeps nobody from joining who otherwise
    would. None without members; missing where too few join because of the draw.
    """
    if joined is None:
        return None
    label = message("draw-complier", invited=yes(arms.invited))
    treated, took = ~held, joined.astype(float)

    def gap(values: np.ndarray) -> tuple[float, float]:
        """Difference of means between the arms, and its standard error."""
        with_program, without = _mean(values[treated]), _mean(values[held])
        se = np.sqrt(with_program.variance + without.variance)
        return float(with_program.value - without.value), float(se)

    more, se = gap(took)
    base, base_se = gap(-y * (1 - took))
    top, _ = gap(y * took)
    if more <= 0 or (se > 0 and (more / se) ** 2 < MIN_FIRST_STAGE):
        return missing(label, message("complier-few"), rung=4, grade="A", outcome=outcome)
    extra = gap(y)[0] / more
    z = stats.norm.ppf((1 + confidence) / 2)
    reach = z * gap(y - extra * took)[1] / more
    each = {"joined more": more, "extra each": extra, "extra low": extra - reach, "extra high": extra + reach}
    if min(base - MIN_Z * base_se, top) <= 0:
        unknown = missing(label, message("complier-unknown"), rung=4, grade="A", outcome=outcome)
        return replace(unknown, diagnostics=each)
    effect = Effect(label=label, outcome=outcome, unit="lift", rung=4, grade="A", estimate=NAN,
                    confidence=confidence, n=len(y), n_treated=int(treated.sum()), n_comparison=int(held.sum()),
                    diagnostics=each)
    return _with_interval(effect, np.log(top / base), gap(y * took / top + y * (1 - took) / base)[1], len(y) - 2)


# ---------------------------------------------------------------- checks that can fail: (diagnostics, reason or None)
Check = tuple[dict, Message | None]


def _share_check(arms: Arms, planned: float | None) -> Check:
    """Sample-ratio mismatch (Fabijan et al. 2019): the customers drawn against the share planned, chi-square.

    Without a plan nothing is tested (nan): the usual share nearest to what is left would refuse honest draws of another
    share, and pass lossy ones. It is only said where no usual share fits (`unusual share`).
    """
    n, held = len(arms.drawn), int((arms.drawn["arm"] == arms.held_out).sum())

    def p_value(share: float) -> float:
        return float(stats.chisquare([held, n - held], [n * share, n * (1 - share)]).pvalue)

    unusual = planned is None and max(map(p_value, USUAL_SHARES)) < ALARM
    told = {"share held out": held / n, "planned share": NAN, "share declared": False, "share p": NAN,
            "unusual share": unusual}
    if planned is None:
        return told, None
    told |= {"planned share": float(planned), "share declared": True, "share p": p_value(planned)}
    reason = message("draw-share", held=counted(held, "customer"), n=Persons(n), arm=arms.held_out,
                     planned=_usual(planned))
    return told, reason if told["share p"] < ALARM else None


def _balance_check(trial: pd.DataFrame) -> Check:
    """What the arms did before being drawn, where nothing but chance can differ; ranks, for the skew's sake."""
    held = trial["held_out"].to_numpy()
    balance = {}
    for name in BEFORE:
        a, b = trial.loc[~held, name].to_numpy(), trial.loc[held, name].to_numpy()
        spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
        balance[name] = {
            "treated": float(a.mean()), "held out": float(b.mean()),
            "standardised difference": float((a.mean() - b.mean()) / spread) if spread > 0 else 0.0,
            "p": float(stats.mannwhitneyu(a, b).pvalue) if spread > 0 else 1.0,
        }
    worst = min(balance, key=lambda name: balance[name]["p"])
    row = balance[worst]
    reason = message("draw-unbalanced", what=message(f"before-{worst}"), treated=Number(row["treated"], digits=2),
                     held=Number(row["held out"], digits=2))
    return {"balance": balance}, reason if row["p"] < ALARM / len(BEFORE) else None


def _leak_check(held: np.ndarray, took: np.ndarray | None, arms: Arms) -> Check:
    """Held-out customers who joined; an invitation keeps nobody out, so there it is no fault."""
    if took is None:
        return {"joined": None}, None
    others, out = float(took[~held].mean()), float(took[held].mean())
    leaked = not arms.invited and took[held].sum() >= MIN_BUYERS and out > others / 2
    return ({"joined": {arms.treated: others, arms.held_out: out}},
            message("draw-leaked", held=percent(out), others=percent(others)) if leaked else None)


def _usual(planned: float) -> Message:
    """A share with three digits, as it was planned."""
    return message("level-share", n=f"{planned * 100:.3g}")


def _note(diagnostics: dict, arms: Arms) -> Message:
    """What was compared, and what dilutes it."""
    n, took, later = diagnostics["customers"], diagnostics["joined"], diagnostics["drawn later"]
    leaked = round(took[arms.held_out] * n[arms.held_out]) if took else 0
    twice = diagnostics["in two arms"]
    notes = {"drawn": True, "later": later, "leaked": leaked, "twice": twice,
             "unplanned": not diagnostics["share declared"], "unusual": diagnostics["unusual share"]}
    facts = {"treated": counted(n[arms.treated], "customer"), "held": Persons(n[arms.held_out]),
             "invited": yes(arms.invited), "later": Persons(later), "twice": counted(twice, "customer"),
             "leaked": counted(leaked, "held-out-customer"), "share": _usual(diagnostics["share held out"])}
    return joined(message(f"draw-note-{key}", **facts) for key, holds in notes.items() if holds)
