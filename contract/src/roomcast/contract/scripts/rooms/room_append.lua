#!lua
-- Append one message to a room's log and publish it. Only this script adds messages. Safe to retry with the same id.
--
-- KEYS[1] room:{R}:log      hash  seq -> message JSON
-- KEYS[2] room:{R}:meta     hash  seq, epoch, run, first (lowest seq kept), head_at, ids_at, kept_at (ms), others,
--         last, active_at, …
-- KEYS[3] room:{R}:ids      hash  "user:id" -> "seq time epoch": the younger half of the remembered ids
-- KEYS[4] room:{R}:ids:old  hash  the older half of the remembered ids
-- KEYS[5] room:{R}          channel
-- KEYS[6] room:{R}:counts   hash  user -> texts and media written, =user and @user -> see _unread.lua
-- The script also publishes the room's id on activity:XX (XX: the first two hex digits of the id's SHA-1): at most once
-- a second for texts and media, and at most once a second for other entries. So gateways notice activity in rooms that
-- none of their clients has joined.
--
-- ARGV[1]  JSON up to the seq:    {"room":"R","seq":
-- ARGV[2]  run id of this Redis process ('' = do not compare)
-- ARGV[3]  routing bytes of the envelope (lengths, namespace, skip list) and the Socket.IO packet up to the message:
--          2["message",
-- ARGV[4]  the most messages in the log
-- ARGV[5]  the highest age of a message in the log, ms
-- ARGV[6]  life of an idle log, ms
-- ARGV[7]  the shortest time for which an id is remembered, ms
-- ARGV[8]  the most remembered ids, per half
-- ARGV[9]  a new random epoch of 16 characters, used if the room needs a new epoch
-- ARGV[10] dedup field "user:id" ('' = no dedup)
-- ARGV[11] JSON after the time:   "id":"…","user":"…",…}
-- ARGV[12…] rewrites of older entries, four arguments each: seq, expected value, and the new value in two parts. The
--           script writes this message's seq between the parts. If the second part is empty, the first is the new
--           value. If an entry differs from its expected value, the script changes nothing.
--
-- Returns {0, seq, time, epoch}; for a repeated id {1, seq, time, epoch} of the first message; {2} for a stale rewrite;
-- {3} in a room that was closed less than CLOSED_MS ago, and not created again.
--
-- Every message of every room runs this script, and each redis.call costs about a microsecond. So the script avoids
-- calls that most messages do not need: the meta stores the age of the log's head and of the younger ids, and its
-- expiry is seldom renewed.

--@include _room
--@include _author

-- Gateways accept messages of a closed room's members until they receive the control message. Such a message must not
-- create a log again: no user could enter its room, and no user could create a room with this id. (This does not apply
-- to `public:` rooms and direct rooms, which users may enter also after they were closed.)
local CLOSED_MS = 5000

local log, meta, ids, ids_old, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[6]
local field, has_rewrites = ARGV[10], #ARGV > 11

local function is_just_closed(now)
  if string.find(meta, 'room:{public:', 1, true) or string.find(meta, 'room:{dm:', 1, true) then return false end
  local closed_at = redis.call('HGET', string.sub(meta, 1, -5) .. 'kicked', '*')
  return closed_at and math.abs(now - tonumber(closed_at)) < CLOSED_MS
end

local function receipt(known)
  local seq, time, epoch = string.match(known, '^(%d+) (%d+) (%w+)$')
  return {1, tonumber(seq), tonumber(time), epoch}
end

-- Announce activity in the room, at most once a second: `field` of meta has the time of the last announcement. (After
-- the clock was set back, the script announces at once.) Many rooms share one channel, so that a gateway can follow
-- thousands of rooms.
local function announce(field, told_at, now)
  if math.abs(now - tonumber(told_at or '0')) < 1000 then return end
  local prefix, room = string.match(KEYS[5], '^(.-)room:{(.*)}$')
  redis.call('HSET', meta, field, int(now))
  redis.call('PUBLISH', prefix .. 'activity:' .. string.sub(redis.sha1hex(room), 1, 2), '\1' .. room)
end

-- Store the message's seq for each user whom it mentions. Keep at most 100 mentions of each user, because a client
-- shows "99+". In ARGV[11], `mentions` follows directly after `kind`, so the pattern cannot match inside a text or an
-- object of the application.
local function count_mentions(author, list, text)
  for user in string.gmatch(list, '"([^"]+)"') do
    if user ~= author then
      local before = redis.call('HGET', counts, '@' .. user)
      if before then
        local _, commas = string.gsub(before, ',', '')
        if commas >= 99 then before = string.match(before, ',(.*)') end
      end
      redis.call('HSET', counts, '@' .. user, before and before .. ',' .. text or text)
    end
  end
end

local now = now_ms()
local now_text = int(now)
local state = redis.call('HMGET', meta, 'seq', 'epoch', 'run', 'first', 'kind', 'kept_at', 'ids_at', 'ids_from', 'head_at',
  'active_at')
local epoch = state[2]
local is_new_epoch = is_cut(state, ARGV[2])
if is_new_epoch then epoch = ARGV[9] end
local seq = tonumber(state[1] or '0') + 1
local text = int(seq)
if seq == 1 and not state[5] and is_just_closed(now) then return {3} end

-- Look the id up in the older half. If the younger half becomes the older half now (`is_turn`), or if entries are
-- rewritten, look it up in the younger half, too. Otherwise HSETNX below does this, and writes the id in the same call.
local is_turn = false
if field ~= '' then
  local known = redis.call('HGET', ids_old, field)
  is_turn = now - tonumber(state[7] or '0') >= tonumber(ARGV[7])
    or (seq - tonumber(state[8] or '0') >= tonumber(ARGV[8]) and redis.call('HLEN', ids) >= tonumber(ARGV[8]))
  if not known and (is_turn or has_rewrites) then known = redis.call('HGET', ids, field) end
  if known then return receipt(known) end
end

for i = 12, #ARGV, 4 do
  if redis.call('HGET', log, ARGV[i]) ~= ARGV[i + 1] then return {2} end
end

if field ~= '' then
  if is_turn and redis.call('EXISTS', ids) == 1 then redis.call('RENAME', ids, ids_old) end
  if redis.call('HSETNX', ids, field, text .. ' ' .. now_text .. ' ' .. epoch) == 0 then
    return receipt(redis.call('HGET', ids, field))
  end
  if is_turn then
    redis.call('PEXPIRE', ids, 2 * tonumber(ARGV[7]))
    redis.call('HSET', meta, 'ids_at', now_text, 'ids_from', text)
  end
end

if is_new_epoch then redis.call('HSET', meta, 'epoch', epoch, 'run', ARGV[2]) end
for i = 12, #ARGV, 4 do
  local rest = ARGV[i + 3]
  redis.call('HSET', log, ARGV[i], rest == '' and ARGV[i + 2] or ARGV[i + 2] .. text .. rest)
end
local object = ARGV[1] .. text .. ',"epoch":"' .. epoch .. '","time":' .. now_text .. ',' .. ARGV[11]
local first, head_at = tonumber(state[4] or '1'), tonumber(state[9] or '0')
local is_gone = redis.call('PEXPIRE', log, ARGV[6]) == 0
redis.call('HSET', log, text, object)
if is_gone then
  first, head_at = seq, now
  redis.call('PEXPIRE', log, ARGV[6])
  redis.call('DEL', counts)
  if seq > 1 then redis.call('HSET', meta, 'others', int(seq - 1)) end
end

-- Drop the oldest entries above the length limit or the age limit: at most eight per message, to limit the work.
-- `head_at` is never later than the head's time. So while `head_at` is within the age limit, the head need not be read.
local length, oldest, dropped = tonumber(ARGV[4]), now - tonumber(ARGV[5]), 0
while first < seq and dropped < 8 do
  if seq - first + 1 <= length then
    if head_at >= oldest then break end
    local head = redis.call('HGET', log, int(first))
    head_at = tonumber(head and string.match(head, '^{"room":"[^"]+","seq":%d+,"epoch":"%w+","time":(%d+)') or '0')
    if head_at >= oldest then break end
  end
  redis.call('HDEL', log, int(first))
  first, dropped = first + 1, dropped + 1
end
if state[4] == int(first) and state[9] == int(head_at) then
  redis.call('HSET', meta, 'seq', text)
else
  redis.call('HSET', meta, 'seq', text, 'first', int(first), 'head_at', int(head_at))
end
-- Unread counts are calculated from the number of entries that are *not* texts or media, because such entries are few.
-- Meta `others` is their number, `other_at` the seq of the newest of them, and `last` the seq of the newest text or
-- media before it. A text costs one increment, of its author's count. Inside a JSON string every quote is escaped,
-- so the first match is the field.
local kind_at = string.find(ARGV[11], ',"kind":"', 1, true)
local initial = kind_at and string.byte(ARGV[11], kind_at + 9)
local mentions = kind_at and string.match(ARGV[11], '^%a+","mentions":%[([^%]]*)%]', kind_at + 9)
if mentions then count_mentions(string.match(field, '^[^:]*'), mentions, text) end
if initial == 116 or initial == 109 then -- text, media
  local colon = string.find(field, ':', 1, true)
  if colon then redis.call('HINCRBY', counts, author_field(string.sub(field, 1, colon - 1)), 1) end
  announce('active_at', state[10], now)
else
  local before, told = int(seq - 1), redis.call('HMGET', meta, 'other_at', 'told_at')
  if told[1] ~= before then redis.call('HSET', meta, 'last', before) end
  announce('told_at', told[2], now)
  redis.call('HINCRBY', meta, 'others', 1)
  redis.call('HSET', meta, 'other_at', text)
end
-- After its first message, a stored room stays until it is closed. The script builds the names of the other keys
-- itself, because it needs them only once per room, and more KEYS would slow down every message.
if seq == 1 and state[5] then
  local room = string.sub(meta, 1, -5)
  redis.call('PERSIST', meta)
  redis.call('PERSIST', room .. 'members')
  redis.call('PERSIST', room .. 'sanctions')
end
-- The meta lives far longer than the log, so its expiry need not be renewed with every message.
if not state[5] and now - tonumber(state[6] or '0') > tonumber(ARGV[6]) / 100 then
  redis.call('HSET', meta, 'kept_at', now_text)
  keep_meta(meta, ARGV[6])
  redis.call('PEXPIRE', counts, int(3 * tonumber(ARGV[6])))
end

redis.call('SPUBLISH', KEYS[5],
  '\1\1' .. epoch .. struct.pack('>I8', seq) .. ARGV[3] .. object .. ']')
return {0, seq, now, epoch}
