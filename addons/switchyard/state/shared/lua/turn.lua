-- {pool} -> number
return turn(data[1])
