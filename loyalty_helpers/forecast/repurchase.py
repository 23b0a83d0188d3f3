"""Who buys in the coming weeks: models compared where none of them has looked, and the simplest good one kept.

Only time splits past from future. At a moment `origin` a model is fitted on the customers as they were `horizon_days`
before it, with who bought up to it, and asked for the customers as they are at it; what happened afterwards judges.
Everybody who has ever bought before the moment is asked about, however long ago: who is silent for long is told by
the silence, and a limit of activity would be one more thing to choose. A random split of the rows would mix customers
of one season: it hides that the level of a season does not hold in the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from loyalty_helpers.core import glm
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST, span
from loyalty_helpers.core.settings import UserError
from loyalty_helpers.forecast import kept, measures
from loyalty_helpers.forecast.bg_nbd import fit_bg_nbd
from loyalty_helpers.forecast.features import TERMS, design, features_at
from loyalty_helpers.forecast.kept import FittedModel
from loyalty_helpers.forecast.purchase_days import Days, bought_between, day_number, purchase_days

# buyers, and as many who do not buy, that each window of a comparison needs: fitted on fewer, the logistic regression
# had a larger log loss than the last order alone (CDNOW, two kinds of simulated shops, 60 draws each: at 30 by .007,
# .004, .013; at 50 by .000, -.007, .000; at 100, ten per term, by -.014, -.013, -.011)
MOST_STUDIED = 50_000  # customers, drawn at random where there are more; all of them are scored
SHUFFLES, MOST_SHUFFLED = 5, 5_000
WORTH = 0.01  # of the buyers: what a model finds beyond sorting by the last order has to be more to be spoken of
CONTACT_COST, GAIN = 1.0, 5.0  # by default somebody who buys is worth five contacts
REASONS = ("term", "measure", "effect", "low", "high", "words")


@dataclass(frozen=True, kw_only=True)
class Repurchase:
    """What `repurchase` found. Without a comparison the tables are empty, and `sentences` say what it would take.

    `scores`: one row per model and origin; `summary`: means over the origins with standard errors, simplest first;
    `winner`: its key in MODELS, "" where none was found. Of the winner: `calibration` (tenths by chance: customers,
    expected, bought, low, high), `gains` (share of customers put first -> share of the buyers among them, for the
    winner and for sorting by the last order), `at_threshold` (see `repurchase`), `reasons` (term, measure,
    effect, low, high, words). `fitted`: the model for today, or None; `chances`: customer_id, chance of every customer
    today. `sampled`: what was studied on a part of the customers; None where all of them were.
    """

    horizon_days: int
    sentences: tuple[Message, ...]
    scores: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=measures.SCORES))
    summary: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=measures.SUMMARY))
    winner: str = ""
    calibration: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=measures.CALIBRATION))
    gains: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=measures.GAINS))
    at_threshold: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=measures.AT_THRESHOLD))
    reasons: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=REASONS))
    fitted: FittedModel | None = None
    chances: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=("customer_id", "chance")))
    sampled: Message | None = None


# ---------------------------------------------------------------- the steps
def origins(orders: pd.DataFrame, *, horizon_days: int = 91, most: int = 4) -> list[date]:
    """The moments at which models can be tried, at most `most`, earliest first.

    The last one is `horizon_days` before the end of the data, the others as far before each other. Before each there
    must be `horizon_days` to learn from and as many again of history: it takes three times the horizon for one.
    """
    if orders.empty:
        return []
    start, end = (moment.date() for moment in span(orders))
    found = [end - timedelta(days=horizon_days * back) for back in range(most, 0, -1)]
    return [origin for origin in found if origin - timedelta(days=2 * horizon_days) >= start]


@threadpool_limits.wrap(limits=1)  # so small fits are slower with more, many times so where others use the cores too
def repurchase(orders: pd.DataFrame, *, origins: Sequence[date], horizon_days: int = 91,
               contact_cost: float = CONTACT_COST, gain: float = GAIN) -> Repurchase:
    """Compares the MODELS at each of `origins`, picks one, fits it on the latest whole window and scores everybody.

    Models are ranked by their mean AUC over the origins: the level of a season is wrong for all of them alike, the
    order is their own. The winner is the simplest whose AUC is within one standard error of the best one's
    (Breiman & al. 1984, section 3.4.3); the error is that of the difference on the same customers.

    `at_threshold`: whom it pays to contact, that is, whose chance is above `contact_cost` / `gain`, where `gain` is
    what a contact that reaches a buyer is worth. The chance to buy says nothing of what a contact changes.

    Raises UserError for an origin whose outcome is not whole yet, and where a contact costs more than it may bring.
    """
    if not 0 < contact_cost < gain:
        raise UserError(f"A contact must cost something, and less than reaching a buyer brings; got {contact_cost:g} "
                        f"and {gain:g}.")
    horizon, moments = timedelta(days=horizon_days), sorted(set(origins))
    if moments and (orders.empty or moments[-1] + horizon > span(orders).end.date()):
        raise UserError(f"Who buys in the {horizon_days} days from {moments[-1]} is not known to the end yet: the "
                        "origin must be earlier.")
    history = purchase_days(orders)
    study = history.some(MOST_STUDIED, seed=kept.SEED)
    windows = {start: _window(study, start, horizon_days)
               for start in {origin - back for origin in moments for back in (horizon, 0 * horizon)}}
    pairs = [(windows[origin - horizon], windows[origin]) for origin in moments]
    usable = [(before, after) for before, after in pairs if min(before.fewest, after.fewest) >= FEWEST.each_way]
    if not usable:
        return _not_yet(history, orders, pairs, horizon_days)
    tried = pd.concat([_tried(before, after) for before, after in usable], ignore_index=True)
    scores, summary = measures.scores(tried), measures.summary(tried)
    winner = summary.loc[summary["winner"], "model"].item()
    end = span(orders).end.date()
    fitted = _latest(winner, _window(study, end - horizon, horizon_days), seen=features_at(study, end))
    return Repurchase(
        horizon_days=horizon_days, sentences=(_answer(winner, scores, horizon_days), *_today(winner, fitted)),
        scores=scores, summary=summary, winner=winner, calibration=measures.tenths(tried[tried["model"] == winner]),
        gains=measures.gains_of(tried, winner), at_threshold=measures.at_threshold(tried, winner, contact_cost / gain),
        reasons=_reasons(winner, *usable[-1]), fitted=fitted, chances=_chances(fitted, features_at(history, end)),
        sampled=_sampled(history, study))


@dataclass(frozen=True)
class Window:
    """The customers known at a moment, and whether each bought in the `days` after it."""

    start: date
    days: int
    features: pd.DataFrame
    bought: np.ndarray

    @property
    def fewest(self) -> int:
        """Of those who bought and those who did not, the smaller number."""
        return int(min(self.bought.sum(), (~self.bought).sum()))

    def some(self, most: int) -> Window:
        """At most `most` of its customers, drawn at random."""
        if len(self.bought) <= most:
            return self
        drawn = np.sort(np.random.default_rng(kept.SEED).choice(len(self.bought), most, replace=False))
        return Window(self.start, self.days, self.features.iloc[drawn], self.bought[drawn])


def _window(history: Days, start: date, days: int) -> Window:
    features, begin = features_at(history, start), day_number(start)
    bought = bought_between(history, begin, begin + days)[0] > 0
    return Window(start, days, features, bought[pd.Index(history.ids).get_indexer(features["customer_id"])])


# ---------------------------------------------------------------- fitting and trying
def fit(key: str, window: Window, *, seen: pd.DataFrame) -> FittedModel:
    """A model fitted on a window: its customers at the start, and who bought to the end.

    The BG/NBD needs no outcome: it learns from histories alone, and may use all that has been `seen` by the moment for
    which it is asked (features at that moment). Of the window it takes how far its chances have to be stretched.
    """
    some = window.some(kept.MOST_FITTED_SVM if key == "svm" else kept.MOST_FITTED)
    rows = some.features.assign(bought=some.bought)
    model = (*_bg_nbd(seen), *_stretch(window)) if key == "bg_nbd" else kept.fitted(key, rows)
    return FittedModel(key=key, model=model, rows=rows, horizon_days=window.days, trained_from=window.start,
                       trained_until=window.start + timedelta(days=window.days))


def _bg_nbd(seen: pd.DataFrame) -> tuple[float, float, float, float]:
    model = fit_bg_nbd(*kept.visits(seen))
    return model.r, model.alpha, model.a, model.b


def _stretch(window: Window) -> tuple[float, float]:
    """Level and slope for the log odds of a BG/NBD, from those it would have had at the start of the window.

    The slope makes high chances as high, and low ones as low, as the window showed them (Platt 1999). The mean stays
    the model's own: that of one window is the level of its season. On the sample the slope is 1.2, on CDNOW and Online
    Retail near 1; the log loss there is the same or better, and worse with the level of the window.
    """
    odds = kept.bg_nbd_odds(_bg_nbd(window.features), window.features, window.days)
    constant = np.ones((len(odds), 1))
    found = glm.fit(np.column_stack([constant, odds]), window.bought.astype(float), link="logit")
    slope = float(found.coef[1])
    if not found.converged or slope <= 0:
        return 0.0, 1.0
    return float(glm.fit(constant, expit(odds), link="logit", offset=slope * odds).coef[0]), slope


def _tried(before: Window, after: Window) -> pd.DataFrame:
    """model, origin, customer_id, bought, chance: what each model fitted on one window says of the next."""
    asked = pd.DataFrame({"origin": after.start, "customer_id": after.features["customer_id"], "bought": after.bought})
    return pd.concat([asked.assign(model=key, chance=fit(key, before, seen=after.features).of(after.features))
                      for key in kept.MODELS], ignore_index=True)


def _latest(key: str, window: Window, *, seen: pd.DataFrame) -> FittedModel | None:
    """The winner fitted on the latest whole window; where that is too small, the time since the last order alone."""
    if window.fewest >= FEWEST.each_way:
        return fit(key, window, seen=seen)
    return fit("recency", window, seen=seen) if window.fewest >= FEWEST.per_variable else None


def _chances(fitted: FittedModel | None, now: pd.DataFrame) -> pd.DataFrame:
    asked = now if fitted else now.iloc[:0]
    return pd.DataFrame({"customer_id": asked["customer_id"], "chance": fitted.of(asked) if fitted else np.zeros(0)})


# ---------------------------------------------------------------- reasons
def _reasons(winner: str, before: Window, after: Window) -> pd.DataFrame:
    """What the winner goes by at the last origin: term, measure, effect, low, high, words; the most telling first.

    Of the logistic regressions: by what factor the odds change with one usual step (standard deviation) of a term,
    the others unchanged, with Wald's interval. Of other models: by how much the AUC falls when a term is shuffled
    among the customers of the next window (Breiman 2001), with the interval of SHUFFLES rounds.
    """
    if winner == "base_rate":
        return pd.DataFrame(columns=list(REASONS))
    model = fit(winner, before, seen=after.features)
    rows = _odds(model, before.some(kept.MOST_FITTED)) if winner in ("recency", "logistic") else _shuffled(model, after)
    strength = [abs(math.log(row[2])) if row[1] == "odds" else row[2] for row in rows]
    return pd.DataFrame([rows[place] for place in np.argsort(strength, kind="stable")[::-1]], columns=list(REASONS))


def _odds(model: FittedModel, window: Window) -> list[tuple]:
    known = kept.columns(model.key)
    scaled = model.model[:-1].transform(design(window.features)[:, known])
    coef, weight = model.model[-1].coef_[0], model.model.predict_proba(design(window.features)[:, known]).prod(axis=1)
    inner = np.column_stack([np.ones(len(scaled)), scaled])
    information = inner.T @ (weight[:, None] * inner) + np.diag([0.0, *np.ones(len(known))])  # the ridge of C = 1
    error = np.sqrt(np.diag(np.linalg.inv(information)))[1:]
    rows = []
    for place, term in enumerate(known):
        if not scaled[:, place].any():  # alike for all customers, as where no categories are known
            continue
        low, high = coef[place] - measures.Z * error[place], coef[place] + measures.Z * error[place]
        words = message("reason-unclear") if low <= 0 <= high else message(
            "reason-odds", term=TERMS[term], chance="higher" if coef[place] > 0 else "lower")
        rows.append((message("term", term=TERMS[term]), "odds", *np.exp([coef[place], low, high]).tolist(), words))
    return rows


def _shuffled(model: FittedModel, window: Window) -> list[tuple]:
    some, rng = window.some(MOST_SHUFFLED), np.random.default_rng(kept.SEED)
    asked = some.features[["recency_days", "days_bought", "age_days"]].to_numpy() if model.key == "bg_nbd" else design(
        some.features)

    def chances(values: np.ndarray) -> np.ndarray:
        if model.key != "bg_nbd":
            return model.model.predict_proba(values)[:, 1]
        recency, days, age = values.T  # put together at random, and then as a history can be
        recency = np.where(days == 1, age, np.minimum(recency, age))
        return model.of(some.features.assign(recency_days=recency, days_bought=days, age_days=age))

    whole, rows = measures.auc(some.bought, chances(asked))[0], []
    for place in range(asked.shape[1]):
        falls = []
        for _ in range(SHUFFLES):
            mixed = asked.copy()
            mixed[:, place] = rng.permutation(mixed[:, place])
            falls.append(whole - measures.auc(some.bought, chances(mixed))[0])
        mean, half = np.mean(falls), measures.Z * np.std(falls, ddof=1) / math.sqrt(SHUFFLES)
        words = message("reason-unclear" if mean - half <= 0 else "reason-order")
        rows.append((message("term", term=TERMS[place]), "fall in AUC", mean, mean - half, mean + half, words))
    return rows


# ---------------------------------------------------------------- what is said
def _answer(winner: str, scores: pd.DataFrame, horizon_days: int) -> Message:
    """Shares of buyers only, which tell of no person."""
    gained = scores.groupby("model")["gained"].mean()
    ours, plain = (Number(gained[key], "share", digits=0) for key in (winner, "recency"))
    facts = {"horizon": horizon_days, "tests": scores["origin"].nunique(), "share": ours}
    if winner in ("base_rate", "recency"):
        return message("buyers-untold" if winner == "base_rate" else "buyers-by-recency", **facts)
    nearly = "yes" if gained[winner] - gained["recency"] < WORTH else "no"
    return message("buyers-by-model", **facts, model=winner, recency=plain, nearly=nearly)


def _today(winner: str, fitted: FittedModel | None) -> list[Message]:
    """What to know where the latest period was too small to fit the winner again."""
    if fitted is None:
        return [message("chances-untold-today")]
    return [] if fitted.key == winner else [message("chances-by-recency-today"), message("other-chance")]


def contact_sentence(result: Repurchase) -> Message | None:
    """Whom it would have paid to contact; None where nothing was compared."""
    if result.at_threshold.empty:
        return None
    row, beside = result.at_threshold.iloc[0], result.at_threshold.iloc[1]
    worth = 1 / row["threshold"]
    facts = {"worth": Number(worth, "orders", digits=0 if worth.is_integer() else 1),
             "threshold": Number(row["threshold"], "share", digits=0)}
    if not row["contacted"]:
        return message("contact-nobody", **facts)
    shares = {"contacted": row["contacted"] / row["customers"], "precision": row["precision"], "recall": row["recall"],
              "precision_recency": beside["precision"], "recall_recency": beside["recall"]}
    return message("contact", **facts, beside="no" if result.winner == "recency" else "yes",
                   **{name: Number(share, "share", digits=0) for name, share in shares.items()})


def reasons_shown(reasons: pd.DataFrame) -> pd.DataFrame:
    """`Repurchase.reasons` for a reader: term, effect, interval, words. Odds are factors ("× 1.35"), a fall in AUC is
    in points of a hundred, each with as many digits as tell it from nothing."""
    def written(row: pd.Series, name: str) -> Message:
        odds = row["measure"] == "odds"
        return message("odds-factor" if odds else "points", value=Number(row[name] * (1 if odds else 100), "orders",
                                                                         digits=2 if odds else 1))

    rows = [(row["term"], written(row, "effect"), message("from-to", low=written(row, "low"),
                                                          high=written(row, "high")), row["words"])
            for _, row in reasons.iterrows()]
    return pd.DataFrame(rows, columns=["term", "effect", "interval", "words"])


def _not_yet(history: Days, orders: pd.DataFrame, pairs: list, horizon_days: int) -> Repurchase:
    """Why nothing could be compared, what it would take, and the chances that can be had all the same."""
    facts, customers = {"horizon": horizon_days, "least": FEWEST.each_way}, len(history.ids)
    if not customers:
        return Repurchase(horizon_days=horizon_days, sentences=(message("buyers-no-customers", **facts),))
    start, end = (moment.date() for moment in span(orders))
    now, study = features_at(history, end), history.some(MOST_STUDIED, seed=kept.SEED)
    if not pairs:
        why = message("buyers-too-short", **facts, takes=3 * horizon_days, known=(end - start).days)
    elif (now["days_bought"] < 2).all():
        why = message("buyers-none-again", **facts, customers=Persons(customers))
    else:
        small = max((min(pair, key=lambda window: window.fewest) for pair in pairs), key=lambda window: window.fewest)
        bought, n = int(small.bought.sum()), len(small.bought)
        why = message("buyers-too-few", **facts, start=small.start, bought=Persons(bought, of=n),
                      others=Persons(n - bought, of=n))
    fitted = _latest("recency", _window(study, end - timedelta(days=horizon_days), horizon_days), seen=now)
    until = [message("chances-untested"), message("other-chance")] if fitted else [message("no-chances")]
    return Repurchase(horizon_days=horizon_days, sentences=(why, *until), fitted=fitted, chances=_chances(fitted, now))


def _sampled(history: Days, study: Days) -> Message | None:
    everybody, some = len(history.ids), len(study.ids)
    return None if some == everybody else message("models-sampled", some=Persons(some), customers=Persons(everybody))
