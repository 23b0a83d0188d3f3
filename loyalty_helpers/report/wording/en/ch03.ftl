### Chapter 03: published cases beside this shop

case-figure = { $n } { $unit }
case-named = { $id }, { $name }: { $says }
case-moved = { $claimed ->
    [yes] { $kpi } from { $before } to { $after } ({ $family } { $effect }) ({ $claim })
   *[no] { $kpi } from { $before } to { $after } ({ $family } { $effect })
}
case-from-to = { $claimed ->
    [yes] { $kpi } from { $before } to { $after } { $unit } ({ $claim })
   *[no] { $kpi } from { $before } to { $after } { $unit }
}
case-effect = { $claimed ->
    [yes] { $kpi } { $effect } ({ $claim })
   *[no] { $kpi } { $effect }
}
case-between = { $claimed ->
    [yes] { $kpi } { $low } to { $high } ({ $claim })
   *[no] { $kpi } { $low } to { $high }
}
case-claimed = { $claimed ->
    [yes] { $kpi } – { $claim }
   *[no] { $kpi } – no figure and no direction stated
}

## A family of results, and this shop beside it

family-one = { CAPITAL($family) }: a single comparable published result, { $low } (grade { $low-grade })
family-several = { $one-grade ->
    [yes] { $one-study ->
        [yes] { CAPITAL($family) }: { $n } comparable published results of one study, from { $low } to { $high } (grade { $high-grade })
       *[no] { CAPITAL($family) }: { $n } comparable published results, from { $low } to { $high } (grade { $high-grade })
    }
   *[no] { $one-study ->
        [yes] { CAPITAL($family) }: { $n } comparable published results of one study, from { $low } (grade { $low-grade }) to { $high } (grade { $high-grade })
       *[no] { CAPITAL($family) }: { $n } comparable published results, from { $low } (grade { $low-grade }) to { $high } (grade { $high-grade })
    }
}
family-beside = { $title }; this shop: { $own }.
family-note = This shop: { $own }.
family-alt = Range strips by evidence grade. { $title }; this shop: { $own }.
own-change = { $per-order ->
    [yes] { $label } (money per order, where the published results are money per customer) { $value } ({ $level } interval { $low } to { $high }), a change, not an effect
   *[no] { $label } { $value } ({ $level } interval { $low } to { $high }), a change, not an effect
}
own-in-another-unit = { $x-label } is measured in another unit than { $unit }, so it is not compared
own-not-measured = { $x-label } cannot be compared ({ $x-why })
own-no-kpi = no KPI of this kind
strip-own = this shop: a change, not an effect
strip-not-compared = this shop: not compared
strip-grade = { $results ->
    [one] published, grade { $grade } ({ $results } result)
   *[other] published, grade { $grade } ({ $results } results)
}
strip-axis = { $family }, change in { $unit }

## The answer, the caution and the limit

cases-none = No published result of this choice may be compared: none has a figure, a unit and a stated comparison.
cases-compared = { $found }; this shop's own changes could be set beside { $beside }.
cases-compared-none = { $found }; this shop's own changes could be set beside none of them.
cases-found = { $results ->
    [one] { $results } published result in { $families ->
        [one] { $families } family may be compared
       *[other] { $families } families may be compared
    }
   *[other] { $results } published results in { $families ->
        [one] { $families } family may be compared
       *[other] { $families } families may be compared
    }
}
cases-caution = A published change without a comparison group says what moved, not what the program moved.
cases-limits = What this client's program will do. Published programs are other shops, other rewards and other customers, and results that disappointed are published less often. The client's own figures here are changes, not effects.

table-case-ranges = Ranges of comparable published results, by grade
table-best-evidence = Best published evidence by mechanism
table-weaker-evidence = Published evidence of grade C and below, by mechanism
table-case-sources = The cases and their sources
table-article-cases = Cases of the source articles
