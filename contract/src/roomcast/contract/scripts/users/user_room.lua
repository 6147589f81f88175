#!lua
-- Add a room to a person's list, unless the list is full, and tell the person's gateways if it is new. With a third key,
-- store the person's name as well.
--
-- KEYS[1] user:{U}:rooms     hash room -> display name ('' = ask the room)
-- KEYS[2] user:{U}           channel
-- KEYS[3] user:{U}:person    hash  name, picture, data of the person; may be left out
-- ARGV[1] room, ARGV[2] its name, ARGV[3] rooms at most, ARGV[4] life of both keys in seconds
-- ARGV[5] the message for the channel: the list has changed
-- ARGV[6] the person's name, if KEYS[3] is there: for a person who has none yet
--
-- Returns 1 when the room is on the list afterwards.
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
