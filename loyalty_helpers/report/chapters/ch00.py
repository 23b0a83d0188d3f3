"""Chapter 00: everything the other chapters found, read back for the answer on one page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from loyalty_helpers import evaluation
from loyalty_helpers.core import store
from loyalty_helpers.core.findings import NAN, Change, Effect, Finding, Verdict
from loyalty_helpers.core.settings import Client, UserError
from loyalty_helpers.evaluation import kpis

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Results:
    """What the chapters left for the summary."""

    verdict: Verdict
    changes: list[Change]
    effects: list[Effect]
    headline: Effect | None
    roi: pd.DataFrame
    break_even: float
    overdue: Finding
    first_calls: Finding
    alerts: pd.DataFrame
    ledger: str  # the sentence of the ledger of orders


def keep_verdict(shop: Client, verdict: Verdict, break_even: float, *, confidence: float) -> None:
    """results/verdict.json: the verdict, the break-even lift it was held against, the level of the effects shown."""
    kept = {"verdict": asdict(verdict), "break_even": break_even, "confidence": confidence}
    store.write_json(kept, shop.results / "verdict.json")


def keep_findings(shop: Client, name: str, kept: Mapping[str, Finding]) -> None:
    """results/`name`.json: findings by name."""
    store.write_json({key: asdict(finding) for key, finding in kept.items()}, shop.results / f"{name}.json")


def read_results(shop: Client) -> Results:
    """Everything the summary tells, from the files that chapters 01, 02 and 04 wrote."""
    judged = _json(shop, "verdict")
    effects = evaluation.from_table(store.read_result(shop, "effects"), confidence=judged["confidence"])
    scored = {key: Finding(**_missing_as_nan(value)) for key, value in _json(shop, "scoring").items()}
    return Results(
        verdict=Verdict(**judged["verdict"]),
        changes=kpis.from_table(store.read_result(shop, "kpis"), shop.currency),
        effects=effects,
        headline=evaluation.headline(effects),
        roi=store.read_result(shop, "roi"),
        break_even=NAN if judged["break_even"] is None else judged["break_even"],
        overdue=scored["overdue"],
        first_calls=scored["first_calls"],
        alerts=store.read_result(shop, "alerts"),
        ledger=_json(shop, "ledger")["sentence"],
    )


def _json(shop: Client, name: str) -> dict:
    path = shop.results / f"{name}.json"
    if not path.exists():
        raise UserError(f"{name}.json of {shop.key} is not there yet: run `make report CLIENT={shop.key}`.")
    return json.loads(path.read_text(encoding="utf-8"))


def _missing_as_nan(values: Mapping) -> dict:
    return {name: NAN if value is None else value for name, value in values.items()}


def results_json(shop: Client, results: Results, provenance: Mapping) -> dict:
    """results.json: client, verdict, verdict_sentence, headline, cross_check, money, kpis, provenance."""
    headline = results.headline
    beside = [] if headline is None else [
        one for one in results.effects
        if (one.rung, one.outcome) == (headline.rung, headline.outcome) and not one.headline and headline.rung >= 3]
    first, second = (next(iter(evaluation.effects_table(some).to_dict("records")), None)
                     for some in ([headline] if headline is not None else [], beside[:1]))
    return {
        "client": shop.key,
        "verdict": results.verdict.key,
        "verdict_sentence": results.verdict.sentence,
        "headline": first,
        "cross_check": second,
        "money": results.roi.to_dict("records"),
        "kpis": kpis.table(results.changes).to_dict("records"),
        "provenance": provenance,
    }
