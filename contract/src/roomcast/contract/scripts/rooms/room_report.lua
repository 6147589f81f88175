#!lua
-- Store the id of a report in its room, and delete the oldest ids above the limit. Safe to retry.
--
-- KEYS[1] room:{R}:reports  zset  id of a report -> unix ms
-- ARGV[1] id of the report in the stream of reports: ms-number   ARGV[2] the most ids   ARGV[3] life of the key,
--         seconds
--
-- Returns the number of stored ids.

redis.call('ZADD', KEYS[1], string.match(ARGV[1], '^%d+'), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2]))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return redis.call('ZCARD', KEYS[1])
