#!lua
-- Count one more upload towards its owner's limits, before a form is signed.
--
-- KEYS[1] user:{U}:uploads       zset   open upload -> ms at which its form expires
-- KEYS[2] user:{U}:upload_bytes  string bytes announced in the current day, which starts with the first upload
--
-- ARGV[1] upload id
-- ARGV[2] announced size, bytes
-- ARGV[3] life of the form, ms
-- ARGV[4] the most open uploads
-- ARGV[5] the most bytes in a day
--
-- Returns {now, 0} when the upload was counted, else {now, ms after which a retry can succeed}. `now` is in ms since
-- the epoch.

local day = 86400000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return {now, math.max(1, (tonumber(first[2]) or now) - now)}
end

local announced = tonumber(redis.call('GET', KEYS[2]) or 0)
if announced > 0 and announced + ARGV[2] > tonumber(ARGV[5]) then
  return {now, math.max(1, redis.call('PTTL', KEYS[2]))}
end

redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('INCRBY', KEYS[2], ARGV[2])
if announced == 0 then redis.call('PEXPIRE', KEYS[2], day) end
return {now, 0}
