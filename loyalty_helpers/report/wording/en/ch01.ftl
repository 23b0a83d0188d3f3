### Chapter 01: what came and what was kept

## Charts week by week

week-axis = week beginning
weekly-nothing = It takes two whole weeks to follow { $column } over time.
weekly-axis = { $unit ->
    [orders] { $column } per week
   *[other] { $column } per week ({ $unit })
}
weekly-both = { CAPITAL($column) }: { $before } in a usual week before the launch, { $since } since
weekly-one = { $when ->
    [after] { CAPITAL($column) }: { $level } in a usual week, all after the launch
    [before] { CAPITAL($column) }: { $level } in a usual week, all before the launch
   *[any] { CAPITAL($column) }: { $level } in a usual week
}
weekly-alt = Line chart of weekly { $column } over { $weeks } weeks. { $title }.
weekly-note = Thin line: each week. Thick line: mean of the last four weeks.
identified-nothing = No week is whole yet, so the share of orders with a customer cannot be followed.
identified-axis = orders with a customer
identified-title = { $share } of orders carry a customer id
identified-alt = Line chart, four-week mean of the share of orders with a customer id. { $title }.
