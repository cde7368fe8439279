-- {process, life in milliseconds, epoch proposed} -> {processes, number of the last notice, epoch}
tick()
local key = base .. 'processes'
redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now))
if data[2] > 0 then
  redis.call('ZADD', key, int(now + data[2]), data[1])
  redis.call('PEXPIRE', key, int(data[2]))
else
  redis.call('ZREM', key, data[1])
end
redis.call('SET', base .. 'epoch', data[3], 'NX')
redis.call('PEXPIRE', base .. 'epoch', int(LEASES_KEEP))
local number = tonumber(redis.call('GET', base .. 'notice-number') or 0)
return {redis.call('ZCARD', key), number, redis.call('GET', base .. 'epoch')}
