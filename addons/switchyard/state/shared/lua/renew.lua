-- {{id, life, entries, amounts so far or null}, ...}
tick()
for _, one in ipairs(data) do
  local id, so_far = one[1], one[4]
  local record = load(id)
  if not record then
    local entries = {}
    for i, entry in ipairs(one[3]) do
      entries[i] = {entry[1], entry[2], entry[3], entry[4], 0, 0, entry[5]}
    end
    record = {LATE, entries}
  end
  if record[1] ~= ENDED then
    if type(so_far) == 'table' then
      for _, entry in ipairs(record[2]) do entry[7] = amount_of(so_far, entry[2]) end
    end
    begin(id, record, now + one[2])
  end
end
return 1
