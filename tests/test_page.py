"""The pages: every output of every cell reaches them, they need no network, and they look right in a browser."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from loyalty_helpers.report import show
from loyalty_helpers.report.html import pages as page
from loyalty_helpers.run.build import CHAPTERS

NASTY = "<script>alert(1)</script>"
SVG = ('<svg xmlns="http://www.w3.org/2000/svg" width="500" height="200">'
       '<text x="9" y="99" font-size="13">tick</text></svg>')
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
FRONT = page.Front(client=f"Shop {NASTY}", language="en", lines=[page.TITLE, "Program launched 3 Mar 2025"],
                   footer=["Made on a day."])
LONG = "a word " * 12
TABLE = f"""<div class="table" role="region" tabindex="0" aria-label="Wide"><table><caption>Wide</caption>
<thead><tr>{'<th scope="col">heading</th>' * 12}</tr></thead>
<tbody><tr><th scope="row">row</th>{'<td class="num">1,234,567</td>' * 11}</tr></tbody></table></div>"""
HERO = """<div class="hero"><p class="kicker">Club</p>
<p class="verdict"><strong>We <em>cannot tell yet</em>.</strong></p>
<p class="because">Because.</p><p class="grade"><strong>D</strong> <span>Evidence: a trend</span></p>
<details><summary>what the grades mean</summary><dl><dt>A</dt><dd>drawn at random</dd></dl></details></div>
<p class="muted">These are changes.</p><ul class="cards">""" + "".join(
    f'<li class="card {kind}"><span class="label">Label</span> <span class="big">1 → 2</span> <span class="words">'
    '<b>▲ rose</b> (1 to 2)</span> <span class="n">n = 9</span></li>' for kind in ("better", "worse", "none", "level"))
HERO += """</ul><ol class="actions"><li><strong>Do</strong> <span>why</span></li></ol>
<aside class="note"><p><strong>What this does not show.</strong> Much.</p></aside>"""


def shown_as(kind: str, content: str, **metadata) -> nbformat.NotebookNode:
    return new_output("display_data", {kind: content}, metadata={kind: metadata})


CHART = {"alt": f"A line {NASTY}", "title": "Orders rose", "width": 500, "min_width": 423}
OUTPUTS = {
    "html": (shown_as("text/html", "<p>of html</p>"), "<p>of html</p>"),
    "markdown": (shown_as("text/markdown", "of *markdown*"), "of <em>markdown</em>"),
    "svg": (shown_as("image/svg+xml", SVG, **CHART), base64.b64encode(SVG.encode()).decode()),
    "png": (shown_as("image/png", PNG, alt="A dot"), f'alt="A dot" src="data:image/png;base64,{PNG}"'),
    "jpeg": (shown_as("image/jpeg", PNG), f"data:image/jpeg;base64,{PNG}"),
    "latex": (shown_as("text/latex", "$x < y$"), "$x &lt; y$"),
    "text": (shown_as("text/plain", NASTY), "&lt;script&gt;alert(1)&lt;/script&gt;"),
    "result": (new_output("execute_result", {"text/plain": "of a result"}), "of a result"),
    "unknown": (shown_as("application/json", {"of": "an unknown kind"}), '"an unknown kind"'),
    "javascript": (shown_as("application/javascript", "alert('of a script')"), "of a script"),
    "stdout": (new_output("stream", name="stdout", text="of \x1b[31mprint"), "of print"),
    "stderr": (new_output("stream", name="stderr", text="of <warnings>"), "of &lt;warnings&gt;"),
    "error": (new_output("error", ename="E", evalue="v", traceback=["\x1b[0;31mof an error"]), "of an error"),
}


def chapters(*outputs: nbformat.NotebookNode) -> dict[str, str]:
    """Five chapters with the same headings and outputs, and links to each other."""
    def one() -> nbformat.NotebookNode:
        return new_notebook(cells=[
            new_markdown_cell("# What happened?\n\nSee [four](04_program_evaluation.ipynb#What-this-does-not-show), "
                              "[one](01_data_prep.ipynb), [here](#How-we-know) and [a paper](https://example.org/x)."),
            new_markdown_cell("For whoever opens the notebook.", metadata={"tags": ["notebook-only"]}),
            new_code_cell("import pandas  # the code", outputs=list(outputs)),
            new_markdown_cell("## What this does not show\n\n" + LONG),
            new_markdown_cell("## How <b>we</b> know\n\n### Details\n\n### Details\n\n`code`\n\n> said")])
    return {name: nbformat.writes(one()) for name in sorted(CHAPTERS)}


def rendered(*outputs: nbformat.NotebookNode) -> dict[str, str]:
    return page.render(chapters(*outputs), {name: chapter.label for name, chapter in CHAPTERS.items()}, FRONT)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    words = [shown_as("text/html", html) for html in (HERO, TABLE, '<p class="lead">So.</p>')]
    return rendered(*words, *(output for output, _ in OUTPUTS.values()))


class Tags(HTMLParser):
    """All start tags of a page as (name, attributes), and its text in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]


# ---------------------------------------------------------------- without a browser
@pytest.mark.parametrize("kind", OUTPUTS)
def test_every_kind_of_output_reaches_the_pages(kind, pages):
    _, expected = OUTPUTS[kind]
    for name in ("01_data_prep.html", "report.html"):
        found = pages[name].count(expected)
        attributes_in_any_order = re.fullmatch(r'(alt="[^"]*") (src=".*")', expected)
        if attributes_in_any_order:
            found = min(pages[name].count(part) for part in attributes_in_any_order.groups())
        assert found >= (5 if name == "report.html" else 1)


def test_every_cell_of_every_output_is_there_even_twice():
    output = OUTPUTS["stdout"][0]
    assert rendered(output, output)["01_data_prep.html"].count("of print") == 2


def test_pages_are_complete_and_stand_alone(pages):
    assert set(pages) == {"index.html", "report.html", *(f"{name}.html" for name in CHAPTERS if name != "00_summary")}
    for name, html in pages.items():
        tags = Tags(html)
        assert not [tag for tag, _ in tags.tags if tag in ("script", "link", "iframe", "object")], name
        assert all(source.startswith("data:") for source in tags.all("src"))
        assert not [attribute for _, attributes in tags.tags for attribute in attributes if attribute.startswith("on")]
        assert "url(" not in html and "@import" not in html
        assert dict(tags.tags)["html"]["lang"] == "en"


def test_what_comes_from_data_is_escaped(pages):
    for html in pages.values():
        assert NASTY not in html and "Shop &lt;script&gt;" in html


def test_one_h1_headings_in_order_landmarks_and_unique_ids(pages):
    for name, html in pages.items():
        tags = Tags(html)
        assert tags.headings.count(1) == 1, name
        assert all(after - before <= 1 for before, after in zip([0, *tags.headings], tags.headings, strict=False))
        assert len(tags.all("id")) == len(set(tags.all("id"))), name
        assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in tags.tags}
        assert all(attributes.get("alt") for tag, attributes in tags.tags if tag == "img")


def test_links_lead_somewhere(pages):
    for name, html in pages.items():
        for href in Tags(html).all("href"):
            file, _, anchor = href.partition("#")
            assert file in ("", "https://example.org/x") or (name != "report.html" and file in pages), (name, href)
            if anchor:
                assert anchor in Tags(pages[file or name]).all("id"), (name, href)
    assert 'href="04_program_evaluation.html#04-What-this-does-not-show"' in pages["02_scoring.html"]
    assert 'href="#04-What-this-does-not-show"' in pages["report.html"]


def test_contents_and_navigation(pages):
    assert re.findall(r'<li><a href="#01-[^"]*">(.*?)</a>', pages["01_data_prep.html"]) == [
        "What this does not show", "How <b>we</b> know"]
    assert 'aria-label="On this page"' not in pages["index.html"]
    assert pages["report.html"].count("What this does not show</a></li>") == len(CHAPTERS)
    current = re.findall(r'<a href="([^"]*)" aria-current="page">', pages["01_data_prep.html"])
    assert current == ["01_data_prep.html"]


def test_cells_for_the_notebook_only_stay_there(pages):
    assert "For whoever opens the notebook" not in "".join(pages.values())


def test_charts_carry_what_the_display_says():
    html = rendered(OUTPUTS["svg"][0])["index.html"]
    figure, image = (dict(Tags(html).tags)[tag] for tag in ("figure", "img"))
    assert figure["aria-label"] == "Orders rose" and image["alt"] == CHART["alt"]
    assert image["width"] == "500" and image["style"] == "min-width: 423px"


# ---------------------------------------------------------------- in a browser
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars")
# the colours that the eye compares, for every element with words of its own
CONTRASTS = """
const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map(v => (v /= 255) <= .03928 ? v / 12.92 :
  Math.pow((v + .055) / 1.055, 2.4)); return .2126 * r + .7152 * g + .0722 * b; };
const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
  if (!/, 0\\)$/.test(c)) return c; } return "rgb(255, 255, 255)"; };
return [...document.querySelectorAll("body *")].filter(e => e.getClientRects().length &&
  [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim())).map(e => {
  const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
  return [e.tagName + "." + e.className, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]; });
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator:
    if not (CHROMIUM and DRIVER):
        if os.environ.get("CI"):
            pytest.fail("No browser: install chromium and chromedriver.")
        pytest.skip("no browser is installed (chromium and chromedriver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def folder(pages, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, html in pages.items():
        (folder / name).write_text(html, encoding="utf-8")
    return folder


def open_page(browser, folder: Path, name: str, width: int = 1100) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
    browser.get((folder / name).as_uri())


def printed_pages(browser) -> int:
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def visible(browser, selector: str) -> bool:
    return any(element.is_displayed() for element in browser.find_elements("css selector", selector))


@pytest.mark.parametrize("name", ["index.html", "04_program_evaluation.html", "report.html"])
def test_no_request_leaves_the_machine_and_nothing_is_complained_of(browser, folder, name):
    # whatever the browser asks for when it starts
    browser.get("about:blank")
    browser.get_log("performance"), browser.get_log("browser")
    open_page(browser, folder, name)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)
    assert browser.get_log("browser") == []


def test_the_toggle_shows_and_hides_the_code_by_keyboard_too(browser, folder):
    open_page(browser, folder, "01_data_prep.html")
    assert not visible(browser, ".code")
    browser.find_element("css selector", "label[for=show-code]").click()
    assert visible(browser, ".code")
    browser.find_element("id", "show-code").send_keys(" ")
    assert not visible(browser, ".code")


@pytest.mark.parametrize("name", ["index.html", "04_program_evaluation.html", "report.html"])
def test_a_phone_shows_the_page_without_sideways_scrolling(browser, folder, name):
    open_page(browser, folder, name, width=360)
    width, inner = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner == 360
    inside = browser.execute_script("""return [...document.querySelectorAll('.table, .chart')].map(
        e => [e.scrollWidth > e.clientWidth, getComputedStyle(e).overflowX])""")
    assert [True, "auto"] in inside and all(overflow == "auto" for _, overflow in inside)


def test_a_phone_shows_whole_charts_and_that_wide_tables_go_on(browser, folder):
    open_page(browser, folder, "index.html", width=360)
    inside, outside = browser.execute_script("""const one = document.querySelector('img[width="500"]');
        return [one.clientWidth, one.parentElement.clientWidth]""")
    assert inside == outside < 360
    shadows = browser.execute_script("""return [...document.querySelectorAll('.table')].map(
        e => getComputedStyle(e).backgroundAttachment)""")
    assert shadows and set(shadows) == {"local, local, scroll, scroll"}  # paper that moves along hides the shadow


def test_letters_stay_readable(browser, folder):
    """On anything wider than a phone the picture's letters, 13 pixels high at its own 500, keep eleven."""
    open_page(browser, folder, "index.html", width=660)
    width = browser.execute_script("return document.querySelector('img[width=\"500\"]').clientWidth")
    assert 13 * width / 500 >= 10.99
    open_page(browser, folder, "index.html", width=360)
    small = browser.execute_script("""return [...document.querySelectorAll('body *')].filter(
        e => e.getClientRects().length && e.innerText).map(e => parseFloat(getComputedStyle(e).fontSize))""")
    assert min(small) >= 11


@pytest.mark.parametrize("name", ["index.html", "report.html"])
def test_contrast_is_at_least_four_and_a_half(browser, folder, name):
    open_page(browser, folder, name)
    browser.find_element("css selector", "label[for=show-code]").click()
    for summary in browser.find_elements("css selector", "summary"):
        summary.click()
    contrasts = browser.execute_script(CONTRASTS)
    assert len(contrasts) > 30
    assert [(what, ratio) for what, ratio in contrasts if ratio < 4.5] == []


def test_focus_is_visible(browser, folder):
    open_page(browser, folder, "01_data_prep.html")
    for _ in range(8):
        browser.switch_to.active_element.send_keys("\ue004")  # tab
        outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_paper_has_neither_code_nor_navigation_and_nothing_is_cut(browser, folder):
    open_page(browser, folder, "04_program_evaluation.html")
    browser.find_element("css selector", "label[for=show-code]").click()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        for selector in (".code", "nav", "#show-code", "label[for=show-code]", "details"):
            assert not visible(browser, selector), selector
        # the width of an A4 page between its margins
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                {"width": 688, "height": 1000, "deviceScaleFactor": 1, "mobile": False})
        assert browser.execute_script("return document.querySelector('img[width=\"500\"]').clientWidth") <= 688
        outside = browser.execute_script("""return [...document.querySelectorAll('main a')].map(
            a => getComputedStyle(a, '::after').content)""")
        assert [content for content in outside if content != "none"] == ['" (https://example.org/x)"']
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert 1 <= printed_pages(browser) <= 3


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_no_heading_of_a_table_stands_alone_at_the_foot_of_a_sheet(browser, tmp_path):
    css = (page.TEMPLATE / "report.css").read_text(encoding="utf-8")
    rows = '<tr><th scope="row">row</th><td>cell</td></tr>' * 4
    table = ('<div class="table"><table><caption>Caption</caption><thead><tr><th>heading</th></tr></thead>'
             f"<tbody>{rows}</tbody></table></div>")
    spaces = "".join(f'<div style="break-before: page; height: {height}px">top</div>{table}'
                     for height in range(940, 1020, 8))
    (tmp_path / "page.html").write_text(f"<style>{css}</style>{spaces}", encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    (tmp_path / "page.pdf").write_bytes(base64.b64decode(pdf))
    text = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True,
                          check=True).stdout
    feet = [sheet.strip().splitlines()[-1].split()[0] for sheet in text.split("\f") if sheet.strip()]
    assert "top" in feet and set(feet) <= {"top", "row"}


def test_each_chapter_of_the_single_file_begins_on_a_new_sheet(browser, folder):
    open_page(browser, folder, "report.html")
    assert printed_pages(browser) >= len(CHAPTERS)


def test_the_look_knows_every_class_that_show_uses():
    css = (page.TEMPLATE / "report.css").read_text(encoding="utf-8")
    used = set(re.findall(r'class="([a-z ]+)"', Path(show.__file__).read_text(encoding="utf-8")))
    names = {name for group in used for name in group.split()} - {"label", "n", "words"}
    assert len(names) > 10 and [name for name in sorted(names) if f".{name}" not in css] == []
