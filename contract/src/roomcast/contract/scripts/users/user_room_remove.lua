#!lua
-- Remove a room from a user's room list, and publish this to the user's gateways.
--
-- KEYS[1] user:{U}:rooms, KEYS[2] user:{U}, the channel
-- ARGV[1] room, ARGV[2] the message for the channel: the list has changed
--
-- Returns 1, or 0 when the room was not on the list.
local removed = redis.call('HDEL', KEYS[1], ARGV[1])
if removed == 1 then redis.call('SPUBLISH', KEYS[2], ARGV[2]) end
return removed
