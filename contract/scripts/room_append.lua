#!lua
-- Append one message to a room's log and publish it: the only way a message comes into being. Safe to retry by id.
--
-- KEYS[1] room:{R}:log      hash  seq -> message JSON
-- KEYS[2] room:{R}:meta     hash  seq, epoch, run, first (lowest seq kept), ids_at (ms), kind, …
-- KEYS[3] room:{R}:ids      hash  "user:id" -> "seq time epoch", the younger half
-- KEYS[4] room:{R}:ids:old  hash  the older half
-- KEYS[5] room:{R}          channel
--
-- ARGV[1]  dedup field "user:id" ('' = no dedup)
-- ARGV[2]  a fresh random epoch of 16 characters, used if one must be opened
-- ARGV[3]  run id of this server process ('' = do not compare)
-- ARGV[4]  JSON up to the seq:    {"room":"R","seq":
-- ARGV[5]  JSON after the time:   "id":"…","user":"…",…}
-- ARGV[6]  routing bytes of the envelope (lengths, namespace, skip list)
-- ARGV[7]  the Socket.IO packet up to the message:   2["message",
-- ARGV[8]  messages kept at most
-- ARGV[9]  age kept at most, ms
-- ARGV[10] life of an idle log, ms
-- ARGV[11] an id is remembered at least this long, ms
-- ARGV[12] ids remembered at most, per half
-- ARGV[13…] rewrites of older entries, four each: seq, expected value, and the new value in two parts between which
--           this message's seq is written (an empty second part: the first is the whole). If an entry is not as
--           expected, nothing is done at all.
--
-- Returns {0, seq, time, epoch}; {1, seq, time, epoch} of the first one for a repeated id; {2} for a stale rewrite.

--@include _room

local log, meta, ids, ids_old = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

if ARGV[1] ~= '' then
  local known = redis.call('HGET', ids, ARGV[1]) or redis.call('HGET', ids_old, ARGV[1])
  if known then
    local seq, time, epoch = string.match(known, '^(%d+) (%d+) (%w+)$')
    return {1, tonumber(seq), tonumber(time), epoch}
  end
end

for i = 13, #ARGV, 4 do
  if redis.call('HGET', log, ARGV[i]) ~= ARGV[i + 1] then return {2} end
end

local now = now_ms()
local last, epoch, first = room_state(meta, ARGV[2], ARGV[3])
local seq = last + 1
local text = int(seq)
local object = ARGV[4] .. text .. ',"epoch":"' .. epoch .. '","time":' .. int(now) .. ',' .. ARGV[5]

for i = 13, #ARGV, 4 do
  local rest = ARGV[i + 3]
  redis.call('HSET', log, ARGV[i], rest == '' and ARGV[i + 2] or ARGV[i + 2] .. text .. rest)
end
if redis.call('EXISTS', log) == 0 then first = seq end
redis.call('HSET', log, text, object)

-- Drop what is over the length, then a few heads over the age: never more than eight, so that the work stays bounded.
local length, oldest, dropped = tonumber(ARGV[8]), now - tonumber(ARGV[9]), 0
while first < seq and dropped < 8 do
  local over = seq - first + 1 > length
  if not over then
    local head = redis.call('HGET', log, int(first))
    local time = head and string.match(head, '^{"room":"[^"]+","seq":%d+,"epoch":"%w+","time":(%d+)')
    over = not time or tonumber(time) < oldest
  end
  if not over then break end
  redis.call('HDEL', log, int(first))
  first, dropped = first + 1, dropped + 1
end
redis.call('HSET', meta, 'seq', text, 'first', int(first))
redis.call('PEXPIRE', log, ARGV[10])
keep_meta(meta, ARGV[10])

if ARGV[1] ~= '' then
  local born = tonumber(redis.call('HGET', meta, 'ids_at') or '0')
  if now - born >= tonumber(ARGV[11]) or redis.call('HLEN', ids) >= tonumber(ARGV[12]) then
    if redis.call('EXISTS', ids) == 1 then redis.call('RENAME', ids, ids_old) end
    redis.call('HSET', meta, 'ids_at', int(now))
  end
  redis.call('HSET', ids, ARGV[1], text .. ' ' .. int(now) .. ' ' .. epoch)
  redis.call('PEXPIRE', ids, 2 * tonumber(ARGV[11]))
end

redis.call('SPUBLISH', KEYS[5],
  '\1\1' .. epoch .. struct.pack('>I8', seq) .. ARGV[6] .. ARGV[7] .. object .. ']')
return {0, seq, now, epoch}
