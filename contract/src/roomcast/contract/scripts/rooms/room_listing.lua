#!lua
-- Remove an entry from the directory of rooms or people, and add another entry. Safe to retry.
--
-- KEYS[1] directory  zset  "name\nid", all with score 0
-- ARGV[1] entry to remove ('' = none)   ARGV[2] entry to add ('' = none)   ARGV[3] the most entries of the directory
--
-- Returns 1 when ARGV[2] is listed afterwards, else 0.
if ARGV[1] ~= '' and ARGV[1] ~= ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end
if ARGV[2] == '' or redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], 0, ARGV[2])
return 1
