-- {{id, entries {counter, kind, index, keep, amount}, actual amounts or null}, ...}
-- Ends each lease once. One that is unknown is charged, unless it is released.
tick()
for _, one in ipairs(data) do
  local id, actual = one[1], one[3]
  local record = load(id)
  if not record then
    local entries = {}
    for i, entry in ipairs(one[2]) do
      entries[i] = {entry[1], entry[2], entry[3], entry[4], 0, 0, 0}
    end
    record = {LATE, entries}
  end
  if record[1] ~= ENDED then
    for _, entry in ipairs(record[2]) do move(id, entry, amount_of(actual, entry[2]), 0, 0) end
    finish(id)
  end
end
return 1
