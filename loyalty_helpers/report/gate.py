"""The privacy gate: what others than the owner may see of a report.

For a report that others will read, numbers of a few customers are hidden, and those from which they could be worked
out. What counts persons is declared: columns and tables in tables.py, the n of findings in core (NOUNS), counts in
messages by their type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, NOUNS, Change, Effect, Finding
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.settings import Client
from loyalty_helpers.report.tables import COLUMNS, TABLES, Column, Table

PERSONS_UNITS = ("members", "customers")  # of rows of a table whose numbers have each their own `unit`


def least(client: Client) -> int:
    """The fewest customers of whom a report may say a number: 1 for the owner's eyes, `smallest_cell` for others'."""
    return client.smallest_cell if client.audience == "shared" else 1


def seen(found: Any, k: int, name: str = "") -> Any:
    """Whatever was `found` (a frame, a finding, a message, an object that holds some) as readers may see it who must
    not learn numbers of 1 to `k` - 1 persons; for the owner (`k` is 1) as it is.

    Frames are hidden by the declarations of their columns and of the table they are shown as (tables.py): that of the
    object's field or the dict's key which holds them, else that of `name`. One row a customer is nobody's to see, and
    objects may hold such frames only for their own use. Raises ValueError for whole numbers in a column that nobody
    has declared, and for findings that rest on what nobody has: they could count persons.
    """
    if k == 1:
        return found
    if isinstance(found, pd.DataFrame):
        return found if "customer_id" in found else _seen_table(found, k, TABLES.get(name, Table()))
    if isinstance(found, Finding):
        return _seen_finding(found, k)
    if isinstance(found, Message):
        return Message(found.key, {fact: _seen_fact(one, k) for fact, one in found.facts.items()})
    if is_dataclass(found) and not isinstance(found, type):
        return replace(found, **{one.name: seen(getattr(found, one.name), k, _declared(one.name, name))
                                 for one in fields(found) if one.init})
    if isinstance(found, (list, tuple)):
        return _seen_list(found, k, name)
    return ({key: seen(one, k, _declared(key, name)) for key, one in found.items()} if isinstance(found, Mapping)
            else found)


def _declared(inner: Any, outer: str) -> str:
    return inner if inner in TABLES else outer


def _seen_list(found: Sequence, k: int, name: str) -> Sequence:
    """Findings that are parts of one whole are hidden together: one alone could be worked out."""
    shown = [seen(one, k, name) for one in found]
    lost = {one.whole for one, now in zip(found, shown, strict=True)
            if isinstance(one, Finding) and one.whole and _parts_measurable(one) != _parts_measurable(now)}
    shown = [_hidden_finding(one) if isinstance(one, Finding) and one.whole in lost else one for one in shown]
    return tuple(shown) if type(found) is tuple else type(found)(shown) if type(found) is list else type(found)(*shown)


def _parts_measurable(one: Finding) -> list[bool]:
    return [one.measurable, *([one.before.measurable, one.after.measurable] if isinstance(one, Change) else [])]


# ---------------------------------------------------------------- messages
def _seen_fact(fact: Any, k: int) -> Any:
    """A fact of a message; a hidden one becomes words in its place."""
    if isinstance(fact, Persons):
        return _seen_persons(fact, k)
    if isinstance(fact, Number):
        hidden = fact.rests_on is not None and isinstance(_seen_persons(fact.rests_on, k), Message)
        return message("hidden-number") if hidden else fact
    if isinstance(fact, Listed):
        return _seen_listed(fact, k)
    return seen(fact, k)


def _seen_persons(persons: Persons, k: int) -> Persons | Message:
    if persons.of is not None and 1 <= persons.of - persons.n < k:
        return message("nearly-all")
    return message("few-persons", least=k) if 1 <= persons.n < k else persons


def _seen_listed(listed: Listed, k: int) -> Listed:
    """Counts said one after the other add up to a number known elsewhere: where one is small, none is said."""
    if any(isinstance(_seen_persons(one, k), Message) for item in listed.items for one in _persons_in(item)):
        return replace(listed, items=tuple(_without_persons(item) for item in listed.items))
    return replace(listed, items=tuple(_seen_fact(item, k) for item in listed.items))


def _persons_in(fact: Any) -> list[Persons]:
    inner = fact.facts.values() if isinstance(fact, Message) else fact.items if isinstance(fact, Listed) else ()
    return [fact] if isinstance(fact, Persons) else [one for item in inner for one in _persons_in(item)]


def _without_persons(fact: Any) -> Any:
    if isinstance(fact, Persons):
        return message("some-persons") if fact.n else fact
    if isinstance(fact, Number) and fact.rests_on is not None:
        return message("hidden-number")
    if isinstance(fact, Listed):
        return replace(fact, items=tuple(map(_without_persons, fact.items)))
    return (Message(fact.key, {name: _without_persons(one) for name, one in fact.facts.items()})
            if isinstance(fact, Message) else fact)


# ---------------------------------------------------------------- findings
def _seen_finding(one: Finding, k: int) -> Finding:
    if one.n_noun not in NOUNS:
        raise ValueError(f"Declare in core/findings.py whether a '{one.n_noun}' is a person.")
    one = replace(one, label=seen(one.label, k), note=seen(one.note, k))
    if isinstance(one, Change):
        before, after = (_seen_finding(level, k) for level in (one.before, one.after))
        lost = (one.before.measurable, one.after.measurable) != (before.measurable, after.measurable)
        one = replace(one, before=before, after=after)
        return _hidden_finding(one) if lost or _is_small(one, k) else one
    if isinstance(one, Effect):
        one = replace(one, cross_check=one.cross_check and _seen_finding(one.cross_check, k),
                      refused=seen(one.refused, k), diagnostics=_seen_diagnostics(one.diagnostics, k))
    return _hidden_finding(one) if _is_small(one, k) else one


def _is_small(one: Finding, k: int) -> bool:
    """Whether a number of 1 to `k` - 1 persons could be read off a finding."""
    if not NOUNS[one.n_noun]:
        return False
    read = [one.n, *((one.n_treated, one.n_comparison) if isinstance(one, Effect) else ())]
    if one.measurable and one.unit == "share" and one.hits and not isinstance(one, Change):
        read += [round(one.estimate * one.n), round((1 - one.estimate) * one.n)]
    return any(1 <= n < k for n in read)


def _hidden_finding(one: Finding) -> Finding:
    nothing = {"estimate": NAN, "low": NAN, "high": NAN, "n": 0, "note": message("too-few-to-show")}
    if isinstance(one, Change):
        nothing |= {"p_value": NAN, "p_adjusted": NAN, "chance_improved": NAN}
        nothing |= {when: _hidden_finding(getattr(one, when)) for when in ("before", "after") if one.whole}
    if isinstance(one, Effect):
        nothing |= {"n_treated": 0, "n_comparison": 0, "ess": NAN, "placebo": NAN, "placebo_low": NAN,
                    "placebo_high": NAN, "refused": None, "diagnostics": {}}
    return replace(one, **nothing)


def _seen_diagnostics(found: dict, k: int) -> dict:
    """What an effect rests on, without the members set aside by reason where one of these numbers is small."""
    aside = found.get("set_aside", {})
    return found | {"set_aside": dict.fromkeys(aside, NAN)} if any(1 <= n < k for n in aside.values()) else found


# ---------------------------------------------------------------- tables
def _seen_table(frame: pd.DataFrame, k: int, table: Table) -> pd.DataFrame:
    undeclared = [name for name in frame if name not in COLUMNS and name not in table.persons
                  and _whole_numbers(frame[name])]
    if undeclared:
        raise ValueError("Declare in report/tables.py whether these columns count persons: "
                         f"{', '.join(map(str, undeclared))}.")
    counts = [name for name in frame if name in table.persons or COLUMNS.get(name, Column()).persons]
    within = [name for name in table.within if name in frame]
    shown = _suppressed(_without_hits(_of_units(frame, k), k, table), counts, k, within=within, figures=table.figures)
    return shown.assign(**{name: [_seen_fact(cell, k) for cell in shown[name]] for name in shown
                           if shown[name].dtype == object})


def _whole_numbers(cells: pd.Series) -> bool:
    """Whether all numbers among the cells are whole, so that they could be counts."""
    found = [float(cell) for cell in cells.dropna() if isinstance(cell, Real) and not isinstance(cell, (bool, np.bool))]
    return bool(found) and all(cell % 1 == 0 for cell in found)


def _of_units(frame: pd.DataFrame, k: int) -> pd.DataFrame:
    """A table whose rows have each their own unit, without any number where one row counts a few persons, on whom all
    others rest."""
    if not {"unit", "value"} <= {*frame.columns}:
        return frame
    few = frame["value"].where(frame["unit"].isin(PERSONS_UNITS)).between(1, k - 1).any()
    numbers = [name for name in ("value", "low", "high") if name in frame]
    return frame.assign(**dict.fromkeys(numbers, NAN)) if few else frame


def _without_hits(frame: pd.DataFrame, k: int, table: Table) -> pd.DataFrame:
    """A table of shares of persons (levels before and after among them) without those behind which 1 to `k` - 1 of
    their n stand, or all but as few; what is computed of a hidden level goes with it."""
    hidden = pd.Series(False, index=frame.index)
    for share, n in (*table.hits, ("before", "n_before"), ("after", "n_after")):
        if not {share, n} <= {*frame.columns}:
            continue
        of = frame[n].astype("float64")
        is_share = frame["unit"].eq("share") if "unit" in frame else True
        hits = (frame[share].astype("float64") * of).round()
        few = of.between(1, k - 1)
        small = few | (is_share & (hits.between(1, k - 1) | (of - hits).between(1, k - 1)))
        levels = [name for name in (share, f"{share}_low", f"{share}_high") if name in frame]
        masked = {name: frame[name].astype("float64").mask(small) for name in levels}
        frame = frame.assign(**masked, **{n: of.mask(few)})
        hidden |= small
    changes = [name for name in frame if str(name).startswith("change") or name in ("low", "high")]
    return frame.assign(**{name: frame[name].astype("float64").mask(hidden) for name in changes}) if hidden.any() else (
        frame)


def _suppressed(table: pd.DataFrame, counts: Collection[str], k: int, *, within: Sequence[str] = (),
               figures: Collection[str] | None = None) -> pd.DataFrame:
    """`table` without counts of 1 to `k` - 1 persons, and without those from which they could be worked out.

    The cells of each column in `counts` add up to a total that is known, in the whole table or, `within` columns, for
    each of their values. So in each such group further cells are hidden, the smallest first, until those hidden are two
    at least, of `k` persons or more together and not of one each. 0 stays. Where a count is hidden, its row's
    `figures` are missing too: by default all numbers (of whatever rests on that count). Hidden cells all look alike,
    so that none tells whether it was small itself; a table hidden already stays as it is.
    """
    groups = pd.Series(0, index=table.index) if not within else table.groupby([*within], dropna=False).ngroup()
    rows = np.zeros(len(table), bool)
    hidden = {}
    for column in counts:
        cells = table[column].to_numpy(dtype="float64", na_value=np.nan)
        hidden[column] = np.zeros(len(table), bool)
        for places in groups.groupby(groups, sort=False).indices.values():
            hidden[column][places] = _hidden(cells[places], k)
        rows |= hidden[column]
    if not rows.any():
        return table
    numbers = table.select_dtypes("number").columns.difference([*within]) if figures is None else figures
    blank = {name: table[name].astype("float64").mask(rows) for name in numbers if name not in hidden}
    return table.assign(**blank, **{name: table[name].astype("float64").mask(cells) for name, cells in hidden.items()})


def _hidden(cells: np.ndarray, k: int) -> np.ndarray:
    """Which cells of one group must not be seen."""
    hidden = (cells >= 1) & (cells < k)
    if hidden.any():
        for place in np.argsort(cells, kind="stable"):
            if cells[hidden].sum() >= k and cells[hidden].max() > 1:  # so that two are hidden at least
                break
            hidden[place] |= cells[place] >= 1
    return hidden
