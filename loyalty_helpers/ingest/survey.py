"""A survey's answers as they come: words and numbers with words, one column per option, scales, waves.

Work is done on distinct cells, as in `meaning`, whose numbers these answers become.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from loyalty_helpers.core.scales import scale
from loyalty_helpers.ingest.files.reading import Column
from loyalty_helpers.ingest.known import loose

BETWEEN_HEADERS = " · "  # joins several header rows into one name: question · option
JOINED = "┋"  # joins the options that one person chose
NO_ANSWER = frozenset(["", "(空)", "(跳过)"])
NOT_CHOSEN = frozenset([*NO_ANSWER, "0", "0.0", "no", "false", "n", "否", "未选", "-"])
# "10 - Extremely likely", "5分", "5 stars"; "4/5", "4 out of 5"; "Very satisfied (5)", "Extremely likely - 10"
NUMBERS_WITH_WORDS = (
    r"(?P<n>\d{1,3}(\.\d+)?)\s*(/|out of|of|von|sur)\s*\d{1,3}\D*",
    r"(?=.*[^\W\d_])(?P<n>\d{1,3})(\s*[-–—:.、,)=]\s*|\s+|(?=[^\d\s.,/%]))[^\d%]+",
    r"(?=.*[^\W\d_])[^\d%]*[^\d%\s]\s*[(\[=:–—-]\s*(?P<n>\d{1,3})\s*[)\]]?",
)
A_NUMBER = r"[-+]?\d+([.,]\d+)?"
STARS = r"([★⭐]+)️?☆*"


# ---------------------------------------------------------------- answers
def in_numbers(column: Column, words: Mapping[str, float]) -> Column:
    """The column with each answer that says a number as that number: by `words` (answer -> number; upper and lower case
    and blanks make no difference), else the one that stands with words: "10 - Extremely likely", "5分", "4/5", "★★★☆☆".
    Other cells stay as they are.
    """
    known = {loose(word): f"{number:g}" for word, number in words.items()}
    cells = column.text.to_pylist()
    texts = [_in_numbers(cell, known) for cell in cells]
    same = np.array([text == cell for text, cell in zip(texts, cells, strict=True)], bool)
    number = None if column.number is None else np.where(same, column.number, np.nan)
    return replace(column, text=pa.array(texts, pa.string()), number=number)


def _in_numbers(cell: str, known: Mapping[str, str]) -> str:
    text = loose(cell)
    if text in known:
        return known[text]
    if text in NO_ANSWER:
        return "-"  # which means nothing in every column
    if re.fullmatch(A_NUMBER, text):
        return cell
    if stars := re.fullmatch(STARS, text):
        return str(len(stars[1]))
    for pattern in NUMBERS_WITH_WORDS:
        if found := re.fullmatch(pattern, text):
            return found["n"]
    return cell


def chosen(options: Mapping[str, Column]) -> Column:
    """What each row chose, from one column per option (option -> its column): the options' names, joined by "┋".

    A cell says that its option was chosen unless it is blank, 0, no, false, 否 or 未选; what else it says, such as the
    words of "Other (please specify)", is not kept.
    """
    rows = len(next(iter(options.values())).codes)
    joined = np.full(rows, "", dtype=object)
    for option, column in options.items():
        yes = np.append([loose(cell) not in NOT_CHOSEN for cell in column.text.to_pylist()], False)[column.codes]
        joined = np.where(yes.astype(bool), joined + JOINED + option, joined)
    codes, distinct = pd.factorize(pd.Series(joined).str.removeprefix(JOINED).replace("", None))
    return Column(codes, pa.array(distinct, pa.string()))


def options_of(headers: Sequence[str], question: str) -> dict[str, int]:
    """Option -> position of its column, of the headers "question · option"; empty where there are none."""
    start = loose(question + BETWEEN_HEADERS) + " "
    depth = question.count(BETWEEN_HEADERS) + 1
    return {header.split(BETWEEN_HEADERS, depth)[-1].strip(): i for i, header in enumerate(headers)
            if loose(header).startswith(start)}


# ---------------------------------------------------------------- scales
def scales_taken(survey: pd.DataFrame, declared: Mapping[str, tuple[float, float]]) -> list[str]:
    """Each question whose scale was found out from its answers: "csat 1 to 5 (answers from 2 to 5)"."""
    taken = []
    for question in survey.select_dtypes("number"):
        answers = survey[question].dropna()
        if question != "nps" and question not in declared and len(answers):
            worst, best = scale(answers, question, declared)
            taken.append(f"{question} {worst:g} to {best:g} (answers from {answers.min():g} to {answers.max():g})")
    return taken


# ---------------------------------------------------------------- waves
def waves(answered_at: pd.Series, wave: pd.Series, launch: pd.Timestamp | None) -> pd.Series:
    """The wave of each answer: as given, else "before" or "after" the launch by its date; missing where neither tells.

    Without a launch nothing is compared, and a missing wave stays missing.
    """
    if launch is None:
        return wave
    by_date = pd.Series("before", index=wave.index, dtype="str").mask(answered_at >= launch, "after")
    return wave.fillna(by_date.where(answered_at.notna()))


def misdated(answered_at: pd.Series, wave: pd.Series, launch: pd.Timestamp) -> pd.Series:
    """Whether an answer's wave says "before" and its date lies after the launch, or the other way round."""
    named = wave.astype("str").str.strip().str.casefold()
    return ((named == "before") & (answered_at >= launch)) | ((named == "after") & (answered_at < launch))
