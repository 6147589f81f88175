#!lua flags=allow-oom
-- Remove ended connections of one shard. A user without another connection goes offline at once. Safe to retry.
--
-- KEYS[1] presence:{s}:seen      zset  user -> unix seconds of the last refresh
-- KEYS[2] presence:{s}:last      zset  user -> unix seconds last seen
-- KEYS[3] presence:{s}:node:N:I  set   "user|connection"
-- KEYS[4] presence:{s}           channel
-- KEYS[4+i] presence:{s}:conn:U  hash  connection -> record, of row i
--
-- ARGV[1] horizon, seconds: an older refresh does not count   ARGV[2] life of `last`, seconds
-- ARGV[3…] rows of two: user, connection
--
-- Returns the number of published changes.

--@include _presence

local seen, last, members, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local horizon, now_ms = tonumber(ARGV[1]), unix_ms()
local rows = {}
for i = 3, #ARGV, 2 do
  local user, connection = ARGV[i], ARGV[i + 1]
  local key = KEYS[5 + (i - 3) / 2]
  redis.call('SREM', members, user .. '|' .. connection)
  local records = load_records(key)
  if records[connection] then
    local before = offline()
    if counts(redis.call('ZSCORE', seen, user), math.floor(now_ms / 1000), horizon) then
      before = view_of(records, now_ms)
    end
    records[connection] = nil
    redis.call('HDEL', key, connection)
    if next(records) == nil then
      redis.call('ZREM', seen, user)
    end
    note_change(rows, last, user, now_ms, records, before)
  end
end
redis.call('EXPIRE', last, ARGV[2])
publish(channel, rows)
return #rows
