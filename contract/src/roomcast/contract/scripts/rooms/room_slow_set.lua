#!lua
-- Set the slow mode of a room.
--
-- KEYS[1] room:{R}:sanctions   hash `mute:U`, `ban:U` -> end in ms (0: none), `slow` -> seconds
-- KEYS[2] room:{R}:meta, KEYS[3] room:{R}:members
-- ARGV[1] seconds between two messages of a user; 0 ends the slow mode
-- ARGV[2] the moderator, who may do this only in a stored room; '' = an operator or a back end, in any room
--
-- Returns 1, 0 when no such room is stored, or -1 when ARGV[2] is not a moderator.

--@include _moderators
--@include _sanctions

if ARGV[2] ~= '' and redis.call('HEXISTS', KEYS[2], 'kind') == 0 then return 0 end
if not is_moderator(KEYS[3], ARGV[2]) then return -1 end
if ARGV[1] == '0' then
  redis.call('HDEL', KEYS[1], 'slow')
else
  redis.call('HSET', KEYS[1], 'slow', ARGV[1])
  expire_with_room(KEYS[1], KEYS[2])
end
return 1
