#!lua
-- Store a room: its creator owns it.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:members, KEYS[3] room:{R}:counts
-- ARGV[1] owner, ARGV[2] kind (public | private), ARGV[3] display name ('' = none)
-- ARGV[4] 'unused': only if nobody has been in the room yet. People whose tokens open a room that is not stored use it
--         nevertheless: whoever may not enter it must not become its owner.
--
-- Returns 1, or 0 when the room is stored already (or used).
if redis.call('HEXISTS', KEYS[1], 'kind') == 1 then return 0 end
if ARGV[4] == 'unused' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'kind', ARGV[2], 'owner', ARGV[1], 'name', ARGV[3])
redis.call('PERSIST', KEYS[1])
redis.call('PERSIST', KEYS[3])
redis.call('HSET', KEYS[2], ARGV[1], 'owner')
return 1
