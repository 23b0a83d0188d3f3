"""KPIs before and after the launch, one definition each, with intervals; and the traps of comparing the two.

Every KPI is measured by one small function from a `Shop` (the canonical frames) and a `Wave` (a half-open window and
what belongs to it) as a sample of `intervals`; what cannot be measured raises `Unseen` with the reason, which becomes
the note of a finding that is "not measurable". A change between two windows is a description: season, trend and the
choice of who joins are in it.
"""

from loyalty_helpers.evaluation.kpis.compare import (
    activity_stress,
    against_thresholds,
    by_channel,
    compare,
    levels,
    table,
)
from loyalty_helpers.evaluation.kpis.definitions import DEFINITIONS, definitions
from loyalty_helpers.evaluation.kpis.measures import MEASURES
from loyalty_helpers.evaluation.kpis.traps import traps

__all__ = [
    "DEFINITIONS",
    "MEASURES",
    "activity_stress",
    "against_thresholds",
    "by_channel",
    "compare",
    "definitions",
    "levels",
    "table",
    "traps",
]
