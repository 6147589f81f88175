#!lua flags=allow-oom
-- Remove a batch of the connections of a dead incarnation of a node. This script sets no user offline: a user without
-- another connection keeps the last status until the sweeper expires the user, because the clients of a killed gateway
-- reconnect within seconds. Safe to retry. Like presence_sweep, it does nothing when it arrives late.
--
-- KEYS[1] presence:{s}:node:N:I  set   "user|connection"
-- KEYS[2] presence:{s}:seen      zset  user -> unix seconds of the last refresh
-- KEYS[3] presence:{s}           channel
-- KEYS[3+i] presence:{s}:conn:U  hash  connection -> record, of row i
--
-- ARGV[1] time at which the caller read the shard, ms   ARGV[2] fence, ms
-- ARGV[3] node   ARGV[4] incarnation   ARGV[5] horizon, seconds
-- ARGV[6…] rows of two: user, connection
--
-- Returns the number of removed connections, or -1 when the call came too late.

--@include _presence

local members, seen, channel = KEYS[1], KEYS[2], KEYS[3]
local now_ms = unix_ms()
if math.abs(now_ms - ARGV[1]) > tonumber(ARGV[2]) then
  return -1
end

local function has_other(records, connection)
  for other, record in pairs(records) do
    if other ~= connection and record[7] ~= 1 then
      return true
    end
  end
  return false
end

local now, horizon = math.floor(now_ms / 1000), tonumber(ARGV[5])
local rows, removed = {}, 0
for i = 6, #ARGV, 2 do
  local user, connection = ARGV[i], ARGV[i + 1]
  local key = KEYS[4 + (i - 6) / 2]
  removed = removed + redis.call('SREM', members, user .. '|' .. connection)
  local records = load_records(key)
  local record = records[connection]
  if record and record[3] == ARGV[3] and record[4] == ARGV[4] then
    if has_other(records, connection) then
      local is_seen = counts(redis.call('ZSCORE', seen, user), now, horizon)
      local before = view_of(records, now_ms)
      records[connection] = nil
      redis.call('HDEL', key, connection)
      if is_seen then
        note_change(rows, nil, user, now_ms, records, before)
      end
    else
      record[7] = 1
      redis.call('HSET', key, connection, cmsgpack.pack(record))
    end
  end
end
publish(channel, rows)
return removed
