#!lua
-- Add a room to a user's room list if the list is not full. If the room is new on the list, publish this to the user's
-- gateways. With a third key, store the user's name, too.
--
-- KEYS[1] user:{U}:rooms     hash room -> display name ('' = use the room's own name)
-- KEYS[2] user:{U}           channel
-- KEYS[3] user:{U}:person    hash  name, picture, data of the user; optional
-- ARGV[1] room, ARGV[2] its name, ARGV[3] the most rooms, ARGV[4] life of both keys in seconds
-- ARGV[5] the message for the channel: the list has changed
-- ARGV[6] with KEYS[3]: the name for a user without a name
--
-- Returns 1 when the room is on the list afterwards, else 0.
if KEYS[3] then
  redis.call('HSETNX', KEYS[3], 'name', ARGV[6])
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('SPUBLISH', KEYS[2], ARGV[5])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
