"""Satisfaction beside behavior: the four fields of Dick & Basu (1994)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.intervals import Share
from loyalty_helpers.core.messages import message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers.buyers import CONFIDENCE, buyers, came_back, known_values
from loyalty_helpers.customers.score import with_survey

PROMOTER = 9  # an NPS answer from which a customer counts as recommending the shop
QUADRANT = ("loyal", "trapped", "latent", "none")
TOO_NEW = "too new"


def quadrant(survey: pd.DataFrame | None, customers: pd.DataFrame, *, activity_days: int,
             satisfied_from: float = 4) -> pd.DataFrame | None:
    """Satisfaction x behavior (Dick & Basu 1994): loyal, trapped ("spurious"), latent, none.

    Behavior is high with two shopping days or more and the last one within `activity_days`. Who bought once within
    that time may still come back: too new to be judged, a line of its own and in no share. Attitude is high with the
    latest csat at `satisfied_from` or above, the last point but one of the scale; where the survey has no csat, with an
    NPS answer of 9 or 10. Returns type, meaning (which says what counts as satisfied), customers, share, low, high
    (Wilson; missing where fewer than ten can be judged); None without a survey whose answers carry customers of the
    shop.
    """
    known = buyers(with_survey(customers, survey))
    asked, bar = ("csat", satisfied_from) if known["csat"].notna().any() else ("nps", PROMOTER)
    known = known[known[asked].notna()]
    if known.empty:
        return None
    glad = known[asked].to_numpy(dtype="float64") >= bar
    lately, often = known_values(known, "recency_days") <= activity_days, came_back(known).to_numpy()
    again, new = lately & often, lately & ~often
    groups = np.select([new, glad & again, again, glad], [TOO_NEW, *QUADRANT[:3]], "none")
    counts = pd.Series(groups).value_counts().reindex([*QUADRANT, TOO_NEW], fill_value=0)
    judged = int(counts[[*QUADRANT]].sum())
    shares = [Share(hits, judged).level(CONFIDENCE)[:3] if judged >= FEWEST.units and name in QUADRANT
              else (NAN, NAN, NAN) for name, hits in counts.items()]
    rule = message(f"satisfied-{asked}", bar=f"{bar:g}", best=f"{bar + 1:g}")
    meanings = [message(f"quadrant-{name.replace(' ', '-')}", rule=rule, days=activity_days) for name in counts.index]
    return pd.DataFrame(shares, columns=["share", "low", "high"]).assign(
        type=counts.index, customers=counts.to_numpy(), meaning=meanings)[
        ["type", "meaning", "customers", "share", "low", "high"]]
