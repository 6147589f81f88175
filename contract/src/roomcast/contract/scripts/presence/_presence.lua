-- Shared by the presence scripts (inserted at their line `--@include _presence`).
--
-- A connection's record is MessagePack: {status, note, node, incarnation, since, touched, gone, follows, until, kind}
--   since    ms of the last change of status or note
--   touched  unix seconds of the last run of presence_touch.lua for this connection
--   gone     1: its node is dead. The record only keeps the user's status until the sweeper expires the user
--   follows  1: the connection has no status of its own, and gets the status that the user chose last
--   until    ms at which the note ends; 0: no end
--   kind     the kind of device that the client named; '': none
-- A note that has ended counts as no note, even if a record still contains it.

local RANK = {online = 3, busy = 2, away = 1}
local MAX_DEVICES = 20

local function unix_seconds()
  return tonumber(redis.call('TIME')[1])
end

local function unix_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Return the records of a user, by connection. Leave out unreadable records.
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

local function order(a, b)
  local first, second = RANK[a[2]] or 1, RANK[b[2]] or 1
  if first ~= second then
    return first > second
  end
  return a[1] < b[1]
end

-- Return the note and its end. Return '' and 0 without a note, and for a note that has ended.
local function lasting(note, ends, now_ms)
  ends = note ~= '' and ends or 0
  if ends > 0 and ends <= now_ms then
    return '', 0
  end
  return note, ends
end

local function offline()
  return {status = 'offline', note = '', ends = 0, devices = {}}
end

-- Return a user's presence as others see it: {status, note, ends, devices}. If one device is invisible, the user is
-- offline for others. Otherwise, status and note are those of the most reachable device (online, then busy, then away).
-- If several devices are equally reachable, the device that changed last decides, then the smallest connection id.
-- `devices` contains up to 20 {kind, status}, the most reachable first.
local function view_of(records, now_ms)
  local view = offline()
  local devices, rank, since, speaker = view.devices, 0, 0, ''
  for connection, record in pairs(records) do
    if record[1] == 'invisible' then
      return offline()
    end
    local r, s = RANK[record[1]] or 1, record[5]
    local is_better = r > rank or (r == rank and (s > since or (s == since and connection < speaker)))
    if is_better then
      rank, since, speaker, view.status = r, s, connection, record[1]
    end
    devices[#devices + 1] = {record[10] or '', record[1]}
  end
  if speaker ~= '' then
    view.note, view.ends = lasting(records[speaker][2], records[speaker][9] or 0, now_ms)
  end
  if #devices > 1 then
    table.sort(devices, order)
    for i = #devices, MAX_DEVICES + 1, -1 do
      devices[i] = nil
    end
  end
  return view
end

local function same_devices(a, b)
  for i = 1, math.max(#a, #b) do
    if not a[i] or not b[i] or a[i][1] ~= b[i][1] or a[i][2] ~= b[i][2] then
      return false
    end
  end
  return true
end

-- Store in `ends` the earliest end of the notes of a user's devices. An end in the past stays until presence_end_notes
-- has published it.
local function note_end(ends, user, records, now_ms)
  local due = tonumber(redis.call('ZSCORE', ends, user))
  if due and due <= now_ms then
    return
  end
  local first = 0
  for _, record in pairs(records) do
    local _, at = lasting(record[2], record[9] or 0, now_ms)
    if at > 0 and (first == 0 or at < first) then
      first = at
    end
  end
  if first > 0 then
    redis.call('ZADD', ends, first, user)
  else
    redis.call('ZREM', ends, user)
  end
end

-- Return whether the score of a user in `seen` is recent enough to count. The sweeper removes older users. While no
-- sweeper runs, this limit (`horizon`) hides them. Readers and writers use the same limit, so that queries agree with
-- published changes.
local function counts(score, now, horizon)
  return score and now - tonumber(score) <= horizon
end

-- Add a row to `rows` if the user's presence, as others see it, differs from `before`. If the user is now offline for
-- others, store the time in `last`. Return the status.
local function note_change(rows, last, user, now_ms, records, before)
  local after, now = view_of(records, now_ms), math.floor(now_ms / 1000)
  local is_shown = after.status ~= before.status or after.note ~= before.note or after.ends ~= before.ends
  if is_shown or not same_devices(after.devices, before.devices) then
    rows[#rows + 1] = {user, after.status, now * 1000, after.note, after.ends, after.devices, is_shown}
  end
  if is_shown and after.status == 'offline' then
    redis.call('ZADD', last, now, user)
  end
  return after.status
end

-- Publish rows of {user, status, last_seen ms, note, its end ms, devices, whether more than devices changed} as the
-- envelope PresenceChanges.
local function publish(channel, rows)
  if #rows > 0 then
    redis.call('SPUBLISH', channel, '\1' .. cmsgpack.pack({'presence', rows}))
  end
end
