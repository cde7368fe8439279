-- The request of a benchmark: WRK_BODY names a file with its body, WRK_HEADERS one with its headers.
wrk.method = "POST"
wrk.body = io.open(os.getenv("WRK_BODY"), "rb"):read("*a")
wrk.headers["content-type"] = "application/json"
for line in io.lines(os.getenv("WRK_HEADERS")) do
  local name, value = line:match("^(%S+): (.*)$")
  wrk.headers[name] = value
end
