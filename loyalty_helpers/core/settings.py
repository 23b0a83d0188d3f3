"""A client is a folder: `data/<client>/client.yml` says who, when, and what the files beside it are.

The settings are described once, as dataclasses: each field carries its type, its check (what is allowed) and its
default, and `_build` turns a YAML mapping into the dataclass or stops with a sentence. Only the standard library and
yaml are imported here, because a run that finds nothing to do must end within a second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import date, datetime
from difflib import get_close_matches
from math import inf
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import yaml

CLONE = Path(__file__).resolve().parents[2]
ROOT = Path(os.environ.get("LOYALTY_ROOT") or CLONE).resolve()
TEMPLATE = CLONE / "data" / "client_template.yml"

CHAPTERS = ("00_summary", "01_data_prep", "02_scoring", "02b_customers_in_depth", "03_case_study_comparison",
            "04_program_evaluation")
SOURCES = ("orders", "lines", "members", "survey", "assignment", "points", "referrals", "costs",
           "opt_outs")
FORMATS = Path(__file__).resolve().parents[1] / "ingest" / "known"  # known exports, each a file of prepared settings
RULE_TESTS = ("starts_with", "equals", "contains", "lacks", "other_than", "is")
MERGED = ("columns", "set_aside", "flag", "scale", "answers")  # settings of a format that the client's add to
SHARE_HINT = " (0.4 means 40 %)"
# every KPI's key, with the range a threshold may lie in; shares are fractions
_SHARE, _COUNT = (0, 1), (0, inf)
KPI_RANGES = {
    "retention": _SHARE, "repeat_rate": _SHARE, "second_order_90d": _SHARE, "churn": _SHARE, "cross_sell": _SHARE,
    "frequency": _COUNT, "order_value": _COUNT, "nps": (-100, 100), "csat": _SHARE, "ces": (0, 10),
    "referrer_rate": _SHARE, "referral_conversion": _SHARE, "referred_share": _SHARE, "enrolment": _SHARE,
    "active_members": _SHARE, "redemption_members": _SHARE, "redemption_points": _SHARE, "breakage": _SHARE,
    "diversity": _COUNT, "loyalty_index": (0, 100),
}
KPIS = tuple(KPI_RANGES)
# A customer has the highest level of which every rule that can be checked holds: distinct orders in all; the mean
# rating (1 to 5) where the customer has rated; the number of customers referred where the client has referrals.
LEVELS = {
    "basic": {"min_orders": 2, "min_rating": 4, "min_referrals": 0},  # satisfied, buys again
    "middle": {"min_orders": 4, "min_rating": 4, "min_referrals": 1},  # repeats and recommends
    "high": {"min_orders": 8, "min_rating": 4, "min_referrals": 1},  # depends on the shop, promotes it
}


GUESSED = "# guessed: please confirm"  # beside settings that `make new` wrote and nobody has confirmed


class UserError(Exception):
    """Plain words for the person at the keyboard: what is wrong, where, and what to do. Shown without traceback."""


def suggest(word: object, known: Collection[str]) -> str:
    """" Did you mean 'x'?" for the name in `known` closest to `word`, whatever the case; "" where none is close."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(str(word).lower(), list(by_lower), n=1, cutoff=0.6)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def printable(text: str) -> str:
    """Without control characters: what files and settings hold must not steer the terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def matching(folder: Path, pattern: str) -> list[Path]:
    """What a name in a source's `files` stands for: a file of just that name, where there is one, else what it
    matches as a pattern; of one that ends in "/", the files in that folder and below, but for those that are hidden
    or begin with "_". A UserError, which begins with the name, where it can be neither."""
    try:
        if pattern.endswith("/"):
            inside = sorted(path for path in (folder / pattern).rglob("*") if path.is_file())
            return [path for path in inside
                    if not any(part[0] in "._" for part in path.relative_to(folder / pattern).parts)]
        if (folder / pattern).exists():
            return [folder / pattern]
        if Path(pattern).anchor:
            raise ValueError("there is no such file, and a pattern begins in the client's folder")
        return list(folder.glob(pattern))
    except (ValueError, OSError) as error:
        raise UserError(f"{pattern[:60]} is no name of files ({getattr(error, 'strerror', None) or error}). "
                        "Correct 'files' in client.yml; orders_2024.csv and orders_*.csv are such names.") from None


# ---------------------------------------------------------------- checks: value -> clean value, or what is allowed
class _Allowed(Exception):
    """Raised by a check: the words that complete "allowed: ..."."""


Check = Callable[[Any, str], Any]  # (value, where it stands: "data/acme/client.yml: program.name") -> clean value


def _checked(check: Check, value: Any, at: str) -> Any:
    try:
        return check(value, at)
    except _Allowed as allowed:
        raise UserError(f"{at} is {_shown(value)}; allowed: {allowed}") from None


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _below(at: str, name: object) -> str:
    return f"{at}{'.' if ': ' in at else ': '}{name}"


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Allowed("text (in quotes, if YAML would read it as a number, a date or yes/no).")
    return value


def _number(low: float = 0, high: float = inf, *, hint: str = "", whole: bool = False) -> Check:
    limits = f"{low:g} or more" if high == inf else f"from {low:g} to {high:g}"

    def check(value: Any, at: str) -> float:
        if type(value) not in ((int,) if whole else (int, float)) or not low <= value <= high or value == inf:
            raise _Allowed(f"a {'whole ' if whole else ''}number {limits}{hint}.")
        return value if whole else float(value)

    return check


def _choice(*known: str) -> Check:
    def check(value: Any, at: str) -> str:
        if value not in known:
            raise _Allowed(f"{', '.join(known)}.{suggest(value, known)}")
        return value

    return check


def _each(check: Check, known: tuple[str, ...] = ()) -> Check:
    """A check of every value of a mapping; with `known`, of its keys too. Blank values count as not given."""

    def check_all(value: Any, at: str) -> dict[str, Any]:
        given = {str(name): one for name, one in _mapping(value, at, known).items() if one is not None}
        return {name: _checked(check, one, _below(at, name)) for name, one in given.items()}

    return check_all


def _mapping(value: Any, at: str, known: Collection[str] = ()) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise _Allowed("settings below it, indented, each 'key: value' on its own line.")
    for name in value:
        if known and name not in known:
            near = suggest(name, known) or f" Known here: {', '.join(known)}."
            raise UserError(f"{_below(at, name)} is not a setting.{near}")
    return value


def _date(value: Any, at: str) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _Allowed("a date that exists, without a time, written as 2025-03-31.")
    return value


def _currency(value: Any, at: str) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise _Allowed("a currency code of three capital letters, such as CNY, EUR or USD.")
    return value


def _time_zone(value: Any, at: str) -> str:
    try:
        ZoneInfo(value)
    except (LookupError, OSError, TypeError, ValueError, AttributeError):
        near = suggest(value, available_timezones())
        raise _Allowed(f"the name of a time zone, such as Asia/Shanghai or Europe/Berlin.{near}") from None
    return value


def _language(value: Any, at: str) -> str:
    if value == "zh":
        raise UserError(f"{at} is zh, but the Chinese edition does not exist yet. Set it to en.")
    return _choice("en")(value, at)


def _encoding(value: Any, at: str) -> str:
    try:
        "a".encode(value)  # unlike codecs.lookup, refuses those of bytes, such as base64
    except (LookupError, TypeError, ValueError):
        raise _Allowed("the name of an encoding, such as utf-8 or gb18030.") from None
    return value


def _date_style(value: Any, at: str) -> str:
    if value not in ("day-first", "month-first") and "%" not in str(value):
        raise _Allowed("day-first, month-first, or a pattern in quotes such as '%d.%m.%Y %H:%M'.")
    return value


def _files(value: Any, at: str) -> tuple[str, ...]:
    names = tuple(_checked(_text, name, at) for name in (value if isinstance(value, list) else [value]))
    for name in names:
        paths = (PurePosixPath(name), PureWindowsPath(name))
        if any(path.anchor or ".." in path.parts for path in paths):
            raise _Allowed("names of files in the client's folder. Put the file, or a link to it, there.")
    if not names:
        raise _Allowed("a file name, or a list of them, in the client's folder (with * for several).")
    return names


def _names(value: Any, at: str) -> tuple[str, ...]:
    names = tuple(_checked(_text, name, at) for name in (value if isinstance(value, list) else [value]))
    if not names:
        raise _Allowed("a column's name, or a list of them.")
    return names


def _rule(value: Any, at: str) -> Rule:
    """One rule, or a list of several that must all hold."""
    if isinstance(value, list) and value:
        first, *others = [_checked(_one_rule, one, f"{at}[{number}]") for number, one in enumerate(value, 1)]
        return replace(first, also=tuple(others))
    return _one_rule(value, at)


def _one_rule(value: Any, at: str) -> Rule:
    given = _mapping(value, at, ("column", *RULE_TESTS))
    tests = [test for test in RULE_TESTS if test in given]
    if "column" not in given or len(tests) != 1:
        raise _Allowed(f"a column and exactly one of {', '.join(RULE_TESTS)}.")
    words = given[tests[0]] if isinstance(given[tests[0]], list) else [given[tests[0]]]
    words = [str(word) if type(word) is int else _checked(_text, word, _below(at, tests[0])) for word in words]
    if tests == ["is"]:
        _checked(_choice("blank", "filled"), words[0] if len(words) == 1 else words, _below(at, "is"))
    return Rule(column=_checked(_names, given["column"], _below(at, "column")), test=tests[0], values=tuple(words))


def _yes_or_no(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise _Allowed("true or false.")
    return value


def _rates(value: Any, at: str) -> dict[str, tuple[tuple[date, float], ...]]:
    """Per currency the rates and the days from which they hold, in order of time."""
    rates = {}
    for code, given in _mapping(value, at).items():
        here = _below(at, code)
        _checked(_currency, code, at)
        by_day = given if isinstance(given, dict) else {date.min: given}
        rates[code] = tuple(sorted((_checked(_date, day, here), _checked(_rate, one, here))
                                   for day, one in by_day.items()))
    return rates


def _scale(value: Any, at: str) -> tuple[float, float]:
    is_pair = isinstance(value, list) and len(value) == 2 and {type(end) for end in value} <= {int, float}
    if not is_pair or value[0] == value[1]:
        raise _Allowed("the worst and the best answer, written as [1, 5].")
    if at.endswith(".nps") and value != [0, 10]:
        raise _Allowed("[0, 10], because NPS is defined on that scale.")
    return float(value[0]), float(value[1])


def _limits(value: Any, at: str) -> dict[str, float]:
    low, high = KPI_RANGES[at.rpartition(".")[2]]
    limits = _each(_number(low, high, hint=SHARE_HINT if high == 1 else ""), ("min", "max"))(value, at)
    if limits.get("min", low) > limits.get("max", high):
        raise UserError(f"{at}: min ({limits['min']:g}) is more than max ({limits['max']:g}). Correct one of them.")
    return limits


def _levels(value: Any, at: str) -> dict[str, dict[str, float]]:
    given = _each(_each(_number(), tuple(LEVELS["basic"])), tuple(LEVELS))(value, at)
    levels = {level: rules | given.get(level, {}) for level, rules in LEVELS.items()}
    for rule in LEVELS["basic"]:
        if not levels["basic"][rule] <= levels["middle"][rule] <= levels["high"][rule]:
            raise UserError(f"{at}: {rule} must not fall from basic to middle to high.")
    return levels


def _program(value: Any, at: str) -> Program:
    program = _build(Program, value, at)
    if program.joining == "none" and program.launched_on:
        raise UserError(f"{at}.joining is none (there is no program), but launched_on is {program.launched_on}. "
                        "Correct one of them.")
    return program


def known_formats() -> list[str]:
    """The keys of the known formats, sorted."""
    return sorted(path.stem for path in FORMATS.glob("*.yml"))


def load_format(key: str, folder: Path | None = None) -> dict[str, Any]:
    """What `formats/<key>.yml` says, unchecked but for being a mapping with settings. UserError where it is not."""
    format = read_yaml((folder or FORMATS) / f"{key}.yml", f"loyalty_helpers/formats/{key}.yml")
    if not isinstance(format, dict) or not isinstance(format.get("settings"), dict):
        raise UserError(f"loyalty_helpers/formats/{key}.yml has no settings. CONTRIBUTING.md says how to add a format.")
    return format


def _database(value: Any, at: str) -> str:
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


def _source(value: Any, at: str) -> Source:
    """One source. The settings of its format stand where it gives none of its own; a blank one takes one away."""
    given = dict(value) if isinstance(value, dict) else {"files": value}
    prepared = {}
    if given.get("format") is not None:
        prepared = load_format(_checked(_choice(*known_formats()), given["format"], _below(at, "format")))["settings"]
    own = {name: frozenset(map(str, given[name]) if isinstance(given.get(name), dict) else ()) for name in MERGED}
    both = {name: {**prepared[name], **given[name]} for name in MERGED
            if isinstance(prepared.get(name), dict) and isinstance(given.get(name), dict)}
    source = _build(Source, {**prepared, **{name: one for name, one in given.items() if one is not None}, **both}, at)
    if source.table and source.query:
        raise UserError(f"{at} has both a table and a query: keep one.")
    if source.files and source.database:
        raise UserError(f"{at} has both files and a database: keep one.")
    if not source.files and not source.database:
        raise UserError(f"{_below(at, 'files')} is missing: it must be given.")

    def with_optional(name: str) -> dict[str, Rule]:
        return {reason: rule if reason in own[name] else replace(rule, optional=True)
                for reason, rule in getattr(source, name).items()}

    refunds = source.refunds if "refunds" in given or not source.refunds else replace(source.refunds, optional=True)
    return replace(source, own_columns=tuple(sorted(own["columns"])), set_aside=with_optional("set_aside"),
                   flag=with_optional("flag"), refunds=refunds)


def _one_or_several(value: Any, at: str) -> tuple[Source, ...]:
    several = value if isinstance(value, list) and any(isinstance(one, dict) for one in value) else [value]
    return tuple(_checked(_source, one, f"{at}[{i}]" if len(several) > 1 else at) for i, one in enumerate(several, 1))


def _sources(value: Any, at: str) -> dict[str, tuple[Source, ...]]:
    sources = _each(_one_or_several, SOURCES)(value, at)
    if "orders" not in sources:
        raise UserError(f"{at}.orders is missing: name the file that holds the orders.")
    return sources


_share = _number(0, 1, hint=SHARE_HINT)
_rate = _number(1e-9, 1e9, hint=" (units of the client's currency for one of that one)")


# ---------------------------------------------------------------- the settings: type, check, default
@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which rows of an export: those whose `column` (the export's name, or the first of several that is there) passes
    `test` (one of RULE_TESTS) with any of `values`, and all rules of `also`. An `optional` one (a format's) is no error
    where the column is not.
    """

    column: tuple[str, ...]
    test: str
    values: tuple[str, ...]
    also: tuple[Rule, ...] = ()
    optional: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every name that the rule looks for."""
        return (*self.column, *(name for rule in self.also for name in rule.columns))


@dataclass(frozen=True, kw_only=True)
class Program:
    """The loyalty program. Money in the client's currency; shares are fractions; costs are nil unless given.

    `reward_rate` is the face value issued per unit of spend, `redemption` the share of it expected to be redeemed,
    `cost_share` what a redeemed unit of face value costs the shop. `holdout_share` is the share of customers that the
    draw was to hold out, which the assignment is checked against. `gap_days` after the launch are left out of the
    comparison of before and after.
    """

    name: Annotated[str, _text] = ""
    launched_on: Annotated[date | None, _date] = None
    gap_days: Annotated[int, _number(0, 182, whole=True)] = 0
    joining: Annotated[str, _choice("self-selected", "everyone", "randomised", "none")] = "self-selected"
    holdout_share: Annotated[float | None, _share] = None
    gross_margin: Annotated[float | None, _share] = None
    reward_rate: Annotated[float, _share] = 0.0
    redemption: Annotated[float, _share] = 1.0
    cost_share: Annotated[float, _share] = 1.0
    launch_cost: Annotated[float, _number()] = 0.0
    monthly_cost: Annotated[float, _number()] = 0.0
    owner_hours_per_month: Annotated[float, _number(0, 744)] = 0.0
    owner_hourly_rate: Annotated[float, _number()] = 0.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source: files (globs, relative to the client's folder) or a database, and how to read them.

    What is None is found out from the data. `format` is a known one, whose settings stand where the client's are
    silent. `columns` maps our column names to the export's (the first that is there); `own_columns` are those that the
    client's own settings give, and a file must have. `names` are the columns of files without a header row. `less`
    names columns whose money is taken off the amounts. `answers` turns words of a survey into numbers, by question (all
    of them: "*"); `scale` gives the (worst, best) answer of each. `shop` tells order numbers of several shops apart.
    """

    files: Annotated[tuple[str, ...], _files] = ()
    format: Annotated[str | None, _text] = None
    columns: Annotated[dict[str, tuple[str, ...]], _each(_names)] = field(default_factory=dict)
    names: Annotated[tuple[str, ...], _names] = ()
    header_rows: Annotated[int, _number(1, 3, whole=True)] = 1
    grain: Annotated[str, _choice("order", "line")] = "order"
    shop: Annotated[str | None, _text] = None
    set_aside: Annotated[dict[str, Rule], _each(_rule)] = field(default_factory=dict)
    flag: Annotated[dict[str, Rule], _each(_rule)] = field(default_factory=dict)
    refunds: Annotated[Rule | None, _rule] = None
    less: Annotated[tuple[str, ...], _names] = ()
    duplicates: Annotated[str | None, _choice("drop", "keep")] = None  # None: drop orders, keep lines
    dates: Annotated[str | None, _date_style] = None
    decimal: Annotated[str | None, _choice(".", ",")] = None
    hundredths: Annotated[bool, _yes_or_no] = False
    time_zone: Annotated[str | None, _time_zone] = None
    encoding: Annotated[str | None, _encoding] = None
    sheet: Annotated[str | None, _text] = None
    database: Annotated[str | None, _database] = None
    table: Annotated[str | None, _text] = None
    query: Annotated[str | None, _text] = None
    scale: Annotated[dict[str, tuple[float, float]], _each(_scale)] = field(default_factory=dict)
    answers: Annotated[dict[str, dict[str, float]], _each(_each(_number(-1000, 1000)))] = field(default_factory=dict)
    own_columns: tuple[str, ...] = ()  # in the order of their names: settings are hashed, and must come out alike


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client's settings, complete and checked. Dates and times of the report are in `time_zone`.

    `rates` are units of `currency` for one of another currency, each from a day on. `ids` says whether customers' ids
    become keyed pseudonyms or stay plain (invented or public data). For a "shared" `audience` no published cell counts
    fewer than `smallest_cell` customers.
    """

    key: str
    folder: Path
    name: Annotated[str, _text]
    prepared_by: Annotated[str, _text] = ""
    currency: Annotated[str, _currency]
    time_zone: Annotated[str, _time_zone]
    language: Annotated[str, _language] = "en"
    program: Annotated[Program, _program] = field(default_factory=lambda: Program(joining="none"))
    sources: Annotated[dict[str, tuple[Source, ...]], _sources]
    rates: Annotated[dict[str, tuple[tuple[date, float], ...]], _rates] = field(default_factory=dict)
    ids: Annotated[str, _choice("keyed", "plain")] = "keyed"
    audience: Annotated[str, _choice("owner", "shared")] = "owner"
    smallest_cell: Annotated[int, _number(2, 100, whole=True)] = 5
    primary_kpi: Annotated[str, _choice(*KPIS)] = "retention"
    thresholds: Annotated[dict[str, dict[str, float]], _each(_limits, KPIS)] = field(default_factory=dict)
    chapters: Annotated[dict[str, dict[str, Any]], _each(_mapping, CHAPTERS)] = field(default_factory=dict)
    levels: Annotated[dict[str, dict[str, float]], _levels] = field(default_factory=lambda: _levels({}, ""))

    @property
    def prepared(self) -> Path:
        return self.folder / "prepared"

    @property
    def results(self) -> Path:
        return self.prepared / "results"

    @property
    def private(self) -> Path:
        return self.folder / "private"

    @property
    def reports(self) -> Path:
        return self.folder.parents[1] / "reports" / self.key

    @property
    def scales(self) -> dict[str, tuple[float, float]]:
        """The declared scales (worst, best) of the survey's questions."""
        return {name: ends for source in self.sources.get("survey", ()) for name, ends in source.scale.items()}

    @property
    def has_program(self) -> bool:
        """Whether a launch date is known: without one there is no before and after."""
        return self.program.launched_on is not None


def _build(kind: type, given: Any, at: str, **known: Any) -> Any:
    """The dataclass `kind` from a mapping of settings; `known` are its fields that do not come from the file."""
    hints = get_type_hints(kind, include_extras=True)
    checks = {f.name: hints[f.name].__metadata__[0] for f in fields(kind)
              if f.name not in known and hasattr(hints[f.name], "__metadata__")}
    given = {name: value for name, value in _mapping(given, at, checks).items() if value is not None}
    for f in fields(kind):
        if f.name in checks and f.default is f.default_factory is MISSING and f.name not in given:
            raise UserError(f"{_below(at, f.name)} is missing: it must be given.")
    return kind(**known, **{name: _checked(checks[name], value, _below(at, name)) for name, value in given.items()})


# ---------------------------------------------------------------- the file
class _Loader(yaml.SafeLoader):
    """YAML without its traps: a key given twice, a date that does not exist, and any other value that cannot be read
    is an error with its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problem = "a value that begins with { or [ cannot be read; put it in quotes"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"'{key.value}' is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            made = super().construct_object(node, deep=deep)
            if type(made) is int:
                float(made)  # no number of a shop is too large for that
            return made
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
            is_date = node.tag.endswith(":timestamp")
            problem = f"there is no date {node.value}" if is_date else f"the value {_shown(node.value)} cannot be read"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None


def read_yaml(path: Path, shown: str) -> Any:
    """What a file of settings holds, without YAML's traps. A UserError, which begins with `shown`, where it cannot be.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError:
        raise UserError(f"{shown} is not saved as UTF-8 text. Save it again with the encoding UTF-8.") from None
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        unmarked = "it is nested too deeply" if isinstance(error, RecursionError) else "a value in it cannot be read"
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or unmarked
        raise UserError(f"{shown}{line}: this is not a valid settings file: {problem}. Usual causes: a tab instead of "
                        "blanks, no blank after a colon, different indents in one section, an open quote.") from None


def check_key(key: str) -> str:
    """The client's key itself, if it may name a folder: letters a-z, digits, "-" and "_", at most 64."""
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,63}", key):
        raise UserError(f"CLIENT={key!r} cannot name a client: use letters a to z, digits, '-' and '_' only "
                        "(no blanks, dots or slashes), and begin with a letter or digit.")
    return key


def clients(root: Path | None = None) -> list[str]:
    """The keys of the clients that exist, sorted."""
    return sorted(path.parent.name for path in ((root or ROOT) / "data").glob("*/client.yml"))


def load_client(key: str, root: Path | None = None) -> Client:
    """The checked settings of `data/<key>/client.yml`.

    Raises UserError, naming file and setting, for anything unknown, missing, out of range or not readable. Whether
    the files of the sources exist is not looked at here.
    """
    folder = (root or ROOT) / "data" / check_key(key)
    shown = f"data/{key}/client.yml"
    if not (folder / "client.yml").is_file():
        known = clients(root)
        raise UserError(f"There is no client '{key}' ({shown} does not exist).{suggest(key, known)} "
                        f"Make it with: make new CLIENT={key}. Clients here: {', '.join(known) or 'none'}.")
    settings = read_yaml(folder / "client.yml", shown) or {}
    return _checked(lambda value, at: _build(Client, value, at, key=key, folder=folder), settings, shown)


def new_client(key: str, root: Path | None = None) -> Path:
    """Write `data/<key>/client.yml`, annotated and ready to fill in; files already in the folder stay as they are.

    Returns its path. Raises UserError rather than overwrite settings.
    """
    path = (root or ROOT) / "data" / check_key(key) / "client.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.read_text(encoding="utf-8").replace("{client}", key))
    except FileExistsError:
        raise UserError(f"data/{key}/client.yml exists already and was left as it is. Edit it, then: "
                        f"make check CLIENT={key}.") from None
    return path
