"""Did the program work? The evidence ladder, from the naive comparisons up, and the money.

Each rung gives Effects: lifts with intervals (0.10 = +10 %). Rung 0 holds the usual comparisons, shown because they
are usual and labelled as biased; rung 1 describes the whole shop before and after; rung 2 sets it against its own
trend; rung 3 sets members against comparable buyers, at the till; rung 4 takes customers drawn at random. Which of them
is the headline is decided by what the data allow (`rungs_allowed`), never by what comes out. It takes prepared frames
and gives numbers and messages; it never draws, and never writes a sentence.
"""

from loyalty_helpers.evaluation import (
    cases,
    driver_analysis,
    experiment,
    kpis,
    money,
    panel,
    power,
    rungs,
    said,
    segments,
    till,
    trends,
    weeks,
)
from loyalty_helpers.evaluation.experiment import randomised
from loyalty_helpers.evaluation.rungs import effects_table, headline, ladder, rungs_allowed
from loyalty_helpers.evaluation.till import at_the_till
from loyalty_helpers.evaluation.weeks import weekly

__all__ = [
    "at_the_till",
    "cases",
    "driver_analysis",
    "effects_table",
    "experiment",
    "headline",
    "kpis",
    "ladder",
    "money",
    "panel",
    "power",
    "randomised",
    "rungs",
    "rungs_allowed",
    "said",
    "segments",
    "till",
    "trends",
    "weekly",
    "weeks",
]
