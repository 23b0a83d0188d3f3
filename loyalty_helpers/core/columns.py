"""What a column is, said once: a row of COLUMNS for each canonical column, and the tables in which it is alike.

Whoever reads, checks, guesses, keeps or hides a column asks here; a new column is a new row. By which other names a
column is guessed stands in `words/columns.yml`, which also says in which order: its own name always counts. Only the
standard library is imported, because the settings are checked with this and must load at once.
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT, TIME, NUMBER, FLAG = "str", "datetime64[us]", "float64", "bool"
# the tables, each of them a source of its own in client.yml, in the order in which they are told
SOURCES = ("orders", "lines", "members", "survey", "assignment", "points", "referrals", "costs", "opt_outs")
# how far a column gets: into the canonical table; no further than the door of ingest; or not even read by itself,
# but as one of several that together say when something was
KEPT, DOOR, PART = "kept", "at the door", "part of a moment"
# what cells hold -> their type: by this they are read, and a column is a guess only where its cells look like it
HOLDS = {
    **dict.fromkeys(("order number", "customer", "friend", "email", "phone", "label", "tier", "kind", "arm", "wave",
                     "words", "currency", "shop", "clock", "year", "month", "day", "zone"), TEXT),
    **dict.fromkeys(("money", "quantity", "rating", "points", "answer"), NUMBER),
    "moment": TIME, "flag": FLAG,
}
NOT_GUESSED = ("flag", "shop", "zone", "words", "answer")  # answers are, but question by question


@dataclass(frozen=True)
class Column:
    """A canonical column in the `tables` in which it is alike. `name` ends in "_" where a survey may have any number of
    columns that begin with it. `purpose` says in words what it is for. Where `blank` is given no row can do without:
    one is set aside with these words. One that is not `guessed` is read only where a person names it."""

    name: str
    holds: str
    tables: str
    reach: str
    purpose: str
    blank: str = ""
    guessed: bool = True

    @property
    def kind(self) -> str:
        """The type of its cells."""
        return HOLDS[self.holds]

    def is_in(self, table: str) -> bool:
        return table in self.tables.split()

    def bears(self, name: str) -> bool:
        """Whether a column of that name is this one."""
        return name.startswith(self.name) if self.name.endswith("_") else name == self.name


REVENUE, AGAIN = "revenue, value groups, costs of rewards", "seeing who comes back"
MOVED = "when points moved, when somebody was referred or opted out"
LAUNCH, MEMBER, DRAWN = "survey before or after the launch", "who was a member when", "random assignment"
BY_ONE, WHEN = "only to recognise the same customer; not kept", "when it was; not kept by itself"
NET, OURS = "revenue net of refunds; not kept", "amounts in the client's currency; not kept"
OF_PEOPLE = "members assignment points opt_outs"
COLUMNS = (  # of each table in the order of its columns
    Column("order_id", "order number", "orders", KEPT, "counting orders"),
    Column("order_id", "order number", "lines", KEPT, "counting orders", "no order number"),
    Column("answered_at", "moment", "survey", KEPT, LAUNCH),
    Column("wave", "wave", "survey", KEPT, LAUNCH),
    Column("customer_id", "customer", "orders survey", KEPT, AGAIN),
    Column("customer_id", "customer", OF_PEOPLE, KEPT, AGAIN, "no customer id"),
    Column("ordered_at", "moment", "orders", KEPT, "periods, rhythm, season", "no date"),
    Column("date", "moment", "costs", KEPT, "when a cost arose", "no date"),
    Column("at", "moment", "points", KEPT, MOVED, "no date"),
    Column("at", "moment", "opt_outs", KEPT, MOVED),
    Column("kind", "kind", "points", KEPT, "kinds of points and costs", "no kind"),
    Column("kind", "kind", "costs", KEPT, "kinds of points and costs"),
    Column("amount", "money", "orders", KEPT, REVENUE),
    Column("amount", "money", "costs", KEPT, REVENUE, "no amount"),
    Column("is_refund", "flag", "orders", KEPT, "refunds count in money, never in orders"),
    Column("channel", "label", "orders", KEPT, "KPIs by channel"),
    Column("category", "label", "orders lines", KEPT, "cross-selling, diversity"),
    Column("rating", "rating", "orders", KEPT, "satisfaction in the loyalty score"),
    Column("product", "label", "lines", KEPT, "the lines of an order"),
    Column("quantity", "quantity", "lines", KEPT, REVENUE),
    Column("amount", "money", "lines", KEPT, REVENUE),
    Column("joined_at", "moment", "members", KEPT, MEMBER),
    Column("left_at", "moment", "members", KEPT, MEMBER),
    Column("tier", "tier", "members", KEPT, "levels of membership"),
    Column("nps", "answer", "survey", KEPT, "net promoter score"),
    Column("csat", "answer", "survey", KEPT, "satisfaction"),
    Column("ces", "answer", "survey", KEPT, "effort"),
    Column("driver_", "answer", "survey", KEPT, "survey driver, for what goes with loyalty"),
    Column("arm", "arm", "assignment", KEPT, DRAWN, "no arm"),
    Column("assigned_at", "moment", "assignment", KEPT, DRAWN),
    Column("points", "points", "points", KEPT, "redemption, breakage", "no points"),
    Column("referrer_id", "friend", "referrals", KEPT, "referrals", "no referrer"),
    Column("referee_id", "friend", "referrals", KEPT, "referrals", "no friend"),
    Column("at", "moment", "referrals", KEPT, MOVED),
    Column("email", "email", f"orders survey {OF_PEOPLE}", DOOR, BY_ONE),
    Column("phone", "phone", f"orders survey {OF_PEOPLE}", DOOR, BY_ONE),
    Column("quantity", "quantity", "orders", DOOR, REVENUE),
    Column("unit_price", "money", "orders lines", DOOR, "revenue where the file has no amount; not kept"),
    Column("currency", "currency", "orders", DOOR, OURS),
    Column("currency", "currency", "lines costs", DOOR, OURS, guessed=False),
    Column("shop", "shop", "orders lines", DOOR, "telling order numbers of several shops apart; not kept"),
    Column("product", "label", "orders", DOOR, "the lines of an order"),
    Column("refund_email", "email", "orders", DOOR, "only to recognise whose refund it is; not kept", guessed=False),
    Column("refunded", "money", "orders", DOOR, NET),
    Column("order_total", "money", "orders", DOOR, "revenue of the order; not kept", guessed=False),
    Column("order_refunded", "money", "orders", DOOR, NET, guessed=False),
    Column("comment_", "words", "survey", DOOR, "themes are counted; the texts are not kept"),
    Column("choice_", "words", "survey", DOOR, "choices are counted; the answers are not kept"),
    Column("date", "moment", "orders survey", PART, WHEN),
    Column("time", "clock", "orders survey", PART, WHEN),
    Column("zone", "zone", "orders survey", PART, WHEN),
    Column("year", "year", "orders survey", PART, WHEN),
    Column("month", "month", "orders survey", PART, WHEN),
    Column("day", "day", "orders survey", PART, WHEN),
)

# ---------------------------------------------------------------- what follows from it
SCHEMA = {table: {one.name: one.kind for one in COLUMNS if one.reach == KEPT and one.is_in(table) and
                  not one.name.endswith("_")} for table in SOURCES}  # table -> column -> type, in this order
FURTHER = {table: {one.name: one.kind for one in COLUMNS if one.reach == DOOR and one.is_in(table) and
                   not one.name.endswith("_")} for table in SOURCES}  # the same of those not kept
OF_SURVEYS = {one.name: one.kind for one in COLUMNS if one.name.endswith("_")}  # how further ones of a survey begin
REQUIRED = {table: {one.name: one.blank for one in COLUMNS if one.blank and one.is_in(table)} for table in SOURCES}
WHO = ("customer_id", "email", "phone")  # what tells who it was, the surest first
ADDRESSES = WHO[1:]
PERSONS = tuple(dict.fromkeys(one.name for one in COLUMNS if one.holds in ("customer", "friend")))  # ids of people
MOMENTS = tuple(dict.fromkeys(one.name for one in COLUMNS if one.holds == "moment"))
AMOUNTS = tuple(dict.fromkeys(one.name for one in COLUMNS if one.holds == "money"))
MONEY = tuple(table for table in SOURCES if "amount" in SCHEMA[table])  # tables whose amounts the ledger adds up
QUESTIONS = tuple(one.name for one in COLUMNS if one.holds == "answer" and not one.name.endswith("_"))
# the moment of these tables may stand in several columns, one of these sets
MOMENT = {table: next(one for one, kind in SCHEMA[table].items() if kind == TIME) for table in ("orders", "survey")}
PARTS_OF_A_MOMENT = (("date", "time"), ("date",), ("year", "month", "day"))
# lists of people, of whom each counts once: the first row in time
FIRST_BY = {"members": "joined_at", "assignment": "assigned_at", "opt_outs": "at"}
MAY_BE_EMPTY = ("opt_outs",)  # that nobody has opted out is worth knowing
POINT_KINDS = ("earn", "burn", "expire", "adjust")
# columns of tables made of these that count persons, of whom others may not see a few
COUNT_PERSONS = ("customers", "members", "joiners", "answers", "n_treated", "n_comparison")


def described(name: str) -> Column | None:
    """The column of that name, of several the one that is kept; None for a name that is none of ours."""
    return next((one for one in COLUMNS if one.bears(name)), None)


def is_kept(name: str, table: str) -> bool:
    """Whether a column of that name may stand in the canonical table."""
    return any(one.reach == KEPT and one.is_in(table) and one.bears(name) for one in COLUMNS)


def guessed(table: str) -> set[str]:
    """The columns of a table that are looked for in a file that nobody has described."""
    return {one.name for one in COLUMNS
            if one.is_in(table) and one.reach != PART and one.guessed and one.holds not in NOT_GUESSED}
