-- wrk sends the bodies of a file, one a line, in turns:
--   wrk … -s cycle.lua URL -- FILE PATH
-- and says at the end what it saw as one line of JSON. Times are in µs.
local requests, n, i = {}, 0, 0

function init(args)
  for body in io.lines(args[1]) do
    n = n + 1
    requests[n] = wrk.format("POST", args[2], { ["Content-Type"] = "application/json" }, body)
  end
end

function request()
  i = i % n + 1
  return requests[i]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"failed":%d,"p50":%.1f,"p99":%.1f}\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
