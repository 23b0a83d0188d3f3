"""Which of what was found is used, and which is left out and why: each sale is to count once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from loyalty_helpers import guess, guess_looks
from loyalty_helpers.start_inventory import names_of
from loyalty_helpers.start_match import Entry, as_lines, clash, is_filled, is_named, is_within, of_shop, same_sales

SEEN = "the same sales as {}: counted twice, they would be wrong."
Left = list[tuple[Entry, str]]


def choose(entries: list[Entry]) -> tuple[list[Entry], Left]:
    """The entries that are used, and those left out, with the reason."""
    sales, seen = _sales([entry for entry in entries if entry.role == "shop"])
    sales, nameless = _with_names(sales)
    orders = tuple(entry for entry in sales if entry.source == "orders")
    dated = next((entry for entry in entries if entry.role == "members" and entry.column("joined_at")), None)
    cases = [Case(entry, orders, dated) for entry in entries]
    verdicts = [(case, next((verdict for verdict in VERDICTS if verdict.when(case)), None)) for case in cases]
    used = [verdict.used(case) for case, verdict in verdicts if verdict and verdict.used]
    left_out = [*seen, *nameless,
                *((case.entry, verdict.words(case)) for case, verdict in verdicts if verdict and verdict.words)]
    return [*sales, *used], left_out


# ---------------------------------------------------------------- sales
def _sales(shops: list[Entry]) -> tuple[list[Entry], Left]:
    """The shops' own exports, known formats and large ones first, without those that tell of the same sales."""
    used: list[Entry] = []
    left_out: Left = []
    for entry in sorted(shops, key=lambda one: (one.format is None, -sum(table.raw.rows for table in one.tables))):
        alike = [other for other in used if same_sales(entry, other)]
        clashing = [other for other in alike if clash(entry, other)]
        if clashing and len(clashing) == len(alike):
            entry, used = of_shop(entry), [of_shop(other) if other in clashing else other for other in used]
        lines = next(filter(None, (as_lines(entry, other) for other in alike if other not in clashing)), None)
        whole = next((other for other in used if is_within(entry, other)), None)
        if lines:
            used.append(lines)
        elif whole:
            left_out.append((entry, SEEN.format(names_of(whole.tables))))
        else:
            needless = [other for other in used if is_within(other, entry)]
            left_out += [(other, SEEN.format(names_of(entry.tables))) for other in needless]
            used = [*(other for other in used if other not in needless), entry]
    return used, left_out


def _with_names(used: list[Entry]) -> tuple[list[Entry], Left]:
    """Where some orders say who bought, those that do not are left out."""
    named = [entry for entry in used if is_named(entry)]
    nameless = [entry for entry in used if named and entry.source == "orders" and entry not in named]
    why = f"nothing in it says who bought, unlike in {names_of(named[0].tables)}." if named else ""
    return [entry for entry in used if entry not in nameless], [(entry, why) for entry in nameless]


# ---------------------------------------------------------------- all else: the first verdict that fits holds
@dataclass(frozen=True)
class Case:
    """An entry, with what the verdict on it depends on: the `orders` that are used, and the list of members that is
    `dated`, if there is one."""

    entry: Entry
    orders: tuple[Entry, ...]
    dated: Entry | None

    @property
    def role(self) -> str:
        return self.entry.role

    @property
    def is_undated(self) -> bool:
        """Whether another list says since when its people are members."""
        return bool(self.dated and not self.entry.column("joined_at"))

    @cached_property
    def nobody(self) -> str:
        """The rule that sets aside every row for want of a cell, where a column is blank throughout; "" else."""
        for reason, rule in self.entry.settings.set_aside.items():
            columns = [one for table in self.entry.tables for header in rule.columns for one in table.columns(header)]
            if rule.test == "is" and rule.values == ("blank",) and columns and not any(map(is_filled, columns)):
                return reason
        return ""

    @cached_property
    def agreed(self) -> Entry | None:
        """A list of people who are no members, as the list of those who did not agree to be written to."""
        found = guess.opt_outs(guess_looks.looks(self.entry.tables[0].raw)) if self.role == "members" else None
        return found and Entry(tuple(replace(table, format=None, guess=found) for table in self.entry.tables), found)


@dataclass(frozen=True)
class Verdict:
    """What becomes of an entry `when` it is so: it is `used`, as what; or left out, in which `words`."""

    when: Callable[[Case], bool]
    used: Callable[[Case], Entry] | None = None
    words: Callable[[Case], str] | None = None


VERDICTS = (
    Verdict(lambda case: case.role == "payments" and bool(case.orders), words=lambda case: (
        f"the same sales as in {names_of(case.orders[0].tables)}, seen by the payment service: counted twice, they "
        "would be wrong.")),
    Verdict(lambda case: case.role == "items" and not case.orders, words=lambda case: (
        "it holds the items of orders, but not when and by whom they were bought: it needs the export of the orders "
        "beside it.")),
    Verdict(lambda case: case.role == "items" and all(one.settings.grain == "line" for one in case.orders),
            words=lambda case: "the items stand in the orders' own file already."),
    Verdict(lambda case: bool(case.agreed and (case.nobody or case.is_undated)), used=lambda case: case.agreed),
    Verdict(lambda case: case.role == "members" and case.is_undated, words=lambda case: (
        f"{names_of(case.dated.tables)} says who is a member, and since when.")),
    Verdict(lambda case: bool(case.nobody), words=lambda case: f"all its rows would be set aside: {case.nobody}."),
    Verdict(lambda case: case.role != "shop", used=lambda case: case.entry),
)
