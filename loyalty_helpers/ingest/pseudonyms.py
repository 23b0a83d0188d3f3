"""The door of the exports: what is kept of them, and under which names.

Columns without a purpose are dropped, customers' ids become keyed pseudonyms, order numbers running numbers. The real
ids come back (`named`) only in lists that stay in the client's private folder.
"""

from __future__ import annotations

import hmac
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from loyalty_helpers.core import settings
from loyalty_helpers.core.settings import SOURCES, Client, UserError
from loyalty_helpers.core.store import NO_IDS

VARIABLE = "LOYALTY_KEY"


SHORTEST = 16  # letters of a key: with fewer, telephone numbers could be found by trying keys


LENGTH = 20  # letters of a pseudonym; 76 bits, so that no two of ten million customers meet


PERSONS = ("customer_id", "referrer_id", "referee_id")




# our name of a column -> what it is used for; a column of the client's that is not here gets no further than the door
PURPOSES = {
    "order_id": "counting orders",
    "customer_id": "seeing who comes back",
    "ordered_at": "periods, rhythm, season",
    "amount": "revenue, value groups, costs of rewards",
    "is_refund": "refunds count in money, never in orders",
    "channel": "KPIs by channel",
    "category": "cross-selling, diversity",
    "product": "the lines of an order",
    "quantity": "revenue, value groups, costs of rewards",
    "rating": "satisfaction in the loyalty score",
    "joined_at": "who was a member when",
    "left_at": "who was a member when",
    "tier": "levels of membership",
    "answered_at": "survey before or after the launch",
    "wave": "survey before or after the launch",
    "nps": "net promoter score",
    "csat": "satisfaction",
    "ces": "effort",
    "arm": "random assignment",
    "assigned_at": "random assignment",
    "at": "when points moved, when somebody was referred or opted out",
    "kind": "kinds of points and costs",
    "points": "redemption, breakage",
    "referrer_id": "referrals",
    "referee_id": "referrals",
    "date": "when a cost arose",
}


DRIVER = "survey driver, for what goes with loyalty"


# what is read as well, used at the door, and not kept
AT_THE_DOOR = {
    "email": "only to recognise the same customer; not kept",
    "phone": "only to recognise the same customer; not kept",
    "refund_email": "only to recognise whose refund it is; not kept",
    "unit_price": "revenue where the file has no amount; not kept",
    "refunded": "revenue net of refunds; not kept",
    "order_total": "revenue of the order; not kept",
    "order_refunded": "revenue net of refunds; not kept",
    "shop": "telling order numbers of several shops apart; not kept",
    "unique_id": "telling orders of one number apart; not kept",
    "currency": "amounts in the client's currency; not kept",
    **dict.fromkeys(("date", "time", "zone", "year", "month", "day"), "when it was; not kept by itself"),
}


COMMENT = "themes are counted; the texts are not kept"


CHOICE = "choices are counted; the answers are not kept"


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

    Only columns with a purpose (PURPOSES, driver_...) stay: free text (comment_...), e-mail addresses and telephone
    numbers end here. Ids of customers become pseudonyms, other ones for each client, so that the same person cannot be
    followed from one client to another; order numbers become running numbers, in the order of the rows of orders,
    which is that of time. Rows keep their order, which does not depend on the key. With `ids: plain` in the settings
    ids and order numbers stay as they are, and the second frame is empty. Tables that are no sources of the client's
    (counts made of them) pass as they are.
    """
    kept = {name: frame[[column for column in frame if _has_purpose(column)]] if name in SOURCES else frame
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


def _has_purpose(column: str) -> bool:
    return column in PURPOSES or column.startswith("driver_")


def purpose(column: str, client: Client) -> str:
    """What a column that the settings name is used for, and what is kept in its stead, in words."""
    by_prefix = {"driver_": DRIVER, "comment_": COMMENT, "choice_": CHOICE}
    words = next((words for prefix, words in by_prefix.items() if column.startswith(prefix)), None)
    kept = {"order_id": "; kept as a running number"} | dict.fromkeys(PERSONS, "; kept as a keyed pseudonym")
    kept = "" if client.ids == "plain" else kept.get(column, "")
    return words or (PURPOSES[column] + kept if column in PURPOSES else AT_THE_DOOR[column])


def named(frame: pd.DataFrame, ids: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the customers' own ids for their pseudonyms, for lists that stay in the private folder.

    `ids` as `guarded` gave them; where they are plain it is empty, and `frame` comes back as it is.
    """
    if ids.empty:
        return frame
    codes, distinct = pd.factorize(frame["customer_id"])
    real = ids.set_index("customer_id")["id"].reindex(distinct)
    return frame.assign(customer_id=_taken(real, codes, frame.index))
