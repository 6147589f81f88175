#!lua
-- Move a person's read mark forward, never past the newest message.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:read
-- ARGV[1] user, ARGV[2] seq
--
-- Returns the new mark, or 0 when it did not move.
local newest = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
local mark = math.min(tonumber(ARGV[2]), newest)
local before = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
if mark <= before then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', mark))
redis.call('EXPIRE', KEYS[2], 7776000)
return mark
