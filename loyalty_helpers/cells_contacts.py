"""Cells as e-mail addresses and telephone numbers, of which many are masked."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers.meaning import (
    NOTHING,
    UNSEEN,
    Values,
    among,
    by_row,
    spread,
    truth,
    unwrapped,
)
from loyalty_helpers.reading import Column


@dataclass(frozen=True)
class Contacts(Values):
    """E-mail addresses or telephone numbers: missing, but never `bad`, where the cell is `masked` (138****1234) or
    `unusable` (filled, and no address or number). No cell is both."""

    masked: np.ndarray
    unusable: np.ndarray


MASKED = (r"[*•×●].*[*•×●]|\p{Han}\*|\*\p{Han}"  # a***@x.com, t**8, 张*
          r"|@\*|^\+?\d+[xX]{3,}\d*$")  # x@*, 138xxxx1234
EMAIL = r"^[^@\s,;:<>()\[\]]+@[^@\s,;:<>()\[\]/]+\.[^@\s.,;:<>()\[\]/]+$"
FEWEST_DIGITS, MOST_DIGITS = 7, 15


def masked(text: pa.Array) -> np.ndarray:
    """Which texts (bool array) hide a part of what they say: a***@example.com, 138****1234, t**8, 张**, 138xxxx1234.
    As ids they are worth nothing, for different people share them. Null is false."""
    return truth(pc.fill_null(pc.match_substring_regex(pc.utf8_normalize(text, "NFKC"), MASKED), False))


def emails(column: Column) -> Contacts:
    """E-mail addresses that compare equal where they are one person's: trimmed, in small letters, full-width characters
    made ordinary, taken out of "Name <a@example.com>". What a provider ignores (dots, +tags) stays."""
    text = pc.replace_substring_regex(unwrapped(column.text), UNSEEN, "")
    text = pc.replace_substring_regex(pc.utf8_normalize(text, "NFKC"), r"(?i)^(?:[^<>]*<)?(?:mailto:)?([^<>]*?)>?$",
                                      r"\1")
    text = pc.utf8_lower(text)
    return _contacts(column, text, truth(pc.match_substring_regex(text, EMAIL)))


def phones(column: Column, country: str = "") -> Contacts:
    """Telephone numbers as digits, so that +86 138-0013-8000 and 13800138000 compare equal: without a leading 00 or +,
    a (0) after the country's code, and, for Chinese mobile numbers, without 86 or a trunk 0. Numbers of `country` (ISO
    code) are as they are dialled within it: +49 170 1234567 is 01701234567 for DE. Others keep their country's code.
    Fewer than 7 or more than 15 digits, one digit repeated, or the 1.38E+10 of a spreadsheet is no number."""
    text = pc.replace_substring_regex(pc.utf8_normalize(unwrapped(column.text), "NFKC"), r"^(\d+)\.0+$", r"\1")
    cut = truth(pc.match_substring_regex(text, r"(?i)^\d([.,]\d+)?E\+\d+$"))
    digits = text
    for pattern, instead in ((r"(?i)\(0\)|(?:ext|x|#|转|分机).*$", ""), (r"\D+", ""), (r"^00", ""),
                             (r"^(?:86)?0?(1[3-9]\d{9})$", r"\1")):
        digits = pc.replace_substring_regex(digits, pattern, instead)
    digits = _dialled_within(digits, country) if country else digits
    sound = truth(pc.match_substring_regex(digits, rf"^\d{{{FEWEST_DIGITS},{MOST_DIGITS}}}$")) & ~cut
    sound &= ~truth(pc.match_substring_regex(digits, f"^(?:{'|'.join(f'{digit}+' for digit in range(10))})$"))
    return _contacts(column, digits, sound, masked(text))


def _dialled_within(digits: pa.Array, country: str) -> pa.Array:
    """Digits that begin with the code of that country, and are a number of its then, as they are dialled there."""
    import phonenumbers  # slow to import, and few files have telephone numbers

    code = phonenumbers.country_code_for_region(country)  # 0 for a country without telephones

    def dialled(number: str) -> str:
        if not code or not number.startswith(str(code)) or not FEWEST_DIGITS <= len(number) <= MOST_DIGITS:
            return number
        found = phonenumbers.parse(f"+{number}")
        is_own = found.country_code == code and phonenumbers.is_valid_number(found)
        return re.sub(r"\D", "", phonenumbers.format_number(
            found, phonenumbers.PhoneNumberFormat.NATIONAL)) if is_own else number

    return pa.array(map(dialled, digits.to_pylist()), pa.string())


def _contacts(column: Column, text: pa.Array, sound: np.ndarray, hidden: np.ndarray | None = None) -> Contacts:
    hidden = masked(text) if hidden is None else hidden
    unusable = ~sound & ~hidden & ~among(unwrapped(column.text), NOTHING)
    never = np.zeros(len(text), bool)
    values = by_row(column, text.to_pandas().astype("str").mask(~sound | hidden), never)
    return Contacts(values.values, values.bad, spread(column, hidden), spread(column, unusable))
