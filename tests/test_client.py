"""Settings: what is accepted, and what is said of everything else."""

import re
import subprocess
import sys
from dataclasses import fields
from datetime import date, datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_helpers import client
from loyalty_helpers.client import KPIS, LEVELS, TEMPLATE, Client, Program, Rule, Source, load_client
from loyalty_helpers.core import columns, errors
from loyalty_helpers.core.errors import UserError

MINIMUM = {"name": "Acme", "currency": "CNY", "time_zone": "Asia/Shanghai", "sources": {"orders": "orders.csv"}}


@pytest.fixture
def load(tmp_path):
    """load(text or mapping) -> Client, from a client named acme."""
    def _load(settings):
        folder = tmp_path / "data" / "acme"
        folder.mkdir(parents=True, exist_ok=True)
        text = settings if isinstance(settings, str) else yaml.safe_dump(settings)
        (folder / "client.yml").write_text(text, encoding="utf-8")
        return load_client("acme", tmp_path)
    return _load


def test_the_minimum_gets_safe_defaults(load, tmp_path):
    shop = load(MINIMUM)
    assert (shop.key, shop.name, shop.language, shop.primary_kpi) == ("acme", "Acme", "en", "retention")
    assert shop.program == Program(joining="none")
    assert not shop.has_program
    assert shop.sources == {"orders": (Source(files=("orders.csv",)),)}
    assert shop.levels == LEVELS
    assert shop.thresholds == shop.chapters == {}
    assert shop.results == tmp_path / "data" / "acme" / "prepared" / "results"
    assert shop.private == tmp_path / "data" / "acme" / "private"
    assert shop.reports == tmp_path / "reports" / "acme"


def test_everything_that_can_be_set(load):
    shop = load("""
        name: 木兰
        currency: CNY
        time_zone: Asia/Shanghai
        program: {launched_on: 2025-03-31, gap_days: 7, joining: everyone, gross_margin: 0.4, monthly_cost: 300}
        sources:
          orders:
            files: ["2024*.csv", new/2025.csv]
            columns: {order_id: 订单编号}
            grain: line
            duplicates: keep
            set_aside: {cancelled: {column: Status, equals: [Cancelled, 9]}}
            refunds: {column: Order No, starts_with: C}
            dates: "%d/%m/%Y"
            decimal: ","
            time_zone: Europe/London
            encoding: gb18030
          survey: {files: s.csv, scale: {ces: [7, 1], driver_price: [1, 5]}}
          members: [a.csv, b.csv]
        primary_kpi: repeat_rate
        thresholds: {retention: {min: 0.4}, nps: {min: -5, max: 90}}
        chapters: {02_scoring: {top: 20}}
        levels: {high: {min_orders: 10}}
        """)
    assert shop.program.launched_on == date(2025, 3, 31)
    assert shop.has_program
    assert (shop.program.gap_days, shop.program.gross_margin, shop.program.monthly_cost) == (7, 0.4, 300.0)
    (orders,) = shop.sources["orders"]
    assert orders.files == ("2024*.csv", "new/2025.csv")
    assert orders.columns == {"order_id": ("订单编号",)}
    assert orders.set_aside == {"cancelled": Rule(column=("Status",), test="equals", values=("Cancelled", "9"))}
    assert orders.refunds == Rule(column=("Order No",), test="starts_with", values=("C",))
    assert shop.scales == {"ces": (7.0, 1.0), "driver_price": (1.0, 5.0)}
    assert shop.sources["members"][0].files == ("a.csv", "b.csv")
    assert shop.thresholds == {"retention": {"min": 0.4}, "nps": {"min": -5.0, "max": 90.0}}
    assert shop.chapters == {"02_scoring": {"top": 20}}
    assert shop.levels["high"] == {"min_orders": 10, "min_rating": 4, "min_referrals": 1}
    assert shop.levels["basic"] == LEVELS["basic"]


def test_a_date_in_quotes_is_still_a_date(load):
    assert load(MINIMUM | {"program": {"launched_on": "2025-03-31"}}).program.launched_on == date(2025, 3, 31)


# one change to the minimum -> what the message must say
WRONG = [
    ({"curency": "CNY"}, ["acme/client.yml: curency is not a setting", "Did you mean 'currency'?"]),
    ({"name": None}, ["name is missing"]),
    ({"name": 7}, ["name is 7", "text (in quotes"]),
    ({"currency": "yuan"}, ["currency is 'yuan'", "CNY"]),
    ({"time_zone": "Asia/Shanghia"}, ["time_zone is 'Asia/Shanghia'", "Did you mean 'Asia/Shanghai'?"]),
    ({"time_zone": "America"}, ["time_zone is 'America'", "name of a time zone"]),
    ({"time_zone": 8}, ["time_zone is 8", "name of a time zone"]),
    ({"country": "de"}, ["country is 'de'", "two capital letters"]),
    ({"country": "UK"}, ["country is 'UK'", "such as CN, DE, GB"]),
    ({"language": "zh"}, ["Chinese edition does not exist yet"]),
    ({"language": "de"}, ["language is 'de'", "allowed: en"]),
    ({"program": {"launched": "2025-01-01"}}, ["program.launched is not a setting", "'launched_on'"]),
    ({"program": {"launched_on": "March"}}, ["program.launched_on is 'March'", "2025-03-31"]),
    ({"program": {"launched_on": "2025-02-30"}}, ["program.launched_on", "a date that exists"]),
    ({"program": {"launched_on": 20250331}}, ["program.launched_on is 20250331", "2025-03-31"]),
    ({"program": {"launched_on": datetime(2025, 3, 31, 10)}}, ["launched_on is 2025-03-31 10:00:00", "without a time"]),
    ({"program": {"gap_days": -1}}, ["gap_days is -1", "a whole number from 0 to 182"]),
    ({"program": {"gap_days": 1.5}}, ["gap_days is 1.5", "a whole number"]),
    ({"program": {"gross_margin": 40}}, ["gross_margin is 40", "from 0 to 1", "0.4 means 40 %"]),
    ({"program": {"gross_margin": "40%"}}, ["gross_margin is '40%'", "from 0 to 1"]),
    ({"program": {"monthly_cost": True}}, ["monthly_cost is True", "a number 0 or more"]),
    ({"program": {"monthly_cost": float("inf")}}, ["monthly_cost is inf", "a number 0 or more"]),
    ({"program": {"monthly_cost": float("nan")}}, ["monthly_cost is nan", "a number 0 or more"]),
    ({"program": {"joining": "selfselected"}}, ["joining is 'selfselected'", "Did you mean 'self-selected'?"]),
    ({"program": {"joining": "none", "launched_on": "2025-03-31"}}, ["joining is none", "launched_on is 2025-03-31"]),
    ({"program": "yes please"}, ["program is 'yes please'", "key: value"]),
    ({"sources": {"members": "m.csv"}}, ["sources.orders is missing"]),
    ({"sources": {"orders": "o.csv", "member": "m.csv"}}, ["sources.member is not a setting", "'members'"]),
    ({"sources": {"orders": {"file": "o.csv"}}}, ["sources.orders.file is not a setting", "'files'"]),
    ({"sources": {"orders": []}}, ["sources.orders.files is []", "a file name"]),
    ({"sources": {"orders": "../../etc/passwd"}}, ["sources.orders.files", "in the client's folder"]),
    ({"sources": {"orders": "C:\\orders.csv"}}, ["sources.orders.files", "in the client's folder"]),
    ({"sources": {"orders": {"files": "o.csv", "grain": "lines"}}}, ["grain is 'lines'", "Did you mean 'line'?"]),
    ({"sources": {"orders": {"files": "o.csv", "columns": {"order_id": False}}}}, ["order_id is False", "quotes"]),
    ({"sources": {"orders": {"files": "o.csv", "dates": "dayfirst"}}}, ["dates is 'dayfirst'", "day-first"]),
    ({"sources": {"orders": {"files": "o.csv", "encoding": "gbk2"}}}, ["encoding is 'gbk2'", "gb18030"]),
    ({"sources": {"orders": {"files": "o.csv", "refunds": {"column": "A"}}}}, ["orders.refunds", "exactly one of"]),
    ({"sources": {"orders": {"files": "o.db", "table": "t", "query": "q"}}}, ["both a table and a query"]),
    ({"sources": {"orders": "o.csv", "survey": {"files": "s.csv", "scale": {"nps": [1, 5]}}}}, ["nps", "[0, 10]"]),
    ({"sources": {"orders": "o.csv", "survey": {"files": "s.csv", "scale": {"ces": 7}}}}, ["scale.ces is 7", "[1, 5]"]),
    ({"primary_kpi": "retension"}, ["primary_kpi is 'retension'", "Did you mean 'retention'?"]),
    ({"thresholds": {"retention": {"min": 40}}}, ["thresholds.retention.min is 40", "from 0 to 1 (0.4 means 40 %)"]),
    ({"thresholds": {"retention": 0.4}}, ["thresholds.retention is 0.4", "key: value"]),
    ({"thresholds": {"nps": {"min": 9, "max": 5}}}, ["thresholds.nps: min (9) is more than max (5)"]),
    ({"thresholds": {"nsp": {"min": 4}}}, ["thresholds.nsp is not a setting", "'nps'"]),
    ({"chapters": {"02_scorng": {}}}, ["chapters.02_scorng is not a setting", "'02_scoring'"]),
    ({"levels": {"gold": {}}}, ["levels.gold is not a setting", "basic, middle, high"]),
    ({"levels": {"high": {"min_orders": 1}}}, ["levels: min_orders must not fall"]),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[" ".join(words)[:40] for _, words in WRONG])
def test_what_is_wrong_is_said_in_words(load, change, words):
    with pytest.raises(UserError) as error:
        load(MINIMUM | change)
    assert str(error.value).startswith("data/acme/client.yml")
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(("text", "words"), [
    ("name: a\nname: b\n", ["line 2", "'name' is given twice"]),
    ("program:\n  gap_days: 1\n  gap_days: 2\n", ["line 3", "'gap_days' is given twice"]),
    ("name: a\n\tcurrency: CNY\n", ["line 2", "a tab instead of blanks"]),
    ("name: 'open\n", ["line 2", "an open quote"]),
    ("program:\n  launched_on: 2025-02-30\n", ["line 2", "there is no date 2025-02-30"]),
    ("- name\n", ["client.yml is ['name']", "key: value"]),
    ("just words", ["client.yml is 'just words'", "key: value"]),
    ("", ["name is missing"]),
    ("name: \x00\n", ["not a valid settings file"]),
    ("[" * 5000, ["not a valid settings file"]),
    ("name: {{acme}}\n", ["line 1", "cannot be read", "quotes"]),
    ("[a]: b\n", ["line 1", "cannot be read"]),
    ("name: a\nprogram: {monthly_cost: " + "9" * 400 + "}\n", ["line 2", "the value '999", "cannot be read"]),
    ("name: 0x" + "f" * 5000, ["line 1", "cannot be read"]),
    ("name: !!timestamp x\n", ["line 1", "there is no date x"]),
    ("name: !!bool x\n", ["line 1", "the value 'x' cannot be read"]),
    ("name: !!int ''\n", ["line 1", "the value '' cannot be read"]),
    ("name: !!float x\n", ["line 1", "the value 'x' cannot be read"]),
    ("!!map x", ["a value in it cannot be read"]),
    ("!!python/object/apply:os.system [ls]", ["not a valid settings file"]),
])
def test_a_broken_file_is_named_with_its_line(load, text, words):
    with pytest.raises(UserError) as error:
        load(text)
    for word in ["data/acme/client.yml", *words]:
        assert word in str(error.value)


def test_settings_saved_by_another_editor(load, tmp_path):
    load(MINIMUM)
    path = tmp_path / "data" / "acme" / "client.yml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_client("acme", tmp_path).name == "Acme"
    path.write_bytes("name: 木兰".encode("gbk"))
    with pytest.raises(UserError, match="UTF-8"):
        load_client("acme", tmp_path)


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=4),
       st.sampled_from([f.name for f in fields(Client)[2:]]))
def test_any_value_is_accepted_or_refused_in_words(tmp_path_factory, value, setting):
    root = tmp_path_factory.mktemp("any")
    (root / "data" / "acme").mkdir(parents=True)
    (root / "data" / "acme" / "client.yml").write_text(yaml.safe_dump(MINIMUM | {setting: value}), encoding="utf-8")
    try:
        assert isinstance(load_client("acme", root), Client)
    except UserError as error:
        assert str(error).startswith("data/acme/client.yml")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_settings_or_a_user_error(tmp_path_factory, text):
    root = tmp_path_factory.mktemp("text")
    (root / "data" / "acme").mkdir(parents=True)
    (root / "data" / "acme" / "client.yml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError):  # no text this strategy draws holds all four required settings
        load_client("acme", root)


@pytest.mark.parametrize("key", ["../x", "a/b", "a\\b", "a b", "a.b", "", "-x", "..", "a\n", "/etc", "é", "x" * 65])
@pytest.mark.parametrize("function", [load_client, client.new_client])
def test_a_key_that_cannot_be_a_folder_is_refused(tmp_path, key, function):
    with pytest.raises(UserError, match="cannot name a client"):
        function(key, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_does_not_exist_says_how_to_make_it(load, tmp_path):
    load(MINIMUM)
    with pytest.raises(UserError) as error:
        load_client("acne", tmp_path)
    for words in ("Did you mean 'acme'?", "make new CLIENT=acne", "Clients here: acme"):
        assert words in str(error.value)


def test_a_new_client_loads_and_is_never_overwritten(tmp_path):
    path = client.new_client("acme", tmp_path)
    assert path == tmp_path / "data" / "acme" / "client.yml"
    assert load_client("acme", tmp_path).name == "acme"
    path.write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        client.new_client("acme", tmp_path)
    assert path.read_text() == "mine"


def test_the_template_names_every_setting_and_each_works_switched_on(load):
    text = re.sub(r"^( *)#(?=\w)", r"\1", TEMPLATE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    # a table and a query, files and a database exclude each other
    shop = load(re.sub(r"^ *(query|database):.*\n", "", text, flags=re.MULTILINE))
    for kind in (Client, Program, Source):
        for f in fields(kind):
            assert f.name in ("key", "folder", "own_columns") or re.search(rf"\b{f.name}:", text), f.name
    assert set(shop.sources) == set(columns.SOURCES)
    assert shop.levels == LEVELS
    assert {"cancelled", "test orders", "unpaid"} <= set(shop.sources["orders"][0].set_aside)


def test_a_name_that_exists_is_meant_as_it_stands_and_others_are_patterns(tmp_path):
    two, five = tmp_path / "orders 2.csv", tmp_path / "orders 5.csv"
    for path in (tmp_path / "orders [2025].csv", two, five):
        path.write_text("")
    assert client.matching(tmp_path, "orders [2025].csv") == [tmp_path / "orders [2025].csv"]
    assert sorted(client.matching(tmp_path, "orders [25].csv")) == [two, five]
    assert client.matching(tmp_path, "members*.csv") == []
    with pytest.raises(UserError, match=r"^xxx.*is no name of files"):
        client.matching(tmp_path, "x" * 300)


def test_printable_leaves_text_and_takes_what_steers_a_terminal():
    assert errors.printable("木兰 é\n\x1b[2J\x07\u202e") == "木兰 é\n?[2J??"


def test_suggest():
    assert errors.suggest("Retentoin", KPIS) == " Did you mean 'retention'?"
    assert errors.suggest("zzz", KPIS) == ""
    assert errors.suggest(7, KPIS) == ""


def test_reading_settings_stays_light():
    heavy = "import sys, loyalty_helpers.client; print([m for m in ('pandas', 'numpy', 'duckdb') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout == "[]\n"
