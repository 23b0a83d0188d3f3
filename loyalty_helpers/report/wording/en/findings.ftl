### Findings in words. Of a finding $x there are $x (its value), $x-label, $x-interval and all other parts that
### wording/findings.py names.

## What a finding rests on

n-customer = { $n ->
    [one] { $n } customer
   *[other] { $n } customers
}
n-regular-customer = { $n ->
    [one] { $n } regular customer
   *[other] { $n } regular customers
}
n-new-customer = { $n ->
    [one] { $n } new customer
   *[other] { $n } new customers
}
n-referred-customer = { $n ->
    [one] { $n } referred customer
   *[other] { $n } referred customers
}
n-first-time-buyer = { $n ->
    [one] { $n } first-time buyer
   *[other] { $n } first-time buyers
}
n-joiner = { $n ->
    [one] { $n } joiner
   *[other] { $n } joiners
}
n-member = { $n ->
    [one] { $n } member
   *[other] { $n } members
}
n-person = { $n ->
    [one] { $n } person
   *[other] { $n } persons
}
n-answer = { $n ->
    [one] { $n } answer
   *[other] { $n } answers
}
n-referral = { $n ->
    [one] { $n } referral
   *[other] { $n } referrals
}
n-order = { $n ->
    [one] { $n } order
   *[other] { $n } orders
}
n-week = { $n ->
    [one] { $n } week
   *[other] { $n } weeks
}
n-test = { $n ->
    [one] { $n } test
   *[other] { $n } tests
}

## Levels

too-little-observed = too little was observed
finding-sentence = { $x-measurable ->
    [no] { CAPITAL($x-label) } cannot be measured: { $x-why }.
   *[yes] { $x-bounded ->
        [no] { CAPITAL($x-label) }: { $x } ({ $x-count }).
       *[yes] { CAPITAL($x-label) }: { $x } ({ $x-level } interval { $x-interval }; { $x-count }).
    }
}
finding-title = { $x-measurable ->
    [no] { CAPITAL($x-label) }: not measurable
   *[yes] { CAPITAL($x-label) }: { $x }
}

## Changes

change-sentence = { $x-verdict ->
    [not-measurable] { CAPITAL($x-label) } cannot be compared: { $x-why }.
    [up] { CAPITAL($x-label) } rose from { $x-before } to { $x-after }: { $x } ({ $x-level } interval { $x-interval }; n = { $x-before-n } before, { $x-after-n } after).
    [down] { CAPITAL($x-label) } fell from { $x-before } to { $x-after }: { $x } ({ $x-level } interval { $x-interval }; n = { $x-before-n } before, { $x-after-n } after).
   *[no-evidence] No evidence that the { $x-label } changed: from { $x-before } to { $x-after }, { $x } ({ $x-level } interval { $x-interval }; n = { $x-before-n } before, { $x-after-n } after).{ $doubt ->
        [many] {" "}Looked at alone it would count as a change; among so many KPIs one like it comes about by chance.
        [chance] {" "}From so few observations, the chance that it improved is { $chance }.
       *[none] {""}
    }
}
change-title = { $x-verdict ->
    [not-measurable] { CAPITAL($x-label) }: not measurable
    [up] { CAPITAL($x-label) } rose by { $size }
    [down] { CAPITAL($x-label) } fell by { $size }
   *[no-evidence] { CAPITAL($x-label) }: no evidence of a change
}

## Effects: what each grade of evidence allows to say

claim-bare = { $kind ->
    [unmeasured] { $label }: cannot be had ({ $why })
    [refused] { $label }: { $value }, not to be relied on ({ $why })
   *[described] { $label }: { $value }
}
claim-trend-orders = { $moved ->
    [more] the whole shop's orders a week lay { $size } above what the trend predicted
    [less] the whole shop's orders a week lay { $size } below what the trend predicted
   *[no] the whole shop's orders a week stayed within what its trend predicted
}
claim-trend-spend = { $moved ->
    [more] the whole shop's revenue a week lay { $size } above what the trend predicted
    [less] the whole shop's revenue a week lay { $size } below what the trend predicted
   *[no] the whole shop's revenue a week stayed within what its trend predicted
}
claim-members-orders = { $moved ->
    [more] members bought { $size } more often than comparable buyers would have
    [less] members bought { $size } less often than comparable buyers would have
   *[no] no evidence that members bought more or less often
}
claim-members-spend = { $moved ->
    [more] members spent { $size } more than comparable buyers would have
    [less] members spent { $size } less than comparable buyers would have
   *[no] no evidence that members spent more or less
}
claim-drawn-orders = { $moved ->
    [more] customers drawn to have the program bought { $size } more often than those held out at random
    [less] customers drawn to have the program bought { $size } less often than those held out at random
   *[no] no evidence that customers drawn to have the program bought more or less often
}
claim-drawn-spend = { $moved ->
    [more] customers drawn to have the program spent { $size } more than those held out at random
    [less] customers drawn to have the program spent { $size } less than those held out at random
   *[no] no evidence that customers drawn to have the program spent more or less
}
claim-offered-orders = { $moved ->
    [more] customers drawn for the offer bought { $size } more often than those held out at random
    [less] customers drawn for the offer bought { $size } less often than those held out at random
   *[no] no evidence that customers drawn for the offer bought more or less often
}
claim-offered-spend = { $moved ->
    [more] customers drawn for the offer spent { $size } more than those held out at random
    [less] customers drawn for the offer spent { $size } less than those held out at random
   *[no] no evidence that customers drawn for the offer spent more or less
}
effect-title = { CAPITAL($x-claim) }
effect-sentence = { $x-bounded ->
    [no] { $best ->
        [beside] { CAPITAL($x-claim) } (best estimate { $x }).
       *[said] { CAPITAL($x-claim) }.
    }
   *[yes] { $best ->
        [beside] { CAPITAL($x-claim) } (best estimate { $x }, { $x-level } interval { $x-interval }).
       *[said] { CAPITAL($x-claim) } ({ $x-level } interval { $x-interval }).
    }
}
grade-a = customers drawn at random
grade-b = members against their own history and other buyers of the same weeks
grade-c = members against their own history and other buyers of the same weeks, with reservations
grade-d = the whole shop against its own trend
grade-e = a description: before and after

## The verdict. The words set in colour stand in its sentence, letter by letter.

-works = works
-probably = probably works
-costs-more = costs more than it brings
-harms = harms
-cannot-tell = cannot tell yet
-no-program = no program to judge yet
verdict-works-words = { -works }
verdict-probably-works-words = { -probably }
verdict-costs-more-words = { -costs-more }
verdict-harms-words = { -harms }
verdict-cannot-tell-words = { -cannot-tell }
verdict-works = The program { -works }: { $x-claim }.
verdict-probably-works = { $x-covers-zero ->
    [yes] The program { -probably }: the best estimate of the lift is { $x }, though no lift at all is not ruled out.
   *[no] The program { -probably }: { $x-claim }.
}
verdict-costs-more = The program { -costs-more }: members may buy more, but not enough to pay for it.
verdict-harms = The program { -harms }: { $x-claim }.
verdict-cannot-tell = We { -cannot-tell } whether the program works.
verdict-no-program = We { -cannot-tell } whether a program works here.
verdict-pays-unknown = { CAPITAL($x-claim) }; whether that pays for the program, we { -cannot-tell }.
verdict-because = { $takes ->
    [nothing-pays] With { $x-level } confidence the lift lies between { $x-low } and { $x-high } (best estimate { $x }). No lift could pay for it: its costs take the whole margin.
    [break-even] { $likely ->
        [known] With { $x-level } confidence the lift lies between { $x-low } and { $x-high } (best estimate { $x }). It must exceed { $bar } to pay for itself; the chance that it is: { $chance }.
       *[unknown] With { $x-level } confidence the lift lies between { $x-low } and { $x-high } (best estimate { $x }). It must exceed { $bar } to pay for itself.
    }
   *[nil] { $likely ->
        [known] With { $x-level } confidence the lift lies between { $x-low } and { $x-high } (best estimate { $x }). It must be above 0 %; the chance that it is: { $chance }.
       *[unknown] With { $x-level } confidence the lift lies between { $x-low } and { $x-high } (best estimate { $x }). It must be above 0 %.
    }
}
verdict-no-launch-words = { -no-program }
verdict-no-launch = There is { -no-program }: this report describes the shop as it is.
verdict-too-early = { CAPITAL($x-claim) }. The launch is not paid back yet, though the running costs may well be covered; whether the program works, we { -cannot-tell }.
verdict-no-money = { CAPITAL($x-claim) }, yet no money came in; whether the program works, we { -cannot-tell }.
verdict-no-more-spent = { CAPITAL($x-claim) }, yet { $spend-claim }; whether the program works, we { -cannot-tell }.
grade-of-evidence = Evidence: { $grade }
grades-summary = what the grades mean

## Cards of the first page; ** is bold

card-label = { CAPITAL($x-label) }
card-level = { $x-bounded ->
    [yes] { $x-level } interval { $x-interval }
   *[no] { $x-why }
}
card-change = { $x-verdict ->
    [up] **{ $arrow } rose { $x }** ({ $x-interval })
    [down] **{ $arrow } fell { $x }** ({ $x-interval })
    [not-measurable] **not measurable**: { $x-why }
   *[no-evidence] { $zero ->
        [no] **no evidence, allowing for the number of KPIs** ({ $x-interval })
       *[yes] **no evidence** ({ $x-interval })
    }
}
card-change-n = { $before } before, { $x-after-n } after
cards-changes = These are changes, not effects: season, trend and who joins are in them.
program-launched = { $name }, launched { $day }
