#!lua flags=allow-oom
-- Record the full state of many connections of one shard, and publish what others see differently. Safe to retry.
-- Runs without memory to spare: what it adds is bounded by the connections that the gateways hold.
--
-- KEYS[1] presence:{s}:seen      zset  user -> unix seconds of the last sign of life
-- KEYS[2] presence:{s}:last      zset  user -> unix seconds last seen
-- KEYS[3] presence:{s}:node:N:I  set   "user|connection" of this incarnation of the node
-- KEYS[4] presence:{s}           channel
-- KEYS[4+i] presence:{s}:conn:U  hash  connection -> record, of row i
--
-- ARGV[1] node   ARGV[2] incarnation
-- ARGV[3] horizon, seconds: an older sign of life counts as none
-- ARGV[4] life of a connection's record without a full touch, seconds
-- ARGV[5] life of `seen` and `last`, seconds
-- ARGV[6] connections kept per user
-- ARGV[7…] rows of four: user, connection, status (online, busy, away, invisible), note
--
-- Returns the positions (from 1) of rows whose user looks offline now, because one device is invisible.

--@include _presence

local seen, last, members, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local node, incarnation = ARGV[1], ARGV[2]
local horizon, record_life, set_life, cap = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local now_ms = unix_ms()
local now = math.floor(now_ms / 1000)

-- Forget records of dead nodes, records nobody touches any more, and the stalest ones beyond the cap.
local function prune(key, records, keep)
  local count, stalest = 0, nil
  for connection, record in pairs(records) do
    local is_stale = record[7] == 1 or math.abs(now - record[6]) > record_life
    if connection ~= keep and is_stale then
      redis.call('HDEL', key, connection)
      records[connection] = nil
    else
      count = count + 1
      if connection ~= keep and (not stalest or record[6] < records[stalest][6]) then
        stalest = connection
      end
    end
  end
  if count > cap and stalest then
    redis.call('HDEL', key, stalest)
    records[stalest] = nil
  end
end

local rows, scores, members_added, hidden = {}, {}, {}, {}
local alive = {}
for i = 7, #ARGV, 4 do
  local user, connection, status, note = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local key = KEYS[5 + (i - 7) / 4]
  local records = load_records(key)
  local before, note_before = 'offline', ''
  if alive[user] or counts(redis.call('ZSCORE', seen, user), now, horizon) then
    before, note_before = shown(records)
  end
  local old = records[connection]
  local is_same = old and old[1] == status and old[2] == note
  records[connection] = {status, note, node, incarnation, is_same and old[5] or now_ms, now, 0}
  prune(key, records, connection)
  redis.call('HSET', key, connection, cmsgpack.pack(records[connection]))
  redis.call('EXPIRE', key, record_life)
  if note_change(rows, last, user, now, records, before, note_before) == 'offline' then
    hidden[#hidden + 1] = (i - 3) / 4
  end
  alive[user] = true
  scores[#scores + 1] = now
  scores[#scores + 1] = user
  members_added[#members_added + 1] = user .. '|' .. connection
end
redis.call('ZADD', seen, unpack(scores))
redis.call('SADD', members, unpack(members_added))
redis.call('EXPIRE', seen, set_life)
redis.call('EXPIRE', last, set_life)
redis.call('EXPIRE', members, record_life * 2)
publish(channel, rows)
return hidden
