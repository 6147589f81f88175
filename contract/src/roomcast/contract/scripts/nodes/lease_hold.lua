#!lua flags=allow-oom
-- Get or renew a lease. A lease has one holder at a time, identified by its token.
--
-- KEYS[1] a string key, the lease   ARGV[1] token   ARGV[2] life, ms
--
-- Returns 1 when the caller has the lease now, else 0.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
