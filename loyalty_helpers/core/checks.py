"""Checks of settings: each takes a value and where it stands, and gives the clean value or says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date, datetime
from importlib import resources
from math import inf
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from loyalty_helpers.core.errors import UserError, suggest


class Allowed(Exception):
    """Raised by a check: the words that complete "allowed: ..."."""


Check = Callable[[Any, str], Any]  # (value, where it stands: "data/acme/client.yml: program.name") -> clean value


def checked(check: Check, value: Any, at: str) -> Any:
    """The clean value. A UserError says where it stands, what it is and what is allowed."""
    try:
        return check(value, at)
    except Allowed as allowed:
        raise UserError(f"{at} is {shown(value)}; allowed: {allowed}") from None


def shown(value: Any) -> str:
    """A value as errors show it."""
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def below(at: str, name: object) -> str:
    """Where a setting stands that is below `at`."""
    return f"{at}{'.' if ': ' in at else ': '}{name}"


def text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Allowed("text (in quotes, if YAML would read it as a number, a date or yes/no).")
    return value


def number(low: float = 0, high: float = inf, *, hint: str = "", whole: bool = False) -> Check:
    limits = f"{low:g} or more" if high == inf else f"from {low:g} to {high:g}"

    def check(value: Any, at: str) -> float:
        if type(value) not in ((int,) if whole else (int, float)) or not low <= value <= high or value == inf:
            raise Allowed(f"a {'whole ' if whole else ''}number {limits}{hint}.")
        return value if whole else float(value)

    return check


def choice(*known: str) -> Check:
    def check(value: Any, at: str) -> str:
        if value not in known:
            raise Allowed(f"{', '.join(known)}.{suggest(value, known)}")
        return value

    return check


def each(check: Check, known: tuple[str, ...] = ()) -> Check:
    """A check of every value of a mapping; with `known`, of its keys too. Blank values count as not given."""

    def check_all(value: Any, at: str) -> dict[str, Any]:
        given = {str(name): one for name, one in mapping(value, at, known).items() if one is not None}
        return {name: checked(check, one, below(at, name)) for name, one in given.items()}

    return check_all


def mapping(value: Any, at: str, known: Collection[str] = ()) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise Allowed("settings below it, indented, each 'key: value' on its own line.")
    for name in value:
        if known and name not in known:
            near = suggest(name, known) or f" Known here: {', '.join(known)}."
            raise UserError(f"{below(at, name)} is not a setting.{near}")
    return value


def a_date(value: Any, at: str) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Allowed("a date that exists, without a time, written as 2025-03-31.")
    return value


def currency(value: Any, at: str) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise Allowed("a currency code of three capital letters, such as CNY, EUR or USD.")
    return value


def time_zone(value: Any, at: str) -> str:
    try:
        ZoneInfo(value)
    except (LookupError, OSError, TypeError, ValueError, AttributeError):
        near = suggest(value, available_timezones())
        raise Allowed(f"the name of a time zone, such as Asia/Shanghai or Europe/Berlin.{near}") from None
    return value


def country(value: Any, at: str) -> str:
    table = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    if not isinstance(value, str) or not re.search(rf"^{re.escape(value)}\t", table, re.MULTILINE):
        raise Allowed("the two capital letters of a country, such as CN, DE, GB or US.")
    return value


def language(value: Any, at: str) -> str:
    if value == "zh":
        raise UserError(f"{at} is zh, but the Chinese edition does not exist yet. Set it to en.")
    return choice("en")(value, at)


def encoding(value: Any, at: str) -> str:
    try:
        "a".encode(value)  # unlike codecs.lookup, refuses those of bytes, such as base64
    except (LookupError, TypeError, ValueError):
        raise Allowed("the name of an encoding, such as utf-8 or gb18030.") from None
    return value


def date_style(value: Any, at: str) -> str:
    if value not in ("day-first", "month-first") and "%" not in str(value):
        raise Allowed("day-first, month-first, or a pattern in quotes such as '%d.%m.%Y %H:%M'.")
    return value


def files(value: Any, at: str) -> tuple[str, ...]:
    names = tuple(checked(text, name, at) for name in (value if isinstance(value, list) else [value]))
    for name in names:
        paths = (PurePosixPath(name), PureWindowsPath(name))
        if any(path.anchor or ".." in path.parts for path in paths):
            raise Allowed("names of files in the client's folder. Put the file, or a link to it, there.")
    if not names:
        raise Allowed("a file name, or a list of them, in the client's folder (with * for several).")
    return names


def names(value: Any, at: str) -> tuple[str, ...]:
    names = tuple(checked(text, name, at) for name in (value if isinstance(value, list) else [value]))
    if not names:
        raise Allowed("a column's name, or a list of them.")
    return names


def yes_or_no(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise Allowed("true or false.")
    return value


def scale(value: Any, at: str) -> tuple[float, float]:
    is_pair = isinstance(value, list) and len(value) == 2 and {type(end) for end in value} <= {int, float}
    if not is_pair or value[0] == value[1]:
        raise Allowed("the worst and the best answer, written as [1, 5].")
    if at.endswith(".nps") and value != [0, 10]:
        raise Allowed("[0, 10], because NPS is defined on that scale.")
    return float(value[0]), float(value[1])


def database(value: Any, at: str) -> str:
    """The address of a database. It is never shown: there may be a password in it, well written or not."""
    form = "postgresql://user@host:5432/name"
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("postgresql", "postgres") and bool(parts.hostname) and len(parts.path) > 1
        sound, secret = sound and parts.port != 0, parts.password is not None or "password" in parts.query
    except (ValueError, AttributeError, TypeError):  # no text, or a host or port that cannot be one
        sound = secret = False
    if secret:
        raise UserError(f"{at} holds a password, which has no place in a file. Write {form}, and give the password in "
                        "the environment variable LOYALTY_DB_PASSWORD.")
    if not sound or "@" in parts.path:
        raise UserError(f"{at} is no address of a PostgreSQL database. Write it as {form}, without a password.")
    return value
