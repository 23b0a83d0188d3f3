"""Numbers in words, sentences that never claim more than their interval, and every row of the verdict's table."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_helpers.core import findings
from loyalty_helpers.core.findings import NAN, Change, Effect, Finding, amount, count, difference, number, verdict

CLAIMS = re.compile(r"\b(rose|fell|improved by|more often than|less often than|more than|less than|above what|"
                    r"below what|caused|thanks to|because of the program)\b")
limits = st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)).map(lambda ends: tuple(
    sorted(end / 1000 for end in ends)))


def change(estimate, low, high, *, p=0.001, unit="share", **options) -> Change:
    was = Finding(label="repeat purchase rate", unit=unit, estimate=0.4, n=200)
    return Change(kpi="repeat_rate", label=was.label, unit=unit, estimate=estimate, low=low, high=high, before=was,
                  after=replace(was, estimate=0.4 + estimate, n=1250), p_value=p, p_adjusted=p, **options)


def effect(estimate, low, high, *, grade="B", rung=3, outcome="orders", **options) -> Effect:
    return Effect(label="members at the till", unit="lift", estimate=estimate, low=low, high=high, grade=grade,
                  rung=rung, outcome=outcome, **options)


# ---------------------------------------------------------------- numbers
@pytest.mark.parametrize(("value", "digits", "signed", "text"), [
    (1234.5, 1, False, "1,234.5"), (-3, 0, False, "−3"), (3, 0, True, "+3"), (0, 0, True, "0"),
    (-0.004, 2, True, "0.00"), (0.005, 1, True, "0.0"), (NAN, 2, False, "–"), (math.inf, 0, False, "–"),
    (None, 0, False, "–"), (-1234567.891, 2, True, "−1,234,567.89"),
])
def test_number(value, digits, signed, text):
    assert number(value, digits, signed=signed) == text


@pytest.mark.parametrize(("low", "high", "unit", "digits"), [
    (0.38, 0.44, "share", 0), (0.407, 0.413, "share", 1), (0.4097, 0.4103, "share", 2), (NAN, 0.4, "share", 1),
    (0.4, 0.4, "share", 1), (-10, 25, "points", 0), (170, 176, "CNY", 0), (1.71, 1.76, "orders", 2),
    (1.7, 2.3, "orders", 1), (0, 1e-9, "orders", 3), (0.05, 0.35, "lift", 0),
])
def test_digits_follow_the_width_of_the_interval(low, high, unit, digits):
    assert findings.digits_for(low, high, unit) == digits


@pytest.mark.parametrize(("value", "unit", "level", "move"), [
    (0.41, "share", "41.0 %", "+41.0 pp"), (0.1, "lift", "10 %", "+10 %"), (-12.5, "points", "−12.5", "−12.5 points"),
    (1250, "CNY", "¥1,250", "+¥1,250"), (-1250, "EUR", "−€1,250", "−€1,250"), (1250, "CHF", "CHF 1,250", "+CHF 1,250"),
    (2, "days", "2 days", "+2 days"), (NAN, "CNY", "–", "–"), (0, "USD", "$0", "$0"),
])
def test_levels_and_differences_carry_their_units(value, unit, level, move):
    assert (amount(value, unit), difference(value, unit)) == (level, move)


@pytest.mark.parametrize(("n", "noun", "text"), [
    (1, "customer", "1 customer"), (1200, "customer", "1,200 customers"), (0, "category", "0 categories"),
    (1, "category", "1 category"), (3, "day", "3 days"), (2, "survey", "2 surveys"),
])
def test_count(n, noun, text):
    assert count(n, noun) == text


def test_certainty_is_never_claimed():
    assert [findings.chance(p) for p in (0, 0.004, 0.01, 0.456, 0.99, 0.996, 1)] == [
        "under 1 %", "under 1 %", "1 %", "46 %", "99 %", "over 99 %", "over 99 %"]


# ---------------------------------------------------------------- levels
def test_a_level_says_number_interval_and_n():
    one = Finding(label="repeat purchase rate", unit="share", estimate=0.41, low=0.38, high=0.44, n=1)
    assert one.sentence == "Repeat purchase rate: 41 % (95 % interval 38 % to 44 %; 1 customer)."
    assert one.title == "Repeat purchase rate: 41 %" and one.alt == one.sentence
    assert replace(one, low=NAN).sentence == "Repeat purchase rate: 41.0 % (1 customer)."
    assert replace(one, confidence=0.9).level == "90 %"


def test_what_cannot_be_measured_says_why():
    one = Finding(label="net promoter score", unit="points", estimate=NAN, note="it takes a survey")
    assert one.sentence == "Net promoter score cannot be measured: it takes a survey."
    assert one.title == "Net promoter score: not measurable"


# ---------------------------------------------------------------- changes
def test_a_change_in_words():
    one = change(0.05, 0.02, 0.08)
    assert one.sentence == ("Repeat purchase rate rose from 40 % to 45 %: +5 pp (95 % interval +2 pp to +8 pp; n = 200 "
                            "before, 1,250 after).")
    assert one.title == "Repeat purchase rate rose by 5 pp"
    assert change(-0.05, -0.08, -0.02).title == "Repeat purchase rate fell by 5 pp"
    assert change(0.05, -0.02, 0.12, chance_improved=0.9).sentence.endswith(
        "From so few observations, the chance that it improved is 90 %.")


@pytest.mark.parametrize(("low", "high", "p", "told"), [
    (0.01, 0.09, 0.01, "up"), (-0.09, -0.01, 0.01, "down"), (0.0, 0.1, 0.01, "no evidence"),
    (-0.1, 0.0, 0.01, "no evidence"), (0.01, 0.09, 0.05, "no evidence"), (0.01, 0.09, 0.049999, "up"),
    (0.01, 0.09, NAN, "no evidence"), (NAN, 0.09, 0.01, "not measurable"), (0.01, NAN, 0.01, "not measurable"),
])
def test_interval_and_adjusted_p_value_must_agree(low, high, p, told):
    middle = 0.05 if low > 0 or not low < 0 else -0.05
    assert change(middle, low, high, p=p).verdict == told


def test_a_change_that_stands_only_alone_says_so():
    one = change(0.05, 0.01, 0.09, p=0.2)
    assert one.sentence.startswith("No evidence") and "among so many KPIs" in one.sentence


@given(limits, st.integers(0, 1000), st.sampled_from([0.0, 0.01, 0.3, NAN]), st.sampled_from(["share", "CNY"]))
def test_changes_are_neutral_whenever_their_interval_covers_zero(ends, where, p, unit):
    low, high = ends
    one = change(low + (high - low) * where / 1000, low, high, p=p, unit=unit)
    if low <= 0 <= high:
        for words in (one.sentence, one.title, one.alt):
            assert not CLAIMS.search(words) and "o evidence" in words
    if one.verdict in ("up", "down"):
        assert not low <= 0 <= high
        assert (one.verdict == "up") == (one.estimate > 0)
        assert ("rose" in one.sentence) == (one.estimate > 0)
    assert "caused" not in one.sentence


@given(limits, st.integers(200, 800))  # no interval here has its estimate nearer to one end
def test_a_claimed_change_is_never_printed_as_zero(ends, where):
    low, high = ends
    if 0 < low < high:
        one = change(low + (high - low) * where / 1000, low, high)
        assert re.search(r"[1-9]", one.change)


# ---------------------------------------------------------------- effects
@given(limits, st.integers(0, 1000), st.sampled_from("ABCDE"), st.sampled_from(["orders", "spend"]))
def test_effects_are_neutral_whenever_their_interval_covers_zero(ends, where, grade, outcome):
    low, high = (max(end, -0.99) for end in ends)
    one = effect(low + (high - low) * where / 1000, low, high, grade=grade, outcome=outcome)
    if low <= 0 <= high:
        for words in (one.claim, one.title, one.sentence):
            assert not CLAIMS.search(words)
    elif grade in "ABCD":
        assert CLAIMS.search(one.claim)
    assert one.value in one.sentence or not low <= 0 <= high


def test_the_grade_decides_the_words():
    told = {grade: effect(0.12, 0.05, 0.20, grade=grade).claim for grade in "ABCDE"}
    assert told["A"] == "customers drawn to have the program bought 12 % more often than those held out at random"
    assert told["B"] == told["C"] == "members bought 12 % more often than comparable buyers would have"
    assert told["D"] == "the whole shop's orders a week lay 12 % above what the trend predicted"
    assert told["E"] == "members at the till: +12 %"
    assert effect(-0.12, -0.2, -0.05, outcome="spend").claim == (
        "members spent 12 % less than comparable buyers would have")


def test_a_refused_effect_makes_no_claim():
    one = effect(0.3, 0.05, 0.6, refused="fewer than 50 joiners")
    assert not CLAIMS.search(one.sentence) and "not to be relied on (fewer than 50 joiners)" in one.sentence
    none = effect(NAN, NAN, NAN, outcome="visits", refused="no member list")
    assert none.sentence == "Members at the till: cannot be had (no member list)."


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
    assert told.key == key and told.key in findings.VERDICTS
    assert told.words in told.sentence
    assert told.grade == (shown.grade if shown is not None else "E")
    assert bool(told.would_tell) == (key in ("cannot_tell", "probably_works"))
    assert told.because and "nan" not in told.because
    if key != "cannot_tell":
        assert shown.interval.replace(" to ", " and ") in told.because


def test_the_verdict_says_why_there_is_none():
    assert verdict(None, why_not="there is no member list").because == "there is no member list"
    refused = effect(0.12, 0.05, 0.20, refused="fewer than 50 joiners")
    assert verdict(refused, why_not="something else").because == "fewer than 50 joiners"


def test_a_probable_effect_does_not_hide_that_its_interval_covers_zero():
    told = verdict(effect(0.12, -0.02, 0.28))
    assert told.sentence == ("The program probably works: the best estimate of the lift is +12 %, though no lift at "
                             "all is not ruled out.")
    assert told.because.endswith("It must be above 0 %; the chance that it is: 95 %.")
    assert "costs take the whole margin" in verdict(effect(0.1, 0.05, 0.2), break_even=math.inf).because


@given(limits, st.integers(0, 1000), st.sampled_from("ABC"), st.integers(0, 500))
def test_the_verdict_follows_the_table_everywhere(ends, where, grade, bar):
    low, high = (max(end, -0.99) for end in ends)
    one, bar = effect(low + (high - low) * where / 1000, low, high, grade=grade), bar / 1000
    told = verdict(one, break_even=bar).key
    likely = one.chance_above(bar) >= 0.95
    expected = ("harms" if high < 0 else "costs_more" if high < bar else
                "works" if low > bar and grade in "AB" else
                "probably_works" if low > bar or likely else "cannot_tell")
    assert told == expected
