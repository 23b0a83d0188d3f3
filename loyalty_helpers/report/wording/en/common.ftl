### What several rooms say. A message is a whole sentence or a name that stands inside one; facts stand in { $braces }.
### CAPITAL makes the first letter of a name a capital one.

list-comma = ,{" "}
list-semicolon = ;{" "}
list-and = {" and "}
list-blank = {" "}
list-dot = {" · "}
list-series = { $most } and { $last }

## What others than the owner read in place of a number (the gate)

few-persons = fewer than { $least }
some-persons = some
nearly-all = nearly all
hidden-number = –
too-few-to-show = these are too few customers for a report that others read
notice = This report is made for others to read: numbers of fewer than { $least } customers are not shown, nor others from which they could be worked out (–).

## Numbers with their units, as levels and as changes

level-share = { $n } %
change-share = { $n } pp
level-lift = { $n } %
change-lift = { $n } %
level-orders = { $n }
change-orders = { $n }
level-points = { $n }
change-points = { $n } points
level-score = { $n }
change-score = { $n }
level-scale-points = { $n }
change-scale-points = { $n }
level-days = { $n } days
change-days = { $n } days
level-categories = { $n }
change-categories = { $n }
chance-under = under 1 %
chance-over = over 99 %
interval = { $low } to { $high }

## Cells of tables

cell-yes = yes
cell-no = no
table-nothing = { $caption }: nothing to show.

## Marks of several charts

mark-launch = launch
mark-break-even = pays for itself at { $lift }

## What a chapter reads

read-rows = { $rows ->
    [one] { $rows } order row
   *[other] { $rows } order rows
}
read-customers = { $customers ->
    [one] { $customers } identified customer
   *[other] { $customers } identified customers
}
loaded = { $all ->
    [yes] Read: { $rows } of { $customers }.
   *[no] Read: { $rows } of { $customers }. Not supplied: { $missing } (no report needs any of them).
}
source-lines = order lines
source-members = a list of members
source-survey = a survey
source-assignment = a draw by lot
source-points = a ledger of points
source-referrals = referrals
source-costs = a list of costs
source-opt-outs = a list of people who must not be contacted
