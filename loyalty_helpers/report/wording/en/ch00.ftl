### Chapter 00: the answer on one page

link-01-data-prep = Data
link-01-data-prep-what = what came, what was kept and why
link-02-scoring = Customers
link-02-scoring-what = who is loyal, who is leaving, what to do for whom
link-03-case-study-comparison = Other programs
link-03-case-study-comparison-what = published results beside this shop's
link-04-program-evaluation = Did it work?
link-04-program-evaluation-what = every comparison, what it can show, and the money

## The chart of all comparisons

forest-axis = difference in orders per customer
forest-nothing = Members cannot be compared with anybody: { $why }
forest-no-comparison = no comparison was made.
forest-biased = { $one ->
    [yes] The usual comparisons say { $low }: none of them measures the program
   *[no] The usual comparisons say { $low } to { $high }: none of them measures the program
}
forest-note = { $note }
forest-note-biased = Hollow grey: biased, shown because they are what is usually reported.
forest-note-refused = Hollow above the rule: not to be relied on.
forest-note-truth = Triangle: the lift that was planted in this simulated shop, { $lift }.
forest-alt = Forest plot with { $level } intervals. { $sentences } { $note }

## What to do next: each step, and why

step-keep = Keep the program.
step-keep-why = Look again in half a year: a lift can fade, and costs can grow.
step-make-sure = Keep the program, and make sure.
step-make-sure-why = It probably pays; holding some customers out would tell.
step-lower = Lower what the program costs.
step-lower-why = Spending rises too little to pay for it: look at every cost, from rewards to hours.
step-lower-much-why = Hardly any program lifts spending by as much as these costs ask for.
step-stop = Stop enrolling until you know why.
step-stop-why = Members buy less than comparable buyers: ask some of them.
step-costs = Find out what the program costs.
step-costs-why = Members buy more; without a gross margin and costs in the settings nobody knows whether that pays.
step-mend = Mend the data first.
step-mend-why = { CAPITAL($what) }. { CAPITAL($consequence) } { $remedy }
step-list = Supply the member list with dates of joining.
step-list-why = Without it members cannot be compared with comparable buyers, and their rewards cannot be counted.
step-call = { $n ->
    [one] Get in touch with { $n } customer first.
   *[other] Get in touch with { $n } customers first.
}
step-call-why = { $n ->
    [one] { $at-stake ->
        [yes] That one is late for the next order, and worth most. That customer spent { $spent } in the last 364 days; { $stake } hangs on that one. That one heads the list in your private folder.
       *[no] That one is late for the next order, and worth most. That customer spent { $spent } in the last 364 days. That one heads the list in your private folder.
    }
   *[other] { $at-stake ->
        [yes] They are late for the next order, and worth most. They spent { $spent } in the last 364 days; { $stake } hangs on them. They head the list in your private folder.
       *[no] They are late for the next order, and worth most. They spent { $spent } in the last 364 days. They head the list in your private folder.
    }
}
step-go-on = Go on with the draw.
step-go-on-why = Nobody held out should get the offers before the time is over.
step-by-cost = Decide by cost.
step-by-cost-why = This shop is too small to measure a program by its own customers: see above.
step-hold-out = Hold out customers at random.
step-hold-out-why = Drawn by lot, some get the program's next offers and some do not: the surest way to tell. Numbers: above.
step-find-out = Find out whether spending rises by { $lift }.
step-find-out-why = { $running ->
    [yes] Only then does the program pay for its running costs; what is known so far leaves it open.
   *[no] Only then does the program pay for itself; what is known so far leaves it open.
}
step-second-order = Win the second order.
step-second-order-why = { CAPITAL($x-why) }: there are no regulars to lose.

## Costs and break-even in one sentence

money-unknown = What the program cost is not known: no costs stand in the settings.
money-unknown-unlisted = What the program cost is not known: rewards cannot be counted without a member list with dates of joining, and no other costs stand in the settings.
money-unlisted = The program has cost { $cost } so far, rewards left out: without a member list with dates of joining they cannot be counted, and there is no break-even.
money-no-bar = { $why ->
    [unlisted] The program has cost { $cost } so far; without a member list with dates of joining there is no break-even.
    [nobody] The program has cost { $cost } so far; nobody had joined by the end of the orders, so there is no break-even.
    [joining] The program has cost { $cost } so far; members' spending since joining, less refunds, is not above 0, so there is no break-even.
    [after] The program has cost { $cost } so far; members' spending after the day of joining, less refunds, is not above 0, so there is no break-even.
    [everyone] The program has cost { $cost } so far; spending of everyone offered the program, less refunds, is not above 0, so there is no break-even.
   *[margin] The program has cost { $cost } so far; without a gross margin in the settings there is no break-even.
}
money-never = { $apart ->
    [yes] The program has cost { $cost } so far: its costs are more than the whole margin on what was spent, so no lift could pay for it yet. Without the launch cost it pays for itself if spending is { $running } higher than without it.
   *[no] The program has cost { $cost } so far: its costs are more than the whole margin on what was spent, so no lift could pay for it.
}
money-pays = { $apart ->
    [yes] The program has cost { $cost } so far; it pays for itself if spending is { $lift } higher than without it ({ $running } without the launch cost).
   *[no] The program has cost { $cost } so far; it pays for itself if spending is { $lift } higher than without it.
}
money-return = { $bounded ->
    [yes] The return so far: { $x } (interval { $low } to { $high }).
   *[no] The return so far: { $x }.
}
money-beyond = a loss without limit
