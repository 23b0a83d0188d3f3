"""Cells as moments: days and times, whatever their style, on the clock of one time zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers.cells_zones import OWN, UTC, WINTER, zone_or_none
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.meaning import (
    NOTHING,
    Values,
    among,
    by_row,
    is_ascii,
    named_groups,
    plain,
    truth,
    unwrapped,
    word_lists,
)
from loyalty_helpers.reading import Column

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
MONTHS = {word: number for number, words in word_lists()["months"].items() for word in words}
NO_DATE = ("0001-01-01", "1899-12-30", "1899-12-31", "1900-01-00", "1900-01-01",
           "1969-12-31", "1970-01-01")  # how programs write that there is none
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
        found.append(by_row(column, moment, np.isnat(moment) & ~clock.none))
    return found


def _undone(text: pa.Array, fitting: np.ndarray | None) -> pa.Array:
    """The cells that a pattern does not fit, the others blank."""
    return text if fitting is None else pc.if_else(pa.array(np.isnat(fitting)), text, "")


def _no_date(text: pa.Array) -> np.ndarray:
    """Placeholders, and dates of nothing but zeros."""
    text = unwrapped(text)
    return among(text, NOTHING) | truth(pc.match_substring_regex(text, r"^0[0.:/T -]*$"))


def _iso(text: pa.Array) -> _Clock | None:
    """A column of nothing but 2024-03-31, 2024-03-31 14:05:09, or either with offsets, read at once; else None."""
    nothing = among(text, NOTHING)
    text = pc.if_else(pa.array(nothing), None, text)
    for code, kind in enumerate((pa.timestamp("us"), pa.timestamp("us", UTC))):
        try:
            pc.cast(text[:100], kind)  # a long column that is something else fails slowly
            wall = pc.cast(text, kind).to_numpy(zero_copy_only=False).astype("datetime64[us]")
        except pa.ArrowInvalid:
            continue
        none = np.isin(wall.astype("datetime64[D]"), np.array([day for day in NO_DATE if "-00" not in day], "M8[D]"))
        timed = pc.fill_null(pc.greater(pc.utf8_length(text), len("2024-03-31")), False)
        return _Clock(_in_range(wall), truth(timed), none | nothing, np.full(len(text), code))
    return None


def _in_range(wall: np.ndarray) -> np.ndarray:
    return np.where((wall >= FIRST_YEAR) & (wall < LAST_YEAR), wall, np.datetime64("NaT"))


def _counted(column: Column) -> _Clock | None:
    """A column of nothing but numbers that count days, seconds or milliseconds; else None."""
    text = unwrapped(column.text)
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
    text = plain(text)
    if not is_ascii(text):
        text = pc.replace_substring_regex(pc.utf8_normalize(text, "NFKD"), r"\pM+", "")  # août, März
    text = pc.replace_substring_regex(text, r"^(\d{8})\.0+$", r"\1")
    parts = {name: np.zeros(len(text), np.int64)
             for name in ("year", "month", "day", "a", "b", "dotted", "short", "timed", "micro", "zone")}
    names, still = [OWN, UTC], np.arange(len(text))
    for pattern in DATES:
        if by_pattern and "<b>" in pattern:  # such dates are what the pattern is for
            continue
        groups = named_groups(text.take(pa.array(still)), pattern)
        fits = truth(pc.is_valid(groups["year"]))
        groups, rows, still = {name: group.filter(fits) for name, group in groups.items()}, still[fits], still[~fits]
        for name, values in _parts_of(groups).items():
            parts[name][rows] = values
        zones = groups["zone"].dictionary_encode()
        names += [name for name in zones.dictionary.to_pylist() if name not in names]
        place = np.array([names.index(name) for name in zones.dictionary.to_pylist()], dtype=np.int64)
        offset = truth(pc.not_equal(groups["sign"], ""))
        parts["zone"][rows] = np.where(offset, names.index(UTC), place[truth(zones.indices)])
    return pd.DataFrame(parts), tuple(names)


def _parts_of(groups: dict[str, pa.Array]) -> dict[str, np.ndarray]:
    def whole(name: str) -> np.ndarray:
        if name not in groups:
            return np.zeros(len(groups["year"]), np.int64)
        return truth(pc.cast(pc.if_else(pc.equal(groups[name], ""), "0", groups[name]), pa.int64()))

    def equal(name: str, value: str) -> np.ndarray:
        return truth(pc.equal(groups[name], value)) if name in groups else np.zeros(len(groups["year"]), bool)

    parts = {name: whole(name) for name in ("year", "month", "day", "a", "b")}
    if "word" in groups:
        known = pc.index_in(groups["word"], pa.array(MONTHS))
        parts["month"] = np.array([*MONTHS.values(), 0])[truth(pc.fill_null(known, len(MONTHS)))]
    short = truth(pc.equal(pc.utf8_length(groups["year"]), 2))
    parts["year"] = parts["year"] + np.where(short, np.where(parts["year"] < FIRST_SHORT, 2000, 1900), 0)
    hour, halves = whole("hour"), np.zeros(len(short), bool)
    for name, value in (("half", "上午"), ("half", "下午"), ("ampm", "A"), ("ampm", "P")):
        halves |= equal(name, value)
    hour = np.where(halves, hour % 12 + 12 * (equal("half", "下午") | equal("ampm", "P")), hour)
    ahead = (whole("ahead") * 60 + whole("minutes")) * np.where(equal("sign", "-"), -1, 1)
    micro = ((hour * 60 + whole("minute") - ahead) * 60 + whole("second")) * 1_000_000
    if "fraction" in groups:
        fraction = pc.utf8_rpad(pc.utf8_slice_codeunits(groups["fraction"], 0, 6), 6, "0")
        micro += truth(pc.cast(fraction, pa.int64()))
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
            there = zones[0] if name == OWN else zone_or_none(name)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        moment[rows] = (_converted(moment[rows], (there, zones[1]), first=name not in WINTER) if there
                        else np.datetime64("NaT"))
    return moment


def _moments_by_pattern(column: Column, pattern: str, zones: tuple[str, str], where: str) -> np.ndarray:
    aware = "%z" in pattern
    try:
        found = pd.to_datetime(unwrapped(column.text).to_pandas(), format=pattern, errors="coerce", utc=aware)
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
