#!lua flags=allow-oom
-- Record heartbeats of users of one shard whose state has not changed. This is cheaper than presence_touch.lua. Safe to
-- retry. It also runs when Redis is out of memory; otherwise a full Redis would set all users offline.
--
-- KEYS[1] presence:{s}:seen  zset  user -> unix seconds of the last refresh
-- ARGV[1] horizon, seconds: an older refresh does not count   ARGV[2] life of `seen`, seconds
-- ARGV[3…] users, at most 2,000
--
-- Returns the positions (from 1) of users without a recent refresh: the caller must run presence_touch.lua for them.

local horizon = tonumber(ARGV[1])
local now = tonumber(redis.call('TIME')[1])
local scores = redis.call('ZMSCORE', KEYS[1], unpack(ARGV, 3))
local fresh, unknown = {}, {}
for i = 1, #scores do
  local score = tonumber(scores[i])
  if score and now - score <= horizon then
    if score ~= now then
      fresh[#fresh + 1] = now
      fresh[#fresh + 1] = ARGV[i + 2]
    end
  else
    unknown[#unknown + 1] = i
  end
end
if #fresh > 0 then
  redis.call('ZADD', KEYS[1], unpack(fresh))
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return unknown
