"""What each KPI is; its label, text, formula and interval stand in the catalogue (kpi-...)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from loyalty_helpers.core.messages import Message, message


@dataclass(frozen=True)
class Definition:
    """`unit` is one of findings.UNITS, or "money" for the client's currency; `noun` is what its n counts."""

    unit: str
    noun: str = "customer"
    higher_is_better: bool = True


DEFINITIONS: dict[str, Definition] = {
    "retention": Definition("share"),
    "repeat_rate": Definition("share"),
    "second_order_90d": Definition("share", "first-time buyer"),
    "churn": Definition("share", higher_is_better=False),
    "cross_sell": Definition("share"),
    "frequency": Definition("orders"),
    "order_value": Definition("money", "order"),
    "nps": Definition("points", "answer"),
    "csat": Definition("share", "answer"),
    "ces": Definition("scale points", "answer"),
    "referrer_rate": Definition("share"),
    "referral_conversion": Definition("share", "referral"),
    "referred_share": Definition("share", "first-time buyer"),
    "enrolment": Definition("share"),
    "active_members": Definition("share", "member"),
    "redemption_members": Definition("share", "member"),
    "redemption_points": Definition("share", "member"),
    "breakage": Definition("share", "member", False),
    "diversity": Definition("categories"),
    "loyalty_index": Definition("score"),
}


def label(kpi: str) -> Message:
    """The KPI's name, for the middle of a sentence."""
    return message(_key(kpi))


def definitions() -> pd.DataFrame:
    """The codebook that stands beside the numbers: label, definition, formula, interval."""
    return pd.DataFrame([(label(kpi), *(message(f"{_key(kpi)}-{part}") for part in (
        "text", "formula", "chance"))) for kpi in DEFINITIONS], columns=["label", "definition", "formula", "interval"])


def _key(kpi: str) -> str:
    return f"kpi-{kpi.replace('_', '-')}"
