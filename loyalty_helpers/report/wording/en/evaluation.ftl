### What the room of evaluation says. Facts stand in { $braces }; a message is a whole sentence, or what stands inside one.

## KPIs: name, definition, formula, and how chance is judged

kpi-retention = customer retention rate
kpi-retention-text = Of the customers who were active when the period began, the share who ordered in the period. Active: at least one order in the activity window, the days just before.
kpi-retention-formula = (customers at the end - new ones) / customers at the start, by identity
kpi-retention-chance = Wilson; change: Newcombe, slightly too wide as the two groups overlap
kpi-repeat-rate = repeat purchase rate
kpi-repeat-rate-text = Of the customers with an order in the period, the share who came back: orders on two days or more. Several orders of one day are one visit.
kpi-repeat-rate-formula = customers with 2 or more shopping days / customers with 1 or more
kpi-repeat-rate-chance = Wilson; change: Newcombe, slightly too wide as the two groups overlap
kpi-second-order-90d = rate of second orders within 90 days
kpi-second-order-90d-text = Of the first-time buyers, the share who ordered on another day within 90 days. Only first orders whose 90 days are fully observed; where there is less than a month of them, all by Kaplan-Meier.
kpi-second-order-90d-formula = second shopping days within 90 days / first-time buyers
kpi-second-order-90d-chance = Wilson; change: Newcombe
kpi-churn = churn rate
kpi-churn-text = Of the customers who were active when the period began, the share without an order in the period.
kpi-churn-formula = 1 - retention, of the same customers
kpi-churn-chance = retention's, mirrored
kpi-cross-sell = cross-sell rate
kpi-cross-sell-text = Of the customers with an order in a known category in the period, the share who bought in two or more categories.
kpi-cross-sell-formula = customers with 2 or more categories / customers
kpi-cross-sell-chance = Wilson; change: Newcombe, slightly too wide as the two groups overlap
kpi-frequency = purchase frequency
kpi-frequency-text = Orders in the period, also several of one day, per identified customer with an order in it.
kpi-frequency-formula = orders / customers
kpi-frequency-chance = bootstrap by customer, over both periods together
kpi-order-value = average order value
kpi-order-value-text = Revenue of the period, refunds taken off and anonymous orders included, per order.
kpi-order-value-formula = net revenue / orders
kpi-order-value-chance = bootstrap by customer, over both periods together
kpi-nps = net promoter score
kpi-nps-text = Share of answers 9 or 10, less the share of 0 to 6, to "would you recommend us" on a scale of 0 to 10.
kpi-nps-formula = % promoters - % detractors
kpi-nps-chance = t on -1, 0, +1; change: Welch
kpi-csat = share of satisfied answers (CSAT)
kpi-csat-text = Share of answers in the two best points of the scale.
kpi-csat-formula = answers in the top two boxes / answers
kpi-csat-chance = Wilson; change: Newcombe; the mean beside it: Welch
kpi-ces = customer effort score
kpi-ces-text = Mean answer to "how easy was it", on the declared scale.
kpi-ces-formula = mean answer
kpi-ces-chance = t; change: Welch
kpi-referrer-rate = referrer rate
kpi-referrer-rate-text = Of the customers active in the period (an order or a referral), the share who referred somebody. What people did, not what they say they would do.
kpi-referrer-rate-formula = distinct referrers / active customers
kpi-referrer-rate-chance = Wilson; change: Newcombe, slightly too wide as the two groups overlap
kpi-referral-conversion = referral conversion
kpi-referral-conversion-text = Of the people referred in the period, the share whose first order followed within it.
kpi-referral-conversion-formula = referred first-time buyers / referrals
kpi-referral-conversion-chance = Wilson; change: Newcombe
kpi-referred-share = referred share of new customers
kpi-referred-share-text = Of the first-time buyers of the period, the share who had been referred.
kpi-referred-share-formula = referred first-time buyers / first-time buyers
kpi-referred-share-chance = Wilson; change: Newcombe
kpi-enrolment = enrollment rate
kpi-enrolment-text = Of the identified customers with an order in the period, the share who were members at its end.
kpi-enrolment-formula = members / identifiable customers
kpi-enrolment-chance = Wilson
kpi-active-members = active member rate
kpi-active-members-text = Of the members, the share who earned or redeemed points in the last 90 days.
kpi-active-members-formula = members who earned or redeemed / members
kpi-active-members-chance = Wilson
kpi-redemption-members = redemption rate of members
kpi-redemption-members-text = Of the members who earned or redeemed points in the last 90 days, the share who redeemed some.
kpi-redemption-members-formula = members redeeming / active members
kpi-redemption-members-chance = Wilson
kpi-redemption-points = redemption rate of points
kpi-redemption-points-text = Points redeemed in the period per point earned in it.
kpi-redemption-points-formula = points redeemed / points earned
kpi-redemption-points-chance = bootstrap by customer
kpi-breakage = breakage
kpi-breakage-text = Share of the points issued that will never be redeemed, by the points' age: each month of age is judged by the points old enough to show it, oldest points spent first.
kpi-breakage-formula = 1 - expected redeemed / issued
kpi-breakage-chance = bootstrap by customer
kpi-diversity = category diversity
kpi-diversity-text = Distinct known categories bought in the period, per customer with any.
kpi-diversity-formula = distinct categories / customers
kpi-diversity-chance = bootstrap by customer, over both periods together
kpi-loyalty-index = customer loyalty index
kpi-loyalty-index-text = Mean loyalty score of the customers, both periods scored against the customers before.
kpi-loyalty-index-formula = mean of the scores, 0 to 100
kpi-loyalty-index-chance = bootstrap by customer, over both periods together

## What stands inside of many

together = { $said }
sentence = { CAPITAL($said) }.
too-few = { $have }; { $needed } are needed
n-day = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
n-question = { $n ->
    [one] { $n } question
   *[other] { $n } questions
}
n-refund-row = { $n ->
    [one] { $n } refund row
   *[other] { $n } refund rows
}

## The windows that are compared

windows-nothing-yet = the time after the launch begins on { $day }, and the orders end before: there is nothing to compare yet
windows-nothing-before = the orders begin on { $day }, and the launch was on { $launch }: there is no time before to compare with
windows-season = the season is not matched: the same days a year earlier would take orders from { $since } on, and they begin on { $day }
windows-short = { $days ->
    [one] the windows have { $days } day only
   *[other] the windows have { $days } days only
}
windows-activity-cut = the activity window is cut from { $wanted } to { $days } days, because the orders begin no earlier in front of the before window
windows-short-lead = { $days ->
    [one] the orders begin only { $days } day in front of the before window: who was a customer then, and who was new, cannot be told
   *[other] the orders begin only { $days } days in front of the before window: who was a customer then, and who was new, cannot be told
}

## Why a KPI cannot be measured: "cannot be compared: ..."

unseen-window = the window is empty
unseen-takes-members = it takes a member list
unseen-takes-survey = it takes a survey
unseen-takes-referrals = it takes a list of referrals
unseen-takes-points = it takes a points ledger
unseen-nobody-ordered = no identified customer ordered between { $start } and { $end }
unseen-history = { $days ->
    [one] to tell who was a customer then and who was new, it takes orders from { $since } on ({ $days } day in front of the window)
   *[other] to tell who was a customer then and who was new, it takes orders from { $since } on ({ $days } days in front of the window)
}
unseen-nobody-new = nobody bought for the first time
unseen-no-member = nobody was a member on { $day }
unseen-no-answer = { $when ->
    [before] the survey has no answers to this question from before the launch
    [after] the survey has no answers to this question from after the launch
   *[window] the survey has no answers to this question in the window
}
unseen-nobody-active = no customer was active when the window began
unseen-nobody-observed = no first-time buyer was observed for { $days } days
unseen-one-category = it takes orders in two or more known categories
unseen-no-category = no order in the window has a known category
unseen-no-order = there are no orders between { $start } and { $end }
unseen-undated-referrals = the referrals have no dates
unseen-referrals-since = referrals are recorded from { $day } on only
unseen-nobody-referred = nobody was referred in the window
unseen-no-points = no points were earned or redeemed between { $start } and { $end }
unseen-no-points-earned = no points were earned in the window
unseen-young-points = it takes ten members with points that are { $days } days old
unseen-no-program = there was no program before the launch
unseen-no-score = no score was made for both periods
unseen-few = fewer than ten customers in one of the periods
unseen-alike = all customers are alike, so that chance cannot be judged
remark-active = { $days ->
    [one] active: an order within { $days } day
   *[other] active: an order within { $days } days
}
remark-recent = { $days ->
    [one] active: an order within { $days } day, seen over the last { $days } day
   *[other] active: an order within { $days } days, seen over the last { $days } days
}
remark-ces = on a scale of { $worst } (worst) to { $best } (best)
remark-csat = mean answer { $mean } on a scale of { $worst } (worst) to { $best } (best)
remark-mean-change = mean answer { $before } to { $after }: { $estimate } ({ $low } to { $high })
remark-breakage = observed up to { $days } days after the points were issued; the { $left } still unspent at that age are counted as never redeemed, so this is the most it can be

## The traps of before and after

trap-season = Equal windows, same season
trap-season-found = before: { $before }; after: { $after }.
trap-period = { $start } to { $end }
trap-no-time = no time
trap-season-consequence = Where the season differs, a change may be the season's.
trap-holidays = Moving holidays
trap-holidays-found = days of the Chinese New Year season: { $spring-before } before, { $spring-after } after; of 1 to 11 November: { $november-before } before, { $november-after } after
trap-holidays-consequence = A shop with Chinese customers sells more or less in a window for that alone.
trap-newness = Left truncation: who is new?
trap-newness-found = { $lead } of orders in front of the before window, activity window { $window }
trap-newness-consequence = Customers whose first order stands near the start of the file are not new; retention and newcomers of the time before are not measured without these days.
trap-unfinished = Right censoring: unfinished cohorts
trap-unfinished-found = { $young } of { $all } are not yet observed for { $days } days
trap-unfinished-consequence = They are left out of second orders, or handled by Kaplan-Meier; counted in, they would look disloyal.
trap-survivors = Survivors in the member list
trap-survivors-no-list = there is no member list
trap-survivors-found = { $bought } of { $members } have orders; { $left } marked as left; { $unlisted } people with points or referrals are not in the list
trap-survivors-consequence = Members without those who left look more loyal than they were.
trap-anonymous = Anonymous orders
trap-anonymous-none = no orders in one of the windows
trap-anonymous-found = { $before } of orders before, { $after } after ({ $low } to { $high })
trap-anonymous-consequence = A program makes more orders identifiable: orders per customer then rise by themselves.
trap-joiners = Self-selection, and joining at an order
trap-joiners-undated = there are no dates of joining
trap-joiners-found = { $share } of { $members } joined on the day of an order
trap-joiners-consequence = People join while they are buying, the keenest first: members before and after, or members against others, differ for that alone.
trap-ceilings = Answers at the ceiling
trap-ceilings-topped = { $name }: { $share } gave { $top }
trap-ceilings-none = none of { $questions }
trap-ceilings-unasked = there are no ratings or answers
trap-ceilings-consequence = A mean at the top of its scale means that nearly all answers were the highest: it cannot rise.
trap-rows = A row is not an order
trap-rows-found = { $refunds }; { $nothing } that came to nothing; { $twins } with customer, time and amount of another one
trap-rows-consequence = Refunds count in money only, orders that came to nothing count nowhere; twins count twice.

## Who joined, and members at the till

no-launch = no launch date of a program is set
no-member-list = there is no member list with dates of joining
n-usable-joiner = { $n ->
    [one] { $n } usable joiner
   *[other] { $n } usable joiners
}
n-comparable-buyer = { $n ->
    [one] { $n } comparable buyer
   *[other] { $n } comparable buyers
}
n-whole-week = { $n ->
    [one] { $n } whole week
   *[other] { $n } whole weeks
}
n-week-before = { $n ->
    [one] { $n } whole week of orders before the launch
   *[other] { $n } whole weeks of orders before the launch
}
n-week-since = { $n ->
    [one] { $n } whole week of orders since the launch
   *[other] { $n } whole weeks of orders since the launch
}
n-order-to-learn = { $n ->
    [one] { $n } order before the launch to learn from
   *[other] { $n } orders before the launch to learn from
}
n-order-of-others = { $n ->
    [one] { $n } order of customers who did not join
   *[other] { $n } orders of customers who did not join
}
n-order-of-others-then = { $n ->
    [one] { $n } order of buyers who did not join then
   *[other] { $n } orders of buyers who did not join then
}
aside = { $n } { $why }
aside-undated = no date of joining
aside-not-drawn = not among the customers drawn by lot
aside-no-order = no order under that id
aside-early = joined before the launch
aside-late = joined after the orders end
aside-short = fewer than { $weeks } weeks of data since joining
aside-away = joined away from an order
aside-new = known as customers for less than { $known } weeks
too-little-orders = { $when ->
    [before] too few orders before the launch to measure a lift
   *[since] too few orders since the launch to measure a lift
}
too-little-spend = { $when ->
    [before] too little spending before the launch to measure a lift
   *[since] too little spending since the launch to measure a lift
}
too-little-to-compare-orders = joiners or comparable buyers ordered too rarely to be compared
too-little-to-compare-spend = joiners or comparable buyers spent too little to be compared
overlap-few = only { $buyers } in effect, { $needed } are needed
overlap-beyond = { $share } of those who joined have no comparable buyer
overlap-differed = the groups differed already before
till-calibrated-orders = members v. what their own history predicts
till-doubly-robust-orders = members v. other buyers of the same week
till-calibrated-spend = members' spending v. what their own history predicts
till-doubly-robust-spend = members' spending v. other buyers of the same week
till-cross-check = The cross-check: the same question, put to other comparable buyers.
till-no-ids = no order carries a customer id
till-no-list = there is no member list
till-undated = nobody has a date of joining
till-few = { $joiners }; { $needed } are needed for a verdict
till-few-comparable = the buyers that joiners can be compared with are worth only { $ess } customers; { $needed } are needed for a verdict
till-refused = { $any ->
    [yes] { $why } (set aside: { $aside })
   *[no] { $why }
}
till-used = { $any ->
    [yes] { $joiners } used, others set aside ({ $aside }).
   *[no] { $joiners } used.
}
till-reservations = Reservations: { $said }.
till-drawn = { $drawn } of { $seen } customers were drawn by lot; with all of them the interval would be { $narrower } narrower.
implausible = { $lift } is more than published programs reach: look for another cause before believing it.
doubt-few = only { $joiners } could be used; { $joiners-needed } are needed
doubt-ess = the comparison is worth only { $ess } customers; { $ess-needed } are needed
doubt-alone = there is no second estimate to check it by
doubt-uncalibrated = there is no calibration on the time before the launch
doubt-market = everybody's buying moved by { $market } since the launch
doubt-late = the first member joined { $weeks } after the launch; is its date right?
doubt-early = { $share } of the members joined before the launch; is the date right?
doubt-contradict = the two estimates contradict each other

## The usual comparisons, and the description of the whole shop

naive-after = all customers, after v. before
naive-after-why = Season, growth and whatever else differs between the two periods is in it, and customers who found the shop later count as customers who bought nothing before.
naive-season = all customers, same season a year before
naive-season-why = The season is taken out, but a year of growth and whatever else changed is still in it.
naive-joining = members, after v. before joining
naive-joining-why = People join at an order, while they are buying: that order counts as after, and quieter weeks count as before, even where the program does nothing.
naive-members = members v. non-members, after
naive-members-why = Good customers join more often than others: this shows who joins, not what the program does.
naive-unmatched = the orders do not reach back to the same season a year before
naive-left-out = { $members } left out: joined before the launch, or without { $weeks } weeks of data on both sides.
naive-few = fewer than { $least } customers with orders on one of the two sides
orders-end-before = the orders end before the time to be compared begins
description = { $matched ->
    [yes] whole shop, same season a year before
   *[no] whole shop, after v. before
}
description-why = { $matched ->
    [yes] A year of growth and whatever else changed is in it.
   *[no] Season, growth and whatever else changed is in it.
}

## The whole shop against its own trend

trend-orders = trend of orders (unobserved components)
trend-spend = trend of revenue (unobserved components)
interrupted-series = interrupted time series (shown beside, too narrow)
pretended-launch = pretended launch
trend-shared-launch = Whatever else happened at the launch (prices, advertising, competitors) is in this number: the trend cannot separate it from the program.
trend-too-narrow = Its interval is too narrow: in simulated shops it holds the truth far less often than it says.
trend-flat = { $outcome ->
    [spend] the weekly revenue before the launch did not vary
   *[orders] the weekly orders before the launch did not vary
}
trend-note-empty = { $empty } without orders or revenue: half an order was added to every week.
trend-note-no-season = With { $weeks } weeks of orders the season cannot be told from the trend: it is in this number too.
trend-note-short-season = The season is learnt from { $before } weeks: one odd year would be taken for the season.
trend-note-small = With { $customers }, fewer than { $least }, chance moves the weeks too much for this to be the headline.
placebo-none = The trend could not be tried on pretended launches: { $why }.
placebo-no-date = no date before the real one has { $before } weeks of orders before it and { $after } after it
placebo-wrong = { $day }: { $lift }
placebo-fine = { $all ->
    [all] all show nothing, as they should
   *[some] { $n ->
        [one] { $n } shows nothing, as it should
       *[other] { $n } show nothing, as they should
    }
}
placebo-found = { $seen ->
    [nothing] { $dates ->
        [one] Of { $dates } pretended launch before the real one, { $fine }.
       *[other] Of { $dates } pretended launches before the real one, { $fine }.
    }
    [some] Of { $dates } pretended launches before the real one, { $fine }; the rest show a change where there was no program ({ $wrong }).
   *[always] { $dates ->
        [one] Of { $dates } pretended launch before the real one, every one shows a change where there was no program ({ $wrong }).
       *[other] Of { $dates } pretended launches before the real one, every one shows a change where there was no program ({ $wrong }).
    }
}
placebo-leans = { $side ->
    [above] All of them lie above zero: the trend leans here.
   *[below] All of them lie below zero: the trend leans here.
}
placebo-beside = { $dates ->
    [one] { $lies ->
        [within] The { $x } of the real launch lies within what it gave ({ $low }): such a number comes about without a program.
        [above] The { $x } of the real launch lies above what it gave ({ $low }).
       *[below] The { $x } of the real launch lies below what it gave ({ $low }).
    }
   *[other] { $lies ->
        [within] The { $x } of the real launch lies within what they gave ({ $low } to { $high }): such a number comes about without a program.
        [above] The { $x } of the real launch lies above what they gave ({ $low } to { $high }).
       *[below] The { $x } of the real launch lies below what they gave ({ $low } to { $high }).
    }
}
at-launch-order = the average order
at-launch-new = the share of orders by new customers
at-launch-anonymous = the share of orders without a customer
at-launch-channel = the share of orders through { $channel }
at-launch-went = { $moved ->
    [further] { CAPITAL($what) } went from { $before } to { $after }, further than it usually moves.
    [usual] { CAPITAL($what) } went from { $before } to { $after }, no further than it usually moves.
   *[unknown] { CAPITAL($what) } went from { $before } to { $after }; there are too few weeks before to know what is usual.
}
at-launch-more = At the launch more changed.
at-launch-mixed = The trend cannot separate this from the program.
at-launch-still = No more than usual changed: { $what }.
at-launch-unusual = Too few weeks before the launch to know which changes are usual.
at-launch-short = What else changed at the launch cannot be told: fewer than { $weeks } whole weeks on one side.
at-launch-unseen = Discounts, advertising and competitors stand in no table here and were not checked.

## Customers drawn at random

n-held-out-customer = { $n ->
    [one] { $n } held-out customer
   *[other] { $n } held-out customers
}
draw = { $arm ->
    [invitation] { $outcome ->
        [spend] random invitation, spending
       *[orders] random invitation
    }
   *[holdout] { $outcome ->
        [spend] random holdout, spending
       *[orders] random holdout
    }
}
draw-welch = { draw }: plain comparison, Welch
draw-adjusted = { draw }: adjusted for earlier orders, Lin, HC3
campaign-draw = { $outcome ->
    [spend] campaign since { $since }, spending
   *[orders] campaign since { $since }
}
campaign-draw-welch = { $outcome ->
    [spend] campaign since { $since }, spending: plain comparison, Welch
   *[orders] campaign since { $since }, plain comparison, Welch
}
campaign-draw-adjusted = { $outcome ->
    [spend] campaign since { $since }, spending: adjusted for earlier orders, Lin, HC3
   *[orders] campaign since { $since }, adjusted for earlier orders, Lin, HC3
}
campaign-alone = It answers for what was offered to those drawn since { $since }, not for the program as a whole.
draw-not-adjusted = { $known ->
    [yes] Not adjusted for earlier orders: too few customers for it.
   *[no] Not adjusted for earlier orders: nothing is known of them from before.
}
draw-no-ratio = { $outcome ->
    [spend] the mean spend of an arm is not above zero, or nobody differs from anybody
   *[orders] the mean orders of an arm is not above zero, or nobody differs from anybody
}
draw-complier = { $invited ->
    [yes] complier effect: of those who join because they are invited
   *[no] complier effect: of those who join because they can
}
complier-few = the draw moved too few customers to join
complier-unknown = what those who join would have bought otherwise is not known well enough
arms-nobody = nobody was drawn; it takes two
arms-single = there is a single arm, { $arms }; it takes two
arms-several = there are { $n } arms ({ $arms }); one comparison at a time: keep the customers held out and one other arm in the assignment, and set the rest aside
arms-unnamed = { $neither ->
    [yes] neither of the arms { $arms } is called held out by its name; call those without the program 'holdout', and the others 'program' or 'invited'
   *[no] each of the arms { $arms } is called held out by its name; call those without the program 'holdout', and the others 'program' or 'invited'
}
arms-small = { $customers } in the arm '{ $arm }'; at least { $needed } are needed in each
arms-few-buyers = { $unknown ->
    [yes] { $customers } of the arm '{ $arm }' bought in that time; at least { $needed } are needed in each; nobody drawn is in the orders at all, so the ids may not be the same
   *[no] { $customers } of the arm '{ $arm }' bought in that time; at least { $needed } are needed in each
}
before-orders-13 = orders in the 13 weeks before
before-orders-52 = orders in the year before
before-spend-52 = spend in the year before
draw-share = { $held } of { $n } are in the arm '{ $arm }' where { $planned } were to be: chance alone does not do that, so customers were lost or moved after the draw
draw-unbalanced = the arms differed before anything began ({ $what }: { $treated } for the program, { $held } held out): chance alone does not do that, so they were not drawn by lot
draw-leaked = { $held } of the customers held out became members, of the others { $others }: the draw did not decide who had the program
draw-note-drawn = { $invited ->
    [yes] { $treated } drawn at random to be invited, { $held } held out; everybody counts as drawn, whether they took part or not.
   *[no] { $treated } drawn at random to have the program, { $held } held out; everybody counts as drawn, whether they took part or not.
}
draw-note-later = { $later } of them, drawn after the start, are followed from the next day on.
draw-note-leaked = { $leaked } became members all the same, which makes any effect look smaller.
draw-note-twice = { $twice } drawn for both arms left out.
draw-note-unplanned = Whether customers were lost after the draw cannot be checked: the planned share is not in the settings (program: holdout_share).
draw-note-unusual = The share held out, { $share }, is none of the usual ones.

## The ladder: what the data allow, and what would tell more

n-arm = { $n ->
    [one] { $n } arm
   *[other] { $n } arms
}
n-month = { $n ->
    [one] { $n } month
   *[other] { $n } months
}
over-five-years = over five years
not-relied-on = Not to be relied on: { $why }.
rung-1 = description
rung-2 = trend of the whole shop
rung-3 = members against comparable buyers
rung-4 = customers drawn at random (randomised)
rung-no-launch = There is no launch date.
rung-1-why = { $before } before the launch, { $after } since.
rung-2-why = { $before } before the launch and { $after } since; { $customers }.
rung-3-everyone = Everyone was made a member: nobody is left to compare with.
rung-3-why = { $before } before the launch.{ $cross ->
    [yes] {" "}That is enough for the cross-check alone.
   *[no] {""}
} { $any ->
    [yes] { $usable } of { $members } ({ $others }).
   *[no] { $usable } of { $members }.
}
rung-4-lost = The settings say that a draw decided who joined, but there is no assignment.
rung-4-nobody = Nobody was drawn at random.
rung-4-why = { $campaign ->
    [yes] { $customers } drawn into { $arms }, since { $since }.
   *[no] { $customers } drawn into { $arms }.
}
takes-launch = the launch date (client.yml, program: launched_on)
takes-orders = { $side ->
    [before] orders from before the launch
   *[after] orders from after the launch
}
takes-weeks-older = { $n ->
    [one] { $n } more week of orders from before the launch (older exports; waiting does not help)
   *[other] { $n } more weeks of orders from before the launch (older exports; waiting does not help)
}
takes-weeks-since = { $n ->
    [one] { $n } more week since the launch
   *[other] { $n } more weeks since the launch
}
takes-weeks-all = { $n ->
    [one] { $n } more week of orders in all (older exports, or waiting)
   *[other] { $n } more weeks of orders in all (older exports, or waiting)
}
takes-customers = { $one ->
    [yes] { $n } more customer
   *[no] { $n } more customers
}
takes-members = a member list with customer id and date of joining
takes-others = customers who could join and did not
takes-joiners = { $one ->
    [yes] { $n } more usable joiner
   *[no] { $n } more usable joiners
}{ $pace ->
    [yes] , about { $weeks } of waiting at the pace so far
   *[no] {""}
}
takes-list = the list of who was drawn, and who was held out
takes-holdout = a random holdout: the program kept from customers drawn at random, and the list of who was drawn
takes-usable-draw = a draw that can be used; this one cannot: { $why }
takes-program-draw = a draw that decides who has the program; this one answers for what was offered since { $since }
why-no-launch = No launch date of a program is set, so there is no before and after.
why-nothing-yet = There is nothing to compare yet: it takes { $said }.
why-trend = The trend speaks of the whole shop: whatever else happened at the launch is in it, and it cannot tell members from others.
why-description = A comparison of before and after cannot separate the program from season, trend and who joins.
why-refused = { CAPITAL($rung) }: { $why }.
would-tell-later = Go on with the draw, for { $weeks } weeks: so far it says nothing ({ $why }).
would-tell-unused = The draw in the assignment could not be used ({ $why }).
go-on-blind = Go on with the draw: with the { $customers } drawn so far it finds no lift at all.
go-on = { $more ->
    [yes] Go on with the draw: with the { $customers } drawn so far it finds a lift of { $lift } or more in four cases out of five; +10 % would take { $needed } customers.
   *[no] Go on with the draw: with the { $customers } drawn so far it finds a lift of { $lift } or more in four cases out of five.
}
holdout-unknown = A random holdout would tell: the program kept from customers drawn by lot. How many it takes cannot be said yet: too few customers have come back so far.
holdout-too-small = This shop is too small to measure a program by its own customers: even with half of the { $customers } of the last year drawn by lot and left out for { $weeks } weeks, only a lift of { $lift } or more would be found in four cases out of five. Decide by what the program costs, and keep it cheap.
holdout = { $running ->
    [yes] A random holdout would tell: leave half of the customers out of the next offers, drawn by lot, for { $weeks } weeks.
   *[no] A random holdout would tell: start a program with half of them, drawn by lot, for { $weeks } weeks.
} { $more ->
    [yes] With the { $customers } of the last year it would find a lift of { $lift } or more in four cases out of five, and +10 % would take { $needed } customers.
   *[no] With the { $customers } of the last year it would find a lift of { $lift } or more in four cases out of five.
} That is the lift of everybody drawn, joiners or not.
holdout-of-offers = It answers for those offers, not for the program as a whole.

## What this shop could find

design-retention = retention before and after
design-trend = trend of the whole shop
design-till = members against other buyers at the till
design-holdout-half = random holdout of half
design-holdout-half-cuped = random holdout of half, earlier orders taken into account (CUPED)
design-holdout-tenth = random holdout of a tenth
design-holdout-tenth-cuped = random holdout of a tenth, earlier orders taken into account (CUPED)
design-drawn = customers drawn at random so far
power-whatever = A change is seen, whatever made it change.
power-no-retention = The retention of a period before is not known.
power-few-to-stay = Of so few customers, not even that all of them stay would be found.
power-retention = From { $before } to { $after }.
power-no-trend = no trend was computed
power-trend = Its own forecast error: waiting does not lessen it, a longer history before the launch would.
power-nobody = There is nobody to compare members with, or no list of who joined when.
power-few-joiners = No answer is given with fewer than { $least } usable joiners.
power-read-off = Read off the width of its interval.
power-short = { $what } (older exports; waiting does not help).
power-few-back = Too few customers have come back so far to plan with.
power-cross-check = With { $weeks } weeks before the launch, fewer than { $needed }, only the cross-check can be had: it takes about four times the joiners.
power-planned = Planned from what buyers did before the launch.
power-lot = Newcomers are drawn by lot too, { $pace } a week.
power-explained = Earlier orders explain { $share } of how customers differ.
can-know-nothing = Too few customers have come back so far to say what this shop could find.
can-know-pace = {" "}({ $time } more at the pace so far)
can-know-takes = to find { $lift } takes about { $needed } of them{ $waits }
can-know-few = { $members } can be compared with other buyers at the till so far; below { $least } no answer is given.
can-know-till = With { $members } to compare and { $weeks } since the launch, this shop can find a lift of { $lift } or more among its members, in four cases out of five.
can-know-holdout = { $better ->
    [yes] A random holdout of half of the { $customers } of the last year would find { $lift } or more in { $weeks } weeks, { $adjusted } with earlier orders taken into account.
   *[no] A random holdout of half of the { $customers } of the last year would find { $lift } or more in { $weeks } weeks.
}
can-know-trend = The trend of the whole shop would show only { $lift } or more, and waiting does not change that.

## The money: items of tables/roi.csv, and what is said of them

roi-members = members
roi-months = months
roi-spending = members' spending since joining
roi-members-orders = members' orders after the day of joining
roi-members-spending = members' spending after the day of joining
roi-everyone-orders = orders of everyone offered the program
roi-everyone-spending = spending of everyone offered the program
roi-rewards = rewards
roi-launch = launch
roi-monthly = monthly costs
roi-owner = owner's time
roi-other = { $named ->
    [yes] other: { $kind }
   *[no] other: not named
}
roi-total = total cost
roi-break-even = break-even lift
roi-running = break-even lift without the launch cost
roi-return-needs = return on investment (needs rung 3 or 4)
roi-payback-needs = payback (needs rung 3 or 4)
roi-extra-orders = extra orders
roi-margin = incremental margin
roi-gain = net gain
roi-return = return on investment
roi-payback = payback
roi-subsidy = subsidy share
roi-chance = chance that the lift is above break-even
not-yet-launched = the program was not yet launched when the data end
cost-uncounted = The money cannot be counted: { $why }.
cost-unknown = What the program cost is not known: rewards cannot be counted without a member list with dates of joining, and neither the settings nor a costs table name any other costs.
cost-none = No costs are known: neither the settings nor a costs table name any.
cost-spent = { $part ->
    [unknown] In its first { $months } months the program cost { $total }, rewards left out: they cannot be counted without a member list with dates of joining.
    [some] In its first { $months } months the program cost { $total }, of which { $rewards } in rewards.
   *[none] In its first { $months } months the program cost { $total }.
}
bar-never = { $what ->
    [rewards] Its rewards alone are more than the whole margin on what { $scope ->
        [everyone] those offered it
       *[members] members
    } spent: no lift could pay for them
   *[costs] Its costs are more than the whole margin on what { $scope ->
        [everyone] those offered it
       *[members] members
    } spent: no lift could pay for them
}{ $later ->
    [yes] {" "}yet. Its costs without the launch are paid for if { $scope ->
        [everyone] those offered it
       *[members] members
    } spend at least { $running } more than they would have without it.
   *[no] .
}
bar = At a gross margin of { $margin } it pays for itself if { $scope ->
    [everyone] those offered it
   *[members] members
} spend at least { $lift } more than they would have without it{ $launch ->
    [yes] {" "}({ $running } without the launch cost)
   *[no] {""}
}{ $needs ->
    [yes] ; whether they do needs rung 3 or 4 of the evidence ladder.
   *[no] .
}
lacks-margin = a gross margin in the settings
lacks-members = a member list with dates of joining
no-bar-lacks = Without { $what } there is no break-even.
no-bar-nobody = Nobody had joined by the end of the orders, so there is no break-even.
no-bar-spending = { CAPITAL($what) }, less refunds, is not above 0, so there is no break-even.
paid-back = { $scope ->
    [everyone] Taking the lift to hold for all { $orders } orders of everyone offered the program, the return on the costs is { $returned }:
   *[members] Taking the lift to hold for all { $orders } orders of members after the day of joining, the return on the costs is { $returned }:
} { $paid ->
    [paid] it has paid for itself
    [probably] it has probably paid for itself
    [less] it has brought in less than it cost
   *[unknown] whether it has paid for itself cannot be told yet
}{ $sure ->
    [yes] ; the chance that the lift is above what pays: { $chance }.
   *[no] .
}
endless-loss = a loss without limit
return-on-costs = { $bounded ->
    [no] { $value }
    [at] { $value } ({ $level } interval { $low } to { $high })
   *[yes] { $value } (interval { $low } to { $high })
}
months = { $n } months
not-within-sight = not within sight
payback-never = { $best ->
    [yes] At the pace so far payback of the launch costs is not within sight, at the upper end of the lift's interval after { $low }.
   *[no] At the pace so far payback of the launch costs is not within sight.
}
payback = { $bounded ->
    [yes] At the pace so far the launch costs would be paid back after { $value } (interval { $low } to { $high }).
   *[no] At the pace so far the launch costs would be paid back after { $value }.
}
subsidy = { $bounded ->
    [yes] If the lift is right, { $value } of the rewards ({ $low } to { $high }) went to orders that would have come anyway.
   *[no] If the lift is right, { $value } of the rewards went to orders that would have come anyway.
}
segment-new = new customers
segment-light = light buyers
segment-middle = middle buyers
segment-heavy = heavy buyers
segment-unknown = no order under that id
rewards-unchanged = share of rewards that went to members who bought no more often after joining than before
rewards-unseen = no member who spent is seen for { $weeks } weeks before and after joining
rewards-note = Counted are the members seen for { $weeks } weeks or more before and after joining, who got { $covered } of the rewards. Had nobody changed, chance alone would put this share at about { $expected }. It describes and does not measure the program: people join while they are buying, so the share tends to come out too low even where a program does nothing, and season and growth are in it.

## What goes with loyalty

n-thing = { $n ->
    [one] { $n } thing
   *[other] { $n } things
}
n-rated-thing = { $n ->
    [one] { $n } rated thing
   *[other] { $n } rated things
}
n-buyer = { $n ->
    [one] { $n } buyer
   *[other] { $n } buyers
}
driver-orders = orders in the past year
driver-recency = days since the last order
driver-tenure = days since the first order
driver-order-value = money per order
driver-categories = categories bought
driver-refund = having had a refund in the past year
driver-stars = stars given in reviews
driver-member = being a member
driver-rating = rating of { $of }
driver-tier = level of membership
driver-tier-today = the member list tells today's level, which the orders to be foretold may have earned; only membership itself is compared
driver-known-of = { $n ->
    [0] it is known of no customer
    [one] it is known of { $n } customer
   *[other] it is known of { $n } customers
}
driver-crowded = { $buyers } of { $customers } are too few for so many things at once
driver-separates = it sets apart those who bought again completely
driver-few = { $again } of { $customers } of the past year bought again; it takes { $needed } who did and { $needed } who did not
driver-alike = all customers are alike in it
driver-few-with = { $has } with it and { $without } without; it takes { $needed } of each
driver-sides-alike = those with it, or those without it, all did the same
driver-collinear = it tells nearly the same as the things before it
driver-untold = { CAPITAL($driver) }: cannot be told, because { $why }.
driver-link = { CAPITAL($driver) }: { $link ->
    [unclear] no clear link with buying again in the next 13 weeks
    [up] { $more ->
        [higher] higher goes with
        [more] more goes with
       *[none] goes with
    } buying again in the next 13 weeks
   *[down] { $more ->
        [higher] higher goes with
        [more] more goes with
       *[none] goes with
    } not buying again in the next 13 weeks
}; the odds to buy again are { $ratio } times as high { $step ->
    [yes-no] as without it
   *[deviation] with one standard deviation more
} ({ $level } interval { $low } to { $high }; { $customers }).
drivers-untold = What goes with buying again in the next 13 weeks cannot be told. { $why }
drivers-unclear = Nothing of { $things } looked at clearly goes with buying again in the next 13 weeks.
drivers-told = { $n ->
    [one] Of { $things } looked at, { $n } clearly goes with buying again in the next 13 weeks or the lack of it.
   *[other] Of { $things } looked at, { $n } clearly go with buying again in the next 13 weeks or the lack of it.
} The strongest: { $strongest } What goes together need not depend on each other.
quadrant-fix = fix first
quadrant-keep = keep up
quadrant-watch = watch
quadrant-fine = fine as it is
quadrant-unsure = cannot tell
scale = { $worst } (worst) to { $best } (best)
key-drivers-unsure = Which of { $things } to look at first cannot be told from the answers so far.
key-drivers-group = { CAPITAL($quadrant) }: { $things }.
key-driver-few = only { $answers } to both questions
key-driver-alike = answers that are all alike
key-driver-untold = { CAPITAL($driver) }: cannot be told, because of { $why }.
key-driver = { CAPITAL($driver) }: { $link ->
    [up] a better rating goes with recommending the shop
    [down] a better rating goes with less recommending the shop
   *[unclear] no clear link with recommending the shop
} (correlation { $r }, { $level } interval { $low } to { $high }; { $answers }); rated { $rating } on a scale from { $scale }: { $quadrant }.
