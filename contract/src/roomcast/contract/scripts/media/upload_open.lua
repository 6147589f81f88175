#!lua
-- Store a new upload, before the client gets its form.
--
-- KEYS[1] upload:{U}  hash
--
-- ARGV[1] life of an upload that is never completed, ms
-- ARGV[2…] fields and values: owner, room, key, type, size, name
--
-- Returns 1; or 0, without a change, when an upload with this id exists.

if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'state', 'signed', unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
