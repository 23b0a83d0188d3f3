"""What customers write and tick: comments counted by shown lists of words, and questions with several answers.

Comments are counted here and forgotten: nothing that leaves this module holds a sentence of anybody. A theme is counted
where one of its words stands; whether it is praised or blamed is not understood: these are mentions, not opinions.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from loyalty_helpers.core.intervals import Share
from loyalty_helpers.core.settings import Client, UserError, read_yaml

WORDS = Path(__file__).resolve().parent / "words"
LANGUAGES = ("en", "zh")
NONE, BLANK = "none of these", "left blank"
EVERYBODY = "everybody"
NPS_GROUPS = {"detractors": (0, 6), "passives": (7, 8), "promoters": (9, 10)}
NOTHING_SAID = frozenset(["no", "none", "nope", "nothing", "no comment", "n/a", "na", "-", ".", "无", "没有", "暂无",
                          "没", "無", "沒有", "(空)", "(跳过)"])
FEW = 30  # comments, below which the sentence says that they are few
OTHER = "other answers"  # given by one person only: a text of their own, as a rule
SEPARATORS = r"[;;┋]"
COMMAS = r"[,,、]"
SIGN_OF_CHINESE = "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
LETTER = r"[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"  # a letter or digit of a word with blanks round it

Themes = Mapping[str, tuple[str, ...]]


# ---------------------------------------------------------------- the lists of words
def themes(client: Client) -> dict[str, tuple[str, ...]]:
    """Theme -> its words: the package's, English and Chinese, changed by data/<client>/themes.yml where that is there.

    In the client's file a theme's list takes the place of the package's, a new name adds a theme, and a blank one takes
    one away. UserError where that file is no such list.
    """
    found: dict[str, tuple[str, ...]] = {}
    for language in LANGUAGES:
        for theme, words in _listed(WORDS / f"themes_{language}.yml", f"loyalty_helpers/words/themes_{language}.yml"):
            found[theme] = (*found.get(theme, ()), *words)
    own = client.folder / "themes.yml"
    if own.is_file():
        found |= dict(_listed(own, f"data/{client.key}/themes.yml"))
    return {theme: words for theme, words in found.items() if words}


def _listed(path: Path, shown: str) -> list[tuple[str, tuple[str, ...]]]:
    given = read_yaml(path, shown)
    if not isinstance(given, dict):
        raise UserError(f"{shown} holds no themes. Write each as 'theme: [word, word]' on a line of its own.")
    for theme, words in given.items():
        is_list = isinstance(words, list | None)
        if not is_list or not all(isinstance(word, str) and word.strip() for word in words or ()):
            raise UserError(f"{shown}: {theme} is {str(words)[:60]!r}; allowed: a list of words, as [price, cheap]. "
                            "Put a word in quotes that YAML would read as a number or as yes/no.")
        if str(theme) in (NONE, BLANK):
            raise UserError(f"{shown}: '{theme}' is a word of the tables' own. Give the theme another name.")
    return [(str(theme), tuple(words or ())) for theme, words in given.items()]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("’", "'").split())


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the words: Chinese ones anywhere, others as whole words with their simple forms."""
    texts = [_plain(word) for word in words]
    whole = "|".join(_forms(text) for text in texts if not re.search(SIGN_OF_CHINESE, text))
    within = [re.escape(text) for text in texts if re.search(SIGN_OF_CHINESE, text)]
    return re.compile("|".join([*([f"(?<!{LETTER})(?:{whole})(?!{LETTER})"] if whole else []), *within]))


def _forms(word: str) -> str:
    """price(s, d), pricing; delivery, deliveries; match(es, ed, ing)."""
    stem = re.escape(word).replace(r"\ ", r"[\s-]+")
    if re.search("[^aeiou]y$", word):
        return f"{stem[:-1]}(?:y|ies|ied|ying)"
    if word.endswith("e"):
        return f"{stem[:-1]}(?:e|es|ed|ing)"
    return f"{stem}(?:s|es|ed|ing|'s)?"


# ---------------------------------------------------------------- comments
def counts(comments: pd.Series, themes: Themes, *, by: pd.Series | None = None,
           confidence: float = 0.95) -> pd.DataFrame:
    """How many comments mention each theme: group, theme, answers, share (of `n`), low, high (Wilson), n.

    `comments` are texts, missing where nothing was written. A comment may have several themes, or "none of these"; n
    counts the comments. The row "left blank" counts the answers without one, "no" and "无" among them; its n counts all
    answers. `by` (same index) names each answer's group: the rows of each group follow those of "everybody", answers
    without a group are in none of them. The most mentioned theme first, the same order in every group. No text of a
    comment is in the result.
    """
    return with_intervals(_counted(comments, themes, by), confidence=confidence)


def _counted(comments: pd.Series, themes: Themes, by: pd.Series | None) -> pd.DataFrame:
    texts = comments.map(_plain, na_action="ignore")
    written = texts.notna() & ~texts.isin(["", *NOTHING_SAID])
    texts = texts.where(written, "").astype("str")
    found = pd.DataFrame({theme: texts.str.contains(_pattern(words)) for theme, words in themes.items()},
                         index=comments.index, dtype=bool)
    found = found[found.sum().sort_values(ascending=False, kind="stable").index]
    found[NONE] = written & ~found.any(axis=1)
    groups = {EVERYBODY: pd.Series(True, index=comments.index)}
    groups |= {} if by is None else {group: by == group for group in sorted(by.dropna().unique())}
    rows = []
    for group, inside in groups.items():
        n = int((written & inside).sum())
        rows += [(group, theme, int(found.loc[inside, theme].sum()), n) for theme in found]
        rows.append((group, BLANK, int((~written & inside).sum()), int(inside.sum())))
    return pd.DataFrame(rows, columns=["group", "theme", "answers", "n"])


def table(survey: pd.DataFrame, client: Client) -> pd.DataFrame:
    """Of every comment_<name> of a survey: question, group, theme, answers, n; as `counts`, without the shares.

    Groups are everybody and, where the survey has NPS answers, promoters, passives and detractors. Empty without a
    comment.
    """
    asked = [column for column in survey if column.startswith("comment_") and survey[column].notna().any()]
    by = _nps_groups(survey["nps"]) if "nps" in survey and survey["nps"].notna().any() else None
    lists = themes(client) if asked else {}
    parts = [_counted(survey[column], lists, by).assign(question=_name(column)) for column in asked]
    return _together(parts, ["question", "group", "theme", "answers", "n"])


def _nps_groups(nps: pd.Series) -> pd.Series:
    groups = pd.Series(pd.NA, index=nps.index, dtype="str")
    for group, (low, high) in NPS_GROUPS.items():
        groups = groups.mask(nps.between(low, high), group)
    return groups


# ---------------------------------------------------------------- questions with several answers
def choices(column: pd.Series, *, confidence: float = 0.95) -> pd.DataFrame:
    """How many chose each option: option, answers, share (of `n`), low, high (Wilson), n; the most chosen first.

    Cells hold options joined by ";" or "┋"; by commas only where these are no part of an option: where each part that
    stands in several cells stands in different company there. What stands in 〖 〗 behind an option is somebody's own
    text and left out; options that one person alone gave stand together as "other answers". n counts who chose
    anything.
    """
    return with_intervals(_chosen(column), confidence=confidence)


def _chosen(column: pd.Series) -> pd.DataFrame:
    cells = [re.sub("〖[^〗]*〗?", "", cell) for cell in column.dropna()]
    picked = [frozenset(part.strip() for part in re.split(SEPARATORS, cell)) - {""} for cell in cells]
    if all(len(options) < 2 for options in picked):
        parted = [frozenset(part.strip() for part in re.split(COMMAS, cell)) - {""} for cell in cells]
        picked = parted if _independent(parted) else picked
    picked = [options for options in picked if options]
    answers = Counter(option for options in picked for option in options)
    alone = {option for option, n in answers.items() if n == 1}
    rows = sorted(((option, n) for option, n in answers.items() if n > 1), key=lambda row: (-row[1], row[0]))
    others = sum(bool(options & alone) for options in picked)
    return pd.DataFrame([(option, n, len(picked)) for option, n in rows + ([(OTHER, others)] if others else [])],
                        columns=["option", "answers", "n"]).astype({"option": "str", "answers": int, "n": int})


def _independent(picked: list[frozenset[str]]) -> bool:
    """Whether the parts of the cells are options of their own, as far as those tell that stand in several cells: "Yes,
    often" is one option where "often" never stands without "Yes"."""
    cells = Counter(option for options in picked for option in options)
    always: dict[str, frozenset[str]] = {}  # what stands wherever the part stands
    for options in picked:
        for option in options:
            always[option] = always.get(option, options) & options
    return all(company == {option} for option, company in always.items() if cells[option] > 1)


def choices_table(survey: pd.DataFrame) -> pd.DataFrame:
    """Of every choice_<name> of a survey: question, option, answers, n; as `choices`, without the shares."""
    asked = [column for column in survey if column.startswith("choice_") and survey[column].notna().any()]
    return _together([_chosen(survey[column]).assign(question=_name(column)) for column in asked],
                     ["question", "option", "answers", "n"])


# ---------------------------------------------------------------- from counts to what is shown
def with_intervals(counted: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """The rows of a table of counts with share, low and high (Wilson) before n; missing where n is 0."""
    levels = [Share(hits, n).level(confidence)[:3] if n else (float("nan"),) * 3
              for hits, n in zip(counted["answers"], counted["n"], strict=True)]
    shares = pd.DataFrame(levels, columns=["share", "low", "high"], index=counted.index, dtype=float)
    return counted.drop(columns="n").join(shares).assign(n=counted["n"])


def _together(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _name(column: str) -> str:
    return column.partition("_")[2].replace("_", " ")


def by_question(counted: pd.DataFrame | None, *, confidence: float = 0.95) -> dict[str, pd.DataFrame]:
    """The rows of `table` or of `choices_table` by question, with shares and intervals; empty without a table."""
    if counted is None:
        return {}
    return {question: with_intervals(rows.drop(columns="question").reset_index(drop=True), confidence=confidence)
            for question, rows in counted.groupby("question", sort=False)}
