#!lua
-- Put a room on a person's list, unless the list is full.
--
-- KEYS[1] user:{U}:rooms   hash room -> display name ('' = ask the room)
-- ARGV[1] room, ARGV[2] name, ARGV[3] rooms at most, ARGV[4] life of the list in seconds
--
-- Returns 1 when the room is on the list afterwards.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
