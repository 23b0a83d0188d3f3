### Who is loyal, who is late, who is leaving, and whom to call.

## The shop's pace
pace = { $known ->
    [no] { $returned ->
        [0] No customer is
        [one] Only { $returned } customer is
       *[other] Only { $returned } customers are
    } known to have bought on two different days, so nothing tells yet who is late: everybody who bought within { $days ->
        [one] { $days } day
       *[other] { $days } days
    } counts as active.
   *[yes] Half of the gaps between two visits are { $gap ->
        [one] { $gap } day
       *[other] { $gap } days
    } or shorter; with an order in the last { $days ->
        [one] { $days } day
       *[other] { $days } days
    } a customer counts as active.
 }

## Segments by recency, frequency and money
place-champions = Champions
place-loyal = Loyal
place-potential-loyalist = Potential Loyalist
place-new-customers = New Customers
place-promising = Promising
place-need-attention = Need Attention
place-about-to-sleep = About To Sleep
place-at-risk = At Risk
place-cannot-lose-them = Cannot Lose Them
place-hibernating = Hibernating
place-lost = Lost
place-too-few = Too few to sort
place-general-win-back = General: win back
place-general-keep = General: keep
place-general-develop = General: develop
place-general-value = General: value
place-important-win-back = Important: win back
place-important-keep = Important: keep
place-important-develop = Important: develop
place-important-value = Important: value
place-high-value = High-value
place-potential = Potential
place-other = Other
place-high = High
place-middle = Middle
place-basic = Basic
place-no-level-yet = No level yet
place-overdue-regular = Overdue regular
place-refunds-only = Refunds only (not scored)
place-did-not-buy = Did not buy
scheme-rfm-segment = RFM segment
scheme-eight-types = Eight types
scheme-value-group = Value group
scheme-loyalty-level = Loyalty level
scheme-rhythm = Rhythm
measure-recency = Recency
measure-frequency = Frequency
measure-monetary = Monetary

segments-nobody = No customer with an id has bought anything yet, so there are no segments.
segments-too-few = { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } with an order: too few to sort into segments, which takes { $least } or more. So few are better known one by one: see the list.
segments-sorted = { $customers } customers fall into { $segments ->
    [one] { $segments } segment
   *[other] { $segments } segments
 }{ $thirds ->
    [yes] {" "}(thirds, because there are fewer than { $small })
   *[no] {""}
 }. Each name is shorthand for three ranks among this shop's own customers (how lately, how often and for how much they bought): read it with the numbers beside it.

bought-within = bought within { $days ->
    [one] { $days } day
   *[other] { $days } days
 }
bought-before = last bought more than { $days ->
    [one] { $days } day
   *[other] { $days } days
 } ago
bought-last-day = bought on the last day of the data
bought-days-ago = last bought { $end ->
    [one] { $end } day
   *[other] { $end } days
 } ago
bought-between = last bought { $start } to { $end } days ago
orders-from = { $orders } or more orders
orders-exactly = { $orders ->
    [one] { $orders } order
   *[other] { $orders } orders
 }
orders-between = { $orders } to { $upto } orders
spent-alike = every customer alike
spent-from = spent { $low } or more
spent-between = spent { $low } to under { $high }
spent-under = spent less than { $high }

## The loyalty score and index
kpi-loyalty-index-behavior = loyalty index, behavior only
kpi-loyalty-index-attitude = loyalty index, attitude only
index-scored = { $index } ({ $scored } of { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } scored)
index-by-construction = customers scored among themselves have an index of about 50 by construction
index-nobody = no customer could be scored
index-nobody-answered = no customer left a rating or an answer
index-too-few = among fewer than { $least } customers a place says little
index-not-compared = fewer than { $least } customers of a period are scored, or all of them alike
parts-answered = gave a rating or an answer
parts-silent = gave none
parts-again = bought again
parts-once = bought once
parts-nobody-answered = No customer left a rating or an answer, so nothing is known of what customers think.
parts-too-few = Too few customers gave a rating or an answer to compare what customers do with what they say: it takes { $least } in each group.
parts-behavior = Those who gave a rating or an answer { $differ ->
    [more] buy more
    [less] buy less
   *[no] buy neither more nor less, as far as can be told,
 } than the others ({ $one } against { $other } of 100 for behavior).
parts-attitude = Those who bought again { $differ ->
    [more] are more satisfied
    [less] are less satisfied
   *[no] are neither more nor less satisfied, as far as can be told,
 } than those who bought once ({ $one } against { $other } of 100 for attitude).
money-unit = { $size ->
    [1] { $currency }
   *[other] { $size } { $currency }
 }

## Loyalty levels
levels-nobody = No customer with an id has bought anything yet, so nobody has a level.
levels-reached = { $reached } of { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } { $reached ->
    [one] has
   *[other] have
 } a loyalty level.
levels-stopped = { $reached } of { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } { $reached ->
    [one] has
   *[other] have
 } a loyalty level; a single rule keeps { $only } of { $reached ->
    [0] them
   *[other] the others
 } from the lowest one: { $rule }.
rule-min-orders = { $bar ->
    [one] { $bar } order
   *[other] { $bar } orders
 } or more
rule-min-rating = a rating of { $bar } or better{ $where ->
    [yes] , where there is one
   *[no] {""}
 }
rule-min-referrals = recommended the shop to { $bar ->
    [one] { $bar } customer
   *[other] { $bar } customers
 } or more who came

## On how many the revenue rests
half-of-revenue = share of customers who bring half of the revenue
half-no-revenue = there is no revenue to share out
half-few-customers = it takes at least { $least } customers with an order, there { $customers ->
    [one] is
   *[other] are
 } { $customers }
revenue-nobody = No customer with an id has bought anything yet, so there is no revenue to share out.
revenue-few = Only { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } bought so far: too few to say on how many the revenue rests.
revenue-no-half = Share of customers who bring half of the revenue cannot be measured: { $why }.
revenue-half = Half of the revenue comes from { $few } of { $customers } customers{ $shared ->
    [interval] , { $half } of them ({ $half-level } interval { $half-interval })
    [share] , { $half } of them
   *[no] {""}
 }.
revenue-heavy = One customer alone brings { $share } of it all; without that one, half of the rest comes from { $few } of { $customers } customers.

## Who is still there
group-active = active
group-lapsing = lapsing
group-gone = gone
group-one-time = one-time
activity-active = bought within { $days ->
    [one] { $days } day
   *[other] { $days } days
 }
activity-lapsing = last bought { $next } to { $twice } days ago
activity-gone = last bought more than { $twice } days ago
activity-one-time = bought once, more than { $days ->
    [one] { $days } day
   *[other] { $days } days
 } ago

## Satisfaction beside behavior
satisfied-csat = { $bar } or { $best } of { $best }
satisfied-nps = { $bar } or { $best } of { $best }, asked whether they would recommend the shop
type-loyal = loyal
type-trapped = trapped
type-latent = latent
type-none = none
type-too-new = too new
quadrant-loyal = satisfied ({ $rule }), and buys again
quadrant-trapped = buys again without being satisfied
quadrant-latent = satisfied ({ $rule }), but does not buy again
quadrant-none = neither satisfied nor buying again
quadrant-too-new = one order, within { $days ->
    [one] { $days } day
   *[other] { $days } days
 }: too early to tell

## Rhythm
regular-late-overdue = A regular has bought on { $days } days or more. Late is who has been silent for longer than usual for them; overdue is who has been silent for { $gaps } of their usual gaps or more.
regulars-overdue = regulars of the last 364 days who are overdue, silent for { $gaps } of their usual gaps or more
no-regular-lately = no regular customer spent anything in the last 364 days
nobody-on-three-days = no customer of the last 364 days has ever bought on three different days
nobody-on-five-days = no customer of the last 364 days has ever bought on five different days
spent-by-overdue = what the overdue regulars spent in the last 364 days
late-by-chance = If every one of these { $regulars } regular customers bought at random times and nobody had left, { $expected ->
    [0] hardly anybody
    [one] about { $expected } customer
   *[other] about { $expected } customers
 } would be overdue by chance; { $late ->
    [one] { $late } customer is
   *[other] { $late } customers are
 }.{ $so ->
    [ask] {" "}So being overdue is a reason to ask, and no proof that somebody left.
    [chance] {" "}So most of those may be chance: ask before you offer anything.
   *[none] {""}
 }
silence-usual = silent for 1 usual gap or less
silence-late-1 = late: silent for 1 to 2 usual gaps
silence-late-2 = late: silent for 2 to 4 usual gaps
silence-overdue = overdue: silent for 4 usual gaps or more
spell-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
 }
spell-weeks = { $n ->
    [one] { $n } week
   *[other] { $n } weeks
 }
spell-months = { $n ->
    [one] { $n } month
   *[other] { $n } months
 }
spell-years = { $n ->
    [one] { $n } year
   *[other] { $n } years
 }
every-days = { $n ->
    [one] every day
   *[other] every { $n } days
 }
every-weeks = { $n ->
    [one] every week
   *[other] every { $n } weeks
 }
every-months = { $n ->
    [one] every month
   *[other] every { $n } months
 }
every-years = { $n ->
    [one] every year
   *[other] every { $n } years
 }

## Do new customers come back?
bought-again-after = customers who bought again { $months ->
    [one] { $months } month
   *[other] { $months } months
 } after their first order
return-none = no month of first orders after the first of the data is followed by enough full months
return-few = only { $customers ->
    [one] { $customers } new customer
   *[other] { $customers } new customers
 } can be followed so long, and it takes { $least }
retention-few = It takes { $least } new customers, followed for a full month, to tell how many come back; there are not so many yet.
retention = Of { $customers } new customers { $first_share } ({ $first_low } to { $first_high }) had an order in the { $first ->
    [1] first
    [2] 2nd
    [3] 3rd
   *[other] { $first }th
 } month after{ $months ->
    [1] ; it takes more months to say how this goes on
   *[other] , and { $last_share } ({ $last_low } to { $last_high }) in the { $last ->
        [2] 2nd
        [3] 3rd
        [21] 21st
        [22] 22nd
        [23] 23rd
        [31] 31st
        [32] 32nd
        [33] 33rd
        [41] 41st
        [42] 42nd
        [43] 43rd
        [51] 51st
        [52] 52nd
        [53] 53rd
       *[other] { $last }th
    }
 }.
second-order = Of { $customers ->
    [one] { $customers } new customer
   *[other] { $customers } new customers
 } so many ordered again: { $shares }.
second-within = { $share }{ $bounds ->
    [yes] {" "}({ $share-interval })
   *[no] {""}
 } within { $days } days
second-half = Half of them had after { $median }{ $bounds ->
    [yes] {" "}({ $median-interval })
   *[no] {""}
 }.
second-no-half = When half of them will have cannot be told: { $median-why }.
second-left-out = Left out: { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } whose first order in the data falls in its first { $days ->
    [one] { $days } day
   *[other] { $days } days
 } and may not be their first.
second-unknown = How soon new customers order again cannot be told: { $why }.
second-share = new customers with a second order on another day within { $days ->
    [one] { $days } day
   *[other] { $days } days
 }
second-median = days until half of the new customers have a second order on another day
second-not-followed = fewer than { $least } new customers without a second order are followed for { $days } days (the longest for { $longest ->
    [one] { $longest } day
   *[other] { $longest } days
 })
second-under-half = fewer than half have, as long as enough of them are followed (up to { $days ->
    [one] { $days } day
   *[other] { $days } days
 })
second-too-few = { $customers ->
    [0] no new customer is
    [one] only { $customers } new customer is
   *[other] only { $customers } new customers are
 } in the data, and it takes { $least } to tell how soon they come back

## Where the customers of before the launch are now
migration-best = Best
migration-regular = Regular
migration-occasional = Occasional
migration-once = Once
migration-did-not-buy = Did not buy
migration-no-launch = There is no launch date, and so no before and after to compare.
migration-nothing-before = there is nothing before the launch
migration-nobody = nobody bought in the window before the launch
migration-no-reach = it would take orders from { $needed } on, and they begin on { $begin }
migration-few = it takes { $least } customers in both spans; there are { $before } and { $after }
migration-nobody-to-follow = there is nobody to follow
migration-unknown = Where the customers of before the launch went cannot be told: { $why }.
migration-hidden = Where the customers of before the launch went is not shown: { $why }.
migration-moved = Of the { $customers ->
    [one] { $customers } customer
   *[other] { $customers } customers
 } who bought in the window before the launch, { $moved-up } moved up a group in the window after it ({ $days ->
    [one] { $days } day
   *[other] { $days } days
 } each), { $stayed } stayed, { $moved-down } moved down, and { $stopped } did not buy.{ $few ->
    [yes] {" "}They are too few to speak of shares: that takes { $least } customers.
   *[no] {""}
 }
migration-usual-unknown = How much of such moves is ordinary coming and going cannot be told: { $why }. Heavy buyers fall back and light ones catch up by chance alone.
migration-usual = One span earlier, without a program: { $moves }.
migration-usual-moved-up = { $share } moved up
migration-usual-stayed = { $share } stayed
migration-usual-moved-down = { $share } moved down
migration-usual-stopped = { $share } did not buy
migration-as-usual = No evidence that customers moved otherwise than they do by themselves.
share-moved-up = share of customers who moved up a group
share-stayed = share of customers who stayed in their group
share-moved-down = share of customers who moved down a group
share-stopped = share of customers who did not buy in the later window
share-best-again = share of the best customers who were best again
migration-move = { $move ->
    [moved-up] Share of customers who moved up a group
    [stayed] Share of customers who stayed in their group
    [moved-down] Share of customers who moved down a group
    [stopped] Share of customers who did not buy in the later window
   *[best-again] Share of the best customers who were best again
 }: { $was } one span earlier, { $now } around the launch ({ $change }, { $level } interval { $interval }): { $verdict ->
    [more] more than usual
    [less] less than usual
    [no-among-many] no evidence of a difference, allowing for the number of moves looked at
   *[no] no evidence of a difference
 }.

## What referred customers have brought
newcomers-referred = referred
newcomers-others = other newcomers of the same months
referrals-no-list = there is no list of referrals
referrals-nobody = nobody has been referred yet
referrals-unknown = What referrals bring cannot be told: { $why }.
referrals-brought = what referrals brought
referrals-not-compared = Persons referred who have bought since: { $came } ({ $came-level } interval { $came-interval }; { $came-n ->
    [one] { $came-n } person
   *[other] { $came-n } persons
 }). Whether they spend more than other newcomers cannot be told: { $gap-why }.
referrals-spent = { $customers ->
    [one] One referred customer has
   *[other] { $customers } referred customers have
 } spent { $spent } each so far, other newcomers of the same months { $others }: { $gap } (95 % interval { $low } to { $high }), { $differ ->
    [more] more than chance would explain
    [less] less than chance would explain
   *[no] no evidence that they differ
 }. They might have come without being referred.
referrals-half = Half of the customers who were referred and came were brought by { $share } of the { $persons ->
    [one] { $persons } person
   *[other] { $persons } persons
 } who brought anybody.
referrals-no-half = How much hangs on a few who refer cannot be told: { $why }.
referred-who-bought = persons referred who have bought since
referred-spent-more = what referred customers have spent more than other newcomers of the same months
referred-too-few = it takes { $least } referred customers and as many other newcomers of the same months, there are { $referred } and { $others }
referrers-of-half = referrers who brought half of the referred customers
referrers-too-few = it takes { $least } persons who brought somebody, there are { $persons }

## Which categories go together
cross-sell = customers who bought from two or more categories
no-categories = no order of a known customer carries a category
pair = { $one } and { $other }
pairs-more = { $pairs ->
    [one] { $pairs } other pair
   *[other] { $pairs } other pairs
 }
pairs-unknown = Which categories go together cannot be told: it takes two with { $least } buyers each, and customers who bought several times.
pairs-apart = Less often than expected: { $pairs }.
pairs-also = So do { $pairs }.
pairs-none = No pair stands out: customers buy each pair together about as often as their numbers of orders, their tastes and what goes into one order let expect ({ $pairs ->
    [one] { $pairs } pair
   *[other] { $pairs } pairs
 } of categories looked at).
pairs-none-more = No pair of categories is bought by the same customers more often than expected ({ $pairs ->
    [one] { $pairs } pair
   *[other] { $pairs } pairs
 } of categories looked at).
pairs-together = { $category } and { $other } go together: { $share } of the { $buyers ->
    [one] { $buyers } buyer
   *[other] { $buyers } buyers
 } of { $category } also bought { $other }, where their numbers of orders and what goes into one order would let expect { $expected } ({ $lift } times as often, 95 % interval { $lift_low } to { $lift_high }; { $pairs ->
    [one] { $pairs } pair
   *[other] { $pairs } pairs
 } of categories looked at).
reading-together = together
reading-apart = apart
reading-as-expected = as expected
reading-too-few = too few
baskets-unknown = Which categories are bought in one order cannot be told: too few orders hold two of them.
baskets-none = In one order no pair of categories is bought more often than by lot ({ $pairs ->
    [one] { $pairs } pair
   *[other] { $pairs } pairs
 } of categories looked at).
baskets-also = So are { $pairs }.
baskets-together = { $category } and { $other } are bought together in one order: { $lift } times as often as by lot{ $bounds ->
    [yes] {" "}(95 % interval { $lift_low } to { $lift_high })
   *[no] {""}
 }. { $share } of the { $orders ->
    [one] { $orders } order
   *[other] { $orders } orders
 } with { $category } hold { $other } too, where orders of as many categories, filled by lot, would let expect { $expected } ({ $pairs ->
    [one] { $pairs } pair
   *[other] { $pairs } pairs
 } of categories looked at).
next-unknown = What customers turn to next cannot be told: too few have bought from a second category so far.
next-by-chance = The way taken most often leads from { $first } to { $next } ({ $share } of those who went on from { $first }); no first category leads to another beyond chance.
next-beyond-chance = After a first order of { $first }, { $share } of those who went on turned to { $next } next, where { $usual } would be expected.

## Whom to call
nobody-to-call = no customer is both late for an order and perhaps still one
list-by-doubt = Sorted by what is worth a call: the { $money ->
    [margin] margin
   *[revenue] revenue
 } that a late customer would bring in the next { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 } at their usual pace, times the chance that they have left, times the chance that they have not. Who is sure to come needs no call; who has most likely left, or has been silent for more than { $long }, gets none either.
list-by-overdue = Sorted by what overdue regulars spent in the last 364 days, as { $money ->
    [margin] margin
   *[revenue] revenue
 } of { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 }: too little is known to tell how likely each of them has left. { $share } of it counts as worth a call, the most that can be both in doubt and still to be won; who has been silent for more than { $gaps } usual gaps gets none.
worth-acting = { $money ->
    [margin] margin
   *[revenue] revenue
 } of the next { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 } that is in doubt and may still be won{ $about ->
    [roughly] , roughly
    [at-most] , at most
   *[none] {""}
 }
call-dearer = A call of { $minutes } minutes costs { $cost } of your time; that is no less than the { $money ->
    [margin] margin
   *[revenue] revenue (the settings give no margin)
 } which the first { $calls } would each bring in the next { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 }: write instead.
call-pays-one = A call of { $minutes } minutes costs { $cost } of your time; it pays if the one customer to call would have stayed away, comes back, and buys as before: { $gain } of { $money ->
    [margin] margin
   *[revenue] revenue (the settings give no margin)
 } in { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 }.
call-pays = A call of { $minutes } minutes costs { $cost } of your time; it pays if at least { $enough ->
    [one] { $enough } of the first { $calls } comes back who would have stayed away, and then buys
   *[other] { $enough } of the first { $calls } come back who would have stayed away, and then buy
 } as before: { $gain } of { $money ->
    [margin] margin
   *[revenue] revenue (the settings give no margin)
 } each in { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 }.
one-customer-alone = One customer alone brings { $share } of the revenue: know when the next order is due ({ $usual ->
    [yes] usually { $every }, last { $ago } ago
   *[no] last { $ago } ago
 }).
at-stake = { $about ->
    [about] about
   *[at-most] at most
 } { $value } of { $money ->
    [margin] margin
   *[revenue] revenue
 } of the next { $weeks ->
    [one] { $weeks } week
   *[other] { $weeks } weeks
 }
opt-outs-no-list = No list of people who must not be contacted was supplied: leave out yourself whoever has asked for that.
opt-outs = { $some ->
    [yes] { $known } of the customers must not be contacted and stand in no list
   *[no] None of the customers is on the list of those who must not be contacted
 }{ $others ->
    [yes] ; { $unknown } of the people on that list could not be found among the customers
   *[no] {""}
 }.
