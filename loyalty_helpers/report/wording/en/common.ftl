### What several rooms say. A message is a whole sentence or a name that stands inside one; facts stand in { $braces }.

list-comma = ,{" "}
list-semicolon = ;{" "}
list-and = {" and "}
few-persons = fewer than { $least }
nearly-all = nearly all
hidden-number = –
