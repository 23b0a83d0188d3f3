"""What may be said of a finding: its sentence, title and claim as messages, its number and interval as texts.

Made here and nowhere else, so that whatever stands beside a number says the same. An effect claims what its grade
allows, and nothing where its interval covers nil.
"""

from __future__ import annotations

from loyalty_helpers.core.findings import GRADES, NOUNS, Change, Effect, Finding
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.numbers import MISSING, amount, difference

ARROWS = {"up": "▲", "down": "▼"}


# ---------------------------------------------------------------- its parts
def value(one: Finding) -> str:
    """The estimate with its unit; signed where it is a change or a lift."""
    write = difference if isinstance(one, (Change, Effect)) else amount
    return write(one.estimate, one.unit, digits=one.digits)


def ends(one: Finding) -> tuple[str, str]:
    """The two ends of the interval, written as the value is."""
    write = difference if isinstance(one, (Change, Effect)) else amount
    return write(one.low, one.unit, digits=one.digits), write(one.high, one.unit, digits=one.digits)


def interval(one: Finding) -> str:
    """The interval as "38 % to 44 %"; empty where there is none."""
    low, high = ends(one)
    return text("interval", low=low, high=high) if one.bounded else ""


def level(one: Finding) -> str:
    """ "95 %", for "95 % interval"."""
    return text("level-share", n=f"{one.confidence * 100:g}")


def levels(one: Change) -> tuple[str, str]:
    """Before and after, with the digits of the change."""
    before, after = (amount(level.estimate, one.unit, digits=one.digits) for level in (one.before, one.after))
    return before, after


def counted(one: Finding) -> Message:
    """What a finding rests on: "1,200 customers"."""
    return message(f"n-{one.n_noun.replace(' ', '-')}", n=Persons(one.n) if NOUNS[one.n_noun] else one.n)


def why(one: Finding) -> str | Message:
    """Why it could not be had, or must not be relied on."""
    refused = one.refused if isinstance(one, Effect) else None
    return refused or one.note or (message("too-little-observed") if isinstance(one, Change) else "")


def parts(one: Finding) -> dict[str, str | int | Message]:
    """What stands in a message for a finding `x`, by what follows its name there: `$x` is its value, `$x-label`,
    `$x-interval`, `$x-low`, `$x-high`, `$x-bounded` (yes or no), `$x-level`, `$x-n`, `$x-count`, `$x-why`,
    `$x-measurable` (yes or no); of a change `$x-verdict`, `$x-before`, `$x-after` and their n; of an effect
    `$x-claim` and `$x-covers-zero` (yes or no)."""
    low, high = ends(one)
    found = {"": value(one), "-label": one.label, "-interval": interval(one), "-low": low, "-high": high, "-bounded":
             _yes(one.bounded), "-level": level(one), "-n": int(one.n), "-count": counted(one), "-why": why(one),
             "-measurable": _yes(one.measurable)}
    if isinstance(one, Change):
        before, after = levels(one)
        found |= {"-verdict": one.verdict.replace(" ", "-"), "-before": before, "-after": after,
                  "-before-n": int(one.before.n), "-after-n": int(one.after.n)}
    if isinstance(one, Effect):
        found |= {"-claim": claim(one), "-covers-zero": _yes(one.covers_zero)}
    return found


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


# ---------------------------------------------------------------- what it says
def sentence(one: Finding) -> Message:
    """The finding in one sentence, with its interval and what it rests on."""
    if isinstance(one, Effect):
        best = "beside" if _is_neutral(one) else "said"
        return message("effect-sentence", x=one, best=best)
    if not isinstance(one, Change):
        return message("finding-sentence", x=one)
    doubt = ("none" if one.verdict != "no evidence" else "many" if not one.covers_zero else
             "chance" if one.chance_improved == one.chance_improved else "none")
    return message("change-sentence", x=one, doubt=doubt, chance=Number(one.chance_improved, "chance"))


def title(one: Finding) -> Message:
    """The claim of a chart of this finding."""
    if isinstance(one, Effect):
        return message("effect-title", x=one)
    if not isinstance(one, Change):
        return message("finding-title", x=one)
    return message("change-title", x=one, size=_size(one))


def claim(one: Effect) -> Message:
    """The claim without its interval, in the words its grade allows; none where the estimator refused."""
    if not one.measurable or one.refused or one.grade == "E":
        kind = "unmeasured" if not one.measurable else "refused" if one.refused else "described"
        return message("claim-bare", kind=kind, label=one.label, value=value(one), why=why(one))
    moved = "no" if one.covers_zero else "more" if one.estimate > 0 else "less"
    who = "trend" if one.grade == "D" else "members" if one.grade in "BC" else "offered" if one.campaign else "drawn"
    return message(f"claim-{who}-{one.outcome}", size=_size(one), moved=moved)


def card(one: Finding) -> dict[str, str | Message]:
    """A finding as a card: its label, its number in `big`, what is `said` of it, its `n`, and what `kind` it is.

    Of changes: better, worse or none; a level, or none. Direction is given by arrow, word and sign.
    """
    label = message("card-label", x=one)
    if not isinstance(one, Change):
        return {"label": label, "big": value(one), "said": message("card-level", x=one), "kind":
                "level" if one.measurable else "none", "n": counted(one) if one.n else ""}
    better = "better" if (one.verdict == "up") == one.higher_is_better else "worse"
    known, kind = one.verdict != "not measurable", better if one.verdict in ARROWS else "none"
    said = message("card-change", x=one, arrow=ARROWS.get(one.verdict, ""), zero=_yes(one.covers_zero))
    return {"label": label, "big": " → ".join(levels(one)) if known else MISSING, "said": said, "kind": kind,
            "n": message("card-change-n", before=counted(one.before), x=one)}


def grades() -> dict[str, str]:
    """What the letters of evidence mean."""
    return {grade: text(f"grade-{grade.lower()}") for grade in GRADES}


def _size(one: Finding) -> str:
    """The estimate without its sign, for verbs that say the direction."""
    return difference(one.estimate, one.unit, digits=one.digits).lstrip("+−")


def _is_neutral(one: Effect) -> bool:
    """Whether the claim names no size, because none is ruled out."""
    return one.measurable and not one.refused and one.grade != "E" and one.covers_zero
