"""A fitted model of who buys next: chances for new customers, and a file to keep it in that can do no harm.

The file is a Parquet table of what the model was fitted on, without ids, with what it is in the metadata. A model that
is read is fitted again, which takes a second or two: nothing in a file is ever run, and no version of scikit-learn
stands between the two.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
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
from threadpoolctl import threadpool_limits

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.settings import UserError
from loyalty_helpers.forecast.bg_nbd import BgNbd
from loyalty_helpers.forecast.features import FEATURES, MAY_BE_MISSING, TERMS, design

FORMAT = 2  # of the file, and of what FEATURES and TERMS mean: to be raised when either changes
SEED = 1
SURE = 1e-4  # no chance is nearer than this to 0 or 1: certainty is never claimed
MOST_FITTED, MOST_FITTED_SVM = 20_000, 2_000  # rows a model is fitted on; the time of an SVM grows with their square
# simplest first: by how much one has to know, and to believe, to follow it
MODELS = ("base_rate", "recency", "bg_nbd", "logistic", "tree", "forest", "boosting", "svm")
LEAST = {"recency_days": 1, "age_days": 1, "days_bought": 1, "categories": 1}  # of a feature; of the others 0


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


@threadpool_limits.wrap(limits=1)  # so small fits are slower with more
def fitted(key: str, rows: pd.DataFrame) -> Pipeline:
    """The pipeline of a model fitted on `rows`: FEATURES, and who bought."""
    return estimator(key).fit(design(rows)[:, columns(key)], rows["bought"].to_numpy(dtype=bool))


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

    `rows` are the customers as known on the morning of `trained_from` (customer_id, FEATURES), and whether each bought
    before `trained_until`. `model` is the pipeline, or the four parameters of the BG/NBD with the level and slope of
    its log odds.
    """

    key: str
    model: Pipeline | tuple[float, ...]
    rows: pd.DataFrame
    horizon_days: int
    trained_from: date
    trained_until: date

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
            *model, level, slope = self.model
            chances = expit(level + slope * bg_nbd_odds(model, features, self.horizon_days))
        else:
            chances = self.model.predict_proba(design(features)[:, columns(self.key)])[:, 1]
        return np.clip(chances, SURE, 1 - SURE)


def checked(features: pd.DataFrame) -> pd.DataFrame:
    """`features` as they came. Raises UserError where a model cannot take them."""
    expected = ["customer_id", *FEATURES]
    wrong = {"missing": [name for name in expected if name not in features],
             "unknown": [str(name) for name in features if name not in expected]}
    if any(wrong.values()):
        said = "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong.items() if names)
        raise UserError(f"These are not the features that the model knows ({said}). `customer_features` makes them "
                        "from orders.")
    for name in FEATURES:
        if not pd.api.types.is_numeric_dtype(features[name]) or pd.api.types.is_bool_dtype(features[name]):
            raise UserError(f"The feature {name} must hold numbers, not {features[name].dtype}.")
        values, least = features[name].to_numpy(dtype="float64", na_value=NAN), LEAST.get(name, 0)
        odd = np.isinf(values) if name in MAY_BE_MISSING else ~np.isfinite(values)
        if odd.any() or (name != "mean_order" and (values < least).any()):
            raise UserError(f"The feature {name} must be a number of {least} or more for every customer.")
    if (features["recency_days"] > features["age_days"]).any():
        raise UserError("A customer's last order cannot be before the first one (recency_days above age_days).")
    return features


# ---------------------------------------------------------------- to and from a file
def packed_model(model: FittedModel) -> bytes:
    """`model` as the contents of a file that `load_model` reads."""
    about = {"format": FORMAT, "model": model.key, "horizon_days": model.horizon_days,
             "trained_from": model.trained_from.isoformat(), "trained_until": model.trained_until.isoformat(),
             "parameters": list(model.model) if model.key == "bg_nbd" else []}
    rows = pa.Table.from_pandas(model.rows[[*FEATURES, "bought"]], preserve_index=False)
    packed = io.BytesIO()
    pq.write_table(rows.replace_schema_metadata({"about": json.dumps(about)}), packed)
    return packed.getvalue()


def load_model(path: Path | str) -> FittedModel:
    """The model that was kept in `path` (`packed_model`), fitted again.

    Raises UserError where there is no such file, it is damaged or holds anything else, or was kept by another version.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no model in {path}.")
    try:
        with pq.ParquetFile(path) as file:
            about, rows = json.loads(file.schema_arrow.metadata[b"about"]), _rows(file)
        if about["format"] != FORMAT:
            raise UserError("The model was kept by another version of this template: fit it again.")
        key, horizon = about["model"], about["horizon_days"]
        if key not in MODELS or not (isinstance(horizon, int) and horizon > 0):
            raise ValueError
        return FittedModel(key=key, model=_parameters(about["parameters"]) if key == "bg_nbd" else fitted(key, rows),
                           rows=rows, horizon_days=horizon, trained_from=date.fromisoformat(about["trained_from"]),
                           trained_until=date.fromisoformat(about["trained_until"]))
    except UserError:
        raise
    except Exception:  # whatever a damaged or hostile file makes the readers stumble over
        raise UserError(f"{path.name} is no model that this template keeps, or it is damaged.") from None


def _rows(file: pq.ParquetFile) -> pd.DataFrame:
    """The rows of a file, which are read only where they can be those of a model."""
    if file.metadata.num_rows > MOST_FITTED or file.schema_arrow.names != [*FEATURES, "bought"] or any(
            field.type not in (pa.float64(), pa.bool_()) for field in file.schema_arrow):
        raise ValueError
    rows = file.read().to_pandas().assign(customer_id="")
    checked(rows.drop(columns="bought"))
    if rows["bought"].nunique() < 2:
        raise ValueError
    return rows


def _parameters(found: Sequence[float]) -> tuple[float, ...]:
    """The six numbers of a BG/NBD; all but the level are above nil."""
    r, alpha, a, b, level, slope = map(float, found)
    if not (np.isfinite([r, alpha, a, b, level, slope]).all() and min(r, alpha, a, b, slope) > 0):
        raise ValueError
    return r, alpha, a, b, level, slope
