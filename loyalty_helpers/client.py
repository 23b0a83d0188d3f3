"""A client is a folder: `data/<client>/client.yml` says who, when, and what the files beside it are.

The settings are described once, as dataclasses: each field carries its type, its check (what is allowed) and its
default, and `build` turns a YAML mapping into the dataclass or stops with a sentence. Only the standard library,
yaml and the table of columns are imported here, because a run that finds nothing to do must end within a second.
"""

from __future__ import annotations

import os
import re
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import date
from math import inf
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from loyalty_helpers.core import checks
from loyalty_helpers.core.checks import Allowed, below, checked, each, mapping, number
from loyalty_helpers.core.columns import SOURCES
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.core.yaml_files import read_yaml

CLONE = Path(__file__).resolve().parents[1]
ROOT = Path(os.environ.get("LOYALTY_ROOT") or CLONE).resolve()
TEMPLATE = CLONE / "data" / "client_template.yml"

CHAPTERS = ("00_summary", "01_data_prep", "02_scoring", "03_case_study_comparison", "04_program_evaluation")
FORMATS = Path(__file__).resolve().parent / "formats"  # known exports, each a file of prepared settings
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


def _rule(value: Any, at: str) -> Rule:
    """One rule, or a list of several that must all hold."""
    if isinstance(value, list) and value:
        first, *others = [checked(_one_rule, one, f"{at}[{number}]") for number, one in enumerate(value, 1)]
        return replace(first, also=tuple(others))
    return _one_rule(value, at)


def _one_rule(value: Any, at: str) -> Rule:
    given = mapping(value, at, ("column", *RULE_TESTS))
    tests = [test for test in RULE_TESTS if test in given]
    if "column" not in given or len(tests) != 1:
        raise Allowed(f"a column and exactly one of {', '.join(RULE_TESTS)}.")
    words = given[tests[0]] if isinstance(given[tests[0]], list) else [given[tests[0]]]
    words = [str(word) if type(word) is int else checked(checks.text, word, below(at, tests[0])) for word in words]
    if tests == ["is"]:
        checked(checks.choice("blank", "filled"), words[0] if len(words) == 1 else words, below(at, "is"))
    return Rule(column=checked(checks.names, given["column"], below(at, "column")), test=tests[0], values=tuple(words))


def _rates(value: Any, at: str) -> dict[str, tuple[tuple[date, float], ...]]:
    """Per currency the rates and the days from which they hold, in order of time."""
    rates = {}
    for code, given in mapping(value, at).items():
        here = below(at, code)
        checked(checks.currency, code, at)
        by_day = given if isinstance(given, dict) else {date.min: given}
        rates[code] = tuple(sorted((checked(checks.a_date, day, here), checked(_rate, one, here))
                                   for day, one in by_day.items()))
    return rates


def _limits(value: Any, at: str) -> dict[str, float]:
    low, high = KPI_RANGES[at.rpartition(".")[2]]
    limits = each(number(low, high, hint=SHARE_HINT if high == 1 else ""), ("min", "max"))(value, at)
    if limits.get("min", low) > limits.get("max", high):
        raise UserError(f"{at}: min ({limits['min']:g}) is more than max ({limits['max']:g}). Correct one of them.")
    return limits


def _levels(value: Any, at: str) -> dict[str, dict[str, float]]:
    given = each(each(number(), tuple(LEVELS["basic"])), tuple(LEVELS))(value, at)
    levels = {level: rules | given.get(level, {}) for level, rules in LEVELS.items()}
    for rule in LEVELS["basic"]:
        if not levels["basic"][rule] <= levels["middle"][rule] <= levels["high"][rule]:
            raise UserError(f"{at}: {rule} must not fall from basic to middle to high.")
    return levels


def _program(value: Any, at: str) -> Program:
    program = build(Program, value, at)
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


def source_of(value: Any, at: str) -> Source:
    """One source. The settings of its format stand where it gives none of its own; a blank one takes one away."""
    given = dict(value) if isinstance(value, dict) else {"files": value}
    prepared = {}
    if given.get("format") is not None:
        key = checked(checks.choice(*known_formats()), given["format"], below(at, "format"))
        prepared = load_format(key)["settings"]
    own = {name: frozenset(map(str, given[name]) if isinstance(given.get(name), dict) else ()) for name in MERGED}
    both = {name: {**prepared[name], **given[name]} for name in MERGED
            if isinstance(prepared.get(name), dict) and isinstance(given.get(name), dict)}
    source = build(Source, {**prepared, **{name: one for name, one in given.items() if one is not None}, **both}, at)
    if source.table and source.query:
        raise UserError(f"{at} has both a table and a query: keep one.")
    if source.files and source.database:
        raise UserError(f"{at} has both files and a database: keep one.")
    if not source.files and not source.database:
        raise UserError(f"{below(at, 'files')} is missing: it must be given.")

    def with_optional(name: str) -> dict[str, Rule]:
        return {reason: rule if reason in own[name] else replace(rule, optional=True)
                for reason, rule in getattr(source, name).items()}

    refunds = source.refunds if "refunds" in given or not source.refunds else replace(source.refunds, optional=True)
    return replace(source, own_columns=tuple(sorted(own["columns"])), set_aside=with_optional("set_aside"),
                   flag=with_optional("flag"), refunds=refunds)


def _one_or_several(value: Any, at: str) -> tuple[Source, ...]:
    several = value if isinstance(value, list) and any(isinstance(one, dict) for one in value) else [value]
    return tuple(checked(source_of, one, f"{at}[{i}]" if len(several) > 1 else at) for i, one in enumerate(several, 1))


def _sources(value: Any, at: str) -> dict[str, tuple[Source, ...]]:
    sources = each(_one_or_several, SOURCES)(value, at)
    if "orders" not in sources:
        raise UserError(f"{at}.orders is missing: name the file that holds the orders.")
    return sources


_share = number(0, 1, hint=SHARE_HINT)
_rate = number(1e-9, 1e9, hint=" (units of the client's currency for one of that one)")


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

    name: Annotated[str, checks.text] = ""
    launched_on: Annotated[date | None, checks.a_date] = None
    gap_days: Annotated[int, number(0, 182, whole=True)] = 0
    joining: Annotated[str, checks.choice("self-selected", "everyone", "randomised", "none")] = "self-selected"
    holdout_share: Annotated[float | None, _share] = None
    gross_margin: Annotated[float | None, _share] = None
    reward_rate: Annotated[float, _share] = 0.0
    redemption: Annotated[float, _share] = 1.0
    cost_share: Annotated[float, _share] = 1.0
    launch_cost: Annotated[float, number()] = 0.0
    monthly_cost: Annotated[float, number()] = 0.0
    owner_hours_per_month: Annotated[float, number(0, 744)] = 0.0
    owner_hourly_rate: Annotated[float, number()] = 0.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source: files (globs, relative to the client's folder) or a database, and how to read them.

    What is None is found out from the data. `format` is a known one, whose settings stand where the client's are
    silent. `columns` maps our column names to the export's (the first that is there); `own_columns` are those that the
    client's own settings give, and a file must have. `names` are the columns of files without a header row. `less`
    names columns whose money is taken off the amounts. `answers` turns words of a survey into numbers, by question (all
    of them: "*"); `scale` gives the (worst, best) answer of each. `shop` tells order numbers of several shops apart.
    """

    files: Annotated[tuple[str, ...], checks.files] = ()
    format: Annotated[str | None, checks.text] = None
    columns: Annotated[dict[str, tuple[str, ...]], each(checks.names)] = field(default_factory=dict)
    names: Annotated[tuple[str, ...], checks.names] = ()
    header_rows: Annotated[int, number(1, 3, whole=True)] = 1
    grain: Annotated[str, checks.choice("order", "line")] = "order"
    shop: Annotated[str | None, checks.text] = None
    set_aside: Annotated[dict[str, Rule], each(_rule)] = field(default_factory=dict)
    flag: Annotated[dict[str, Rule], each(_rule)] = field(default_factory=dict)
    refunds: Annotated[Rule | None, _rule] = None
    less: Annotated[tuple[str, ...], checks.names] = ()
    duplicates: Annotated[str | None, checks.choice("drop", "keep")] = None  # None: drop orders, keep lines
    dates: Annotated[str | None, checks.date_style] = None
    decimal: Annotated[str | None, checks.choice(".", ",")] = None
    hundredths: Annotated[bool, checks.yes_or_no] = False
    time_zone: Annotated[str | None, checks.time_zone] = None
    encoding: Annotated[str | None, checks.encoding] = None
    sheet: Annotated[str | None, checks.text] = None
    database: Annotated[str | None, checks.database] = None
    table: Annotated[str | None, checks.text] = None
    query: Annotated[str | None, checks.text] = None
    scale: Annotated[dict[str, tuple[float, float]], each(checks.scale)] = field(default_factory=dict)
    answers: Annotated[dict[str, dict[str, float]], each(each(number(-1000, 1000)))] = field(default_factory=dict)
    own_columns: tuple[str, ...] = ()  # in the order of their names: settings are hashed, and must come out alike


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client's settings, complete and checked. Dates and times of the report are in `time_zone`. Telephone numbers
    without a country's code are those of `country` (where it is None, of the country of the time zone).

    `rates` are units of `currency` for one of another currency, each from a day on. `ids` says whether customers' ids
    become keyed pseudonyms or stay plain (invented or public data). For a "shared" `audience` no published cell counts
    fewer than `smallest_cell` customers.
    """

    key: str
    folder: Path
    name: Annotated[str, checks.text]
    prepared_by: Annotated[str, checks.text] = ""
    currency: Annotated[str, checks.currency]
    time_zone: Annotated[str, checks.time_zone]
    country: Annotated[str | None, checks.country] = None
    language: Annotated[str, checks.language] = "en"
    program: Annotated[Program, _program] = field(default_factory=lambda: Program(joining="none"))
    sources: Annotated[dict[str, tuple[Source, ...]], _sources]
    rates: Annotated[dict[str, tuple[tuple[date, float], ...]], _rates] = field(default_factory=dict)
    ids: Annotated[str, checks.choice("keyed", "plain")] = "keyed"
    audience: Annotated[str, checks.choice("owner", "shared")] = "owner"
    smallest_cell: Annotated[int, number(2, 100, whole=True)] = 5
    primary_kpi: Annotated[str, checks.choice(*KPIS)] = "retention"
    thresholds: Annotated[dict[str, dict[str, float]], each(_limits, KPIS)] = field(default_factory=dict)
    chapters: Annotated[dict[str, dict[str, Any]], each(mapping, CHAPTERS)] = field(default_factory=dict)
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


def build(kind: type, given: Any, at: str, **known: Any) -> Any:
    """The dataclass `kind` from a mapping of settings; `known` are its fields that do not come from the file."""
    hints = get_type_hints(kind, include_extras=True)
    check_of = {f.name: hints[f.name].__metadata__[0] for f in fields(kind)
                if f.name not in known and hasattr(hints[f.name], "__metadata__")}
    given = {name: value for name, value in mapping(given, at, check_of).items() if value is not None}
    for f in fields(kind):
        if f.name in check_of and f.default is f.default_factory is MISSING and f.name not in given:
            raise UserError(f"{below(at, f.name)} is missing: it must be given.")
    return kind(**known, **{name: checked(check_of[name], value, below(at, name)) for name, value in given.items()})


# ---------------------------------------------------------------- the file
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
    return checked(lambda value, at: build(Client, value, at, key=key, folder=folder), settings, shown)


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
