#!lua
-- Count one more room or report of a user, if the day's allowance is not used up.
--
-- KEYS[1] user:{U}:created  hash  `rooms` -> rooms created on the current day, `ends` -> end of the day in unix
--         seconds, `most` -> the user's own allowance, which a back end has set. Or user:{U}:reported, with `reports`.
-- ARGV[1] allowance of users without their own   ARGV[2] length of a day, seconds   ARGV[3] rooms | reports
--
-- Returns 0 when the room or report was counted, else the seconds until the next day begins. At the end of the day only
-- the count is reset: the user's own allowance stays.

local most = tonumber(redis.call('HGET', KEYS[1], 'most') or ARGV[1])
local now = tonumber(redis.call('TIME')[1])
local ends = tonumber(redis.call('HGET', KEYS[1], 'ends') or '0')
if now >= ends then
  redis.call('HDEL', KEYS[1], ARGV[3])
  ends = now + tonumber(ARGV[2])
  redis.call('HSET', KEYS[1], 'ends', string.format('%.0f', ends))
  if redis.call('HEXISTS', KEYS[1], 'most') == 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
end
if tonumber(redis.call('HGET', KEYS[1], ARGV[3]) or '0') >= most then return ends - now end
redis.call('HINCRBY', KEYS[1], ARGV[3], 1)
return 0
