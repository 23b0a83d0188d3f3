"""Did the program work? The evidence ladder, from the naive comparisons up, and the money.

Each rung gives Effects: lifts with intervals (0.10 = +10 %). Rung 0 holds the usual comparisons, shown because they
are usual and labelled as biased; rung 1 describes the whole shop before and after; rung 2 sets it against its own
trend. Which of them is the headline is decided by what the data allow (`rungs_allowed`), never by what comes out.
"""

from loyalty_helpers.evaluation.before_after import describe, naive
from loyalty_helpers.evaluation.payoff import Money, break_even_lift, costs, money
from loyalty_helpers.evaluation.power import power_holdout
from loyalty_helpers.evaluation.rungs import (
    effects_table,
    from_table,
    headline,
    joiners,
    ladder,
    rungs_allowed,
    why_not,
    would_tell,
)
from loyalty_helpers.evaluation.trends import interrupted_time_series, trend, trend_fit
from loyalty_helpers.evaluation.weeks import NO_LAUNCH, YEAR, weekly

__all__ = [
    "NO_LAUNCH", "YEAR", "Money", "break_even_lift", "costs", "describe", "effects_table", "from_table", "headline",
    "interrupted_time_series", "joiners", "ladder", "money", "naive", "power_holdout", "rungs_allowed", "trend",
    "trend_fit", "weekly", "why_not", "would_tell",
]
