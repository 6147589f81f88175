#!lua flags=allow-oom
-- Give a lease back, unless it has passed to another holder.
--
-- KEYS[1] a string key, the lease   ARGV[1] token
--
-- Returns 1 when the caller held the lease, else 0.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
