"""The call sheet: the first customers of the action list on one page to print, in the words of the shop.

A page of its own for the private folder: it needs no network, bears the customers' own ids, and says nothing of models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from html import escape

import pandas as pd

from loyalty_helpers.core import store
from loyalty_helpers.core.messages import Fact, Message, Number, message
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers import actions, rhythm
from loyalty_helpers.ingest import pseudonyms
from loyalty_helpers.report.action_book import actions_for, load_actions
from loyalty_helpers.report.wording import words

ROOM, TALLEST, LINE = 221, 15, 3.41  # mm for all rows together, for one at most, and for a line
HEAVY = 8  # mm that the line of whom to look after takes from the rows

STYLE = """
@page { size: A4 portrait; margin: 11mm }
* { box-sizing: border-box }
body { color: #1c2b33; font: 7.6pt/1.27 "Helvetica Neue", Arial, "Noto Sans", "Noto Sans CJK SC", sans-serif;
       margin: 0 auto; max-width: 188mm; -webkit-print-color-adjust: exact; print-color-adjust: exact }
header { border-bottom: 0.6mm solid #0b6e69; display: flex; justify-content: space-between; margin-bottom: 2mm;
         padding-bottom: 2mm }
h1 { font-size: 17pt; line-height: 1.1; margin: 0 0 1mm }
p { margin: 0 }
.day { color: #50606b; text-align: right; white-space: nowrap; padding-left: 6mm }
.day b { border-bottom: 0.2mm solid #8795a1; display: inline-block; width: 26mm }
.heavy { border: 0.3mm solid #0b6e69; margin-bottom: 2mm; max-height: 9mm; overflow: hidden; padding: 1mm;
         overflow-wrap: anywhere }
.left { margin-bottom: 2mm; max-height: 8mm; overflow: hidden }
table { border-collapse: collapse; table-layout: fixed; width: 100% }
th { color: #0b6e69; font-size: 7.5pt; text-align: left; padding: 0 1.5mm 1mm 0; vertical-align: bottom }
td { border-top: 0.2mm solid #c8d0d6; padding: 0.7mm 1.5mm 0 0; vertical-align: top }
td > div { display: -webkit-box; -webkit-box-orient: vertical; overflow: hidden; overflow-wrap: anywhere }
tr:last-child td { border-bottom: 0.2mm solid #c8d0d6 }
.who { font-weight: bold }
.money { white-space: nowrap }
td.box { border: 0.3mm solid #8795a1; padding: 0.5mm 1mm; color: #8795a1; font-size: 6.5pt }
footer { border-top: 0.2mm solid #c8d0d6; color: #50606b; font-size: 7.5pt; margin-top: 2.5mm; padding-top: 1.5mm }
footer b { color: #1c2b33 }
.none { font-size: 12pt; margin: 14mm 0 }
@media screen { body { padding: 11mm 0 } html { background: #eef1f3 } body { background: white; padding: 11mm;
                max-width: 210mm } }
"""
WIDTHS = ("5mm", "25mm", "22mm", "24mm", "32mm", "56mm", "24mm")
HEADINGS = ("customer", "last", "spends", "why", "what", "result")  # after the running number


def keep(listed: pd.DataFrame, ids: pd.DataFrame, shop: Client, *, as_of: date, left_out: Message) -> list[Message]:
    """Write private/call_sheet.html; what was written. Arguments as in `page`, and `ids` as from `tables.read_ids`."""
    first = actions.first(listed)
    first = first.assign(action=actions_for(first, load_actions(shop.folder)))
    html = page(pseudonyms.named(first, ids), shop, as_of=as_of, left_out=left_out,
                nobody=why_nobody(listed), heavy=pseudonyms.named(actions.look_after(listed), ids))
    store.keep_private(shop, "call_sheet.html", html.encode())
    return [why_nobody(listed), message("sheet-kept-empty")] if first.empty else [message("sheet-kept")]


def page(first: pd.DataFrame, shop: Client, *, as_of: date, left_out: Message, nobody: Message,
         heavy: pd.DataFrame | None = None) -> str:
    """The sheet as HTML: `first` as from `actions.first`, with the `action` for each, under the owner's names.

    `as_of` is the day after the last order; `left_out` says how many opted out; `nobody` says why nobody is listed,
    where that is so. `heavy` as from `actions.look_after`: a line of its own, late or not.
    """
    to_call = _said("sheet-to-call", n=len(first))
    room = ROOM if heavy is None or heavy.empty else ROOM - HEAVY
    body = _table(first, shop, room) if len(first) else f'<p class="none">{escape(words(nobody))}</p>'
    orders_to = _said("sheet-orders-to", day=_day(as_of - timedelta(days=1)))
    best = _said("sheet-best-first") + " " if len(first) > 1 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="robots" content="noindex">
<title>{to_call}, {escape(shop.name)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<div><h1>{to_call}</h1><p>{escape(shop.name[:90])}</p></div>
<p class="day">{orders_to}<br>{_said("sheet-called-on")} <b>&nbsp;</b></p>
</header>
<p class="left">{best + escape(words(left_out))}</p>
{"" if heavy is None else "".join(_heavy(one) for one in heavy.itertuples())}
<main>
{body}
</main>
<footer><p><b>{_said("sheet-honest")}</b></p><p>{_said("sheet-private")}</p></footer>
</body>
</html>
"""


def _said(key: str, **facts: Fact) -> str:
    return escape(words(message(key, **facts)))


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def why_nobody(listed: pd.DataFrame) -> Message:
    """Why there is nobody to call."""
    if listed.empty:
        return message("sheet-nobody-at-all")
    unknown = listed["still_customer"].isna().all() and listed["usual_gap_days"].isna().all()
    return message("sheet-nobody-regular" if unknown else "sheet-nobody-late")


def _heavy(one) -> str:
    who = f"<b>{escape(str(one.customer_id)[:120])}</b>"
    said = _said("sheet-look-after", who="\0", **actions.next_order(one))
    return f'<p class="heavy">{said.replace(chr(0), who)}</p>'


def _table(first: pd.DataFrame, shop: Client, room: float) -> str:
    height = min(TALLEST, room / len(first))
    lines = int((height - 0.75) / LINE)
    columns = "".join(f'<col style="width:{width}">' for width in WIDTHS)
    head = "".join(f'<th scope="col">{heading}</th>' for heading in ["", *(_said(f"sheet-{one}") for one in HEADINGS)])
    rows = "\n".join(_row(place, one, shop, height, lines) for place, one in enumerate(first.itertuples(), start=1))
    return (f"<table>\n<colgroup>{columns}</colgroup>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>\n{rows}\n</tbody>\n</table>")


def _row(place: int, one, shop: Client, height: float, lines: int) -> str:
    cells = [("", [str(place)]), ("who", [escape(str(one.customer_id))]), ("", _last_here(one)),
             ("money", _spends(one, shop)), ("", _why(one)), ("", [escape(str(one.action))])]
    style = f"-webkit-line-clamp:{lines};max-height:{lines * LINE:.2f}mm"
    told = "".join(f'<td class="{kind}"><div style="{style}">{"<br>".join(said)}</div></td>' for kind, said in cells)
    return f'<tr style="height:{height:.2f}mm">{told}<td class="box">☐</td></tr>'


def _last_here(one) -> list[str]:
    return [_said("sheet-ago", ago=rhythm.span(one.recency_days)), f"({_day(one.last_order)})"]


def _spends(one, shop: Client) -> Sequence[str]:
    lately = ([_said("sheet-in-a-year", money=Number(one.spend_last_year, shop.currency))]
              if one.spend_last_year > 0 else [])
    return [_said("sheet-an-order", money=Number(one.order_value, shop.currency)), *lately]


def _why(one) -> list[str]:
    if math.isnan(one.usual_gap_days):
        return [_said("sheet-few-orders"), _said("sheet-silent-after")]
    return [_said("sheet-usually", every=rhythm.every(one.usual_gap_days)),
            _said("sheet-silent", ago=rhythm.span(one.recency_days))]
