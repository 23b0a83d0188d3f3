"""Findings: one object holds a number, its interval and its design, and makes every word said about it.

Sentences, chart titles and alt texts are computed here and nowhere else, so that no takeaway typed by hand can
contradict the number beside it. Whenever the interval covers "no effect" the words are neutral.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

NAN = float("nan")
CURRENCY_SIGNS = {"CNY": "¥", "JPY": "¥", "USD": "$", "GBP": "£", "EUR": "€", "HKD": "HK$", "TWD": "NT$"}
# unit -> (factor to display units, unit of a value, unit of a difference, digits where no interval tells)
UNITS = {
    "share": (100.0, " %", " pp", 1),
    "lift": (100.0, " %", " %", 0),
    "orders": (1.0, "", "", 2),
    "points": (1.0, "", " points", 1),
    "score": (1.0, "", "", 1),
    "scale points": (1.0, "", "", 2),
    "days": (1.0, " days", " days", 0),
    "categories": (1.0, "", "", 2),
}
GRADES = {
    "A": "customers drawn at random",
    "B": "members against their own history and other buyers of the same weeks",
    "C": "members against their own history and other buyers of the same weeks, with reservations",
    "D": "the whole shop against its own trend",
    "E": "a description: before and after",
}
# the chance of exceeding break-even that "probably works" takes: at 0.90, shops without any effect got it in 6 to 9 of
# 100 cases, because one side of the interval is not the interval; at 0.95 in 2 to 5 of 100 (simulated shops of 1,000)
LIKELY = 0.95
VERDICTS = ("works", "probably_works", "costs_more", "harms", "cannot_tell")


# ---------------------------------------------------------------- numbers in words
def digits_for(low: float, high: float, unit: str) -> int:
    """Decimals worth printing: the interval's width decides, so that no number looks surer than it is.

    About one significant digit of a third of the width: a width of 6 gives 0 decimals, of 0.6 one. Without an
    interval (nan, or of width zero) the unit's usual number of decimals is used.
    """
    factor, _, _, usual = UNITS.get(unit, (1.0, "", "", 0))
    width = abs(high - low) * factor
    if not math.isfinite(width) or width == 0:
        return usual
    return max(0, min(3, -math.floor(math.log10(width / 3))))


def number(value: float, digits: int = 0, *, signed: bool = False) -> str:
    """A number with thousands separators and a true minus sign; "–" where it is missing."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):,.{digits}f}"
    zero = float(text.replace(",", "")) == 0
    sign = "" if zero else "−" if value < 0 else "+" if signed else ""
    return sign + text


def is_money(unit: str) -> bool:
    """Units outside the table are ISO currency codes."""
    return unit not in UNITS


def amount(value: float, unit: str, *, digits: int | None = None) -> str:
    """A level in words, with its unit: `amount(0.41, "share")` is "41.0 %", `amount(1250, "CNY")` "¥1,250"."""
    factor, suffix, _, usual = UNITS.get(unit, (1.0, "", "", 0))
    digits = usual if digits is None else digits
    if value is None or math.isnan(value):
        return "–"
    if is_money(unit):
        return _money(value, unit, digits)
    return number(value * factor, digits) + suffix


def difference(value: float, unit: str, *, digits: int | None = None) -> str:
    """A change in words, always signed: `difference(0.08, "share")` is "+8.0 pp"."""
    factor, _, suffix, usual = UNITS.get(unit, (1.0, "", "", 0))
    digits = usual if digits is None else digits
    if value is None or math.isnan(value):
        return "–"
    if is_money(unit):
        return _money(value, unit, digits, signed=True)
    return number(value * factor, digits, signed=True) + suffix


def _money(value: float, currency: str, digits: int, *, signed: bool = False) -> str:
    text = number(value, digits, signed=signed)
    sign = CURRENCY_SIGNS.get(currency, currency + " ")
    return text if text == "–" else text[0] + sign + text[1:] if text[0] in "+−" else sign + text


def count(n: int, noun: str) -> str:
    """`count(1, "customer")` is "1 customer", `count(1200, "customer")` "1,200 customers"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else noun + "s"
    return f"{n:,} {noun if n == 1 else plural}"


def chance(probability: float) -> str:
    """A probability in words; certainty is never claimed."""
    return "under 1 %" if probability < 0.01 else "over 99 %" if probability > 0.99 else f"{probability * 100:.0f} %"


def capital(text: str) -> str:
    """First letter upper case, the rest untouched (unlike str.capitalize, which would lower "NPS")."""
    return text[:1].upper() + text[1:]


# ---------------------------------------------------------------- the findings
@dataclass(frozen=True, kw_only=True)
class Finding:
    """A measured quantity with its interval: the parent of all findings.

    `label` names it in the middle of a sentence ("repeat purchase rate"); `unit` is a key of UNITS or a currency
    code; shares and lifts are fractions (0.10 = 10 %). `n` counts what the number rests on and `n_noun` says what
    that is. `of` completes "x % of ...". An estimate that could not be had is nan, and `note` says why.
    """

    label: str
    unit: str
    estimate: float
    low: float = NAN
    high: float = NAN
    n: int = 0
    n_noun: str = "customer"
    confidence: float = 0.95
    method: str = ""
    note: str = ""

    _ends = staticmethod(amount)  # how the ends of the interval are written

    @property
    def measurable(self) -> bool:
        return math.isfinite(self.estimate)

    @property
    def digits(self) -> int:
        return digits_for(self.low, self.high, self.unit)

    @property
    def level(self) -> str:
        """ "95 %", for "95 % interval"."""
        return f"{self.confidence * 100:g} %"

    @property
    def value(self) -> str:
        return amount(self.estimate, self.unit, digits=self.digits)

    @property
    def interval(self) -> str:
        """The interval as "38 % to 44 %"; empty where there is none."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            return ""
        low, high = (self._ends(end, self.unit, digits=self.digits) for end in (self.low, self.high))
        return f"{low} to {high}"

    @property
    def sentence(self) -> str:
        if not self.measurable:
            return f"{capital(self.label)} cannot be measured: {self.note}."
        between = f"{self.level} interval {self.interval}; " if self.interval else ""
        return f"{capital(self.label)}: {self.value} ({between}{count(self.n, self.n_noun)})."

    @property
    def title(self) -> str:
        return f"{capital(self.label)}: {self.value}" if self.measurable else f"{capital(self.label)}: not measurable"

    @property
    def alt(self) -> str:
        return self.sentence


@dataclass(frozen=True, kw_only=True)
class Change(Finding):
    """One KPI before and after: `estimate`, `low`, `high` are the change; a row of tables/kpis.csv.

    `before` and `after` are the two levels as Findings of the same unit. `p_value` tests no change; `p_adjusted` is
    Holm's over the KPIs that are not primary, and equals `p_value` for the primary one. A change is a description:
    no sentence made here speaks of causes.
    """

    kpi: str
    before: Finding
    after: Finding
    p_value: float = NAN
    p_adjusted: float = NAN
    primary: bool = False
    higher_is_better: bool = True
    chance_improved: float = NAN  # P(improved), given only for small samples

    _ends = staticmethod(difference)

    @property
    def verdict(self) -> str:
        """ "up", "down", "no evidence" or "not measurable"; the interval and the adjusted p-value must agree."""
        if not (self.measurable and math.isfinite(self.low) and math.isfinite(self.high)):
            return "not measurable"
        # rounded, because 1 - 0.95 is a little more than 0.05 in floating point
        if self.low <= 0 <= self.high or not self.p_adjusted < round(1 - self.confidence, 9):
            return "no evidence"
        return "up" if self.estimate > 0 else "down"

    @property
    def change(self) -> str:
        return difference(self.estimate, self.unit, digits=self.digits)

    @property
    def levels(self) -> str:
        """ "41 % to 49 %": before and after, with the digits of the change."""
        return (
            f"{amount(self.before.estimate, self.unit, digits=self.digits)} to "
            f"{amount(self.after.estimate, self.unit, digits=self.digits)}"
        )

    @property
    def sentence(self) -> str:
        if self.verdict == "not measurable":
            return f"{capital(self.label)} cannot be compared: {self.note or 'too little was observed'}."
        rest = (
            f"{self.change} ({self.level} interval {self.interval}; "
            f"n = {self.before.n:,} before, {self.after.n:,} after)"
        )
        if self.verdict == "no evidence":
            return f"No evidence that the {self.label} changed: from {self.levels}, {rest}.{self._doubt}"
        verb = "rose" if self.verdict == "up" else "fell"
        return f"{capital(self.label)} {verb} from {self.levels}: {rest}."

    @property
    def _doubt(self) -> str:
        """What else there is to say where there is no evidence of a change."""
        if not self.low <= 0 <= self.high:
            return " Looked at alone it would count as a change; among so many KPIs one like it comes about by chance."
        if math.isfinite(self.chance_improved):
            return f" From so few observations, the chance that it improved is {chance(self.chance_improved)}."
        return ""

    @property
    def title(self) -> str:
        if self.verdict == "not measurable":
            return f"{capital(self.label)}: not measurable"
        if self.verdict == "no evidence":
            return f"{capital(self.label)}: no evidence of a change"
        return f"{capital(self.label)} {'rose' if self.verdict == 'up' else 'fell'} by {self.change.lstrip('+−')}"


# what each outcome's lift says of members, and of the whole shop
OUTCOMES = {
    "orders": ("bought {size} {more} often than", "orders a week"),
    "spend": ("spent {size} {more} than", "revenue a week"),
}


@dataclass(frozen=True, kw_only=True)
class Effect(Finding):
    """One rung of the evidence ladder: a row of tables/effects.csv.

    `estimate`, `low`, `high` are lifts (0.10 = +10 %). `rung` 0 marks the naive comparisons, 1 description, 2 trend,
    3 at the till, 4 randomised; `grade` is a key of GRADES and decides the words. `scope` is "members" or "everyone".
    `placebo` is an estimate that should be nil if the design holds, with its interval. `refused` is None, or the
    reason why the estimator should not be believed; an interval may stand there all the same. `cross_check` is the
    other estimator of the same rung; `diagnostics` holds the printed quantities by name.
    """

    outcome: str
    rung: int
    grade: str
    scope: str = "members"
    n_treated: int = 0
    n_comparison: int = 0
    ess: float = NAN
    placebo: float = NAN
    placebo_low: float = NAN
    placebo_high: float = NAN
    headline: bool = False
    refused: str | None = None
    cross_check: Effect | None = None
    diagnostics: dict = field(default_factory=dict, compare=False)

    _ends = staticmethod(difference)

    @property
    def value(self) -> str:
        return difference(self.estimate, self.unit, digits=self.digits)

    @property
    def covers_zero(self) -> bool:
        return not (self.low > 0 or self.high < 0)

    @property
    def claim(self) -> str:
        """The claim without its interval, in the words its grade allows; none where the estimator refused."""
        if not self.measurable:
            return f"{self.label}: cannot be had ({self.refused or self.note})"
        if self.refused:
            return f"{self.label}: {self.value}, not to be relied on ({self.refused})"
        if self.grade == "E":
            return f"{self.label}: {self.value}"
        members, shop = OUTCOMES[self.outcome]
        size = difference(self.estimate, self.unit, digits=self.digits).lstrip("+−")
        more = "more" if self.estimate > 0 else "less"
        if self.grade == "D":
            if self.covers_zero:
                return f"the whole shop's {shop} stayed within what its trend predicted"
            side = "above" if self.estimate > 0 else "below"
            return f"the whole shop's {shop} lay {size} {side} what the trend predicted"
        drawn = f"customers drawn {'for the offer' if self.label.startswith('campaign') else 'to have the program'}"
        who = drawn if self.grade == "A" else "members"
        than = "those held out at random" if self.grade == "A" else "comparable buyers would have"
        if self.covers_zero:
            did = "bought more or less often" if self.outcome == "orders" else "spent more or less"
            return f"no evidence that {who} {did}"
        return f"{who} {members.format(size=size, more=more)} {than}"

    @property
    def sentence(self) -> str:
        if not self.measurable:
            return capital(self.claim) + "."
        between = f"{self.level} interval {self.interval}" if self.interval else ""
        best = f"best estimate {self.value}" if self.covers_zero and self.value not in self.claim else ""
        inside = ", ".join(filter(None, [best, between]))
        return f"{capital(self.claim)} ({inside})." if inside else f"{capital(self.claim)}."

    @property
    def title(self) -> str:
        return capital(self.claim)

    def chance_above(self, bar: float) -> float:
        """P(lift > bar), read off the interval as a normal distribution of log(1 + lift)."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low <= -1 or bar <= -1:
            return NAN
        z = NormalDist().inv_cdf(0.5 + self.confidence / 2)
        se = (math.log1p(self.high) - math.log1p(self.low)) / (2 * z)
        return NAN if se == 0 else 1 - NormalDist(math.log1p(self.estimate), se).cdf(math.log1p(bar))


# ---------------------------------------------------------------- the verdict
@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to "did the program work?": one of VERDICTS, with its words.

    `words` is the part of `sentence` that is set in the accent colour; `because` says in plain words what the verdict
    rests on, `would_tell` what would tell, and when; `too_small` marks a shop that its own customers can never tell.
    """

    key: str
    words: str
    sentence: str
    because: str
    would_tell: str = ""
    too_small: bool = False
    grade: str = "E"


def verdict(effect: Effect | None, *, break_even: float = 0.0, why_not: str = "", would_tell: str = "") -> Verdict:
    """The verdict of the headline `effect` against the `break_even` lift (0 where no margin is known).

    works: the interval lies above break-even, grade A or B. probably_works: the same with grade C, or a chance of at
    least LIKELY to exceed it. costs_more: the interval lies below break-even but not below nil. harms: it lies below
    nil. cannot_tell: everything else; always at grades D and E, always where the estimator refused, and where there
    is no effect at all (`why_not` then says why). The naive change never decides.
    """
    if effect is None or effect.grade in "DE" or effect.refused or not effect.measurable:
        because = effect.refused if effect is not None and effect.refused else why_not
        return Verdict(
            key="cannot_tell",
            words="cannot tell yet",
            sentence=f"We cannot tell yet whether {'a program works here' if effect is None else 'the program works'}.",
            because=because,
            would_tell=would_tell,
            grade=effect.grade if effect is not None else "E",
        )
    key, words, claim = _decide(effect, break_even)
    return Verdict(
        key=key,
        words=words,
        sentence=claim,
        because=_because(effect, break_even),
        would_tell=would_tell if key in ("cannot_tell", "probably_works") else "",
        grade=effect.grade,
    )


def _decide(effect: Effect, bar: float) -> tuple[str, str, str]:
    claim = effect.claim
    if effect.high < 0:
        return "harms", "harms", f"The program harms: {claim}."
    if effect.high < bar:
        return (
            "costs_more",
            "costs more than it brings",
            ("The program costs more than it brings: members may buy more, but not enough to pay for it."),
        )
    if effect.low > bar and effect.grade in "AB":
        return "works", "works", f"The program works: {claim}."
    if effect.low > bar or effect.chance_above(bar) >= LIKELY:
        if effect.covers_zero:
            claim = f"the best estimate of the lift is {effect.value}, though no lift at all is not ruled out"
        return "probably_works", "probably works", f"The program probably works: {claim}."
    if effect.low > 0:
        return "cannot_tell", "cannot tell yet", (
            f"{capital(claim)}; whether that pays for the program, we cannot tell yet.")
    return "cannot_tell", "cannot tell yet", "We cannot tell yet whether the program works."


def _because(effect: Effect, bar: float) -> str:
    between = effect.interval.replace(" to ", " and ")
    seen = f"With {effect.level} confidence the lift lies between {between} (best estimate {effect.value})."
    if bar == math.inf:
        return f"{seen} No lift could pay for it: its costs take the whole margin."
    least = difference(bar, "lift", digits=1)
    exceed = f"It must exceed {least} to pay for itself" if bar > 0 else "It must be above 0 %"
    above = effect.chance_above(bar)
    return f"{seen} {exceed}{f'; the chance that it is: {chance(above)}' if math.isfinite(above) else ''}."
