"""Referral value: what customers who were referred have brought, beside other newcomers of the same months.

Nothing here says what referring causes: who was referred might have come anyway, and who refers knows people like
oneself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.intervals import resampled
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers.buyers import CONFIDENCE, buyers, came_back, share_of

GROUPS = ["group", "customers", "orders_each", "spend_each", "bought_again"]
REFERRED, OTHERS = "referred", "others"


@dataclass(frozen=True)
class ReferralValue:
    """What referrals brought. `why` says why there is nothing to tell; None otherwise.

    `came`: share of the persons referred who bought since. `groups`: group (REFERRED, OTHERS), customers, orders_each,
    spend_each, bought_again (share who bought on a second day); the others weighted to the months of the referred.
    `difference`: what a referred customer has spent so far more than the others, bootstrap by customer.
    `half`: how many of the referrers named half of those who came (as a share of the referrers).
    """

    came: Finding
    groups: pd.DataFrame
    difference: Finding
    half: Finding
    why: Message | None = None

    @property
    def sentence(self) -> Message:
        """What referred customers have spent against other newcomers."""
        gap = self.difference
        if self.why:
            return message("referrals-unknown", why=self.why)
        if not gap.measurable:
            return message("referrals-not-compared", came=self.came, gap=gap)
        levels = [Number(value, gap.unit, 0) for value in self.groups["spend_each"]]
        low, high, between = (Number(value, gap.unit, gap.digits, signed=True)
                              for value in (gap.low, gap.high, gap.estimate))
        differ = "no" if gap.low <= 0 <= gap.high else "more" if gap.estimate > 0 else "less"
        return message("referrals-spent", customers=Persons(gap.n), spent=levels[0], others=levels[1], gap=between,
                       low=low, high=high, differ=differ)

    @property
    def half_sentence(self) -> Message | None:
        """How much hangs on a few who refer."""
        if self.half.measurable:
            return message("referrals-half", share=Number(self.half.estimate, "share", 0), persons=Persons(self.half.n))
        return None if self.why else message("referrals-no-half", why=self.half.note)


def referral_value(customers: pd.DataFrame, referrals: pd.DataFrame | None, *, currency: str) -> ReferralValue:
    """Who was referred, came, and has spent how much to the end of the data; see `ReferralValue`.

    A person counts once, for who named them first; naming oneself does not count. Referred customers are those whose
    first order is not before the day they were named. Newcomers are compared month by month of the first order, so
    that all have had equally long; months without both kinds are left out. Both frames are canonical.
    """
    named = _named(referrals)
    if named.empty:
        return _nothing(message("referrals-no-list" if referrals is None else "referrals-nobody"), currency)
    new = buyers(customers).assign(again=came_back).set_index("customer_id")
    new = new[["first_order_at", "orders", "spend", "again"]].sort_index()
    first = new["first_order_at"].reindex(named["referee_id"]).to_numpy()
    came = named[(first >= named["at"].dt.normalize().to_numpy()) | (named["at"].isna().to_numpy() & ~np.isnat(first))]
    compared, gap = _compared(new, came, currency)
    bought = share_of(message("referred-who-bought"), len(came), len(named), noun="person")
    return ReferralValue(bought, compared, gap, _half(came))


def _nothing(why: Message, currency: str) -> ReferralValue:
    none = {unit: Finding(label=message("referrals-brought"), unit=unit, estimate=NAN, note=why)
            for unit in ("share", currency)}
    return ReferralValue(none["share"], pd.DataFrame(columns=GROUPS), none[currency], none["share"], why)


def _named(referrals: pd.DataFrame | None) -> pd.DataFrame:
    """One row for each person named by somebody else: the first time."""
    if referrals is None:
        return pd.DataFrame(columns=["referrer_id", "referee_id", "at"])
    known = referrals.dropna(subset=["referrer_id", "referee_id"])
    known = known[known["referrer_id"] != known["referee_id"]]
    return known.sort_values(["at", "referee_id", "referrer_id"]).drop_duplicates("referee_id", ignore_index=True)


def _half(came: pd.DataFrame) -> Finding:
    """The smallest share of referrers who named half of those who came."""
    label = message("referrers-of-half")
    each = came.groupby("referrer_id").size().sort_values(ascending=False)
    if len(each) < FEWEST.units:
        return Finding(label=label, unit="share", estimate=NAN, n=len(each),
                       note=message("referrers-too-few", persons=Persons(len(each)), least=FEWEST.units))
    fewest = int((each.cumsum() < each.sum() / 2).sum()) + 1
    return Finding(label=label, unit="share", estimate=fewest / len(each), n=len(each), n_noun="person",
                   method="count")


def _compared(new: pd.DataFrame, came: pd.DataFrame, currency: str) -> tuple[pd.DataFrame, Finding]:
    """Referred and other newcomers of the same months, and the difference of what they spent."""
    month = new["first_order_at"].dt.year * 12 + new["first_order_at"].dt.month
    referred = new.index.isin(came["referee_id"])
    shared = month.isin(month[referred]) & month.isin(month[~referred])
    new, month, referred = new[shared], month[shared].to_numpy(), referred[shared]
    label = message("referred-spent-more")
    ones, others = int(referred.sum()), int((~referred).sum())
    if min(ones, others) < FEWEST.units:
        note = message("referred-too-few", least=FEWEST.units, referred=Persons(ones), others=Persons(others))
        return pd.DataFrame(columns=GROUPS), Finding(label=label, unit=currency, estimate=NAN, n=ones, note=note)
    place = np.unique(month, return_inverse=True)[1]
    months = place.max() + 1
    # others stand for the referred of their month
    weight = np.bincount(place[referred], minlength=months) / np.bincount(place[~referred], minlength=months)
    weight = np.where(referred, 1.0, weight[place])
    traits = {"orders_each": new["orders"], "spend_each": new["spend"], "bought_again": new["again"]}
    rows = [(name, int(who.sum()), *(float(np.average(values[who], weights=weight[who])) for values in traits.values()))
            for name, who in ((REFERRED, referred), (OTHERS, ~referred))]
    table = pd.DataFrame(rows, columns=GROUPS)
    spend = new["spend"].to_numpy(dtype=float)
    columns = np.zeros((len(new), 4 * months))
    at = np.arange(len(new))
    columns[at, place + np.where(referred, 0, 2 * months)] = spend
    columns[at, place + months + np.where(referred, 0, 2 * months)] = 1

    def gap(sums: np.ndarray) -> np.ndarray:
        spent, n, spent_others, n_others = (sums[:, k * months:(k + 1) * months] for k in range(4))
        both = (n > 0) & (n_others > 0)
        usual = np.divide(spent_others, n_others, out=np.zeros_like(n), where=both)
        return ((spent - n * usual) * both).sum(axis=1) / np.maximum((n * both).sum(axis=1), 1)

    estimate = float(gap(columns.sum(axis=0)[None])[0])
    low, high = _limits(columns, gap, estimate, ones)
    return table, Finding(label=label, unit=currency, estimate=estimate, low=low, high=high, n=ones,
                          n_noun="referred customer", method="bootstrap by customer")


def _limits(columns: np.ndarray, estimate, center: float, n: int) -> tuple[float, float]:
    """The bootstrap's standard error and a t quantile, as for differences of ratios; none below ten."""
    if n < FEWEST.units:
        return NAN, NAN
    se = float(estimate(resampled(columns)).std(ddof=1)) * math.sqrt(n / (n - 1))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1)) * se
    return center - half, center + half
