#!lua flags=allow-oom
-- Record how many events a user sent to one gateway in the last second, and return the total. Safe to retry.
--
-- KEYS[1] user:{U}:events  hash  node -> "events unix-seconds"
-- ARGV[1] node   ARGV[2] events
--
-- Returns the sum of the events that all gateways recorded in the last two seconds.

local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. now)
redis.call('EXPIRE', KEYS[1], 5)
local total = 0
for _, entry in ipairs(redis.call('HVALS', KEYS[1])) do
  local events, at = string.match(entry, '^(%d+) (%d+)$')
  if events and now - tonumber(at) <= 2 then
    total = total + tonumber(events)
  end
end
return total
