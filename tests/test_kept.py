"""Kept models: the same chances after a trip to disk, and a clear word for every file that is not one of ours."""

from __future__ import annotations

import io
import json
import os
import pickle
import stat
import tracemalloc
import zipfile
from dataclasses import replace
from datetime import date
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from loyalty_helpers import chapters, forecast, simulate
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.forecast import BgNbd, kept
from loyalty_helpers.forecast.features import FEATURES, TERMS, History, design


@cache
def history() -> History:
    return History.of(simulate.shop(customers=700, seed=21).orders)


@cache
def features() -> pd.DataFrame:
    return history().at(date(2025, 6, 1))


@cache
def model(key: str) -> forecast.FittedModel:
    fitted: object = (0.8, 5.0, 0.3, 6.0, -0.1, 1.2)
    if key != "bg_nbd":
        bought = history().bought(features()["customer_id"], date(2025, 6, 1), 91)
        with threadpool_limits(1):
            fitted = kept.estimator(key).fit(design(features())[:, kept.columns(key)], bought)
    return forecast.FittedModel(key=key, fitted=fitted, horizon_days=91, trained_from=date(2025, 6, 1),
                                trained_until=date(2025, 8, 31), customers=len(features()), base_rate=0.4)


def repacked(path, *, about: dict | None = None, model: bytes | None = None) -> None:
    """The file at `path` with parts of what it says, or its model, exchanged."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["about.json"] = json.dumps(json.loads(parts["about.json"]) | (about or {})).encode()
    if model is not None:
        parts["model.skops"] = model
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


# ---------------------------------------------------------------- there and back
@pytest.mark.parametrize("key", list(kept.MODELS))
def test_a_kept_model_gives_the_same_chances(tmp_path, key):
    path = tmp_path / "model.bin"
    forecast.save_model(model(key), path)
    back = forecast.load_model(path)
    pd.testing.assert_frame_equal(back.chances(features()), model(key).chances(features()))
    assert back.chances(features())["chance"].between(0, 1, inclusive="neither").all()
    about = ("key", "horizon_days", "trained_from", "trained_until", "customers", "base_rate")
    assert [getattr(back, name) for name in about] == [getattr(model(key), name) for name in about]
    assert os.listdir(tmp_path) == ["model.bin"]


def test_the_winner_on_real_windows_survives_the_trip(tmp_path):
    orders = simulate.shop(customers=700, seed=21).orders
    result = forecast.repurchase(orders, origins=forecast.origins(orders, most=1))
    forecast.save_model(result.fitted, tmp_path / "winner")
    end = orders["ordered_at"].max().date() + pd.Timedelta(days=1)
    now = forecast.customer_features(orders, as_of=end)
    pd.testing.assert_frame_equal(forecast.load_model(tmp_path / "winner").chances(now), result.chances)


def test_chances_belong_to_their_customers():
    mixed = features().sample(frac=1, random_state=1)[[*FEATURES[::-1], "customer_id"]]
    both = model("logistic").chances(mixed).merge(model("logistic").chances(features()), on="customer_id")
    np.testing.assert_allclose(both["chance_x"], both["chance_y"])
    assert model("forest").chances(features().iloc[:0]).empty


def test_missing_values_drop_nobody():
    unknown = features().assign(usual_gap_days=np.nan, mean_order=np.nan, categories=np.nan)
    for key in kept.MODELS:
        assert model(key).chances(unknown)["chance"].notna().all()


def test_the_odds_of_the_purchase_model_are_stretched():
    straight = replace(model("bg_nbd"), fitted=(0.8, 5.0, 0.3, 6.0, 0.0, 1.0))
    wide, plain = (logit(one.of(features())) for one in (model("bg_nbd"), straight))
    inner = (abs(wide) < 9) & (abs(plain) < 9)  # beyond, no chance is told apart from certainty
    np.testing.assert_allclose(wide[inner], (1.2 * plain - 0.1)[inner])
    chances = BgNbd(0.8, 5.0, 0.3, 6.0, log_likelihood=0.0).chance_to_buy(13, *kept.visits(features()))
    np.testing.assert_allclose(straight.of(features())[inner], chances[inner])


# ---------------------------------------------------------------- wrong features
@pytest.mark.parametrize(("change", "words"), [
    (lambda frame: frame.drop(columns="age_days"), "missing: age_days"),
    (lambda frame: frame.drop(columns="customer_id"), "missing: customer_id"),
    (lambda frame: frame.assign(zip_code=1.0), "unknown: zip_code"),
    (lambda frame: frame.rename(columns={"mean_order": "mean"}), "missing: mean_order; unknown: mean"),
    (lambda frame: frame.assign(days_bought="many"), "days_bought must hold numbers"),
    (lambda frame: frame.assign(days_bought=True), "days_bought must hold numbers"),
    (lambda frame: frame.assign(recency_days=np.nan), "recency_days must be a number of 1 or more"),
    (lambda frame: frame.assign(recency_days=0.0), "recency_days must be a number of 1 or more"),
    (lambda frame: frame.assign(mean_order=np.inf), "mean_order"),
    (lambda frame: frame.assign(refund_share=-0.1), "refund_share must be a number of 0 or more"),
    (lambda frame: frame.assign(age_days=1.0, recency_days=5.0), "before the first"),
])
def test_wrong_features_are_refused(change, words):
    for key in ("logistic", "bg_nbd"):
        with pytest.raises(UserError, match=words):
            model(key).chances(change(features()))


# ---------------------------------------------------------------- wrong files
@pytest.mark.parametrize(("about", "words"), [
    ({"format": 2}, "another version of this template"),
    ({"format": "1"}, "does not say in which format"),
    ({"scikit_learn": "1.2.0"}, "scikit-learn 1.2.0, and this is"),
    ({"features": ["recency_days"]}, "other features"),
    ({"model": "neural_net"}, "names no model known here"),
    ({"horizon_days": -91}, "cannot be"),
    ({"base_rate": "half"}, "damaged"),
    ({"base_rate": 7}, "cannot be"),
    ({"trained_from": "yesterday"}, "damaged"),
    ({"model": "tree"}, "do not fit together"),
    ({"model": "recency"}, "no model that this template keeps"),
    ({"model": "bg_nbd"}, "do not fit together"),
])
def test_other_versions_and_nonsense_are_refused(tmp_path, about, words):
    path = tmp_path / "model"
    forecast.save_model(model("logistic"), path)
    repacked(path, about=about)
    with pytest.raises(UserError, match=words):
        forecast.load_model(path)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "model"
    with pytest.raises(UserError, match="There is no model"):
        forecast.load_model(path)
    forecast.save_model(model("logistic"), path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    for content in (b"", b"PK\x03\x04", whole[: len(whole) // 2], bytes(flipped), b"customer_id,chance\n",
                    empty.getvalue(), skops.io.dumps(model("logistic").fitted)):
        path.write_bytes(content)
        with pytest.raises(UserError, match="no model that this template keeps"):
            forecast.load_model(path)


class Hostile:
    """Would make a folder if anything unpickled it."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_pickle_is_not_even_opened(tmp_path):
    path, trap = tmp_path / "model", tmp_path / "trap"
    path.write_bytes(pickle.dumps(Hostile(trap)))
    with pytest.raises(UserError, match="no model"):
        forecast.load_model(path)
    forecast.save_model(model("logistic"), path)
    repacked(path, model=pickle.dumps(Hostile(trap)))
    with pytest.raises(UserError, match="no model"):
        forecast.load_model(path)
    assert not trap.exists()


def calling(function) -> Pipeline:
    """A pipeline in good order but for a function of somebody else's in the middle."""
    steps = [("known", FunctionTransformer(function)), ("scaled", StandardScaler()), ("model", LogisticRegression())]
    return Pipeline(steps)


def test_whatever_a_file_asks_to_be_trusted_with_is_not_trusted(tmp_path):
    path = tmp_path / "model"
    forecast.save_model(model("logistic"), path)
    repacked(path, model=skops.io.dumps(calling(os.system)))
    with pytest.raises(UserError, match="asks for more than a model needs"):
        forecast.load_model(path)
    repacked(path, model=skops.io.dumps(calling(np.exp)))  # harmless and trusted, and yet no model of ours
    with pytest.raises(UserError, match="do not fit together"):
        forecast.load_model(path)
    repacked(path, model=skops.io.dumps({"a": 1}))
    with pytest.raises(UserError, match="do not fit together"):
        forecast.load_model(path)


@pytest.mark.parametrize("key", ["tree", "forest", "boosting"])
def test_trees_whose_branches_lead_nowhere_are_refused(tmp_path, key):
    """Compiled code follows the branches without looking: beyond the last node there is somebody else's memory."""
    path = tmp_path / "model"
    forecast.save_model(model(key), path)
    wrong = forecast.load_model(path)
    if key == "boosting":
        nodes = wrong.fitted[-1]._predictors[0][0].nodes
        left, feature = nodes["left"], nodes["feature_idx"]
    else:
        tree = (wrong.fitted[-1] if key == "tree" else wrong.fitted[-1].estimators_[3]).tree_
        left, feature = tree.children_left, tree.feature
    assert kept._is_whole(key, wrong.fitted)
    for column, value in ((left, 10_000), (left, 0), (feature, len(TERMS))):
        kept_value, column[0] = column[0], value
        forecast.save_model(wrong, path)
        with pytest.raises(UserError, match="do not fit together"):
            forecast.load_model(path)
        column[0] = kept_value


def test_support_vectors_that_are_not_there_are_refused(tmp_path):
    path = tmp_path / "model"
    forecast.save_model(model("svm"), path)
    wrong = forecast.load_model(path)
    svm = wrong.fitted[-1].calibrated_classifiers_[0].estimator
    svm._n_support = svm._n_support + 1000
    forecast.save_model(wrong, path)
    with pytest.raises(UserError, match="do not fit together"):
        forecast.load_model(path)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model"
    forecast.save_model(model("logistic"), path)
    monkeypatch.setattr(kept, "BIGGEST", 1000)
    with pytest.raises(UserError, match="too big"):
        forecast.load_model(path)


def test_a_part_that_lies_about_its_size_is_not_unpacked(tmp_path):
    path, size = tmp_path / "model", 50_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("about.json", b"\0" * size)
    packed = path.read_bytes()
    assert packed.count(size.to_bytes(4, "little")) == 2  # beside the part, and in the directory at the end
    path.write_bytes(packed.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(UserError, match="damaged"):
        forecast.load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_the_chapter_keeps_the_model_for_the_owner_alone_and_drops_an_old_one(tmp_path):
    shop, path = SimpleNamespace(private=tmp_path / "private"), tmp_path / "private" / "repurchase.model"
    found = forecast.Repurchase(horizon_days=91, sentence="", fitted=model("recency"))
    chapters.keep_model(shop, found)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and forecast.load_model(path).key == "recency"
    chapters.keep_model(shop, replace(found, fitted=None))
    assert not path.exists()
