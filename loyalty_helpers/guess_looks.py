"""What the columns of a file look like that nobody has described: by their names and by their first cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from loyalty_helpers import cells_moments, meaning
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.reading import Column, RawFile

ROWS = 5000  # rows looked at
CJK = "㐀-鿿"
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s.]+"
PHONE = r"'?\+?[\d\s()./-]{7,20}"
SIGN = r"(?:[A-Z]{0,3}[^\w\s.,'()+-]|[A-Z]{2,3}\.?|人民币|元)"
AMOUNT = rf"[-+(]*\s*{SIGN}?\s*[-+(]*\s*\d[\d.,' ]*\s*(?:{SIGN}|万元?)?\s*\)?-*"
MOMENT_WORDS = ("date", "time", "timestamp", "at", "on", "created", "joined", "日期", "时间")
PERSON = rf"[^\W\d_]+(?:[ ,.'’-]+[^\W\d_]+)+|[{CJK}]{{2,4}}"  # "Ann Smith", "李小龙"
CLOCK = r"\d{1,2}:\d{2}(:\d{2})?\s*([AP]\.?M\.?)?"


@cache
def words() -> dict[str, Any]:
    """The lists of words/columns.yml."""
    return yaml.safe_load((files("loyalty_helpers") / "words" / "columns.yml").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- what columns look like
@dataclass(frozen=True, eq=False)
class Look:
    """A column as it looks in the first rows. `cells` holds its text ("" for a blank); the shares are of the filled
    rows, `filled` of all rows."""

    header: str
    cells: pd.Series
    filled: float
    distinct: int
    number: float
    whole: float
    date: float
    email: float
    phone: float
    person: float
    masked: float
    length: float

    @property
    def name(self) -> str:
        return plain(self.header)

    @property
    def is_id(self) -> bool:
        """Whether its cells may be the ids of orders or of people."""
        is_fraction = self.number - self.whole > 0.2 and self.cells.str.contains(r"\d[.,]\d{1,2}$").mean() > 0.2
        return self.filled > 0.05 and self.date < 0.8 and self.email < 0.5 and self.length <= 40 and not is_fraction

    @property
    def is_money(self) -> bool:
        return self.filled > 0.05 and self.number >= 0.9 and self.date < 0.9

    @property
    def is_day(self) -> bool:
        return self.filled > 0.05 and self.date >= 0.8

    @property
    def is_label(self) -> bool:
        return self.filled > 0.05 and self.date < 0.5 and self.email < 0.5

    @property
    def is_question(self) -> bool:
        return "?" in unicodedata.normalize("NFKC", self.header) or len(self.name.split()) > 8

    def values(self) -> list[str]:
        """The distinct cells, most frequent first."""
        return self.cells[self.cells != ""].value_counts().index.to_list()

    def numbers(self) -> pd.Series:
        """The filled cells as numbers, where they are plain ones."""
        return pd.to_numeric(self.cells[self.cells != ""], errors="coerce")


def plain(header: str) -> str:
    """A column name as words are compared: "InvoiceNo." is "invoice no"."""
    text = unicodedata.normalize("NFKC", header).replace("\ufeff", "").replace("#", " number ")
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())


def looks(raw: RawFile) -> list[Look]:
    """Every column of a file, as it looks in its first rows."""
    return [look_at(header, cells(column)) for header, column in zip(raw.headers, raw.columns, strict=True)]


def cells(column: Column, rows: int = ROWS) -> pd.Series:
    """The first cells of a column as text, without blanks round them; "" for a blank."""
    text = np.array([*column.text.to_pylist(), ""], dtype=object)[column.codes[:rows]]
    return pd.Series(text, dtype="str").str.strip().str.lstrip("\ufeff")


def column_of(text: pd.Series) -> Column:
    """A Column that holds this text."""
    codes, distinct = pd.factorize(text.mask(text == ""))
    return Column(codes, pa.array(distinct.tolist(), pa.string()))


def look_at(header: str, text: pd.Series) -> Look:
    counts = text[(text != "") & ~text.str.lower().isin(meaning.NOTHING)].value_counts()
    distinct, rows = counts.index.to_series(), max(counts.sum(), 1)
    upper = distinct.str.normalize("NFKC").str.upper()

    def share(holds: Iterable[bool]) -> float:
        return float(counts.to_numpy() @ np.asarray(holds, dtype=bool) / rows)

    return Look(
        header, text, counts.sum() / max(len(text), 1), len(counts),
        number=share(upper.str.fullmatch(AMOUNT)), whole=share(upper.str.fullmatch(r"-?\d{1,9}(\.0+)?")),
        date=share(_is_date(header, distinct)), email=share(upper.str.fullmatch(EMAIL)),
        phone=share(upper.str.fullmatch(PHONE) & upper.str.count(r"\d").ge(7)),
        person=share(distinct.str.fullmatch(PERSON)), masked=share(upper.str.contains("*", regex=False)),
        length=float(counts.to_numpy() @ distinct.str.len().to_numpy() / rows))


def _is_date(header: str, distinct: pd.Series) -> np.ndarray:
    """Which texts are moments. Mere numbers (days of a spreadsheet, Unix seconds) are only where the header says so."""
    if not distinct.str.contains(r"\d").any():  # as most names of columns: to read each as a date takes long
        return np.zeros(len(distinct), bool)
    is_number = distinct.str.fullmatch(r"\d+(\.\d+)?") & ~distinct.str.fullmatch(r"(19|20)\d{6}")
    if distinct.empty or (is_number.mean() > 0.5 and not any(said(plain(header), word) for word in MOMENT_WORDS)):
        return np.zeros(len(distinct), bool)
    try:
        found = [cells_moments.moments([column_of(distinct)], style, ("UTC", "UTC"), "")[0].values.notna()
                 for style in ("day-first", "month-first")]
    except UserError:  # a time zone that could be several: these are moments
        return np.ones(len(distinct), bool)
    return (found[0] | found[1]).to_numpy()


def said(name: str, word: str) -> bool:
    """Whether a plain name holds a word: as a whole word, in Chinese anywhere."""
    return word in name if re.search(f"[{CJK}]", word) else f" {word} " in f" {name} "
