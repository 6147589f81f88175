#!lua
-- Record that a user, or all users, must leave a room now. Gateways that miss the control message read this record.
--
-- KEYS[1] room:{R}:kicked  hash  user (or * = all users) -> ms of the last kick
-- ARGV[1] user, or *
-- ARGV[2] life of the record, seconds
--
-- Returns the time, ms.

--@include _room
--@include _kicks

local now = now_ms()
record_kick(KEYS[1], ARGV[1], now, ARGV[2])
return now
