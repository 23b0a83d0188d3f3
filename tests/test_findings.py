"""Numbers in words, sentences that never claim more than their interval, and every row of the verdict's table."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_helpers.core import findings
from loyalty_helpers.core.findings import NAN, Change, Effect, Finding, verdict
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.findings import card, claim, interval, level, sentence, title, value
from loyalty_helpers.report.wording.numbers import amount, chance, difference, number

CLAIMS = re.compile(r"\b(rose|fell|improved by|more often than|less often than|more than|less than|above what|"
                    r"below what|caused|thanks to|because of the program)\b")
limits = st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)).map(lambda ends: tuple(
    sorted(end / 1000 for end in ends)))
places = st.integers(0, 1000)


def change(estimate, low, high, *, p=0.001, unit="share", **options) -> Change:
    was = Finding(label="repeat purchase rate", unit=unit, estimate=0.4, n=200)
    return Change(kpi="repeat_rate", label=was.label, unit=unit, estimate=estimate, low=low, high=high, before=was,
                  after=replace(was, estimate=0.4 + estimate, n=1250), p_value=p, p_adjusted=p, **options)


def effect(estimate, low, high, *, grade="B", rung=3, outcome="orders", **options) -> Effect:
    return Effect(label="members at the till", unit="lift", estimate=estimate, low=low, high=high, grade=grade,
                  rung=rung, outcome=outcome, **options)


def said(one: Finding) -> str:
    return words(sentence(one))


def claimed(one: Effect) -> str:
    return words(claim(one))


# ---------------------------------------------------------------- numbers
@pytest.mark.parametrize(("given", "digits", "signed", "text"), [
    (1234.5, 1, False, "1,234.5"), (-3, 0, False, "−3"), (3, 0, True, "+3"), (0, 0, True, "0"),
    (-0.004, 2, True, "0.00"), (0.005, 1, True, "0.0"), (NAN, 2, False, "–"), (math.inf, 0, False, "–"),
    (None, 0, False, "–"), (-1234567.891, 2, True, "−1,234,567.89"),
])
def test_number(given, digits, signed, text):
    assert number(given, digits, signed=signed) == text


@pytest.mark.parametrize(("low", "high", "unit", "digits"), [
    (0.38, 0.44, "share", 0), (0.407, 0.413, "share", 1), (0.4097, 0.4103, "share", 2), (NAN, 0.4, "share", 1),
    (0.4, 0.4, "share", 1), (-10, 25, "points", 0), (170, 176, "CNY", 0), (1.71, 1.76, "orders", 2),
    (1.7, 2.3, "orders", 1), (0, 1e-9, "orders", 3), (0.05, 0.35, "lift", 0),
])
def test_digits_follow_the_width_of_the_interval(low, high, unit, digits):
    assert findings.digits_for(low, high, unit) == digits


@pytest.mark.parametrize(("given", "unit", "level", "move"), [
    (0.41, "share", "41.0 %", "+41.0 pp"), (0.1, "lift", "10 %", "+10 %"), (-12.5, "points", "−12.5", "−12.5 points"),
    (1250, "CNY", "¥1,250", "+¥1,250"), (-1250, "EUR", "−€1,250", "−€1,250"), (1250, "CHF", "CHF 1,250", "+CHF 1,250"),
    (2, "days", "2 days", "+2 days"), (NAN, "CNY", "–", "–"), (0, "USD", "$0", "$0"), (7, "", "7", "+7"),
])
def test_levels_and_differences_carry_their_units(given, unit, level, move):
    assert (amount(given, unit), difference(given, unit)) == (level, move)


def test_certainty_is_never_claimed():
    assert [chance(p) for p in (0, 0.004, 0.01, 0.456, 0.99, 0.996, 1, NAN)] == [
        "under 1 %", "under 1 %", "1 %", "46 %", "99 %", "over 99 %", "over 99 %", "–"]


# ---------------------------------------------------------------- levels and changes
def test_a_level_says_number_interval_and_n():
    one = Finding(label="repeat purchase rate", unit="share", estimate=0.41, low=0.38, high=0.44, n=1)
    assert said(one) == "Repeat purchase rate: 41 % (95 % interval 38 % to 44 %; 1 customer)."
    assert words(title(one)) == "Repeat purchase rate: 41 %"
    assert said(replace(one, low=NAN)) == "Repeat purchase rate: 41.0 % (1 customer)."
    assert level(replace(one, confidence=0.975)) == "97.5 %"
    none = replace(one, estimate=NAN, note="it takes a survey")
    assert said(none) == "Repeat purchase rate cannot be measured: it takes a survey."
    assert words(title(none)) == "Repeat purchase rate: not measurable"


def test_a_change_in_words():
    one = change(0.05, 0.02, 0.08)
    assert said(one) == ("Repeat purchase rate rose from 40 % to 45 %: +5 pp (95 % interval +2 pp to +8 pp; n = 200 "
                         "before, 1,250 after).")
    assert words(title(one)) == "Repeat purchase rate rose by 5 pp"
    assert words(title(change(-0.05, -0.08, -0.02))) == "Repeat purchase rate fell by 5 pp"
    assert said(change(0.05, -0.02, 0.12, chance_improved=0.9)).endswith(
        "From so few observations, the chance that it improved is 90 %.")
    alone = said(change(0.05, 0.01, 0.09, p=0.2))  # it stands only where nothing else is looked at
    assert alone.startswith("No evidence") and "among so many KPIs" in alone
    assert said(change(NAN, NAN, NAN)) == "Repeat purchase rate cannot be compared: too little was observed."


@pytest.mark.parametrize(("low", "high", "p", "told"), [
    (0.01, 0.09, 0.01, "up"), (-0.09, -0.01, 0.01, "down"), (0.0, 0.1, 0.01, "no evidence"),
    (-0.1, 0.0, 0.01, "no evidence"), (0.01, 0.09, 0.05, "no evidence"), (0.01, 0.09, 0.049999, "up"),
    (0.01, 0.09, NAN, "no evidence"), (NAN, 0.09, 0.01, "not measurable"), (0.01, NAN, 0.01, "not measurable"),
])
def test_interval_and_adjusted_p_value_must_agree(low, high, p, told):
    middle = 0.05 if low > 0 or not low < 0 else -0.05
    assert change(middle, low, high, p=p).verdict == told


@given(limits, places, st.sampled_from([0.0, 0.01, 0.3, NAN]), st.sampled_from(["share", "CNY"]))
def test_changes_are_neutral_whenever_their_interval_covers_zero(ends, where, p, unit):
    low, high = ends
    one = change(low + (high - low) * where / 1000, low, high, p=p, unit=unit)
    if low <= 0 <= high:
        for text in (said(one), words(title(one)), words(card(one)["said"])):
            assert not CLAIMS.search(text) and "o evidence" in text
    if one.verdict in ("up", "down"):
        assert not low <= 0 <= high
        assert (one.verdict == "up") == (one.estimate > 0) == ("rose" in said(one)) == ("rose" in words(title(one)))
        assert ("rose" in words(card(one)["said"])) == (one.verdict == "up")
    assert "caused" not in said(one)


@given(limits, st.integers(200, 800))  # no interval here has its estimate nearer to one end
def test_a_claimed_change_is_never_printed_as_zero(ends, where):
    low, high = ends
    if 0 < low < high:
        assert re.search(r"[1-9]", value(change(low + (high - low) * where / 1000, low, high)))


# ---------------------------------------------------------------- effects
@given(limits, places, st.sampled_from("ABCDE"), st.sampled_from(["orders", "spend"]), st.booleans())
def test_effects_are_neutral_whenever_their_interval_covers_zero(ends, where, grade, outcome, campaign):
    low, high = (max(end, -0.99) for end in ends)
    one = effect(low + (high - low) * where / 1000, low, high, grade=grade, outcome=outcome, campaign=campaign)
    if low <= 0 <= high:
        for text in (claimed(one), words(title(one)), said(one)):
            assert not CLAIMS.search(text)
    elif grade in "ABCD":
        assert CLAIMS.search(claimed(one))
    assert value(one) in said(one) or not low <= 0 <= high


def test_the_grade_decides_the_words():
    told = {grade: claimed(effect(0.12, 0.05, 0.20, grade=grade)) for grade in "ABCDE"}
    assert told["A"] == "customers drawn to have the program bought 12 % more often than those held out at random"
    assert told["B"] == told["C"] == "members bought 12 % more often than comparable buyers would have"
    assert told["D"] == "the whole shop's orders a week lay 12 % above what the trend predicted"
    assert told["E"] == "members at the till: +12 %"
    assert claimed(effect(-0.12, -0.2, -0.05, outcome="spend")) == (
        "members spent 12 % less than comparable buyers would have")
    assert claimed(effect(0.12, -0.2, 0.3, grade="A", campaign=True, outcome="spend")) == (
        "no evidence that customers drawn for the offer spent more or less")
    assert said(effect(0.12, -0.2, 0.3)) == ("No evidence that members bought more or less often (best estimate +12 %, "
                                             "95 % interval −20 % to +30 %).")


def test_a_refused_effect_makes_no_claim():
    one = effect(0.3, 0.05, 0.6, refused="fewer than 50 joiners")
    assert not CLAIMS.search(said(one)) and "not to be relied on (fewer than 50 joiners)" in said(one)
    none = effect(NAN, NAN, NAN, outcome="visits", refused="no member list")
    assert said(none) == "Members at the till: cannot be had (no member list)."


def test_chance_above_reads_the_interval_as_normal_on_the_log_scale():
    one = effect(0.0, math.exp(-0.196) - 1, math.exp(0.196) - 1)
    assert one.chance_above(0) == pytest.approx(0.5)
    assert one.chance_above(math.exp(0.1) - 1) == pytest.approx(0.1587, abs=1e-3)
    assert one.chance_above(math.inf) == 0
    assert math.isnan(effect(0.1, NAN, 0.2).chance_above(0))
    assert math.isnan(effect(0.1, -1.0, 0.2).chance_above(0))


# ---------------------------------------------------------------- the verdict: every row of the design's table
@pytest.mark.parametrize(("key", "shown", "bar"), [
    ("works", effect(0.12, 0.05, 0.20, grade="A"), 0.0),
    ("works", effect(0.12, 0.05, 0.20, grade="B"), 0.04),
    ("probably_works", effect(0.12, 0.05, 0.20, grade="B"), 0.05),         # low = B is not above it
    ("probably_works", effect(0.12, 0.05, 0.20, grade="C"), 0.04),         # the same with grade C
    ("probably_works", effect(0.12, -0.02, 0.28, grade="B"), 0.0),         # chance of 0.952
    ("cannot_tell", effect(0.12, -0.10, 0.39, grade="B"), 0.0),            # chance of 0.84
    ("cannot_tell", effect(0.12, -0.03, 0.29, grade="B"), 0.0),            # chance of 0.94
    ("cannot_tell", effect(0.12, 0.05, 0.20, grade="B"), 0.20),            # high = B is not below it
    ("costs_more", effect(0.12, 0.05, 0.20, grade="B"), 0.2001),
    ("costs_more", effect(-0.05, -0.10, 0.0, grade="C"), 0.08),            # high = 0 is no harm
    ("costs_more", effect(0.12, 0.05, 0.20, grade="A"), math.inf),
    ("cannot_tell", effect(-0.05, -0.10, 0.0, grade="B"), 0.0),
    ("harms", effect(-0.05, -0.10, -0.0001, grade="B"), 0.08),
    ("harms", effect(-0.05, -0.10, -0.0001, grade="A"), 0.0),
    ("cannot_tell", effect(0.12, 0.05, 0.20, grade="D", rung=2), 0.0),     # always at rungs 1 and 2
    ("cannot_tell", effect(-0.12, -0.2, -0.1, grade="E", rung=1), 0.0),
    ("cannot_tell", effect(0.12, 0.05, 0.20, grade="B", refused="fewer than 50 joiners"), 0.0),
    ("cannot_tell", effect(0.12, NAN, NAN, grade="B"), 0.0),
    ("cannot_tell", None, 0.0),
])
def test_the_verdict(key, shown, bar):
    told = verdict(shown, break_even=bar, why_not="there is no member list", would_tell="a member list")
    because = " ".join(map(words, told.because))
    assert told.key == key and told.key in findings.VERDICTS
    assert words(told.words) in words(told.sentence)
    assert told.grade == (shown.grade if shown is not None else "E")
    assert bool(told.would_tell) == (key in ("cannot_tell", "probably_works"))
    assert because and "nan" not in because
    if key != "cannot_tell":
        assert interval(shown).replace(" to ", " and ") in because


def test_the_verdict_says_why_there_is_none():
    assert verdict(None, why_not="there is no member list").because == ("there is no member list",)
    refused = effect(0.12, 0.05, 0.20, refused="fewer than 50 joiners")
    assert verdict(refused, why_not="something else").because == ("fewer than 50 joiners",)


def test_a_probable_effect_does_not_hide_that_its_interval_covers_zero():
    told = verdict(effect(0.12, -0.02, 0.28))
    assert words(told.sentence) == ("The program probably works: the best estimate of the lift is +12 %, though no "
                                    "lift at all is not ruled out.")
    assert words(told.because[0]).endswith("It must be above 0 %; the chance that it is: 95 %.")
    never = verdict(effect(0.1, 0.05, 0.2), break_even=math.inf)
    assert "costs take the whole margin" in words(never.because[0])
    unknown = words(verdict(effect(0.12, 0.05, 0.20), break_even=0.2).sentence)
    assert unknown == ("Members bought 12 % more often than comparable buyers would have; whether that pays for the "
                       "program, we cannot tell yet.")


@given(limits, places, st.sampled_from("ABC"), st.integers(0, 500))
def test_the_verdict_follows_the_table_everywhere(ends, where, grade, bar):
    low, high = (max(end, -0.99) for end in ends)
    one, bar = effect(low + (high - low) * where / 1000, low, high, grade=grade), bar / 1000
    told = verdict(one, break_even=bar).key
    likely = one.chance_above(bar) >= 0.95
    expected = ("harms" if high < 0 else "costs_more" if high < bar else
                "works" if low > bar and grade in "AB" else
                "probably_works" if low > bar or likely else "cannot_tell")
    assert told == expected


# ---------------------------------------------------------------- cards
def test_cards_tell_changes_from_levels_and_better_from_worse():
    rose, unsure = change(0.08, 0.05, 0.11), change(0.02, -0.02, 0.06, p=0.5)
    assert card(rose)["kind"] == "better" and words(card(rose)["said"]) == "**▲ rose +8 pp** (+5 pp to +11 pp)"
    assert card(rose)["big"] == "40 % → 48 %" and words(card(rose)["n"]) == "200 customers before, 1,250 after"
    assert card(change(0.08, 0.05, 0.11, higher_is_better=False))["kind"] == "worse"
    assert card(unsure)["kind"] == "none" and words(card(unsure)["said"]).startswith("**no evidence** (")
    assert "allowing for the number of KPIs" in words(card(change(0.05, 0.01, 0.09, p=0.2))["said"])
    none = card(change(NAN, NAN, NAN, note="no points before the launch"))
    assert (none["kind"], none["big"]) == ("none", "–")
    assert words(none["said"]) == "**not measurable**: no points before the launch"
    level = card(Finding(label="net benefit", unit="CNY", estimate=23900, low=-6100, high=58300, n=412))
    assert (level["kind"], level["big"], words(level["n"])) == ("level", "¥23,900", "412 customers")
    assert words(level["said"]) == "95 % interval −¥6,100 to ¥58,300"
