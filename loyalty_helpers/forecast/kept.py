"""A fitted model of who buys next: chances for new customers, and a file to keep it in that can do no harm.

The file is a zip archive of two parts: about.json, plain text that is checked before anything else is looked at, and
model.skops, which skops opens without running anything from it. Only the classes listed here may be in it, whatever
the file itself asks for, and they must form the pipeline that the model's name stands for.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from scipy.special import expit, logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import NAN
from loyalty_helpers.forecast.bg_nbd import BgNbd
from loyalty_helpers.forecast.features import FEATURES, MAY_BE_MISSING, TERMS, design

FORMAT = 1  # of the file, and of what FEATURES and TERMS mean: to be raised when either changes
SEED = 1
SURE = 1e-4  # no chance is nearer than this to 0 or 1: certainty is never claimed
BIGGEST = 200_000_000  # bytes of all parts, unpacked
PIECE = 1_000_000  # bytes unpacked at a time
# simplest first: by how much one has to know, and to believe, to follow it
MODELS = {
    "base_rate": "the same chance for everybody",
    "recency": "time since the last order alone",
    "bg_nbd": "purchase rhythm (BG/NBD)",
    "logistic": "logistic regression",
    "tree": "decision tree",
    "forest": "random forest",
    "boosting": "histogram gradient boosting",
    "svm": "support vector machine",
}
# what skops does not trust by itself; all of scikit-learn's own making
TRUSTED = frozenset({
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
})


def estimator(key: str) -> Pipeline:
    """The pipeline of a model, not fitted yet: unknown values at the median, steps of one standard deviation."""
    # weighted as if buyers were half of all: else, where few buy, the border runs around nobody
    border = SVC(class_weight="balanced", random_state=SEED)
    leaf = {"min_samples_leaf": 20, "random_state": SEED}
    shuffled = StratifiedKFold(3, shuffle=True, random_state=SEED)
    models = {
        "base_rate": DummyClassifier(strategy="prior"),
        "recency": LogisticRegression(max_iter=1000),
        "logistic": LogisticRegression(max_iter=1000),
        "tree": DecisionTreeClassifier(max_leaf_nodes=8, **leaf),
        "forest": RandomForestClassifier(100, **leaf),
        "boosting": HistGradientBoostingClassifier(max_iter=60, learning_rate=0.08, max_leaf_nodes=8,
                                                   early_stopping=False, **leaf),
        # its distances from the border become chances by Platt's curve, fitted on thirds it had not seen
        "svm": CalibratedClassifierCV(border, method="sigmoid", cv=shuffled, ensemble=False),
    }
    # what lies beyond all it has seen is near nothing that a support vector machine knows
    bounded = [("bounded", MinMaxScaler(clip=True))] if key == "svm" else []
    return Pipeline([("known", SimpleImputer(strategy="median", keep_empty_features=True)), *bounded,
                     ("scaled", StandardScaler()), ("model", models[key])])


def columns(key: str) -> list[int]:
    """Which columns of `design` a model sees."""
    return [0] if key == "recency" else list(range(len(TERMS)))


def visits(features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequency, recency and age (weeks) as `histories` defines them: age to the last day looked at."""
    frequency = features["days_bought"].to_numpy() - 1
    first, last = features["age_days"].to_numpy(), features["recency_days"].to_numpy()
    return frequency, (first - last) / 7, (first - 1) / 7


def bg_nbd_odds(model: Sequence[float], features: pd.DataFrame, horizon_days: int) -> np.ndarray:
    """Log odds to buy in the horizon by a BG/NBD of the parameters r, alpha, a, b."""
    chances = BgNbd(*model, log_likelihood=NAN).chance_to_buy(horizon_days / 7, *visits(features))
    return logit(np.clip(chances, SURE, 1 - SURE))


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """A model of who buys in the coming `horizon_days`, and what it was fitted on.

    Fitted on `customers` as known on the morning of `trained_from`, of whom the share `base_rate` bought before
    `trained_until`. `fitted` is the pipeline, or the four parameters of the BG/NBD with the level and slope
    of its log odds.
    """

    key: str
    fitted: Pipeline | tuple[float, ...]
    horizon_days: int
    trained_from: date
    trained_until: date
    customers: int
    base_rate: float

    def chances(self, features: pd.DataFrame) -> pd.DataFrame:
        """customer_id and chance (to buy at least once in the horizon) of each row of `customer_features`.

        Raises UserError for features that are missing, unknown, or no numbers.
        """
        return pd.DataFrame({"customer_id": features.get("customer_id"), "chance": self.of(checked(features))})

    def of(self, features: pd.DataFrame) -> np.ndarray:
        """The chances alone, of features that are known to be in order."""
        if features.empty:
            return np.zeros(0)
        if self.key == "bg_nbd":
            *model, level, slope = self.fitted
            chances = expit(level + slope * bg_nbd_odds(model, features, self.horizon_days))
        else:
            chances = self.fitted.predict_proba(design(features)[:, columns(self.key)])[:, 1]
        return np.clip(chances, SURE, 1 - SURE)


def checked(features: pd.DataFrame) -> pd.DataFrame:
    """`features` as they came. Raises UserError where a model cannot take them."""
    expected = ["customer_id", *FEATURES]
    missing, unknown = ([name for name in some if name not in others]
                        for some, others in ((expected, features.columns), (features.columns, expected)))
    if missing or unknown:
        said = [f"{what}: {', '.join(map(str, names))}" for what, names in (("missing", missing), ("unknown", unknown))
                if names]
        raise UserError(f"These are not the features that the model knows ({'; '.join(said)}). "
                        "`customer_features` makes them from orders.")
    for name in FEATURES:
        if not pd.api.types.is_numeric_dtype(features[name]) or pd.api.types.is_bool_dtype(features[name]):
            raise UserError(f"The feature {name} must hold numbers, not {features[name].dtype}.")
        values = features[name].to_numpy(dtype="float64", na_value=NAN)
        wrong = np.isinf(values) if name in MAY_BE_MISSING else ~np.isfinite(values)
        least = {"recency_days": 1, "age_days": 1, "days_bought": 1, "categories": 1}.get(name, 0)
        if wrong.any() or (name != "mean_order" and (values < least).any()):
            raise UserError(f"The feature {name} must be a number of {least} or more for every customer.")
    if (features["recency_days"] > features["age_days"]).any():
        raise UserError("A customer's last order cannot be before the first one (recency_days above age_days).")
    return features


# ---------------------------------------------------------------- to and from a file
def packed_model(model: FittedModel) -> bytes:
    """`model` as the contents of a file that `load_model` reads."""
    import skops.io  # here and below: it imports all of scikit-learn, over a second that few runs need

    is_pipeline = isinstance(model.fitted, Pipeline)
    about = {"format": FORMAT, "scikit_learn": sklearn.__version__, "features": list(FEATURES), "model": model.key,
             "horizon_days": model.horizon_days, "trained_from": model.trained_from.isoformat(),
             "trained_until": model.trained_until.isoformat(), "customers": model.customers,
             "base_rate": model.base_rate, "parameters": [] if is_pipeline else list(model.fitted)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("about.json", json.dumps(about, indent=1))
        if is_pipeline:
            file.writestr("model.skops", skops.io.dumps(model.fitted))
    return packed.getvalue()


def save_model(model: FittedModel, path: Path | str) -> None:
    """Writes `model` to `path`, whole or not at all."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    part.write_bytes(packed_model(model))
    os.replace(part, path)


def load_model(path: Path | str) -> FittedModel:
    """The model that `save_model` wrote to `path`.

    Raises UserError where there is no such file, it is damaged or holds anything else, or it was written by another
    version of scikit-learn or of this template (fitting again takes seconds; a wrong chance may stay unnoticed).
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no model in {path}.")
    try:
        with zipfile.ZipFile(path) as file:
            about = _about(json.loads(_part(file, "about.json")))
            packed = None if about["model"] == "bg_nbd" else _part(file, "model.skops")
        fitted = tuple(map(float, about["parameters"])) if packed is None else _unpacked(packed)
        if not _is_whole(about["model"], fitted):
            raise _NotOurs("its parts do not fit together")
        return FittedModel(key=about["model"], fitted=fitted, horizon_days=about["horizon_days"],
                           trained_from=date.fromisoformat(about["trained_from"]),
                           trained_until=date.fromisoformat(about["trained_until"]),
                           customers=about["customers"], base_rate=about["base_rate"])
    except UserError:
        raise
    except _NotOurs as reason:
        raise UserError(f"{path.name} is no model that this template keeps: {reason}.") from None
    except Exception:  # whatever a damaged or hostile file makes the readers stumble over
        raise UserError(f"{path.name} is no model that this template keeps, or it is damaged.") from None


class _NotOurs(Exception):
    """Why a file is refused, as the end of a sentence."""


def _part(file: zipfile.ZipFile, name: str) -> bytes:
    if name not in file.namelist():
        raise _NotOurs(f"it has no {name}")
    _check_size(file)
    return file.read(name)


def _check_size(file: zipfile.ZipFile) -> None:
    """Unpacks every part a piece at a time: sizes that a file states may be lies, which its checksums then tell."""
    left = BIGGEST
    for one in file.infolist():
        with file.open(one) as part:
            while piece := part.read(min(PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise _NotOurs("it is too big")


def _about(about: Any) -> dict[str, Any]:
    """What a file says of itself, checked. Raises UserError for other versions, _NotOurs for nonsense."""
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        told = about.get("format") if isinstance(about, dict) else None
        if isinstance(told, int):
            raise UserError(f"The model was kept by another version of this template (format {told}, not {FORMAT}): "
                            "fit it again.")
        raise _NotOurs("it does not say in which format it is")
    if about.get("scikit_learn") != sklearn.__version__:
        raise UserError(f"The model was kept with scikit-learn {str(about.get('scikit_learn'))[:20]}, and this is "
                        f"{sklearn.__version__}: fit it again.")
    if about.get("features") != list(FEATURES):
        raise UserError("The model was fitted on other features than this template makes: fit it again.")
    if about.get("model") not in MODELS:
        raise _NotOurs("it names no model known here")
    numbers = [about.get(name) for name in ("horizon_days", "customers", "base_rate")]
    if not (all(isinstance(one, int) and one > 0 for one in numbers[:2]) and 0 <= numbers[2] <= 1):
        raise _NotOurs("what it says of its training cannot be")
    return about


def _unpacked(packed: bytes) -> Any:
    """The object in model.skops; nothing that is not known beforehand is even made."""
    import skops.io

    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        _check_size(file)
    asked = skops.io.get_untrusted_types(data=packed)
    if not TRUSTED.issuperset(asked):
        raise _NotOurs("it asks for more than a model needs, and was not opened")
    return skops.io.loads(packed, trusted=sorted(TRUSTED))


def _is_whole(key: str, fitted: Any) -> bool:
    """Whether `fitted` is what `estimator(key)` becomes by fitting, or the six numbers of a BG/NBD.

    Trees and support vectors are walked by compiled code that would not look where it steps, so that is looked at
    here; of all others a trial shows whether their parts fit together.
    """
    if key == "bg_nbd":
        positive = [one for place, one in enumerate(fitted) if place != 4]  # all but the level
        return len(fitted) == 6 and bool(np.isfinite(fitted).all()) and min(positive) > 0
    if type(fitted) is not Pipeline or _types(fitted) != _types(estimator(key)):
        return False
    n = len(columns(key))
    if not (_is_model(fitted[-1], n) and fitted.classes_.tolist() == [False, True]):
        return False
    tried = fitted.predict_proba(np.ones((1, n)))
    return tried.shape == (1, 2) and bool(np.isfinite(tried).all())


def _types(pipeline: Pipeline) -> list[tuple[str, type]]:
    return [(name, type(step)) for name, step in pipeline.steps]


def _is_model(model: Any, n: int) -> bool:
    """Whether the compiled parts of a model of `n` columns are whole."""
    if type(model) is DecisionTreeClassifier:
        tree = model.tree_
        return tree.n_features == n and _is_tree(tree.children_left == -1, tree.children_left, tree.children_right,
                                                 tree.feature, n)
    if type(model) is RandomForestClassifier:
        return all(type(one) is DecisionTreeClassifier and _is_model(one, n) for one in model.estimators_)
    if type(model) is HistGradientBoostingClassifier:
        trees = [one.nodes for stage in model._predictors for one in stage]
        return all(not each["is_categorical"].any() and _is_tree(each["is_leaf"].astype(bool), each["left"],
                                                                 each["right"], each["feature_idx"], n)
                   for each in trees)
    if type(model) is CalibratedClassifierCV:
        return all(_is_svm(one.estimator, n) for one in model.calibrated_classifiers_)
    return True


def _is_tree(leaf: np.ndarray, left: np.ndarray, right: np.ndarray, feature: np.ndarray, n: int) -> bool:
    """Whether every walk from the top goes down and ends in a leaf, by features there are."""
    inner = ~leaf
    down = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    asked = feature[inner].astype(np.int64)
    return bool(len(leaf) and (down > np.tile(np.flatnonzero(inner), 2)).all() and (down < len(leaf)).all()
                and (asked >= 0).all() and (asked < n).all())


def _is_svm(model: Any, n: int) -> bool:
    vectors = len(model.support_)
    return (type(model) is SVC and model.support_vectors_.shape == (vectors, n)
            and model.dual_coef_.shape == (1, vectors) and model._dual_coef_.shape == (1, vectors)
            and len(model._n_support) == 2 and int(model._n_support.sum()) == vectors
            and model.intercept_.shape == (1,))
