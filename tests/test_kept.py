"""Kept models: the same chances after a trip to disk, and a clear word for every file that is not one of ours."""

from __future__ import annotations

import io
import json
import os
import pickle
import stat
from dataclasses import replace
from datetime import date
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import logit

from loyalty_helpers import forecast
from loyalty_helpers.core.settings import UserError
from loyalty_helpers.forecast import BgNbd, kept
from loyalty_helpers.forecast.features import FEATURES, features_at
from loyalty_helpers.forecast.purchase_days import bought_between, day_number, purchase_days
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.chapters import ch02

BG_NBD = (0.8, 5.0, 0.3, 6.0, -0.1, 1.2)


@cache
def rows() -> pd.DataFrame:
    days, start = purchase_days(simulate.shop(customers=700, seed=21).orders), date(2025, 6, 1)
    features, begin = features_at(days, start), day_number(start)
    bought = bought_between(days, begin, begin + 91)[0][pd.Index(days.ids).get_indexer(features["customer_id"])] > 0
    return features.assign(bought=bought)


def features() -> pd.DataFrame:
    return rows().drop(columns="bought")


@cache
def model(key: str) -> forecast.FittedModel:
    return forecast.FittedModel(key=key, model=BG_NBD if key == "bg_nbd" else kept.fitted(key, rows()), rows=rows(),
                                horizon_days=91, trained_from=date(2025, 6, 1), trained_until=date(2025, 8, 31))


def save(model: forecast.FittedModel, path) -> None:
    path.write_bytes(forecast.packed_model(model))


def repacked(path, change, **about) -> None:
    """The file at `path` with its rows, or parts of what it says, exchanged."""
    table = pq.read_table(path)
    said = json.loads(table.schema.metadata[b"about"]) | about
    table = pa.Table.from_pandas(change(table.to_pandas()), preserve_index=False)
    pq.write_table(table.replace_schema_metadata({"about": json.dumps(said)}), path)


# ---------------------------------------------------------------- there and back
@pytest.mark.parametrize("key", kept.MODELS)
def test_a_kept_model_gives_the_same_chances(tmp_path, key):
    path = tmp_path / "model.bin"
    save(model(key), path)
    back = forecast.load_model(path)
    pd.testing.assert_frame_equal(back.chances(features()), model(key).chances(features()), check_exact=True)
    assert back.chances(features())["chance"].between(0, 1, inclusive="neither").all()
    about = ("key", "horizon_days", "trained_from", "trained_until")
    assert [getattr(back, name) for name in about] == [getattr(model(key), name) for name in about]
    assert forecast.packed_model(back) == path.read_bytes()
    assert not any(who.encode() in path.read_bytes() for who in features()["customer_id"])


def test_the_winner_on_real_windows_survives_the_trip(tmp_path):
    orders = simulate.shop(customers=700, seed=21).orders
    result = forecast.repurchase(orders, origins=forecast.origins(orders, most=1))
    save(result.fitted, tmp_path / "winner")
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
    straight = replace(model("bg_nbd"), model=(*BG_NBD[:4], 0.0, 1.0))
    wide, plain = (logit(one.of(features())) for one in (model("bg_nbd"), straight))
    inner = (abs(wide) < 9) & (abs(plain) < 9)  # beyond, no chance is told apart from certainty
    np.testing.assert_allclose(wide[inner], (1.2 * plain - 0.1)[inner])
    chances = BgNbd(*BG_NBD[:4], log_likelihood=0.0).chance_to_buy(13, *kept.visits(features()))
    np.testing.assert_allclose(straight.of(features())[inner], chances[inner])


# ---------------------------------------------------------------- wrong features
@pytest.mark.parametrize(("change", "why"), [
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
def test_wrong_features_are_refused(change, why):
    for key in ("logistic", "bg_nbd"):
        with pytest.raises(UserError, match=why):
            model(key).chances(change(features()))


# ---------------------------------------------------------------- wrong files
@pytest.mark.parametrize(("key", "change", "about", "why"), [
    ("logistic", None, {"format": 1}, "another version of this template"),
    ("logistic", None, {"model": "neural_net"}, "no model that"),
    ("logistic", None, {"model": "bg_nbd"}, "no model that"),  # no parameters
    ("bg_nbd", None, {"parameters": [0.8, 5.0, -0.3, 6.0, 0.0, 1.0]}, "no model that"),
    ("bg_nbd", None, {"parameters": [0.8, 5.0, 0.3, 6.0, float("inf"), 1.0]}, "no model that"),
    ("logistic", None, {"horizon_days": -91}, "no model that"),
    ("logistic", None, {"trained_from": "yesterday"}, "no model that"),
    ("logistic", lambda frame: frame.drop(columns="age_days"), {}, "no model that"),
    ("logistic", lambda frame: frame.assign(mean_order="x"), {}, "no model that"),
    ("logistic", lambda frame: frame.assign(age_days=-1.0), {}, "age_days must be a number of 1 or more"),
    ("base_rate", lambda frame: frame.assign(bought=False), {}, "no model that"),
    ("tree", lambda frame: pd.concat([frame] * 1000), {}, "no model that"),  # more than any model is fitted on
])
def test_other_versions_and_nonsense_are_refused(tmp_path, key, change, about, why):
    path = tmp_path / "model"
    save(model(key), path)
    repacked(path, change or (lambda frame: frame), **about)
    with pytest.raises(UserError, match=why):
        forecast.load_model(path)


class Hostile:
    """Would make a folder if anything unpickled it."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path, trap, other = tmp_path / "model", tmp_path / "trap", io.BytesIO()
    with pytest.raises(UserError, match="There is no model"):
        forecast.load_model(path)
    save(model("logistic"), path)
    whole = path.read_bytes()
    rows().to_parquet(other)  # a table that says nothing of a model
    for content in (b"", b"PAR1", whole[: len(whole) // 2], whole[:-9] + whole[-8:], b"customer_id,chance\n",
                    other.getvalue(), pickle.dumps(Hostile(trap))):
        path.write_bytes(content)
        with pytest.raises(UserError, match="no model that this template keeps"):
            forecast.load_model(path)
    assert not trap.exists()


def test_the_chapter_keeps_the_model_for_the_owner_alone_and_drops_an_old_one(tmp_path):
    shop, path = SimpleNamespace(private=tmp_path / "private"), tmp_path / "private" / "repurchase.model"
    found = forecast.Repurchase(horizon_days=91, sentences=(), fitted=model("recency"))
    ch02.keep_model(shop, found)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and forecast.load_model(path).key == "recency"
    ch02.keep_model(shop, replace(found, fitted=None))
    assert not path.exists()
