#!lua
-- Set the slow mode of a room.
--
-- KEYS[1] room:{R}:sanctions   hash `mute:U`, `ban:U` -> end in ms (0: none), `slow` -> seconds
-- KEYS[2] room:{R}:meta
-- ARGV[1] seconds between two messages of a user; 0 ends the slow mode   ARGV[2] 'stored': only in a stored room
--
-- Returns 1, or 0 when no such room is stored.

--@include _sanctions

if ARGV[2] == 'stored' and redis.call('HEXISTS', KEYS[2], 'kind') == 0 then return 0 end
if ARGV[1] == '0' then
  redis.call('HDEL', KEYS[1], 'slow')
else
  redis.call('HSET', KEYS[1], 'slow', ARGV[1])
  expire_with_room(KEYS[1], KEYS[2])
end
return 1
