-- {topic, item, text, milliseconds}; 0 milliseconds withdraw. Publishes {number, topic, item, text,
-- milliseconds}, numbered in the order of all notices.
local key, field = base .. 'notices', data[1] .. '\0' .. data[2]
local number = redis.call('INCR', base .. 'notice-number')
redis.call('PEXPIRE', base .. 'notice-number', int(LEASES_KEEP))
if data[4] > 0 then
  redis.call('HSET', key, field, cmsgpack.pack({number, data[1], data[2], data[3], now + data[4]}))
  if redis.call('PTTL', key) < data[4] then redis.call('PEXPIRE', key, int(data[4])) end
else
  redis.call('HDEL', key, field)
end
local notice = {number, data[1], data[2], data[3], data[4]}
redis.call('PUBLISH', base .. 'notices', cjson.encode(notice))
return number
