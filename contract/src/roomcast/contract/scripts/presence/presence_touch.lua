#!lua flags=allow-oom
-- Store the full state of many connections of one shard, and publish the users whose presence changed for others. Safe
-- to retry. It also runs when Redis is out of memory, because the number of open connections limits the memory that it
-- adds.
--
-- KEYS[1] presence:{s}:seen      zset  user -> unix seconds of the last refresh
-- KEYS[2] presence:{s}:last      zset  user -> unix seconds last seen
-- KEYS[3] presence:{s}:node:N:I  set   "user|connection" of this incarnation of the node
-- KEYS[4] presence:{s}           channel
-- KEYS[5] presence:{s}:ends      zset  user -> ms at which the user's next note ends
-- KEYS[5+i] presence:{s}:conn:U  hash  connection -> record, of row i (of n)
-- KEYS[5+n+i] presence:{s}:choice:U  string  MessagePack {status, note, until}: the last choice of the user of row i
--
-- ARGV[1] node   ARGV[2] incarnation
-- ARGV[3] horizon, seconds: an older refresh does not count
-- ARGV[4] life of a connection's record after a run of this script, seconds
-- ARGV[5] life of `seen`, `last` and `ends`, seconds
-- ARGV[6] the most connections per user
-- ARGV[7] life of a choice, seconds
-- ARGV[8…] rows of seven: user, connection, status (online, busy, away, invisible; '' = the user's choice), note,
--         1 if the user has just chosen this status, else 0, ms at which the note ends (0: never), kind of device
--
-- The script stores a user's choice for later connections, and applies it to the user's connections without a status of
-- their own. `away` is a state of one device, and never a choice. A user without a choice is `online` without a note.
--
-- Returns {{positions (from 1) of rows whose user is offline for others now, because one device is invisible},
--          {position, status, note, until, … of rows with status ''}}.

--@include _presence

local seen, last, members, channel, ends = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local node, incarnation = ARGV[1], ARGV[2]
local horizon, record_life, set_life, cap = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local choice_life, row_count = ARGV[7], (#ARGV - 7) / 7
local now_ms = unix_ms()
local now = math.floor(now_ms / 1000)

-- Remove records of dead nodes, and records that no gateway stored again within `record_life`. If there are still more
-- than `cap` records, remove the oldest record. Never remove the record of the connection `keep`.
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

-- Return the user's last choice: the status, the note and the note's end.
local function load_choice(key)
  local packed = redis.call('GET', key)
  if packed then
    local ok, choice = pcall(cmsgpack.unpack, packed)
    if ok and type(choice) == 'table' then
      redis.call('EXPIRE', key, choice_life)
      return choice[1], lasting(choice[2], choice[3] or 0, now_ms)
    end
  end
  return 'online', '', 0
end

-- Store the user's choice, and apply it to the connections that follow it.
local function save_choice(choice_key, key, records, status, note, note_ends)
  if status == 'online' and note == '' then
    redis.call('DEL', choice_key)
  else
    redis.call('SET', choice_key, cmsgpack.pack({status, note, note_ends}), 'EX', choice_life)
  end
  for connection, record in pairs(records) do
    local is_same = record[1] == status and record[2] == note and (record[9] or 0) == note_ends
    if record[8] == 1 and not is_same then
      record[1], record[2], record[5], record[9] = status, note, now_ms, note_ends
      redis.call('HSET', key, connection, cmsgpack.pack(record))
    end
  end
end

local rows, scores, members_added, hidden, followed = {}, {}, {}, {}, {}
local alive = {}
for row = 1, row_count do
  local i = 1 + 7 * row
  local user, connection, status, kind = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 6]
  local note, note_ends = lasting(ARGV[i + 3], tonumber(ARGV[i + 5]), now_ms)
  local key, choice_key = KEYS[5 + row], KEYS[5 + row_count + row]
  local records = load_records(key)
  local before = offline()
  if alive[user] or counts(redis.call('ZSCORE', seen, user), now, horizon) then
    before = view_of(records, now_ms)
  end
  local follows = status == '' and 1 or 0
  if follows == 1 then
    status, note, note_ends = load_choice(choice_key)
    for _, value in ipairs({row, status, note, note_ends}) do
      followed[#followed + 1] = value
    end
  elseif ARGV[i + 4] == '1' and status ~= 'away' then
    save_choice(choice_key, key, records, status, note, note_ends)
  end
  local old = records[connection]
  local is_same = old and old[1] == status and lasting(old[2], old[9] or 0, now_ms) == note
  local since = is_same and old[5] or now_ms
  records[connection] = {status, note, node, incarnation, since, now, 0, follows, note_ends, kind}
  prune(key, records, connection)
  redis.call('HSET', key, connection, cmsgpack.pack(records[connection]))
  redis.call('EXPIRE', key, record_life)
  if note_ends > 0 or (old and (old[9] or 0) > 0) then
    note_end(ends, user, records, now_ms)
  end
  if note_change(rows, last, user, now_ms, records, before) == 'offline' then
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
redis.call('EXPIRE', ends, set_life)
redis.call('EXPIRE', members, record_life * 2)
publish(channel, rows)
return {hidden, followed}
