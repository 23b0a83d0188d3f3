### What the room of customers says

nobody-on-three-days = no customer of the last 365 days has ever bought on three different days
nobody-on-five-days = no customer of the last 365 days has ever bought on five different days
