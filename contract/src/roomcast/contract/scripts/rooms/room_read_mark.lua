#!lua
-- Move a user's read mark forward, at most to the newest message.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:read, KEYS[3] room:{R}:log, KEYS[4] room:{R}:counts
-- ARGV[1] user, ARGV[2] seq
--
-- Returns the new read mark, or 0 when it did not move.
--
-- A read mark at the newest message costs the same in every room. For an earlier mark the script reads the entries up
-- to the mark or the entries after it, whichever are fewer. It reads at most MAX_ENTRIES and about MAX_BYTES, because
-- 10,000 entries would block Redis for 150 ms. Entries that it does not read count as unread, until a later read mark
-- is nearer to the newest message.

--@include _room
--@include _author
--@include _unread

local MAX_ENTRIES, MAX_BYTES = 1000, 1000000

local meta, read, log, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local user = ARGV[1]
local state = redis.call('HMGET', meta, 'seq', 'first', 'others')
local newest, first = tonumber(state[1] or '0'), tonumber(state[2] or '1')
local mark = math.min(tonumber(ARGV[2]), newest)
local before = tonumber(redis.call('HGET', read, user) or '0')
if mark <= before then return 0 end

-- Count the texts and media of other users among the entries from `from` to `to`. Return their number, and how many
-- entries at the end were not read.
local function others(from, to)
  local count, bytes = 0, 0
  for start = from, to, 50 do
    if start - from >= MAX_ENTRIES or bytes > MAX_BYTES then return count, to - start + 1 end
    local fields = {}
    for n = start, math.min(to, start + 49) do fields[#fields + 1] = int(n) end
    for _, entry in ipairs(redis.call('HMGET', log, unpack(fields))) do
      local kind = entry and string.match(entry, ',"kind":"(%a+)"')
      bytes = bytes + (entry and #entry or 0)
      if (kind == 'text' or kind == 'media') and string.match(entry, ',"user":"([^"]*)"') ~= user then
        count = count + 1
      end
    end
  end
  return count, 0
end

local own = redis.call('HMGET', counts, author_field(user), '=' .. user, '@' .. user)
local unread, written = unread_from(own[1], own[2], newest, state[3])
local kept_from = math.max(before, first - 1) + 1
local left
if newest - mark <= mark - kept_from + 1 then
  local count, unknown = others(mark + 1, newest)
  left = count + unknown
else
  left = math.min(newest - mark, math.max(0, unread - (others(kept_from, mark))))
end
redis.call('HSET', counts, '=' .. user, int(written - left))
if own[3] then
  local count, list = mentions_after(own[3], mark)
  if count == 0 then redis.call('HDEL', counts, '@' .. user) else redis.call('HSET', counts, '@' .. user, list) end
end
if redis.call('PTTL', counts) == -1 then
  local life = redis.call('PTTL', meta)
  if life > 0 then redis.call('PEXPIRE', counts, life) end
end
redis.call('HSET', read, user, int(mark))
redis.call('EXPIRE', read, 7776000)
return mark
