#!lua flags=allow-oom
-- Let a user enter a room on a node, and return the occupants and their read marks. Safe to retry.
--
-- For the first connection of the user on the node, the script enters the user and publishes the change. For a further
-- connection, and for an invisible user, it only reads (ARGV[3] = '').
--
-- KEYS[1] room:{R}:occupants  zset  "user|node" -> unix seconds of expiry
-- KEYS[2] room:{R}:nodes_of   hash  user -> number of nodes
-- KEYS[3] room:{R}            channel
-- KEYS[4] room:{R}:read       hash  user -> seq
-- ARGV[1] user   ARGV[2] node   ARGV[3] life of an entry in seconds, '' = only read   ARGV[4] the most users to return
-- ARGV[5] display name   ARGV[6] status   ARGV[7] head of the note   ARGV[8] the most users whose read marks to return
--
-- Returns {occupancy, {users}, {user, read mark (a seq), …}}. In a room with more than ARGV[4] users it returns no
-- users. In a room with more than ARGV[8] users it returns only the user's own read mark.

--@include _occupancy

local user = ARGV[1]
if ARGV[3] ~= '' then
  local life = tonumber(ARGV[3])
  remove_expired()
  enter(user, ARGV[2], life)
  expire(life)
  publish_change(ARGV[7], appeared[user] and {{user, ARGV[5], ARGV[6]}} or {})
end

local occupancy, marks = redis.call('HLEN', nodes_of), {}
if redis.call('EXISTS', KEYS[4]) == 1 then
  local readers = occupancy <= tonumber(ARGV[8]) and redis.call('HKEYS', nodes_of) or {}
  readers[#readers + 1] = user
  for i, seq in ipairs(redis.call('HMGET', KEYS[4], unpack(readers))) do
    if seq then
      marks[#marks + 1] = readers[i]
      marks[#marks + 1] = seq
    end
  end
end
return {occupancy, users_up_to(tonumber(ARGV[4])), marks}
