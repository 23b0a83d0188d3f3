"""What goes with loyalty: who buys again, and which ratings go with recommending the shop.

Everything here is correlation. What goes with buying again need not bring it about, and no sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core import glm
from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.intervals import Mean
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import DAY, FEWEST, YEAR, purchases, span
from loyalty_helpers.core.scales import scale as scale_of
from loyalty_helpers.customers import tables
from loyalty_helpers.evaluation.said import counted, joined
from loyalty_helpers.evaluation.weeks import UNLISTED, Frames, first_joining

FOLLOW, PAST = 91 * DAY, YEAR  # the outcome is seen over the first, after behavior over the second
EVENTS_EACH = 10  # buyers (and, for odds, others) for each variable of a model (Peduzzi et al. 1996)
COLLINEAR = 0.9  # R squared on the variables before it, above which a variable says nothing of its own
COLUMNS = ["driver", "estimate", "low", "high", "sentence"]
UNSURE = "unsure"
QUADRANTS = ("fix", "keep", "watch", "fine", UNSURE)
KEY_COLUMNS = ["driver", "importance", "importance_low", "importance_high", "performance", "performance_low",
               "performance_high", "importance_cut", "performance_cut", "quadrant", "sentence"]


@dataclass(frozen=True)
class Variable:
    """One driver of one model: what it is called, what kind it is, and a value for each customer."""

    label: Message
    kind: str  # behavior, survey, membership
    values: pd.Series  # by customer_id; missing where unknown
    why_not: Message | None = None
    yes_no: bool = False  # 1 and 0; else in standard deviations


# ---------------------------------------------------------------- who buys again
def drivers(frames: Frames, *, scales: Mapping[str, tuple[float, float]] | None = None,
            confidence: float = 0.95) -> pd.DataFrame:
    """What goes with buying again in the 91 days before the end of the data.

    Of customers with an order in the year before those days; everything about them is taken from before. Behavior:
    orders in that year, recency, tenure, mean order (these as logarithms), categories, refunds, ratings given;
    membership; and each `driver_...` question of the survey (the latest answer; `scales` as for `key_drivers`).
    A logistic regression gives odds ratios, with HC3 standard errors and Student's t (MacKinnon & White 1985), for one
    standard deviation more (of the customers in the model), for a yes or no against its opposite.

    What is known of every customer stands in one model; whatever is known of some only (ratings, answers) in a model
    of its own, beside the former. With fewer than ten buyers, and others, per variable only the first of a fixed order
    stay: orders, recency, membership, tenure, mean order, categories, refunds. Levels of membership are left out: the
    list tells today's, which may have been earned in the very weeks to be foretold.

    Columns: driver, estimate, low, high, sentence. The strongest first; a driver that cannot be told has nan as its
    estimate and the reason in its sentence, and stands last. Ready for a dot plot on a log axis with its line at 1.
    """
    again, variables = _customers(frames, scales or {})
    whole = [one for one in variables if not one.why_not and one.values.notna().all()]
    main = _model(whole, again, confidence)
    first = [one for one, row in zip(whole, main, strict=True) if np.isfinite(row["estimate"])]
    own = [row for one in variables if not any(one is other for other in whole)
           for row in _own_model(one, first, again, confidence)]
    rows = sorted(main + own, key=lambda row: -abs(np.log(row["estimate"])) if row["estimate"] > 0 else 1)
    return pd.DataFrame(rows, columns=COLUMNS)


def drivers_sentence(table: pd.DataFrame) -> Message:
    """What stands out in the table of `drivers`, in one paragraph; the reason where nothing can be told."""
    told = table[table["estimate"].notna()]
    if told.empty:
        return message("drivers-untold", why=table["sentence"].iloc[0])
    clear = told[(told["low"] > 1) | (told["high"] < 1)]
    things = counted(len(told), "thing")
    if clear.empty:
        return message("drivers-unclear", things=things)
    return message("drivers-told", things=things, n=len(clear), strongest=clear["sentence"].iloc[0])


def _customers(frames: Frames, scales: Mapping) -> tuple[pd.Series, list[Variable]]:
    """Whether each customer of the year before the origin bought again, and all variables, the important ones first."""
    orders = frames["orders"]
    bought = purchases(orders, known=True)
    origin = span(orders).end - FOLLOW if len(orders) else pd.Timestamp(0)
    at = bought["ordered_at"]
    recent = bought.loc[(at < origin) & (at >= origin - PAST), "customer_id"].value_counts().sort_index()
    later = bought.loc[at >= origin, "customer_id"].value_counts().reindex(recent.index, fill_value=0)
    earlier = orders[orders["ordered_at"] < origin]
    known = tables.customers(earlier, as_of=origin).set_index("customer_id").reindex(recent.index)
    paid = bought[at < origin].groupby("customer_id")["amount"].mean().reindex(recent.index)
    refunded = earlier.loc[earlier["is_refund"] & (earlier["ordered_at"] >= origin - PAST), "customer_id"]
    has_refund = pd.Series(recent.index.isin(refunded), recent.index, dtype=float)
    variables = [
        _behavior("orders", np.log(recent.astype(float))),
        _behavior("recency", np.log1p(known["recency_days"])),
        _membership(frames, recent.index, origin),
        _behavior("tenure", np.log1p(known["tenure_days"])),
        _behavior("order-value", np.log1p(paid.clip(lower=0) / max(paid.median(), 1e-9))),
        _behavior("categories", known["categories"]),
        _behavior("refund", has_refund, yes_no=True),
        _behavior("stars", known["rating"]),
        *_answers_before(frames.get("survey"), recent.index, origin, scales),
    ]
    tiers = frames["members"].get("tier") if "members" in frames else None
    if tiers is not None and tiers.nunique() > 1:
        variables.append(Variable(message("driver-tier"), "membership", pd.Series(NAN, recent.index),
                                  message("driver-tier-today")))
    return (later > 0).astype(float), variables


def _behavior(name: str, values: pd.Series, *, yes_no: bool = False) -> Variable:
    return Variable(message(f"driver-{name}"), "behavior", values, yes_no=yes_no)


def _membership(frames: Frames, customers: pd.Index, origin: pd.Timestamp) -> Variable:
    members = first_joining(frames)
    inside = members[(members["joined_at"] < origin) & ~(members["left_at"] < origin)]
    return Variable(message("driver-member"), "membership",
                    pd.Series(customers.isin(inside["customer_id"]), customers, dtype=float),
                    UNLISTED if members.empty else None, yes_no=True)


def _answers_before(survey: pd.DataFrame | None, customers: pd.Index, origin: pd.Timestamp,
                    scales: Mapping) -> list[Variable]:
    if survey is None:
        return []
    before = survey[survey["customer_id"].notna() & (survey["answered_at"] < origin)].sort_values(
        "answered_at", kind="stable")
    last = before.groupby("customer_id").last()  # the last known answer to each question
    return [Variable(message("driver-rating", of=_name(question)), "survey",
                     _position(last[question], scale_of(survey[question], question, scales)).reindex(customers))
            for question in _questions(survey)]


# ---------------------------------------------------------------- the models
def _own_model(one: Variable, beside: list[Variable], y: pd.Series, confidence: float) -> list[dict]:
    """The row of a variable that is not known of everybody, among those of whom it is."""
    known = one.values.index[one.values.notna()]
    if one.why_not or len(known) < FEWEST.units:
        why_not = one.why_not or message("driver-known-of", n=Persons(len(known)))
        return [_row(one, len(known), confidence, why_not=why_not)]
    among = [replace(v, values=v.values[known]) for v in (one, *beside)]
    return _model(among, y[known], confidence)[:1]


def _model(variables: list[Variable], y: pd.Series, confidence: float) -> list[dict]:
    """One row per variable of a single model of `y` (index: customer_id), in the order of `variables`."""
    again = int(y.sum())
    room, kept, columns, reasons = min(again, len(y) - again) // EVENTS_EACH, [], [np.ones(len(y))], {}
    for place, one in enumerate(variables):
        x = one.values.to_numpy(dtype=float)
        why_not = _too_few(again, len(y)) if room == 0 else _unfit(one, x, y, columns)
        if not why_not and len(kept) == room:
            why_not = message("driver-crowded", buyers=counted(again, "buyer"), customers=counted(len(y), "customer"))
        if why_not:
            reasons[place] = why_not
        else:
            kept.append(place)
            columns.append(x if one.yes_no else (x - x.mean()) / x.std())
    told = {}
    if kept:
        beta, se = _fit(np.column_stack(columns), y.to_numpy())
        t = stats.t(len(y) - len(columns))
        for place, b, s in zip(kept, beta[1:], se[1:], strict=True):
            if np.isfinite(s) and abs(b) < 10:
                reach = t.ppf((1 + confidence) / 2) * s
                told[place] = {"estimate": np.exp(b), "low": np.exp(b - reach), "high": np.exp(b + reach)}
            else:
                reasons[place] = message("driver-separates")
    return [_row(one, len(y), confidence, why_not=reasons.get(place), **told.get(place, {}))
            for place, one in enumerate(variables)]


def _too_few(again: int, n: int) -> Message:
    return message("driver-few", again=Persons(again, of=n), customers=counted(n, "customer"), needed=EVENTS_EACH)


def _unfit(one: Variable, x: np.ndarray, y: pd.Series, columns: list[np.ndarray]) -> Message | None:
    """Why a variable cannot stand in a model beside `columns`; None where it can."""
    if np.ptp(x) == 0:
        return message("driver-alike")
    if one.yes_no:
        having = int(x.sum())
        if min(having, len(x) - having) < FEWEST.units:
            return message("driver-few-with", has=counted(having, "customer"), without=Persons(len(x) - having),
                           needed=FEWEST.units)
        if any(np.ptp(y.to_numpy()[x == side]) == 0 for side in (0, 1)):
            return message("driver-sides-alike")
    others = np.column_stack(columns)
    rest = x - others @ np.linalg.lstsq(others, x, rcond=None)[0]
    return None if rest.var() > (1 - COLLINEAR) * x.var() else message("driver-collinear")


def _fit(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and HC3 standard errors of a logistic regression.

    The standard errors are nan where it does not converge, as under complete separation.
    """
    found = glm.fit(design, y, link="logit")
    if not found.converged or not np.linalg.cond(found.information) < 1e12:
        return found.coef, np.full(design.shape[1], NAN)
    inverse = np.linalg.inv(found.information)
    leverage = found.weight * np.einsum("ij,jk,ik->i", design, inverse, design)
    scores = design * ((y - found.mean) / np.maximum(1 - leverage, 1e-6))[:, None]
    return found.coef, np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse))


def _row(one: Variable, n: int, confidence: float, *, why_not: Message | None = None, estimate: float = NAN,
         low: float = NAN, high: float = NAN) -> dict:
    digits = 2 if estimate < 10 else 0
    ends = {name: Number(end, digits=digits) for name, end in (("ratio", estimate), ("low", low), ("high", high))}
    link = "unclear" if low <= 1 <= high else "up" if estimate > 1 else "down"
    said = message("driver-untold", driver=one.label, why=why_not) if why_not else message(
        "driver-link", driver=one.label, link=link, **ends, level=_level(confidence),
        more="none" if one.yes_no else "higher" if one.kind == "survey" else "more",
        step="yes-no" if one.yes_no else "deviation", customers=counted(n, "customer"))
    if one.kind == "membership" and not why_not:
        said = joined([said, message("naive-members-why")])
    return {"driver": one.label, "estimate": estimate, "low": low, "high": high, "sentence": said}


def _level(confidence: float) -> Message:
    return message("level-share", n=f"{confidence * 100:g}")


# ---------------------------------------------------------------- importance and performance
def key_drivers(survey: pd.DataFrame | None, *, scales: Mapping[str, tuple[float, float]] | None = None,
                confidence: float = 0.95) -> pd.DataFrame:
    """Importance against performance of each rated thing (Martilla & James 1977): one row per `driver_...` question.

    importance: correlation of its rating with recommending the shop (NPS), with Fisher's interval. performance: mean
    rating on its scale, from 0 (worst) to 1 (best), with Student's interval; `rating` is the mean as answered, `scale`
    its (worst, best) answer in words. `scales` are the declared ones (the client's sources["survey"].scale), else the
    smallest usual scale that holds all answers. Of each customer the latest answer counts, beside all anonymous ones.

    The two cuts are the means over the drivers. quadrant, one of QUADRANTS: "fix" (more important than most, rated
    below most), "keep" (more important, rated above), "watch" (less important, rated below), "fine"; only where both
    intervals lie wholly on one side of their cut, else UNSURE. The cuts count as known; they move with the drivers, so
    this errs towards UNSURE.

    Columns: driver, importance, importance_low, importance_high, performance, performance_low, performance_high,
    importance_cut, performance_cut, quadrant, sentence. The most
    important first; where fewer than 10 answered or all gave the same answer the importance is nan, with the reason in
    the sentence. Empty without a survey, without driver questions, or without NPS.
    """
    if survey is None or "nps" not in survey:
        return pd.DataFrame(columns=KEY_COLUMNS)
    at = survey.sort_values("answered_at", kind="stable")
    latest = at[at["customer_id"].isna() | ~at.duplicated("customer_id", keep="last")]
    target = _position(latest["nps"], scale_of(survey["nps"], "nps", scales or {}))
    rows = [_key_driver(latest[question], target, question, scale_of(survey[question], question, scales or {}),
                        confidence=confidence) for question in _questions(survey)]
    cuts = {f"{side}_cut": np.mean(known) if (known := [row[side] for row in rows if np.isfinite(row[side])]) else NAN
            for side in ("importance", "performance")}
    placed = [{**row, **cuts, "quadrant": (quadrant := _quadrant(row | cuts)),
               "sentence": _key_sentence(row, quadrant, confidence)} for row in rows]
    return pd.DataFrame(placed, columns=KEY_COLUMNS).sort_values("importance", ascending=False, kind="stable",
                                                                 ignore_index=True)


def key_drivers_sentence(table: pd.DataFrame) -> Message | str:
    """What the quadrants say in one paragraph; "" without drivers."""
    if table.empty:
        return ""
    if table["quadrant"].eq(UNSURE).all():
        return message("key-drivers-unsure", things=counted(len(table), "rated-thing"))
    groups = {quadrant: tuple(table.loc[table["quadrant"] == quadrant, "driver"]) for quadrant in QUADRANTS}
    return joined(message("key-drivers-group", quadrant=message(f"quadrant-{quadrant}"), things=Listed(things))
                  for quadrant, things in groups.items() if things)


def _key_driver(answers: pd.Series, target: pd.Series, question: str, scale: tuple[float, float], *,
                confidence: float) -> dict:
    position = _position(answers, scale)
    given, both = position.dropna().to_numpy(), (position.notna() & target.notna()).to_numpy()
    x, y = position[both], target[both]
    importance = importance_low = importance_high = NAN
    if len(x) >= FEWEST.units and np.ptp(x) > 0 and np.ptp(y) > 0:
        importance = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
        z, reach = np.arctanh(np.clip(importance, -1 + 1e-9, 1 - 1e-9)), stats.norm.ppf((1 + confidence) / 2)
        importance_low, importance_high = np.tanh([z - reach / np.sqrt(len(x) - 3), z + reach / np.sqrt(len(x) - 3)])
    points = np.linspace(0, 1, int(abs(scale[1] - scale[0])) + 1)
    performance, low, high = Mean(given, points).level(confidence)[:3] if len(given) else (NAN, NAN, NAN)
    return {"driver": _name(question), "importance": importance, "importance_low": importance_low,
            "importance_high": importance_high, "performance": performance, "performance_low": low,
            "performance_high": high, "rating": scale[0] + performance * (scale[1] - scale[0]),
            "scale": message("scale", worst=f"{scale[0]:g}", best=f"{scale[1]:g}"), "n": len(x)}


def _quadrant(row: Mapping) -> str:
    important, good = (_side(row[f"{one}_low"], row[f"{one}_high"], row[f"{one}_cut"])
                       for one in ("importance", "performance"))
    if important is None or good is None:
        return UNSURE
    return ("keep" if good else "fix") if important else "fine" if good else "watch"


def _side(low: float, high: float, cut: float) -> bool | None:
    """True where the interval lies above the cut, False where below, None where neither."""
    return True if low > cut else False if high < cut else None


def _key_sentence(row: Mapping, quadrant: str, confidence: float) -> Message:
    if not np.isfinite(row["importance"]):
        why_not = (message("key-driver-few", answers=counted(row["n"], "answer")) if row["n"] < FEWEST.units else
                   message("key-driver-alike"))
        return message("key-driver-untold", driver=row["driver"], why=why_not)
    ends = {name: Number(row[column], digits=2) for name, column in (
        ("r", "importance"), ("low", "importance_low"), ("high", "importance_high"))}
    link = "up" if row["importance_low"] > 0 else "down" if row["importance_high"] < 0 else "unclear"
    return message("key-driver", driver=row["driver"], link=link, **ends, level=_level(confidence),
                   answers=counted(row["n"], "answer"), rating=Number(row["rating"], digits=1), scale=row["scale"],
                   quadrant=message(f"quadrant-{quadrant}"))


# ---------------------------------------------------------------- questions and scales
def _questions(survey: pd.DataFrame) -> list[str]:
    return [column for column in survey if column.startswith("driver_") and survey[column].notna().any()]


def _name(question: str) -> str:
    return question.removeprefix("driver_").replace("_", " ")


def _position(answers: pd.Series, scale: tuple[float, float]) -> pd.Series:
    """Answers from 0 (worst) to 1 (best); missing where they lie outside the scale."""
    worst, best = scale
    return ((answers - worst) / (best - worst)).where(answers.between(*sorted(scale)))
