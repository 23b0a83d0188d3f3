"""Cells as names: ids and labels."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers.meaning import (
    NOTHING,
    Values,
    among,
    by_row,
    truth,
    unwrapped,
)
from loyalty_helpers.reading import Column

LONG = 15  # a spreadsheet keeps this many digits of a number, and writes zeros for the rest


def names(column: Column, *, is_id: bool = False, nothing: frozenset[str] = frozenset()) -> Values:
    """Ids and labels as text, case kept: without blanks or tabs round them, a leading apostrophe, the `="..."` of a
    spreadsheet, or the ".0" of a number (17850.0 is 17850). As an id, 6.9E+17 is bad: its digits are lost. So are all
    ids of more than 15 digits where there are ten, and each of them has zeros from the sixteenth digit on."""
    text = pc.replace_substring_regex(unwrapped(column.text), r"^(\d+)\.0+$", r"\1")
    missing = among(text, NOTHING | nothing)
    bad = _digits_lost(text) if is_id else np.zeros(len(text), bool)
    return by_row(column, text.to_pandas().astype("str").mask(missing | bad), bad)


def _digits_lost(text: pa.Array) -> np.ndarray:
    lost = truth(pc.match_substring_regex(text, r"(?i)^\d([.,]\d+)?E\+\d+$"))
    long = truth(pc.match_substring_regex(text, rf"^\d{{{LONG + 1},}}$"))
    ending = truth(pc.match_substring_regex(text, rf"^\d{{{LONG}}}0+$"))
    return lost | long if long.sum() >= 10 and ending[long].all() else lost
