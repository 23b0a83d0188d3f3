"""What in the data changes how far the results can be trusted, in words for the reader of the numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from loyalty_helpers import privacy, survey
from loyalty_helpers.client import Client
from loyalty_helpers.core.columns import TEXT
from loyalty_helpers.findings import amount, count
from loyalty_helpers.ingest import Prepared
from loyalty_helpers.source_columns import MASKED
from loyalty_helpers.source_copies import APART
from loyalty_helpers.source_rules import LOOKS_LIKE

GRADES = ("stop", "distorts results", "worth knowing")
FEW_MEMBERS = 20  # below which it may be chance that they joined at their first order


def about(prepared: Prepared, client: Client) -> pd.DataFrame:
    """What in the data changes how far the results can be trusted: grade (one of GRADES), what, consequence, remedy.

    Sorted by grade. "stop": the results would be about something else. An empty frame means that none was found.
    """
    orders = prepared.tables["orders"]
    bought = orders[~orders["is_refund"]]
    found = [*_of_the_rows(prepared, client)]
    if len(bought):
        found += [*_of_the_customers(bought, client), *_of_the_money(orders, client), *_of_the_calendar(bought, client)]
    found += [*_of_the_members(prepared, client), *_of_the_answers(prepared, client), *_of_what_cannot_be(prepared)]
    table = pd.DataFrame(found, columns=["grade", "what", "consequence", "remedy"], dtype=TEXT)
    return table.sort_values("grade", key=lambda grade: grade.map(GRADES.index), kind="stable", ignore_index=True)


# rows that are kept though they look like something else: what that would mean, and what to do
OF_LOOKS = dict(zip(LOOKS_LIKE, (
    ("Orders that nobody placed would count as sales.", "If they are tests, set them aside in client.yml."),
    ("Sold and redeemed, a gift card counts as a sale twice.",
     "Set the rows that sell them aside in client.yml; what is paid with one stays."),
    ("They move the amounts, and products bought together.",
     "If they are not part of what customers bought, set them aside in client.yml."),
), strict=True))
HARMLESS = ("blank row", "exact duplicate", "overlap with another file")  # no sale is lost with these, or told already


def _percent(share: float) -> str:
    return amount(share, "share", digits=0 if share >= 0.1 else 1)


def _of_them(some: pd.Series, client: Client) -> str:
    """The share of those marked, without a number where others may not know so few."""
    least = privacy.least(client)
    return f"Fewer than {least}" if some.sum() < least else _percent(some.mean())


def _of_the_rows(prepared: Prepared, client: Client):
    table = prepared.ledger.table()
    for name in client.sources:
        here = table[(table["source"] == name) & (table["action"] != "kept")]
        rows, copied = here.groupby("check")["rows"].sum(), here[here["check"] == "exact duplicate"]
        copies = copied["rows"].sum() / max(rows["all rows"], 1)
        if copies and not all(source.duplicates for source in client.sources[name]):
            # of one thing two may well be sold
            by_line = all(source.grain == "line" for source in client.sources[name])
            yield (GRADES[1] if copies > 0.05 and not by_line else GRADES[2],
                   f"{_percent(copies)} of the rows of {name} are exact copies of others and were "
                   f"{'kept' if (copied['action'] == 'flagged').any() else 'set aside'}",
                   "Copies that are real sales belong to the revenue, copies made by the export do not.",
                   "Ask how the export is made, and set duplicates to keep or drop.")
        own = {reason for source in client.sources[name] for reason, rule in source.set_aside.items()
               if not rule.optional}
        for reason in sorted(own):
            if not rows[reason]:
                yield (GRADES[2], f"The rule '{reason}' sets no row of {name} aside",
                       "None, if there are no such rows.", "Check the column and the value of the rule in client.yml.")
    here = table[(table["source"] == "orders") & ~table["check"].isin(HARMLESS)]
    rows = here.groupby(["action", "check"])["rows"].sum()
    for reason, share in (rows.get("set aside", rows[:0]) / rows["read"].sum()).items():
        if share > 0.3:
            yield (GRADES[1], f"{_percent(share)} of the rows of orders were set aside: {reason}",
                   "What is left may be another business than the one that was exported.",
                   "Look at these rows in the file; correct the rule or the export if they are sales.")
    for check, (consequence, remedy) in OF_LOOKS.items():
        if rows_so := table.loc[table["check"] == check, "rows"].sum():
            yield (GRADES[2], f"{count(rows_so, 'row')} of orders {check.replace('looks', 'look')}", consequence,
                   f"{remedy} Chapter 1 and make check count them.")
    if masked := table.loc[table["check"] == MASKED, "rows"].sum():
        yield (GRADES[1], f"The masked names, numbers or addresses in {count(masked, 'row')} were not used",
               "Different people with alike masks would become one customer. Where nothing else tells who it was, the "
               "order names nobody.",
               "Export the shop's own customer id.")
    if turned := table.loc[table["check"] == "sales written with a minus", "rows"].sum():
        yield (GRADES[1], f"Nearly all amounts of {count(turned, 'row')} are below zero, and their signs were turned",
               "Right where the export writes sales with a minus; if these are refunds, every figure is wrong.",
               "Make sure which it is; export the sales, too, if these are the refunds.")
    if apart := table.loc[table["check"] == APART, "rows"].sum():
        yield (GRADES[1], f"{count(apart, 'row')} of orders share an order number with rows of another day or file",
               "They were added up as one order: right for an order in parts, wrong for numbers that begin again.",
               "Where numbers begin again (each year, in each shop), give each its own entry with a shop's name; where "
               "two exports tell the same order in two ways, leave one out.")
    repeated = table.loc[table["check"] == "order number again, with other content", "rows"].sum()
    if repeated:
        yield (GRADES[1], f"{count(repeated, 'row')} of orders share an order number with another row",
               "Each row counts in money, the order once: right for payments in parts, wrong for states of one order.",
               "If a row is an item, set grain: line; if it is a later state of an order, export once, at the end.")


def _of_the_customers(bought: pd.DataFrame, client: Client):
    anonymous, known = bought["customer_id"].isna().mean(), bought[bought["customer_id"].notna()]
    if anonymous:
        yield (GRADES[1] if anonymous > 0.1 else GRADES[2], f"{_percent(anonymous)} of the orders name no customer",
               "They count in revenue, never in customers: whoever buys without a name seems not to come back.",
               ("Chapter 4 compares this share before and after the launch. " if client.has_program else "")
               + "Ask for a member number, or an address, with every order.")
    orders = known.groupby("customer_id")["order_id"].nunique()
    days = (bought["ordered_at"].max() - bought["ordered_at"].min()).days
    if len(orders) >= 100 and days >= 180 and (orders >= 2).mean() < 0.02:
        yield (GRADES[1], f"Only {_percent((orders >= 2).mean())} of the customers bought more than once",
               "Either hardly anybody comes back, or each order gets a new customer id: then no result is true.",
               "Look up a regular customer by name and see which ids the orders bear.")


def _of_the_money(orders: pd.DataFrame, client: Client):
    gross = orders.loc[orders["amount"] > 0, "amount"].sum()
    back = -orders.loc[orders["is_refund"], "amount"].sum()
    if gross and back / gross > 0.1:
        yield (GRADES[1] if back / gross > 0.3 else GRADES[2], f"Refunds come to {_percent(back / gross)} of sales",
               "Money is net of them, orders are not: order counts look better than revenue.",
               "Check that cancelled orders are set aside and not counted as sales and refunds.")
    spend = orders.groupby("customer_id")["amount"].sum()
    if len(spend) > 5 and spend.max() > 0.2 * orders["amount"].sum() > 0:
        one = f"One customer makes {_percent(spend.max() / orders['amount'].sum())} of the revenue"
        yield (GRADES[1], one if privacy.least(client) == 1 else "Much of the revenue comes from very few customers",
               "Averages and revenue follow that one customer.",
               "If it is a reseller or the shop itself, set its rows aside.")


def _of_the_calendar(bought: pd.DataFrame, client: Client):
    day = bought["ordered_at"].dt.normalize()
    first, last = day.min(), day.max()
    jump = np.flatnonzero(np.diff(day.sort_values()) > np.timedelta64(180, "D")) + 1
    if len(day) >= 20 and len(jump) and np.minimum(jump, len(day) - jump).min() <= max(1, len(day) // 100):
        yield (GRADES[1], f"A few orders lie half a year and more from all others (dates from {first:%Y-%m-%d} to "
               f"{last:%Y-%m-%d})", "Periods, new customers and recency begin or end in the wrong place.",
               "Dates damaged by a spreadsheet are the usual cause: correct them, or set the rows aside.")
    span = (last - first).days + 1
    if span < 364:
        yield (GRADES[1] if span < 91 else GRADES[2], f"The orders cover {count(span, 'day')}",
               "No season can be compared with the same season of another year.", "Export all orders there are.")
    calendar = pd.Series(pd.date_range(first, last))
    is_open = calendar.isin(day).groupby(calendar.dt.day_of_week).transform("mean") >= 0.1  # closed on its usual days
    position = is_open.cumsum()[calendar.isin(day)].set_axis(calendar[calendar.isin(day)])
    missed = position.diff().sub(1)  # opening days without an order, just before each day with one
    silent = missed[(missed >= 3) & (missed * len(day) / is_open.sum() > 12)]  # chance below 1 in 100,000
    if len(silent):
        yield (GRADES[1] if silent.max() >= 28 else GRADES[2],
               f"No order for {silent.max():.0f} opening days before {silent.idxmax():%Y-%m-%d}"
               + (f", and {count(len(silent) - 1, 'more gap')} like it" if len(silent) > 1 else ""),
               "A closed shop is harmless if it closes every year; a missing export looks like customers leaving.",
               "If the shop was open, export the missing days.")
    if client.has_program:
        launch = pd.Timestamp(client.program.launched_on)
        before, after = (launch - first).days // 7, ((last - launch).days + 1) // 7
        if not first < launch <= last:
            yield (GRADES[0], f"The launch ({launch:%Y-%m-%d}) lies outside the orders ({first:%Y-%m-%d} to "
                   f"{last:%Y-%m-%d})", "Before and after cannot be compared.", "Correct launched_on, or export more.")
        elif before < 52 or after < 13:
            yield (GRADES[1], f"The orders cover {count(before, 'week')} before the launch and {after} after it",
                   "Less than 52 weeks before or 13 after cannot tell the program from the season or a first rush.",
                   "Export older orders, or wait.")


def _of_the_members(prepared: Prepared, client: Client):
    if "members" not in prepared.tables:
        return
    members, orders = prepared.tables["members"], prepared.tables["orders"]
    yield from _of_the_dates_of_joining(members, orders, client)
    absent = ~members["customer_id"].isin(orders["customer_id"])
    if absent.any():
        yield (GRADES[0] if absent.mean() > 0.9 else GRADES[2],
               f"{_of_them(absent, client)} of the members never appear in the orders",
               "They never bought, or the two files use different ids: then members cannot be told from others.",
               "Compare the ids of one member in both files.")


def _of_the_dates_of_joining(members: pd.DataFrame, orders: pd.DataFrame, client: Client):
    """Dates that are missing, or are those of another thing: mostly of the customer's account."""
    joined = members["joined_at"]
    ask = ("Ask the loyalty app for the date of enrollment; a list of tags or of accounts has none. Where a blank "
           "means that somebody is no member, set the row aside (is: blank).")
    if joined.isna().all():
        yield (GRADES[1], "No member has a date of joining", "Who is a member is known, since when is not: members "
               "cannot be compared with other buyers at the till (grades B and C).", ask)
        buyers = pd.Series(orders["customer_id"].dropna().unique())
        if len(buyers) and buyers.isin(members["customer_id"]).mean() > 0.95 and client.program.joining != "everyone":
            yield (GRADES[1], "Nearly all customers are in the member list, and none has a date of joining",
                   "A list of all customers, taken for the members, makes everybody a member.",
                   "Set aside who is no member, by a tag or a status (sources.members.set_aside, with other_than).")
        return
    if joined.isna().mean() > 0.1:
        yield (GRADES[1], f"{_percent(joined.isna().mean())} of the members have no date of joining",
               "They are left out of the comparison at the till, which then speaks of the others only.", ask)
    early = joined < pd.Timestamp(client.program.launched_on) if client.has_program else joined.isna() & False
    if early.mean() > 0.5:
        yield (GRADES[1], f"{_percent(early.mean())} of the members joined before the launch: this is most "
               "likely the date of the customer's account, not of joining",
               "Who joined when is not known, and the comparison at the till would be about opening an account.",
               f"{ask} Or correct launched_on.")
    elif early.any():
        yield (GRADES[1], f"{_of_them(early, client)} of the members joined before the launch",
               "Their time before joining is no time without the program.",
               "Check launched_on, and whether the date is that of joining or of the customer's account.")
    first = orders[~orders["is_refund"]].groupby("customer_id")["ordered_at"].min()
    dated = members[joined.notna() & members["customer_id"].isin(first.index)]
    at_first = dated["joined_at"].dt.normalize().array == first.reindex(dated["customer_id"]).dt.normalize().array
    if len(dated) >= FEW_MEMBERS and at_first.mean() > 0.9 and client.program.joining != "everyone":
        yield (GRADES[1], f"{_percent(at_first.mean())} of the members joined on the day of their first order: this is "
               "most likely the date of the customer's account, not of joining",
               "Hardly anybody can be compared: that takes members who had bought before they joined.", ask)


def _of_the_answers(prepared: Prepared, client: Client):
    for name, column in (("orders", "rating"), ("survey", "csat"), ("survey", "ces")):
        given = prepared.tables[name][column].dropna() if name in prepared.tables else []
        if len(given) >= 10 and given.nunique() == 1:
            yield (GRADES[1], f"All {len(given):,} answers to {column} are {given.iloc[0]:g}",
                   "Nothing can be learnt from an answer that everybody gives, and no rise can be seen.",
                   "Check whether all answers were exported, and how they are asked for.")
    if "survey" not in prepared.tables:
        return
    answers = prepared.tables["survey"]
    if taken := survey.scales_taken(answers, client.scales):
        yield (GRADES[2], f"Scales taken from the answers: {'; '.join(taken)}",
               "Satisfied are the two best points of a scale, and a mean is read against its ends.",
               "If one is wrong, or its best answer is the lowest, say so in client.yml (sources.survey.scale).")
    if client.has_program:
        launch = pd.Timestamp(client.program.launched_on)
        if rows := int(survey.misdated(answers["answered_at"], answers["wave"], launch).sum()):
            yield (GRADES[1], f"{count(rows, 'answer')} of the survey lie on the other side of the launch than their "
                   "wave says", "The date counts, not the name of the wave.",
                   "Check the column of dates, its order of day and month, and launched_on.")


def _of_what_cannot_be(prepared: Prepared):
    """Rows that were read as they stand and contradict themselves or the orders."""
    orders, tables = prepared.tables["orders"], prepared.tables
    first, last = orders["ordered_at"].min().normalize(), orders["ordered_at"].max().normalize()
    if outside := int((~orders["rating"].between(0, 10) & orders["rating"].notna()).sum()):
        yield (GRADES[1], f"{count(outside, 'rating')} of orders outside 0 to 10", "Mean ratings are wrong.",
               "Check which column is the rating, or correct the values in a copy of the file.")
    if "members" in tables:
        joined, left = tables["members"]["joined_at"], tables["members"]["left_at"]
        if late := int((joined.dt.normalize() > last).sum()):
            yield (GRADES[2], f"{count(late, 'member')} joined after the last order ({last:%Y-%m-%d})",
                   "Nothing can be seen of what they buy as members.", "Export orders and members on the same day.")
        if backward := int((left < joined).sum()):
            yield (GRADES[1], f"{count(backward, 'member')} left before they joined",
                   "They count as members at no time.", "Check which columns are joined_at and left_at.")
    if "referrals" in tables:
        referrals = tables["referrals"]
        if own := int((referrals["referrer_id"] == referrals["referee_id"]).sum()):
            yield (GRADES[2], f"{count(own, 'referral')} from customers to themselves",
                   "Friends brought in are counted too high.", "Find out how, and set the rows aside.")
    if "costs" in tables:
        costs = tables["costs"]
        if negative := int((costs["amount"] < 0).sum()):
            yield (GRADES[1], f"{count(negative, 'cost')} below zero", "They make the program look cheaper.",
                   "If the export writes costs with a minus, turn the sign; credit notes may stay.")
        if apart := int((~costs["date"].dt.normalize().between(first, last)).sum()):
            yield (GRADES[2], f"{count(apart, 'cost')} dated outside the orders ({first:%Y-%m-%d} to {last:%Y-%m-%d})",
                   "They are set against no sales.", "Check the dates; export older or newer orders.")
