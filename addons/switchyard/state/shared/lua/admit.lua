-- {id, life, lines, pools, session} -> verdict|turns|rows|target of the session or ''
-- Verdicts: 0 denied, 1 admitted, 2 the lease was ended before.
tick()
local record = load(data.id)
local rows, fits = {}, true
for i, line in ipairs(data.lines) do
  rows[i] = row_of(line)
  if rows[i][4] ~= 0 and line[4] == 1 then fits = false end
end
if record and record[1] ~= LIVE then return '2||' .. pack_rows(rows) .. '|' end
if not fits then return '0||' .. pack_rows(rows) .. '|' end
if #data.lines > 0 and not record then
  local entries = {}
  for i, line in ipairs(data.lines) do
    entries[i] = {line[1], line[2], rows[i][5], line[7], 0, 0, line[5]}
    add_to_row(line, rows[i])
  end
  begin(data.id, {LIVE, entries}, now + data.life)
end
local turns = {}
for i, pool in ipairs(data.pools) do turns[i] = turn(pool) end
local target = ''
if data.session ~= '' then target = redis.call('GET', base .. 'k:' .. data.session) or '' end
return '1|' .. pack(turns) .. '|' .. pack_rows(rows) .. '|' .. target
