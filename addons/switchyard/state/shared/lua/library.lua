-- The rules of `ledger.py` for Redis and Valkey. KEYS[1] is the prefix with the hash tag, which all
-- other keys begin with; ARGV[1] is the payload as JSON. ARGV[2] is a clock for tests, in Unix
-- milliseconds. Numbers below 2^53 are exact. Lease records are packed by MessagePack, since this
-- cjson writes 14 digits only.
local base = KEYS[1]
local data = cjson.decode(ARGV[1])
local BUCKETS, NEVER, FOREVER = 60, -1, 9000000000000000
local TOMBSTONE, LEASES_KEEP, TURNS_KEEP = 900000, 691200000, 86400000
local LIVE, LATE, ENDED = 1, 2, 3

local now
if ARGV[2] and ARGV[2] ~= '' then
  now = tonumber(ARGV[2])
else
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function int(number) return string.format('%.0f', number) end
local function seconds(milliseconds) return math.ceil(milliseconds / 1000) end
local function divide(a, b) return (a - a % b) / b end

-- A line is {counter, kind, most, enforce, amount, window, keep, bounds}.
local function index_of(line)
  if line[6] > 0 then return divide(now * BUCKETS, line[6]) end
  local bounds, found = line[8], nil
  if #bounds == 0 then return 0 end
  for i = 1, #bounds - 1 do
    if bounds[i] <= now then found = bounds[i] end
  end
  return found or bounds[1]
end

local function end_of(line, index)
  if line[6] > 0 then
    local product = (index + BUCKETS) * line[6]
    return divide(product + BUCKETS - 1, BUCKETS)
  end
  for i = 1, #line[8] - 1 do
    if line[8][i] == index then return line[8][i + 1] end
  end
  return FOREVER
end

-- An entry is {counter, kind, index, keep, held, charged, said}.
local function move(id, entry, charged, reserved, until_)
  if entry[2] == 'slots' then
    local key = base .. 's:' .. entry[1]
    if until_ > 0 then
      redis.call('ZADD', key, int(until_), id)
      redis.call('PEXPIRE', key, int(until_ - now + entry[4]))
    else
      redis.call('ZREM', key, id)
    end
    return
  end
  local key = base .. 'c:' .. entry[1]
  local difference, held = charged - entry[6], reserved - entry[5]
  if difference ~= 0 then redis.call('HINCRBY', key, int(entry[3]), int(difference)) end
  if held > 0 or (held < 0 and redis.call('HEXISTS', key, 'r') == 1) then
    redis.call('HINCRBY', key, 'r', int(held))
  end
  redis.call('PEXPIRE', key, int(entry[4]))
  entry[5], entry[6] = reserved, charged
end

local function load(id)
  local packed = redis.call('GET', base .. 'l:' .. id)
  return packed and cmsgpack.unpack(packed) or nil
end

local function save(id, record, life)
  redis.call('SET', base .. 'l:' .. id, cmsgpack.pack(record), 'PX', int(life))
end

local function finish(id)
  redis.call('ZREM', base .. 'leases', id)
  save(id, {ENDED, {}}, TOMBSTONE)
end

local function begin(id, record, until_)
  for _, entry in ipairs(record[2]) do
    local amount = math.max(entry[5], entry[7])
    move(id, entry, amount, amount, until_)
  end
  record[1] = LIVE
  save(id, record, LEASES_KEEP)
  redis.call('ZADD', base .. 'leases', int(until_), id)
  redis.call('PEXPIRE', base .. 'leases', int(LEASES_KEEP))
end

local function amount_of(amounts, kind)
  if kind == 'slots' or type(amounts) ~= 'table' then return 0 end
  return amounts[kind] or 0
end

local function tick()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'leases', '-inf', int(now))) do
    local record = load(id)
    redis.call('ZREM', base .. 'leases', id)
    if record and record[1] == LIVE then
      for _, entry in ipairs(record[2]) do move(id, entry, entry[7], 0, 0) end
      record[1] = LATE
      save(id, record, LEASES_KEEP)
    end
  end
end

-- What is used of a line: the sum, what is reserved, and the buckets that count.
local function read(line)
  local oldest = index_of(line) - (line[6] > 0 and BUCKETS or 1) + 1
  local key = base .. 'c:' .. line[1]
  local flat = redis.call('HGETALL', key)
  local total, reserved, buckets = 0, 0, {}
  for i = 1, #flat, 2 do
    if flat[i] == 'r' then
      reserved = tonumber(flat[i + 1])
    else
      local index, amount = tonumber(flat[i]), tonumber(flat[i + 1])
      if index < oldest then
        redis.call('HDEL', key, flat[i])
      else
        total = total + amount
        buckets[#buckets + 1] = {index, amount}
      end
    end
  end
  table.sort(buckets, function(a, b) return a[1] < b[1] end)
  return total, reserved, buckets
end

local function wait_of(line, total, buckets)
  local over = total + line[5] - line[3]
  if over <= 0 then return 0 end
  if line[5] > line[3] then return NEVER end
  if line[6] == 0 then
    local ends = end_of(line, index_of(line))
    return ends >= FOREVER and NEVER or seconds(ends - now)
  end
  for _, bucket in ipairs(buckets) do
    over = over - bucket[2]
    if over <= 0 then return seconds(end_of(line, bucket[1]) - now) end
  end
  return NEVER
end

local function slots_of(line)
  local key = base .. 's:' .. line[1]
  local count = redis.call('ZCARD', key)
  if count < line[3] then return count, 0 end
  if line[3] <= 0 then return count, NEVER end
  local found = redis.call('ZRANGE', key, int(count - line[3]), int(count - line[3]), 'WITHSCORES')
  return count, seconds(tonumber(found[2]) - now)
end

-- A row is {used, reserved, reset, wait, index}.
local function row_of(line)
  local index = index_of(line)
  if line[2] == 'slots' then
    local count, wait = slots_of(line)
    return {count, count, 0, wait, index}
  end
  local total, reserved, buckets = read(line)
  local wait, reset = wait_of(line, total, buckets), 0
  if total ~= 0 then
    local last = index
    if line[6] > 0 then
      for _, bucket in ipairs(buckets) do
        if bucket[2] ~= 0 then last = bucket[1] end
      end
    end
    local ends = end_of(line, last)
    reset = ends >= FOREVER and NEVER or ends - now
  end
  return {total, reserved, reset, wait, index}
end

-- A reservation was added: the row that a line has then, without reading it again.
local function add_to_row(line, row)
  if line[2] == 'slots' then
    row[1], row[2] = row[1] + 1, row[2] + 1
  else
    row[1], row[2] = row[1] + line[5], row[2] + line[5]
    if line[5] ~= 0 then
      local ends = end_of(line, row[5])
      row[3] = ends >= FOREVER and NEVER or ends - now
    end
  end
end

local function turn(pool)
  local key = base .. 't:' .. pool
  local number = redis.call('INCR', key)
  redis.call('PEXPIRE', key, int(TURNS_KEEP))
  return number
end

-- Numbers as text, which their readers take apart faster than an answer of many parts.
local function pack(numbers)
  local texts = {}
  for i, number in ipairs(numbers) do texts[i] = int(number) end
  return table.concat(texts, ',')
end

local function pack_rows(rows)
  local texts = {}
  for i, row in ipairs(rows) do texts[i] = pack(row) end
  return table.concat(texts, ';')
end
