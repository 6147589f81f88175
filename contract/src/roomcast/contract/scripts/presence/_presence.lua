-- Shared by the presence scripts (inserted where they say `--@include _presence`).
--
-- A connection's record is MessagePack: {status, note, node, incarnation, since, touched, gone, follows}
--   since    ms, the last change of status or note
--   touched  unix seconds of the last full touch
--   gone     1: its node died; kept only so that the user's status lasts until the window ends
--   follows  1: the connection has no status of its own; it has the one that the user chose last

local RANK = {online = 3, busy = 2, away = 1}

local function unix_seconds()
  return tonumber(redis.call('TIME')[1])
end

local function unix_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Return the records of a user, by connection; an unreadable one counts as absent.
local function load_records(key)
  local records, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local ok, record = pcall(cmsgpack.unpack, flat[i + 1])
    if ok and type(record) == 'table' then
      records[flat[i]] = record
    end
  end
  return records
end

-- Return status and note as others see them. One invisible device hides the user. Else the status of the most reachable
-- device counts (online, busy, away), among equals that of the one that changed last, then of the smallest id.
local function shown(records)
  local status, note, rank, since, speaker = 'offline', '', 0, 0, ''
  for connection, record in pairs(records) do
    if record[1] == 'invisible' then
      return 'offline', ''
    end
    local r, s = RANK[record[1]] or 1, record[5]
    local is_better = r > rank or (r == rank and (s > since or (s == since and connection < speaker)))
    if is_better then
      status, note, rank, since, speaker = record[1], record[2], r, s, connection
    end
  end
  return status, note
end

-- Return whether the score of a user in `seen` still counts. The sweeper ends presence in time; this horizon only hides
-- leftovers where no sweeper runs. Readers and writers use the same one, so that reads agree with what was published.
local function counts(score, now, horizon)
  return score and now - tonumber(score) <= horizon
end

-- Add to `rows` what others now see differently; a user who has come to look offline was last seen now. Return the status.
local function note_change(rows, last, user, now, records, before, note_before)
  local after, note_after = shown(records)
  if after ~= before or note_after ~= note_before then
    rows[#rows + 1] = {user, after, now * 1000, note_after}
    if after == 'offline' then
      redis.call('ZADD', last, now, user)
    end
  end
  return after
end

-- Publish rows of {user, status, last_seen ms, note} as the envelope PresenceChanges.
local function publish(channel, rows)
  if #rows > 0 then
    redis.call('SPUBLISH', channel, '\1' .. cmsgpack.pack({'presence', rows}))
  end
end
