### Chapter 02 and its appendix: the answer, the pictures, the tables, the list of whom to call and the page to print.

## The answer
still-there-nobody = No customer with an id has bought anything yet.
still-there-hidden = How many customers are still active is not shown: these are too few customers for a report that others read.
still-there = { $known ->
    [yes] Of { $customers ->
        [one] { $customers } customer
       *[other] { $customers } customers
    } { $here ->
        [0] nobody { $did } and counts
        [one] { $here } { $did } and counts
       *[other] { $here } { $did } and count
    }
   *[no] { $here ->
        [0] Nobody { $did } and counts
        [one] { $here } customer { $did } and counts
       *[other] { $here } customers { $did } and count
    }
 } as active{ $brought ->
    [yes] ; { $here ->
        [one] that one has
       *[other] they have
    } brought { $share } of all revenue so far
   *[no] {""}
 }.
leaving-unknown = Who is leaving cannot be said: { $x-why }.
leaving = Of { $x-n ->
    [one] { $x-n } regular customer
   *[other] { $x-n } regular customers
 } { $late ->
    [0] nobody is
    [one] { $late } is
   *[other] { $late } are
 } overdue, silent for { $gaps } of their usual gaps or more{ $shared ->
    [yes] {" "}({ $x }; { $x-level } interval { $x-interval })
   *[no] {""}
 }{ $beside ->
    [yes] ; if all bought at random times and nobody had left, { $chance ->
        [0] hardly anybody
       *[other] about { $chance }
    } would be overdue all the same
   *[no] {""}
 }.
first-calls = what the first { $n ->
    [0] customers
    [one] customer
   *[other] { $n } customers
 } to call spent in the last 364 days
first-calls-spent = { $n ->
    [one] The first customer to call spent { $x } in the last 364 days; { $x-why } hangs on that one.
   *[other] The first { $n } customers to call spent { $x } in the last 364 days; { $x-why } hangs on them.
 }

## Pictures
lorenz-half = half of the revenue
lorenz-alike = if all customers spent the same
lorenz-customers = customers, best first
lorenz-revenue = share of revenue
lorenz-title = { $shared ->
    [yes] { $x } of customers bring half of the revenue
   *[no] { $few } of { $customers } customers { $few ->
        [one] brings
       *[other] bring
    } half of the revenue
 }
lorenz-alt = Concentration curve of revenue over customers. { $x }
groups-no-revenue = There is no revenue to share out among groups.
groups-too-few = Groups can be compared from { $least } customers with an order on.
groups-customers = share of customers
groups-revenue = share of revenue
groups-axis = share of all customers, share of all revenue
groups-row = { CAPITAL($name) }: { $share } of customers, { $money } of revenue
groups-title = { $some ->
    [yes] Of the groups shown, the
   *[no] The
 } largest part of the revenue comes from “{ CAPITAL($name) }”: { $share } of customers, { $money } of revenue
activity-alt = Dot plot by group. { $groups }.
segments-alt = Dot plot by segment. { $groups }.
lateness-too-few = Fewer than ten customers have a rhythm of their own and bought lately: too few to set beside chance.
lateness-regulars = regular customers
lateness-by-chance = if all bought at random times and nobody had left
lateness-axis = share of the regular customers of the last 364 days
lateness-row = { CAPITAL($silence) }, { $share } of the regulars, { $chance } by chance
lateness-alt = Bars by how late customers are. { $title }. { $rows }.
reach-too-few = Too few customers are worth a call for a choice of whom to call first.
reach-nobody = Nobody is both late for an order and perhaps still a customer, so there is nobody to call.
reach-first = the first { $calls }
reach-calls = customers called, best first
reach-share = share of all that is worth a call
reach-title = The first { $calls ->
    [one] call reaches
   *[other] { $calls } calls reach
 } { $share } of what is worth a call; half of it takes { $half }
reach-alt = Curve of the value reached over calls. { $title }, of { $customers } customers worth a call.
second-axis = days since the first order
second-ordered = have ordered again
second-half-after = half after { $days ->
    [one] { $days } day
   *[other] { $days } days
 }
second-title = { $x } of new customers ordered a second time on another day within { $days } days
second-alt = Curve of second orders by day. { $said }
second-waiting = day { $day }: { $customers }
second-note = Band: 95 % interval. Still followed without a second order: { $waiting }.
migration-before = group before
migration-after = group after
migration-way = { $before } to { $after }: { $share }
migration-alt = Heat map of groups before and after. { $ways }.
migration-note = Percent of the customers of each group before. Both windows by the cut-offs of the first.
scores-mean = mean { $x }
scores-axis = loyalty score (0 to 100)
scores-customers = customers
scores-title = The { $x-label } is { $x }
scores-alt = Histogram of loyalty scores. { $said }
parts-behavior-name = behavior
parts-attitude-name = attitude
parts-axis = mean points (50: the shop's usual customer)
parts-row = { $group }, { $part ->
    [attitude] attitude
   *[behavior] behavior
 }: { $points }
parts-alt = Dots with 95 % intervals. { CAPITAL($rows) }.
parts-note = Lines: 95 % intervals. Filled: what they do. Hollow: what they say.
quadrant-leaves = does not buy again
quadrant-returns = buys again
quadrant-sad = not satisfied
quadrant-glad = satisfied
fields-note = Satisfied: { $rule }.{ $new ->
    [yes] {" "}{ $customers ->
        [one] { $customers } further customer
       *[other] { $customers } further customers
    } ordered once, and lately: too early to tell.
   *[no] {""}
 }
quadrant-row = { $meaning }: { $customers }{ $shared ->
    [yes] , { $share }
   *[no] {""}
 }
quadrant-title = { $glad } of { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } are satisfied; { $latent } of these do not buy again
fields-alt = Four fields. { CAPITAL($rows) }. { $note }
share-between = { $share } ({ $low } to { $high })
retention-axis = months after the month of the first order
retention-share = with an order in it
retention-title = { $first } of new customers come back in the first month after{ $months ->
    [1] {""}
   *[other] , { $last } in month { $month }
 }
retention-alt = Line chart of retention by month. { $said }
retention-note = Band: 95 % interval. The same { $customers ->
    [one] { $customers } new customer
   *[other] { $customers } new customers
 } in every month.
cohorts-axis = months after the first order
cohorts-months = month of the first order
cohorts-title = { $x-measurable ->
    [yes] { $x } of customers bought again { $months ->
        [one] { $months } month
       *[other] { $months } months
    } after their first order
   *[no] New customers who came back, by month of their first order
 }
cohorts-alt = Heat map of the share of customers who came back, by month of the first order. { $said }
cohorts-note = Percent of the month's new customers with an order in that later month. Blank: under 20 customers.{ $unsure ->
    [yes] {" "}*: so near the beginning of the data that old customers may be among them.
   *[no] {""}
 }{ $cut ->
    [yes] {" "}The last { $most } months are shown.
   *[no] {""}
 }
pairs-axis = bought by the same customers: times as often as expected
pairs-note = 1: as often as customers' numbers of orders, their tastes and what goes into one order let expect. Grey: no more than chance, allowing for the number of pairs, or too little to matter.
pairs-row = { $pair }: { $lift } times ({ $lift_low } to { $lift_high })
pairs-alt = Dot plot of pairs of categories. { $rows }.
baskets-axis = bought in one order: times as often as by lot
baskets-note = 1: as often as in orders of as many categories, filled by lot. Grey: no more than chance, allowing for the number of pairs, or too little to matter.
baskets-no-order = No order is known to hold two categories.

## Tables
table-activity = Customers by activity
table-rfm = The segments, and what to write to each
table-rfm-note = For mailings to a whole group. Single customers to call stand on the list (below).
table-cutoffs = The cut-offs of recency, frequency and money
table-by-segment = The action list by segment
table-levels = Loyalty levels and value groups
table-level-rules = Who meets which rule, and whom it alone keeps from the level
table-holdout = Past forecasts beside two simple rules
table-parameters = The model, fitted to all customers
table-lifetimes = Lifetime value by value group
table-models = Models, means over the tests
table-tested = The chosen model, test by test
table-reasons = What the chances rest on
table-contacts = Contacting everybody above the threshold that cost and gain set
table-index-parts = Behavior and attitude by group, mean points of 100
table-quadrant = Satisfaction against behavior
table-disagreement = Those on whom score and forecasts disagree
table-migration-sizes = The groups before the launch: typical (median) orders and spending
table-migration-segments = Customers by segment before (rows) and after (columns)
table-retention = New customers with an order in each month after their first
table-baskets = Pairs of categories in one order
table-affinity = Pairs of categories bought by the same customers
table-next-category = What customers turned to next
table-referrals = Referred customers and other newcomers of the same months
table-faults = The same formula with money in other units
p-under = under 0.001

## What a chapter of customers does not show
limits-of-scores = A score sorts customers by what they did, a forecast says what they will probably do; neither says what they would have done otherwise, nor whether a message to them pays. Segments have sharp borders, customers have not. New customers are in no forecast, and orders without a customer id in none of this.

## The survival of the textbook lifetime value
yearly-survival = customers of one year who bought in the next
survival-short = it takes two full years of orders ({ $needed } days), and there are { $known }
survival-few = { $customers ->
    [0] nobody
    [one] { $customers } customer
   *[other] { $customers } customers
 } bought in the first of the last two years, and it takes { $least }

## Satisfaction beside behavior
quadrant-no-survey = No survey answer carries a customer id, so satisfaction and behavior cannot be set side by side.
quadrant-few = { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } who answered can be judged so far: too few for shares, which take { $least }.
quadrant-more-new = { $customers } more ordered once, and lately: too early to tell.
quadrant-hidden = How many are satisfied and do not come back is not shown: these are too few customers for a report that others read.
quadrant-latent-share = { $known ->
    [no] Of those
   *[yes] Of the { $customers ->
        [one] { $customers } customer
       *[other] { $customers } customers
    }
 } who answered, { $share } are satisfied ({ $rule }) and do not come back ({ $low } to { $high }).

## Why somebody stands on the list
reason-once = bought once, { $ago } ago
reason-several = bought on { $days } days, last { $ago } ago
reason-regular = usually buys { $gap }, last bought { $ago } ago
reason-late = usually buys { $gap }, silent for { $ago }: late
reason-overdue = usually buys { $gap }, silent for { $ago }: overdue

## The list of calls as a workbook: headings and what they say
book-kept = The list of { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } is in private/action_list.xlsx and .csv.
book-cut = The workbook holds the first { $most } of { $customers } customers; action_list.csv has all.
book-opt-outs = Whoever must not be contacted is kept off this list by a list of theirs: put the file in the client's folder and name it under sources, opt_outs, in client.yml (data/README.md says how).
book-customers = Customers
book-read-me = Read me
book-column = Column
book-meaning = What it says
book-customer-id = customer
book-customer-id-what = The customer's number or address as in your exports.
book-segment = segment
book-segment-what = One of eleven groups by how recently, how often and for how much they bought.
book-value-group = value group
book-value-group-what = A coarser grouping by value and habit.
book-score = loyalty score
book-score-what = From 0 to 100: the customer's place among all of your customers.
book-level = level
book-level-what = The loyalty level by the rules in your settings.
book-last-order = last order
book-last-order-what = The day of the last order.
book-recency-days = days since
book-recency-days-what = Days from the last order to the end of the data.
book-orders = orders
book-orders-what = Orders in all.
book-spend = spent in all
book-spend-what = Money in all, refunds taken off.
book-spend-last-year = spent in last year
book-spend-last-year-what = Money in the last 364 days, refunds taken off.
book-order-value = usual order
book-order-value-what = What an order of this customer usually comes to; after few orders drawn towards what all your customers spend.
book-days-bought = days bought
book-days-bought-what = Different days on which they bought.
book-usual-gap-days = usual gap in days
book-usual-gap-days-what = How many days usually lie between two days on which they buy (the median); blank with fewer than five such days.
book-gaps-overdue = usual gaps past due
book-gaps-overdue-what = How many usual gaps have passed since the order was due; 0: not late yet; from 3 on overdue, a silence of four usual gaps.
book-expected-orders = expected orders
book-expected-orders-what = Orders to expect in the next { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 }: a forecast, an average over customers alike; blank where that cannot be told.
book-chance-to-buy = chance to buy
book-chance-to-buy-what = The chance that they buy at all in the next { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 }; blank where that cannot be told.
book-still-customer = chance still a customer
book-still-customer-what = The chance that they have not left; blank where that cannot be told.
book-usual-value = usual { $money ->
    [margin] margin
   *[revenue] revenue
 }
book-usual-value-what = The { $money ->
    [margin] margin
   *[revenue] revenue
 } they would bring in { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 } at their usual pace.
book-value-at-risk = value at risk
book-value-at-risk-what = That { $money ->
    [margin] margin
   *[revenue] revenue
 }, times the chance that they have left: what is lost if they stay away; blank where that chance cannot be told.
book-value-of-acting = worth a call
book-value-of-acting-what = The value at risk, times the chance that they have not left; nothing for who is not late yet, sure to come, or long gone. Where no chance can be told: a quarter of the { $money ->
    [margin] margin
   *[revenue] revenue
 }, for overdue regulars. The list is sorted by it. Rough, and it does not say what a call achieves.
book-reason = why
book-reason-what = What they did, and how it compares with their own habit.
book-action = what to do
book-action-what = From the table of actions, which you may change: a file actions.csv in the client's folder.

## The page to print
sheet-to-call = { $n ->
    [0] Nobody to call
    [one] { $n } customer to call
   *[other] { $n } customers to call
 }
sheet-best-first = Best first: who is late for an order, spends well, and may still be a customer.
sheet-orders-to = Orders up to { $day }
sheet-called-on = Called on
sheet-honest = A list to start conversations, not a proof that calling pays: some of these customers would have come back by themselves, and some will not come back whatever you say.
sheet-private = Personal data: for you alone. Note who does not want to be called again.
sheet-customer = Customer
sheet-last = Last here
sheet-spends = Usually spends
sheet-why = Why now
sheet-what = What to say or do
sheet-result = Reached? Result
sheet-look-after = Look after { $who }: brings more of the revenue than anybody else. Know when the next order is due ({ $usual ->
    [yes] usually { $every }, last { $ago } ago
   *[no] last { $ago } ago
 }).
sheet-ago = { $ago } ago
sheet-an-order = { $money } an order
sheet-in-a-year = { $money } in a year
sheet-usually = Usually { $every },
sheet-silent = silent for { $ago }
sheet-few-orders = Few orders so far,
sheet-silent-after = silent for long after
sheet-nobody-at-all = There is no customer with an order who may be contacted.
sheet-nobody-regular = No customer has bought on five different days yet, so nobody has a rhythm to be late by.
sheet-nobody-late = Nobody is late for their next order and perhaps still a customer.
sheet-kept = The first of them are on one page to print: private/call_sheet.html.
sheet-kept-empty = The page to print, private/call_sheet.html, says so.

## What to do for whom. A file actions.csv in the client's folder replaces single lines.
action-rfm-segment-champions = Thank them, show new things first, ask for a review or a recommendation; no discount needed.
action-rfm-segment-loyal = Keep what brings them back; show what goes with what they buy; ask for a recommendation.
action-rfm-segment-potential-loyalist = Give a reason for the next order soon, and a hint at what goes with the last purchase.
action-rfm-segment-new-customers = Welcome them, ask whether all went well, invite to the next order.
action-rfm-segment-promising = They bought not long ago, but rarely; show the range, invite once to come back.
action-rfm-segment-need-attention = Good customers in the middle of the field; one fitting offer, limited in time.
action-rfm-segment-about-to-sleep = Remind them before they forget the shop: what is new, what others like.
action-rfm-segment-at-risk = They bought more than most, but not lately; a warm tone, ask what was missing, make returning easy.
action-rfm-segment-cannot-lose-them = They spent much and have been away for longer than most; a warm tone, something of real worth.
action-rfm-segment-hibernating = One seasonal message at low cost; no more effort unless they answer.
action-rfm-segment-lost = Leave them alone, or send one last message; the effort is better spent on the other segments.
action-eight-types-important-value = Bought recently, often and for much: give the best service and first choice.
action-eight-types-important-develop = Spends much but not often: offer reasons to come more often.
action-eight-types-important-keep = Came often and spent much but not lately: a warm message to the group; whom to call stands on the list.
action-eight-types-important-win-back = Spent much, not often, and not lately: find out why and make one good offer.
action-eight-types-general-value = Comes often and lately for small sums: suggest what goes with the purchase.
action-eight-types-general-develop = Came lately, rarely, for little: show the range; let time tell.
action-eight-types-general-keep = Came often for little but not lately: a simple reminder.
action-eight-types-general-win-back = Rarely, little, long ago: seasonal message only.
action-value-group-high-value = Look after them in person; know the reason when one stops buying.
action-value-group-loyal = Reward the habit; ask for recommendations.
action-value-group-potential = Help to a second and third order.
action-value-group-other = Low-cost contact only.
action-loyalty-level-high = Ask them to speak for the shop: reviews, recommendations, trying new things first.
action-loyalty-level-middle = Make recommending easy and worth their while.
action-loyalty-level-basic = Deepen the habit: a further category, a thank-you for coming often.
action-loyalty-level-no-level-yet = With one order: win the second. With more: see what the lowest level asks for; who rated the shop low, ask what went wrong.
action-rhythm-overdue-regular = Write or call in person: ask whether all was well, and give a reason to come back.
action-rfm-segment-too-few = So few customers need no segments: go through the list, look at each one's last order, and write in person.
action-eight-types-too-few = So few customers need no types: go through the list and write to each in person.
action-value-group-too-few = So few customers need no groups: know each of them by name.
