"""What the evidence does not show, and how often its methods err: by the published simulation study.

It takes the study's table (validation/results.csv) and effects, and gives messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import pandas as pd
import yaml

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import NAN, OUTCOMES, Effect, Finding
from loyalty_helpers.core.messages import Message, Number, message
from loyalty_helpers.core.settings import CLONE, Client
from loyalty_helpers.evaluation.said import lift, yes
from loyalty_helpers.evaluation.till import LABELS
from loyalty_helpers.evaluation.weeks import FOLLOW_UP

# names in the study's table: of estimators by the labels of effects, of the kinds of shop that count, and of those in
# which the comparison at the till is known to lean
STUDIED = {"till-calibrated-orders": "at the till, history-calibrated (3a)",
           "till-doubly-robust-orders": "at the till, doubly robust DiD (3b)", "draw-welch": "random holdout, Welch",
           "draw-adjusted": "random holdout, CUPED", "trend-orders": "unobserved components, local level"}
COUNTING = ("none", "recent history", "mixed", "strong latent", "life extension", "novelty decay", "high joining",
            "stable")
LEANS = {"appetite": "hidden appetite", "jump": "demand step", "old": "old-history joining"}
COLUMNS = ("kind", "scenario", "customers", "lift", "estimator", "answers", "repetitions", "coverage",
           "claims_positive", "says_works", "bias")


def study() -> pd.DataFrame:
    """The table of the published simulation study; empty where it is not at hand."""
    path = CLONE / "validation" / "results.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(COLUMNS))


def planted(shop: Client) -> Finding:
    """The lift that was planted in a simulated shop (truth.yml beside its settings); not measurable in a real one."""
    label, path = message("planted"), shop.folder / "truth.yml"
    if not path.exists():
        return Finding(label=label, unit="lift", estimate=NAN, note=message("planted-unknown"))
    truth = yaml.safe_load(path.read_text(encoding="utf-8"))["shop"]
    return Finding(label=label, unit="lift", estimate=truth["lift_13_weeks"], n=truth["members_followed_13_weeks"],
                   hits=False)


def limits(effects: Sequence[Effect]) -> Message:
    """`what_it_does_not_show` for one page."""
    headline = evaluation.headline(effects)
    at_the_till = headline is not None and headline.rung == 3
    return message("limits-till-short") if at_the_till else what_it_does_not_show(effects)


def what_it_does_not_show(effects: Sequence[Effect], found: pd.DataFrame | None = None) -> Message:
    """What the headline leaves open, by what it rests on; `found` is the table of the `study`."""
    headline = evaluation.headline(effects)
    if headline is None or headline.rung <= 2:
        return message("limits-unmeasured")
    if headline.rung == 4:
        return message("limits-drawn")
    calibrated = headline.label in [LABELS["calibrated", outcome] for outcome in OUTCOMES]
    return message("limits-till", calibrated=yes(calibrated), weeks=FOLLOW_UP,
                   leanings=_leanings(study() if found is None else found))


def _leanings(found: pd.DataFrame) -> Message:
    """Where the comparison at the till leans, and by how much it did in simulated shops without an effect."""
    rows = found[(found["estimator"] == STUDIED["till-calibrated-orders"]) & (found["lift"] == 0)
                 & (found["customers"] == 1000)]
    bias = rows.set_index("scenario")["bias"]
    sizes = {name: bias.get(scenario, NAN) for name, scenario in LEANS.items()}
    return message("leanings", **{name: message("leaning-size", lift=lift(size)) if isfinite(size) else ""
                                  for name, size in sizes.items()})


def error_rates(headline: Effect | None, customers: int, found: pd.DataFrame) -> Message | str:
    """How often the headline's method was right where the truth is known, in shops of this size or smaller.

    From `found`, the table of the `study`; "" where it says nothing of that method.
    """
    estimator = "" if headline is None else STUDIED.get(headline.label.key, "")
    rows = found[(found["estimator"] == estimator) & (found["kind"] == "simulated") & (found["lift"] >= 0)
                 & found["scenario"].isin(COUNTING)]
    if rows.empty:
        return ""
    sizes = sorted(rows["customers"].unique())
    nearest = max((size for size in sizes if size <= customers), default=sizes[0])  # rather smaller than larger
    rows = rows[rows["customers"] == nearest]
    nil = rows[rows["lift"] == 0]
    return message("error-rates", shops=int(rows["answers"].sum()), size=Number(nearest), nil=yes(len(nil)),
                   coverage=_pooled(rows, "coverage", by="answers"),
                   claims=_pooled(nil, "claims_positive", by="answers"),
                   works=_pooled(nil, "says_works", by="repetitions"))


def _pooled(rows: pd.DataFrame, column: str, *, by: str) -> Number:
    """The mean of a share over several kinds of shop, weighted by how many there were of each."""
    weight = rows[by].where(rows[column].notna())
    return Number((rows[column] * weight).sum() / weight.sum() if weight.sum() > 0 else NAN, "share")
