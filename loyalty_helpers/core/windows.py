"""The windows that are compared, before a launch and after it; and how long somebody stays a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.purchases import DAY, YEAR, span, visits

SHORTEST_WINDOW = 7  # days on either side of the launch, below which nothing is compared
SHORT_WINDOW = 28  # days, below which it is said that there are so few
SHORTEST_ACTIVITY, LONGEST_ACTIVITY = 30, 365  # days


@dataclass(frozen=True)
class Windows:
    """Two equally long half-open windows [start, end) around the launch, in the client's local time.

    `activity_days` is the activity window used. `notes` say what is not as it should be (in the middle of a sentence),
    first why nothing can be compared, if so. An empty window (start = end) means that there is nothing to compare yet.
    """

    before_start: pd.Timestamp
    before_end: pd.Timestamp
    after_start: pd.Timestamp
    after_end: pd.Timestamp
    season_matched: bool
    activity_days: int
    notes: tuple[Message, ...]
    launch: pd.Timestamp
    data_start: pd.Timestamp
    data_end: pd.Timestamp

    @property
    def days(self) -> int:
        """Length of the after window."""
        return (self.after_end - self.after_start).days

    @property
    def note(self) -> Message | str:
        """The first of the notes; "" where all is as it should be."""
        return self.notes[0] if self.notes else ""


def windows(orders: pd.DataFrame, *, launched_on: date, gap_days: int = 0,
            data_end: date | None = None) -> Windows:
    """The windows to compare: after the launch, and the same days a year (364 days) earlier.

    After begins `gap_days` after the launch and ends with the data (`data_end`, by default the day after the last
    order), at the latest 364 days after the launch, so that the window a year earlier never reaches into the program.
    Where the orders do not begin early enough, before is the equally long window that ends at the launch
    (`season_matched` False), and both are cut to the history there is. The activity window is cut to the days of
    orders in front of the before window where that leaves at least 30 days. Raises UserError without orders.
    """
    start, end = span(orders)
    end = end if data_end is None else pd.Timestamp(data_end)
    launch, notes = pd.Timestamp(launched_on), []
    after_start = launch + gap_days * DAY
    after_end = max(min(end, launch + YEAR), after_start)
    before_start, before_end = after_start - YEAR, after_end - YEAR
    history = launch - start
    matched = before_start >= start and after_end > after_start
    if after_end == after_start:
        before_start = before_end = launch
        notes.append(message("windows-nothing-yet", day=iso(after_start)))
    elif not matched and history < SHORTEST_WINDOW * DAY:
        before_start = before_end = launch
        after_start = max(after_start, start)
        after_end = min(end, after_start + YEAR)
        notes.append(message("windows-nothing-before", day=iso(start), launch=iso(launch)))
    elif not matched:
        after_end = min(after_end, after_start + history)
        before_start, before_end = launch - (after_end - after_start), launch
        notes.append(message("windows-season", since=iso(after_start - YEAR), day=iso(start)))
    days = (after_end - after_start).days
    if 0 < days < SHORT_WINDOW:
        notes.append(message("windows-short", days=days))
    wanted, lead = activity_window(orders, until=launch), (before_start - start).days
    activity = lead if SHORTEST_ACTIVITY <= lead < wanted and before_end > before_start else wanted
    if activity < wanted:
        notes.append(message("windows-activity-cut", wanted=wanted, days=activity))
    elif lead < wanted and before_end > before_start:
        notes.append(message("windows-short-lead", days=lead))
    return Windows(before_start, before_end, after_start, after_end, matched, activity, tuple(notes), launch, start,
                   end)


def activity_window(orders: pd.DataFrame, *, until: date | pd.Timestamp) -> int:
    """Days since the last order for which somebody still counts as a customer.

    Twice the 80th percentile of the gaps between a customer's shopping days before `until`, 30 to 365 days; 365 where
    nobody has come back, because then nothing says that anybody has left.
    """
    days = visits(orders[orders["ordered_at"] < pd.Timestamp(until)])
    gaps = days.groupby("customer_id")["day"].diff().dropna() / DAY
    if gaps.empty:
        return LONGEST_ACTIVITY
    return round(float(np.clip(2 * gaps.quantile(0.8), SHORTEST_ACTIVITY, LONGEST_ACTIVITY)))


def last_year(orders: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The window to describe where there is no launch: the last 364 days, or all there is.

    All there is also where the days before these 364 would not fill an activity window.
    """
    start, end = span(orders)
    year = end - YEAR
    return (year if year - activity_window(orders, until=end) * DAY >= start else start), end


def iso(moment: pd.Timestamp) -> str:
    """A day as tables write it: 2025-03-03."""
    return f"{moment:%Y-%m-%d}"
