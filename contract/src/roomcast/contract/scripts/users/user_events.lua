#!lua flags=allow-oom
-- Record how many events a user sent through one gateway in the last second; read the total of all. Safe to retry.
--
-- KEYS[1] user:{U}:events  hash  node -> "events unix-seconds"
-- ARGV[1] node   ARGV[2] events
--
-- Returns the events of the last two seconds, summed over all gateways.

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
