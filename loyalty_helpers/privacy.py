"""The privacy gate: what leaves the door of the exports, under which names, and what others may see of it.

At the door (`guarded`, the last step of ingest): columns without a purpose are dropped, customers' ids become keyed
pseudonyms, order numbers running numbers. On the way out (`published`): for a report that others will read, numbers
of a few customers are hidden, and those from which they could be worked out. The real ids come back (`named`) only in
lists that stay in the client's private folder.
"""

from __future__ import annotations

import hmac
import os
import re
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loyalty_helpers import client as settings
from loyalty_helpers.client import Client
from loyalty_helpers.core.columns import COUNT_PERSONS, PERSONS, SOURCES, described, is_kept
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import NAN, Change, Effect, Finding

VARIABLE = "LOYALTY_KEY"
SHORTEST = 16  # letters of a key: with fewer, telephone numbers could be found by trying keys
LENGTH = 20  # letters of a pseudonym; 76 bits, so that no two of ten million customers meet
NO_IDS = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "id": pd.Series(dtype="str")})

# ---------------------------------------------------------------- the key
def key() -> bytes:
    """The secret that makes pseudonyms: from the environment variable LOYALTY_KEY, or else from the key file, which is
    made at first use (32 random bytes as hexadecimal digits, for the user alone to read).

    Raises UserError for a variable too short to be secret, for a key file that cannot be made or read, is no key, or
    lies inside the clone, where it could be passed on with the data it protects.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        if len(given) < SHORTEST:
            raise UserError(f"The environment variable {VARIABLE} has {len(given)} letters; a key needs {SHORTEST} or "
                            "more, or it could be guessed. Make it longer, or remove it: a key is then made for you.")
        return given.encode()
    path = _key_file()
    try:
        if not path.exists():
            _make_key(path)
        digits = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise UserError(f"The key for pseudonyms cannot be kept in {path} ({error.strerror}). Make that place "
                        f"writable, or give a key of {SHORTEST} letters or more in the environment variable "
                        f"{VARIABLE}.") from None
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise UserError(f"{path} is no key for pseudonyms (64 digits from 0 to f). Put it back from a backup; or "
                        "delete it: a new one is made, and pseudonyms change with the next report.")
    return bytes.fromhex(digits)


def _key_file() -> Path:
    configured = os.environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", "")
    try:
        folder = Path(configured) if Path(configured).is_absolute() else Path.home() / ".config"
    except RuntimeError:
        raise UserError("The key for pseudonyms has no place: this user has no home folder. Give a key of "
                        f"{SHORTEST} letters or more in the environment variable {VARIABLE}.") from None
    path = folder / "loyalty-template" / "key"
    if any(path.resolve().is_relative_to(clone) for clone in (settings.CLONE, settings.ROOT)):
        raise UserError(f"The key for pseudonyms would lie inside this very folder ({path}), and could be passed on "
                        f"with the data. Let XDG_CONFIG_HOME be another folder, or give a key in {VARIABLE}.")
    return path


def _make_key(path: Path) -> None:
    """Make the file whole or not at all; where another run makes it at the same moment, the first one's stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # for the user alone to read
    try:
        with open(handle, "w", encoding="ascii") as file:
            file.write(os.urandom(32).hex() + "\n")
        with suppress(FileExistsError):
            os.link(beside, path)  # unlike a renaming, never replaces one that is there
    finally:
        os.unlink(beside)


# ---------------------------------------------------------------- at the door
def pseudonyms(ids: pd.Series, key: bytes) -> pd.Series:
    """Each id as 20 hexadecimal letters, of which the first is no digit: HMAC-SHA256 with `key`, cut.

    The same id and key give the same pseudonym, in any order of rows; missing stays missing; the index stays.
    """
    codes, distinct = pd.factorize(ids)
    return _taken([*map(_hashing(key), distinct.tolist())], codes, ids.index)


def _hashing(key: bytes):
    fresh = hmac.new(key, digestmod="sha256")

    def hashed(one: str) -> str:
        mac = fresh.copy()
        mac.update(one.encode("utf-8", "surrogatepass"))
        return "c" + mac.hexdigest()[:LENGTH - 1]  # a letter first: no spreadsheet takes it for a number

    return hashed


def _taken(distinct: Sequence[str], codes: np.ndarray, index: pd.Index) -> pd.Series:
    texts = pd.array([*distinct], dtype="str")
    return pd.Series(texts.take(codes, allow_fill=True), index=index)


def running_numbers(*columns: pd.Series) -> tuple[pd.Series, ...]:
    """Order numbers as running numbers "1", "2", ..., in the order in which they first appear in the `columns`.

    The same order number is the same running number in all columns; missing stays missing.
    """
    codes, distinct = pd.factorize(pd.concat(columns, ignore_index=True))
    parts = np.split(codes, np.cumsum([len(column) for column in columns])[:-1])
    numbers = [str(number) for number in range(1, len(distinct) + 1)]
    return tuple(_taken(numbers, part, column.index) for part, column in zip(parts, columns, strict=True))


def guarded(tables: Mapping[str, pd.DataFrame], client: Client) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """What may be written of the canonical `tables`, and `ids`: customer_id (the pseudonym), id (as in the export).

    Only columns that are kept (core/columns) stay: free text (comment_...), e-mail addresses and telephone
    numbers end here. Ids of customers become pseudonyms, other ones for each client, so that the same person cannot be
    followed from one client to another; order numbers become running numbers, in the order of the rows of orders,
    which is that of time. Rows keep their order, which does not depend on the key. With `ids: plain` in the settings
    ids and order numbers stay as they are, and the second frame is empty. Tables that are no sources of the client's
    (counts made of them) pass as they are.
    """
    kept = {name: frame[[column for column in frame if is_kept(column, name)]] if name in SOURCES else frame
            for name, frame in tables.items()}
    if client.ids == "plain":
        return kept, NO_IDS
    hashed = _hashing(hmac.digest(key(), client.key.encode(), "sha256"))
    known: dict[str, str] = {}
    changed: dict[str, dict[str, pd.Series]] = {name: {} for name in kept}
    for name, frame in kept.items():
        for column in frame.columns.intersection(PERSONS):
            codes, distinct = pd.factorize(frame[column])
            known |= {one: hashed(one) for one in distinct.tolist() if one not in known}
            changed[name][column] = _taken([known[one] for one in distinct.tolist()], codes, frame.index)
    numbered = {name: kept[name]["order_id"] for name in ("orders", "lines") if name in kept}
    if numbered:
        for name, numbers in zip(numbered, running_numbers(*numbered.values()), strict=True):
            changed[name]["order_id"] = numbers
    ids = pd.DataFrame({"customer_id": list(known.values()), "id": list(known)}, dtype="str")
    return {name: frame.assign(**changed[name]) for name, frame in kept.items()}, ids


def purpose(column: str, client: Client) -> str:
    """What a column that the settings name is used for, and what is kept in its stead, in words."""
    kept = {"order_id": "; kept as a running number"} | dict.fromkeys(PERSONS, "; kept as a keyed pseudonym")
    return described(column).purpose + ("" if client.ids == "plain" else kept.get(column, ""))


def named(frame: pd.DataFrame, ids: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the customers' own ids for their pseudonyms, for lists that stay in the private folder.

    `ids` as `guarded` gave them; where they are plain it is empty, and `frame` comes back as it is.
    """
    if ids.empty:
        return frame
    codes, distinct = pd.factorize(frame["customer_id"])
    real = ids.set_index("customer_id")["id"].reindex(distinct)
    return frame.assign(customer_id=_taken(real, codes, frame.index))


# ---------------------------------------------------------------- on the way out
NOT_SHOWN = "these are too few customers for a report that others read"
PEOPLE = r"(?:customer|member|joiner|buyer|regular|person|friend|answer|referral)s?|people|held out|marked as left"
FEW = re.compile(rf"(?<![\w.,−+-])(\d[\d,]*)(?! or )(?=(?: of \d[\d,]*)? (?:[\w-]+ ){{0,2}}(?:{PEOPLE})\b)")


def least(client: Client) -> int:
    """The fewest customers of whom a report may say a number: 1 for the owner's eyes, `smallest_cell` for others'."""
    return client.smallest_cell if client.audience == "shared" else 1


def notice(client: Client) -> str:
    """What a reader has to know of the hidden numbers; "" where none are."""
    return "" if least(client) == 1 else (
        f"This report is made for others to read: numbers of fewer than {least(client)} customers are not shown, nor "
        "others from which they could be worked out (–).")


def suppressed(table: pd.DataFrame, counts: Collection[str], k: int, *, within: Sequence[str] = (),
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


def published(table: pd.DataFrame, client: Client, counts: Collection[str] | None = None, *, within: Sequence[str] = (),
              figures: Collection[str] | None = None) -> pd.DataFrame:
    """`table` as the client's audience may see it: for the owner as it is, for others `suppressed`.

    `counts` are by default the columns that count persons by their names (COUNT_PERSONS); small numbers of persons in
    its texts are put in words. Made before a table is shown, drawn or kept, so that all three say the same.
    """
    if least(client) == 1:
        return table
    known = [name for name in COUNT_PERSONS if name in table] if counts is None else counts
    seen = suppressed(table, known, least(client), within=within, figures=figures)
    texts = seen.select_dtypes(exclude=["number", "bool", "datetime", "timedelta"])
    return seen.assign(**{name: texts[name].map(lambda cell: _worded(cell, client)) for name in texts})


def compared(table: pd.DataFrame, client: Client) -> pd.DataFrame:
    """Levels before and after (before, n_before, after, n_after, and the change of them) as the audience may see them.

    A level is hidden where it rests on 1 to k - 1 customers, or is a share of as few or of all but as few of them; the
    change goes with it. Levels are shares, or say in `unit` what they are.
    """
    k, hidden = least(client), pd.Series(False, index=table.index)
    if k == 1 or table.empty:
        return table
    for when in ("before", "after"):
        n, is_share = table[f"n_{when}"], table["unit"].eq("share") if "unit" in table else True
        hits = (table[when].astype("float64") * n).round()
        few = n.between(1, k - 1)
        small = few | (is_share & (hits.between(1, k - 1) | (n - hits).between(1, k - 1)))
        levels = [name for name in table if name in (when, f"{when}_low", f"{when}_high")]
        table = table.assign(**{name: table[name].astype("float64").mask(small) for name in levels},
                             **{f"n_{when}": n.astype("float64").mask(few)})
        hidden |= small
    changes = [name for name in table if name.startswith("change") or name in ("low", "high")]
    return table.assign(**{name: table[name].astype("float64").mask(hidden) for name in changes})


def worded(sentences: Sequence[str], client: Client) -> list[str]:
    """Sentences as the client's audience may read them: "3 members" is "fewer than 5 members" for others."""
    return list(sentences) if least(client) == 1 else [_worded(one, client) for one in sentences]


def _worded(text: Any, client: Client) -> Any:
    def few(found: re.Match) -> str:
        n, all_of_them = int(found[1].replace(",", "")), re.match(r" of (\d[\d,]*)", found.string[found.end():])
        if all_of_them and 1 <= int(all_of_them[1].replace(",", "")) - n < least(client):
            return "nearly all"
        return f"fewer than {least(client)}" if 1 <= n < least(client) else found[1]

    return FEW.sub(few, text) if isinstance(text, str) else text


def told(findings: Sequence[Finding], client: Client) -> list[Finding]:
    """Findings, changes and effects as the client's audience may read them.

    For others than the owner, what rests on 1 to k - 1 persons becomes not measurable, and so does a share of as few
    (or of all but as few) of them; of an effect's members set aside, the reasons are given without numbers where one
    of them would be small.
    """
    return list(findings) if least(client) == 1 else [_told(one, client) for one in findings]


def _told(one: Finding, client: Client) -> Finding:
    one = replace(one, label=_worded(one.label, client), note=_worded(one.note, client))
    small = {n for n in _persons(one) if 1 <= n < least(client)}
    if isinstance(one, Change):
        before, after = (_told(level, client) for level in (one.before, one.after))
        lost = (one.before.measurable, one.after.measurable) != (before.measurable, after.measurable)
        one = replace(one, before=before, after=after)
        return replace(_without_number(one), p_value=NAN, p_adjusted=NAN) if small or lost else one
    if isinstance(one, Effect):
        checked = one.cross_check and _told(one.cross_check, client)
        one = replace(one, cross_check=checked)
        return (replace(_without_number(one), n_treated=0, n_comparison=0, refused=None, diagnostics={}) if small
                else _without_reasons(one, client))
    return _without_number(one) if small else one


def _persons(one: Finding) -> list[int]:
    """The numbers of persons that could be read off a finding."""
    if not re.search(PEOPLE, one.n_noun):
        return []
    found = [one.n, *((one.n_treated, one.n_comparison) if isinstance(one, Effect) else ())]
    if one.measurable and one.unit == "share" and "Wilson" in one.method:
        found += [round(one.estimate * one.n), round((1 - one.estimate) * one.n)]
    return found


def _without_number(one: Finding) -> Finding:
    return replace(one, estimate=NAN, low=NAN, high=NAN, n=0, note=NOT_SHOWN)


def _without_reasons(one: Effect, client: Client) -> Effect:
    aside = one.diagnostics.get("set_aside", {})
    if not any(1 <= n < least(client) for n in aside.values()):
        return one
    note = re.sub(r"(set aside)(?:: | \()[\d,]+ [^)]*\)?", r"\1", one.note)
    return replace(one, note=note, diagnostics=one.diagnostics | {"set_aside": dict.fromkeys(aside, NAN)})
