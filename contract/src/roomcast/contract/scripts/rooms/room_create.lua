#!lua
-- Store a room with its owner.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:members, KEYS[3] room:{R}:counts
-- ARGV[1] owner, ARGV[2] kind (public | private), ARGV[3] display name ('' = none)
-- ARGV[4] 'unused': store the room only if it was never used. Users may have written messages into an unstored room,
--         with their tokens or because it is public. The new owner must not get these messages.
-- ARGV[5] seconds after which the room is removed if it has no message; '' = never
--
-- Returns -1 when the room is stored already, or with 'unused' when it was used. Else it returns 0 when the room was
-- used, and 1 when Redis had no data of it. Even after 1, sessions may be in the room: with their tokens, because it is
-- public, or as members of an expired room with this id.

if redis.call('HEXISTS', KEYS[1], 'kind') == 1 then return -1 end
local is_known = redis.call('EXISTS', KEYS[1]) == 1
if ARGV[4] == 'unused' and is_known then return -1 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'kind', ARGV[2], 'owner', ARGV[1], 'name', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], 'owner')
redis.call('PERSIST', KEYS[1])
redis.call('PERSIST', KEYS[3])
if ARGV[5] ~= '' and (redis.call('HGET', KEYS[1], 'seq') or '0') == '0' then
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[5])
end
return is_known and 0 or 1
