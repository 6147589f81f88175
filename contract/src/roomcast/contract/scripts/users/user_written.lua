#!lua
-- Count bytes that a user has written into room logs, and compare the sum with the day's allowance.
--
-- KEYS[1] user:{U}:written  hash  `bytes` -> bytes of the current day, `ends` -> end of the day in unix seconds,
--         `most` -> the user's own allowance, which a back end has set
-- ARGV[1] bytes   ARGV[2] allowance of users without their own   ARGV[3] length of a day, seconds
--
-- Returns 0 while some of the allowance is left, else the seconds until the next day begins. At the end of the day only
-- the count is reset: the user's own allowance stays. A call with 0 bytes writes nothing.

local added = tonumber(ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'bytes', 'ends', 'most')
local written, ends = tonumber(state[1] or '0'), tonumber(state[2] or '0')
local most = tonumber(state[3] or ARGV[2])
local now = tonumber(redis.call('TIME')[1])
if now >= ends then
  written, ends = 0, now + tonumber(ARGV[3])
end
written = written + added
if added > 0 then
  redis.call('HSET', KEYS[1], 'bytes', string.format('%.0f', written), 'ends', string.format('%.0f', ends))
  if not state[3] then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
end
return written >= most and ends - now or 0
