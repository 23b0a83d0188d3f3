"""Which rows of a real export count, and for whom: one ugly thing after another, each told in the ledger."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_helpers import alerts
from loyalty_helpers.client import load_client
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.ingest import prepare

HEAD = {"name": "Acme", "currency": "CNY", "time_zone": "Asia/Shanghai", "ids": "plain"}


@pytest.fixture
def shop(tmp_path):
    """A function that writes files (name -> text) and settings, and gives the client."""

    def make(files, orders=None, **settings):
        folder = tmp_path / "data" / "acme"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        sources = {"orders": orders or {"files": list(files)}} | settings.pop("sources", {})
        text = yaml.safe_dump(HEAD | settings | {"sources": sources}, allow_unicode=True)
        (folder / "client.yml").write_text(text, encoding="utf-8")
        return load_client("acme", tmp_path)

    return make


def orders_of(client):
    orders = prepare(client).tables["orders"]
    return [(row.order_id, row.customer_id if isinstance(row.customer_id, str) else None, row.amount)
            for row in orders.sort_values(["order_id", "amount"]).itertuples()]


def ledger(client, action):
    """What the ledger says: check -> (rows, money), over all files, but for what has no row."""
    table = prepare(client).ledger.table()
    table = table[(table["action"] == action) & (table["rows"] > 0)].groupby("check")[["rows", "amount"]].sum()
    return {check: (int(row.rows), round(row.amount, 2)) for check, row in table.iterrows()}


def by_line(*rows, head="Name,Email,Status,Paid,Total,Refunded,Tax,Qty,Item,Price"):
    return "\n".join([head, *rows, ""])


LINES = {
    "grain": "line",
    "columns": {"order_id": "Name", "email": "Email", "ordered_at": "Paid", "order_total": "Total",
                "order_refunded": "Refunded", "quantity": "Qty", "product": "Item", "unit_price": "Price"},
    "set_aside": {"not paid": {"column": "Status", "other_than": ["paid", "refunded"]},
                  "gift cards sold": {"column": "Item", "contains": "gift card"}},
}
FIRST_LINE_ONLY = by_line("#1,ann@example.com,paid,2024-01-05,30,0,3,2,Mug,10", "#1,,,,,,,1,Pen,10",
                          "#2,bob@example.com,pending,2024-01-06,99,0,9,1,Mug,99", "#2,,,,,,,1,Pen,1",
                          "#3,ann@example.com,refunded,2024-01-07,20,5,2,2,Pen,10",
                          "#4,bob@example.com,paid,2024-01-08,60,0,0,1,Gift Card,50", "#4,,,,,,,1,Pen,10")


# ---------------------------------------------------------------- files by line, with the order's total
def test_an_orders_total_counts_once_less_refund_and_without_what_is_set_aside(shop):
    client = shop({"o.csv": FIRST_LINE_ONLY}, {"files": "o.csv", **LINES})
    assert orders_of(client) == [("#1", "ann@example.com", 30), ("#3", "ann@example.com", 15),
                                 ("#4", "bob@example.com", 10)]
    # the status stands on the first line of the order and holds for all of them; the gift card takes its 50 along
    assert ledger(client, "set aside") == {"not paid": (2, 99), "gift cards sold": (1, 50)}
    assert ledger(client, "read") == {"all rows": (7, 30 + 99 + 15 + 60)}


def test_a_total_repeated_on_each_line_counts_once(shop):
    repeated = FIRST_LINE_ONLY.replace("#1,,,,,,,1,Pen,10", "#1,ann@example.com,paid,2024-01-05,30,0,3,1,Pen,10")
    client = shop({"o.csv": repeated}, {"files": "o.csv", **LINES})
    assert orders_of(client)[0] == ("#1", "ann@example.com", 30)
    assert sum(prepare(client).tables["lines"].loc[lambda lines: lines["order_id"] == "#1", "amount"]) == 30


def test_totals_that_differ_within_an_order_are_told(shop):
    text = FIRST_LINE_ONLY.replace("#1,,,,,,,1,Pen,10", "#1,,,,31,,,1,Pen,10")
    client = shop({"o.csv": text}, {"files": "o.csv", **LINES})
    assert orders_of(client)[0][2] == 30
    assert ledger(client, "flagged")["order totals that differ within the order"][0] == 2


def test_columns_that_are_not_to_count_are_taken_off_once(shop):
    client = shop({"o.csv": FIRST_LINE_ONLY}, {"files": "o.csv", **LINES, "less": ["Tax"]})
    assert [amount for _, _, amount in orders_of(client)] == [27, 13, 10]


def test_a_column_to_take_off_must_be_there(shop):
    with pytest.raises(UserError, match=r"no column 'Taxes'.*Did you mean 'Tax'.*sources.orders.less"):
        prepare(shop({"o.csv": FIRST_LINE_ONLY}, {"files": "o.csv", **LINES, "less": ["Taxes"]}))


PLAIN = "order_id,customer_id,ordered_at,amount\n"


def orders_csv(*rows):
    return PLAIN + "\n".join(rows) + "\n"


# ---------------------------------------------------------------- overlapping exports
def test_a_later_export_tells_the_present_state_of_an_order(shop):
    early = orders_csv("1,ann,2024-01-05,30", "2,bob,2024-01-06,40")
    late = orders_csv("2,bob,2024-01-06,25", "3,ann,2024-02-01,10")
    for names in (("a.csv", "b.csv"), ("b.csv", "a.csv")):  # later is the file with the later orders, whatever its name
        client = shop(dict(zip(names, (early, late), strict=True)))
        assert orders_of(client) == [("1", "ann", 30), ("2", "bob", 25), ("3", "ann", 10)]
        assert ledger(client, "set aside") == {"earlier state of an order in another file": (1, 40)}


def test_states_of_an_order_by_line(shop):
    later = FIRST_LINE_ONLY.replace("paid,2024-01-05,30,0,3", "refunded,2024-01-05,30,30,3")
    later += "#5,ann@example.com,paid,2024-03-01,7,0,0,1,Pen,7\n"
    client = shop({"a.csv": FIRST_LINE_ONLY, "b.csv": later}, {"files": ["a.csv", "b.csv"], **LINES})
    assert orders_of(client) == [("#1", "ann@example.com", 0), ("#3", "ann@example.com", 15),
                                 ("#4", "bob@example.com", 10), ("#5", "ann@example.com", 7)]


def test_an_order_that_a_later_export_shows_as_cancelled_counts_no_more(shop):
    head = "order_id,customer_id,ordered_at,amount,status\n"
    early, late = f"{head}1,ann,2024-01-05,30,paid\n2,bob,2024-01-06,40,paid\n", \
        f"{head}2,bob,2024-01-06,40,cancelled\n3,ann,2024-02-01,10,paid\n"
    rule = {"cancelled": {"column": "status", "equals": "cancelled"}}
    client = shop({"a.csv": early, "b.csv": late}, {"files": ["a.csv", "b.csv"], "set_aside": rule})
    assert orders_of(client) == [("1", "ann", 30), ("3", "ann", 10)]
    assert ledger(client, "set aside") == {"cancelled": (1, 40), "earlier state of an order in another file": (1, 40)}


def test_what_a_rule_sets_aside_in_both_exports_leaves_the_rest_of_the_order(shop):
    later = FIRST_LINE_ONLY + "#5,ann@example.com,paid,2024-03-01,7,0,0,1,Pen,7\n"
    once = orders_of(shop({"b.csv": later}, {"files": "b.csv", **LINES}))
    assert orders_of(shop({"a.csv": FIRST_LINE_ONLY, "b.csv": later}, {"files": ["a.csv", "b.csv"], **LINES})) == once


TILL = "order_id,customer_id,ordered_at,product,amount\n"


@pytest.mark.parametrize(("early", "late", "expected"), [
    (["1,a,{t},x,10", "1,a,{t},y,5"], ["1,a,{t},x,10", "1,a,{t},y,5", "1,a,{t},ship,3"], 18),  # a line more
    (["1,a,{t},x,10", "1,a,{t},y,5"], ["1,a,{t},x,10", "1,a,{t},y,6"], 16),  # a line corrected
    (["1,a,{t},x,10", "1,a,{t},y,5"], ["1,a,{t},x,10"], 10),  # a line less
    (["1,a,{t},x,10", "1,a,{t},y,5"], ["1,a,{t},y,5", "1,a,{t},x,10"], 15),  # in another order
])
def test_a_later_export_by_line_tells_the_present_state_of_an_order(shop, early, late, expected):
    early, late = (TILL + "\n".join(["0,a,2023-12-31,x,1", *rows, tail, ""]).format(t="2024-01-01 10:00:00")
                   for rows, tail in ((early, "2,b,2024-01-02,x,1"), (late, "3,b,2024-02-02,x,1")))
    client = shop({"a.csv": early, "b.csv": late}, {"files": ["a.csv", "b.csv"], "grain": "line"})
    assert {number: amount for number, _, amount in orders_of(client)} == {"0": 1, "1": expected, "2": 1, "3": 1}


def test_an_order_cut_in_two_by_the_end_of_a_file_has_all_its_lines(shop):
    client = shop({"a.csv": TILL + "1,a,2024-01-01,x,1\n2,b,2024-01-02,x,10\n",
                   "b.csv": TILL + "2,b,2024-01-02,y,5\n3,a,2024-01-03,x,1\n"}, {"files": "*.csv", "grain": "line"})
    assert [amount for *_, amount in orders_of(client)] == [1, 15, 1]


def test_the_same_number_at_another_moment_is_another_order(shop):
    client = shop({"a.csv": orders_csv("1,ann,2024-01-05,30"), "b.csv": orders_csv("1,bob,2024-03-05,12")})
    assert [amount for *_, amount in orders_of(client)] == [12, 30]


def test_files_grow_columns_and_are_united_by_name(shop):
    more = "amount,ordered_at,customer_id,note,order_id,channel\n10,2024-02-01,ann,x,3,web\n"
    orders = prepare(shop({"a.csv": orders_csv("1,ann,2024-01-05,30"), "b.csv": more})).tables["orders"]
    assert orders["amount"].tolist() == [30, 10] and orders["channel"].isna().tolist() == [True, False]


@pytest.mark.parametrize(("second", "told"), [
    ("1,b,2024-03-05,y,5", True),  # the number begins again
    ("1,a,2024-01-05 10:00:01,y,5", False),  # one sale
])
def test_numbers_of_lines_that_lie_apart_are_told(shop, second, told):
    client = shop({"o.csv": f"{TILL}1,a,2024-01-05 10:00:00,x,10\n{second}\n"}, {"files": "o.csv", "grain": "line"})
    assert alerts.about(prepare(client), client)["what"].str.contains("another day or file").any() == told


def test_two_exports_that_time_an_order_differently_are_told(shop):
    client = shop({"a.csv": f"{TILL}1,a,2024-01-05 10:00:00,x,10\n", "b.csv": f"{TILL}1,a,2024-01-05 10:00:01,x,10\n"},
                  {"files": "*.csv", "grain": "line"})
    assert alerts.about(prepare(client), client)["what"].str.contains("2 rows of orders share an order number").any()


# ---------------------------------------------------------------- shops
def test_order_numbers_of_two_shops_are_told_apart_by_name_or_column(shop):
    first, second = orders_csv("1,ann,2024-01-05,30"), orders_csv("1,bob,2024-01-05,12")
    client = shop({"a.csv": first, "b.csv": second},
                  [{"files": "a.csv", "shop": "North"}, {"files": "b.csv", "shop": "South"}])
    assert orders_of(client) == [("North 1", "North ann", 30), ("South 1", "South bob", 12)]
    one_file = "order_id,customer_id,ordered_at,amount,shop\n1,ann,2024-01-05,30,North\n1,ann,2024-01-05,12,South\n"
    client = shop({"a.csv": one_file}, {"files": "a.csv"})
    assert orders_of(client) == [("North 1", "ann", 30), ("South 1", "ann", 12)]


def test_two_platforms_become_one_history(shop):
    etsy = "Order ID,Buyer,Sale Date,Total\n9,ANN@example.com,5/13/2024,8.50\n"
    client = shop({"a.csv": orders_csv("1,ann@example.com,2024-01-05,30"), "etsy.csv": etsy},
                  [{"files": "a.csv"}, {"files": "etsy.csv", "columns": {
                      "order_id": "Order ID", "customer_id": "Buyer", "ordered_at": "Sale Date", "amount": "Total"}}])
    prepared = prepare(client)
    assert prepared.tables["orders"]["customer_id"].tolist() == ["ann@example.com"] * 2
    assert set(prepared.ledger.table()["file"]) == {"a.csv", "etsy.csv"}


# ---------------------------------------------------------------- who is who
PEOPLE = "order_id,id,mail,tel,ordered_at,amount\n"
WHO = {"columns": {"customer_id": "id", "email": "mail", "phone": "tel"}}


def customers(shop, *rows, **more):
    client = shop({"o.csv": PLAIN.replace("customer_id", "id,mail,tel") + "".join(
        f"{number},{row},2024-01-{number:02d},10\n" for number, row in enumerate(rows, 1))}, {"files": "o.csv", **WHO},
        **more)
    return [customer for _, customer, _ in orders_of(client)]


@pytest.mark.parametrize(("rows", "expected"), [
    # the platform's id, else the address, else the number
    (["7,,", ",ann@example.com,", ",,13800138000"], ["7", "ann@example.com", "13800138000"]),
    # a guest whose address has an account
    (["7,Ann@Example.com,", ", ann@example.com ,"], ["7", "7"]),
    # two ids of one address are one customer; the first by name
    (["8,ann@example.com,", "7,ANN@EXAMPLE.COM,"], ["7", "7"]),
    # a number beside one customer
    (["7,,13800138000", ",,+86 138 0013 8000"], ["7", "7"]),
    # a number beside two customers tells nothing
    (["7,,13800138000", "8,,13800138000", ",,13800138000"], ["7", "8", None]),
    # an address beside four ids is nobody's own, and joins none of them
    ([f"{number},till@example.com," for number in range(1, 5)] + [",till@example.com,"], ["1", "2", "3", "4", None]),
    # addresses that chain five ids together are a household's or a till's
    (["1,x@example.com,", "2,x@example.com,", "3,x@example.com,", "3,y@example.com,", "4,y@example.com,",
      "5,y@example.com,"], ["1", "2", "3", "3", "4", "5"]),
    # nobody in particular
    (["unknown,,", "Anonymous,,", "0000,,", "00,,", "7,,"], [None] * 4 + ["7"]),
    # masked ones collapse people
    (["张**,,", "7,a***@example.com,", ",,138****1234"], [None, "7", None]),
])
def test_who_is_who(shop, rows, expected):
    assert customers(shop, *rows) == expected


@pytest.mark.parametrize(("more", "expected"), [
    ({"time_zone": "Europe/Berlin"}, ["01701234567"] * 2),  # the country of the time zone
    ({"time_zone": "UTC", "country": "DE"}, ["01701234567"] * 2),
    ({"time_zone": "Europe/Berlin", "country": "AT"}, ["491701234567", "01701234567"]),
])
def test_a_number_with_and_without_the_countrys_code_is_one_customer(shop, more, expected):
    assert customers(shop, ",,+49 170 1234567", ",,0170 1234567", **more) == expected


def test_merges_and_masks_are_counted(shop):
    rows = ["8,ann@example.com,", "7,ANN@EXAMPLE.COM,", ",bob@example.com,", "张**,,"]
    customers(shop, *rows)
    prepared = prepare(load_client("acme", shop({"x.csv": "a\n"}, {"files": "o.csv", **WHO}).folder.parents[1]))
    assert dict(prepared.recognised.itertuples(index=False)) == {
        "the platform's own id": 1, "the e-mail address": 1, "several ids of one address, taken as one customer": 1}
    table = prepared.ledger.table()
    assert table.loc[table["check"] == "masked id, not used", "rows"].sum() == 1


def test_a_file_of_masked_names_only_stops(shop):
    with pytest.raises(UserError, match=r"none of the 2 rows names a customer"):
        prepare(shop({"o.csv": orders_csv("1,张**,2024-01-05,30", "2,李**,2024-01-06,30")}))


def test_who_stands_in_two_lists_of_members_counts_once_with_the_date(shop):
    client = shop({"o.csv": orders_csv("1,ann,2024-01-05,30"), "tags.csv": "customer_id\nann\nbob\n",
                   "app.csv": "customer_id,joined_at\nann,2024-01-09\n"}, {"files": "o.csv"},
                  sources={"members": [{"files": "tags.csv"}, {"files": "app.csv"}]})
    members = prepare(client).tables["members"].set_index("customer_id")["joined_at"]
    assert members.index.tolist() == ["ann", "bob"] and members.notna().tolist() == [True, False]
    assert ledger(client, "set aside")["duplicate member"][0] == 1


def test_members_are_recognised_by_address(shop):
    client = shop({"o.csv": PLAIN.replace("customer_id", "id,mail") + "1,7,ann@example.com,2024-01-05,30\n",
                   "m.csv": "Email,since\n ANN@example.com,2024-01-09\n"},
                  {"files": "o.csv", "columns": {"customer_id": "id", "email": "mail"}},
                  sources={"members": {"files": "m.csv", "columns": {"email": "Email", "joined_at": "since"}}})
    assert prepare(client).tables["members"]["customer_id"].tolist() == ["7"]


def test_an_address_is_read_only_where_the_settings_ask_for_it(shop):
    text = "order_id,customer_id,email,ordered_at,amount\n1,7,ann@example.com,2024-01-05,1\n2,8,ann@example.com," \
           "2024-01-06,1\n"
    assert [customer for _, customer, _ in orders_of(shop({"o.csv": text}))] == ["7", "8"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "1", "2", "3"]), st.sampled_from(["", "a@x.example", "b@x.example"])),
                min_size=1, max_size=12))
def test_rows_that_share_an_id_or_an_address_are_one_customer_in_any_order(pairs):
    from loyalty_helpers import people

    def told(pairs):
        rows = pd.DataFrame(pairs, columns=["customer_id", "email"]).replace("", None).astype("str")
        (found,), _ = people.recognise([rows])
        return found["customer_id"].tolist()

    found = told(pairs)
    for one, mine in zip(pairs, found, strict=True):
        for other, theirs in zip(pairs, found, strict=True):
            if (one[0] and one[0] == other[0]) or (one[1] and one[1] == other[1]):
                assert mine == theirs
        assert isinstance(mine, str) == any(one)
    assert told(pairs[::-1]) == found[::-1] or not any(map(any, pairs))


# ---------------------------------------------------------------- money
CURRENCIES = "order_id,customer_id,ordered_at,amount,currency\n1,a,2024-01-05,10,USD\n2,a,2025-01-05,10,usd\n" \
             "3,b,2024-01-06,10,CNY\n4,b,2024-01-07,10,\n"


def test_other_currencies_are_never_added(shop):
    with pytest.raises(UserError, match=r"2 rows in USD, which cannot be added to CNY.*rates.*set these rows aside"):
        prepare(shop({"o.csv": CURRENCIES}))


def test_other_currencies_are_converted_by_the_rates_of_the_settings(shop):
    assert [amount for *_, amount in orders_of(shop({"o.csv": CURRENCIES}, rates={"USD": 7.1}))] == [71, 71, 10, 10]
    by_day = {"USD": {"2024-01-01": 7, "2025-01-01": 7.3}}
    client = shop({"o.csv": CURRENCIES}, rates=by_day)
    assert [amount for *_, amount in orders_of(client)] == [70, 73, 10, 10]
    assert ledger(client, "changed") == {"other currency, converted": (2, 143)}
    with pytest.raises(UserError, match=r"row 2, column 'currency': 'USD' has no rate before 2024-06-01"):
        prepare(shop({"o.csv": CURRENCIES}, rates={"USD": {"2024-06-01": 7}}))


def test_one_currency_may_be_selected(shop):
    rule = {"other currency": {"column": "currency", "equals": "usd"}}
    client = shop({"o.csv": CURRENCIES}, {"files": "o.csv", "set_aside": rule})
    assert orders_of(client) == [("3", "b", 10), ("4", "b", 10)]
    assert ledger(client, "set aside") == {"other currency": (2, 20)}


def test_a_whole_file_in_another_currency_asks(shop):
    with pytest.raises(UserError, match=r"all amounts are in EUR, and client.yml says currency: CNY"):
        prepare(shop({"o.csv": CURRENCIES.replace("USD", "EUR").replace("usd", "EUR").replace("CNY", "EUR")
                      .replace("10,\n", "10,€\n")}))


def test_hundredths(shop):
    client = shop({"o.csv": orders_csv("1,ann,2024-01-05,1999")}, {"files": "o.csv", "hundredths": True})
    assert orders_of(client) == [("1", "ann", 19.99)]


def test_sales_written_with_a_minus_are_turned(shop):
    rows = [f"{number},ann,2024-01-{number:02d},{-10 if number < 25 else 4}" for number in range(1, 29)]
    client = shop({"o.csv": orders_csv(*rows)})
    orders = prepare(client).tables["orders"]
    assert orders["amount"].sum() == 24 * 10 - 4 * 4 and orders["is_refund"].sum() == 4
    assert ledger(client, "changed")["sales written with a minus"][0] == 28


def test_a_file_of_refunds_alone_is_not_turned_into_sales(shop):
    sales = orders_csv(*(f"{n},ann,2024-01-{n:02d},10" for n in range(1, 26)))
    back = orders_csv(*(f"{n},ann,2024-02-{n:02d},-10" for n in range(1, 26)))
    client = shop({"a.csv": sales, "b.csv": back}, [{"files": "a.csv"}, {"files": "b.csv"}])
    orders = prepare(client).tables["orders"]
    assert orders["amount"].sum() == 0 and orders["is_refund"].sum() == 25


def test_turned_signs_are_told(shop):
    client = shop({"o.csv": orders_csv(*(f"{n},ann,2024-01-{n:02d},-10" for n in range(1, 26)))})
    told = alerts.about(prepare(client), client)
    assert told["what"].str.contains("25 rows are below zero, and their signs were turned").any()


def test_what_is_taken_off_makes_a_refund_smaller_too(shop):
    text = "order_id,customer_id,ordered_at,amount,tax\n1,ann,2024-01-05,10,2\n2,ann,2024-01-06,-10,-2\n"
    client = shop({"o.csv": text}, {"files": "o.csv", "less": ["tax"]})
    assert [amount for *_, amount in orders_of(client)] == [8, -8]
    client = shop({"o.csv": text.replace("tax", "refunded")}, {"files": "o.csv", "less": ["refunded"],
                                                              "hundredths": True})
    assert [amount for *_, amount in orders_of(client)] == [0.08, -0.08]


def test_parts_of_a_refund_on_several_lines_add_up_and_a_refund_bears_its_own_total(shop):
    text = by_line("#1,ann@example.com,paid,2024-01-05,30,5,2,1,Mug,20", "#1,ann@example.com,paid,2024-01-05,30,10,3,1,"
                   "Pen,10", "#1,ann@example.com,refund,2024-02-01,8,,,1,Pen,8")
    rule = {"column": "Status", "equals": "refund"}
    client = shop({"o.csv": text}, {"files": "o.csv", **LINES, "set_aside": {}, "refunds": rule})
    assert [amount for *_, amount in orders_of(client)] == [-8, 15]
    client = shop({"o.csv": text}, {"files": "o.csv", **LINES, "set_aside": {}, "refunds": rule, "less": ["Tax"]})
    assert [amount for *_, amount in orders_of(client)] == [-8, 10]


def test_a_line_set_aside_takes_no_more_than_the_order_has(shop):
    text = by_line("#1,ann@example.com,paid,2024-01-05,40,0,0,1,Gift Card,50", "#1,,,,,,,1,Pen,20")
    client = shop({"o.csv": text}, {"files": "o.csv", **LINES})
    assert ledger(client, "set aside") == {"gift cards sold": (1, 40)}
    assert ledger(client, "kept") == {"all rows": (1, 0)}


def test_signs_count_where_no_column_names_the_currency(shop):
    text = CURRENCIES.replace("10,USD", "$10,").replace("10,usd", "$10,")
    with pytest.raises(UserError, match=r"is in USD, and client.yml says currency: CNY"):
        prepare(shop({"o.csv": text}))


def test_two_currencies_within_an_order_are_not_added(shop):
    text = "order_id,customer_id,ordered_at,amount,currency\n1,a,2024-01-05,10,CNY\n1,a,2024-01-05,100,USD\n"
    with pytest.raises(UserError, match="1 row in USD"):
        prepare(shop({"o.csv": text}, {"files": "o.csv", "grain": "line"}))


# ---------------------------------------------------------------- rows that are no orders, and rules
def test_a_totals_row_is_no_order(shop):
    for word in ("Total", " TOTALS ", "合计"):
        client = shop({"o.csv": orders_csv("1,ann,2024-01-05,30", "2,bob,2024-01-06,12", f"{word},,,42")})
        assert prepare(client).tables["orders"]["amount"].sum() == 42
        assert ledger(client, "set aside") == {"totals row": (1, 42)}


def test_a_product_called_total_is_an_order(shop):
    text = "order_id,customer_id,ordered_at,amount,category\n1,ann,2024-01-05,30,Total\n"
    assert len(orders_of(shop({"o.csv": text}))) == 1


STATES = orders_csv("1,ann,2024-01-05,1").replace("amount\n", "amount,Paid at,Cancelled at,Tags\n").replace(
    ",1\n", ",1,2024-01-05,,\n") + "2,ann,2024-01-06,2,-,,wholesale\n3,bob,2024-01-07,3,2024-01-07,2024-01-09,\n"


VOIDS = "order_id,customer_id,ordered_at,amount,Void\n1,a,2024-01-05,10,\n1,a,2024-01-05,-10,J\n2,b,2024-01-06,5,J\n" \
        "2,b,2024-01-06,7,\n"


def test_a_mark_on_one_line_is_no_mark_on_its_neighbours(shop):
    settings = {"files": "o.csv", "grain": "line", "set_aside": {"void": {"column": "Void", "equals": "J"}}}
    client = shop({"o.csv": VOIDS}, settings)
    assert [amount for *_, amount in orders_of(client)] == [10, 7]
    assert ledger(client, "set aside") == {"void": (2, -5)}


def test_an_order_that_comes_to_nothing_is_no_purchase(shop):
    orders = prepare(shop({"o.csv": VOIDS}, {"files": "o.csv", "grain": "line"})).tables["orders"]
    assert orders.set_index("order_id")["is_refund"].to_dict() == {"1": True, "2": False}


def test_an_error_shows_no_address_and_no_telephone_number(shop):
    text = orders_csv("1,ann,2024-01-05,Ann ann@example.com +49 170 1234567")
    with pytest.raises(UserError) as told:
        prepare(shop({"o.csv": text}))
    assert "is not a number" in str(told.value) and "example.com" not in str(told.value)
    assert "1234567" not in str(told.value) and "170" not in str(told.value)


def test_rules_ask_for_blank_and_filled_cells(shop):
    rules = {"not paid": {"column": "Paid at", "is": "blank"}, "cancelled": {"column": "Cancelled at", "is": "filled"}}
    client = shop({"o.csv": STATES}, {"files": "o.csv", "set_aside": rules})
    assert ledger(client, "set aside") == {"not paid": (1, 2), "cancelled": (1, 3)}


def test_who_lacks_a_tag_is_no_member(shop):
    members = "id,Tags\nann,\"newsletter, VIP\"\nbob,newsletter\ncat,\n"
    settings = {"files": "m.csv", "columns": {"customer_id": "id"},
                "set_aside": {"no member": {"column": "Tags", "lacks": ["vip", "club"]}}}
    client = shop({"o.csv": orders_csv("1,ann,2024-01-05,30"), "m.csv": members}, {"files": "o.csv"},
                  sources={"members": settings})
    assert prepare(client).tables["members"]["customer_id"].tolist() == ["ann"]


def test_a_rule_may_ask_for_two_things_at_once(shop):
    both = [{"column": "customer_id", "equals": "ann"}, {"column": "Tags", "contains": "wholesale"}]
    client = shop({"o.csv": STATES + "4,bob,2024-01-08,4,,,wholesale\n"},
                  {"files": "o.csv", "set_aside": {"own purchases": both}})
    assert ledger(client, "set aside") == {"own purchases": (1, 2)}


def test_flagged_rows_count_and_are_told(shop):
    client = shop({"o.csv": STATES}, {"files": "o.csv", "flag": {"wholesale": {"column": "tags", "contains": "WHOLE"}}})
    assert len(orders_of(client)) == 3 and ledger(client, "flagged") == {"wholesale": (1, 2)}


def test_a_renamed_or_localised_column_is_found_under_any_of_its_names(shop):
    settings = {"files": "o.csv", "columns": {"amount": ["Order Total", "Montant", "amount"]},
                "set_aside": {"cancelled": {"column": ["Statut", "Cancelled at"], "is": "filled"}}}
    assert [amount for *_, amount in orders_of(shop({"o.csv": STATES}, settings))] == [1, 2]


def test_a_twin_of_a_column_yields_if_it_is_empty_and_to_the_exact_name(shop):
    text = "order_id,customer_id,ordered_at,amount,amount \n1,ann,2024-01-05,30,\n"
    assert orders_of(shop({"o.csv": text})) == [("1", "ann", 30)]
    text = "order_id,customer_id,ordered_at,AMOUNT,amount\n1,ann,2024-01-05,99,30\n"
    assert orders_of(shop({"o.csv": text})) == [("1", "ann", 30)]


def test_labels_in_several_spellings_are_one(shop):
    text = "order_id,customer_id,ordered_at,amount,category\n" + "".join(
        f"{number},ann,2024-01-05,1,{label}\n" for number, label in enumerate(["tea", "Tea", "Tea", "TEA", "Mug"]))
    assert set(prepare(shop({"o.csv": text})).tables["orders"]["category"]) == {"Tea", "Mug"}


@pytest.mark.parametrize(("product", "words"), [
    ("Test product", "look like a test order"), ("$50 Gift Card", "look like a gift card sold"),
    ("POSTAGE", "look like shipping, a fee or a correction"), ("运费补拍", "look like shipping, a fee or a correction"),
    ("Protest shirt", None), ("Post box", None),
])
def test_rows_that_look_like_no_sale_are_told_and_kept(shop, product, words):
    text = f"order,who,at,amount,product\n1,ann,2024-01-05,30,Mug\n1,ann,2024-01-05,5,{product}\n"
    columns = {"order_id": "order", "customer_id": "who", "ordered_at": "at"}
    client = shop({"o.csv": text}, {"files": "o.csv", "grain": "line", "columns": columns})
    prepared = prepare(client)
    assert prepared.tables["orders"]["amount"].tolist() == [35]
    told = [what for what in alerts.about(prepared, client)["what"] if "look like" in what]
    assert told == ([f"1 row of orders {words}"] if words else [])


# ---------------------------------------------------------------- moments
def test_date_and_time_in_two_columns_and_a_zone_in_a_third(shop):
    text = ("order_id,customer_id,amount,Date,Time,Time Zone\n1,ann,5,2024-07-01,21:30:00,Pacific Time (US & Canada)\n"
            "2,ann,5,2024-07-01,21:30:00,Beijing\n3,ann,5,2024-07-01,21:30:00,\n")
    columns = {"date": "Date", "time": "Time", "zone": "Time Zone"}
    orders = prepare(shop({"o.csv": text}, {"files": "o.csv", "columns": columns})).tables["orders"]
    when = dict(zip(orders["order_id"], orders["ordered_at"].astype(str), strict=True))
    assert when == {"1": "2024-07-02 12:30:00", "2": "2024-07-01 21:30:00", "3": "2024-07-01 21:30:00"}


def test_year_month_and_day_in_columns(shop):
    text = "order_id,customer_id,amount,Y,M,D\n1,ann,5,2024,7,1\n"
    columns = {"year": "Y", "month": "M", "day": "D"}
    orders = prepare(shop({"o.csv": text}, {"files": "o.csv", "columns": columns})).tables["orders"]
    assert orders["ordered_at"].astype(str).tolist() == ["2024-07-01"]


def test_a_file_without_any_customer_says_what_to_export(shop):
    with pytest.raises(UserError, match=r"no column 'customer_id'.*email or phone.*nobody can be seen coming back"):
        prepare(shop({"o.csv": "order_id,ordered_at,amount\n1,2024-01-01,5\n"}))


# ---------------------------------------------------------------- known formats in the settings
def test_a_formats_settings_stand_where_the_clients_are_silent(shop, monkeypatch, tmp_path):
    (tmp_path / "till.yml").write_text("""
name: Till
settings:
  columns: {order_id: Nr, customer_id: Who, ordered_at: At, amount: Sum, rating: Stars}
  set_aside:
    void: {column: State, equals: void}
    draft: {column: Kind, equals: draft}
""", encoding="utf-8")
    monkeypatch.setattr("loyalty_helpers.client.FORMATS", tmp_path)
    text = "Nr,Who,At,Sum,Net,State\n1,ann,2024-01-05,30,25,ok\n2,ann,2024-01-06,30,25,void\n"
    # Stars and Kind are not in this file, and that is no fault: the columns of such exports are chosen by the seller
    assert orders_of(shop({"o.csv": text}, {"files": "o.csv", "format": "till"})) == [("1", "ann", 30)]
    own = {"files": "o.csv", "format": "till", "columns": {"amount": "Net"}, "set_aside": {"void": None}}
    assert [amount for *_, amount in orders_of(shop({"o.csv": text}, own))] == [25, 25]
    with pytest.raises(UserError, match=r"format is 'tlil'; allowed: till. Did you mean 'till'"):
        shop({"o.csv": text}, {"files": "o.csv", "format": "tlil"})
