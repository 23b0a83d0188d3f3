"""`make new CLIENT=acme FROM=path`: what clients send is recognised or guessed at, and nothing of theirs is lost."""

import os
import re
import subprocess
import sys

import openpyxl
import pytest
import yaml

from loyalty_helpers import cells_moments, check, formats, ingest, start, start_match, start_write
from loyalty_helpers.client import CLONE, GUESSED, load_client
from loyalty_helpers.core.errors import UserError

FORMAT = """
name: Till sales
platform: Till
source: orders
role: shop
confidence: medium
evidence: invented for this test
recognise: [Ticket, [Sum, Total]]
about: One row per ticket.
settings:
  columns: {order_id: Ticket, customer_id: Card, ordered_at: Day, amount: [Sum, Total]}
"""


@pytest.fixture
def exports(tmp_path):
    """exports(name=text, ...) -> a folder with these files; a name may hold folders, bytes are written as they are."""
    def _exports(files: dict[str, str | bytes]):
        for name, text in files.items():
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / "in"
    return _exports


@pytest.fixture
def made(tmp_path, exports):
    """made(files) -> the settings as YAML reads them, their text, and what was printed."""
    def _made(files: dict[str, str | bytes]):
        path, said = start.make("acme", exports(files), tmp_path)
        text = path.read_text(encoding="utf-8")
        assert load_client("acme", tmp_path).key == "acme"
        return yaml.safe_load(text), text, " ".join(said.split())
    return _made


def table(header: str, rows) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def till(orders: int = 40, *, day: str = "2024-{month:02}-{day:02} 10:00") -> list[tuple]:
    """(order, customer, moment, item, quantity, price, state) of two lines an order: 2 x 3.50 and 1 x 4.25."""
    rows = []
    for i in range(orders):
        moment = day.format(month=i % 12 + 1, day=i % 28 + 1)
        state = "Cancelled" if i % 10 == 3 else "Paid"
        rows += [(f"B{100 + i}", f"C{i % 9}", moment, "Tea", 2, "3.50", state),
                 (f"B{100 + i}", f"C{i % 9}", moment, "Mug", 1, "4.25", state)]
    return rows


TILL = table("Bill No,Card Number,Sale Date,Item Name,Qty,Unit Price,Status", till())
MEMBERS = table("Member ID,Name,Joined,Level", [(f"C{i}", "Ann B", f"2024-05-{i + 1:02}", "Gold") for i in range(9)])


# ---------------------------------------------------------------- known exports
def folder_of(tmp_path, **texts: str):
    folder = tmp_path / "formats"
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def test_a_format_is_told_by_the_names_of_its_columns(tmp_path):
    folder = folder_of(tmp_path, till=FORMAT)
    for headers in (["Ticket", "Sum"], ["x", "Total", "TICKET "], ["\ufeffticket", "\uff34otal"]):
        assert [match.format.key for match in formats.recognise(headers, folder)] == ["till"]
    for headers in (["Ticket"], ["Sum", "Total"], ["Tickets", "Sum"], []):
        assert formats.recognise(headers, folder) == []


def test_of_several_formats_the_one_with_most_known_headers_comes_first(tmp_path):
    other = FORMAT.replace("recognise: [Ticket, [Sum, Total]]", "recognise: [Ticket]").replace("Card", "Client")
    folder = folder_of(tmp_path, a_other=other, till=FORMAT)
    assert [one.format.key for one in formats.recognise(["Ticket", "Sum", "Card"], folder)] == ["till", "a_other"]
    assert [one.format.key for one in formats.recognise(["Ticket", "Sum", "Client"], folder)] == ["a_other", "till"]


@pytest.mark.parametrize(("old", "new", "words"), [
    ("role: shop", "role: shopp", "Did you mean 'shop'"),
    ("name: Till sales", "", "name is missing"),
    ("platform", "plattform", "Did you mean 'platform'"),
    ("recognise: [Ticket, [Sum, Total]]", "recognise: Ticket", "recognise must be a list"),
    ("recognise: [Ticket, [Sum, Total]]", "recognise: [2024]", "no column name"),
    ("columns: {", "colums: {", "Did you mean 'columns'"),
    ("settings:", "setting:", "has no settings"),
    ("confidence: medium", "confidence: [", "not a valid settings file"),
])
def test_a_faulty_format_is_named(tmp_path, old, new, words):
    folder = folder_of(tmp_path, till=FORMAT.replace(old, new))
    with pytest.raises(UserError) as error:
        formats.known(folder)
    assert "formats/till.yml" in str(error.value) and words in str(error.value)


def test_the_list_of_formats_names_each_with_its_confidence():
    lines = formats.describe().splitlines()
    for key, one in formats.known().items():
        assert any(line.split()[:1] == [key] and f" {one.confidence} " in line for line in lines), key
        assert f"{key}: {one.name}" in lines
    assert max(map(len, lines)) <= 120


# the exports of each known format, with what must come of them (see test_formats.py)
EXPORTS = CLONE / "tests" / "formats"
EXPECTED = {path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8"))
            for path in sorted(EXPORTS.glob("*/expected.yml"))}
CASES = [(key, number) for key, one in EXPECTED.items() for number in range(len(one["cases"]))]
NOBODY = ("amazon_all_orders", "woocommerce_analytics")  # exports that do not say who bought


@pytest.mark.parametrize(("key", "number"), CASES)
def test_a_known_export_is_read_without_editing(made, tmp_path, key, number):
    case = EXPECTED[key]["cases"][number]
    files = {name: (EXPORTS / key / name).read_bytes() for name in case["files"]}
    source = formats.known()[key].source
    if source != "orders":
        files["orders_beside.csv"] = (EXPORTS / "orders_beside.csv").read_bytes()
    settings, _, said = made(files)
    assert settings["sources"][source]["format"] == key and formats.known()[key].name in said
    if key in NOBODY and "with_buyers" not in case["files"][0]:
        assert "says who bought, so that nobody can be seen coming back" in said
        with pytest.raises(UserError, match="Who bought is unknown"):
            ingest.prepare(load_client("acme", tmp_path))
        return
    ledger = ingest.prepare(load_client("acme", tmp_path)).ledger.table().query("source == @source")
    rows = ledger[ledger["check"] == "all rows"].groupby("action")["rows"].sum()
    assert rows.to_dict() == {"read": case["read"], "kept": case["kept"]}
    assert check.describe(load_client("acme", tmp_path))


def copied(*names: str) -> dict[str, bytes]:
    """name -> content of exports of known formats."""
    return {name.partition("/")[2]: (EXPORTS / name).read_bytes() for name in names}


def test_payments_beside_a_shop_are_left_out(made, tmp_path):
    shop, paid = "shopify_orders/orders_2022.csv", sorted((EXPORTS / "stripe_payments").glob("*.csv"))[0]
    settings, text, said = made(copied(shop, f"stripe_payments/{paid.name}"))
    assert settings["sources"]["orders"]["format"] == "shopify_orders"
    assert f"{paid.name}: the same sales as in orders_2022.csv, seen by the payment service" in said
    assert paid.name in text and not (tmp_path / "data" / "acme" / paid.name).exists()


def test_orders_and_items_of_one_shop_become_orders_and_lines(made):
    settings, _, _ = made(copied("etsy_sold_orders/EtsySoldOrders2024.csv",
                                 "etsy_sold_order_items/EtsySoldOrderItems2024.csv"))
    assert {name: one["format"] for name, one in settings["sources"].items()} == {
        "orders": "etsy_sold_orders", "lines": "etsy_sold_order_items"}


def test_files_whose_dates_contradict_each_other_are_read_one_by_one(made):
    settings, _, said = made(copied("etsy_sold_orders/EtsySoldOrders2024.csv", "etsy_sold_orders/EtsySoldOrdersUK.csv"))
    assert sorted(one["files"] for one in settings["sources"]["orders"]) == [
        "EtsySoldOrders2024.csv", "EtsySoldOrdersUK.csv"]
    assert "sources.orders.dates" not in said and "rates: the files also hold" in said


def test_an_export_that_names_no_buyer_is_left_out_where_others_do(made):
    settings, _, said = made(copied("amazon_all_orders/AllOrders.txt", "shopify_orders/orders_2022.csv"))
    assert settings["sources"]["orders"]["format"] == "shopify_orders"
    assert "AllOrders.txt: nothing in it says who bought, unlike in orders_2022.csv." in said


def test_a_column_called_timestamp_makes_no_form(made):
    rows = [(f"2024-01-{i % 28 + 1:02} 10:00", f"r{i}", f"c{i % 5}", i + 1) for i in range(30)]
    settings, _, _ = made({"a.csv": table("Timestamp,Receipt No,Customer No,Total", rows)})
    assert settings["sources"]["orders"]["columns"]["ordered_at"] == "Timestamp"


# ---------------------------------------------------------------- unknown files
def test_an_unknown_till_is_guessed_and_adds_up(made, tmp_path):
    settings, _, said = made({"sales.csv": TILL, "members.csv": MEMBERS})
    orders = settings["sources"]["orders"]
    assert orders["columns"] == {"order_id": "Bill No", "customer_id": "Card Number", "ordered_at": "Sale Date",
                                 "product": "Item Name", "quantity": "Qty", "unit_price": "Unit Price"}
    assert orders["grain"] == "line"
    assert orders["set_aside"] == {"cancelled": {"column": "Status", "equals": ["Cancelled"]}}
    assert settings["sources"]["members"]["columns"] == {"customer_id": "Member ID", "joined_at": "Joined",
                                                         "tier": "Level"}
    assert "order_id = 'Bill No'?" in said and "The first member joined on 2024-05-01." in said
    prepared = ingest.prepare(load_client("acme", tmp_path))
    assert len(prepared.tables["orders"]) == 36 and prepared.tables["orders"]["amount"].sum() == 36 * 11.25
    assert check.describe(load_client("acme", tmp_path))


def test_every_guessed_line_is_marked(made):
    _, text, _ = made({"sales.csv": TILL, "members.csv": MEMBERS})
    block = text.partition("\nsources:\n")[2].partition("# -----")[0]
    plain = [line for line in block.splitlines() if line.strip() and GUESSED not in line]
    allowed = r" *(orders:|members:|files: \S+|columns:|set_aside:|# unknown, guessed to be \w+)"
    assert all(re.fullmatch(allowed, line) for line in plain), plain
    assert text.count(GUESSED) == 2 + 6 + 1 + 1 + 3  # currency, time zone; columns, grain, rule; members
    assert "#retention: {min: 0.4}" in text and "# share of the price left" in text  # the rest is the template's


def test_a_chinese_export_is_guessed(made, tmp_path):
    rows = [(f"20240{i:04}", f"1390000{i % 30:04}", f"2024-0{i % 9 + 1}-11 12:30:00", f"{20 + i}.50",
             ["已完成", "已取消", "待付款"][i % 3], "南门店") for i in range(60)]
    text = table("单据编号,会员手机,消费时间,实收金额,订单状态,门店", rows)
    settings, _, _ = made({"流水.csv": text.encode("gb18030")})
    orders = settings["sources"]["orders"]
    assert orders["files"] == "流水.csv" and "grain" not in orders
    assert orders["columns"] == {"order_id": "单据编号", "phone": "会员手机", "ordered_at": "消费时间",
                                 "amount": "实收金额", "channel": "门店"}
    assert orders["set_aside"] == {"cancelled": {"column": "订单状态", "equals": ["已取消"]},
                                   "unpaid": {"column": "订单状态", "equals": ["待付款"]}}
    assert (settings["currency"], settings["time_zone"]) == ("CNY", "Asia/Shanghai")
    kept = ingest.prepare(load_client("acme", tmp_path)).tables["orders"]
    assert len(kept) == 20 and kept["amount"].sum() == sum(20.5 + i for i in range(0, 60, 3))


def test_names_of_our_own_are_understood(made):
    rows = [(i, f"c{i % 5}", f"2024-01-{i % 28 + 1:02}", i + 1) for i in range(30)]
    settings, _, _ = made({"orders.csv": table("order_id,customer_id,ordered_at,amount", rows)})
    assert list(settings["sources"]["orders"]["columns"]) == ["order_id", "customer_id", "amount", "ordered_at"]


def test_an_orders_total_on_each_line_counts_once(made, tmp_path):
    rows = [(f"o{i}", f"c{i % 5}@example.com", f"2024-01-{i % 28 + 1:02}", item, 10 + i)
            for i in range(30) for item in ("Tea", "Mug")]
    settings, _, _ = made({"orders.csv": table("Order,Email,Date,Product,Total", rows)})
    orders = settings["sources"]["orders"]
    assert orders["columns"]["order_total"] == "Total" and "amount" not in orders["columns"]
    assert orders["grain"] == "line"


def test_a_date_and_a_time_and_a_date_in_parts(made):
    rows = [(i, f"c{i % 5}", f"2024-01-{i % 28 + 1:02}", f"10:{i:02}", i + 1) for i in range(30)]
    settings, _, _ = made({"a.csv": table("Receipt No,Customer No,Date,Time,Paid", rows)})
    assert settings["sources"]["orders"]["columns"] == {
        "order_id": "Receipt No", "customer_id": "Customer No", "amount": "Paid", "date": "Date", "time": "Time"}


def test_year_month_and_day(made):
    rows = [(f"r{i}", f"c{i % 5}", 2024, i % 12 + 1, i % 28 + 1, f"{i + 1}.99") for i in range(30)]
    settings, _, _ = made({"a.csv": table("Receipt No,Customer No,Year,Month,Day,Paid", rows)})
    columns = settings["sources"]["orders"]["columns"]
    assert [columns[ours] for ours in ("year", "month", "day")] == ["Year", "Month", "Day"]


def test_names_of_people_are_no_ids(made):
    rows = [(i, ["Ann Lee", "Bo Ray", "Cy Fox"][i % 3], f"2024-01-{i % 28 + 1:02}", i + 1) for i in range(30)]
    settings, _, said = made({"a.csv": table("Order No,Customer,Date,Total", rows)})
    assert "customer_id" not in settings["sources"]["orders"]["columns"]
    assert "'Customer' holds names, which are no ids" in said and "No column tells who bought" in said


def test_dates_that_can_be_read_in_two_ways_are_asked_for(made, tmp_path):
    rows = [(i, f"c{i % 5}", f"0{i % 9 + 1}/0{(i + 3) % 9 + 1}/2024", i + 1) for i in range(30)]
    _, text, said = made({"a.csv": table("Order No,Customer No,Date,Total", rows)})
    assert "sources.orders.dates: " in said and "can be read in two ways" in said
    with pytest.raises(UserError, match="two ways"):
        ingest.prepare(load_client("acme", tmp_path))
    path = tmp_path / "data" / "acme" / "client.yml"
    assert "    #dates: day-first  # to be decided" in text
    path.write_text(text.replace("    #dates: day-first", "    dates: day-first"), encoding="utf-8")
    assert len(ingest.prepare(load_client("acme", tmp_path)).tables["orders"]) == 30


@pytest.mark.parametrize(("codes", "currency", "rates"), [
    (["eur"], "EUR", ""), (["EUR", "EUR", "USD"], "EUR", "#rates: {USD: 1.0}"),
    (["USD", "GBP", "GBP"], "GBP", "#rates: {USD: 1.0}")])
def test_the_currency_comes_from_its_column(made, codes, currency, rates):
    rows = [(i, f"c{i % 5}", f"2024-01-{i % 28 + 1:02}", i + 1, codes[i % len(codes)]) for i in range(30)]
    settings, text, said = made({"a.csv": table("Order No,Customer No,Date,Total,Currency", rows)})
    assert settings["currency"] == currency and (f"\n{rates}" in text if rates else "#rates: {USD: 7.1}" in text)
    assert ("rates: the files also hold USD" in said) is bool(rates)


@pytest.mark.parametrize(("money", "date", "currency", "zone"), [
    ("€{0},50", "2024-01-{1:02}", "EUR", "Europe/Berlin"),
    ("£{0}.50", "2024-01-{1:02}", "GBP", "Europe/London"),
    ("{0}.50", "2024-01-{1:02} 10:00:00 -0800", "CNY", "America/Los_Angeles"),
    ("${0}.50", "2024-01-{1:02} 10:00:00 -0500", "USD", "America/New_York"),
    ("{0}.50", "2024-01-{1:02}", "CNY", "UTC"),
])
def test_currency_and_time_zone_come_from_signs_and_offsets(made, money, date, currency, zone):
    rows = [(i, f"c{i % 5}", date.format(0, i % 28 + 1), f'"{money.format(i + 1)}"') for i in range(30)]
    settings, _, said = made({"a.csv": table("Order No,Customer No,Date,Total", rows)})
    assert (settings["currency"], settings["time_zone"]) == (currency, zone)
    assert ("currency: not found" in said) is (currency == "CNY")


@pytest.mark.parametrize(("first", "sign"), [("sep=;", ";"), ("SEP=|", "|"), ('"sep=,"', ",")])
def test_the_line_that_tells_excel_the_delimiter_is_no_data(made, tmp_path, first, sign):
    settings, _, _ = made({"a.csv": f"{first}\r\n" + TILL.replace(",", sign)})
    assert settings["sources"]["orders"]["columns"]["order_id"] == "Bill No"
    assert len(ingest.prepare(load_client("acme", tmp_path)).tables["orders"]) == 36


def test_a_file_without_a_header_row(made):
    rows = [(5000 + i, f"K{i % 7}", f"2024-01-{i % 28 + 1:02}", f"{i + 1}.25") for i in range(40)]
    settings, _, said = made({"a.csv": table("", rows).lstrip()})
    assert settings["sources"]["orders"]["names"] == ["order_id", "customer_id", "ordered_at", "amount"]
    assert "no row of column names" in said


# ---------------------------------------------------------------- what cannot be used
def test_a_matrix_is_said_to_be_one(made):
    months = ",".join(f"2024-{month:02}" for month in range(1, 13))
    _, _, said = made({"sales.csv": TILL, "wide.csv": table(f"Product,{months}", [(f"P{i}", *range(12))
                                                                                 for i in range(20)])})
    assert "wide.csv: This is a matrix: 12 of its 13 columns are numbers" in said


def test_an_unknown_file_is_shown_with_its_columns(made, tmp_path):
    _, text, said = made({"sales.csv": TILL, "towns.csv": "Town,Mayor\nBonn,Kim\nUlm,Lou\n"})
    assert "towns.csv: No source can be made of its columns: Town, Mayor." in said and "towns.csv" in text
    assert not (tmp_path / "data" / "acme" / "towns.csv").exists()


def test_what_is_no_export_is_passed_over(made, tmp_path):
    _, text, said = made({"sub/sales.csv": TILL, ".DS_Store": "x", "~$sales.xlsx": "x", "README.txt": "hello", "a.png":
                          b"\x89PNG", ".hidden/b.csv": TILL})
    assert sorted(path.name for path in (tmp_path / "data" / "acme").iterdir()) == ["client.yml", "sales.csv"]
    for name in (".DS_Store", "~$sales.xlsx", "README.txt", "a.png", ".hidden/b.csv"):
        assert f"{name}: " in said
    assert ".DS_Store" not in text


def test_a_damaged_file_is_left_out_with_its_reason(made):
    _, _, said = made({"sales.csv": TILL, "old.xlsx": b"PK\x03\x04 no more of it",
                       "till.db": b"SQLite format 3\0" + bytes(range(256)) * 20})
    assert "old.xlsx: cannot be read: old.xlsx" in said and "till.db: cannot be read: till.db" in said


@pytest.mark.parametrize(("files", "words"), [
    (None, "does not exist"), ({".keep": ""}, "Nothing in"), ({"a.csv": "Town,Mayor\nBonn,Kim\n"}, "Town, Mayor"),
    ({"a.csv": ""}, "a.csv"), ({"b.csv": "Order No,Customer No,Date,Total\n"}, "no rows")])
def test_nothing_of_use_leaves_no_folder(tmp_path, exports, files, words):
    place = tmp_path / "nowhere" if files is None else exports(files)
    with pytest.raises(UserError, match=words):
        start.make("acme", place, tmp_path)
    assert not (tmp_path / "data").exists()


def test_an_empty_folder(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="holds no files"):
        start.make("acme", tmp_path / "in", tmp_path)


# ---------------------------------------------------------------- several files
def test_files_of_one_kind_become_one_source(made, tmp_path):
    first, second = table("Bill No,Card Number,Sale Date,Item Name,Qty,Unit Price,Status", till(20)), TILL
    settings, _, _ = made({"2023/sales.csv": first, "2024/sales.csv": second})
    assert settings["sources"]["orders"]["files"] == ["sales.csv", "sales-2.csv"]
    assert len(ingest.prepare(load_client("acme", tmp_path)).tables["orders"]) == 36  # the overlap counts once


def test_the_same_file_twice_is_taken_once(made):
    settings, _, said = made({"sales.csv": TILL, "copy of sales.csv": TILL})
    assert settings["sources"]["orders"]["files"] == "sales.csv"
    assert "copy of sales.csv: the same file as sales.csv" in said


def test_the_same_sales_seen_twice_are_used_once(made):
    totals = [(f"B{100 + i}", f"C{i % 9}", f"2024-{i % 12 + 1:02}-{i % 28 + 1:02}", "11.25") for i in range(40)]
    settings, _, said = made({"by_order.csv": table("Order Number,Customer Number,Date,Total", totals),
                              "by_hand.csv": table("Reference,Client No,Date,Amount", totals[:30])})
    assert settings["sources"]["orders"]["files"] == "by_order.csv"
    assert "by_hand.csv: the same sales as by_order.csv" in said


def test_items_beside_their_orders_become_lines(made, tmp_path):
    totals = [(f"B{100 + i}", f"C{i % 9}", f"2024-{i % 12 + 1:02}-{i % 28 + 1:02}", "11.25") for i in range(90)]
    settings, _, _ = made({"by_order.csv": table("Order Number,Customer Number,Date,Total", totals), "items.csv": TILL})
    assert settings["sources"]["orders"]["files"] == "by_order.csv"
    assert settings["sources"]["lines"] == {"files": "items.csv", "columns": {
        "order_id": "Bill No", "product": "Item Name", "quantity": "Qty", "unit_price": "Unit Price"}}
    assert len(ingest.prepare(load_client("acme", tmp_path)).tables["lines"]) == 80


def test_items_without_their_orders_are_of_no_use(tmp_path, exports):
    rows = [(f"o{i}", "Tea", 2) for i in range(20)]
    with pytest.raises(UserError, match="needs the export of the orders beside it"):
        start.make("acme", exports({"items.csv": table("Order No,Product,Quantity", rows)}), tmp_path)


SALES = "Order No,Customer No,Date,Total"


def numbered(customers: str, month: int, orders: range = range(30)) -> str:
    return table(SALES, [(i, f"{customers}{i % 5}", f"2024-{i % 3 + month:02}-{i % 28 + 1:02}", i + 1) for i in orders])


def test_two_shops_that_number_their_orders_alike(made, tmp_path):
    settings, _, said = made({"north.csv": numbered("n", 1), "south.csv": numbered("s", 2)})
    assert [one["shop"] for one in settings["sources"]["orders"]] == ["north", "south"]
    assert "two shops, it seems" in said
    assert ingest.prepare(load_client("acme", tmp_path)).tables["orders"]["order_id"].nunique() == 60


@pytest.mark.parametrize(("customers", "month"), [("n", 2), ("s", 6)])  # the same people; days that follow
def test_a_shop_that_begins_its_numbers_anew_is_one_shop(made, tmp_path, customers, month):
    settings, _, said = made({"2023.csv": numbered("n", 1), "2024.csv": numbered(customers, month)})
    assert settings["sources"]["orders"]["files"] == ["2023.csv", "2024.csv"] and "two shops" not in said
    orders = ingest.prepare(load_client("acme", tmp_path)).tables["orders"]
    assert len(orders) == 60 and orders["customer_id"].nunique() == (5 if customers == "n" else 10)


@pytest.mark.parametrize(("first", "used"), [(0, "a.csv"), (1, "a.csv"), (10, None), (28, None), (60, None)])
def test_a_file_is_left_out_only_where_the_other_has_its_orders(made, first, used):
    other = numbered("n", 1, range(first, first + 30)).replace(SALES, "Reference,Client No,Date,Amount")
    settings, text, said = made({"a.csv": numbered("n", 1), "b.csv": other})
    orders = settings["sources"]["orders"]
    assert (orders["files"] if used else [one["files"] for one in orders]) == (used or ["a.csv", "b.csv"])
    assert ("b.csv: the same sales as a.csv" in text) is bool(used)
    both = {10: "20 orders stand in both", 28: "2 orders stand in both"}.get(first, "")
    assert both in said and ("would count twice" in said) is bool(both)


def test_of_a_file_and_a_part_of_it_the_whole_is_used(made):
    whole = numbered("n", 1).replace(SALES, "Reference,Client No,Date,Amount")
    lines = [(i, f"n{i % 5}", f"2024-{i % 3 + 1:02}-{i % 28 + 1:02}", "Tea", i + 1) for i in range(10)]
    settings, _, _ = made({"part.csv": table("Order No,Customer No,Date,Town,Total", lines), "whole.csv": whole})
    assert settings["sources"]["orders"]["files"] == "whole.csv"


def test_many_files_are_looked_at_once_each(made, monkeypatch):
    read, as_ever = [], cells_moments.moments
    for module in (cells_moments, start_match):  # the guesser asks the one, whoever puts files together the other
        monkeypatch.setattr(module, "moments", lambda columns, *rest: (read.append(len(columns)),
                                                                       as_ever(columns, *rest))[1])
    files = {f"{n:02}.csv": numbered("n", 1, range(n * 20, n * 20 + 20)) for n in range(20)}
    assert len(made(files)[0]["sources"]["orders"]["files"]) == 20
    assert sum(read) < 20 * 12


def test_sheets_of_a_workbook_are_looked_at_one_by_one(made, tmp_path):
    book = openpyxl.Workbook()
    for title, text in (("Sales, all", TILL), ("Club", MEMBERS)):
        sheet = book.create_sheet(title)
        for line in text.splitlines():
            sheet.append(line.split(","))
    (tmp_path / "in").mkdir()
    book.save(tmp_path / "in" / "all.xlsx")
    settings, _, _ = made({})
    assert {name: (one["files"], one["sheet"]) for name, one in settings["sources"].items()} == {
        "orders": ("all.xlsx", "Sales, all"), "members": ("all.xlsx", "Club")}
    assert len(ingest.prepare(load_client("acme", tmp_path)).tables["orders"]) == 36


# ---------------------------------------------------------------- nothing is lost
def test_an_earlier_client_stays_as_it_is(tmp_path, exports):
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "client.yml").write_text("mine")
    with pytest.raises(UserError, match="exists already and was left as it is"):
        start.make("acme", exports({"sales.csv": TILL}), tmp_path)
    assert [path.name for path in folder.iterdir()] == ["client.yml"]
    assert (folder / "client.yml").read_text() == "mine"


def test_another_file_of_the_same_name_is_kept(made, tmp_path):
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "sales.csv").write_text("other")
    settings, _, said = made({"sales.csv": TILL})
    assert settings["sources"]["orders"]["files"] == "sales-2.csv" and "sales.csv is now sales-2.csv" in said
    assert (folder / "sales.csv").read_text() == "other" and (folder / "sales-2.csv").read_text() == TILL
    assert (tmp_path / "in" / "sales.csv").read_text() == TILL  # copied, not moved


@pytest.mark.parametrize("name", ["x\n  members: orders.csv\n#.csv", "x\u2028  members: orders.csv\x85#\x1b[2J.csv"])
def test_a_name_of_a_file_writes_no_settings(made, name):
    settings, text, said = made({"orders.csv": TILL, name: "Town,Mayor\nBonn,Kim\n"})
    assert settings["sources"].keys() == {"orders"} and "No source can be made" in text
    assert not {"\x1b", "\x85", "\u2028"} & {*text, *said}


def test_a_header_of_two_lines_stays_one_setting(made):
    text = TILL.replace("Card Number", '"Card Number\n  tier: x"')
    settings, text, said = made({"orders.csv": text})
    assert settings["sources"]["orders"]["columns"]["customer_id"] == "Card Number\n  tier: x"
    assert "customer_id = 'Card Number tier: x'?" in said


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are UTF-8")
def test_names_of_files_that_are_not_utf8(made, tmp_path):
    settings, _, said = made({"bad\udcff.csv": TILL, "town\udcff.csv": "Town,Mayor\nBonn,Kim\n"})
    assert settings["sources"]["orders"]["files"] == "bad_.csv" and (tmp_path / "data" / "acme" / "bad_.csv").exists()
    assert "bad\ufffd.csv is now bad_.csv" in said and "town\ufffd.csv: No source" in said
    assert len(ingest.prepare(load_client("acme", tmp_path)).tables["orders"]) == 36
    assert check.describe(load_client("acme", tmp_path))


@pytest.mark.parametrize(("name", "copy"), [("prepared", "prepared-2"), ("Private", "Private-2"),
                                            ("actions.csv", "actions-2.csv")])
def test_names_that_mean_something_are_not_taken(made, name, copy):
    settings, _, said = made({name: TILL})
    assert settings["sources"]["orders"]["files"] == copy and f"{name} is now {copy}" in said


def test_of_the_reserved_names_none_is_given(tmp_path):
    paths = [tmp_path / name for name in start_write.OURS]
    assert not {*start_write.free_names(paths, tmp_path / "data").values()} & {*start_write.OURS}


def test_files_that_are_there_already_are_used_as_they_are(tmp_path):
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "sales.csv").write_text(TILL)
    start.make("acme", folder, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["client.yml", "sales.csv"]


def test_what_stops_the_copy_leaves_nothing_behind(tmp_path, exports):
    folder, place = tmp_path / "data" / "acme", exports({"sales.csv": TILL})
    names = {place / "sales.csv": "sales.csv", place / "gone.csv": "gone.csv"}
    with pytest.raises(UserError, match="Nothing was made"):
        start_write.put(folder, names, "name: x")
    assert not folder.exists()
    folder.mkdir()
    (folder / "mine.csv").write_text("mine")
    with pytest.raises(UserError, match="Nothing was made"):
        start_write.put(folder, names, "name: x")
    assert [path.name for path in folder.iterdir()] == ["mine.csv"]
    (folder / "client.yml").mkdir()  # what comes last cannot be written: the copies before it go again
    with pytest.raises(UserError, match="Nothing was made"):
        start_write.put(folder, {place / "sales.csv": "sales.csv"}, "name: x")
    assert sorted(path.name for path in folder.iterdir()) == ["client.yml", "mine.csv"]


def test_nothing_but_the_clients_folder_is_written(made, tmp_path):
    made({"sales.csv": TILL})
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "data", "data/acme", "data/acme/client.yml", "data/acme/sales.csv", "in", "in/sales.csv"]


def test_the_command_line(tmp_path, exports):
    place = exports({"my sales/sales.csv": TILL})
    environment = os.environ | {"LOYALTY_ROOT": str(tmp_path), "PYTHONPATH": str(CLONE)}

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", "loyalty_helpers", *arguments], env=environment, cwd=tmp_path,
                              capture_output=True, text=True)

    done = run(f"--from={place}/my sales", "new", "--", "acme")
    assert done.returncode == 0 and "Then: make check CLIENT=acme" in done.stdout
    assert run(f"--from={place}", "new", "--", "acme").returncode == 1
    assert run("--from=x", "check", "--", "acme").returncode == 2
    assert "known exports" in run("formats").stdout
    assert run("--from=", "new", "--", "plain").returncode == 0 and (tmp_path / "data/plain/client.yml").exists()


# ---------------------------------------------------------------- surveys
SATISFIED = ["Very satisfied", "Satisfied", "Neutral", "Dissatisfied", "Very dissatisfied"]


def survey(questions: dict[str, list]) -> str:
    """Answers of 40 people: each question's answers come round again and again."""
    rows = [[f'"{answers[i % len(answers)]}"' for answers in questions.values()] for i in range(40)]
    return table(",".join(f'"{question}"' for question in questions), rows)


def guessed(made, questions: dict[str, list]) -> dict:
    days = [f"2024-05-{i % 28 + 1:02} 10:{i:02}:00" for i in range(40)]
    settings, _, said = made({"sales.csv": TILL, "answers.csv": survey({"Submitted at": days, **questions})})
    assert settings["sources"]["survey"]["columns"].pop("answered_at") == "Submitted at"
    return settings["sources"]["survey"] | {"said": said}


def test_the_questions_of_a_survey_are_guessed(made):
    found = guessed(made, {
        "Your e-mail": [f"p{i}@example.com" for i in range(40)],
        "How likely are you to recommend us to a friend?": [0, 10, 7, 9],
        "Overall, how satisfied are you?": SATISFIED,
        "How easy was it to order?": [1, 7, 4],
        "How much effort did the return take?": [1, 2, 5],
        "How do you rate our delivery?": [1, 5, 3],
        "Prices (0-10)": [2, 3, 4],
        "What should we improve?": [f"The parcel number {i} came late and it was wet" for i in range(40)],
        "Which of these do you buy?": ["Tea;Mug", "Tea", "Jam;Tea;Cake", "Mug"],
        "Your age": [20, 30, 40],
        "Town": ["Bonn", "Ulm"],
    })
    assert found["columns"] == {
        "email": "Your e-mail", "nps": "How likely are you to recommend us to a friend?",
        "csat": "Overall, how satisfied are you?", "ces": "How easy was it to order?",
        "driver_ease": "How much effort did the return take?", "driver_delivery": "How do you rate our delivery?",
        "driver_price": "Prices (0-10)", "comment_improve": "What should we improve?",
        "choice_these_buy": "Which of these do you buy?"}
    assert found["scale"] == {"csat": [1, 5], "ces": [1, 7], "driver_ease": [5, 1], "driver_delivery": [1, 5],
                              "driver_price": [0, 10]}
    assert found["answers"] == {"csat": dict(zip(SATISFIED, [5, 4, 3, 2, 1], strict=True))}
    assert "Not used: 'Your age', 'Town'." in found["said"]


def test_the_questions_of_a_chinese_survey_are_guessed(made):
    found = guessed(made, {"1、您有多大可能把我们推荐给朋友?": [0, 10, 8],
                           "2、您对我们的总体满意度": ["非常满意", "满意", "一般", "不满意"],
                           "3、下单是否方便(1-7分)": ["1分", "7分", "5分"], "4、物流速度": [1, 5, 3],
                           "5、您为什么选择我们": [f"因为第{i}次购物的时候东西很好" for i in range(40)],
                           "6、您购买过哪些商品": ["茶┋杯子", "茶", "果酱┋茶"], "7、您的性别": ["男", "女"]})
    assert found["columns"] == {
        "nps": "1、您有多大可能把我们推荐给朋友?", "csat": "2、您对我们的总体满意度",
        "ces": "3、下单是否方便(1-7分)", "driver_delivery": "4、物流速度", "comment_reasons": "5、您为什么选择我们",
        "choice_q7": "6、您购买过哪些商品"}
    assert found["scale"] == {"csat": [1, 5], "ces": [1, 7], "driver_delivery": [1, 5]}
    assert found["answers"] == {"csat": {"非常满意": 5, "满意": 4, "一般": 3, "不满意": 2},
                                "ces": {"1分": 1, "7分": 7, "5分": 5}}


@pytest.mark.parametrize(("answers", "name", "words"), [
    ([0, 10, 5], "nps", None), ([1, 5, 3], "driver_recommend", None),
    (["Not at all likely - 0", "5", "Extremely likely - 10"], "nps", {"Not at all likely - 0": 0,
                                                                     "Extremely likely - 10": 10})])
def test_only_a_scale_from_0_to_10_makes_an_nps(made, answers, name, words):
    found = guessed(made, {"Would you recommend us?": answers, "How do you rate our delivery?": [1, 5, 3]})
    assert found["columns"][name] == "Would you recommend us?"
    assert found.get("answers") == ({name: words} if words else None)
    assert ("nps" in found["scale"]) is False


def test_of_a_question_asked_twice_the_filled_one_is_taken(made):
    asked = {"Submitted at": ["2024-05-01 10:00"], "How easy was it?": [1, 7], "Our delivery?": [1, 5]}
    header, _, rows = survey(asked).partition("\n")
    empty = "\n".join(f'{row},""' for row in rows.splitlines())
    settings, _, said = made({"sales.csv": TILL, "a.csv": f'{header},"How easy was it?"\n{empty}\n'})
    assert settings["sources"]["survey"]["columns"]["ces"] == "How easy was it?"
    assert "more than once" not in said


def test_a_question_asked_twice_with_different_answers_is_not_used(made):
    asked = {"Submitted at": ["2024-05-01 10:00"], "How easy was it?": [1, 7], "Our delivery?": [1, 5],
             "Our prices?": [5, 3]}
    header, _, rows = survey(asked).partition("\n")
    other = "\n".join(f'{row},"{i % 7 + 1}"' for i, row in enumerate(rows.splitlines()))
    settings, _, said = made({"sales.csv": TILL, "a.csv": f'{header},"How easy was it?"\n{other}\n'})
    assert set(settings["sources"]["survey"]["columns"]) == {"answered_at", "driver_delivery", "driver_price"}
    assert "'How easy was it?' stands there more than once with different cells: none of them is used." in said


def test_a_wjx_survey_asks_for_telephone_numbers_and_suggestions(made):
    found = guessed(made, {"1、手机号": [f"1380013{i:04}" for i in range(40)], "2、总体满意度": [1, 5, 3],
                           "3、您的建议": ["好", ""], "4、您的意见": ["无", "", "快点"]})
    assert found["columns"] == {"phone": "1、手机号", "csat": "2、总体满意度", "comment_improve": "3、您的建议",
                                "comment_improve_2": "4、您的意见"}


def test_an_id_is_no_opinion(made):
    ids = {"Member No": [1, 2, 3], "Our delivery?": [1, 5], "Our prices?": [5, 3]}
    assert "Member No" not in [header for ours, header in guessed(made, ids)["columns"].items() if "driver" in ours]


def test_a_list_of_members_with_odd_tiers_is_no_survey(made):
    rows = [(i, f"2024-05-{i % 28 + 1:02}", f"g: #{i % 3}") for i in range(1, 9)]
    settings, _, _ = made({"sales.csv": TILL, "club.csv": table("Customer No,Joined on,Tier", rows)})
    assert settings["sources"]["members"]["columns"] == {
        "customer_id": "Customer No", "joined_at": "Joined on", "tier": "Tier"}


def test_what_is_not_used_of_a_file_of_orders_is_said(made):
    _, _, said = made({"a.csv": table("Order No,Customer No,Date,Total,VAT,Gift", [
        (i, f"c{i % 5}", f"2024-01-{i % 28 + 1:02}", i + 1, 2, "x") for i in range(30)])})
    assert "Not used: 'VAT', 'Gift'." in said


def test_options_that_are_ticked_are_no_drivers(made):
    found = guessed(made, {"1、总体满意度": [1, 5, 3], "2、喜欢什么(积分)": [0, 1], "2、喜欢什么(生日礼)": [1, 0, 0]})
    assert sorted(found["columns"]) == ["choice_program", "choice_q4", "csat"]


def test_a_few_numbers_are_nothing(made):
    settings, _, said = made({"sales.csv": TILL, "x.csv": "a,b\n1,2\n"})
    assert settings["sources"].keys() == {"orders"} and "x.csv: No source can be made" in said


PEOPLE = [(i, f"p{i}@x.org", "yes" if i % 4 else "no", 10.0 + i, 3) for i in range(1, 41)]


def test_an_export_of_customers_that_says_who_agreed_becomes_the_list_of_those_who_did_not(made, tmp_path):
    bought = table("order number,email,date,total", [(i, f"p{i}@x.org", f"2024-03-{i % 28 + 1:02}", 20 + i)
                                                     for i in range(1, 41)])
    people = table("Customer ID,Email,Accepts Email Marketing,Total Spent,Total Orders", PEOPLE)
    settings, text, said = made({"orders.csv": bought, "customers.csv": people})
    out = settings["sources"]["opt_outs"]
    assert out["files"] == "customers.csv" and out["columns"]["email"] == "Email"
    assert out["set_aside"]["agreed to be written to"] == {"column": "Accepts Email Marketing", "equals": ["yes"]}
    block = text[text.index("  opt_outs:"):text.index("# ------", text.index("  opt_outs:"))]
    assert block.count("guessed: please confirm") == 3
    assert "Used as the list of people who must not be contacted" in said
    assert len(ingest.prepare(load_client("acme", tmp_path)).tables["opt_outs"]) == 10


def test_an_export_of_customers_without_tags_says_at_least_who_agreed(made):
    bought = table("order number,email,date,total", [(i, f"p{i}@x.org", f"2024-03-{i % 28 + 1:02}", 20 + i)
                                                     for i in range(1, 41)])
    people = table("Customer ID,Email,Accepts Email Marketing,Accepts SMS Marketing,Total Spent,Total Orders,Tags,"
                   "Tax Exempt", [(*one[:3], "no", *one[3:], "", "no") for one in PEOPLE])
    settings, _, _ = made({"orders.csv": bought, "customers.csv": people})
    assert settings["sources"]["opt_outs"]["set_aside"] and "members" not in settings["sources"]
