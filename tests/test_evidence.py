"""Chapter 04's evidence in words and tables: true for every shop, with the numbers of the effect they speak of."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from said import in_words, said

from loyalty_helpers.core.findings import Effect
from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.customers import tables as of_orders
from loyalty_helpers.lab import simulate
from loyalty_helpers.lab import study as validation
from loyalty_helpers.report import evidence
from loyalty_helpers.report.chapters import ch04, ch04_said, ch04_tables

LAUNCH = date(2025, 3, 3)


def client_of(folder: Path = Path("x"), **program) -> Client:
    return Client(key="x", folder=folder, name="X", currency="CNY", time_zone="Asia/Shanghai", sources={},
                  program=Program(launched_on=LAUNCH, **program))


def page_of(frames: dict, **program) -> ch04.Chapter:
    customers = of_orders.customers(frames["orders"], as_of=frames["orders"]["ordered_at"].max().date())
    return ch04.Chapter(client_of(**program), frames | {"customers": customers})


def found_of(frames: dict, **program) -> ch04.Found:
    return page_of(frames, **program).found(0.95)


@pytest.fixture(scope="module")
def shop() -> simulate.Shop:
    return simulate.shop(customers=1200, lift=0.2, seed=21, holdout=0.3)


@pytest.fixture(scope="module")
def drawn(shop) -> ch04.Found:
    return found_of(shop.frames, joining="randomised")


@pytest.fixture(scope="module")
def without_members(shop) -> ch04.Found:
    return found_of({"orders": shop.orders})


def test_every_member_is_compared_or_set_aside(shop, drawn):
    table = ch04_tables.compared_joiners(drawn.till)
    assert table["number"].sum() == len(shop.members)
    used = said(ch04_said.used(drawn.till))
    assert used.startswith(f"{table['number'].iloc[0]} joiners could be compared")
    assert f"{table['number'].iloc[1:].sum()} could not" in used


def test_the_quantities_are_those_of_the_effect(drawn):
    effect = drawn.till
    table = in_words(ch04_tables.quantities(effect)).set_index("quantity")["value"]
    assert table["market factor (kappa)"] == f"{effect.diagnostics['kappa']:.2f}"
    assert table["long before (rho)"].startswith(f"{effect.placebo:.2f} (")
    assert table["plausible?"] == ("yes" if effect.estimate <= 0.3 else "look twice")
    high = in_words(ch04_tables.quantities(replace(effect, estimate=0.31))).set_index("quantity")["value"]
    assert high["plausible?"] == "look twice"


def test_without_members_every_part_says_so_or_is_empty(shop, without_members):
    found, page = without_members, page_of({"orders": shop.orders})
    assert not found.till.measurable
    assert said(ch04_said.used(found.till)).startswith("Members could not be compared: it takes")
    for table in (ch04_tables.compared_joiners(found.till), ch04_tables.quantities(found.till), found.balance,
                  found.propensity, page.since_joining(found), page.groups(found), ch04_tables.fair_draw(found.draw)):
        assert table.empty
    assert said(ch04_said.drawn(None)).startswith("Nobody was drawn")
    assert ch04_said.limits(found) == evidence.limits(found.effects)
    assert "what the program caused" in said(ch04_said.limits(found))


def test_the_draw_is_shown_with_its_checks(shop, drawn):
    table = in_words(ch04_tables.fair_draw(drawn.draw))
    held = (shop.assignment["arm"] == "holdout").mean()
    assert table["found"].iloc[0] == f"{100 * held:.1f} %, the plan is not in the settings"
    assert len(table) == 1 + 3 + 2
    told = said(*ch04_said.drawn(drawn.draw))
    assert said(drawn.draw) in told and "Complier effect" in told
    assert "those who were drawn" in said(ch04_said.limits(drawn))


def test_a_wrong_plan_of_the_draw_is_noticed(shop):
    effect = found_of(shop.frames, joining="randomised", holdout_share=0.5).draw
    assert "chance alone does not do that" in said(effect.refused)
    checks = in_words(ch04_tables.fair_draw(effect))
    assert checks["chance of as much or more by lot"].iloc[0] == "under 1 %"
    assert checks["found"].iloc[0].endswith("planned 50.0 %")


def test_the_assumptions_are_those_of_the_headline(shop):
    till = found_of({"orders": shop.orders, "members": shop.members})
    assert till.headline.rung == 3
    words = said(ch04_said.limits(till))
    assert "(4)" in words and "leans towards" in words
    start = pd.Timestamp(LAUNCH) - pd.Timedelta(weeks=60)
    young = {"orders": shop.orders[shop.orders["ordered_at"] >= start], "members": shop.members}
    assert "(4)" not in said(ch04_said.limits(found_of(young)))
    short = said(evidence.limits(till.effects))
    assert "Chapter 4 names all of it" in short and len(short) < len(words) / 2


@pytest.mark.parametrize(("lift", "told"), [(0.12, "holds it"), (0.5, "misses it")])
def test_the_planted_truth_stands_beside_the_headline(tmp_path, lift, told):
    truth = {"shop": {"lift_13_weeks": lift, "members_followed_13_weeks": 80}}
    (tmp_path / "truth.yml").write_text(yaml.safe_dump(truth), encoding="utf-8")
    found = evidence.planted(client_of(tmp_path))
    headline = Effect(label="x", unit="lift", estimate=0.1, low=0.02, high=0.2, outcome="orders", rung=3, grade="B")
    sentence = said(ch04_said.planted(found, headline))
    assert f"+{100 * lift:.0f} %" in sentence and sentence.endswith(f"{told}.")
    assert ch04_said.planted(evidence.planted(client_of(tmp_path / "real")), headline) == ""


def study_of(**rows) -> pd.DataFrame:
    base = {"kind": "simulated", "scenario": "mixed", "customers": 1000, "lift": 0.0, "repetitions": 100,
            "answers": 100, "estimator": validation.CALIBRATED, "coverage": 0.97, "claims_positive": 0.02,
            "says_works": 0.03, "bias": 0.01}
    lines = pd.DataFrame([base | {"lift": 0.1, "coverage": 0.95}, base, base | {"customers": 200, "coverage": 0.5},
                          base | {"scenario": "hidden appetite", "coverage": 0.1, "bias": 0.07}])
    return lines.reindex(columns=[*validation.COLUMNS, *validation.MEASURES]).assign(**rows)


def test_the_names_of_the_study_are_those_it_publishes():
    assert set(evidence.STUDIED.values()) == {validation.CALIBRATED, validation.DOUBLY_ROBUST, validation.WELCH,
                                              validation.CUPED, "unobserved components, local level"}
    assert evidence.COUNTING == validation.COUNTING and set(evidence.LEANS.values()) <= set(validation.KNOWN_TO_FAIL)
    published = evidence.study()
    assert set(evidence.STUDIED.values()) <= set(published["estimator"]) and {*evidence.COLUMNS} <= {*published}


def test_error_rates_are_those_of_the_method_at_this_size(drawn):
    told = said(evidence.error_rates(drawn.till, 3000, study_of()))
    assert "200 simulated shops of 1,000 customers" in told and "96.0 %" in told
    assert "found a lift in 2.0 %" in told and "in 3.0 %" in told
    assert all("50.0 %" in said(evidence.error_rates(drawn.till, customers, study_of())) for customers in (100, 900))
    for effect, study in ((drawn.draw, study_of()), (None, study_of()), (drawn.till, study_of().iloc[:0])):
        assert evidence.error_rates(effect, 900, study) == ""


def test_where_it_leans_is_told_in_measured_points():
    assert "(+7 % there" in said(evidence._leanings(study_of()))
    assert "there" not in said(evidence._leanings(study_of().iloc[:0]))


def test_power_looks_at_the_joiners_there_are(shop, drawn):
    table = page_of(shop.frames).power(drawn).set_index("rung")
    assert table.loc[3, "customers"] == drawn.till.diagnostics["joiners_used"]
    everyone = page_of(shop.frames, joining="everyone").power(replace(drawn, effects=[])).set_index("rung")
    assert math.isnan(everyone.loc[3, "smallest_lift"])
    shown = in_words(ch04_tables.designs(table.reset_index()))
    assert len(shown) == len(table) and not shown.isin(["nan", "inf"]).any(axis=None)


def test_segments_have_lifts_of_their_own_where_joiners_are_many():
    big = simulate.shop(customers=4000, lift=0.0, seed=31)
    page = page_of(big.frames, gross_margin=0.4, reward_rate=0.05)
    found = found_of({"orders": big.orders, "members": big.members})
    table = page.groups(found)
    lifts = table.set_index("segment")["lift"]
    assert lifts.notna().sum() >= 2 and np.isnan(lifts.iloc[0])  # new customers have no history
    shown = in_words(ch04_tables.member_groups(table, "CNY"))
    assert shown["members"].sum() == len(big.members)
    assert (shown["lift"] == "–").tolist() == lifts.isna().tolist()
