-- {session, target, milliseconds}
redis.call('SET', base .. 'k:' .. data[1], data[2], 'PX', int(data[3]))
return 1
