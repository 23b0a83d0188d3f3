"""Cells as numbers: what money and quantities look like in exports from anywhere."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.meaning import (
    NOTHING,
    Values,
    among,
    by_row,
    named_groups,
    plain,
    truth,
    word_lists,
)
from loyalty_helpers.reading import Column

# signs of money -> the currencies that each may stand for, the usual one first
SIGNS: dict[str, list[str]] = word_lists()["signs"]
WORDS_OF_MONEY = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True) if sign[-1] not in "$¥€£")
CURRENCY = rf"(?:[A-Z]{{0,3}}\s?\p{{Sc}}|{WORDS_OF_MONEY}|[A-Z]{{3}})\.?"
NUMBER = (rf"^(?:(?P<before>{CURRENCY})?\s*(?P<open>\())?\s*(?P<sign>[-+])?\s*(?P<left>{CURRENCY})?\s*"
          r"(?P<inner>[-+])?\s*(?P<core>\d[\d.,' ]*?|[.,]\d+)(?:[.,]-+)?(?P<power>E[-+]?\d+)?\s*(?P<unit>[万萬])?\s*"
          rf"(?P<mid>-)?\s*(?P<right>{CURRENCY})?\s*(?P<last>-)?\s*(?:(?P<close>\))\s*(?P<after>{CURRENCY})?)?$")


def numbers(columns: list[Column], decimal: str | None, where: str, *, currency: str = "") -> list[Values]:
    """Numbers (float64) from the same column of several files: with currency signs, thousands marks (Indian ones, too),
    full-width digits, a minus in front, behind or as parentheses; 1.2万 is 12,000, and "12.-" is 12.

    `decimal` is "." or ","; where it is None all cells together decide. Raises UserError (which begins with `where`)
    if they contradict each other, leave it open, name several currencies, or another one than `currency`.
    """
    simple = [_simple_numbers(column.text) for column in columns]
    if decimal != "," and all(size is not None for size in simple):
        return [by_row(column, size, np.zeros(len(size), bool)) for column, size in zip(columns, simple, strict=True)]
    texts = [plain(column.text) for column in columns]
    stored = [np.full(len(text), np.nan) if column.number is None else column.number
              for column, text in zip(columns, texts, strict=True)]
    parts = [named_groups(pc.if_else(pa.array(np.isnan(number)), text, ""), NUMBER)
             for text, number in zip(texts, stored, strict=True)]
    _check_currency(parts, where, currency)
    # a cell with 万 is written with a decimal point, and one like 1.5E+3 by a program: they tell nothing of the others
    cores = [part["core"].filter(pc.and_(pc.equal(part["power"], ""), pc.equal(part["unit"], ""))) for part in parts]
    mark = decimal or _decimal_mark(pa.concat_arrays(cores), where)
    return [_numbers_of(*each, mark) for each in zip(columns, texts, parts, stored, strict=True)]


def _simple_numbers(text: pa.Array) -> np.ndarray | None:
    """A column of nothing but 12 and -3.50, which can be read in one way only, read at once; else None."""
    nothing = among(text, NOTHING)
    if not (truth(pc.match_substring_regex(text, r"^-?\d+(\.\d{1,2})?$")) | nothing).all():
        return None
    return truth(pc.cast(pc.if_else(pa.array(nothing), None, text), pa.float64()))


def _check_currency(parts: list[dict[str, pa.Array]], where: str, currency: str) -> None:
    """Stop at signs of several currencies, and at those of another one than `currency`."""
    places = ("before", "left", "right", "after")
    signs = pc.unique(pa.concat_arrays([part[place] for part in parts for place in places])).to_pylist()
    meant = {currency_of(sign, currency) for sign in signs if sign}
    if len(meant) > 1:
        raise UserError(f"{where} holds several currencies ({', '.join(sorted(meant))}), which cannot be added. "
                        "Export one currency.")
    for found in meant - {currency}:
        if currency and found.isascii():
            raise UserError(f"{where} is in {found}, and client.yml says currency: {currency}. Correct the setting, or "
                            f"export the amounts in {currency}.")


def currency_of(sign: str, own: str = "") -> str:
    """The code of a currency from any sign of it: "zł" and "pln" are PLN. A sign of several currencies ($, kr) is the
    client's `own` where that is among them, else the one most used; an unknown sign stays as it is."""
    sign = re.sub(r"[\s.]", "", sign).upper()
    code = sign[:3] if re.match("[A-Z]{3}(?![A-Z])", sign) else sign  # USD$
    may_be = SIGNS.get(sign, (code,))
    return own if own in may_be else may_be[0]


def _grouped(mark: str) -> str:
    """A whole number with thousands marks: 1,234,567, or as in India 12,34,567."""
    return rf"\d{{1,3}}(?:[{mark}]\d{{3}})+|\d{{1,2}}(?:[{mark}]\d{{2}})+[{mark}]\d{{3}}"


def _decimal_mark(cores: pa.Array, where: str) -> str:
    """"." or ",", from the cells that can be read in one way only."""
    cores, sure = pc.replace_substring_regex(cores, "[' ]", ""), {}
    for mark, other in (".,", ",."):
        only = (rf"^(?:\d*[{mark}](\d{{0,2}}|\d{{4,}})|0*[{mark}]\d+|\d{{4,}}[{mark}]\d+"
                rf"|(?:{_grouped(other)})[{mark}]\d*|\d{{1,3}}([{other}]\d{{3}}){{2,}}"
                rf"|\d{{1,2}}([{other}]\d{{2}})+[{other}]\d{{3}})$")
        sure[mark] = cores.filter(pc.match_substring_regex(cores, only))
    if len(sure["."]) and len(sure[","]):
        raise UserError(f"{where} mixes decimal points and decimal commas ('{sure['.'][0]}', '{sure[','][0]}'). Say in "
                        "client.yml which is right (decimal: \".\" or \",\"), and correct the other cells in a copy of "
                        "the file.", setting="decimal")
    unsure = cores.filter(pc.match_substring_regex(cores, r"^\d{1,3}\.\d{3}$"))
    if len(unsure) and not len(sure["."]) and not len(sure[","]):  # 1.250: a decimal point, or a German thousand
        raise UserError(f"{where}: '{unsure[0]}' can be read in two ways, and no other cell tells. Say in "
                        "client.yml which mark is the decimal one (decimal: \".\" or \",\").", setting="decimal")
    return "," if len(sure[","]) else "."  # only "1,250" and the like: thousands, for money has no third decimal


def _numbers_of(column: Column, text: pa.Array, parts: dict[str, pa.Array], stored: np.ndarray, mark: str) -> Values:
    parts = {name: pc.fill_null(part, "") for name, part in parts.items()}
    marks = np.where(truth(pc.equal(parts["unit"], "")), mark, ".")
    size = np.full(len(text), np.nan)
    for one in {*marks}:
        rows = marks == one
        size[rows] = _sizes(parts["core"].filter(rows), parts["power"].filter(rows), one)
    size[~truth(pc.equal(parts["unit"], ""))] *= 10_000
    size[truth(pc.equal(parts["open"], "")) != truth(pc.equal(parts["close"], ""))] = np.nan
    signs = (("open", "("), ("sign", "-"), ("inner", "-"), ("mid", "-"), ("last", "-"))
    minus = np.sum([truth(pc.equal(parts[group], sign)) for group, sign in signs], axis=0)
    size[minus > 1] = np.nan  # --5 is no number
    value = np.where(np.isnan(stored), np.where(minus == 1, -size, size), stored)
    value[~np.isfinite(value)] = np.nan
    return by_row(column, value, np.isnan(value) & ~among(text, NOTHING))


def _sizes(core: pa.Array, power: pa.Array, mark: str) -> np.ndarray:
    """Numbers without a sign; nan where the marks stand in no sound place."""
    thousands = "," if mark == "." else "."
    grouped = "|".join(_grouped(one) for one in (thousands, " ", "'"))
    sound = pc.match_substring_regex(core, rf"^(?:\d+|{grouped}|)([{mark}]\d*)?$")
    digits = pc.replace_substring(pc.replace_substring_regex(core, f"[{thousands}' ]", ""), mark, ".")
    digits = pc.binary_join_element_wise(digits, power, "")
    sound = pc.and_(sound, pc.match_substring_regex(digits, r"\d"))
    return pc.cast(pc.if_else(sound, digits, None), pa.float64()).to_numpy(zero_copy_only=False)
