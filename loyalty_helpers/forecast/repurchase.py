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
from scipy import stats
from scipy.special import expit
from threadpoolctl import threadpool_limits

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.evaluation import glm
from loyalty_helpers.findings import NAN, Finding, amount, capital, count, number
from loyalty_helpers.forecast import measures
from loyalty_helpers.forecast.bg_nbd import fit_bg_nbd
from loyalty_helpers.forecast.features import TERMS, History, design
from loyalty_helpers.forecast.kept import MODELS, SEED, FittedModel, bg_nbd_odds, columns, estimator, visits
from loyalty_helpers.intervals import Share

CONFIDENCE, Z = 0.95, 1.959964
# buyers, and as many who do not buy, that each window of a comparison needs: fitted on fewer, the logistic regression
# had a larger log loss than the last order alone (CDNOW, two kinds of simulated shops, 60 draws each: at 30 by .007,
# .004, .013; at 50 by .000, -.007, .000; at 100, ten per term, by -.014, -.013, -.011)
FEWEST = 50
FEWEST_ONE = 10  # of both for the time since the last order alone: ten per variable (Peduzzi & al. 1996)
MOST_STUDIED = 50_000  # customers, drawn at random where there are more; all of them are scored
MOST_FITTED, MOST_FITTED_SVM = 20_000, 2_000  # rows a model is fitted on; the time of an SVM grows with their square
GROUPS = 10
STEPS = np.linspace(0, 1, 21)  # shares of customers in the table of gains
SHUFFLES, MOST_SHUFFLED = 5, 5_000
# two chances bear one name: a reader who finds both must know which is which
OTHER = ("The chance to buy in the action list, where one is given, is another: the forecast's, from how often and how "
         "lately each customer bought.")
WORTH = 0.01  # of the buyers: what a model finds beyond sorting by the last order has to be more to be spoken of
CONTACT_COST, GAIN = 1.0, 5.0  # by default somebody who buys is worth five contacts
# the models that need more than the last order, for the owner; the appendix calls them by their names
PLAIN = {
    "bg_nbd": "how often and how lately each customer bought",
    "logistic": "how lately, how often and for how much each customer bought, weighed together",
    "tree": "a few yes-or-no questions about past orders",
} | dict.fromkeys(("forest", "boosting", "svm"), "a model of many small rules about past orders")

SCORES = ("model", "origin", "customers", "buyers", "auc", "average_precision", "brier", "log_loss",
          "calibration_slope", "calibration_intercept", "lift", "gained", "expected", "total_error")
SUMMARY = ("model", "name", "auc", "auc_se", "behind", "behind_se", "average_precision", "brier", "brier_se",
           "log_loss", "log_loss_se", "calibration_slope", "lift", "total_error", "winner")
CALIBRATION = ("customers", "buyers", "expected", "bought", "low", "high")
GAINS = ("contacted", "winner", "recency")
AT_THRESHOLD = ("rule", "threshold", "customers", "contacted", "precision", "low", "high", "recall", "f1")
REASONS = ("term", "measure", "effect", "low", "high", "words")


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))


@dataclass(frozen=True, kw_only=True)
class Repurchase:
    """What `repurchase` found. Without a comparison the tables are empty, and `sentence` says what it would take.

    `scores`: one row per model and origin; `summary`: means over the origins with standard errors, simplest first;
    `winner`: its key in MODELS, "" where none was found. Of the winner: `calibration` (tenths by chance: customers,
    expected, bought, low, high), `gains` (share of customers contacted -> share of the buyers among them, for the
    winner and for sorting by the last order), `at_threshold` (see `repurchase`), `reasons` (term in words, effect,
    low, high, words). `fitted`: the model for today, or None; `chances`: customer_id, chance of every customer today.
    """

    horizon_days: int
    sentence: str
    scores: pd.DataFrame = field(default_factory=partial(_empty, SCORES))
    summary: pd.DataFrame = field(default_factory=partial(_empty, SUMMARY))
    winner: str = ""
    calibration: pd.DataFrame = field(default_factory=partial(_empty, CALIBRATION))
    gains: pd.DataFrame = field(default_factory=partial(_empty, GAINS))
    at_threshold: pd.DataFrame = field(default_factory=partial(_empty, AT_THRESHOLD))
    reasons: pd.DataFrame = field(default_factory=partial(_empty, REASONS))
    findings: tuple[Finding, ...] = ()
    fitted: FittedModel | None = None
    chances: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(
        {"customer_id": pd.Series(dtype="str"), "chance": pd.Series(dtype="float64")}))
    sampled: str = ""  # what was studied on a part of the customers, in words; "" where all of them were


# ---------------------------------------------------------------- the steps
def origins(orders: pd.DataFrame, *, horizon_days: int = 91, most: int = 4) -> list[date]:
    """The moments at which models can be tried, at most `most`, earliest first.

    The last one is `horizon_days` before the end of the data, the others as far before each other. Before each there
    must be `horizon_days` to learn from and as many again of history: it takes three times the horizon for one.
    """
    if orders.empty:
        return []
    start, end = orders["ordered_at"].min().date(), _end(orders)
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
    if moments and (orders.empty or moments[-1] + horizon > _end(orders)):
        raise UserError(f"Who buys in the {horizon_days} days from {moments[-1]} is not known to the end yet: the "
                        "origin must be earlier.")
    history = History.of(orders)
    study = history.some(MOST_STUDIED, seed=SEED)
    windows = _windows(study, {origin - back for origin in moments for back in (horizon, 0 * horizon)}, horizon_days)
    pairs = [(windows[origin - horizon], windows[origin]) for origin in moments]
    usable = [(before, after) for before, after in pairs if min(before.fewest, after.fewest) >= FEWEST]
    if not usable:
        return _not_yet(history, orders, pairs, horizon_days)
    tried = pd.concat([_tried(before, after) for before, after in usable], ignore_index=True)
    scores, summary = _scores(tried), _summary(tried)
    winner = summary.loc[summary["winner"], "model"].item()
    end = _end(orders)
    latest = _windows(study, {end - horizon}, horizon_days)[end - horizon]
    fitted = _latest(winner, latest, seen=study.at(end))
    chosen = tried[tried["model"] == winner]
    found = _findings(scores[scores["model"] == winner], horizon_days)
    return Repurchase(
        horizon_days=horizon_days, sentence=_sentence(winner, scores, horizon_days) + _today(winner, fitted),
        scores=scores,
        summary=summary, winner=winner, calibration=_calibration(chosen), gains=_gains(tried, winner),
        at_threshold=_at_threshold(tried, winner, contact_cost / gain), reasons=_reasons(winner, *usable[-1]),
        findings=found, fitted=fitted, chances=_chances(fitted, history.at(end)),
        sampled=_sampled(history, study))


def _end(orders: pd.DataFrame) -> date:
    """The day after the last row."""
    return orders["ordered_at"].max().date() + timedelta(days=1)


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
        drawn = np.sort(np.random.default_rng(SEED).choice(len(self.bought), most, replace=False))
        return Window(self.start, self.days, self.features.iloc[drawn], self.bought[drawn])


def _windows(history: History, starts: set[date], days: int) -> dict[date, Window]:
    known = {start: history.at(start) for start in sorted(starts)}
    return {start: Window(start, days, features, history.bought(features["customer_id"], start, days))
            for start, features in known.items()}


# ---------------------------------------------------------------- fitting and trying
def fit(key: str, window: Window, *, seen: pd.DataFrame) -> FittedModel:
    """A model fitted on a window: its customers at the start, and who bought to the end.

    The BG/NBD needs no outcome: it learns from histories alone, and may use all that has been `seen` by the moment for
    which it is asked (features at that moment). Of the window it takes how far its chances have to be stretched.
    """
    some = window.some(MOST_FITTED_SVM if key == "svm" else MOST_FITTED)
    if key == "bg_nbd":
        fitted: object = (*_bg_nbd(seen), *_stretch(window))
    else:
        fitted = estimator(key).fit(design(some.features)[:, columns(key)], some.bought)
    return FittedModel(key=key, fitted=fitted, horizon_days=window.days, trained_from=window.start,
                       trained_until=window.start + timedelta(days=window.days), customers=len(some.bought),
                       base_rate=float(some.bought.mean()))


def _bg_nbd(seen: pd.DataFrame) -> tuple[float, float, float, float]:
    model = fit_bg_nbd(*visits(seen))
    return model.r, model.alpha, model.a, model.b


def _stretch(window: Window) -> tuple[float, float]:
    """Level and slope for the log odds of a BG/NBD, from those it would have had at the start of the window.

    The slope makes high chances as high, and low ones as low, as the window showed them (Platt 1999). The mean stays
    the model's own: that of one window is the level of its season. On the sample the slope is 1.2, on CDNOW and Online
    Retail near 1; the log loss there is the same or better, and worse with the level of the window.
    """
    odds = bg_nbd_odds(_bg_nbd(window.features), window.features, window.days)
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
                      for key in MODELS], ignore_index=True)


def _latest(key: str, window: Window, *, seen: pd.DataFrame) -> FittedModel | None:
    """The winner fitted on the latest whole window; where that is too small, the time since the last order alone."""
    if window.fewest >= FEWEST:
        return fit(key, window, seen=seen)
    return fit("recency", window, seen=seen) if window.fewest >= FEWEST_ONE else None


def _chances(fitted: FittedModel | None, now: pd.DataFrame) -> pd.DataFrame:
    asked = now if fitted is not None else now.iloc[:0]
    chance = fitted.of(asked) if fitted is not None else np.zeros(0)
    return pd.DataFrame({"customer_id": asked["customer_id"], "chance": chance})


# ---------------------------------------------------------------- judging
def _scores(tried: pd.DataFrame) -> pd.DataFrame:
    """SCORES by model and origin. `lift`: buyers among the tenth with the highest chances over those of a tenth by
    chance; `gained`: their share of all buyers; `total_error`: buyers expected over buyers who came, less 1."""
    rows = []
    for (model, origin), asked in tried.groupby(["model", "origin"], sort=False):
        bought, chances = asked["bought"].to_numpy(), asked["chance"].to_numpy()
        gained = float(measures.gains(bought, chances, np.array([measures.TOP]))[0])
        rows.append((model, origin, len(bought), int(bought.sum()), measures.auc(bought, chances)[0],
                     measures.average_precision(bought, chances), measures.brier(bought, chances).mean(),
                     measures.log_loss(bought, chances).mean(), *measures.calibration(bought, chances),
                     gained / measures.TOP, gained, chances.sum(), chances.sum() / bought.sum() - 1))
    return pd.DataFrame(rows, columns=list(SCORES))


def _summary(tried: pd.DataFrame) -> pd.DataFrame:
    """SUMMARY by model, simplest first: means over the origins, with standard errors of AUC, Brier score, log loss.

    `behind` is the mean difference in AUC to the best model, and `behind_se` its error: the larger of what chance
    makes among customers (each counted once, with what it adds at all origins) and what the differences at the
    origins vary by. With two to four origins neither would be enough alone: one cannot see that seasons differ, the
    other rests on so few numbers that it may come out as nil.
    """
    asked = tried[tried["model"] == next(iter(MODELS))]
    who, moment = pd.factorize(asked["customer_id"])[0], pd.factorize(asked["origin"])[0]
    means, areas, parts = _scores(tried).groupby("model", sort=False).mean(numeric_only=True), {}, {}
    for key, said in tried.groupby("model", sort=False):
        bought, chances = said["bought"].to_numpy(), said["chance"].to_numpy()
        found = [measures.auc(bought[moment == k], chances[moment == k]) for k in range(moment.max() + 1)]
        areas[key] = np.array([area for area, _ in found])
        losses = [_centered(loss(bought, chances), moment) for loss in (measures.brier, measures.log_loss)]
        parts[key] = [(areas[key], np.concatenate([errors for _, errors in found])), *losses]
    best = max(areas, key=lambda key: areas[key].mean())  # of equals the simplest
    table = pd.DataFrame({"model": list(MODELS), "name": list(MODELS.values())}).set_index("model")
    for column, place in (("auc", 0), ("brier", 1), ("log_loss", 2)):
        table[f"{column}_se"] = [_error(*parts[key][place], who) for key in MODELS]
    table["behind"] = [float((areas[best] - areas[key]).mean()) for key in MODELS]
    table["behind_se"] = [_error(areas[best] - areas[key], parts[best][0][1] - parts[key][0][1], who)
                          for key in MODELS]
    within = table["behind"] <= table["behind_se"]
    table = table.join(means[[name for name in SUMMARY if name in means]])
    return table.assign(winner=table.index == within.idxmax()).reset_index()[list(SUMMARY)]


def _centered(losses: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean loss at each origin, and what each customer adds to its error."""
    sizes = np.bincount(moment)
    means = np.bincount(moment, weights=losses) / sizes
    return means, (losses - means[moment]) / sizes[moment]


def _error(values: np.ndarray, errors: np.ndarray, who: np.ndarray) -> float:
    """Standard error of the mean of `values` over the origins, as `_summary` says."""
    by_customer = np.bincount(who, weights=errors) / len(values)
    spread = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(max(np.sqrt((by_customer**2).sum()), spread))


def _calibration(chosen: pd.DataFrame) -> pd.DataFrame:
    """Tenths of the customers by chance, all origins together: chances said, and the share who bought (Wilson)."""
    rank = (chosen["chance"].rank() - 0.5) / len(chosen)
    groups = chosen.groupby(np.floor(rank * GROUPS).astype(int).rename("tenth"))
    table = groups.agg(customers=("bought", "size"), buyers=("bought", "sum"), expected=("chance", "mean"))
    levels = [Share(hits, n).level(CONFIDENCE)[:3] for hits, n in zip(table["buyers"], table["customers"], strict=True)]
    shares = pd.DataFrame(levels, columns=["bought", "low", "high"], index=table.index)
    return table.join(shares).reset_index(drop=True)[list(CALIBRATION)]


def _gains(tried: pd.DataFrame, winner: str) -> pd.DataFrame:
    """contacted (share of customers, highest chances first), and the share of all buyers among them, meaned over the
    origins: by the winner, and by the last order."""
    def curve(model: str) -> np.ndarray:
        return np.mean([measures.gains(asked["bought"].to_numpy(), asked["chance"].to_numpy(), STEPS)
                        for _, asked in tried[tried["model"] == model].groupby("origin")], axis=0)

    return pd.DataFrame({"contacted": STEPS, "winner": curve(winner), "recency": curve("recency")})


def _at_threshold(tried: pd.DataFrame, winner: str, threshold: float) -> pd.DataFrame:
    """What contacting everybody with a chance of `threshold` or more would have meant, all origins together.

    rule, threshold, customers, contacted, precision (share of the contacted who bought, with Wilson's interval low,
    high), recall (share of the buyers contacted), f1; for the winner, sorting by the last order, and everybody.
    """
    rules = {MODELS[key]: (key, threshold) for key in dict.fromkeys((winner, "recency"))} | {"everybody": (winner, 0.0)}
    rows = []
    for rule, (key, least) in rules.items():
        asked = tried[tried["model"] == key]
        contacted = asked["chance"] >= least
        hits, n, buyers = int((contacted & asked["bought"]).sum()), int(contacted.sum()), int(asked["bought"].sum())
        precision = Share(hits, n).level(CONFIDENCE)[:3] if n else (NAN, NAN, NAN)
        rows.append((rule, least, len(asked), n, *precision, hits / buyers, 2 * hits / (n + buyers)))
    return pd.DataFrame(rows, columns=list(AT_THRESHOLD))


# ---------------------------------------------------------------- reasons
def _reasons(winner: str, before: Window, after: Window) -> pd.DataFrame:
    """What the winner goes by at the last origin: term, measure, effect, low, high, words; the most telling first.

    Of the logistic regressions: by what factor the odds change with one usual step (standard deviation) of a term,
    the others unchanged, with Wald's interval. Of other models: by how much the AUC falls when a term is shuffled
    among the customers of the next window (Breiman 2001), with the interval of SHUFFLES rounds.
    """
    if winner == "base_rate":
        return _empty(REASONS)
    model = fit(winner, before, seen=after.features)
    rows = _odds(model, before.some(MOST_FITTED)) if winner in ("recency", "logistic") else _shuffled(model, after)
    strength = [abs(math.log(row[2])) if row[1] == "odds" else row[2] for row in rows]
    return pd.DataFrame([rows[place] for place in np.argsort(strength, kind="stable")[::-1]], columns=list(REASONS))


def _odds(model: FittedModel, window: Window) -> list[tuple]:
    known = columns(model.key)
    scaled = model.fitted[:-1].transform(design(window.features)[:, known])
    coef, weight = model.fitted[-1].coef_[0], model.fitted.predict_proba(design(window.features)[:, known]).prod(axis=1)
    inner = np.column_stack([np.ones(len(scaled)), scaled])
    information = inner.T @ (weight[:, None] * inner) + np.diag([0.0, *np.ones(len(known))])  # the ridge of C = 1
    error = np.sqrt(np.diag(np.linalg.inv(information)))[1:]
    rows = []
    for place, term in enumerate(known):
        if not scaled[:, place].any():  # alike for all customers, as where no categories are known
            continue
        low, high = coef[place] - Z * error[place], coef[place] + Z * error[place]
        words = ("no clear difference" if low <= 0 <= high else
                 f"{TERMS[term].more}: a {'higher' if coef[place] > 0 else 'lower'} chance")
        rows.append((TERMS[term].words, "odds", *np.exp([coef[place], low, high]).tolist(), words))
    return rows


def _shuffled(model: FittedModel, window: Window) -> list[tuple]:
    some, rng = window.some(MOST_SHUFFLED), np.random.default_rng(SEED)
    asked = some.features[["recency_days", "days_bought", "age_days"]].to_numpy() if model.key == "bg_nbd" else design(
        some.features)

    def chances(values: np.ndarray) -> np.ndarray:
        if model.key != "bg_nbd":
            return model.fitted.predict_proba(values)[:, 1]
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
        mean, half = np.mean(falls), Z * np.std(falls, ddof=1) / math.sqrt(SHUFFLES)
        words = "no clear difference" if mean - half <= 0 else "the order of the customers rests on it"
        rows.append((TERMS[place].words, "fall in AUC", mean, mean - half, mean + half, words))
    return rows


# ---------------------------------------------------------------- in words
def _findings(scores: pd.DataFrame, horizon_days: int) -> tuple[Finding, ...]:
    """Of the winner: how many of the first tenth bought, beside all customers; and how far the totals were off."""
    n, buyers = int(scores["customers"].sum()), int(scores["buyers"].sum())
    top, hits = round(n * measures.TOP), float((scores["gained"] * scores["buyers"]).sum())
    rows = (("customers with the highest chance (the first tenth) who bought", min(hits, top), top),
            ("all customers who bought", buyers, n))
    shares = []
    for label, bought, of in rows:
        estimate, low, high, _, method = Share(bought, of).level(CONFIDENCE)
        shares.append(Finding(label=f"{label} in the {horizon_days} days", unit="share", estimate=estimate, low=low,
                              high=high, n=of, n_noun="customer", method=method,
                              note=f"{count(len(scores), 'test')} on periods the model had not seen, taken together"))
    logs, half = np.log1p(scores["total_error"].to_numpy()), NAN
    if len(logs) > 2:  # what the next period may bring, not where the mean lies
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(logs) - 1) * logs.std(ddof=1) * math.sqrt(1 + 1 / len(logs)))
    estimate, low, high = (math.expm1(logs.mean() + way * half) if way else math.expm1(logs.mean())
                           for way in (0, -1, 1))
    total = Finding(label="expected buyers beyond those who came", unit="lift", estimate=estimate, low=low, high=high,
                    n=len(logs), n_noun="test", method="prediction interval, on the logarithm, from tests in the past")
    return (*shares, total)


def _sentence(winner: str, scores: pd.DataFrame, horizon_days: int) -> str:
    """The answer in plain words; shares of buyers only, which tell of no person."""
    gained, tests = scores.groupby("model")["gained"].mean(), scores["origin"].nunique()
    who = f"Who buys in the next {horizon_days} days"
    tried = (f"in {count(tests, 'test')} on periods that nothing had been fitted to" if tests > 1 else
             "in the one test, on a period that nothing had been fitted to")
    first = f"the tenth of customers it puts first held {amount(gained[winner], 'share', digits=0)} of the buyers"
    if winner == "base_rate":
        return f"{who} cannot be told from past orders: {tried}, no way of sorting did better than chance."
    if winner == "recency":
        return f"{who}: sorting by the last purchase does as well as any model. {capital(tried)}, {first}."
    sorted_by = amount(gained["recency"], "share", digits=0)
    nearly = (" In practice sorting by the last purchase does nearly as well."
              if gained[winner] - gained["recency"] < WORTH else "")
    return (f"{who} is told best by {PLAIN[winner]}. {capital(tried)}, {first}; sorting by the last purchase alone, "
            f"{sorted_by}.{nearly}")


def _today(winner: str, fitted: FittedModel | None) -> str:
    """What to know where the latest period was too small to fit the winner again."""
    few = " In the latest period too few customers bought to fit it again"
    return (f"{few}, so no chances are given for today." if fitted is None else
            "" if fitted.key == winner else
            f"{few}: today's chances rest on the time since the last order alone. {OTHER}")


def contact_sentence(result: Repurchase) -> str:
    """Whom it would have paid to contact; "" where nothing was compared."""
    if result.at_threshold.empty:
        return ""
    row = result.at_threshold.iloc[0]
    worth = number(1 / row["threshold"], 0 if (1 / row["threshold"]).is_integer() else 1)
    rule = (f"If reaching somebody who buys is worth {worth} times what a contact costs, it pays to contact "
            f"everybody with a chance of {amount(row['threshold'], 'share', digits=0)} or more")
    caution = "How many of them bought because of a contact, this cannot tell."
    if not row["contacted"]:
        return f"{rule}: in the tests, nobody. {caution}"
    return (f"{rule}: in the tests {amount(row['contacted'] / row['customers'], 'share', digits=0)} of the customers. "
            f"Of these {amount(row['precision'], 'share', digits=0)} bought, and they were "
            f"{amount(row['recall'], 'share', digits=0)} of all buyers.{_by_recency(result)} {caution}")


def _by_recency(result: Repurchase) -> str:
    """The same of plain sorting by the last purchase, where that is not what won."""
    rows = result.at_threshold.set_index("rule")
    if result.winner == "recency" or MODELS["recency"] not in rows.index:
        return ""
    precision, recall = (amount(rows.loc[MODELS["recency"], name], "share", digits=0)
                         for name in ("precision", "recall"))
    return f" By the time since the last order alone it would have been {precision}, and {recall} of all buyers."


def reasons_shown(reasons: pd.DataFrame) -> pd.DataFrame:
    """`Repurchase.reasons` for a reader, each number with as many digits as tell it from nothing.

    Returns term, effect, interval, words. Odds are written as factors ("× 1.35"); a fall in AUC in points of a hundred.
    """
    odds = reasons["measure"].eq("odds")
    text = {name: [f"× {number(value, 2)}" if is_odds else f"{number(100 * value, 1)} pp"
                   for value, is_odds in zip(reasons[name], odds, strict=True)] for name in ("effect", "low", "high")}
    return pd.DataFrame({
        "term": reasons["term"], "effect": pd.Series(text["effect"], index=reasons.index, dtype="str"),
        "interval": pd.Series([f"{low} to {high}" for low, high in zip(text["low"], text["high"], strict=True)],
                              index=reasons.index, dtype="str"), "words": reasons["words"]})


def _not_yet(history: History, orders: pd.DataFrame, pairs: list, horizon_days: int) -> Repurchase:
    """Why nothing could be compared, what it would take, and the chances that can be had all the same."""
    who = f"Who buys in the next {horizon_days} days cannot be told yet"
    takes = (f"It takes {FEWEST} customers who buy, and {FEWEST} who do not, in each of two consecutive periods of "
             f"{horizon_days} days")
    if not len(history.customers):
        return Repurchase(horizon_days=horizon_days, sentence=f"{who}: no order carries a customer. {takes}.")
    span = (_end(orders) - orders["ordered_at"].min().date()).days
    if not pairs:
        sentence = (f"{who}: that takes {count(3 * horizon_days, 'day')} of orders, a third each for the past, to "
                    f"learn and to test; there are {count(span, 'day')}.")
    elif (history.at(_end(orders))["days_bought"] < 2).all():
        sentence = f"{who}: none of {count(len(history.customers), 'customer')} has bought a second time. {takes}."
    else:
        small = max((min(pair, key=lambda window: window.fewest) for pair in pairs), key=lambda window: window.fewest)
        bought = int(small.bought.sum())
        sentence = (f"{who}: too few customers. {takes}; in the period from {small.start:%Y-%m-%d} on there were "
                    f"{count(bought, 'customer')} who bought and {count(len(small.bought) - bought, 'customer')} who "
                    "did not.")
    start, now = _end(orders) - timedelta(days=horizon_days), history.at(_end(orders))
    study = history.some(MOST_STUDIED, seed=SEED)
    window = _windows(study, {start}, horizon_days)[start]
    fitted = fit("recency", window, seen=now) if window.fewest >= FEWEST_ONE else None
    until = (" Until then the chances of this comparison rest on the time since the last order alone, and are not "
             f"tested. {OTHER}" if fitted else " Until then no chances are given.")
    return Repurchase(horizon_days=horizon_days, sentence=sentence + until, fitted=fitted,
                      chances=_chances(fitted, now))


def _sampled(history: History, study: History) -> str:
    everybody, some = len(history.customers), len(study.customers)
    return "" if some == everybody else (
        f"The models were compared on {some:,} of the {everybody:,} customers, drawn at random; all have their chance.")
