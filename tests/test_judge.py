"""The verdict of a client: the table's row, and what the money, the spending and the draw have to say of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from by_hand import client_of
from said import said

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import Effect
from loyalty_helpers.core.messages import message
from loyalty_helpers.evaluation.money import Money
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.chapters import ch04


def money_of(break_even: float = 0.05, *, running: float = 0.05, months: float = 18.0) -> Money:
    return Money(roi_table=pd.DataFrame(columns=["item", "value"]), break_even=break_even,
                 running_break_even=running, months=months, sentence="")


def till_of(estimate: float, low: float, high: float, *, outcome: str = "orders", **more) -> Effect:
    fixed = {"label": outcome, "unit": "lift", "rung": 3, "grade": "B", "n_treated": 300,
             "headline": outcome == "orders"}
    return Effect(estimate=estimate, low=low, high=high, outcome=outcome, **(fixed | more))


@pytest.fixture(scope="module")
def frames() -> dict:
    return simulate.shop(customers=900, seed=5).frames


def judged(effects: list[Effect], frames: dict, money: Money, **program):
    return ch04.judge(effects, frames, client_of(**({"gross_margin": 0.4} | program)), money)


def test_a_clear_lift_above_break_even_works(frames):
    verdict = judged([till_of(0.2, 0.1, 0.28)], frames, money_of())
    assert verdict.key == "works" and "not known" not in said(*verdict.because)


def test_members_who_buy_more_often_but_spend_less_are_no_success(frames):
    effects = [till_of(0.2, 0.1, 0.28), till_of(-0.29, -0.39, -0.17, outcome="spend")]
    verdict = judged(effects, frames, money_of())
    assert verdict.key == "cannot_tell" and said(verdict.words) in said(verdict.sentence)
    assert "20 % more often" in said(verdict.sentence) and "members spent 29 % less" in said(verdict.sentence)
    assert judged([effects[0], replace(effects[1], refused=message("till-no-list"))], frames, money_of()).key == "works"
    assert judged([effects[0], replace(effects[1], low=-0.1, high=0.06)], frames, money_of()).key == "works"


def test_a_young_program_is_not_condemned_for_its_launch(frames):
    effects, young = [till_of(0.2, 0.1, 0.3)], money_of(0.6, running=0.15, months=5)
    verdict = judged(effects, frames, young)
    assert verdict.key == "cannot_tell" and verdict.would_tell and "not paid back yet" in said(verdict.sentence)
    assert judged(effects, frames, replace(young, months=12)).key == "costs_more"
    assert judged(effects, frames, replace(young, running_break_even=0.21)).key == "costs_more"
    assert judged([till_of(-0.2, -0.3, -0.1)], frames, young).key == "harms"


@pytest.mark.parametrize(("program", "why"), [({"gross_margin": None}, "no gross margin"), ({}, "no costs are known")])
def test_money_that_is_not_known_is_said_to_be_so(frames, program, why):
    verdict = judged([till_of(0.2, 0.1, 0.28)], frames, money_of(0.0), **program)
    assert verdict.key == "works" and why in said(*verdict.because)


def test_a_lift_hard_to_believe_is_called_so(frames):
    verdict = judged([till_of(0.46, 0.3, 0.6)], frames, money_of())
    assert verdict.key == "works" and "look for another cause" in said(*verdict.because)


def test_a_wasted_draw_and_a_campaign_are_told(frames):
    drawn = till_of(0.1, -0.1, 0.3, rung=4, grade="A", headline=False, refused=message("till-no-ids"))
    verdict = judged([drawn, till_of(0.2, 0.1, 0.28)], frames, money_of())
    assert "The random draw could not be used: no order carries a customer id." in said(*verdict.because)
    label = message("campaign-draw-welch", since=date(2025, 8, 1), outcome="orders")
    alone = replace(drawn, refused=None, low=0.05, label=label, campaign=True)
    verdict = judged([alone, till_of(0.2, 0.1, 0.28)], frames, money_of())
    assert ("Of the campaign since 1 August 2025 alone: Customers drawn for the offer bought 10 % more"
            in said(*verdict.because))


def test_without_any_money_coming_in_nothing_works(frames):
    money = replace(money_of(0.0), roi_table=pd.DataFrame([[message("roi-spending"), 0.0]], columns=["item", "value"]))
    verdict = judged([till_of(0.2, 0.1, 0.28)], frames, money)
    assert verdict.key == "cannot_tell" and "no money came in" in said(verdict.sentence)


def test_reservations_stand_beside_the_verdict(frames):
    doubted = till_of(0.2, 0.1, 0.28, grade="C", diagnostics={"reservations": [message("doubt-alone")]})
    verdict = judged([doubted], frames, money_of())
    assert verdict.key == "probably_works"
    assert "Reservations: there is no second estimate to check it by." in said(*verdict.because)


def test_the_level_of_the_intervals_shown_does_not_move_the_verdict(frames):
    shop = client_of(gross_margin=0.4)
    windows = ch04.windows(frames["orders"], shop)
    narrow, usual = (evaluation.ladder(frames, shop.program, windows, confidence=level) for level in (0.5, 0.95))
    assert evaluation.headline(narrow).low != evaluation.headline(usual).low
    bar = money_of(evaluation.headline(narrow).low - 0.01)  # the narrow interval lies above it
    assert judged(narrow, frames, bar) == judged(usual, frames, bar)
    assert judged(narrow, frames, bar).key != "works"
