"""Findings: one object holds a number, its interval and what it rests on; `report.wording` makes every word of it.

So no takeaway typed by hand can contradict the number beside it. Whenever the interval covers "no effect" the words are
neutral: what decides that is here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

from loyalty_helpers.core.messages import Message, Number, message

NAN = float("nan")
# unit -> (factor to display units, digits where no interval tells); all other units are ISO currency codes
UNITS = {
    "share": (100.0, 1),
    "lift": (100.0, 0),
    "orders": (1.0, 2),
    "points": (1.0, 1),
    "score": (1.0, 1),
    "scale points": (1.0, 2),
    "days": (1.0, 0),
    "categories": (1.0, 2),
}
# what the n of a finding may count, and whether these are persons
NOUNS = {
    "customer": True,
    "regular customer": True,
    "new customer": True,
    "referred customer": True,
    "first-time buyer": True,
    "joiner": True,
    "member": True,
    "person": True,
    "answer": True,
    "referral": True,
    "order": False,
    "week": False,
    "test": False,
}
# A drawn at random; B members against their own history and other buyers of the same weeks; C the same, with
# reservations; D the whole shop against its own trend; E a description
GRADES = tuple("ABCDE")
OUTCOMES = ("orders", "spend")
# the chance of exceeding break-even that "probably works" takes: at 0.90, shops without any effect got it in 6 to 9 of
# 100 cases, because one side of the interval is not the interval; at 0.95 in 2 to 5 of 100 (simulated shops of 1,000)
LIKELY = 0.95
VERDICTS = ("works", "probably_works", "costs_more", "harms", "cannot_tell")


def digits_for(low: float, high: float, unit: str) -> int:
    """Decimals worth printing: the interval's width decides, so that no number looks surer than it is.

    About one significant digit of a third of the width: a width of 6 gives 0 decimals, of 0.6 one. Without an
    interval (nan, or of width zero) the unit's usual number of decimals is used.
    """
    factor, usual = UNITS.get(unit, (1.0, 0))
    width = abs(high - low) * factor
    if not math.isfinite(width) or width == 0:
        return usual
    return max(0, min(3, -math.floor(math.log10(width / 3))))


def is_money(unit: str) -> bool:
    """Units outside the table are ISO currency codes."""
    return unit not in UNITS


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A measured quantity with its interval: the parent of all findings.

    `label` names it in the middle of a sentence ("repeat purchase rate"); `unit` is a key of UNITS or a currency
    code; shares and lifts are fractions (0.10 = 10 %). `n` counts what the number rests on, and `n_noun`, a key of
    NOUNS, says what that is. A share has `hits` among these n (which could be read off it) unless it is one of money
    or points. Findings of one list with the same `whole` are parts that add up to it: where others may not see one,
    they see none. An estimate that could not be had is nan, and `note` says why.
    """

    label: str | Message
    unit: str
    estimate: float
    low: float = NAN
    high: float = NAN
    n: int = 0
    n_noun: str = "customer"
    hits: bool = True
    whole: str = ""
    confidence: float = 0.95
    method: str = ""
    note: str | Message = ""

    @property
    def measurable(self) -> bool:
        return math.isfinite(self.estimate)

    @property
    def bounded(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def digits(self) -> int:
        return digits_for(self.low, self.high, self.unit)


@dataclass(frozen=True, kw_only=True)
class Change(Finding):
    """One KPI before and after: `estimate`, `low`, `high` are the change; a row of tables/kpis.csv.

    `before` and `after` are the two levels as Findings of the same unit. `p_value` tests no change; `p_adjusted` is
    Holm's over the KPIs that are not primary, and equals `p_value` for the primary one. A change is a description:
    no sentence made of it speaks of causes.
    """

    kpi: str
    before: Finding
    after: Finding
    p_value: float = NAN
    p_adjusted: float = NAN
    primary: bool = False
    higher_is_better: bool = True
    chance_improved: float = NAN  # P(improved), given only for small samples

    @property
    def verdict(self) -> str:
        """ "up", "down", "no evidence" or "not measurable"; the interval and the adjusted p-value must agree."""
        if not (self.measurable and self.bounded):
            return "not measurable"
        # rounded, because 1 - 0.95 is a little more than 0.05 in floating point
        if self.covers_zero or not self.p_adjusted < round(1 - self.confidence, 9):
            return "no evidence"
        return "up" if self.estimate > 0 else "down"

    @property
    def covers_zero(self) -> bool:
        return self.low <= 0 <= self.high


@dataclass(frozen=True, kw_only=True)
class Effect(Finding):
    """One rung of the evidence ladder: a row of tables/effects.csv.

    `estimate`, `low`, `high` are lifts (0.10 = +10 %). `rung` 0 marks the naive comparisons, 1 description, 2 trend,
    3 at the till, 4 randomised; `grade` is one of GRADES and decides the words. `scope` is "members" or "everyone";
    `campaign` marks a draw that decided who got an offer, not who has the program. `placebo` is an estimate that
    should be nil if the design holds, with its interval. `refused` is None, or the reason why the estimator should not
    be believed; an interval may stand there all the same. `cross_check` is the other estimator of the same rung;
    `diagnostics` holds the printed quantities by name, of which `set_aside` counts members by reason.
    """

    outcome: str
    rung: int
    grade: str
    scope: str = "members"
    campaign: bool = False
    n_treated: int = 0
    n_comparison: int = 0
    ess: float = NAN
    placebo: float = NAN
    placebo_low: float = NAN
    placebo_high: float = NAN
    headline: bool = False
    refused: str | Message | None = None
    cross_check: Effect | None = None
    diagnostics: dict = field(default_factory=dict, compare=False)

    @property
    def covers_zero(self) -> bool:
        """Also without an interval: then nothing is ruled out."""
        return not (self.low > 0 or self.high < 0)

    def chance_above(self, bar: float) -> float:
        """P(lift > bar), read off the interval as a normal distribution of log(1 + lift)."""
        if not self.bounded or self.low <= -1 or bar <= -1:
            return NAN
        z = NormalDist().inv_cdf(0.5 + self.confidence / 2)
        se = (math.log1p(self.high) - math.log1p(self.low)) / (2 * z)
        return NAN if se == 0 else 1 - NormalDist(math.log1p(self.estimate), se).cdf(math.log1p(bar))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to "did the program work?": one of VERDICTS, and what is to be said of it.

    `words` is the part of `sentence` that is set in the accent colour; `because` says what the verdict rests on,
    `would_tell` what would tell, and when. `drawing` marks a shop whose customers are drawn by lot already, which has
    only to go on; `too_small` one that its own customers can never tell.
    """

    key: str
    words: Message
    sentence: Message
    because: tuple[str | Message, ...] = ()
    would_tell: str | Message = ""
    drawing: bool = False
    too_small: bool = False
    grade: str = "E"


def verdict(effect: Effect | None, *, break_even: float = 0.0, why_not: str | Message = "",
            would_tell: str | Message = "") -> Verdict:
    """The verdict of the headline `effect` against the `break_even` lift (0 where no margin is known).

    works: the interval lies above break-even, grade A or B. probably_works: the same with grade C, or a chance of at
    least LIKELY to exceed it. costs_more: the interval lies below break-even but not below nil. harms: it lies below
    nil. cannot_tell: everything else; always at grades D and E, always where the estimator refused, and where there
    is no effect at all (`why_not` then says why). The naive change never decides.
    """
    if effect is None or effect.grade in "DE" or effect.refused or not effect.measurable:
        refused = effect is not None and effect.refused
        sentence = "verdict-no-program" if effect is None else "verdict-cannot-tell"
        return Verdict(key="cannot_tell", words=message("verdict-cannot-tell-words"), sentence=message(sentence),
                       because=(refused or why_not,), would_tell=would_tell, grade="E" if effect is None else
                       effect.grade)
    key, sentence = _decided(effect, break_even)
    return Verdict(key=key, words=message(f"verdict-{key.replace('_', '-')}-words"),
                   sentence=message(sentence, x=effect), because=(_because(effect, break_even),),
                   would_tell=would_tell if key in ("cannot_tell", "probably_works") else "", grade=effect.grade)


def _decided(effect: Effect, bar: float) -> tuple[str, str]:
    """The verdict's key, and that of its sentence."""
    if effect.high < 0:
        return "harms", "verdict-harms"
    if effect.high < bar:
        return "costs_more", "verdict-costs-more"
    if effect.low > bar and effect.grade in "AB":
        return "works", "verdict-works"
    if effect.low > bar or effect.chance_above(bar) >= LIKELY:
        return "probably_works", "verdict-probably-works"
    return "cannot_tell", "verdict-pays-unknown" if effect.low > 0 else "verdict-cannot-tell"


def _because(effect: Effect, bar: float) -> Message:
    above = effect.chance_above(bar)
    return message("verdict-because", x=effect, bar=Number(bar, "lift", digits=1, signed=True),
                   chance=Number(above, "chance"), takes="nothing-pays" if bar == math.inf else
                   "break-even" if bar > 0 else "nil", likely="known" if math.isfinite(above) else "unknown")
