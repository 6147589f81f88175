#!lua
-- Delete a room with its history and memberships, and record that all users must leave it. Safe to retry.
--
-- KEYS[1] room:{R}:kicked   hash  user (or * = all users) -> ms of the last kick
-- KEYS[2] room:{R}:members  hash  user -> role
-- KEYS[3…] the other keys of the room
-- ARGV[1] life of the record, seconds   ARGV[2] the user who closes the room ('' = an operator or a back end)
--
-- Returns the members: the caller removes the room from their lists. Returns nil when ARGV[2] is not the owner.

--@include _room
--@include _kicks

if ARGV[2] ~= '' and redis.call('HGET', KEYS[2], ARGV[2]) ~= 'owner' then return false end
local members = redis.call('HKEYS', KEYS[2])
redis.call('UNLINK', unpack(KEYS, 2))
record_kick(KEYS[1], '*', now_ms(), ARGV[1])
return members
