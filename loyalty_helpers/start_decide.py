"""What the settings say of the client as a whole, and what only a person can know."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

from loyalty_helpers import guess_looks
from loyalty_helpers.cells_moments import moments
from loyalty_helpers.cells_numbers import currency_of
from loyalty_helpers.cells_zones import zone_named
from loyalty_helpers.core.columns import AMOUNTS
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import count
from loyalty_helpers.start_inventory import names_of
from loyalty_helpers.start_match import UTC, Entry, is_named, shared, unclear


@dataclass(frozen=True)
class Decisions:
    """What the settings say of the client as a whole, and what is to be filled in or confirmed: (setting, words)."""

    currency: str
    others: tuple[str, ...]
    time_zone: str
    open: tuple[tuple[str, str], ...]

    @staticmethod
    def of(entries: list[Entry]) -> Decisions:
        orders = [entry for entry in entries if entry.source == "orders"]
        found, how = _currencies([*orders, *(entry for entry in entries if entry.source in ("lines", "costs"))])
        currency = found[0] if found else "CNY"
        zone, why = _time_zone(orders, currency if found else "")
        questions = [("name", "the client's name, as the report prints it."),
                     ("program.launched_on", f"the first day of the program.{_first_member(entries)}"),
                     ("program.gross_margin", "needed for everything about money."),
                     ("currency", f"{currency}: {how} Please confirm." if found else "not found in the files; please "
                      "fill in."), ("time_zone", f"{zone}: {why} Please confirm.")]
        if len(found) > 1:
            questions.append(("rates", f"the files also hold {', '.join(found[1:])}: give what one of them is worth in "
                                       f"{currency}, or export one currency."))
        if not orders:
            questions.append(("sources.orders", "no file of orders was found, and nothing can be said without."))
        questions += _in_two(entries)
        for entry in entries:
            questions += unclear(entry)
            if entry.role == "members" and not entry.column("joined_at"):
                questions.append(("sources.members", f"{names_of(entry.tables)} has no date of joining. Make sure that "
                                  "who stands in it is a member, or set the others aside (by a tag, say)."))
            if entry.source == "orders" and not is_named(entry):
                questions.append(("sources.orders.columns", f"nothing in {names_of(entry.tables)} says who bought, so "
                                  "that nobody can be seen coming back: name a column as customer_id, email or phone."))
        return Decisions(currency, tuple(found[1:]), zone, tuple(questions))


def _in_two(entries: list[Entry]) -> list[tuple[str, str]]:
    """Files of different shape with some orders in common: to leave one out would lose the others."""
    found = []
    for one, other in combinations([entry for entry in entries if entry.source == "orders"], 2):
        n = len(shared(one, other))
        if n and n >= 0.01 * min(len(one.orders), len(other.orders)):
            found.append(("sources.orders", f"{count(n, 'order')} {'stands' if n == 1 else 'stand'} in both "
                          f"{names_of(one.tables)} and {names_of(other.tables)} and would count twice: export one of "
                          "them without these."))
    return found


def _currencies(sold: list[Entry]) -> tuple[list[str], str]:
    """The currencies of what was sold, the most frequent first, and how they are known."""
    named = Counter()
    for entry in sold:
        named.update({code.upper(): n for code, n in entry.values("currency").items()
                      if re.fullmatch("[A-Za-z]{3}", code)})
    if named:
        return [code for code, _ in named.most_common()], "so the files say in a column."
    signs = Counter()
    for entry in sold:
        for ours in AMOUNTS:
            for cell, n in entry.values(ours).items():
                signs[currency_of(re.sub(r"[\d.,'()+\s-]", "", cell))] += n
            for header in entry.settings.columns.get(ours, ()):
                signs.update(currency_of(sign) for sign in re.findall(r"\((\D{1,3})\)", header))
    codes = [code for code, _ in signs.most_common() if re.fullmatch("[A-Z]{3}", code)]
    if codes:
        return codes, "by the signs at the amounts."
    for entry in sold:
        platform = entry.format.platform if entry.format else ""
        usual = [code for name, code in guess_looks.words()["platforms"].items() if name in platform]
        if usual:
            return usual, f"usual for {platform}."
    headers = "".join(header for entry in sold for table in entry.tables for header in table.raw.headers)
    return (["CNY"], "by the language of the column names.") if re.search(f"[{guess_looks.CJK}]", headers) else ([], "")


def _time_zone(orders: list[Entry], currency: str) -> tuple[str, str]:
    for entry in orders:
        if entry.settings.time_zone not in (None, "UTC"):
            return entry.settings.time_zone, f"usual for {entry.format.platform}."
        for name, _ in entry.values("zone").most_common(1):
            with suppress(UserError):
                return zone_named(name), "so a column of the orders says."
    by_currency = guess_looks.words()["time_zones"].get(currency)
    ends = [re.search(r":\d\d(?:\.\d+)?\s*([-+]\d\d):?(\d\d)$", cell)
            for entry in orders for cell in entry.values("ordered_at")]
    ahead = {end[1] + end[2] for end in ends if end}
    known = guess_looks.words()["offsets"].items() if ahead - {"+0000"} else ()
    there = [zone for zone, offsets in known if ahead <= {*offsets}]
    if there:
        return by_currency if by_currency in there else there[0], "by the times, which say how far they are from UTC."
    return (by_currency, f"only a proposal, by the currency {currency}.") if by_currency else ("UTC", "not known.")


def _first_member(entries: list[Entry]) -> str:
    for entry in entries:
        if entry.source == "members" and entry.column("joined_at"):
            with suppress(UserError):
                found = moments(entry.column("joined_at"), entry.settings.dates, UTC, "")
                first = min((one.values.min() for one in found if one.values.notna().any()), default=None)
                return f" The first member joined on {first:%Y-%m-%d}." if first is not None else ""
    return ""
