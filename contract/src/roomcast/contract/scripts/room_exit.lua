#!lua flags=allow-oom
-- A user's last connection on a node left a room. Safe to retry.
--
-- KEYS[1] room:{R}:here   zset  "user|node" -> unix seconds of expiry
-- KEYS[2] room:{R}:heads  hash  user -> number of nodes
-- KEYS[3] room:{R}        channel
-- ARGV[1] user   ARGV[2] node   ARGV[3] head of the note
--
-- Returns {occupancy, {}, {users that vanished from the whole cluster by this call}, {}}.

--@include _roster

if redis.call('ZREM', here, ARGV[1] .. '|' .. ARGV[2]) == 1 then
  head_removed(ARGV[1])
end
drop_aged()
tell(ARGV[3], {})
return answer(0)
