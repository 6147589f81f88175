#!lua
-- Record that a user sends a message into a room with slow mode, if the user may send now.
--
-- KEYS[1] room:{R}:slow   hash user -> ms of the last message
-- ARGV[1] user   ARGV[2] seconds between two messages of a user
--
-- Returns 0 when the message was recorded, else the ms until the user may send.

local slow, user, pause = KEYS[1], ARGV[1], tonumber(ARGV[2]) * 1000
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local due = tonumber(redis.call('HGET', slow, user) or '0') + pause
if due > now then
  return due - now
end
redis.call('HSET', slow, user, string.format('%.0f', now))
redis.call('EXPIRE', slow, 21600)
return 0
