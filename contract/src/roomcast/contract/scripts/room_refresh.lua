#!lua flags=allow-oom
-- The users of one node are still in a room. Enters again whoever is missing (after a Redis that came back empty).
--
-- KEYS[1] room:{R}:here   zset  "user|node" -> unix seconds of expiry
-- KEYS[2] room:{R}:heads  hash  user -> number of nodes
-- KEYS[3] room:{R}        channel
-- ARGV[1] node   ARGV[2] life of an entry, seconds   ARGV[3] users returned at most (0 = none)
-- ARGV[4] head of the note   ARGV[5…] users of this node, at most 200
--
-- Returns {occupancy, {users that appeared}, {users that vanished}, {users here; none if they are more than asked for}}.
-- The room hears of those who vanished; the others it knows.

--@include _roster

local life = tonumber(ARGV[2])
for i = 5, #ARGV do
  enter(ARGV[i], ARGV[1], life)
end
drop_aged()
expire(life)
tell(ARGV[4], {})
return answer(tonumber(ARGV[3]))
