#!lua flags=no-writes
-- Read the role of a user in a stored room.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:members
-- ARGV[1] user
--
-- Returns owner | admin | member, or nil. In a room stored as public every user is a member.
local role = redis.call('HGET', KEYS[2], ARGV[1])
if role then return role end
if redis.call('HGET', KEYS[1], 'kind') == 'public' then return 'member' end
return false
