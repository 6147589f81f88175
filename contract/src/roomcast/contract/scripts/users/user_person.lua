#!lua
-- Store the profile fields of a user from a token or a back end.
--
-- KEYS[1] user:{U}:person  hash  name, picture, data
-- ARGV[1] name for a user without a name   ARGV[2] life of the key, seconds
-- ARGV[3…] pairs of a field and its value
--
-- Returns {the name before ('' = none), the name now, 1 if the value of a field changed, else 0}.

local before = redis.call('HGET', KEYS[1], 'name') or ''
local changed = 0
for i = 3, #ARGV, 2 do
  if (redis.call('HGET', KEYS[1], ARGV[i]) or '') ~= ARGV[i + 1] then changed = 1 end
end
if #ARGV > 2 then redis.call('HSET', KEYS[1], unpack(ARGV, 3)) end
redis.call('HSETNX', KEYS[1], 'name', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {before, redis.call('HGET', KEYS[1], 'name'), changed}
