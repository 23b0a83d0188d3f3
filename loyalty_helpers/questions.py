"""Which columns of a survey are which questions: guessed from their words and from the answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from loyalty_helpers.guess_columns import Guess
from loyalty_helpers.guess_looks import CJK, Look, plain, said, words

JOINTS = ("┋", ";", "\uff1b")  # between the answers of a question with several
SEVERAL_HEADERS = " · "  # between a question and one of its options


@dataclass(frozen=True)
class _Question:
    """What a column asks: our name for it, its scale (worst, best), and the numbers that its words stand for."""

    ours: str
    scale: list[int] | None = None
    answers: dict[str, int] | None = None


def asked(columns: list[Look], taken: Collection[str] = ()) -> Guess:
    """The questions among the columns: settings `columns`, `scale` (worst, best) and `answers` (words -> numbers).

    `taken` are headers that are something else. Notes name the columns that are not used.
    """
    found: dict[str, str] = {}
    scale, answers, unused = {}, {}, []
    options, ticked = _options(columns), _ticked(columns)
    for number, look in enumerate(columns, start=1):
        question = look.header.partition(SEVERAL_HEADERS)[0]
        if question in options:
            if question not in found.values():
                found[_unused(f"choice_{_topic(look, number)}", found)] = question
        elif look.header and look.filled and look.header not in taken and not _is_skipped(look):
            one = _question(look, number, found, is_ticked=look.header in ticked)
            if one is None:
                unused.append(look.header)
                continue
            found.setdefault(one.ours, look.header)  # the first address and the first number count
            scale |= {one.ours: one.scale} if one.scale else {}
            answers |= {one.ours: one.answers} if one.answers else {}
    notes = ("Not used: " + ", ".join(f"'{_short(header)}'" for header in unused) + ".",) if unused else ()
    settings = {"columns": found, "scale": scale, "answers": answers}
    return Guess("survey", {name: one for name, one in settings.items() if one or name == "columns"}, notes)


def _question(look: Look, number: int, found: Collection[str], *, is_ticked: bool) -> _Question | None:
    """What one column asks, None where it is of no use; `found` has the names that are taken."""
    if contact := _contact(look):
        return _Question(contact)
    if is_ticked:
        return _Question(_unused(f"choice_{_topic(look, number)}", found))
    marks = None if _is_a_name(look) or _is_suggestion(look) else _marks(look)
    if marks is None:
        ours = _in_words(look, number, found)
        return _Question(ours) if ours else None
    values, in_words = marks
    ends = _ends(look, values)
    if ends is None:
        return None
    ours, lists = _meant(look, ends, number, found), words()["survey"]
    is_reversed = any(said(look.name, word) for word in lists["reversed"])
    is_reversed &= not any(said(look.name, word) for word in lists["not_reversed"])
    turned = ends[::-1] if is_reversed and not in_words else ends
    return _Question(ours, None if ours == "nps" else turned, in_words)


def _contact(look: Look) -> str:
    """"email" or "phone" where it asks for one, though few may have written a number that looks so; "" else."""
    if look.email >= 0.6:
        return "email"
    is_asked = any(said(look.name, word) for word in ("手机号", "手机号码")) and look.masked < 0.1
    return "phone" if is_asked or (look.phone >= 0.6 and not look.masked) else ""


def _options(columns: list[Look]) -> set[str]:
    """The questions with a column for each option: where it was chosen stands the option, or a mark."""
    under: dict[str, list[Look]] = {}
    for look in columns:
        question, joint, _ = look.header.partition(SEVERAL_HEADERS)
        if joint:
            under.setdefault(question, []).append(look)
    return {question for question, looks in under.items()
            if len(looks) > 1 and sum(look.distinct <= 1 for look in looks) >= len(looks) - 1}


def _ticked(columns: list[Look]) -> set[str]:
    """The columns of 0 and 1 that are options of one question: "3(points)", "3(birthday gift)"."""
    under: dict[str, list[str]] = {}
    for look in columns:
        option = re.fullmatch(r"(.*)\((.+)\)\s*", unicodedata.normalize("NFKC", look.header))
        if option and look.filled and set(look.values()) <= {"0", "1"}:
            under.setdefault(option[1].strip(), []).append(look.header)
    return {header for headers in under.values() if len(headers) > 1 for header in headers}


def _is_suggestion(look: Look) -> bool:
    """A question for words, though its answers be few or short."""
    return any(said(look.name, word) for word in ("建议", "意见")) and look.number < 0.5


def _is_a_name(look: Look) -> bool:
    """A number that names somebody or something, which is no opinion: by its name, or as no two rows share one."""
    words_for = [word for word in words()["columns"]["customer_id"] if " " in word]
    is_named = any(said(look.name, word) for word in words_for) and len(look.name.split()) <= 4
    return is_named or (look.distinct > 5 and look.distinct == (look.cells != "").sum())


def _is_skipped(look: Look) -> bool:
    skip = words()["survey"]["skip"]
    return look.name in skip or look.date >= 0.8 or any(
        said(look.name, word) for word in skip if len(look.name.split()) <= 4 and " " in word)


def _is_fact(look: Look) -> bool:
    return any(said(look.name, word) for word in words()["survey"]["facts"])


def _marks(look: Look) -> tuple[pd.Series, dict[str, int]] | None:
    """The answers as whole numbers, and the numbers of those that are words; None where they are no rating."""
    distinct = look.values()
    if not distinct or len(distinct) > 11 or _is_fact(look):
        return None
    in_words = {}
    for value in distinct:
        if re.fullmatch(r"-?\d{1,3}(\.0+)?", value):
            continue
        number = _number_in(value)
        if number is None:
            in_words = _from_ladder(distinct)
            break
        in_words[value] = number
    if in_words is None:
        return None
    filled = look.cells[look.cells != ""]
    return filled.map(lambda cell: in_words.get(cell, cell)).astype(float), in_words


def _number_in(value: str) -> int | None:
    """The number of an answer such as "10 - very likely", "5分" or "Extremely likely (10)"."""
    numbers = re.findall(r"\d+", value)
    is_short = len(value) <= 60 and not re.search(r"\d\s*(-|to|–|~|至)\s*\d", value)
    return int(numbers[0]) if len(numbers) == 1 and is_short and int(numbers[0]) <= 10 else None


def _from_ladder(distinct: list[str]) -> dict[str, int] | None:
    """The places of the answers on a ladder of words on which all of them stand, worst 1; None where there is none."""
    by_word = {plain(value): value for value in distinct}
    for ladder in words()["survey"]["ladders"]:
        places = {plain(word): place for place, word in enumerate(ladder, start=1)}
        if by_word.keys() <= places.keys():
            return {value: places[word] for word, value in sorted(by_word.items(), key=lambda one: -places[one[0]])}
    return None


def _ends(look: Look, values: pd.Series) -> list[int] | None:
    """Worst and best mark: as the question or a ladder says, else the smallest usual scale that holds the answers."""
    text = unicodedata.normalize("NFKC", look.header).replace("~", "-")
    written = re.search(r"(?<!\d)([01])\s*(?:-|–|—|to|至|到)\s*(5|7|10)(?!\d)", text)
    if written and values.between(int(written[1]), int(written[2])).all():
        return [int(written[1]), int(written[2])]
    if len(set(values)) == 1 and len(values) > 2:
        return None
    low, high = values.min(), values.max()
    is_nps = any(said(look.name, word) for word in words()["survey"]["nps"])
    usual = [[0, 10]] if is_nps and high > 7 else [[1, 5], [1, 7], [0, 10]]
    return next((ends for ends in usual if ends[0] <= low and high <= ends[1]), None)


def _meant(look: Look, ends: list[int], number: int, found: Collection[str]) -> str:
    """nps, csat, ces or driver_<name>."""
    lists = words()["survey"]

    def holds(kind: str) -> bool:
        return any(said(look.name, word) for word in lists[kind])

    topic = _topic(look, number, ("recommend", "ease", "satisfaction", "website", "store"))
    if holds("nps") and ends == [0, 10] and "nps" not in found:
        return "nps"
    if holds("ces") and not holds("nps") and "ces" not in found:
        return "ces"
    if holds("csat") and "csat" not in found and (holds("overall") or topic.startswith("q")):
        return "csat"
    return _unused(f"driver_{_topic(look, number)}", found)


def _topic(look: Look, number: int, but: Collection[str] = ()) -> str:
    """A short name in ASCII: what the question is about, else its words, else its number."""
    for topic, known in words()["survey"]["topics"].items():
        if topic not in but and any(said(look.name, word) for word in known):
            return topic
    small = {"the", "how", "was", "were", "is", "are", "you", "your", "our", "with", "of", "a", "an", "do", "did", "we",
             "what", "which", "would", "to", "and", "in", "on", "us", "please", "rate", "it", "for", "at", "i", "my"}
    own = [word for word in look.name.split() if word.isascii() and word.isalpha() and word not in small]
    own = [] if but or re.search(f"[{CJK}]", look.name) else own
    return "_".join(own[:2]) or f"q{number}"


def _unused(ours: str, found: Collection[str]) -> str:
    return next(name for name in (ours, *(f"{ours}_{i}" for i in range(2, 1000))) if name not in found)


def _in_words(look: Look, number: int, found: Collection[str]) -> str | None:
    """comment_<name> for free text, choice_<name> for several answers in a cell; None for what is neither (a gender, a
    town)."""
    filled = look.cells[look.cells != ""]
    if _is_suggestion(look):
        return _unused(f"comment_{_topic(look, number)}", found)
    if _is_fact(look) or look.number > 0.5 or look.person > 0.8:
        return None
    for joint in JOINTS:
        several = filled.str.contains(joint, regex=False)
        if several.mean() >= 0.1:
            parts = filled.str.split(joint).explode().str.strip()
            if parts[parts != ""].nunique() <= min(40, max(4, len(parts) / 2)):
                return _unused(f"choice_{_topic(look, number)}", found)
    is_chinese = filled.str.contains(f"[{CJK}]").mean() > 0.5
    is_long = look.length >= (6 if is_chinese else 15) and (is_chinese or filled.str.contains(" ").mean() > 0.5)
    if is_long and look.distinct > 0.5 * len(filled):
        return _unused(f"comment_{_topic(look, number)}", found)
    return None


def _short(header: str) -> str:
    return header if len(header) <= 40 else header[:37] + "..."
