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
from said import said

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import Effect
from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.lab import simulate
from loyalty_helpers.lab import study as validation
from loyalty_helpers.report import evidence
from loyalty_helpers.report.chapters import ch04

LAUNCH = date(2025, 3, 3)


def client_of(folder: Path = Path("x"), **program) -> Client:
    return Client(key="x", folder=folder, name="X", currency="CNY", time_zone="Asia/Shanghai", sources={},
                  program=Program(launched_on=LAUNCH, **program))


def ladder_of(frames: dict, **program) -> list[Effect]:
    shop = client_of(**program)
    return evaluation.ladder(frames, shop.program, ch04.windows(frames["orders"], shop))


@pytest.fixture(scope="module")
def shop() -> simulate.Shop:
    return simulate.shop(customers=1200, lift=0.2, seed=21, holdout=0.3)


@pytest.fixture(scope="module")
def effects(shop) -> list[Effect]:
    return ladder_of(shop.frames, joining="randomised")


@pytest.fixture(scope="module")
def without_members(shop) -> list[Effect]:
    return ladder_of({"orders": shop.orders})


def test_every_member_is_compared_or_set_aside(shop, effects):
    table = evidence.joiners_shown(evidence.till(effects))
    assert table["number"].sum() == len(shop.members)
    used = evidence.used(evidence.till(effects))
    assert used.startswith(f"{table['number'].iloc[0]} joiners could be compared")
    assert f"{table['number'].iloc[1:].sum()} could not" in used


def test_the_quantities_are_those_of_the_effect(effects):
    effect = evidence.till(effects)
    table = evidence.quantities_shown(effect).set_index("quantity")["value"]
    assert table["market factor (kappa)"] == f"{effect.diagnostics['kappa']:.2f}"
    assert table["long before (rho)"].startswith(f"{effect.placebo:.2f} (")
    assert table["plausible?"] == ("yes" if effect.estimate <= 0.3 else "look twice")
    high = evidence.quantities_shown(replace(effect, estimate=0.31)).set_index("quantity")["value"]
    assert high["plausible?"] == "look twice"


def test_without_members_every_part_says_so_or_is_empty(shop, without_members):
    effect, frames = evidence.till(without_members), {"orders": shop.orders}
    assert not effect.measurable and evidence.used(effect).startswith("Members could not be compared: it takes")
    for table in (evidence.joiners_shown(effect), evidence.quantities_shown(effect), evidence.balance(effect),
                  evidence.propensity(effect), evidence.since_joining(frames, client_of().program, effect),
                  evidence.segments(frames, client_of(), effect), evidence.draw_shown(evidence.draw(without_members))):
        assert table.empty
    assert evidence.drawn(None).startswith("Nobody was drawn")
    assert evidence.what_it_does_not_show(without_members) == evidence.limits(without_members) == evidence.UNMEASURED


def test_the_draw_is_shown_with_its_checks(shop, effects):
    effect = evidence.draw(effects)
    table = evidence.draw_shown(effect)
    held = (shop.assignment["arm"] == "holdout").mean()
    assert table["found"].iloc[0] == f"{100 * held:.1f} %, the plan is not in the settings"
    assert len(table) == 1 + 3 + 2
    assert said(effect) in evidence.drawn(effect) and "Complier effect" in evidence.drawn(effect)
    assert evidence.what_it_does_not_show(effects) == evidence.DRAWN


def test_a_wrong_plan_of_the_draw_is_noticed(shop):
    effect = evidence.draw(ladder_of(shop.frames, joining="randomised", holdout_share=0.5))
    assert "chance alone does not do that" in said(effect.refused)
    checks = evidence.draw_shown(effect)
    assert checks["chance of as much or more by lot"].iloc[0] == "under 1 %"
    assert checks["found"].iloc[0].endswith("planned 50.0 %")


def test_the_assumptions_are_those_of_the_headline(shop):
    till = ladder_of({"orders": shop.orders, "members": shop.members})
    assert evaluation.headline(till).rung == 3
    words = evidence.what_it_does_not_show(till)
    assert "(4)" in words and "leans towards" in words
    start = pd.Timestamp(LAUNCH) - pd.Timedelta(weeks=60)
    young = {"orders": shop.orders[shop.orders["ordered_at"] >= start], "members": shop.members}
    assert "(4)" not in evidence.what_it_does_not_show(ladder_of(young))
    assert "Chapter 4 names all of it" in evidence.limits(till) and len(evidence.limits(till)) < len(words) / 2
    kept = evaluation.from_table(evaluation.effects_table(till))  # as the summary reads them
    assert evidence.what_it_does_not_show(kept) == words


@pytest.mark.parametrize(("lift", "told"), [(0.12, "holds it"), (0.5, "misses it")])
def test_the_planted_truth_stands_beside_the_headline(tmp_path, lift, told):
    truth = {"shop": {"lift_13_weeks": lift, "members_followed_13_weeks": 80}}
    (tmp_path / "truth.yml").write_text(yaml.safe_dump(truth), encoding="utf-8")
    found = evidence.planted(client_of(tmp_path))
    headline = Effect(label="x", unit="lift", estimate=0.1, low=0.02, high=0.2, outcome="orders", rung=3, grade="B")
    sentence = evidence.planted_sentence(found, headline)
    assert f"+{100 * lift:.0f} %" in sentence and sentence.endswith(f"{told}.")
    assert evidence.planted_sentence(evidence.planted(client_of(tmp_path / "real")), headline) == ""


def study_of(**rows) -> pd.DataFrame:
    base = {"kind": "simulated", "scenario": "mixed", "customers": 1000, "lift": 0.0, "repetitions": 100,
            "answers": 100, "estimator": validation.CALIBRATED, "coverage": 0.97, "claims_positive": 0.02,
            "says_works": 0.03, "bias": 0.01}
    lines = pd.DataFrame([base | {"lift": 0.1, "coverage": 0.95}, base, base | {"customers": 200, "coverage": 0.5},
                          base | {"scenario": "hidden appetite", "coverage": 0.1, "bias": 0.07}])
    return lines.reindex(columns=[*validation.COLUMNS, *validation.MEASURES]).assign(**rows)


def test_error_rates_are_those_of_the_method_at_this_size(effects):
    till = evidence.till(effects)
    said = evidence.error_rates(till, 3000, study_of())
    assert "200 simulated shops of 1,000 customers" in said and "96.0 %" in said
    assert "found a lift in 2.0 %" in said and "in 3.0 %" in said
    assert all("50.0 %" in evidence.error_rates(till, customers, study_of()) for customers in (100, 900))
    assert evidence.error_rates(evidence.draw(effects), 900, study_of()) == ""
    assert evidence.error_rates(None, 900, study_of()) == ""
    assert evidence.error_rates(till, 900, study_of().iloc[:0]) == ""


def test_where_it_leans_is_told_in_measured_points():
    assert "(+7 % there" in evidence._leanings(study_of())
    assert "there" not in evidence._leanings(study_of().iloc[:0])


def test_power_looks_at_the_joiners_there_are(shop, effects):
    shop_of, frames = client_of(), shop.frames
    changes = ch04.measure(frames, ch04.windows(shop.orders, shop_of), shop_of)
    table = evidence.power(frames, shop_of, effects, changes).set_index("rung")
    used = evidence.joiners_shown(evidence.till(effects))["number"].iloc[0]
    assert table.loc[3, "customers"] == used
    everyone = evidence.power(frames, client_of(joining="everyone"), [], changes).set_index("rung")
    assert math.isnan(everyone.loc[3, "smallest_lift"])
    shown = ch04.power_shown(table.reset_index())
    assert len(shown) == len(table) and not shown.isin(["nan", "inf"]).any(axis=None)


def test_segments_have_lifts_of_their_own_where_joiners_are_many(shop):
    big = simulate.shop(customers=4000, lift=0.0, seed=31)
    effect = evidence.till(ladder_of({"orders": big.orders, "members": big.members}))
    settings = client_of(gross_margin=0.4, reward_rate=0.05)
    table = evidence.segments(big.frames, settings, effect)
    lifts = table.set_index("segment")["lift"]
    assert lifts.notna().sum() >= 2 and np.isnan(lifts.iloc[0])  # new customers have no history
    shown = evidence.segments_shown(table, settings)
    assert shown["members"].sum() == len(big.members)
    assert (shown["lift"] == "–").tolist() == lifts.isna().tolist()
