"""The pages: executed chapters in, self-contained HTML out. Nothing here runs, reads or publishes anything.

Two steps: nbconvert renders each chapter once with template/index.html.j2; template/page.html.j2 sets the result into
its own page, and all of them into the single file that can be sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from nbconvert.exporters.html import HTMLExporter
from traitlets.config import Config

TEMPLATE = Path(__file__).parent / "template"
TITLE = "Loyalty program evaluation"
# what is shown of an output that comes in several forms; anything else is shown as text, never left out
KINDS = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain")


@dataclass(frozen=True)
class Front:
    """What stands above and below every page, as plain text."""

    client: str
    language: str
    lines: Sequence[str]
    footer: Sequence[str]


@dataclass(frozen=True)
class Chapter:
    """A rendered chapter: its file's name without ending, its short label, its body, its second-level headings."""

    key: str
    label: str
    body: str
    contents: Sequence[tuple[str, Markup]]  # (anchor, words)


def render(notebooks: Mapping[str, str], labels: Mapping[str, str], front: Front) -> dict[str, str]:
    """File name -> HTML: one page per chapter ("00_summary" is index.html), and report.html with them all.

    `notebooks` are the executed chapters as JSON texts. Headings get anchors that are unique over all chapters
    ("02-What-we-kept"). A link to another chapter's notebook leads to its page, in report.html to its place there.
    """
    chapters = [chapter(key, labels[key], executed) for key, executed in notebooks.items()]
    pages = {page_name(one.key): _page([one], chapters, front) for one in chapters}
    return pages | {"report.html": _page(chapters, chapters, front)}


def page_name(key: str) -> str:
    """The page of a chapter: the summary is what opens first."""
    return "index.html" if key == "00_summary" else f"{key}.html"


@cache
def chapter(key: str, label: str, executed: str) -> Chapter:
    """One chapter, rendered; kept, so that a run can have it rendered while other chapters are running."""
    body, _ = _exporter().from_notebook_node(nbformat.reads(executed, as_version=4))
    contents, seen = [], []

    def with_anchor(heading: re.Match) -> str:
        level, words = heading.groups()
        name = _anchor(key, unescape(re.sub("<[^>]*>", "", words)))
        seen.append(name)
        if seen.count(name) > 1:
            name += f"-{seen.count(name)}"
        if level == "2":
            contents.append((name, Markup(re.sub("</?a[^>]*>", "", words))))
        return f'<h{level} id="{name}">{words}</h{level}>'

    body = re.sub(r"<h([1-6])>(.*?)</h\1>", with_anchor, body, flags=re.DOTALL)
    return Chapter(key, label, body, contents)


@cache
def _exporter() -> HTMLExporter:
    return HTMLExporter(
        config=Config(NbConvertBase={"display_data_priority": list(KINDS)}),
        template_name=TEMPLATE.name, extra_template_basedirs=[str(TEMPLATE.parent)], exclude_anchor_links=True)


def _anchor(key: str, words: str) -> str:
    """"02-What-we-kept": unique over the chapters, and free of what would have to be escaped."""
    return f"{key.partition('_')[0]}-" + re.sub(r"\W+", "-", words).strip("-")


def _page(shown: Sequence[Chapter], chapters: Sequence[Chapter], front: Front) -> str:
    single_file = len(shown) > 1
    keys = [chapter.key for chapter in chapters]
    nav = [{"label": chapter.label, "current": shown == [chapter],
            "href": f"#{chapter.key}" if single_file else page_name(chapter.key)} for chapter in chapters]
    if not single_file and len(chapters) > 1:
        nav.append({"label": "All in one file", "current": False, "href": "report.html"})
    linked = [replace(chapter, body=Markup(_linked(chapter, keys, single_file))) for chapter in shown]
    jinja = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True, undefined=StrictUndefined)
    return jinja.get_template("page.html.j2").render(
        front=front, nav=nav, chapters=linked, single_file=single_file,
        title=TITLE if single_file else shown[0].label,
        css=Markup((TEMPLATE / "report.css").read_text(encoding="utf-8")))


def _linked(chapter: Chapter, keys: Sequence[str], single_file: bool) -> str:
    """The chapter's body with its links made right for the page; in the single file its headings go one level down."""

    def target(link: re.Match) -> str:
        key = link["key"] or chapter.key
        anchor = "#" + _anchor(key, unquote(unescape(link["anchor"]))) if link["anchor"] else ""
        here = link["key"] is None or single_file
        return f'href="{anchor or "#" + key}"' if here else f'href="{page_name(key)}{anchor}"'

    pattern = rf'href="(?:(?P<key>{"|".join(keys)})\.(?:ipynb|html))?(?:#(?P<anchor>[^"]+))?"'
    body = re.sub(pattern, target, chapter.body)
    return re.sub(r"(</?h)([1-5])\b", lambda tag: f"{tag[1]}{int(tag[2]) + 1}", body) if single_file else body
