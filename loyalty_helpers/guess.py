"""What a file that no known format fits may be: guessed from the names of its columns and from its cells.

A guess is a proposal for the person who writes the settings, never taken for granted: `make new` marks each guessed
line. Nothing is read from disk here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pandas as pd

from loyalty_helpers import questions
from loyalty_helpers.core.columns import POINT_KINDS, QUESTIONS, WHO
from loyalty_helpers.guess_columns import Guess, assign, candidates, columns_of, headers_of, words_for
from loyalty_helpers.guess_looks import Look, look_at, looks, plain, said, words
from loyalty_helpers.reading import RawFile

CONSENT = ("accepts email marketing", "accepts marketing", "email marketing consent", "marketing consent")
AGREED, DECLINED = frozenset(["yes", "true", "1"]), frozenset(["no", "false", "0"])


# ---------------------------------------------------------------- which source a file becomes
def guess(raw: RawFile) -> Guess:
    """What a file may be, by the names of its columns and by its cells; `source` is "" where nothing can be made of it,
    and the notes say why."""
    columns = [look for look in looks(raw) if look.filled]
    if not columns:
        return Guess("", notes=("It has column names, but no rows.",))
    if _is_headless(columns):
        return _of_nameless(columns)
    twice = _twice(columns)
    free = [look for look in columns if look.name not in twice]
    asked = [look for look in free if not look.is_question]
    for attempt in (_assignment, _referrals, _orders, _points, _survey, _lines, _members, _costs, opt_outs):
        found = attempt(free if attempt is _survey else asked)
        if found:
            notes = [f"'{header}' stands there more than once with different cells: none of them is used."
                     for header in twice.values()]
            return Guess(found.source, found.settings, (*found.notes, *_not_used(found, free), *notes))
    return Guess("", notes=(_why_nothing(columns),))


def _twice(columns: list[Look]) -> dict[str, str]:
    """Names that several filled columns bear, and how the first writes them."""
    names = [look.name for look in columns]
    return {look.name: look.header for look in columns[::-1] if look.name and names.count(look.name) > 1}


def _not_used(found: Guess, columns: list[Look]) -> list[str]:
    """What a person may miss in the settings; a survey says so itself."""
    rules = [*found.settings.get("set_aside", {}).values(), found.settings.get("refunds", {})]
    used = {*found.settings["columns"].values(), *(rule.get("column") for rule in rules)}
    left = [look.header for look in columns if look.header and look.header not in used]
    return [f"Not used: {_quoted(left)}."] if left and found.source != "survey" else []


def _person(columns: list[Look], taken: Collection[str] = ()) -> dict[str, Look]:
    return assign(WHO, columns, taken)


def _assignment(columns: list[Look]) -> Guess | None:
    found = columns_of("assignment", columns, WHO) | _person(columns)
    is_draw = found.keys() >= {"arm"} and len(found.keys() & {*WHO}) > 0
    arms = {plain(value) for value in found["arm"].values()} if is_draw else set()
    if not arms & {"holdout", "control", "treatment", "treated", "test", "对照组", "实验组"}:
        return None
    return Guess("assignment", {"columns": headers_of(found)})


def _referrals(columns: list[Look]) -> Guess | None:
    found = columns_of("referrals", columns)
    if not found.keys() >= {"referrer_id", "referee_id"} or candidates("amount", columns):
        return None
    return Guess("referrals", {"columns": headers_of(found)})


def _points(columns: list[Look]) -> Guess | None:
    found = columns_of("points", columns, WHO) | _person(columns)
    if not found.keys() >= {"points", "kind", "at"} or not found.keys() & {*WHO}:
        return None
    other = [kind for kind in found["kind"].values() if kind.lower() not in POINT_KINDS]
    notes = (f"Its kinds must be earn, burn, expire or adjust; rename in a copy: {', '.join(other[:8])}.",)
    return Guess("points", {"columns": headers_of(found)}, notes if other else ())


def _survey(columns: list[Look]) -> Guess | None:
    found = assign(("answered_at", "wave"), [look for look in columns if not look.is_question])
    asked = questions.asked(columns, taken=[look.header for look in found.values()])
    if _is_list_of_people(columns, asked):
        return None
    answers = [ours for ours in asked.settings["columns"] if ours in QUESTIONS or "driver_" in ours]
    if not answers or not ({*QUESTIONS} & set(answers) or len(answers) > 1):
        return None
    drivers = [look for look in columns if look.header in {asked.settings["columns"][ours] for ours in answers}]
    if all(look.distinct == (look.cells != "").sum() and not look.is_question for look in drivers) and not (
            {*QUESTIONS} & set(answers)):
        return None  # no two alike, as in a list of numbers
    return Guess("survey", asked.settings | {"columns": headers_of(found) | asked.settings["columns"]}, asked.notes)


def _is_list_of_people(columns: list[Look], asked: Guess) -> bool:
    """Whether each row is another person with a day of joining or a tier, and nothing is asked of them."""
    found = assign(("customer_id", "joined_at", "tier"), columns)
    is_asked = any(look.is_question for look in columns) or {*QUESTIONS} & asked.settings["columns"].keys()
    return found.keys() >= {"customer_id", "joined_at"} and not is_asked


def _members(columns: list[Look]) -> Guess | None:
    found = columns_of("members", columns)
    if not found.keys() & {*WHO} or not found.keys() & {"joined_at", "tier"}:
        return None
    notes = () if "joined_at" in found else ("It does not say when a member joined.",)
    return Guess("members", {"columns": headers_of(found)}, notes)


def opt_outs(columns: list[Look]) -> Guess | None:
    """A list of people that says who agreed to be written to: those who did not are to be left alone."""
    found, agreed = _person(columns), consent(columns)
    if not found or not agreed:
        return None
    return Guess("opt_outs", {"columns": headers_of(found), "set_aside": {"agreed to be written to": agreed}},
                 ("Who has not agreed is kept off the list of customers to call; they stay in every count.",))


def consent(columns: Iterable[Look]) -> dict[str, Any] | None:
    """The rule for those who agreed: a column of a known name with nothing but yes and no in it."""
    for look in (one for one in columns if one.name in CONSENT):
        agreed = sorted(word for word in look.values() if word.casefold() in AGREED)
        if agreed and {word.casefold() for word in look.values()} <= AGREED | DECLINED:
            return {"column": look.header, "equals": agreed}
    return None


def _costs(columns: list[Look]) -> Guess | None:
    found = columns_of("costs", columns)
    if not found.keys() >= {"date", "amount"}:
        return None
    return Guess("costs", {"columns": headers_of(found)}, ("Make sure that it holds what the program cost.",))


def _lines(columns: list[Look]) -> Guess | None:
    found = columns_of("lines", columns)
    if "order_id" not in found or not found.keys() & {"product", "category"}:
        return None
    return Guess("lines", {"columns": headers_of(_one_price(found))})


def _orders(columns: list[Look]) -> Guess | None:
    found = _one_price(columns_of("orders", columns))
    found = {ours: look for ours, look in found.items() if ours != "ordered_at"} | _moment(columns, found)
    people = found.keys() & {*WHO}
    is_timed = found.keys() & {"ordered_at", "date", "year"}
    is_priced = "amount" in found or found.keys() >= {"quantity", "unit_price"}
    if not (is_timed and is_priced and (people or "order_id" in found)):
        return None
    notes = []
    others = [look.header for look in candidates("amount", columns) if look.header not in headers_of(found).values()]
    by_line = _is_by_line(found)
    if by_line:
        found = _with_order_total(found, columns)
    else:
        needless = {"product", "quantity", "unit_price"} if "amount" in found else {"product"}
        found = {ours: look for ours, look in found.items() if ours not in needless}
    if others and not by_line:
        notes.append(f"The amount may also be {_quoted(others[:4])}.")
    if not people:
        notes.append("No column tells who bought, so nobody can be seen coming back: export it with the customer's id, "
                     "e-mail address or telephone number.")
        called = [look.header for look in columns if any(said(look.name, word) for word in words_for("customer_id"))
                  and (look.masked >= 0.1 or look.person >= 0.5)]
        notes += [f"{_quoted(called)} holds names, which are no ids: two people may share one."] if called else []
    set_aside, refunds = _rules(columns, "refunded" in found)
    settings = {"columns": headers_of(found), "grain": "line" if by_line else None, "set_aside": set_aside,
                "refunds": refunds}
    return Guess("orders", {name: one for name, one in settings.items() if one}, tuple(notes))


def _one_price(found: dict[str, Look]) -> dict[str, Look]:
    """A "price" beside a quantity is the price of one, unless there is a better amount."""
    amount = found.get("amount")
    if amount and "quantity" in found and "unit_price" not in found and amount.name in words_for("unit_price"):
        return {("unit_price" if ours == "amount" else ours): look for ours, look in found.items()}
    return found


def _moment(columns: list[Look], found: Mapping[str, Look]) -> dict[str, Look]:
    """Where the moment of an order stands: one column, a date and a time, or year, month and day."""
    used = [look.header for look in found.values()]
    day = found.get("ordered_at")
    if day is None:
        parts = assign(("year", "month", "day"), columns, used)
        if len(parts) == 3:
            return parts
        days = [look for look in columns if look.is_day and look.header not in used
                and not any(said(look.name, word) for word in words()["not"]["ordered_at"])]
        if not days:
            return {}
        day = max(days, key=lambda look: look.filled)
    clock = assign(["time"], columns, [*used, day.header])
    is_timed = day.cells.str.contains(r"\d:\d\d").mean() > 0.1
    return {"ordered_at": day} if is_timed or not clock else {"date": day, **clock}


def _is_by_line(found: Mapping[str, Look]) -> bool:
    """Whether order numbers repeat with different products, quantities or amounts."""
    if "order_id" not in found:
        return False
    order = found["order_id"].cells
    parts = [found[ours].cells for ours in ("product", "category", "quantity", "unit_price", "amount") if ours in found]
    rows = pd.DataFrame({i: part for i, part in enumerate([order, *parts])})[order != ""].drop_duplicates()
    return len(rows) > 1.02 * order[order != ""].nunique()


def _with_order_total(found: dict[str, Look], columns: list[Look]) -> dict[str, Look]:
    """In a file by line, money that is the order's (repeated on each of its rows, or on its first row only) becomes
    order_total, so that it counts once."""
    money = [look for look in candidates("amount", columns)
             if look.header not in {one.header for ours, one in found.items() if ours != "amount"}]
    order = found["order_id"].cells
    totals = [look for look in money if _is_of_the_order(look.cells, order, found)]
    if not totals:
        return found
    of_line = [look for look in money if look not in totals]
    rest = {ours: look for ours, look in found.items() if ours != "amount"}
    return rest | {"order_total": totals[0]} | ({"amount": of_line[0]} if of_line else {})


def _is_of_the_order(amount: pd.Series, order: pd.Series, found: Mapping[str, Look]) -> bool:
    """Whether several rows of an order bear the same amount (or none but the first one's), though what was bought
    differs."""
    rows = pd.DataFrame({"order": order, "amount": amount})
    for ours in ("product", "quantity", "unit_price"):
        rows[ours] = found[ours].cells if ours in found else ""
    rows = rows[(order != "") & order.duplicated(keep=False)]
    each = rows.groupby("order")
    differing = each[["product", "quantity", "unit_price"]].nunique().max(axis=1) > 1
    same = each["amount"].agg(lambda cells: len(set(cells) - {""}) <= 1)[differing]
    return bool(len(same) >= 2 and same.mean() >= 0.95)


# ---------------------------------------------------------------- which rows do not count
def _rules(columns: list[Look], has_refunded: bool) -> tuple[dict[str, dict], dict]:
    """Rules by the words in columns of status, kind and yes/no: what to set aside, and which rows give money back."""
    aside, refunds, lists = {}, {}, words()
    for look in columns:
        if not any(said(look.name, word) for word in lists["status"]):
            continue
        if look.date >= 0.8 and look.filled < 0.9:
            if any(said(look.name, word) for word in (*lists["set_aside"]["cancelled"], "cancelled at")):
                aside.setdefault("cancelled", {"column": look.header, "is": "filled"})
            continue
        if look.distinct > 40:
            continue
        values = {value: plain(value) for value in look.values()}
        for reason, known in lists["set_aside"].items():
            hit = [value for value, word in values.items() if word in known]
            hit += [value for value, word in values.items() if look.name in known and word in lists["yes"]]
            if hit and len(hit) < len(values):
                aside.setdefault(reason, {"column": look.header, "equals": hit})
        hit = [value for value, word in values.items() if word in lists["refunds"]]
        if hit and not has_refunded and len(hit) < len(values):
            if any(said(look.name, word) for word in ("type", "event", "类型")):
                refunds = refunds or {"column": look.header, "equals": hit}
            else:
                aside.setdefault("money given back", {"column": look.header, "equals": hit})
    return aside, refunds


# ---------------------------------------------------------------- files without names, and files without sales
def _is_headless(columns: list[Look]) -> bool:
    """Whether the first row is data: dates or e-mail addresses stand over such, or numbers over two columns of them."""
    names = [look_at("", pd.Series([look.header], dtype="str")) for look in columns]
    sure = [pair for pair in zip(names, columns, strict=True)
            if min(pair[0].date, pair[1].date) > 0.8 or min(pair[0].email, pair[1].email) > 0.8]
    numbers = [pair for pair in zip(names, columns, strict=True) if min(pair[0].number, pair[1].number) > 0.8]
    labels = [look for look in columns if re.search(r"[^\W\d_]", look.header) and look.number > 0.8]
    return bool(sure) or (len(numbers) >= 2 and not labels and 2 * len(numbers) >= len(columns) and len(columns) < 15)


def _of_nameless(columns: list[Look]) -> Guess:
    """Names by what the cells look like."""
    left, found = list(columns), {}

    def take(ours: str, fitting: list[Look]) -> None:
        if fitting:
            found[ours] = fitting[0]
            left.remove(fitting[0])

    take("ordered_at", [look for look in left if look.is_day])
    take("email", [look for look in left if look.email >= 0.6])
    money = [look for look in left if look.is_money and look.cells.str.contains(r"[.,]\d{1,2}$").mean() > 0.2]
    take("amount", sorted(money, key=lambda look: -look.numbers().abs().mean()))
    ids = [look for look in left if look.is_id and look.person < 0.5 and not look.cells.str.contains(" ").any()]
    ids = sorted((look for look in ids if look.distinct > 20 or not look.numbers().lt(100).mean() > 0.9),
                 key=lambda look: -look.distinct)
    take("order_id", ids)
    take("customer_id", [look for look in ids[1:] if look.distinct > 1])
    take("quantity", [look for look in left if look.whole > 0.9 and look.numbers().abs().lt(100).mean() > 0.9])
    take("product", sorted((look for look in left if look.number < 0.5), key=lambda look: -look.length))
    if "ordered_at" not in found or "amount" not in found:
        return Guess("", notes=("Its first row is no row of column names. Put one on top, or say in client.yml what "
                                "its columns are (names: [order_id, customer_id, ordered_at, amount]).",))
    names = [next((ours for ours, one in found.items() if one is look), f"column_{i}")
             for i, look in enumerate(columns, start=1)]
    grain = {"grain": "line"} if _is_by_line(found) else {}
    return Guess("orders", {"names": names, **grain}, ("It has no row of column names: these are guessed from the "
                                                       "cells.",))


def _why_nothing(columns: list[Look]) -> str:
    names = ", ".join(look.header or "(no name)" for look in columns[:40])
    numeric = [look for look in columns if look.number >= 0.9 and look.date < 0.8]
    if len(numeric) >= 8 and len(numeric) >= 0.7 * len(columns):
        return (f"This is a matrix: {len(numeric)} of its {len(columns)} columns are numbers, one for each product or "
                "month. Who bought what when cannot be told from it: export the orders themselves, one row for each "
                "order or item, with order number, customer, date and amount.")
    return f"No source can be made of its columns: {names}."


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
