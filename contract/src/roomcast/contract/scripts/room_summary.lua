#!lua flags=no-writes
-- One line of a person's room list.
--
-- KEYS[1] room:{R}:log, KEYS[2] room:{R}:meta, KEYS[3] room:{R}:read
-- ARGV[1] user
--
-- Returns {seq, the person's read mark, newest entry or nil, display name or ''}.
local seq = redis.call('HGET', KEYS[2], 'seq') or '0'
local read = redis.call('HGET', KEYS[3], ARGV[1]) or '0'
return {seq, read, redis.call('HGET', KEYS[1], seq), redis.call('HGET', KEYS[2], 'name') or ''}
