#!lua flags=allow-oom
-- Release a lease, if the caller still has it.
--
-- KEYS[1] a string key, the lease   ARGV[1] token
--
-- Returns 1 when the caller had the lease, else 0.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
