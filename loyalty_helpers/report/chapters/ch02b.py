"""Chapter 02b, the appendix of chapter 02: what each number of it rests on, and what only an analyst reads."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from loyalty_helpers import forecast
from loyalty_helpers.core import store
from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import DAY, FEWEST, YEAR, purchases, span
from loyalty_helpers.customers import (
    actions,
    affinity,
    drift,
    levels,
    migration,
    quadrant,
    referrals,
    rfm,
    score,
)
from loyalty_helpers.customers.buyers import share_of
from loyalty_helpers.ingest import survey
from loyalty_helpers.report.chapters import ch02
from loyalty_helpers.report.chapters.ch02 import Customers


class Categories(NamedTuple):
    """What is bought together and after one another."""

    crossed: Finding
    baskets: pd.DataFrame
    affinity: pd.DataFrame
    next_category: pd.DataFrame

    @property
    def leads_to(self) -> Message:
        """Where customers turn next."""
        return affinity.next_sentence(self.next_category)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The three tables for a reader."""
        return {name: with_p(getattr(self, name)) for name in ("baskets", "affinity", "next_category")}


class Chapter(ch02.Chapter):
    """What the appendix computes beside the chapter itself."""

    def cutoffs(self, who: Customers) -> pd.DataFrame:
        """What each score means in this shop."""
        return rfm.rfm_cutoffs(who.everyone, who.scores, currency=self.shop.currency)

    def by_segment(self, who: Customers, ahead: forecast.Outlook) -> pd.DataFrame:
        """The action list by segment."""
        return actions.by_segment(self.calls(who, ahead).listed)

    def level_rules(self) -> pd.DataFrame:
        """Who meets which rule of the loyalty levels."""
        return levels.level_rules(self.frames["customers"], self.shop.levels, self.frames.get("referrals"))

    def parameters(self, ahead: forecast.Outlook) -> pd.DataFrame:
        """The fitted model in one row: its name, its parameters and log-likelihood; empty where none was fitted."""
        rows = [{"model": ahead.model, **ahead.parameters}] if ahead.parameters else []
        return pd.DataFrame(rows, columns=["model", *ahead.parameters])

    def yearly_survival(self) -> Finding:
        """`yearly_survival` of this shop."""
        return yearly_survival(self.frames["orders"])

    def lifetimes(self, who: Customers, ahead: forecast.Outlook, survival: Finding, *, years: int,
                  discount: float) -> pd.DataFrame:
        """`forecast.clv_table` for those who bought in the last year, under the survival seen (empty without), with the
        model's value of the same customers beside."""
        if not survival.measurable:
            return pd.DataFrame(columns=["value_group", "discounted_clv"])
        still = who.everyone[who.everyone["recency_days"] < YEAR // DAY]
        table = forecast.clv_table(
            still, who.scores, gross_margin=self.shop.program.gross_margin, horizon_years=years, discount=discount,
            retention=survival.estimate, currency=self.shop.currency)
        lately = who.scores[who.scores["customer_id"].isin(still["customer_id"])]
        return forecast.beside_textbook(table, ahead, lately)

    def repurchase(self, horizon_days: int) -> forecast.Repurchase:
        """Models of who buys next, tried on the past; the one chosen is kept in the private folder, or none."""
        orders, path = self.frames["orders"], self.shop.private / "repurchase.model"
        found = forecast.repurchase(orders, origins=forecast.origins(orders, horizon_days=horizon_days),
                                    horizon_days=horizon_days)
        if found.fitted is None:
            path.unlink(missing_ok=True)
        else:
            store.keep_private(self.shop, path.name, forecast.packed_model(found.fitted))
        return found

    def tested(self, chances: forecast.Repurchase) -> pd.DataFrame:
        """The chosen model, test by test."""
        scores = self.seen(chances.scores, "tested")
        return scores[scores["model"] == chances.winner].drop(columns=["model", "calibration_intercept"],
                                                             errors="ignore")

    def parts(self) -> pd.DataFrame:
        """What customers do, and what they say."""
        everyone = self.frames["customers"]
        return score.index_parts(everyone, score.loyalty_score(score.with_survey(everyone, self.frames.get("survey"))))

    def quadrant(self, who: Customers) -> pd.DataFrame:
        """Satisfaction against behavior, empty where no answer of a survey carries a customer. Satisfied are the two
        best points of the scale."""
        answers = self.frames.get("survey")
        bar = NAN if answers is None else survey.scale(answers["csat"], "csat", self.shop.scales)[1] - 1
        found = quadrant.quadrant(answers, who.everyone, activity_days=who.pace.activity_days, satisfied_from=bar)
        return found if found is not None else pd.DataFrame(
            columns=["type", "meaning", "customers", "share", "low", "high"])

    def since_kept(self, who: Customers) -> drift.Drift:
        """What has changed since the scores that the last report kept."""
        return drift.since_last(who.scores, self.frames["orders"], self.shop, as_of=who.as_of)

    def ways(self, moved: migration.Migration) -> pd.DataFrame:
        """Customers by segment before and after, a column for each after."""
        return migration.matrix(self.seen(moved).segments).rename(columns={"before": "before \\ after"})

    def categories(self) -> Categories:
        """Which categories go together, and which come next."""
        chosen = affinity.choices(self.frames)
        return Categories(affinity.cross_sell(chosen), affinity.baskets(chosen), affinity.affinity(chosen),
                          affinity.next_category(chosen))

    def referred(self) -> referrals.ReferralValue:
        """What referred customers have brought."""
        return referrals.referral_value(self.frames["customers"], self.frames.get("referrals"),
                                        currency=self.shop.currency)


def yearly_survival(orders: pd.DataFrame) -> Finding:
    """Of the customers of one year the share who bought in the next: the survival of the lifetime value.

    Two years of 364 days up to the end of the data, and nothing with less: of two shorter spells slow buyers count as
    gone, and brought to a year the share is far too low. Needs ten customers in the first year.
    """
    (begin, end), label = span(orders), message("yearly-survival")
    known = (end - begin).days
    if known < 2 * YEAR // DAY:
        return share_of(label, 0, 0, note=message("survival-short", needed=2 * YEAR // DAY, known=known))
    bought = purchases(orders, known=True)
    age = (end - bought["ordered_at"]) / YEAR
    was, still = set(bought.loc[age.between(1, 2), "customer_id"]), set(bought.loc[age < 1, "customer_id"])
    return share_of(label, len(was & still), len(was) if len(was) >= FEWEST.units else 0,
                    note=message("survival-few", customers=Persons(len(was)), least=FEWEST.units))


def with_p(table: pd.DataFrame) -> pd.DataFrame:
    """`table` for a reader: the adjusted p-value to three decimals, "under 0.001" where it is."""
    said = [message("p-under") if p < 0.001 else Number(p, "", 3) for p in table["p_adjusted"].astype("float64")]
    return table.assign(p_adjusted=pd.Series(said, index=table.index, dtype="object")).drop(
        columns=["p_value"], errors="ignore")


# ---------------------------------------------------------------- what it says
def reach_levels(who: Customers, rules: pd.DataFrame) -> Message:
    """How many reach a loyalty level."""
    return levels.levels_sentence(who.scores, rules)


def satisfied(found: pd.DataFrame) -> list[Message]:
    """What the quadrant shows first: the satisfied who do not come back."""
    if found.empty:
        return [message("quadrant-no-survey")]
    rows = found.set_index("type")
    latent, judged = rows.loc["latent"], rows.loc[[*quadrant.QUADRANT], "customers"].sum(skipna=False)
    new = rows.loc[quadrant.TOO_NEW, "customers"]
    early = [message("quadrant-more-new", customers=Persons(int(new)))] if new > 0 else []
    if judged < FEWEST.units:
        return [message("quadrant-few", customers=Persons(int(judged)), least=FEWEST.units), *early]
    if pd.isna(latent["share"]):
        return [message("quadrant-hidden")]
    shares = {name: Number(latent[name], "share", 0) for name in ("low", "share", "high")}
    known = "no" if pd.isna(judged) else "yes"
    return [message("quadrant-latent-share", known=known, customers=Persons(0 if known == "no" else int(judged)),
                    rule=latent["meaning"].facts["rule"], **shares), *early]


def limits() -> Message:
    """What none of this shows."""
    return message("limits-of-scores")
