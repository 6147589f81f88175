#!lua
-- Change the description of a stored room.
--
-- KEYS[1] room:{R}:meta
-- ARGV: pairs of a field (name | topic | data) and its new value ('' = none)
--
-- Returns 1, or 0 when no such room is stored.
if redis.call('HEXISTS', KEYS[1], 'kind') == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
