-- {session} -> target or ''
return redis.call('GET', base .. 'k:' .. data[1]) or ''
