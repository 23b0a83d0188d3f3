"""The call sheet and the workbook: everything escaped, one page, the same bytes, for the owner alone to read."""

import io
import stat
from datetime import date
from types import SimpleNamespace

import openpyxl
import pandas as pd
import pytest
from said import said
from test_actions import FORECAST, SMALL, STANDARD, listing, many
from test_page import browser, printed_pages  # noqa: F401

from loyalty_helpers.core.messages import message
from loyalty_helpers.customers import actions
from loyalty_helpers.ingest import pseudonyms
from loyalty_helpers.report import action_book, call_sheet, gate

AS_OF = date(2025, 1, 1)
NASTY = ["=HYPERLINK(\"http://x.org\")", "<script>alert(1)</script>", "+44 7700", "@a", "-1", "#N/A", "a\x07b", "王芳"]
IDS = pseudonyms.NO_IDS


@pytest.fixture
def shop(tmp_path):
    program = SimpleNamespace(owner_hourly_rate=0.0, gross_margin=None)
    return SimpleNamespace(key="acme", name="Shop <b>&", currency="CNY", private=tmp_path / "private", program=program,
                           folder=None)


def nasty() -> pd.DataFrame:
    return many(len(NASTY)).assign(customer_id=pd.Series(NASTY, dtype="str"))


def sheet(listed: pd.DataFrame, shop, left_out: str = "", action: str = "") -> str:
    first = actions.first(listed)
    first = first.assign(action=action or action_book.actions_for(first, STANDARD))
    return call_sheet.page(first, shop, as_of=AS_OF, left_out=left_out, nobody=call_sheet.why_nobody(listed))


def keep_book(listed: pd.DataFrame, shop, ids: pd.DataFrame = IDS, said: tuple = ()) -> list:
    return action_book.keep(listed, ids, shop, said=said, customers=len(listed))


# ---------------------------------------------------------------- the call sheet
def test_the_sheet_says_who_when_how_much_why_and_what(shop):
    html = sheet(listing(SMALL, FORECAST), shop, "3 customers opted out.")
    for words in ("1 customer to call", "late</div>", "17 weeks ago<br>(3 Sep 2024)",
                  "¥90 an order<br>¥470 in a year", "Usually every 4 weeks,<br>silent for 17 weeks",
                  "ask whether all was well", "Orders up to 31 Dec 2024",
                  "3 customers opted out.", "not a proof that calling pays"):
        assert words in html, words
    assert html.count('<td class="box">') == 1 and "fine</div>" not in html
    for jargon in ("BG/NBD", "P(", "posterior", "RFM", "value_", "forecast"):
        assert jargon not in html


def test_the_sheet_is_escaped_and_needs_no_network(shop):
    html = sheet(nasty(), shop, "<i>", "=1+1")
    assert "<script" not in html and "&lt;script&gt;" in html and "Shop &lt;b&gt;&amp;" in html and "<i>" not in html
    for sign in ("http", "url(", "@import", "src=", "href="):
        assert sign not in html.replace("&quot;http://x.org&quot;", "")


@pytest.mark.parametrize(("listed", "words"), [
    (listing(SMALL, FORECAST).iloc[:0], "no customer with an order who may be contacted"),
    (listing(SMALL[SMALL["customer_id"].isin(["once", "twice"])]), "bought on five different days"),
    (listing(SMALL[SMALL["customer_id"] == "fine"]), "Nobody is late")])
def test_an_empty_sheet_says_why(shop, listed, words):
    html = sheet(listed, shop)
    assert "Nobody to call" in html and words in html and "<table" not in html


@pytest.mark.parametrize("n", [0, 1, 9, 20, 60])
def test_the_sheet_fills_one_page_at_most(browser, tmp_path, shop, n):  # noqa: F811
    listed = many(n or 1).iloc[:n]
    long = listed.assign(customer_id=[f"a.very.long.address.of.customer.{i}@a-domain.example.org" for i in range(n)],
                         action="They spent much, and say so in many words. " * 9)
    for one in (listed.assign(action="Call."), long):
        path = tmp_path / "sheet.html"
        named = SimpleNamespace(**vars(shop) | {"name": "A long name of a shop " * 9})
        path.write_text(call_sheet.page(
            actions.first(one), named, as_of=AS_OF, nobody=call_sheet.why_nobody(one), heavy=one.iloc[:1],
            left_out=actions.opted_out(pd.DataFrame({"customer_id": [], "orders": []}), None)))
        browser.get(path.as_uri())
        assert printed_pages(browser) == 1
        overflow = browser.execute_script("return document.body.scrollWidth - document.body.clientWidth")
        assert overflow <= 0


def test_a_very_heavy_customer_has_a_line_of_their_own_though_not_late(shop):
    listed = listing(SMALL, FORECAST)
    call_sheet.keep(pd.concat([listed[listed["customer_id"] == "fine"], many(40).assign(spend=1.0)], ignore_index=True),
                    IDS, shop, as_of=AS_OF, left_out=message("opt-outs-no-list"))
    html = (shop.private / "call_sheet.html").read_text()
    assert "Look after <b>fine</b>" in html and "(usually every 4 weeks, last 4 weeks ago)" in html
    call_sheet.keep(many(40), IDS, shop, as_of=AS_OF, left_out=message("opt-outs-no-list"))
    assert "Look after" not in (shop.private / "call_sheet.html").read_text()


# ---------------------------------------------------------------- the workbook
def opened(shop) -> openpyxl.Workbook:
    return openpyxl.load_workbook(shop.private / "action_list.xlsx")


def test_the_workbook_holds_the_list_and_explains_it(shop):
    other = action_book.keep(listing(SMALL, FORECAST), IDS, shop, said=(), customers=6)  # two must not be contacted
    assert said(gate.seen(other, 5)).startswith("The list of nearly all customers") and "4" in said(other)
    kept = keep_book(listing(SMALL, FORECAST), shop, said=("Sorted by worth.",))
    assert said(kept) == "The list of 4 customers is in private/action_list.xlsx and .csv."
    book = opened(shop)
    assert book.sheetnames == ["Customers", "Read me"]
    customers = book["Customers"]
    assert customers.freeze_panes == "B2"
    rows = list(customers.iter_rows(values_only=True))
    assert len(rows) == 5 and [row[0] for row in rows[1:]] == ["late", "fine", "once", "twice"]
    cell = dict(zip(rows[0], customers[2], strict=True))
    assert cell["last order"].value.date() == date(2024, 9, 3) and cell["last order"].number_format == "yyyy-mm-dd"
    assert (cell["worth a call"].value, cell["worth a call"].number_format) == (45, "#,##0")
    assert cell["usual revenue"].value == 180  # no margin is known
    assert rows[-1][rows[0].index("usual gap in days")] is None
    text = " ".join(str(one) for row in book["Read me"].iter_rows(values_only=True) for one in row if one)
    assert "sources, opt_outs, in client.yml" in text  # where to put the list, said here alone
    assert "Sorted by worth." in text and all(heading in text for heading in rows[0])
    assert set(action_book.SHOWN) == {*actions.COLUMNS, "reason", "action"} - {"action_for"}
    assert "{" not in text


def test_no_cell_is_a_formula_in_either_file(shop):
    keep_book(nasty(), shop, said=("=1",))
    for one in opened(shop).worksheets:
        assert {cell.data_type for row in one.iter_rows() for cell in row if cell.value is not None} <= {"s", "n", "d"}
    names = [row[0].value for row in opened(shop)["Customers"].iter_rows(min_row=2)]
    assert sorted(names) == sorted(name.replace("\x07", "?") for name in NASTY)  # as they are, without apostrophes
    read = pd.read_csv(shop.private / "action_list.csv")
    assert not read["customer_id"].str.match(r"[=+\-@]").any()


def test_files_are_for_the_owner_alone_and_the_same_each_time(shop):
    contents = []
    for _ in range(2):
        keep_book(many(3), shop)
        call_sheet.keep(many(3), IDS, shop, as_of=AS_OF, left_out=message("opt-outs-no-list"))
        files = sorted(shop.private.iterdir())
        assert [path.name for path in files] == ["action_list.csv", "action_list.xlsx", "call_sheet.html"]
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    assert stat.S_IMODE(shop.private.stat().st_mode) == 0o700


def test_the_same_list_gives_the_same_workbook_at_another_time(shop, monkeypatch):
    import time

    explained, rows = action_book.explanations(shop, weeks=13), many(2).assign(reason="why", action="=1+1")
    first = action_book.workbook(rows, explained, [])
    time.sleep(2.1)  # a zip file counts time in steps of two seconds
    assert action_book.workbook(rows, explained, []) == first
    assert openpyxl.load_workbook(io.BytesIO(first)).properties.modified.year == 2000


def test_a_long_list_is_cut_in_the_workbook_and_says_so(shop, monkeypatch):
    monkeypatch.setattr(action_book, "MOST_ROWS", 5)
    assert said(keep_book(many(7), shop)).endswith("holds the first 5 of 7 customers; action_list.csv has all.")
    assert opened(shop)["Customers"].max_row == 6 and len(pd.read_csv(shop.private / "action_list.csv")) == 7


def test_names_are_those_of_the_exports(shop):
    ids = pd.DataFrame({"customer_id": [f"c{i:02}" for i in range(3)], "id": ["Ann", "Ben", "Cleo"]}, dtype="str")
    keep_book(many(3), shop, ids)
    call_sheet.keep(many(3), ids, shop, as_of=AS_OF, left_out=message("opt-outs-no-list"))
    assert [row[0].value for row in opened(shop)["Customers"].iter_rows(min_row=2)] == ["Ann", "Ben", "Cleo"]
    html = (shop.private / "call_sheet.html").read_text()
    assert "Ann</div>" in html and "c00" not in html
