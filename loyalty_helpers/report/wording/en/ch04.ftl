### Chapter 04: did the program work, and was it worth the money?

capital = { CAPITAL($said) }
between = { $low } to { $high }
between-around = { $value } ({ $low } to { $high })

## The windows and the answer

windows-no-launch = No launch date of a program is set: there is no before and after, and what follows describes the last year.
windows-no-before = The orders begin with the launch: there is nothing before it to compare with.
windows-compared = { $matched ->
    [yes] { $days ->
        [one] Before: { $before-start } to { $before-end }. After: { $after-start } to { $after-end } ({ $days } day each, the same days a year apart).
       *[other] Before: { $before-start } to { $before-end }. After: { $after-start } to { $after-end } ({ $days } days each, the same days a year apart).
    }
   *[no] { $days ->
        [one] Before: { $before-start } to { $before-end }. After: { $after-start } to { $after-end } ({ $days } day each, not the same season).
       *[other] Before: { $before-start } to { $before-end }. After: { $after-start } to { $after-end } ({ $days } days each, not the same season).
    }
}
windows-active = { $days ->
    [one] A customer is active with an order in the last { $days } day.
   *[other] A customer is active with an order in the last { $days } days.
}
unpaid-margin = Whether that pays for the program is not known: the settings name no gross margin.
unpaid-costs = Whether that pays for the program is not known: no costs are known.
unpaid-bar = Whether that pays for the program is not known: there is no break-even.
draw-wasted = The random draw could not be used: { $x-why }.
draw-alone = Of the campaign since { $since } alone: { $said }

## Members and draws

till-takes = it takes a launch date, a member list with dates of joining, and customers who could join and did not
planted = the planted lift of members
planted-unknown = in a real shop the truth is not known
planted-said = This shop is simulated, and its truth is known: { $x-label } is { $lift }.
planted-held = { $held ->
    [yes] The headline's interval, { $x-interval }, holds it.
   *[no] The headline's interval, { $x-interval }, misses it.
}
used-nobody = Members could not be compared: { $x-why }.
used = { $hidden ->
    [yes] { $joiners } could be compared; others could not, for the reasons below.
   *[no] { $joiners } could be compared, { $share } of all members; { $others } could not, for the reasons below.
}
drawn-nobody = Nobody was drawn at random so far. make holdout CLIENT=… SHARE=0.5 draws customers to leave out of the next campaign; the next report then compares as drawn.
drawn-complier = { CAPITAL($x-label) }: { $x } ({ $x-level } interval { $x-interval }).
spending = The money rests on the lift in orders, which is measured more closely than spending. The same comparison of spending: { $x } ({ $x-level } interval { $x-interval }).

## What this does not show, and how often the methods err

limits-unmeasured = Neither the changes nor the trend say what the program caused. Season, prices, advertising, competitors and who chose to join are in all of them. Members against comparable buyers, or a random holdout, would tell.
limits-drawn = The draw answers for those who were drawn, in this time. It does not say what the program would do for others, or next year, nor which part of the program did it.
limits-till-short = The comparison with comparable buyers rests on what no data can prove: above all that nothing but their history of orders sets joiners apart. Chapter 4 names all of it, and where the method is known to lean.
limits-till = The comparison of members with comparable buyers rests on what no data can prove: (1) people join at an order, not in a quiet week; (2) given a customer's last half-year of orders and a stable personal rate of buying, joining says nothing more about the next { $weeks } weeks; (3) older orders matter for joining only through that personal rate{ $calibrated ->
    [yes] ; (4) what a history of orders says of the weeks to come is the same before and after the launch, up to one factor for the whole market.
   *[no] .
} { $leanings } Only a random holdout removes the first of these.
leanings = It leans towards “it works” where a passing appetite that no order shows makes people join{ $appetite }, and where everybody's demand jumped at the launch{ $jump }; towards “no effect” where old orders themselves, and not the personal rate, make people join{ $old }.
leaning-size = {" "}({ $lift } there, in simulated shops without an effect)
error-rates = { $nil ->
    [yes] In { $shops } simulated shops of { $size } customers, this method's interval held the planted truth in { $coverage }; where the program did nothing, it found a lift in { $claims } of the cases, and the verdict would have been “works” or “probably works” in { $works }.
   *[no] In { $shops } simulated shops of { $size } customers, this method's interval held the planted truth in { $coverage }.
}

## What comments mention

n-comment = { $n ->
    [one] { $n } comment
   *[other] { $n } comments
}
comments-few = Of { $comments }, too few mention any one theme to be shown.
comments-none = Of { $comments }, none mentions a theme of the lists.
comments-mention = { $few ->
    [yes] Of { $comments }, { $share } ({ $low } to { $high }) mention { $theme }. They are few: look at the interval.
   *[no] Of { $comments }, { $share } ({ $low } to { $high }) mention { $theme }.
}
comments-read = Mentions, not opinions, found by lists of words (loyalty_helpers/words; a client's own: themes.yml in its folder). A comment may mention several things. Groups are by the answer to the recommendation question, with the number of their comments: a share of few says little.
mentions-nothing = No comment mentions a theme of the lists.
mentions-axis = share of the comments that mention it
mentions-row = { CAPITAL($theme) }: { $share } ({ $low } to { $high })
mentions-title = { $share } of { $comments } mention { $theme }
mentions-alt = Bar chart with intervals. { $title }.
mentions-note = Lines: intervals. These are mentions, not opinions: “not expensive” and “too expensive” both mention the price.

## Tables

table-rungs = The evidence ladder: what is there, and what is missing
table-comparisons = Every comparison the data allow, and what to know about it
table-compared-joiners = Members with a date of joining: compared, and set aside
table-fair-draw = Was it a fair draw?
table-changes = The KPIs
table-targets = KPIs against the client's targets
table-channels = KPIs by channel
table-traps = Ways to be fooled, and whether they are at work here
table-comments = What customers mention ({ $question } comments)
table-choices = What customers chose ({ $question }; several answers possible)
table-money = Costs since the launch, and what came in
table-member-groups = Groups of members by what they bought before joining
table-definitions = Definitions and intervals
table-quantities = What the comparison at the till rests on
table-designs = Smallest lift each design would find, and what more would take
table-activity-stress = Customer retention under other activity windows
money-ends = Low and high: of costs, points redeemed so far and all not expired; of the rest, the lift's interval.
rung-numbered = { $rung } { $name }
comparison = { $headline ->
    [yes] { CAPITAL($label) } (headline)
   *[no] { CAPITAL($label) }
}
joiners-compared = Compared: joined at an order, customers for { $known } weeks by then, { $weeks } weeks to follow
joiners-aside = Set aside: { $why }
draw-share-held = Share held out
draw-share-found = { $declared ->
    [yes] { $found }, planned { $planned }
   *[no] { $found }, the plan is not in the settings
}
draw-before = { CAPITAL($what) }, of those with the program and held out
draw-before-found = { $program } and { $held }
draw-joined = Became members, of the arm { $arm }
agree-yes = yes
agree-no = no
agree-none = –
plausible = { $yes ->
    [yes] yes
   *[no] look twice
}
quantity-kappa = market factor (kappa)
quantity-kappa-means = buying of everybody between an order and the next, since the launch over what histories predict: season, growth and whatever touched all customers; divided out
quantity-beta = who joins (beta)
quantity-beta-means = how much more readily customers with a higher personal rate join; 0 is no more readily
quantity-shift = shift
quantity-shift-means = by how much expected orders of joiners were raised because joining itself shows a higher personal rate
quantity-tau = steadiness (tau)
quantity-tau-means = 1: a customer's orders scatter as by chance alone; less: they come in spells, and a history says less
quantity-rho = long before (rho)
quantity-rho-means = orders of joiners long before the launch over those of comparable buyers: 1 is no hidden difference; divided out of the comparison with other buyers
quantity-orders = orders compared with
quantity-orders-means = orders of customers who did not join at them
quantity-customers = customers compared with
quantity-customers-means = how many customers the weighted comparison is worth
quantity-agree = do the two estimates agree?
quantity-agree-means = whether the intervals of headline and cross-check overlap
quantity-plausible = plausible?
quantity-plausible-means = a lift above { $most } is more than published programs reach
not-by-waiting = not by waiting
not-in-sight = not in sight
now = now
units-customers = { $n } customers
units-joiners = { $n } joiners
units-weeks = { $n } weeks
kpi-cell = { $primary ->
    [yes] { CAPITAL($label) } (primary)
   *[no] { CAPITAL($label) }
}
n-both = { $before } / { $after }
reading-up = up
reading-down = down
reading-no-evidence = no evidence
reading-not-measurable = not measurable
reading-many = no evidence, allowing for the number of KPIs looked at
reading-why = not measurable: { $why }
target-min = at least { $limit }
target-max = at most { $limit }
target-met = met ({ $bound })
target-missed = missed ({ $bound })
target-unsure = cannot tell ({ $bound })
target-unmeasured = not measured ({ $bound })
roi-item = { $payback ->
    [yes] { CAPITAL($item) } (months)
   *[no] { CAPITAL($item) }
}
no-lift-pays = no lift could pay

## What several charts say

no-limit = no limit
row-of-chart = { $bounded ->
    [yes] { CAPITAL($label) }: { $value } (interval { $low } to { $high })
   *[no] { CAPITAL($label) }: { $value } (no interval)
}
note-arrow = Arrow: the interval goes on beyond the picture.
note-grey-nil = Grey: the interval covers no lift.
note-hollow-refused = Hollow grey: not to be relied on.
lift-axis = { $outcome ->
    [spend] lift in spend per member
   *[orders] lift in orders per member
}

## Charts: members at the till

since-nothing = The lift by weeks since joining cannot be had: too few joiners, or too few weeks of orders.
since-weeks = weeks { $first } to { $last }
since-axis = time since joining
since-alt = Lift by weeks since joining, with intervals.
since-refused = The lift by weeks since joining, not to be relied on: { $why }
since-falls = The lift falls with time: { $first } in { $first-weeks } since joining, { $last } in { $last-weeks }
since-rises = The lift rises with time: { $first } in { $first-weeks } since joining, { $last } in { $last-weeks }
since-none = { $any ->
    [yes] No evidence of a lift in any of the weeks since joining
   *[no] No evidence of a lift in { $first-weeks } since joining
}
since-one = Lift in { $first-weeks } since joining: { $first }
since-steady = No evidence that the lift changes with time since joining
both-title = { $agree ->
    [yes] { $claim }; the cross-check does not contradict this
   *[no] { $claim }; the cross-check contradicts this
}
both-alt = Estimates with { $level } intervals.
both-row = { CAPITAL($x-label) }: { $said }
balance-nothing = How alike joiners and other buyers are cannot be shown: there was nothing to weight.
balance-before = before weighting
balance-after = after weighting
balance-axis = joiners minus other buyers (standard deviations)
balance-alt = Differences of joiners from other buyers, in standard deviations.
balance-row = { CAPITAL($covariate) }: { $before } before, { $after } after.
balance-note = Shaded: differences under { $alike } standard deviations, which count as alike.
balance-impossible = Joiners and other buyers could not be made alike by weighting
balance-apart = Joiners and other buyers still differ after weighting in { $covariates }
balance-alike = { $any ->
    [yes] After weighting, joiners and other buyers are alike in all { $things } compared; before, they differed in { $differed } of them
   *[no] After weighting, joiners and other buyers are alike in all { $things } compared
}
covariate-now = orders in the week
covariate-gap = weeks since the order before
covariate-last-8 = orders in the 8 weeks before (at most 4)
covariate-last-13 = orders in the 13 weeks before
covariate-last-26 = orders in the 26 weeks before
covariate-tenure = weeks since the first order
covariate-launch = weeks since the launch
overlap-nothing = How alike joiners and other buyers are cannot be shown: no chance to join was estimated.
overlap-joiners = joiners
overlap-others = other buyers
overlap-axis = chance to join at such an order
overlap-half = Half of the { $group } between { $low } and { $high }, around { $middle }.
overlap-alt = Chance to join, by group.
overlap-note = Dot: the middle; thick: half of the group; thinner: nine of ten; hairline: all.
overlap-nearly = Nearly all of the joiners had a chance to join that some other buyers had too
overlap-about = About { $share } of the joiners had a chance to join that some other buyers had too

## Charts: the whole shop

trend-observed = observed
trend-predicted = predicted without a launch
trend-axis-weeks = week beginning
trend-axis-orders = orders per week
trend-axis-difference = difference of the whole shop
trend-alt = Weekly orders with the forecast from before the launch. { $said }
trend-shaded = Shaded: where 95 of 100 weeks would lie if the old trend and season had simply gone on.
trend-nothing = There is no trend to compare with: { $why }
trend-effects-alt = Forest plot with { $level } intervals. { $said }
placebo-row = pretended, { $day }
placebo-real = the real launch
placebo-axis = whole shop against its trend
placebo-title = { $dates ->
    [one] { $wrong ->
        [yes] The one pretended launch shows a change where there was no program
       *[no] The one pretended launch shows nothing, as it should
    }
   *[other] { $wrong ->
        [yes] { $shown ->
            [one] { $shown } of { $dates } pretended launches shows a change where there was no program
           *[other] { $shown } of { $dates } pretended launches show a change where there was no program
        }
       *[no] { $shown } of { $dates } pretended launches show nothing, as they should
    }
}
placebo-alt = Pretended launches and the real one, with intervals.
placebo-hollow = Hollow: dates without a launch, where nothing should be seen.
placebo-amber = Amber: a change is seen all the same.
changes-nothing = No rate could be compared before and after.
changes-axis = change ({ $unit }), after minus before
changes-title = { $moved } of { $rates } rates moved by more than chance would explain
changes-alt = Changes with { $level } intervals. { $title }. { $said }
changes-note = Grey: no evidence of a change. These are changes, not effects: season, trend and who joins are in them.

## Charts: what goes with loyalty

drivers-nothing = What goes with buying again or not cannot be told. { $why }
drivers-axis = odds ratio (1: no link)
drivers-title = { $n ->
    [0] Nothing of { $things } looked at clearly goes with buying again or not
    [one] Of { $things } looked at, { $n } clearly goes with buying again or not; strongest: { $strongest }
   *[other] Of { $things } looked at, { $n } clearly go with buying again or not; strongest: { $strongest }
}
drivers-alt = Ranked dot plot with intervals.
drivers-no-link = No clear link: { $drivers }.
drivers-note = Each beside the others, per standard deviation more or yes against no. What goes together need not depend on each other.
drivers-grey = Grey: no clear link.
drivers-cannot = Cannot be told: { $drivers }.
quadrant-nothing = What to look at first cannot be told: too few answers rate single things and the whole shop.
quadrant-axis-importance = importance: correlation with the answer on the whole
quadrant-axis-rating = rating (0 % worst, 100 % best)
quadrant-title-fix = Fix first: { $first }
quadrant-title-none = Nothing that was rated clearly calls to be fixed first
quadrant-title-unsure = Which of { $things } to look at first cannot be told from the answers so far
quadrant-alt = Scatter of importance and rating.
quadrant-note = Dashed: the means of all that was rated; pale lines: intervals.
quadrant-hollow = Hollow: an interval crosses a mean, so the corner cannot be told.

## Charts: the money, and what this shop could find

curve-nothing = What a lift is worth cannot be counted: it takes a gross margin, costs, and members' spending.
curve-axis-lift = lift: what members buy more than without the program
curve-axis-profit = extra margin less all costs ({ $currency })
curve-chance = Chance that the lift is above what pays: { $chance }.
curve-alt = Extra margin less all costs in { $currency } against the lift.
curve-shaded = Shaded: the interval of the lift; dot: the best estimate.
curve-never = No lift could pay for the program: it cost more than the whole margin on what members spent
curve-from = The program pays for itself from a lift of { $needed }
curve-title = { $side ->
    [above] The whole interval of the lift, from { $x-interval }, lies above the { $needed } that pay for the program
    [below] The whole interval of the lift, from { $x-interval }, lies below the { $needed } that pay for the program
   *[across] Whether the program pays for itself cannot be told: it takes { $needed }, and the interval goes from { $x-interval }
}
gain-nothing = There are no rewards to share out among members.
gain-members = share of members
gain-rewards = share of rewards
gain-axis = share of all members, share of all rewards
gain-row = { $one ->
    [yes] { $segment }
        { $low } orders
   *[no] { $segment }
        { $low } to { $high } orders
}
gain-said = { CAPITAL($segment) }: { $members } of members, { $rewards } of rewards
gain-alt = Share of members and share of rewards by segment.
gain-note = Segments by orders in the 52 weeks before joining.
power-only = { CAPITAL($design) }: only a lift of { $lift } or more.
power-unknown = { CAPITAL($design) }: cannot be said. { $why }
power-nothing = No design could find less than a doubling in this shop so far.
power-axis = smallest lift that would be found (four times out of five)
power-row = { CAPITAL($design) }: { $lift }.
power-alt = Smallest lift by design.
power-grey = Hollow grey: sees a change, whatever made it change.
power-dashed = Dashed: lifts of 10, 20 and 30 %.
power-none-tells = No design that tells the program from other changes could find less than a doubling so far
power-title = { $holdout ->
    [yes] The smallest lift that this shop could find: { $lift }, by a { $design }
   *[no] The smallest lift that this shop could find: { $lift }, by { $design }
}
