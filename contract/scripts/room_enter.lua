#!lua flags=allow-oom
-- A user's first connection on a node entered a room. Safe to retry. Not called for invisible users.
--
-- KEYS[1] room:{R}:here   zset  "user|node" -> unix seconds of expiry
-- KEYS[2] room:{R}:heads  hash  user -> number of nodes
-- ARGV[1] user   ARGV[2] node   ARGV[3] life of an entry, seconds   ARGV[4] users returned at most
--
-- Returns {occupancy, {users that appeared}, {users that vanished}, {users here: all, or as many of them as asked}}:
-- appeared and vanished in the whole cluster, by this call.

--@include _roster

local life = tonumber(ARGV[3])
drop_aged()
enter(ARGV[1], ARGV[2], life)
expire(life)
return answer(tonumber(ARGV[4]))
