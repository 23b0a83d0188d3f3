"""The first page: what to do next, what it cost, which KPIs stand there, and the chart of all comparisons."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib as mpl
import pandas as pd
import pytest

from loyalty_helpers.core.findings import NAN, Change, Effect, Finding, Verdict
from loyalty_helpers.core.messages import message
from loyalty_helpers.report import advice
from loyalty_helpers.report.chapters import ch00
from loyalty_helpers.report.charts.ch00 import forest
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.findings import title

mpl.use("agg")
LOWER = "Lower what the program costs."
LAUNCH = {"break-even lift": math.inf}
NEVER = LAUNCH | {"break-even lift without the launch cost": math.inf}
VERDICT = Verdict(key="cannot_tell", words=message("verdict-cannot-tell-words"),
                  sentence=message("verdict-cannot-tell"))
OVERDUE = Finding(label="overdue", unit="share", estimate=0.4, low=0.3, high=0.5, n=50)
CALLS = Finding(label="calls", unit="EUR", estimate=1234.0, n=20)
TREND = Effect(label="t", unit="lift", estimate=0.1, outcome="orders", rung=2, grade="D", headline=True)
ALERTS = pd.DataFrame([(grade, grade, "so.", "ask.") for grade in ("worth knowing", "distorts results", "stop")],
                      columns=["grade", "what", "consequence", "remedy"])


def money(**values: float) -> pd.DataFrame:
    """Rows of roi.csv; what is not named is as in a shop of 9 months with a break-even of 8 %."""
    known = {"members": 40, "months": 9, "members' spending since joining": 9000,
             "members' spending after the day of joining": 8000, "rewards": 700, "total cost": 5000,
             "break-even lift": 0.08, "break-even lift without the launch cost": 0.08} | values
    units = {"members": "members", "months": "months"}
    return pd.DataFrame([(item, value, NAN, NAN, units.get(item, "lift" if "lift" in item else "EUR"))
                         for item, value in known.items()], columns=["item", "value", "low", "high", "unit"])


def steps(key: str = "cannot_tell", roi: pd.DataFrame | None = None, **changed) -> dict[str, str]:
    """What to do next, and why, in a shop with nobody to call and no alert."""
    known = {"verdict": replace(VERDICT, key=key), "changes": [], "effects": [], "break_even": 0.08, "overdue": OVERDUE,
             "roi": money() if roi is None else roi, "first_calls": replace(CALLS, n=0), "ledger": "",
             "alerts": ALERTS.iloc[:0]}
    found = advice.next_steps(ch00.Results(**known | changed))
    assert len(found) <= 3 and len({what.key for what, _ in found}) == len(found)
    return {words(what): words(why) for what, why in found}


def money_line(roi: pd.DataFrame) -> str:
    return " ".join(map(words, advice.money_line(ch00.money_of(roi))))


# ---------------------------------------------------------------- what to do next
def test_three_steps_that_mend_the_data_first():
    found = steps(alerts=ALERTS.iloc[1:2], first_calls=CALLS, verdict=replace(VERDICT, would_tell="y"))
    assert list(found) == ["Mend the data first.", "Get in touch with 20 customers first.",
                           "Hold out customers at random."]
    assert list(found.values())[:2] == [
        "Distorts results. So. ask.",
        "They are late for the next order, and worth most. They spent €1,234 in the last 364 days. They head the list "
        "in your private folder."]


def test_one_to_call_and_what_hangs_on_the_calls():
    what, why = next(iter(steps(first_calls=replace(CALLS, n=1, note="about €260 of margin")).items()))
    assert what == "Get in touch with 1 customer first."
    assert why == ("That one is late for the next order, and worth most. That customer spent €1,234 in the last 364 "
                   "days; about €260 of margin hangs on that one. That one heads the list in your private folder.")
    assert "; about €260 of margin hangs on them. They" in next(iter(
        steps(first_calls=replace(CALLS, note="about €260 of margin")).values()))
    assert not any("touch" in what for what in steps(first_calls=CALLS, overdue=replace(OVERDUE, estimate=NAN)))


def test_the_second_order_is_to_be_won_only_where_nobody_ever_won_it():
    nobody = replace(OVERDUE, estimate=NAN, note=message("nobody-on-three-days"))
    assert steps(overdue=nobody, roi=money().iloc[:0])["Win the second order."] == (
        "No customer of the last 364 days has ever bought on three different days: there are no regulars to lose.")
    for other in (replace(nobody, note=message("nobody-on-five-days")), replace(nobody, note="three different days"),
                  OVERDUE):
        assert "Win the second order." not in steps(overdue=other, roi=money().iloc[:0])


@pytest.mark.parametrize(("key", "changed", "wanted"), [
    ("cannot_tell", {}, "Find out whether spending rises by 8.0 %."),
    ("works", {}, "Keep the program."),
    ("harms", NEVER, "Stop enrolling until you know why."),
    ("costs_more", {}, LOWER),
    ("costs_more", NEVER, LOWER),
    ("cannot_tell", NEVER, LOWER),
    ("cannot_tell", {"break-even lift": 0.51, "months": 13}, LOWER),
    ("cannot_tell", LAUNCH | {"months": 13}, LOWER),
    ("cannot_tell", LAUNCH, "Find out whether spending rises by 8.0 %."),
    ("cannot_tell", {"break-even lift": 0.5, "months": 13}, "Find out whether spending rises by 50.0 %."),
    ("cannot_tell", LAUNCH | {"break-even lift without the launch cost": 0.0}, None),
    ("cannot_tell", {"break-even lift": NAN}, None),
])
def test_the_step_about_money_follows_verdict_and_bar(key, changed, wanted):
    found = steps(key, money(**changed))
    assert list(found) == ([] if wanted is None else [wanted])
    line = money_line(money(**changed))
    assert not any(why and why in line for why in found.values())
    assert "reward" not in found.get(LOWER, "").partition(":")[0]
    running = LAUNCH.items() <= changed.items() and "months" not in changed and wanted != LOWER
    assert key != "cannot_tell" or ("running costs" in "".join(found.values())) == (running and wanted is not None)


def test_the_bar_of_a_shop_too_small_to_measure_is_not_to_be_found_out():
    small = replace(VERDICT, would_tell="y", too_small=True)
    assert list(steps(verdict=small)) == ["Decide by cost."]
    assert "Go on with the draw." in steps(verdict=replace(small, drawing=True))  # whatever the words say
    assert "Go on with the draw." not in steps(verdict=replace(small, would_tell="Go on with the draw."))


@pytest.mark.parametrize("key", ["works", "probably_works"])
def test_a_program_is_kept_only_where_its_costs_are_known(key):
    assert next(iter(steps(key, break_even=0.08))).startswith("Keep the program")
    for unknown in (0.0, NAN):
        assert list(steps(key, break_even=unknown)) == ["Find out what the program costs."]


@pytest.mark.parametrize(("alerts", "wanted", "why"), [
    (ALERTS, ["Mend the data first.", "Keep the program."], "Stop. So. ask."),
    (ALERTS.iloc[:2], ["Keep the program.", "Mend the data first."], "Distorts results. So. ask."),
    (ALERTS.iloc[:1], ["Keep the program."], None),
])
def test_what_would_stop_the_results_comes_before_all(alerts, wanted, why):
    found = steps("works", alerts=alerts)
    assert list(found) == wanted and found.get("Mend the data first.") == why


def test_the_member_list_is_asked_for_where_there_is_none():
    what = "Supply the member list with dates of joining."
    unlisted = money(members=NAN, rewards=NAN, **{"break-even lift": NAN})
    assert what in steps(roi=unlisted) and what in steps(roi=unlisted, effects=[TREND])
    assert what not in steps(roi=unlisted, effects=[replace(TREND, rung=4, grade="A")])
    assert what not in steps() | steps(roi=money().iloc[:0])


# ---------------------------------------------------------------- the money, and the KPIs
@pytest.mark.parametrize(("changed", "said"), [
    ({}, "The program has cost €5,000 so far; it pays for itself if spending is 8.0 % higher than without it."),
    ({"break-even lift": 0.8}, "80.0 % higher than without it (8.0 % without the launch cost)."),
    ({"break-even lift": 0.8, "months": 12}, "80.0 % higher than without it."),
    (NEVER, "its costs are more than the whole margin on what was spent, so no lift could pay for it."),
    (LAUNCH, "for it yet. Without the launch cost it pays for itself if spending is 8.0 % higher"),
    ({"break-even lift": NAN}, "without a gross margin in the settings there is no break-even."),
    ({"break-even lift": NAN, "members": 0}, "nobody had joined by the end of the orders"),
    ({"break-even lift": NAN, "members' spending since joining": -3}, "since joining, less refunds, is not"),
    ({"break-even lift": NAN, "members' spending after the day of joining": 0}, "day of joining, less refunds"),
    ({"break-even lift": NAN, "rewards": NAN, "members": NAN}, "rewards left out: without a member list"),
    ({"rewards": NAN, "total cost": 0}, "not known: rewards cannot be counted without a member list"),
    ({"total cost": 0}, "not known: no costs stand in the settings."),
    (dict.fromkeys(["break-even lift", "members", "members' spending after the day of joining"], NAN),
     "without a member list with dates of joining there is no break-even."),
])
def test_the_money_line_gives_the_true_reason(changed, said):
    line = money_line(money(**changed))
    assert said in line and "nan" not in line.lower() and "members spend" not in line


def test_the_return_has_its_interval_and_a_loss_may_be_without_limit():
    rows = pd.concat([money(), pd.DataFrame([("return on investment", 0.03, -0.94, 0.88, "share")],
                                            columns=money().columns)])
    assert money_line(rows).endswith("without it. The return so far: +3 % (interval −94 % to +88 %).")
    assert "(interval a loss without limit to +88 %)" in money_line(rows.replace(-0.94, -math.inf))
    assert money_line(rows.replace({-0.94: NAN, 0.88: NAN})).endswith("The return so far: +3 %.")
    assert money_line(money().iloc[:0]) == ""


def test_the_first_card_is_the_primary_kpi_and_levels_stand_in_for_changes():
    level = Finding(label="rate", unit="share", estimate=0.4, low=0.3, high=0.5, n=9)
    compared = Change(kpi="nps", label="nps", unit="share", estimate=0.1, low=0.0, high=0.2, before=level, after=level)
    primary = replace(compared, kpi="churn", primary=True)
    assert advice.cards([compared, primary]) == [primary, compared]
    unseen = replace(primary, estimate=NAN, low=NAN, high=NAN, before=replace(level, estimate=NAN))
    assert advice.cards([unseen]) == [level]


# ---------------------------------------------------------------- the chart of all comparisons
def test_the_forest_claims_what_may_be_believed_and_nothing_else():
    naive = Effect(label="members", unit="lift", estimate=0.9, low=0.7, high=1.1, outcome="orders", rung=0, grade="E")
    till = replace(naive, label="members at the till", rung=3, grade="B", estimate=0.1, low=0.05, high=0.2)
    refused = replace(till, refused="fewer than 50 joiners")
    for rows, claim, note in (
        ([naive], "The usual comparisons say +90 %: none of them measures the program", "Hollow grey: "),
        ([naive, replace(naive, estimate=0.2)], "The usual comparisons say +20 % to +90 %", "Hollow grey: "),
        ([naive, till], words(title(till)), "Hollow grey: "),
        ([refused], words(title(refused)), "Hollow above the rule: "),
    ):
        chart = forest(rows, break_even=0.08, truth=0.1)
        assert words(chart.title).startswith(claim) and words(chart.note).startswith(note)
        assert words(chart.note).endswith("in this simulated shop, +10 %.") and words(chart.note) in words(chart.alt)
        mpl.pyplot.close(chart.figure)
    missing = replace(TREND, estimate=NAN, note="no launch date")
    assert forest([missing]).figure is None
    assert words(forest([missing]).title) == "Members cannot be compared with anybody: no launch date"
    assert words(forest([]).title).endswith("no comparison was made.")
