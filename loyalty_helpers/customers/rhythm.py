"""Rhythm: how often each customer usually comes, and who is late by their own measure.

A shop without contracts never sees anybody leave. What it can see is silence that is long for this very customer: a
weekly customer is missed after a month, a yearly one is not.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import CALENDAR_YEAR, DAY, FEWEST, YEAR, is_purchase
from loyalty_helpers.customers.buyers import share_of

OVERDUE = 3  # usual gaps past the day when the next order was due: a silence of four
DRAWS = 4000
MANY = 100  # days bought from which the last one within a year is no news
REGULAR = 5  # days with a purchase from which a customer has a usual gap: two or three gaps make no habit
MEANING = message("regular-late-overdue", days=REGULAR, gaps=OVERDUE + 1)
SILENCES = ["usual", "late 1", "late 2", "overdue"]  # up to one usual gap, two, four, and longer
MICROS = 24 * 3600 * 1_000_000  # of a day


def rhythm(orders: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """One row per customer with a purchase, sorted by customer_id.

    days_bought counts the days with a purchase (several orders of one day are one visit, refunds none).
    usual_gap_days is the median number of days between two such days that follow each other, nan below five days
    (REGULAR): by fewer, a few short gaps would make somebody late by dozens of them. recency_days are whole days from
    the last purchase to `as_of`, as in `tables.customers`, age_days those from the first. gaps_overdue is
    (recency_days - usual_gap_days) / usual_gap_days, 0 for who is not late yet, nan without a usual gap: at 3 the
    silence has lasted four gaps, three of them past the day when the order was due. spend_last_year is the money of
    the 364 days before `as_of`, refunds taken off.
    """
    codes, ids = pd.factorize(orders["customer_id"])
    moment = orders["ordered_at"].to_numpy().astype("datetime64[us]").astype("int64")
    bought = (codes >= 0) & is_purchase(orders).to_numpy()
    day = moment // MICROS
    pairs = np.sort(codes[bought] * 1_000_000 + day[bought])
    pairs = pairs[np.diff(pairs, prepend=-1) != 0]  # one per customer and day; np.unique takes ten times as long
    customer, n = pairs // 1_000_000, len(ids)
    same = np.diff(customer) == 0
    gaps = pd.Series(np.diff(pairs)[same], dtype="float64").groupby(customer[1:][same]).median()
    days_bought = np.bincount(customer, minlength=n)
    gap = np.where(days_bought >= REGULAR, gaps.reindex(range(n)).to_numpy(), NAN)
    end = pd.Timestamp(as_of).value // 1000
    last, first = np.full(n, np.iinfo("int64").min), np.full(n, np.iinfo("int64").max)
    np.maximum.at(last, codes[bought], moment[bought])
    np.minimum.at(first, codes[bought], moment[bought])
    lately = (codes >= 0) & (moment >= end - YEAR // DAY * MICROS) & (moment < end)
    spend = np.bincount(codes[lately], weights=orders["amount"].to_numpy()[lately], minlength=n)
    recency = (end - last) // MICROS
    frame = pd.DataFrame({
        "customer_id": pd.Series(ids, dtype="str"), "days_bought": days_bought, "usual_gap_days": gap,
        "recency_days": recency.astype("float64"), "age_days": ((end - first) // MICROS).astype("float64"),
        "gaps_overdue": np.maximum((recency - gap) / gap, 0),
        "spend_last_year": spend.round(6)})
    return frame[days_bought > 0].sort_values("customer_id", ignore_index=True)


def overdue(paces: pd.DataFrame) -> pd.Series:
    """Whether each customer of `rhythm` is overdue: by OVERDUE of their usual gaps or more, with money spent in the
    last year. Who spent nothing in it is not overdue but gone."""
    return paces["gaps_overdue"].ge(OVERDUE) & paces["spend_last_year"].gt(0)


def overdue_regulars(paces: pd.DataFrame, *, currency: str) -> list[Finding]:
    """What of `rhythm` may be published: the share of the regulars of the last 364 days who are overdue (Wilson), and
    what those spent in that year, in the client's `currency`."""
    regulars = _regulars(paces)
    late = regulars[overdue(regulars)]
    nobody = message(_missing(paces)) if regulars.empty else ""
    return [share_of(message("regulars-overdue", gaps=OVERDUE + 1), len(late), len(regulars), noun="regular customer",
                     note=nobody),
            Finding(label=message("spent-by-overdue"), unit=currency, n=len(late),
                    estimate=late["spend_last_year"].sum() if len(regulars) else NAN, note=nobody)]


def _missing(paces: pd.DataFrame) -> str:
    """What keeps a shop from having regulars."""
    if paces["usual_gap_days"].notna().any():
        return "no-regular-lately"
    return "nobody-on-three-days" if paces.empty or paces["days_bought"].max() < 3 else "nobody-on-five-days"


def _regulars(paces: pd.DataFrame) -> pd.DataFrame:
    return paces[paces["usual_gap_days"].notna() & paces["spend_last_year"].gt(0)]


def late_by_chance(gaps: np.ndarray, late: float = OVERDUE) -> np.ndarray:
    """The share of customers who are overdue by `late` usual gaps at any time though nothing has changed.

    Exact for customers who buy at random (a Poisson process): their silence S at a given moment is exponential like
    their gaps, and they count as late where S > (1 + late) times the median of the `gaps` seen so far. With k = 1 +
    late that is E[exp(-k median)] of standard exponential gaps, whose order statistics are sums of independent
    exponentials (Rényi 1953): the product of (n - i) / (n - i + k) over the gaps up to the middle one. With many gaps
    it tends to 1/2 to the power k (1 in 16 for 3), with four or five it is 1 in 9 and 1 in 8. Customers with a steadier
    rhythm than that are late by chance less often. `gaps` are whole numbers of 1 or more.
    """
    k = 1.0 + late
    counts, place = np.unique(np.asarray(gaps), return_inverse=True)
    shares = [_share_by_chance(int(n), k) for n in counts]
    return np.array(shares, dtype="float64")[place]


def _share_by_chance(n: int, k: float) -> float:
    left = n - np.arange((n + 1) // 2)  # gaps not yet over, from the shortest to the middle one
    half = n / 2 / (n / 2 + k / 2) if n % 2 == 0 else 1.0  # of an even number the median lies half way to the next
    return float(np.prod(left / (left + k)) * half)


def chances(regulars: pd.DataFrame, late: float = OVERDUE) -> np.ndarray:
    """`late_by_chance` of each of the regulars of the last 364 days (of `rhythm`), who bought in these days for sure.

    Of somebody known for longer that rules out the longest silences. Given the number n of days bought, the gaps and
    the silence of who buys at random divide the time since the first purchase like n exponentials; of DRAWS such
    divisions those count in which the silence is shorter than a year. (Without that, twice as many slow buyers would
    be expected to be overdue as are among simulated ones who never leave.)
    """
    bought = regulars["days_bought"].to_numpy()
    longest = YEAR / DAY / np.maximum(regulars["age_days"].to_numpy(), 1.0)
    shares, rng = late_by_chance(bought - 1, late), np.random.default_rng(1)
    for n in np.unique(bought[(longest < 1) & (bought <= MANY)]):
        parts = rng.exponential(size=(DRAWS, n))
        silence = parts[:, -1] / parts.sum(axis=1)
        order = np.argsort(silence)
        is_late = parts[order, -1] >= (1 + late) * np.median(parts[order, :-1], axis=1)
        here = (bought == n) & (longest < 1)
        within = np.searchsorted(silence[order], longest[here])
        shares[here] = np.append(0, np.cumsum(is_late))[within] / np.maximum(within, 1)
    return shares


def chance_sentence(paces: pd.DataFrame) -> Message | None:
    """How many regulars would look overdue by chance alone, beside how many do; None below FEWEST.units regulars."""
    regulars = _regulars(paces)
    if len(regulars) < FEWEST.units:
        return None
    expected, late = chances(regulars).sum(), int(overdue(regulars).sum())
    return message("late-by-chance", regulars=Persons(len(regulars)), late=Persons(late),
                   expected=Persons(round(expected)),
                   so="none" if late == 0 else "ask" if late > 2 * expected else "chance")


def lateness(paces: pd.DataFrame) -> pd.DataFrame:
    """The regulars of the last 364 days by how late they are: silence (SILENCES), customers, share, by_chance (that
    would stand there if all bought at random times and nobody had left). Empty without regulars."""
    regulars = _regulars(paces)
    if regulars.empty:
        return pd.DataFrame(columns=["silence", "customers", "share", "by_chance"])
    late = regulars["gaps_overdue"]
    place = np.select([late >= OVERDUE, late >= 1, late > 0], [3, 2, 1], 0)
    beyond = [1.0, *(chances(regulars, bar).mean() for bar in (0, 1, OVERDUE)), 0.0]
    customers = np.bincount(place, minlength=4)
    return pd.DataFrame({"silence": SILENCES, "customers": customers, "share": customers / len(regulars),
                         "by_chance": -np.diff(beyond)})


# ---------------------------------------------------------------- spans of time
def span(days: float) -> Message:
    """A number of days as an owner would say it: "12 days", "9 weeks", "5 months", "3 years". Weeks from four weeks on
    (or where they come out even), months from half a year, years from two years; rounded, so at most about 12 % off.
    Half days, which medians may have, count below a week only."""
    return _spell("spell", days)


def every(gap: float) -> Message:
    """A usual gap: "every day", "every 3 weeks"."""
    return _spell("every", gap)


def _spell(what: str, days: float) -> Message:
    days = days if days < 7 else int(days + 0.5)
    if days < 28 and (days < 14 or days % 7):
        return message(f"{what}-days", n=round(days) if days == round(days) else Number(days, "", 1))
    size, noun = (7, "week") if days < 183 else (30.44, "month") if days < 730 else (CALENDAR_YEAR, "year")
    return message(f"{what}-{noun}s", n=round(days / size))
