#!lua flags=allow-oom
-- Remove a user whose last connection on a node left the room. Safe to retry.
--
-- KEYS[1] room:{R}:occupants  zset  "user|node" -> unix seconds of expiry
-- KEYS[2] room:{R}:nodes_of   hash  user -> number of nodes
-- KEYS[3] room:{R}            channel
-- ARGV[1] user   ARGV[2] node   ARGV[3] head of the note
--
-- Returns {occupancy, {}, {users that this call removed from the whole cluster}, {}}.

--@include _occupancy

if redis.call('ZREM', occupants, ARGV[1] .. '|' .. ARGV[2]) == 1 then
  remove_node(ARGV[1])
end
remove_expired()
publish_change(ARGV[3], {})
return answer(0)
