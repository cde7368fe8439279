-- {} -> {number of the last notice, {{number, topic, item, text, milliseconds left}, ...}}
local found, key = {}, base .. 'notices'
local flat = redis.call('HGETALL', key)
for i = 1, #flat, 2 do
  local notice = cmsgpack.unpack(flat[i + 1])
  if notice[5] > now then
    found[#found + 1] = {notice[1], notice[2], notice[3], notice[4], notice[5] - now}
  else
    redis.call('HDEL', key, flat[i])
  end
end
return {tonumber(redis.call('GET', base .. 'notice-number') or 0), found}
