"""The ground that every room stands on: what a purchase is, who bought it, when the data end, what a year is.

It takes canonical orders as ingest left them, and gives purchases, shopping days and the span of the data, each by the
one definition there is. It never reads a file, never draws, never writes a sentence, and imports no other room.
"""

from loyalty_helpers.core.purchases import (
    CALENDAR_YEAR,
    DAY,
    FEWEST,
    WEEK,
    YEAR,
    Fewest,
    Span,
    is_purchase,
    purchases,
    span,
    visits,
)

__all__ = ["CALENDAR_YEAR", "DAY", "FEWEST", "WEEK", "YEAR", "Fewest", "Span", "is_purchase", "purchases", "span",
           "visits"]
