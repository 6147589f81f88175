#!lua flags=allow-oom
-- Record that an incarnation of a gateway is alive, or that it has ended and its connections may be removed.
--
-- KEYS[1] presence:nodes  hash  "N:I" -> unix seconds of the last announcement; 0 after the end
-- ARGV[1] "N:I"   ARGV[2] '1' alive, '0' ended   ARGV[3] life of the hash, seconds
--
-- Returns unix seconds.

local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] == '1' and now or 0)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return now
