#!lua flags=allow-oom
-- Record the full state of many connections of one shard, and publish what others see differently. Safe to retry.
-- It also runs when Redis is out of memory: what it adds is bounded by the connections that the gateways hold.
--
-- KEYS[1] presence:{s}:seen      zset  user -> unix seconds of the last sign of life
-- KEYS[2] presence:{s}:last      zset  user -> unix seconds last seen
-- KEYS[3] presence:{s}:node:N:I  set   "user|connection" of this incarnation of the node
-- KEYS[4] presence:{s}           channel
-- KEYS[4+i] presence:{s}:conn:U  hash  connection -> record, of row i (of n)
-- KEYS[4+n+i] presence:{s}:choice:U  string  MessagePack {status, note}: what the user of row i chose last
--
-- ARGV[1] node   ARGV[2] incarnation
-- ARGV[3] horizon, seconds: an older sign of life counts as none
-- ARGV[4] life of a connection's record without a full touch, seconds
-- ARGV[5] life of `seen` and `last`, seconds
-- ARGV[6] connections kept per user
-- ARGV[7] life of a choice, seconds
-- ARGV[8…] rows of five: user, connection, status (online, busy, away, invisible; '' = follow the user's choice), note,
--         1 if the user has just chosen this status, else 0
--
-- A choice is kept for connections to come, and taken over by connections that follow it. `away` is a state of one
-- device and never kept. `online` without a note is what a user without a choice has.
--
-- Returns {{positions (from 1) of rows whose user looks offline now, because one device is invisible},
--          {position, status, note, … of rows that follow}}.

--@include _presence

local seen, last, members, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local node, incarnation = ARGV[1], ARGV[2]
local horizon, record_life, set_life, cap = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local choice_life, row_count = ARGV[7], (#ARGV - 7) / 5
local now_ms = unix_ms()
local now = math.floor(now_ms / 1000)

-- Remove records of dead nodes, records that no gateway touches any more, and the stalest ones beyond the cap.
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

-- The status and note that the user chose last.
local function load_choice(key)
  local packed = redis.call('GET', key)
  if packed then
    local ok, choice = pcall(cmsgpack.unpack, packed)
    if ok and type(choice) == 'table' then
      redis.call('EXPIRE', key, choice_life)
      return choice[1], choice[2]
    end
  end
  return 'online', ''
end

-- Keep what the user chose, and let the connections that follow have it.
local function save_choice(choice_key, key, records, status, note)
  if status == 'online' and note == '' then
    redis.call('DEL', choice_key)
  else
    redis.call('SET', choice_key, cmsgpack.pack({status, note}), 'EX', choice_life)
  end
  for connection, record in pairs(records) do
    if record[8] == 1 and (record[1] ~= status or record[2] ~= note) then
      record[1], record[2], record[5] = status, note, now_ms
      redis.call('HSET', key, connection, cmsgpack.pack(record))
    end
  end
end

local rows, scores, members_added, hidden, followed = {}, {}, {}, {}, {}
local alive = {}
for row = 1, row_count do
  local i = 3 + 5 * row
  local user, connection, status, note = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local key, choice_key = KEYS[4 + row], KEYS[4 + row_count + row]
  local records = load_records(key)
  local before, note_before = 'offline', ''
  if alive[user] or counts(redis.call('ZSCORE', seen, user), now, horizon) then
    before, note_before = shown(records)
  end
  local follows = status == '' and 1 or 0
  if follows == 1 then
    status, note = load_choice(choice_key)
    followed[#followed + 1] = row
    followed[#followed + 1] = status
    followed[#followed + 1] = note
  elseif ARGV[i + 4] == '1' and status ~= 'away' then
    save_choice(choice_key, key, records, status, note)
  end
  local old = records[connection]
  local is_same = old and old[1] == status and old[2] == note
  records[connection] = {status, note, node, incarnation, is_same and old[5] or now_ms, now, 0, follows}
  prune(key, records, connection)
  redis.call('HSET', key, connection, cmsgpack.pack(records[connection]))
  redis.call('EXPIRE', key, record_life)
  if note_change(rows, last, user, now, records, before, note_before) == 'offline' then
    hidden[#hidden + 1] = row
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
return {hidden, followed}
