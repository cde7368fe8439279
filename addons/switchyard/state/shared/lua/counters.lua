-- lines -> rows, as text
tick()
local rows = {}
for i, line in ipairs(data) do rows[i] = row_of(line) end
return pack_rows(rows)
