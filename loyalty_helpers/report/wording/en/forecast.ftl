### What the forecasts say: what customers will bring, who buys next, and how far a ranking can be trusted.

span-weeks = { $weeks ->
    [one] 1 week
   *[other] { $weeks } weeks
}
span-days = { $days ->
    [one] 1 day
   *[other] { $days } days
}

## Which model
model-none = Nobody bought before the last day of the data, so nothing can be said of later yet: it takes some weeks of orders with a customer.
model-simple-few = So far { $repeaters ->
    [0] nobody has
    [one] only 1 customer has
   *[other] only { $repeaters } customers have
} bought again, and a model of who leaves takes { $least } who did: each customer's own pace is used, drawn towards everybody's.
model-simple-alike = The orders do not show by how much customers differ: each customer's own pace is used, drawn towards everybody's.
model-bg-nbd = Each customer's pace, and how likely people are to leave after an order, are estimated from all customers' orders.
model-nbd = No customers are seen to leave for good in these orders: by itself the model takes a long silence for a slow pace, and values over years, in which some will leave, are too high.
value-unsettled = How much customers differ in money per order cannot be settled: the value of an order is each customer's own mean, drawn towards everybody's.
value-of-few = { $customers ->
    [0] Nobody has
    [one] Only 1 customer has
   *[other] Only { $customers } customers have
} a repeat order to learn the usual amount from: the value of an order is each customer's own mean, drawn towards everybody's.
value-related = Customers who come more often spend { $more } per shopping day (correlation { $correlation }, { $customers ->
    [one] 1 customer
   *[other] { $customers } customers
}); the model takes the two as unrelated, so the money of { $more ->
    [more] frequent
   *[less] rare
} buyers is rather too low.
silence-untold = { $customers ->
    [one] 1 customer has
   *[other] { $customers } customers have
} been silent for { $gaps } or more of their usual gaps. Whether such customers come back, { $cases ->
    [one] 1 case
   *[other] { $cases } cases
} of the past cannot tell (it takes { $least }): their chance to buy is left blank, and of the orders at their usual pace only a part is expected.
silence-told = { $customers ->
    [one] 1 customer has
   *[other] { $customers } customers have
} been silent for { $gaps } or more of their usual gaps. In this shop's past such silences ended within { $horizon } as follows: { $cases }; nobody silent for so long is given a better chance than that.
silence-case = after { $gaps } gaps { $ended } of { $silences }

## What will come
orders-expected = orders expected in the next { $span } from the customers known today
money-expected = { $money ->
    [margin] gross margin
   *[revenue] revenue
} expected in the next { $span } from the customers known today
best-tenth-expected = share of the money of the next { $span } expected from the best tenth of customers
heaviest-expected = share of the expected money from one customer
no-history-yet = there is no history before the last day yet
best-tenth-of-few = it takes 10 customers to speak of a tenth, there { $customers ->
    [one] is 1
   *[other] are { $customers }
}
no-money-expected = no money is expected
to-come = In the next { $span } the customers known today may be expected to bring { $orders } { $count ->
    [one] order
   *[other] orders
}{ $sure ->
    [yes] {" "}({ $orders-level } interval { $orders-interval })
   *[no] {""}
}, and { $worth }{ $sure_worth ->
    [yes] {" "}({ $worth-level } interval { $worth-interval })
   *[no] {""}
} of { $money ->
    [margin] gross margin
   *[revenue] revenue
}.
to-come-orders = In the next { $span } the customers known today may be expected to bring { $orders } { $count ->
    [one] order
   *[other] orders
}{ $sure ->
    [yes] {" "}({ $orders-level } interval { $orders-interval })
   *[no] {""}
}.
to-come-unknown = What customers will bring in the next { $span } cannot be said: { $orders-why }.
one-customer-carries = { $share } of the money expected comes from one customer: the total stands and falls with what that one does.

## How sure it is
season-corrected = The same weeks a year ago brought { $more } orders than such a forecast; half of the difference, { $change }, is { $more ->
    [more] added
   *[fewer] taken off
}.
forecasts-drawn = { $way ->
    [apart] In past forecasts the best customers brought more, and the weakest less, than the model said; so the forecasts are drawn apart somewhat, at the same total.
   *[together] In past forecasts the best customers brought less, and the weakest more, than the model said; so the forecasts are drawn together somewhat, at the same total.
}
interval-untried = No interval yet: forecasts cannot be tried on { $known ->
    [one] 1 day
   *[other] { $known } days
} of orders; it takes at least { $least }.
interval-of-few = No interval yet: in the { $spells } past spells on which a forecast could be tried, fewer than { $least } orders came on average; it takes more orders of known customers.
interval-tried = The interval comes from { $forecasts } forecasts made the same way at days in the past: they missed the orders that came by { $least } to { $most }, { $sides }.{ $leans ->
    [fewer] {" "}That leans to one side: reckon rather with fewer orders than expected than with more.
    [more] {" "}That leans to one side: reckon rather with more orders than expected than with fewer.
   *[no] {""}
}{ $widened ->
    [yes] {" "}They look ahead { $length }, because the data are short; for { $horizon } the interval is widened.
   *[no] {""}
}{ $sampled ->
    [yes] {" "}They were tried on { $drawn } customers drawn at random.
   *[no] {""}
}
missed-sides = { $kind ->
    [one-high] too high
    [one-low] too low
    [both-high] both too high
    [both-low] both too low
    [all-high] all too high
    [all-low] all too low
    [some-right] { $high } too high, { $low } too low and { $right } right
   *[mixed] { $high } too high and { $low } too low
}
forecast-this = this forecast
forecast-carried = the same orders as before
forecast-recency = who bought last
beats-untested = Is the forecast better than supposing that everybody orders as before? Cannot tell: there are too few forecasts of the past, or too few orders came after them.
beats = Is the forecast better than supposing that everybody orders as before? { $answer } In { $forecasts ->
    [one] 1 past forecast
   *[other] { $forecasts } past forecasts
} the total was off by { $off } on average (as before: { $off_carried }), the correlation with what each customer did was { $fit } ({ $fit_carried }), and the tenth put first brought { $lift } times as many orders as a tenth drawn by lot ({ $lift_carried } times).
beats-in-part = In part: better { $better }, worse { $worse }.
beats-clear = { $sign ->
    [better] Yes: better
   *[worse] No: worse
} { $where }{ $rest ->
    [yes] , with no clear difference in the rest
   *[no] {""}
}.
beats-few = Cannot tell: it takes { $least } past forecasts or more.
beats-unclear = Cannot tell: no difference is clear.
beats-everywhere = in the total, in who orders how often and in the best tenth
beats-total = in the total
beats-pace = in who orders how often
beats-tenth = in the best tenth
textbook-value = { $value } of { $money ->
    [margin] margin
   *[revenue] revenue (no gross margin is known)
} each over { $years ->
    [one] 1 year
   *[other] { $years } years
}: of 100 such customers { $first } still buy in the first year to come{ $years ->
    [1] {""}
    [2] , { $second } in the second
    [3] , { $second } in the second, { $third } in the third
   *[other] , { $second } in the second, { $third } in the third, { $last } in the last
}, paid at the end of each year{ $discounted ->
    [yes] , { $discount } a year taken off
   *[no] {""}
}

## Who buys next
model-name = { $model ->
    [base_rate] the same chance for everybody
    [recency] time since the last order alone
    [bg_nbd] purchase rhythm (BG/NBD)
    [logistic] logistic regression
    [tree] decision tree
    [forest] random forest
    [boosting] histogram gradient boosting
    [svm] support vector machine
   *[everybody] everybody
}
buyers-untold = Who buys in the next { $horizon } days cannot be told from past orders: { $tests ->
    [one] in the one test, on a period that nothing had been fitted to,
   *[other] in { $tests } tests on periods that nothing had been fitted to,
} no way of sorting did better than chance.
buyers-by-recency = Who buys in the next { $horizon } days: sorting by the last purchase does as well as any model. { $tests ->
    [one] In the one test, on a period that nothing had been fitted to,
   *[other] In { $tests } tests on periods that nothing had been fitted to,
} the tenth of customers it puts first held { $share } of the buyers.
buyers-by-model = Who buys in the next { $horizon } days is told best by { $model ->
    [bg_nbd] how often and how lately each customer bought
    [logistic] how lately, how often and for how much each customer bought, weighed together
    [tree] a few yes-or-no questions about past orders
   *[other] a model of many small rules about past orders
}. { $tests ->
    [one] In the one test, on a period that nothing had been fitted to,
   *[other] In { $tests } tests on periods that nothing had been fitted to,
} the tenth of customers it puts first held { $share } of the buyers; sorting by the last purchase alone, { $recency }.{ $nearly ->
    [yes] {" "}In practice sorting by the last purchase does nearly as well.
   *[no] {""}
}
chances-untold-today = In the latest period too few customers bought to fit it again, so no chances are given for today.
chances-by-recency-today = In the latest period too few customers bought to fit it again: today's chances rest on the time since the last order alone.
chances-untested = Until then the chances of this comparison rest on the time since the last order alone, and are not tested.
no-chances = Until then no chances are given.
other-chance = The chance to buy in the action list, where one is given, is another: the forecast's, from how often and how lately each customer bought.
buyers-no-customers = Who buys in the next { $horizon } days cannot be told yet: no order carries a customer. It takes { $least } customers who buy, and { $least } who do not, in each of two consecutive periods of { $horizon } days.
buyers-too-short = Who buys in the next { $horizon } days cannot be told yet: that takes { $takes } days of orders, a third each for the past, to learn and to test; there { $known ->
    [one] is 1 day
   *[other] are { $known } days
}.
buyers-none-again = Who buys in the next { $horizon } days cannot be told yet: none of { $customers ->
    [one] 1 customer
   *[other] { $customers } customers
} has bought a second time. It takes { $least } customers who buy, and { $least } who do not, in each of two consecutive periods of { $horizon } days.
buyers-too-few = Who buys in the next { $horizon } days cannot be told yet: too few customers. It takes { $least } customers who buy, and { $least } who do not, in each of two consecutive periods of { $horizon } days; in the period from { $start } on there were { $bought ->
    [one] 1 customer
   *[other] { $bought } customers
} who bought and { $others ->
    [one] 1 customer
   *[other] { $others } customers
} who did not.
models-sampled = The models were compared on { $some } of the { $customers } customers, drawn at random; all have their chance.
contact-nobody = If reaching somebody who buys is worth { $worth } times what a contact costs, it pays to contact everybody with a chance of { $threshold } or more: in the tests, nobody. How many of them bought because of a contact, this cannot tell.
contact = If reaching somebody who buys is worth { $worth } times what a contact costs, it pays to contact everybody with a chance of { $threshold } or more: in the tests { $contacted } of the customers. Of these { $precision } bought, and they were { $recall } of all buyers.{ $beside ->
    [yes] {" "}By the time since the last order alone it would have been { $precision_recency }, and { $recall_recency } of all buyers.
   *[no] {""}
} How many of them bought because of a contact, this cannot tell.
term = { $term ->
    [recency] time since the last order
    [days_bought] number of shopping days so far
    [age] time since the first order
    [usual_gap] usual gap between shopping days
    [once] bought once only
    [half_year] share of the shopping days in the last half year
    [year] share of the shopping days in the last year
    [mean_order] usual value of an order
    [categories] number of categories bought
   *[refunds] share of refunds
}
reason-odds = { $term ->
    [recency] a longer time since the last order
    [days_bought] more shopping days so far
    [age] a longer time since the first order
    [usual_gap] a longer usual gap between shopping days
    [once] having bought once only
    [half_year] more of the shopping days in the last half year
    [year] more of the shopping days in the last year
    [mean_order] a higher usual value of an order
    [categories] more categories bought
   *[refunds] a larger share of refunds
}: a { $chance } chance
reason-unclear = no clear difference
reason-order = the order of the customers rests on it
odds-factor = × { $value }
points = { $value } pp
from-to = { $low } to { $high }

## How far a ranking can be trusted
stays-best-tenth = share of the best tenth that would be in it again
luck = { $drawn ->
    [yes] Of the customers
   *[no] Of the { $best } customers
} called the best tenth, about { $share } would be so again if the same customers' luck were different ({ $low } to { $high }); the others would make room for somebody else.{ $drawn ->
    [yes] {" "}Reckoned from { $customers } customers picked at random.
   *[no] {""}
}
luck-untold = How far the ranking is luck cannot be told yet: { $why }.
luck-of-few = it takes { $least } customers with an order, and there { $customers ->
    [one] is 1
   *[other] are { $customers }
}
luck-of-few-repeaters = it takes { $least } customers who bought on two different days, and there { $customers ->
    [one] is 1
   *[other] are { $customers }
}
score-fifth = { $fifth ->
    [0] lowest fifth
    [1] second fifth
    [2] middle fifth
    [3] fourth fifth
   *[4] best fifth
}
weights-untold = How much the weights matter cannot be told: it takes { $least } customers with an order, not all of them alike.
weights-no-matter = With each weight of the score halved or raised by half, or with those of the source articles, the same customers are the best tenth.
weights-matter = With each weight of the score halved or raised by half, or with those of the source articles, at least { $share } of the best tenth stay in it (fewest: { $fewest }).
other-weights = { $component ->
    [frequency] frequency
    [monetary] monetary
    [categories] categories
    [rating] rating
    [recency] recency
   *[articles] as in the source articles, without recency
}{ $way ->
    [halved] {" "}halved
    [raised] {" "}raised by half
   *[whole] {""}
}
agreement-untold = Whether score, value and chance agree cannot be told yet: { $why }.
agreement-of-few = it takes { $least } customers with a score and a forecast, and there { $customers ->
    [one] is 1
   *[other] are { $customers }
}
agreement-of-equals = the score or the forecast is the same for everybody
agreement-hidden = How many of the best tenth are the same by score, value and chance: these are too few customers for a report that others read.
agreement = Of the best tenth by score, { $shared }.
best-tenth-shared = { $measure ->
    [lifetime_value] { $share } are in that by value to come ({ $low } to { $high })
   *[chance_to_buy] { $share } are in that by chance to buy ({ $low } to { $high })
}
best-tenth-by = { $measure ->
    [lifetime_value] share of the best tenth by score that is in the best tenth by value to come
   *[chance_to_buy] share of the best tenth by score that is in the best tenth by chance to buy
}
disagreeing = { $score } score, { $score ->
    [high] low
   *[low] high
} { $measure ->
    [lifetime_value] value to come
   *[chance_to_buy] chance to buy
}
nobody-disagrees = nobody
nothing-sets-apart = no single trait sets them apart
set-apart = { $why }
apart-recency-days = last bought { $theirs ->
    [one] 1 day
   *[other] { $theirs } days
} ago (the others: { $others ->
    [one] 1 day
   *[other] { $others } days
})
apart-orders = { $theirs ->
    [one] 1 order
   *[other] { $theirs } orders
} so far (the others: { $others ->
    [one] 1 order
   *[other] { $others } orders
})
apart-spend = spent { $theirs } so far (the others: { $others })
apart-mean-order = { $theirs } an order (the others: { $others })
apart-tenure-days = first bought { $theirs ->
    [one] 1 day
   *[other] { $theirs } days
} ago (the others: { $others ->
    [one] 1 day
   *[other] { $others } days
})

## What has changed since the last report
no-earlier-scores = No scores of an earlier report are kept: what has changed will be said by the next one with later orders.
none-known-again = The last report (orders up to { $upto }) knew none of these customers: the key of the pseudonyms, or the customers' ids in the exports, have changed since. Nothing is compared.
few-known-again = The last report (orders up to { $upto }) and this one share { $both ->
    [one] 1 customer
   *[other] { $both } customers
}: too few to compare.
since-last = Since the last report (orders up to { $upto }) { $new ->
    [one] 1 customer
   *[other] { $new } customers
} came new and { $gone ->
    [one] 1 customer is
   *[other] { $gone } customers are
} no longer in the data{ $told ->
    [yes] ; of the { $both } customers in both reports { $changed } changed their segment ({ $changed-level } interval { $changed-interval })
   *[no] {""}
}.
changed-segment = customers of both reports who changed their segment
came-for-each-expected = orders that came for each one expected by the last report
forecast-held = { $over ->
    [yes] The forecast
   *[no] So far the forecast
} of the last report (orders up to { $upto }) { $verdict ->
    [held] held: as many orders came as it expected, give or take chance
    [too-high] was too high: fewer orders came than it expected
   *[too-low] was too low: more orders came than it expected
} ({ $share } for each 100, 95 % interval { $low } to { $high }).
forecast-none = Whether the last forecast came true cannot be said: that report made no forecast.
forecast-too-new = Whether the last forecast came true cannot be said: { $days ->
    [one] 1 day
   *[other] { $days } days
} of orders have come since, and it takes { $least }.
forecast-counted = In the { $days } days after it, the last report expected { $expected ->
    [one] 1 order
   *[other] { $expected } orders
} of { $customers ->
    [one] 1 customer
   *[other] { $customers } customers
}{ $part ->
    [yes] {" "}(its { $horizon } days, in proportion)
   *[no] {""}
}; { $actual } came.
listed-since = Of those first on the last list, { $again } of { $customers ->
    [one] 1 customer
   *[other] { $customers } customers
} { $again ->
    [one] has
   *[other] have
} ordered since, written to or not.

## Charts
backtests-none = No forecast of the past can be tried yet: it takes longer data with more orders.
backtests-held = What came lay within the interval in { $held } of { $known } past forecasts
backtests-missed = { $forecasts ->
    [one] The one forecast of the past missed what came by { $most }: { $sides }
   *[other] The { $forecasts } forecasts of the past missed what came by { $least } to { $most }: { $sides }
}
backtest-said = { $origin }: { $predicted } expected, { $came } came
backtests-alt = Forecasts of the past beside what came. { $title }. { $said }. Now { $total } { $total-label }{ $sure ->
    [yes] {" "}({ $total-level } interval { $total-interval })
   *[no] {""}
}.
backtests-note = Each forecast uses only what was known at its time. The first ones have no interval yet: it comes from the misses before.
tenths-none = Whether forecasts of single customers come true cannot be shown: no forecast could be tried.
tenths-best = { $tenth ->
    [1] The best tenth
   *[other] Tenth { $tenth }
} of customers: { $expected } orders each were expected, { $came } came
tenth-said = tenth { $tenth }: { $expected } expected, { $came } came
tenths-unjudged = There is no interval of what came.
tenths-untold = What came differed too much between the forecasts to say tenth by tenth whether they were right.
tenths-within = In { $within } of { $telling } tenths with an interval narrow enough to tell, the forecast lies within it.{ $others ->
    [0] {""}
    [one] {""}
   *[other] {" "}The other { $others } intervals are too wide to tell.
}
tenths-alt = Orders expected and orders that came, by tenth. { $title }. { $held } Each: { $said }.
tenths-note = All past forecasts together. { $held }
money-share = Share of the money of the next { $span } expected from the best tenth of customers: { $top }
money-share-untold = Share of the money of the next { $span } expected from the best tenth of customers cannot be measured: { $top-why }.
money-share-none = Who brings the money cannot be shown: too few customers.
money-share-said = best { $best }: { $share }
money-share-alt = Share of the expected money by share of customers. { $title }{ $shaded ->
    [yes] {" "}({ $top-level } interval { $top-interval })
   *[no] {""}
}; { $said }.
money-share-note = Dashed: if all customers were worth the same.{ $shaded ->
    [yes] {" "}Shaded: as far off as past forecasts were.
   *[no] {""}
}
nothing-to-draw = There is nothing to draw: who buys in the next { $horizon } days cannot be told yet.
chances-met = In { $met } of { $groups ->
    [one] 1 group
   *[other] { $groups } groups
} of customers as many bought as said, give or take chance; in all, { $way ->
    [more] { $off } more than said
    [fewer] { $off } fewer than said
   *[as-said] as many as said
}
chance-said = chance { $expected }: { $bought } bought (95 % interval { $low } to { $high })
chances-alt = Chances against what happened. { $title }. By group: { $said }.
chances-note = Dashed: chances that mean what they say. Groups: tenths of the customers; each interval is what chance alone explains.{ $amber ->
    [yes] {" "}Amber: more or fewer than that.
   *[no] {""}
}
first-tenth = The first tenth of the customers holds { $winner } of the buyers{ $beside ->
    [yes] ; of those who bought last, { $recency }
   *[no] {""}
}; by lot it would be 10 %
first-tenth-alt = Gains curve. { $title }. The first half holds { $winner }; sorted by the last purchase, { $recency }.
first-tenth-note = Mean of { $tests ->
    [one] 1 test
   *[other] { $tests } tests
} on periods the model had not seen.
model-best = No model sorts customers better than { $name }
model-as-good = { $model ->
    [base_rate] The same chance for everybody
    [recency] Time since the last order alone
    [bg_nbd] Purchase rhythm
    [logistic] Logistic regression
    [tree] Decision tree
    [forest] Random forest
    [boosting] Histogram gradient boosting
   *[svm] Support vector machine
} sorts as well as the best model, { $best }, as far as these tests can tell
model-said = { $name }: { $auc }
models-alt = Dot plot of models. { $title }. { $said }.
models-note = Large dots: means, with 95 % intervals; small ones: single tests. By lot it would be 50 %. Green: the simplest within one standard error of the best.
fifths-stay = Of the { $best }, { $best_share } would be in it again, of the { $worst } { $worst_share }
fifth-said = { $fifth }: { $stays } ({ $low } to { $high })
fifths-alt = Dot plot by fifth of the loyalty score: { $said }.
fifths-note = Dashed: what a ranking by lot would give.
