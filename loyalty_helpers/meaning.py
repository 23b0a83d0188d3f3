"""The meaning of cells: text becomes names, numbers, moments, e-mail addresses and telephone numbers.

What a column means (decimal mark, day-month order) is decided from all of it, in all files of the source, never from
one cell. Work is done on distinct cells, so that half a million rows with 23,000 different dates cost 23,000 readings.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.reading import Column, stripped

# ---------------------------------------------------------------- cells
NOTHING = frozenset(["-", "--", "---", "–", "—", "——", "/", "null", "(null)", "none", "nil", "n/a", "na", "nan", "nat",
                     "undefined", "(blank)", "#n/a", "#value!", "#ref!", "#div/0!", "#name?", "#null!", "#num!", "\\n",
                     "无", "無", "空", "暂无"])
UNSEEN = r"[\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]+"  # marks without width, also of direction


@dataclass(frozen=True)
class Values:
    """What the rows of a column mean: missing where the cell is blank or `bad`, that is, not to be understood."""

    values: pd.Series
    bad: np.ndarray


@dataclass(frozen=True)
class Contacts(Values):
    """E-mail addresses or telephone numbers: missing, but never `bad`, where the cell is `masked` (138****1234) or
    `unusable` (filled, and no address or number). No cell is both."""

    masked: np.ndarray
    unusable: np.ndarray


def _each(column: Column, mask: np.ndarray) -> np.ndarray:
    """From one truth per distinct cell to one per row; false for blanks."""
    return np.append(mask, False)[column.codes]


def _by_row(column: Column, distinct: pd.Series | np.ndarray, bad: np.ndarray) -> Values:
    """From one value per distinct cell to one per row."""
    values = pd.Series(distinct).array.take(column.codes, allow_fill=True)
    return Values(pd.Series(values), _each(column, bad))


def _unwrapped(text: pa.Array) -> pa.Array:
    """Without blanks or tabs round the cell, the `="..."` of a spreadsheet, or leading apostrophes."""
    return stripped(pc.replace_substring_regex(stripped(text), r'^="(.*)"$|^\'+', r"\1"))


def _plain(text: pa.Array) -> pa.Array:
    """Unwrapped, in upper case, full-width characters made ordinary, every minus and apostrophe the plain one."""
    text = _unwrapped(text)
    if _is_ascii(text):
        return pc.replace_substring(pc.utf8_upper(text), "`", "'")
    text = pc.utf8_normalize(pc.replace_substring_regex(text, UNSEEN, ""), "NFKC")
    text = pc.replace_substring_regex(stripped(pc.utf8_upper(text)), r"[\x{2010}-\x{2015}\x{2212}]", "-")
    return pc.replace_substring_regex(text, "[’`]", "'")


def _is_ascii(text: pa.Array) -> bool:
    return pc.sum(pc.binary_length(text)) == pc.sum(pc.utf8_length(text))


def _truth(mask: pa.Array) -> np.ndarray:
    return mask.to_numpy(zero_copy_only=False)


def _among(text: pa.Array, words: frozenset[str]) -> np.ndarray:
    return _truth(pc.is_in(pc.utf8_lower(text), pa.array(["", *words])))


def _groups(text: pa.Array, pattern: str) -> dict[str, pa.Array]:
    """The named groups of a pattern: null where the pattern does not match, "" where only the group does not."""
    found = pc.extract_regex(text, pattern)
    return {field.name: pc.struct_field(found, field.name) for field in found.type}


def joined(columns: list[Column], separator: str) -> Column:
    """Columns of one file as one, row by row: a date and its time, or year, month and day. Blank cells and placeholders
    such as "-" are left out, and a row where all are is blank."""
    key = np.zeros(len(columns[0].codes), dtype=np.int64)
    parts = []
    for column in columns:
        codes = np.append(np.where(_among(stripped(column.text), NOTHING), -1, np.arange(len(column.text))), -1)
        parts.append(codes[column.codes])
        key = pd.factorize(key * (len(column.text) + 1) + parts[-1])[0].astype(np.int64)  # small numbers: no overflow
    example = np.zeros(key.max(initial=-1) + 1, dtype=np.int64)  # one row of each combination
    example[key[::-1]] = np.arange(len(key))[::-1]
    text = pa.array([""] * len(example), pa.string())
    for column, part in zip(columns, parts, strict=True):
        cells = pc.fill_null(column.text.take(pa.array(part[example], mask=part[example] < 0)), "")
        between = pc.if_else(pc.or_(pc.equal(text, ""), pc.equal(cells, "")), "", separator)
        text = pc.binary_join_element_wise(text, between, cells, "")
    codes = np.where(_truth(pc.equal(text, "")), -1, np.arange(len(text))).astype(np.int32)
    return Column(codes[key], text)


# ---------------------------------------------------------------- names
LONG = 15  # a spreadsheet keeps this many digits of a number, and writes zeros for the rest


def names(column: Column, *, is_id: bool = False, nothing: frozenset[str] = frozenset()) -> Values:
    """Ids and labels as text, case kept: without blanks or tabs round them, a leading apostrophe, the `="..."` of a
    spreadsheet, or the ".0" of a number (17850.0 is 17850). As an id, 6.9E+17 is bad: its digits are lost. So are all
    ids of more than 15 digits where there are ten, and each of them has zeros from the sixteenth digit on."""
    text = pc.replace_substring_regex(_unwrapped(column.text), r"^(\d+)\.0+$", r"\1")
    missing = _among(text, NOTHING | nothing)
    bad = _digits_lost(text) if is_id else np.zeros(len(text), bool)
    return _by_row(column, text.to_pandas().astype("str").mask(missing | bad), bad)


def _digits_lost(text: pa.Array) -> np.ndarray:
    lost = _truth(pc.match_substring_regex(text, r"(?i)^\d([.,]\d+)?E\+\d+$"))
    long = _truth(pc.match_substring_regex(text, rf"^\d{{{LONG + 1},}}$"))
    ending = _truth(pc.match_substring_regex(text, rf"^\d{{{LONG}}}0+$"))
    return lost | long if long.sum() >= 10 and ending[long].all() else lost


# ---------------------------------------------------------------- e-mail addresses and telephone numbers
MASKED = (r"[*•×●].*[*•×●]|\p{Han}\*|\*\p{Han}"  # a***@x.com, t**8, 张*
          r"|@\*|^\+?\d+[xX]{3,}\d*$")  # x@*, 138xxxx1234
EMAIL = r"^[^@\s,;:<>()\[\]]+@[^@\s,;:<>()\[\]/]+\.[^@\s.,;:<>()\[\]/]+$"
FEWEST_DIGITS, MOST_DIGITS = 7, 15


def masked(text: pa.Array) -> np.ndarray:
    """Which texts (bool array) hide a part of what they say: a***@example.com, 138****1234, t**8, 张**, 138xxxx1234.
    As ids they are worth nothing, for different people share them. Null is false."""
    return _truth(pc.fill_null(pc.match_substring_regex(pc.utf8_normalize(text, "NFKC"), MASKED), False))


def emails(column: Column) -> Contacts:
    """E-mail addresses that compare equal where they are one person's: trimmed, in small letters, full-width characters
    made ordinary, taken out of "Name <a@example.com>". What a provider ignores (dots, +tags) stays."""
    text = pc.replace_substring_regex(_unwrapped(column.text), UNSEEN, "")
    text = pc.replace_substring_regex(pc.utf8_normalize(text, "NFKC"), r"(?i)^(?:[^<>]*<)?(?:mailto:)?([^<>]*?)>?$",
                                      r"\1")
    text = pc.utf8_lower(text)
    return _contacts(column, text, _truth(pc.match_substring_regex(text, EMAIL)))


def phones(column: Column) -> Contacts:
    """Telephone numbers as digits, so that +86 138-0013-8000 and 13800138000 compare equal: without a leading 00 or +,
    a (0) after the country's code, and, for Chinese mobile numbers, without 86 or a trunk 0. Of other countries the
    code is not known, so +49 170... and 0170... stay two. Fewer than 7 or more than 15 digits, one digit repeated, or
    the 1.38E+10 of a spreadsheet is no number."""
    text = pc.replace_substring_regex(pc.utf8_normalize(_unwrapped(column.text), "NFKC"), r"^(\d+)\.0+$", r"\1")
    cut = _truth(pc.match_substring_regex(text, r"(?i)^\d([.,]\d+)?E\+\d+$"))
    digits = text
    for pattern, instead in ((r"(?i)\(0\)|(?:ext|x|#|转|分机).*$", ""), (r"\D+", ""), (r"^00", ""),
                             (r"^(?:86)?0?(1[3-9]\d{9})$", r"\1")):
        digits = pc.replace_substring_regex(digits, pattern, instead)
    sound = _truth(pc.match_substring_regex(digits, rf"^\d{{{FEWEST_DIGITS},{MOST_DIGITS}}}$")) & ~cut
    sound &= ~_truth(pc.match_substring_regex(digits, f"^(?:{'|'.join(f'{digit}+' for digit in range(10))})$"))
    return _contacts(column, digits, sound, masked(text))


def _contacts(column: Column, text: pa.Array, sound: np.ndarray, hidden: np.ndarray | None = None) -> Contacts:
    hidden = masked(text) if hidden is None else hidden
    unusable = ~sound & ~hidden & ~_among(_unwrapped(column.text), NOTHING)
    never = np.zeros(len(text), bool)
    values = _by_row(column, text.to_pandas().astype("str").mask(~sound | hidden), never)
    return Contacts(values.values, values.bad, _each(column, hidden), _each(column, unusable))


# ---------------------------------------------------------------- numbers
# signs of money -> the currencies that each may stand for, the usual one first
SIGNS = {sign: tuple(codes.split()) for sign, codes in {
    "$": "USD AUD CAD HKD MXN NZD SGD TWD ARS CLP COP", "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD",
    "CA$": "CAD", "HK$": "HKD", "NT$": "TWD", "NZ$": "NZD", "S$": "SGD", "MX$": "MXN", "R$": "BRL",
    "¥": "CNY JPY", "CN¥": "CNY", "JP¥": "JPY", "RMB": "CNY", "RMB¥": "CNY", "人民币": "CNY",
    "元": "CNY TWD HKD", "圆": "CNY JPY", "円": "JPY", "€": "EUR", "£": "GBP EGP", "₩": "KRW", "원": "KRW",
    "KR": "SEK NOK DKK ISK", "FR": "CHF", "SFR": "CHF", "ZŁ": "PLN", "KČ": "CZK", "FT": "HUF", "LEI": "RON",
    "ЛВ": "BGN", "₽": "RUB", "РУБ": "RUB", "₴": "UAH", "ГРН": "UAH", "₸": "KZT", "₺": "TRY", "TL": "TRY", "₪": "ILS",
    "₹": "INR", "RS": "INR PKR LKR NPR", "৳": "BDT", "฿": "THB", "₫": "VND", "₱": "PHP", "RP": "IDR", "RM": "MYR",
    "R": "ZAR", "₦": "NGN", "KSH": "KES", "S/": "PEN"}.items()}
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
        return [_by_row(column, size, np.zeros(len(size), bool)) for column, size in zip(columns, simple, strict=True)]
    texts = [_plain(column.text) for column in columns]
    stored = [np.full(len(text), np.nan) if column.number is None else column.number
              for column, text in zip(columns, texts, strict=True)]
    parts = [_groups(pc.if_else(pa.array(np.isnan(number)), text, ""), NUMBER)
             for text, number in zip(texts, stored, strict=True)]
    _check_currency(parts, where, currency)
    # a cell with 万 is written with a decimal point, and one like 1.5E+3 by a program: they tell nothing of the others
    cores = [part["core"].filter(pc.and_(pc.equal(part["power"], ""), pc.equal(part["unit"], ""))) for part in parts]
    mark = decimal or _decimal_mark(pa.concat_arrays(cores), where)
    return [_numbers_of(*each, mark) for each in zip(columns, texts, parts, stored, strict=True)]


def _simple_numbers(text: pa.Array) -> np.ndarray | None:
    """A column of nothing but 12 and -3.50, which can be read in one way only, read at once; else None."""
    nothing = _among(text, NOTHING)
    if not (_truth(pc.match_substring_regex(text, r"^-?\d+(\.\d{1,2})?$")) | nothing).all():
        return None
    return _truth(pc.cast(pc.if_else(pa.array(nothing), None, text), pa.float64()))


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
                        "the file.")
    unsure = cores.filter(pc.match_substring_regex(cores, r"^\d{1,3}\.\d{3}$"))
    if len(unsure) and not len(sure["."]) and not len(sure[","]):  # 1.250: a decimal point, or a German thousand
        raise UserError(f"{where}: '{unsure[0]}' can be read in two ways, and no other cell tells. Say in "
                        "client.yml which mark is the decimal one (decimal: \".\" or \",\").")
    return "," if len(sure[","]) else "."  # only "1,250" and the like: thousands, for money has no third decimal


def _numbers_of(column: Column, text: pa.Array, parts: dict[str, pa.Array], stored: np.ndarray, mark: str) -> Values:
    parts = {name: pc.fill_null(part, "") for name, part in parts.items()}
    marks = np.where(_truth(pc.equal(parts["unit"], "")), mark, ".")
    size = np.full(len(text), np.nan)
    for one in {*marks}:
        rows = marks == one
        size[rows] = _sizes(parts["core"].filter(rows), parts["power"].filter(rows), one)
    size[~_truth(pc.equal(parts["unit"], ""))] *= 10_000
    size[_truth(pc.equal(parts["open"], "")) != _truth(pc.equal(parts["close"], ""))] = np.nan
    signs = (("open", "("), ("sign", "-"), ("inner", "-"), ("mid", "-"), ("last", "-"))
    minus = np.sum([_truth(pc.equal(parts[group], sign)) for group, sign in signs], axis=0)
    size[minus > 1] = np.nan  # --5 is no number
    value = np.where(np.isnan(stored), np.where(minus == 1, -size, size), stored)
    value[~np.isfinite(value)] = np.nan
    return _by_row(column, value, np.isnan(value) & ~_among(text, NOTHING))


def _sizes(core: pa.Array, power: pa.Array, mark: str) -> np.ndarray:
    """Numbers without a sign; nan where the marks stand in no sound place."""
    thousands = "," if mark == "." else "."
    grouped = "|".join(_grouped(one) for one in (thousands, " ", "'"))
    sound = pc.match_substring_regex(core, rf"^(?:\d+|{grouped}|)([{mark}]\d*)?$")
    digits = pc.replace_substring(pc.replace_substring_regex(core, f"[{thousands}' ]", ""), mark, ".")
    digits = pc.binary_join_element_wise(digits, power, "")
    sound = pc.and_(sound, pc.match_substring_regex(digits, r"\d"))
    return pc.cast(pc.if_else(sound, digits, None), pa.float64()).to_numpy(zero_copy_only=False)


# ---------------------------------------------------------------- time zones
UTC = "UTC"
WINTER = {"PST": "America/Los_Angeles", "MST": "America/Denver", "EST": "America/New_York", "AKST": "America/Anchorage",
          "CET": "Europe/Berlin", "MEZ": "Europe/Berlin", "EET": "Europe/Helsinki", "WET": "Europe/Lisbon",
          "AEST": "Australia/Sydney", "ACST": "Australia/Adelaide", "NZST": "Pacific/Auckland",
          "NST": "America/St_Johns"}
SUMMER = {"PDT": "America/Los_Angeles", "MDT": "America/Denver", "CDT": "America/Chicago", "EDT": "America/New_York",
          "AKDT": "America/Anchorage", "CEST": "Europe/Berlin", "MESZ": "Europe/Berlin", "EEST": "Europe/Helsinki",
          "WEST": "Europe/Lisbon", "AEDT": "Australia/Sydney", "ACDT": "Australia/Adelaide",
          "NZDT": "Pacific/Auckland", "NDT": "America/St_Johns"}
ZONES = WINTER | SUMMER | {
    "Z": UTC, "UTC": UTC, "GMT": UTC, "GREENWICH MEAN": UTC, "COORDINATED UNIVERSAL": UTC,
    "AWST": "Australia/Perth", "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "HKT": "Asia/Hong_Kong",
    "SGT": "Asia/Singapore", "PHT": "Asia/Manila", "WIB": "Asia/Jakarta", "PKT": "Asia/Karachi",
    "HST": "Pacific/Honolulu", "MSK": "Europe/Moscow", "BRT": "America/Sao_Paulo", "SAST": "Africa/Johannesburg",
    "PACIFIC": "America/Los_Angeles", "MOUNTAIN": "America/Denver", "CENTRAL": "America/Chicago",
    "EASTERN": "America/New_York", "ATLANTIC": "America/Halifax", "NEWFOUNDLAND": "America/St_Johns",
    "ALASKA": "America/Anchorage", "ALASKAN": "America/Anchorage", "HAWAII": "Pacific/Honolulu",
    "HAWAIIAN": "Pacific/Honolulu", "ARIZONA": "America/Phoenix", "INDIANA (EAST)": "America/Indiana/Indianapolis",
    "BEIJING": "Asia/Shanghai", "CHINA": "Asia/Shanghai", "北京": "Asia/Shanghai", "中国标准": "Asia/Shanghai",
    "TAIPEI": "Asia/Taipei", "JAPAN": "Asia/Tokyo", "KOREA": "Asia/Seoul", "INDIA": "Asia/Kolkata",
    "MUMBAI": "Asia/Kolkata", "NEW DELHI": "Asia/Kolkata", "CHENNAI": "Asia/Kolkata", "BRITISH": "Europe/London",
    "CENTRAL EUROPEAN": "Europe/Berlin", "CENTRAL EUROPE": "Europe/Budapest", "W. EUROPE": "Europe/Berlin",
    "ROMANCE": "Europe/Paris", "EASTERN EUROPEAN": "Europe/Helsinki", "WESTERN EUROPEAN": "Europe/Lisbon",
    "EDINBURGH": "Europe/London", "BERN": "Europe/Zurich", "MELBOURNE": "Australia/Melbourne",
    "WELLINGTON": "Pacific/Auckland", "ABU DHABI": "Asia/Dubai",
    "BRASILIA": "America/Sao_Paulo", "OSAKA": "Asia/Tokyo", "PRETORIA": "Africa/Johannesburg"}
SEVERAL = {"CST": "Central US, China or Cuba", "IST": "India, Ireland or Israel", "BST": "Britain or Bangladesh",
           "GST": "the Gulf or South Georgia", "AST": "Atlantic Canada or Arabia", "SST": "Samoa or Singapore",
           "AMT": "Amazonia or Armenia", "ECT": "Ecuador or the East Caribbean"}
CONTINENTS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
DIRECTIONS = ("NORTH", "SOUTH", "EAST", "WEST")  # Australia/West and its like: as words alone they say nothing


@cache
def _places() -> dict[str, str]:
    """Zones by their whole name and by their place alone, in upper case: EUROPE/BERLIN and BERLIN."""
    known = sorted(available_timezones())
    places = {name.split("/")[-1].replace("_", " ").upper(): name for name in known if name.startswith(CONTINENTS)}
    return ({place: name for place, name in places.items() if place not in DIRECTIONS}
            | {name.replace("_", " ").upper(): name for name in known})


def zone_named(name: str) -> str:
    """The IANA name of a time zone as exports write it: "Pacific Time (US & Canada)", "PST", "GMT+8", "Beijing",
    "Europe/Berlin". PST and PDT are the same zone. Raises UserError for unknown names, and for abbreviations that
    several parts of the world use (CST)."""
    found = _zone(name)
    if found is None:
        raise UserError(f"'{name}' is no time zone that is known here. Write a place in its stead, such as "
                        "Europe/Berlin or Asia/Kolkata, or leave it out and give time_zone in client.yml.")
    return found


def _zone(name: str) -> str | None:
    """The same, None for an unknown name."""
    key = " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").upper().split())
    key = re.sub(r"^\((?:GMT|UTC)[^)]*\)\s*(?=.)", "", key)  # (GMT-08:00) Pacific Time (US & Canada)
    key = re.sub(r"^\((.*)\)$|\s*\((?:US|USA|CANADA|US & CANADA|MEXICO)\)$", r"\1", key)
    short = re.sub(r"\s*(?:(?:STANDARD|DAYLIGHT|SUMMER)\s+)?TIME$|时间$|時間$", "", key)
    if short in SEVERAL:
        raise UserError(f"'{name}' names several time zones ({SEVERAL[short]}). Leave it out in a copy of the file, "
                        "and say in client.yml which is meant (time_zone, such as America/Chicago or Asia/Shanghai).")
    offset = re.fullmatch(r"(?:GMT|UTC)?\s*([-+])(\d{1,2})(?::?00)?", key)
    if offset and int(offset[2]) <= 12:
        ahead = int(offset[1] + offset[2])
        return f"Etc/GMT{-ahead:+d}" if ahead else UTC  # the names of Etc count the other way round
    return ZONES.get(short) or _places().get(key) or _places().get(short)


# ---------------------------------------------------------------- moments
TIME = (r"(?:[T\s,]+00:00:00|\s+1899-12-3[01]|\s+1900-01-0[01])??"  # a spreadsheet's date beside its time
        r"(?:[T\s,]+|\b)(?:(?:AT|A|A LAS|UM|OM|ALLE|KL\.?)\s+)?"
        r"(?P<half>上午|下午)?\s*(?P<hour>[01]?\d|2[0-3])\s*[:.H时時点點]\s*(?P<minute>[0-5]\d)"
        r"(?:[:.分](?P<second>[0-5]\d)(?:[.,](?P<fraction>\d+))?)?[分秒]?\s*(?:UHR)?"
        r"\s*(?:(?P<ampm>[AP])\.?\s?M\b\.?)?")
ZONE = (r"(?:\s*(?:\(?(?:GMT|UTC)\)?)?\s*(?P<sign>[-+])(?P<ahead>\d{1,2}):?(?P<minutes>\d{2})?(?:\s*[(\[].*[)\]])?"
        r"|\s*(?P<zone>[(\pL].*))?")
CLOCK = rf"(?:[\s,]*\(?(?:星期|周|週)[一二三四五六日天]\)?)?(?:{TIME}{ZONE})?$"
WORD = r"(?P<word>[A-Z]{3,10})\.?"
DAY_NAME, DAY = r"^(?:[A-Z]{2,10}\.?,?\s+)??", r"(?P<day>\d{1,2})(?:ST|ND|RD|TH|ER|O)?\.?"
DATES = (
    r"^(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日.]?" + CLOCK,
    r"^(?P<a>\d{1,2})(?P<mark>[-/.])(?P<b>\d{1,2})[-/.](?P<year>\d{4}|\d{2})" + CLOCK,  # day and month, or the reverse
    r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + CLOCK,
    rf"^(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}})T?(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)"
    rf"(?P<second>[0-5]\d)?{ZONE}$",
    rf"{DAY_NAME}{DAY}[-\s/]*(?:DE\s+)?{WORD}[-\s/,]*(?:DEL?\s+)?(?P<year>\d{{4}}|\d{{2}}){CLOCK}",
    rf"{DAY_NAME}{WORD}\s+{DAY},?\s+(?P<year>\d{{4}}){CLOCK}",
    rf"^(?P<year>\d{{4}})[-\s/]+{WORD}[-\s/]+(?P<day>\d{{1,2}}){CLOCK}",
    r"^(?P<year>\d{2})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日" + CLOCK,
)
MONTHS = {word: number for number, words in enumerate([  # without accents: English, German, French, Spanish,
    "JAN JANUARY JANUAR JANNER JANV JANVIER ENE ENERO GEN GENNAIO JANEIRO JANUARI",  # Italian, Portuguese, Dutch
    "FEB FEBRUARY FEBRUAR FEV FEVR FEVRIER FEBRERO FEBBRAIO FEVEREIRO FEBRUARI",
    "MAR MARCH MARZ MAERZ MRZ MARS MARZO MARCO MAART MRT", "APR APRIL AVR AVRIL ABR ABRIL APRILE",
    "MAY MAI MAYO MAG MAGGIO MAIO MEI", "JUN JUNE JUNI JUIN JUNIO GIU GIUGNO JUNHO",
    "JUL JULY JULI JUIL JUILLET JULIO LUG LUGLIO JULHO", "AUG AUGUST AOU AOUT AGO AGOSTO AUGUSTUS",
    "SEP SEPT SEPTEMBER SEPTEMBRE SEPTIEMBRE SETIEMBRE SET SETTEMBRE SETEMBRO",
    "OCT OCTOBER OKT OKTOBER OCTOBRE OCTUBRE OTT OTTOBRE OUT OUTUBRO", "NOV NOVEMBER NOVEMBRE NOVIEMBRE NOVEMBRO",
    "DEC DECEMBER DEZ DEZEMBER DECEMBRE DIC DICIEMBRE DICEMBRE DEZEMBRO"], start=1) for word in words.split()}
NO_DATE = ("0001-01-01", "1899-12-30", "1899-12-31", "1900-01-00", "1900-01-01",
           "1969-12-31", "1970-01-01")  # how programs write that there is none
OWN = ""  # the zone of a cell that names none: the file's own
# columns of nothing but such numbers: days of a spreadsheet from 1990, Unix seconds and milliseconds from 2001, to 2100
COUNTED = ((32_874, 73_051, 86_400_000, np.datetime64("1899-12-30", "us"), OWN),
           (1e9, 4_102_444_800, 1_000, np.datetime64(0, "us"), UTC),
           (1e12, 4_102_444_800_000, 1, np.datetime64(0, "us"), UTC))
FIRST_YEAR, LAST_YEAR = np.datetime64("1900", "us"), np.datetime64("2201", "us")
FIRST_SHORT = 70  # 3/5/70 is in 1970, 3/5/69 in 2069


@dataclass(frozen=True)
class _Clock:
    """What distinct cells show: `wall` (datetime64[us], NaT where there is no date) on the clocks of the zones `names`,
    of which `zone` says which; where it is not `timed` the cell is a date without a time; where it is `none`, blank or
    a date that stands for none."""

    wall: np.ndarray
    timed: np.ndarray
    none: np.ndarray
    zone: np.ndarray
    names: tuple[str, ...] = (OWN, UTC)


def moments(columns: list[Column], style: str | None, zones: tuple[str, str], where: str) -> list[Values]:
    """Moments (datetime64[us], naive) from the same column of several files; several styles may stand side by side.

    `style` is "day-first", "month-first", a strptime pattern (what does not fit it may still be 2025-03-31), or None:
    then all cells together decide what 03/04/2025 is; 03.04.2025 is the third of April unless cells with points say
    otherwise. A column of nothing but such numbers holds days of a spreadsheet (45321.75), Unix seconds or
    milliseconds. `zones` are the file's time zone and the one wanted. A cell with an offset or the name of a zone is
    converted from that. A cell without a time is a date and stays what it is; so does a column whose every time is
    midnight. Raises UserError if the cells contradict each other, leave it open, or name a zone that could be several.
    """
    by_pattern = style is not None and "%" in style
    fitting = [_moments_by_pattern(column, style, zones, where) if by_pattern else None for column in columns]
    clocks = [None if by_pattern else _iso(column.text) or _counted(column) for column in columns]
    written = [None if clock else _dates_written(_undone(column.text, fits), by_pattern)
               for column, clock, fits in zip(columns, clocks, fitting, strict=True)]
    first = _day_first([column.text for column in columns], written, style, where)
    found = []
    for column, clock, parts, fits in zip(columns, clocks, written, fitting, strict=True):
        clock = clock or _clock(*parts, first, _no_date(column.text))
        moment = _in_zone(clock, zones, where)
        moment = moment if fits is None else np.where(np.isnat(fits), moment, fits)
        moment[clock.none] = np.datetime64("NaT")
        found.append(_by_row(column, moment, np.isnat(moment) & ~clock.none))
    return found


def _undone(text: pa.Array, fitting: np.ndarray | None) -> pa.Array:
    """The cells that a pattern does not fit, the others blank."""
    return text if fitting is None else pc.if_else(pa.array(np.isnat(fitting)), text, "")


def _no_date(text: pa.Array) -> np.ndarray:
    """Placeholders, and dates of nothing but zeros."""
    text = _unwrapped(text)
    return _among(text, NOTHING) | _truth(pc.match_substring_regex(text, r"^0[0.:/T -]*$"))


def _iso(text: pa.Array) -> _Clock | None:
    """A column of nothing but 2024-03-31, 2024-03-31 14:05:09, or either with offsets, read at once; else None."""
    nothing = _among(text, NOTHING)
    text = pc.if_else(pa.array(nothing), None, text)
    for code, kind in enumerate((pa.timestamp("us"), pa.timestamp("us", UTC))):
        try:
            pc.cast(text[:100], kind)  # a long column that is something else fails slowly
            wall = pc.cast(text, kind).to_numpy(zero_copy_only=False).astype("datetime64[us]")
        except pa.ArrowInvalid:
            continue
        none = np.isin(wall.astype("datetime64[D]"), np.array([day for day in NO_DATE if "-00" not in day], "M8[D]"))
        timed = pc.fill_null(pc.greater(pc.utf8_length(text), len("2024-03-31")), False)
        return _Clock(_in_range(wall), _truth(timed), none | nothing, np.full(len(text), code))
    return None


def _in_range(wall: np.ndarray) -> np.ndarray:
    return np.where((wall >= FIRST_YEAR) & (wall < LAST_YEAR), wall, np.datetime64("NaT"))


def _counted(column: Column) -> _Clock | None:
    """A column of nothing but numbers that count days, seconds or milliseconds; else None."""
    text = _unwrapped(column.text)
    written = pc.if_else(pc.match_substring_regex(text, r"^\d+(\.\d*)?$"), text, None)
    size = pc.cast(written, pa.float64()).to_numpy(zero_copy_only=False)
    size = size if column.number is None else np.where(np.isnan(column.number), size, column.number)
    if len(size) and np.isnan(size).all():
        return None
    none = _no_date(column.text)
    counts = size[~none]
    for low, high, milliseconds, start, zone in COUNTED:
        if len(counts) and ((counts >= low) & (counts < high)).all():
            wall = start + np.round(np.nan_to_num(size) * milliseconds).astype("timedelta64[ms]")
            return _Clock(wall, np.ones(len(size), bool), none, np.full(len(size), zone == UTC, dtype=int))
    return None


def _dates_written(text: pa.Array, by_pattern: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The parts of dates as whole numbers, by the first of DATES that fits: year (0 where none does), month, day, or a
    and b where which is which is open, microseconds since midnight, ..; and the names of zones, which `zone` counts."""
    text = _plain(text)
    if not _is_ascii(text):
        text = pc.replace_substring_regex(pc.utf8_normalize(text, "NFKD"), r"\pM+", "")  # août, März
    text = pc.replace_substring_regex(text, r"^(\d{8})\.0+$", r"\1")
    parts = {name: np.zeros(len(text), np.int64)
             for name in ("year", "month", "day", "a", "b", "dotted", "short", "timed", "micro", "zone")}
    names, still = [OWN, UTC], np.arange(len(text))
    for pattern in DATES:
        if by_pattern and "<b>" in pattern:  # such dates are what the pattern is for
            continue
        groups = _groups(text.take(pa.array(still)), pattern)
        fits = _truth(pc.is_valid(groups["year"]))
        groups, rows, still = {name: group.filter(fits) for name, group in groups.items()}, still[fits], still[~fits]
        for name, values in _parts_of(groups).items():
            parts[name][rows] = values
        zones = groups["zone"].dictionary_encode()
        names += [name for name in zones.dictionary.to_pylist() if name not in names]
        place = np.array([names.index(name) for name in zones.dictionary.to_pylist()], dtype=np.int64)
        offset = _truth(pc.not_equal(groups["sign"], ""))
        parts["zone"][rows] = np.where(offset, names.index(UTC), place[_truth(zones.indices)])
    return pd.DataFrame(parts), tuple(names)


def _parts_of(groups: dict[str, pa.Array]) -> dict[str, np.ndarray]:
    def whole(name: str) -> np.ndarray:
        if name not in groups:
            return np.zeros(len(groups["year"]), np.int64)
        return _truth(pc.cast(pc.if_else(pc.equal(groups[name], ""), "0", groups[name]), pa.int64()))

    def equal(name: str, value: str) -> np.ndarray:
        return _truth(pc.equal(groups[name], value)) if name in groups else np.zeros(len(groups["year"]), bool)

    parts = {name: whole(name) for name in ("year", "month", "day", "a", "b")}
    if "word" in groups:
        known = pc.index_in(groups["word"], pa.array(MONTHS))
        parts["month"] = np.array([*MONTHS.values(), 0])[_truth(pc.fill_null(known, len(MONTHS)))]
    short = _truth(pc.equal(pc.utf8_length(groups["year"]), 2))
    parts["year"] = parts["year"] + np.where(short, np.where(parts["year"] < FIRST_SHORT, 2000, 1900), 0)
    hour, halves = whole("hour"), np.zeros(len(short), bool)
    for name, value in (("half", "上午"), ("half", "下午"), ("ampm", "A"), ("ampm", "P")):
        halves |= equal(name, value)
    hour = np.where(halves, hour % 12 + 12 * (equal("half", "下午") | equal("ampm", "P")), hour)
    ahead = (whole("ahead") * 60 + whole("minutes")) * np.where(equal("sign", "-"), -1, 1)
    micro = ((hour * 60 + whole("minute") - ahead) * 60 + whole("second")) * 1_000_000
    if "fraction" in groups:
        fraction = pc.utf8_rpad(pc.utf8_slice_codeunits(groups["fraction"], 0, 6), 6, "0")
        micro += _truth(pc.cast(fraction, pa.int64()))
    return parts | {"short": short, "dotted": equal("mark", "."), "timed": ~equal("hour", "") & ("hour" in groups),
                    "micro": micro}


def _day_first(texts: list[pa.Array], written: list[tuple[pd.DataFrame, tuple[str, ...]] | None], style: str | None,
               where: str) -> tuple[bool, bool]:
    """Whether 03/04/2025 is the third of April, and whether 03.04.2025 is; a UserError asks where no cell tells."""
    if style:
        return (style == "day-first",) * 2
    parts = [one[0].assign(shown=text.to_pandas())[one[0]["a"] + one[0]["b"] > 0]
             for text, one in zip(texts, written, strict=True) if one]
    if not parts:
        return True, True
    parts = pd.concat(parts, ignore_index=True)
    parts = parts[~_none(parts["year"], parts["a"], parts["b"])]  # 12/31/1899 is no evidence
    dotted = parts["dotted"] == 1
    return (_one_order(parts[~dotted], where, by_custom=False), _one_order(parts[dotted], where, by_custom=True))


def _one_order(parts: pd.DataFrame, where: str, *, by_custom: bool) -> bool:
    """Whether the day comes first, in all of these dates; where no cell tells, it does if `by_custom`."""
    a, b, shown = parts["a"], parts["b"], parts["shown"].str.strip()
    day_first, month_first = shown[(a > 12) & (b <= 12)], shown[(b > 12) & (a <= 12)]
    unsure = shown[a != b]
    ask = "Say in client.yml which it is (dates: day-first, month-first, or a pattern such as '%d.%m.%Y')."
    if len(day_first) and len(month_first):
        raise UserError(f"{where} mixes two orders of day and month ('{day_first.iloc[0]}', '{month_first.iloc[0]}'). "
                        "Export it again with dates in one style, such as 2025-03-31.")
    short = parts.loc[parts["short"] == 1, "year"]
    if len(short) and short.max() - short.min() > 15:  # these "years" are days: 24/01/31
        raise UserError(f"{where}: which part of '{shown[short.index[0]]}' is the year? {ask}")
    if len(unsure) and not len(day_first) and not len(month_first) and not by_custom:
        raise UserError(f"{where}: '{unsure.iloc[0]}' can be read in two ways, and no other cell tells. {ask}")
    return not len(month_first)


def _clock(parts: pd.DataFrame, names: tuple[str, ...], first: tuple[bool, bool], blank: np.ndarray) -> _Clock:
    """The clock that dates as they are written show; NaT for one that does not exist. `blank` cells hold none."""
    year, month, day, a, b = (parts[name].to_numpy() for name in ("year", "month", "day", "a", "b"))
    day_first = np.where(parts["dotted"] == 1, first[1], first[0])
    day, month = day + np.where(day_first, a, b), month + np.where(day_first, b, a)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    date = months.astype("datetime64[D]") + (day - 1)
    exists = (month >= 1) & (month <= 12) & (day >= 1) & (date.astype("datetime64[M]") == months)
    date = np.where(exists, date, np.datetime64("NaT")).astype("datetime64[us]")
    return _Clock(_in_range(date) + parts["micro"].to_numpy(), parts["timed"].to_numpy() == 1,
                  blank | _none(year, day, month), parts["zone"].to_numpy(), names)


def _none(year: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which dates stand for none, whether a is the day or the month."""
    dates = [int(date.replace("-", "")) for date in NO_DATE]
    return np.isin(year * 10_000 + a * 100 + b, dates) | np.isin(year * 10_000 + b * 100 + a, dates)


def _in_zone(clock: _Clock, zones: tuple[str, str], where: str) -> np.ndarray:
    """datetime64[us] in the wanted zone; NaT where there is no date, or the zone is not known."""
    moment, timed = clock.wall.copy(), clock.timed & ~np.isnat(clock.wall)
    own = timed & (clock.zone == clock.names.index(OWN))
    if (moment[own] == moment[own].astype("datetime64[D]")).all():  # dates, written by a program that adds midnight
        timed = timed & ~own
    for code in np.unique(clock.zone[timed]):
        rows, name = timed & (clock.zone == code), clock.names[code]
        try:
            there = zones[0] if name == OWN else _zone(name)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        moment[rows] = (_converted(moment[rows], (there, zones[1]), first=name not in WINTER) if there
                        else np.datetime64("NaT"))
    return moment


def _moments_by_pattern(column: Column, pattern: str, zones: tuple[str, str], where: str) -> np.ndarray:
    aware = "%z" in pattern
    try:
        found = pd.to_datetime(_unwrapped(column.text).to_pandas(), format=pattern, errors="coerce", utc=aware)
    except ValueError as error:
        raise UserError(f"{where}: '{pattern}' is no pattern for dates ({error}). Correct 'dates' in client.yml; "
                        "'%d.%m.%Y %H:%M' is one.") from None
    naive = (found.dt.tz_localize(None) if aware else found).to_numpy().astype("datetime64[us]")
    timed = any(code in pattern for code in ("%H", "%I", "%X", "%c"))
    return _converted(naive, (UTC, zones[1]) if aware else zones) if timed else naive


def _converted(moment: np.ndarray, zones: tuple[str, str], *, first: bool = True) -> np.ndarray:
    """From the wall clock of one zone to that of another. Of an hour that comes twice the first is meant, or else the
    second; an hour that a clock change skips counts as its end."""
    if zones[0] == zones[1]:
        return moment
    there = pd.DatetimeIndex(moment).tz_localize(zones[0], ambiguous=np.full(len(moment), first),
                                                 nonexistent="shift_forward")
    return there.tz_convert(zones[1]).tz_localize(None).to_numpy().astype("datetime64[us]")
