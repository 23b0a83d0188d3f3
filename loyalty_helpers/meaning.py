"""The meaning of cells: what text of every kind has in common, before it becomes names, numbers, moments or addresses.

What a column means (decimal mark, day-month order) is decided from all of it, in all files of the source, never from
one cell. Work is done on distinct cells, so that half a million rows with 23,000 different dates cost 23,000 readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from loyalty_helpers.reading import Column, stripped

NOTHING = frozenset(["-", "--", "---", "–", "—", "——", "/", "null", "(null)", "none", "nil", "n/a", "na", "nan", "nat",
                     "undefined", "(blank)", "#n/a", "#value!", "#ref!", "#div/0!", "#name?", "#null!", "#num!", "\\n",
                     "无", "無", "空", "暂无"])
UNSEEN = r"[\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]+"  # marks without width, also of direction


@dataclass(frozen=True)
class Values:
    """What the rows of a column mean: missing where the cell is blank or `bad`, that is, not to be understood."""

    values: pd.Series
    bad: np.ndarray


@cache
def word_lists() -> dict[str, Any]:
    """The signs and names of words/cells.yml."""
    return yaml.safe_load((files("loyalty_helpers") / "words" / "cells.yml").read_text(encoding="utf-8"))


def spread(column: Column, mask: np.ndarray) -> np.ndarray:
    """From one truth per distinct cell to one per row; false for blanks."""
    return np.append(mask, False)[column.codes]


def by_row(column: Column, distinct: pd.Series | np.ndarray, bad: np.ndarray) -> Values:
    """From one value per distinct cell to one per row."""
    values = pd.Series(distinct).array.take(column.codes, allow_fill=True)
    return Values(pd.Series(values), spread(column, bad))


def unwrapped(text: pa.Array) -> pa.Array:
    """Without blanks or tabs round the cell, the `="..."` of a spreadsheet, or leading apostrophes."""
    return stripped(pc.replace_substring_regex(stripped(text), r'^="(.*)"$|^\'+', r"\1"))


def plain(text: pa.Array) -> pa.Array:
    """Unwrapped, in upper case, full-width characters made ordinary, every minus and apostrophe the plain one."""
    text = unwrapped(text)
    if is_ascii(text):
        return pc.replace_substring(pc.utf8_upper(text), "`", "'")
    text = pc.utf8_normalize(pc.replace_substring_regex(text, UNSEEN, ""), "NFKC")
    text = pc.replace_substring_regex(stripped(pc.utf8_upper(text)), r"[\x{2010}-\x{2015}\x{2212}]", "-")
    return pc.replace_substring_regex(text, "[’`]", "'")


def is_ascii(text: pa.Array) -> bool:
    return pc.sum(pc.binary_length(text)) == pc.sum(pc.utf8_length(text))


def truth(mask: pa.Array) -> np.ndarray:
    return mask.to_numpy(zero_copy_only=False)


def among(text: pa.Array, words: frozenset[str]) -> np.ndarray:
    return truth(pc.is_in(pc.utf8_lower(text), pa.array(["", *words])))


def named_groups(text: pa.Array, pattern: str) -> dict[str, pa.Array]:
    """The named groups of a pattern: null where the pattern does not match, "" where only the group does not."""
    found = pc.extract_regex(text, pattern)
    return {field.name: pc.struct_field(found, field.name) for field in found.type}


def joined(columns: list[Column], separator: str) -> Column:
    """Columns of one file as one, row by row: a date and its time, or year, month and day. Blank cells and placeholders
    such as "-" are left out, and a row where all are is blank."""
    key = np.zeros(len(columns[0].codes), dtype=np.int64)
    parts = []
    for column in columns:
        codes = np.append(np.where(among(stripped(column.text), NOTHING), -1, np.arange(len(column.text))), -1)
        parts.append(codes[column.codes])
        key = pd.factorize(key * (len(column.text) + 1) + parts[-1])[0].astype(np.int64)  # small numbers: no overflow
    example = np.zeros(key.max(initial=-1) + 1, dtype=np.int64)  # one row of each combination
    example[key[::-1]] = np.arange(len(key))[::-1]
    text = pa.array([""] * len(example), pa.string())
    for column, part in zip(columns, parts, strict=True):
        cells = pc.fill_null(column.text.take(pa.array(part[example], mask=part[example] < 0)), "")
        between = pc.if_else(pc.or_(pc.equal(text, ""), pc.equal(cells, "")), "", separator)
        text = pc.binary_join_element_wise(text, between, cells, "")
    codes = np.where(truth(pc.equal(text, "")), -1, np.arange(len(text))).astype(np.int32)
    return Column(codes[key], text)
