"""The meaning of cells: text becomes names, numbers and moments.

What a column means (decimal mark, day-month order) is decided from all of it, in all files of the source, never from
one cell. Work is done on distinct cells, so that half a million rows with 23,000 different dates cost 23,000 readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers.client import UserError
from loyalty_helpers.reading import Column, stripped

# ---------------------------------------------------------------- names
NOTHING = frozenset(["-", "--", "–", "—", "null", "none", "n/a", "na", "nan", "nat", "#n/a", "#value!", "#ref!", "\\n"])
NO_DATE = frozenset(["0", "0000-00-00", "1899-12-30", "1900-01-00", "1900-01-01", "1970-01-01"])


@dataclass(frozen=True)
class Values:
    """What the rows of a column mean: missing where the cell is blank or `bad`, that is, not to be understood."""

    values: pd.Series
    bad: np.ndarray


def _by_row(column: Column, distinct: pd.Series | np.ndarray, bad: np.ndarray) -> Values:
    """From one value per distinct cell to one per row."""
    values = pd.Series(distinct).array.take(column.codes, allow_fill=True)
    return Values(pd.Series(values), np.append(bad, False)[column.codes])


def _plain(text: pa.Array) -> pa.Array:
    """Upper case, full-width characters made ordinary, every minus and apostrophe the plain one."""
    text = pc.utf8_upper(pc.utf8_normalize(stripped(text), "NFKC"))
    return pc.replace_substring_regex(pc.replace_substring_regex(text, "[−–—]", "-"), "[’`]", "'")


def _among(text: pa.Array, words: frozenset[str]) -> np.ndarray:
    return pc.is_in(pc.utf8_lower(text), pa.array(["", *words])).to_numpy(zero_copy_only=False)


def _groups(text: pa.Array, pattern: str) -> pd.DataFrame:
    """The named groups of a pattern, one row per text; "" where a group or the whole pattern does not match."""
    found = pc.extract_regex(text, pattern)
    return pd.DataFrame({field.name: np.asarray(pc.fill_null(pc.struct_field(found, field.name), ""), dtype=object)
                         for field in found.type})


def names(column: Column, *, is_id: bool = False, nothing: frozenset[str] = frozenset()) -> Values:
    """Ids and labels as text, case kept: without blanks or tabs round them, a leading apostrophe, the `="..."` of a
    spreadsheet, or the ".0" of a number (17850.0 is 17850). As an id, 6.9E+17 is bad: its digits are lost."""
    text = pc.replace_substring_regex(stripped(column.text), r'^="(.*)"$|^\'+', r"\1")
    text = pc.replace_substring_regex(stripped(text), r"^(\d+)\.0+$", r"\1")
    missing = _among(text, NOTHING | nothing)
    bad = pc.match_substring_regex(text, r"(?i)^\d(\.\d+)?E\+\d+$").to_numpy(zero_copy_only=False) & is_id
    return _by_row(column, text.to_pandas().astype("str").mask(missing | bad), bad)


# ---------------------------------------------------------------- numbers
CURRENCY = r"[A-Z]{0,3}[$¥€£₩₹₽₺฿₫₱₴]|[A-Z]{3}|元|圆|円|KR|ZŁ|FT"
NUMBER = (rf"^(?P<open>\()?\s*(?P<sign>[-+])?\s*(?P<left>{CURRENCY})?\s*(?P<inner>[-+])?\s*"
          rf"(?P<core>\d[\d.,' ]*?|[.,]\d+)(?P<power>E[-+]?\d+)?\s*(?P<right>{CURRENCY})?\s*(?P<last>-)?\s*"
          r"(?P<close>\))?$")
SAME_CURRENCY = {"¥": "CNY", "RMB": "CNY", "元": "CNY", "€": "EUR", "£": "GBP", "$": "USD", "US$": "USD"}
# what a sign may stand for, where it tells the currency
MAY_BE = {"CNY": ("CNY", "JPY"), "EUR": ("EUR",), "GBP": ("GBP",),
          "USD": ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD")}


def numbers(columns: list[Column], decimal: str | None, where: str, *, currency: str = "") -> list[Values]:
    """Numbers (float64) from the same column of several files: with currency signs, thousands marks, full-width
    digits, a minus in front, behind or as parentheses.

    `decimal` is "." or ","; where it is None all cells together decide. Raises UserError (which begins with `where`)
    if they contradict each other, leave it open, name several currencies, or another one than `currency`.
    """
    parts = [_groups(_plain(column.text), NUMBER) for column in columns]
    stored = [np.full(len(part), np.nan) if column.number is None else column.number
              for column, part in zip(columns, parts, strict=True)]
    written = pd.concat([part[np.isnan(number)] for part, number in zip(parts, stored, strict=True)])
    currencies = {SAME_CURRENCY.get(sign, sign) for sign in {*written["left"], *written["right"]} - {""}}
    if len(currencies) > 1:
        raise UserError(f"{where} holds several currencies ({', '.join(sorted(currencies))}), which cannot be added. "
                        "Export one currency.")
    for found in currencies & set(MAY_BE):
        if currency and currency not in MAY_BE[found]:
            raise UserError(f"{where} is in {found}, and client.yml says currency: {currency}. Correct the setting, or "
                            f"export the amounts in {currency}.")
    mark = decimal or _decimal_mark(written.loc[written["power"] == "", "core"], where)
    return [_numbers_of(*each, mark) for each in zip(columns, parts, stored, strict=True)]


def _decimal_mark(cores: pd.Series, where: str) -> str:
    """"." or ",", from the cells that can be read in one way only."""
    cores, sure = cores.str.replace("[' ]", "", regex=True), {}
    for mark, other in (".,", ",."):
        only = (rf"\d*[{mark}](\d{{0,2}}|\d{{4,}})|0*[{mark}]\d+|\d{{4,}}[{mark}]\d+"
                rf"|\d{{1,3}}([{other}]\d{{3}})+[{mark}]\d*|\d{{1,3}}([{other}]\d{{3}}){{2,}}")
        sure[mark] = cores[cores.str.fullmatch(only)]
    if len(sure["."]) and len(sure[","]):
        raise UserError(f"{where} mixes decimal points and decimal commas ('{sure['.'].iloc[0]}', "
                        f"'{sure[','].iloc[0]}'). Say in client.yml which is right (decimal: \".\" or \",\"), and "
                        "correct the other cells in a copy of the file.")
    unsure = cores[cores.str.contains(".", regex=False)]
    if len(unsure) and not len(sure["."]) and not len(sure[","]):  # 1.250: a decimal point, or a German thousand
        raise UserError(f"{where}: '{unsure.iloc[0]}' can be read in two ways, and no other cell tells. Say in "
                        "client.yml which mark is the decimal one (decimal: \".\" or \",\").")
    return "," if len(sure[","]) else "."  # only "1,250" and the like: thousands, for money has no third decimal


def _numbers_of(column: Column, parts: pd.DataFrame, stored: np.ndarray, mark: str) -> Values:
    thousands = "," if mark == "." else "."
    grouped = "|".join(rf"\d{{1,3}}([{one}]\d{{3}})+" for one in (thousands, " ", "'"))
    sound = parts["core"].str.fullmatch(rf"(\d+|{grouped}|)([{mark}]\d*)?")
    sound &= (parts["open"] == "") == (parts["close"] == "")
    core = parts["core"].str.replace(f"[{thousands}' ]", "", regex=True).str.replace(mark, ".", regex=False)
    core += parts["power"]
    size = pd.to_numeric(core.where(sound), errors="coerce").to_numpy(dtype=float)
    minus = (parts["open"] == "(") | (parts[["sign", "inner", "last"]] == "-").any(axis=1)
    value = np.where(np.isnan(stored), np.where(minus, -size, size), stored)
    value[~np.isfinite(value)] = np.nan
    return _by_row(column, value, np.isnan(value) & ~_among(stripped(column.text), NOTHING))


# ---------------------------------------------------------------- moments
CLOCK = (r"(?:[T\s,]+(?:AT\s+)?(?P<half>上午|下午)?\s*(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)"
         r"(?::(?P<second>[0-5]\d)(?:[.,](?P<fraction>\d+))?)?\s*(?:(?P<ampm>[AP])\.?M\.?)?"
         r"\s*(?P<zone>Z|UTC|GMT)?\s*(?:(?P<sign>[-+])(?P<ahead>\d{1,2}):?(?P<minutes>\d{2})?)?)?$")
DAY_NAME, DAY = r"^(?:[A-Z]{3,9}\.?,?\s+)??", r"(?P<day>\d{1,2})(?:ST|ND|RD|TH)?\.?"
DATES = (
    r"^(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?",
    r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<year>\d{4}|\d{2})",  # day and month, or month and day
    r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    rf"{DAY_NAME}{DAY}[-\s/]+(?P<word>[A-Z]{{3,9}})\.?[-\s/,]+(?P<year>\d{{4}}|\d{{2}})",
    rf"{DAY_NAME}(?P<word>[A-Z]{{3,9}})\.?\s+{DAY},?\s+(?P<year>\d{{4}})",
)
PARTS = ["year", "month", "day", "a", "b", "word", "half", "hour", "minute", "second", "fraction", "ampm", "zone",
         "sign", "ahead", "minutes"]
MONTHS = {word: str(number) for number, words in enumerate(
    ["JAN JANUARY", "FEB FEBRUARY", "MAR MARCH", "APR APRIL", "MAY", "JUN JUNE", "JUL JULY", "AUG AUGUST",
     "SEP SEPT SEPTEMBER", "OCT OCTOBER", "NOV NOVEMBER", "DEC DECEMBER"], start=1) for word in words.split()}


def moments(columns: list[Column], style: str | None, zones: tuple[str, str], where: str) -> list[Values]:
    """Moments (datetime64[us], naive) from the same column of several files; several styles may stand side by side.

    `style` is "day-first", "month-first", a strptime pattern (what does not fit it may still be 2025-03-31), or None:
    then all cells together decide what 03/04/2025 is. `zones` are the file's time zone and the one wanted. A cell with
    an offset is converted from that; one without a time is a date and stays what it is. Raises UserError if the cells
    contradict each other or leave it open.
    """
    parts = [_date_parts(_plain(column.text)) for column in columns]
    by_pattern = style is not None and "%" in style
    day_first = style == "day-first" if style else _day_first(pd.concat(parts), where)
    found = []
    for column, part in zip(columns, parts, strict=True):
        if by_pattern:
            part = part.where(part["a"] == "", "")
        moment = _moments_of(part, day_first, zones)
        if by_pattern:
            fitting = _moments_by_pattern(column, style, zones, where)
            moment = np.where(np.isnat(fitting), moment, fitting)
        text = stripped(column.text)
        missing = _among(text, NOTHING) | _among(pc.utf8_slice_codeunits(text, 0, 10), NO_DATE)
        moment[missing] = np.datetime64("NaT")
        found.append(_by_row(column, moment, np.isnat(moment) & ~missing))
    return found


def _date_parts(text: pa.Array) -> pd.DataFrame:
    """PARTS as text, by the first of DATES that fits; "" where none does."""
    parts = {name: np.full(len(text), "", dtype=object) for name in PARTS}
    for date in DATES:
        still = np.flatnonzero(parts["year"] == "")
        if len(still):
            for name, found in _groups(text.take(pa.array(still)), date + CLOCK).items():
                parts[name][still] = found
    return pd.DataFrame(parts)


def _day_first(parts: pd.DataFrame, where: str) -> bool:
    """Whether 03/04/2025 is the third of April; a UserError asks where no cell tells."""
    parts = parts[parts["a"] != ""]
    a, b, shown = parts["a"].astype(int), parts["b"].astype(int), parts["a"] + "/" + parts["b"] + "/" + parts["year"]
    day_first, month_first, unsure = shown[(a > 12) & (b <= 12)], shown[(b > 12) & (a <= 12)], shown[a != b]
    ask = "Say in client.yml which it is (dates: day-first, month-first, or a pattern such as '%d.%m.%Y')."
    if len(day_first) and len(month_first):
        raise UserError(f"{where} mixes two orders of day and month ('{day_first.iloc[0]}', '{month_first.iloc[0]}'). "
                        "Export it again with dates in one style, such as 2025-03-31.")
    short = parts.loc[parts["year"].str.len() == 2, "year"].astype(int)
    if len(short) and short.max() - short.min() > 15:  # these "years" are days: 24/01/31
        raise UserError(f"{where}: which part of '{shown[short.index[0]]}' is the year? {ask}")
    if len(unsure) and not len(day_first) and not len(month_first):
        raise UserError(f"{where}: '{unsure.iloc[0]}' can be read in two ways, and no other cell tells. {ask}")
    return not len(month_first)


def _moments_of(parts: pd.DataFrame, day_first: bool, zones: tuple[str, str]) -> np.ndarray:
    """datetime64[us] in the wanted zone; NaT for a date that does not exist."""
    day = parts["day"] + (parts["a"] if day_first else parts["b"])
    month = parts["month"] + (parts["b"] if day_first else parts["a"]) + parts["word"].map(MONTHS).fillna("")
    year = parts["year"].where(parts["year"].str.len() != 2, "20" + parts["year"])
    date = pd.to_datetime(year + "-" + month + "-" + day, format="%Y-%m-%d", errors="coerce")
    date = date.where(date.dt.year.between(1900, 2200)).to_numpy().astype("datetime64[us]")
    number = {name: pd.to_numeric(parts[name].replace("", "0")).to_numpy(dtype="int64")
              for name in ("hour", "minute", "second", "ahead", "minutes")}
    half, timed = parts["half"] + parts["ampm"], (parts["hour"] != "").to_numpy()
    hour = np.where(half == "", number["hour"], number["hour"] % 12 + 12 * half.isin(["P", "下午"]))
    micro = pd.to_numeric("0" + parts["fraction"].str[:6].str.ljust(6, "0")).to_numpy(dtype="int64")
    moment = date + (((hour * 60 + number["minute"]) * 60 + number["second"]) * 1_000_000 + micro)
    aware = timed & (parts["zone"] + parts["sign"] != "").to_numpy()
    ahead = (number["ahead"] * 60 + number["minutes"]) * np.where(parts["sign"] == "-", -1, 1)
    moment[aware] = _converted(moment[aware] - ahead[aware].astype("timedelta64[m]"), ("UTC", zones[1]))
    moment[timed & ~aware] = _converted(moment[timed & ~aware], zones)
    return moment


def _moments_by_pattern(column: Column, pattern: str, zones: tuple[str, str], where: str) -> np.ndarray:
    aware = "%z" in pattern
    try:
        found = pd.to_datetime(stripped(column.text).to_pandas(), format=pattern, errors="coerce", utc=aware)
    except ValueError as error:
        raise UserError(f"{where}: '{pattern}' is no pattern for dates ({error}). Correct 'dates' in client.yml; "
                        "'%d.%m.%Y %H:%M' is one.") from None
    naive = (found.dt.tz_localize(None) if aware else found).to_numpy().astype("datetime64[us]")
    timed = any(code in pattern for code in ("%H", "%I", "%X", "%c"))
    return _converted(naive, ("UTC", zones[1]) if aware else zones) if timed else naive


def _converted(moment: np.ndarray, zones: tuple[str, str]) -> np.ndarray:
    """From the wall clock of one zone to that of another. Of an hour that comes twice the first is meant; an hour that
    a clock change skips counts as its end."""
    if zones[0] == zones[1]:
        return moment
    there = pd.DatetimeIndex(moment).tz_localize(zones[0], ambiguous=np.ones(len(moment), bool),
                                                 nonexistent="shift_forward")
    return there.tz_convert(zones[1]).tz_localize(None).to_numpy().astype("datetime64[us]")
