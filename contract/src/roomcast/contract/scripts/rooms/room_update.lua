#!lua
-- Change the description of a stored room.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:members
-- ARGV[1] the moderator ('' = an operator or a back end)
-- ARGV[2…] pairs of a field (name | topic | data) and its new value ('' = none)
--
-- Returns 1, 0 when no such room is stored, or -1 when ARGV[1] is not a moderator.

--@include _moderators

if redis.call('HEXISTS', KEYS[1], 'kind') == 0 then return 0 end
if not is_moderator(KEYS[2], ARGV[1]) then return -1 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
