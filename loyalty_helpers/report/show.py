"""What a page calls to put words, tables and charts before a reader.

Each function displays one thing, as HTML for the page and for JupyterLab and as plain text for everything else
(terminals, nbval). Nothing is computed here. Whatever comes in may have come from a client's file: it is escaped,
and only **bold** is understood. The looks live in template/report.css; without it the HTML still reads well.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from html import escape, unescape
from numbers import Integral, Real
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import pandas as pd
from IPython.display import display
from matplotlib import pyplot as plt
from matplotlib.text import Text

from loyalty_helpers.core.messages import Listed, Message, Number, Persons
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.catalogue import text
from loyalty_helpers.report.wording.numbers import MISSING, amount, difference, number

if TYPE_CHECKING:
    from loyalty_helpers.report.charts.marks import Chart

CSS_PIXELS_PER_POINT = 4 / 3
READABLE_PIXELS = 11
# text stays text, and two runs write the same bytes
SVG = {"svg.fonttype": "none", "svg.hashsalt": "loyalty"}
UNIT = re.compile(r"(?<=\d) (?=%|pp\b)")
DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")  # of which a line must not be broken at the hyphens
LONG = 40  # letters in a cell from which on its column is kept wide enough to read
NUMERIC = ' class="num"'  # which is never broken
NUMERIC_TEXT = re.compile(r"[+−-]?\s?([¥$£€]|[A-Z]{2,3}[$ ])?\s?\d.{0,22}")


# ---------------------------------------------------------------- words
def say(*sentences: str) -> None:
    """One paragraph of `sentences`, empty ones left out; **bold** is understood, all else is shown as it is."""
    if _joined(sentences):
        _show(f"<p>{_rich(_joined(sentences))}</p>")


def lead(text: str) -> None:
    """The chapter's answer, set large; **bold** is understood."""
    _show(f'<p class="lead">{_rich(text)}</p>')


def note(text: str) -> None:
    """A limit, beside the claim that it limits; **bold** is understood."""
    _show(f'<aside class="note"><p>{_rich(text)}</p></aside>')


def actions(items: Sequence[tuple[str, str]]) -> None:
    """Numbered things to do, each as (what, why). An empty list shows nothing."""
    if items:
        rows = "".join(f"<li><strong>{_rich(what)}</strong> <span>{_rich(why)}</span></li>" for what, why in items)
        _show(f'<ol class="actions">{rows}</ol>')


def links(items: Iterable[tuple[str, str, str]]) -> None:
    """Ways to other chapters, each as (chapter's file name without ending, the link's words, what is there).

    They lead to the notebooks, for JupyterLab; the report leads them to its pages.
    """
    rows = "".join(f'<li><a href="{escape(chapter)}.ipynb">{escape(name)}</a> <span>{_rich(what)}</span></li>'
                   for chapter, name, what in items)
    _show(f'<ul class="links">{rows}</ul>')


def hero(sentence: str, accent: str, because: Sequence[str], *, kicker: str = "",
         grade: tuple[str, str, str, Mapping[str, str]] | None = None) -> None:
    """The answer: a `sentence` with its `accent` in colour, and what it rests on.

    `kicker` names the program above it. `grade` is the letter of the evidence, its meaning, the words over the list of
    all letters, and that list.
    """
    said, accent = escape(sentence), escape(accent)
    parts = [
        f'<p class="kicker">{escape(kicker)}</p>' if kicker else "",
        f'<p class="verdict"><strong>{said.replace(accent, f"<em>{accent}</em>", 1)}</strong></p>',
        *(f'<p class="because">{_rich(why)}</p>' for why in because if why),
        _grade(*grade) if grade else "",
    ]
    _show(f'<div class="hero">{"".join(parts)}</div>')


def _grade(letter: str, meaning: str, summary: str, letters: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(term)}</dt><dd>{_rich(meant)}</dd>" for term, meant in letters.items())
    return (f'<p class="grade"><strong>{escape(letter)}</strong> <span>{escape(meaning)}</span></p>'
            f"<details><summary>{escape(summary)}</summary><dl>{rows}</dl></details>")


class Card(NamedTuple):
    """One card: its label, its number, what is said of it (**bold** is understood), its n, and its kind: better,
    worse, level or none."""

    label: str
    big: str
    said: str
    n: str
    kind: str


def cards(shown: Sequence[Card], *, caution: str = "") -> None:
    """Numbers in a row, with a `caution` above them. Colour only repeats what arrow, word and sign say."""
    above = f'<p class="muted">{escape(caution)}</p>' if caution else ""
    body = "".join(f'<li class="card {one.kind}"><span class="label">{escape(one.label)}</span> '
                   f'<span class="big">{escape(one.big)}</span> <span class="words">{_bold(one.said)}</span> '
                   f'<span class="n">{escape(one.n)}</span></li>' for one in shown)
    if shown:
        _show(f'{above}<ul class="cards">{body}</ul>')


def _bold(said: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(said))


# ---------------------------------------------------------------- tables
def table(frame: pd.DataFrame, caption: str, *, note: str = "", units: Mapping[str, str] | None = None) -> None:
    """A table with a caption; the first column names the rows, the index is not shown.

    `units` gives columns the unit in which findings.py writes them ("share", "lift", "CNY"). Other numbers have
    thousands separators and at most two decimals (none in columns of hundreds and more). Numbers stand right, and so
    does text that reads as a number ("+3 %", "¥1,250").
    Underscores in headings become blanks. Missing is "–". Wide tables scroll. Of a frame without rows one line says so.
    """
    if frame.empty:
        nothing = text("table-nothing", caption=caption.rstrip("."))
        _show(f'<p class="muted">{escape(nothing)}</p>', nothing)
        return
    frame = frame.assign(**{column: [_in_unit(value, unit) for value in frame[column]]
                            for column, unit in (units or {}).items() if column in frame})
    texts = {column: _cells(frame[column]) for column in frame.columns}
    shown = pd.DataFrame(texts, columns=frame.columns, dtype="str")
    sides = {column: _side(frame[column], shown[column]) for column in frame.columns}
    looks = [_look(sides[column], shown[column]) for column in shown.columns]
    head = "".join(f'<th scope="col"{look}>{escape(str(column).replace("_", " "))}</th>'
                   for column, look in zip(shown.columns, looks, strict=True))
    body = "".join(f"<tr>{_row(row, looks)}</tr>" for row in shown.itertuples(index=False, name=None))
    below = f'<p class="muted">{_rich(note)}</p>' if note else ""
    html = (f'<div class="table" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
            f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
            f"</table></div>{below}")
    lines = [caption, shown.to_string(index=False), _plain(note)]
    _show(html, "\n".join(filter(None, lines)))


def _in_unit(value: float, unit: str) -> str:
    return difference(value, unit) if unit == "lift" else amount(value, unit)


def _row(cells: tuple[str, ...], looks: Sequence[str]) -> str:
    first, *rest = (f"{look}>{escape(cell) if look == NUMERIC else _whole_dates(cell)}"
                    for cell, look in zip(cells, looks, strict=True))
    return f'<th scope="row"{first}</th>' + "".join(f"<td{cell}</td>" for cell in rest)


def _whole_dates(cell: str) -> str:
    return DATE.sub(r'<span class="nowrap">\g<0></span>', escape(cell))


def _look(side: str, cells: pd.Series) -> str:
    if side == "right":
        return NUMERIC
    return ' class="long"' if cells.str.len().max() > LONG else ""


def _side(values: pd.Series, cells: pd.Series) -> str:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return "right"
    filled = cells[cells != MISSING]
    return "right" if len(filled) and filled.map(lambda cell: bool(NUMERIC_TEXT.fullmatch(cell))).all() else "left"


def _cells(values: pd.Series) -> list[str]:
    floats = [abs(value) for value in values if isinstance(value, Real) and not pd.isna(value)]
    whole = all(float(value).is_integer() for value in floats)
    digits = 0 if whole or max(floats) >= 100 else 2
    times = [value for value in values if isinstance(value, pd.Timestamp)]
    clock = "%Y-%m-%d" if all(time == time.normalize() for time in times) else "%Y-%m-%d %H:%M"
    return [_cell(value, digits, clock) for value in values]


def _cell(value: object, digits: int, clock: str) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return MISSING
    if isinstance(value, pd.Timestamp):
        return value.strftime(clock)
    if pd.api.types.is_bool(value):
        return text("cell-yes" if value else "cell-no")
    if isinstance(value, Integral):
        return number(int(value))
    if isinstance(value, (Message, Number, Persons, Listed)):
        return words(value)
    return number(float(value), digits) if isinstance(value, Real) else str(value)


# ---------------------------------------------------------------- charts
def chart(chart: Chart) -> None:
    """The chart's claim as text, the picture with its alt text, its note; the figure is closed.

    A chart that could not be drawn has no figure, and its title says why: only that is shown.

    A simple chart becomes SVG with text as text, the same bytes at every run; a dense one PNG. The display's metadata
    tell the page the width below which the smallest letter would fall under 11 pixels: there the chart scrolls, except
    on a phone, which shows the whole picture small.
    """
    title, alt, note = (words(said) for said in (chart.title, chart.alt, chart.note))
    if chart.figure is None:
        say(title)
        return
    kind = "image/png" if chart.dense else "image/svg+xml"
    picture, width = _drawn(chart)
    smallest = min((text.get_fontsize() for text in chart.figure.findobj(Text)
                    if text.get_visible() and text.get_text().strip()), default=READABLE_PIXELS)
    plt.close(chart.figure)
    least = round(width * READABLE_PIXELS / (smallest * CSS_PIXELS_PER_POINT))
    _show(f'<p class="claim"><strong>{escape(title)}</strong></p>')
    display({kind: picture, "text/plain": alt}, raw=True,
            metadata={kind: {"alt": alt, "title": title, "width": round(width), "min_width": least}})
    if note:
        _show(f'<p class="muted">{_rich(note)}</p>')


def _drawn(chart: Chart) -> tuple[str, float]:
    """The picture as text (SVG, or base64 of PNG) and its width in CSS pixels."""
    file = io.BytesIO()
    kind, settings = ("png", {}) if chart.dense else ("svg", SVG)
    with mpl.rc_context(settings), warnings.catch_warnings():
        # the reader's fonts draw what the fonts of this machine lack
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")  # names the file it stands in
        chart.figure.savefig(file, format=kind, dpi=2 * 96, bbox_inches="tight",
                             metadata={"Software": None} if chart.dense else {"Date": None, "Creator": None})
    if chart.dense:
        png = file.getvalue()
        return base64.b64encode(png).decode(), int.from_bytes(png[16:20], "big") / 2
    svg = file.getvalue().decode()
    return svg, float(re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)[1]) * CSS_PIXELS_PER_POINT


# ---------------------------------------------------------------- the way out
def _joined(sentences: Iterable[str]) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _rich(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))


def _plain(html: str) -> str:
    blocks = re.sub(r"</(p|li|dt|dd|summary)>", "\n", html)
    return unescape(re.sub(r"<[^>]*>|\*\*", "", blocks)).strip()


def _show(html: str, plain: str | None = None) -> None:
    # the classes keep JupyterLab from reading "$5 or $6" as a formula; a number and its unit stay on one line
    page = UNIT.sub("\u00a0", f'<div class="mathjax_ignore tex2jax_ignore">{html}</div>')
    display({"text/html": page, "text/plain": _plain(html) if plain is None else plain}, raw=True)
