#!lua flags=allow-oom
-- A user joins a room on a node: who is there, and what they have read. The first connection of the user on the node
-- enters the user, and the room hears of it; a later one, or that of an invisible user, only asks. Safe to retry.
--
-- KEYS[1] room:{R}:here   zset  "user|node" -> unix seconds of expiry
-- KEYS[2] room:{R}:heads  hash  user -> number of nodes
-- KEYS[3] room:{R}        channel
-- KEYS[4] room:{R}:read   hash  user -> seq
-- ARGV[1] user   ARGV[2] node   ARGV[3] life of an entry, seconds; '' = only ask   ARGV[4] users returned at most
-- ARGV[5] display name   ARGV[6] status   ARGV[7] head of the note   ARGV[8] users whose read marks are returned at most
--
-- Returns {occupancy, {users here}, {user, read mark (a seq), …}}: of a room with more users than asked for none are
-- named, and only the user's own mark is told.

--@include _roster

local user = ARGV[1]
if ARGV[3] ~= '' then
  local life = tonumber(ARGV[3])
  drop_aged()
  enter(user, ARGV[2], life)
  expire(life)
  tell(ARGV[7], appeared[user] and {{user, ARGV[5], ARGV[6]}} or {})
end

local occupancy, marks = redis.call('HLEN', heads), {}
if redis.call('EXISTS', KEYS[4]) == 1 then
  local readers = occupancy <= tonumber(ARGV[8]) and redis.call('HKEYS', heads) or {}
  readers[#readers + 1] = user
  for i, seq in ipairs(redis.call('HMGET', KEYS[4], unpack(readers))) do
    if seq then
      marks[#marks + 1] = readers[i]
      marks[#marks + 1] = seq
    end
  end
end
return {occupancy, names_up_to(tonumber(ARGV[4])), marks}
