#!lua flags=allow-oom
-- Confirm that a node's users are still in a room, and enter missing users (after Redis has lost its data).
--
-- KEYS[1] room:{R}:occupants  zset  "user|node" -> unix seconds of expiry
-- KEYS[2] room:{R}:nodes_of   hash  user -> number of nodes
-- KEYS[3] room:{R}            channel
-- KEYS[4] room:{R}:meta       kept while a user is in the room, also before the first message
-- ARGV[1] node   ARGV[2] life of an entry, seconds   ARGV[3] the most users to return (0 = none)
-- ARGV[4] head of the note   ARGV[5…] users of this node, at most 200
--
-- Returns {occupancy, {users that appeared}, {users that vanished}, {all users, if there are at most ARGV[3]}}.
-- The script publishes the users that vanished. The caller publishes the users that appeared, because it has their
-- names.

--@include _occupancy

local life = tonumber(ARGV[2])
for i = 5, #ARGV do
  enter(ARGV[i], ARGV[1], life)
end
remove_expired()
expire(life)
redis.call('PEXPIRE', KEYS[4], 300000, 'GT')
publish_change(ARGV[4], {})
return answer(tonumber(ARGV[3]))
