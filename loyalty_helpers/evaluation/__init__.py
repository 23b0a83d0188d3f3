"""Did the program work? The evidence ladder, from the naive comparisons up, and the money.

Each rung gives Effects: lifts with intervals (0.10 = +10 %). Rung 0 holds the usual comparisons, shown because they
are usual and labelled as biased; rung 1 describes the whole shop before and after; rung 2 sets it against its own
trend; rung 3 sets members against comparable buyers, at the till; rung 4 takes customers drawn at random. Which of them
is the headline is decided by what the data allow (`rungs_allowed`), never by what comes out.
"""

from loyalty_helpers.evaluation.before_after import describe, naive
from loyalty_helpers.evaluation.driver_analysis import drivers, drivers_sentence, key_drivers, key_drivers_sentence
from loyalty_helpers.evaluation.experiment import randomised
from loyalty_helpers.evaluation.payoff import (
    SEGMENTS_NOTE,
    SPENDING,
    Money,
    break_even_curve,
    break_even_lift,
    by_segment,
    costs,
    money,
    return_words,
    rewards_to_unchanged,
    segments,
)
from loyalty_helpers.evaluation.power import (
    bayes_sentence,
    can_know_sentence,
    customers_for_retention,
    power_holdout,
    power_table,
)
from loyalty_helpers.evaluation.rungs import (
    draw_goes_on,
    effects_table,
    from_table,
    headline,
    ladder,
    rungs_allowed,
    too_small,
    why_not,
    would_tell,
)
from loyalty_helpers.evaluation.till import IMPLAUSIBLE, at_the_till, by_group, joiners, since_joining
from loyalty_helpers.evaluation.trends import (
    at_launch,
    at_launch_sentence,
    interrupted_time_series,
    placebo_launches,
    placebo_sentence,
    trend,
    trend_fit,
    with_placebo,
)
from loyalty_helpers.evaluation.weeks import NO_LAUNCH, YEAR, weekly

__all__ = [
    "IMPLAUSIBLE",
    "NO_LAUNCH",
    "SEGMENTS_NOTE",
    "SPENDING",
    "YEAR",
    "Money",
    "at_launch",
    "at_launch_sentence",
    "at_the_till",
    "bayes_sentence",
    "break_even_curve",
    "break_even_lift",
    "by_group",
    "by_segment",
    "can_know_sentence",
    "costs",
    "customers_for_retention",
    "describe",
    "draw_goes_on",
    "drivers",
    "drivers_sentence",
    "effects_table",
    "from_table",
    "headline",
    "interrupted_time_series",
    "joiners",
    "key_drivers",
    "key_drivers_sentence",
    "ladder",
    "money",
    "naive",
    "placebo_launches",
    "placebo_sentence",
    "power_holdout",
    "power_table",
    "randomised",
    "return_words",
    "rewards_to_unchanged",
    "rungs_allowed",
    "segments",
    "since_joining",
    "too_small",
    "trend",
    "trend_fit",
    "weekly",
    "why_not",
    "with_placebo",
    "would_tell",
]
