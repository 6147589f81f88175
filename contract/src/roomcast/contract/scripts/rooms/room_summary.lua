#!lua flags=no-writes
-- Read one room's line in the inboxes of some users.
--
-- KEYS[1] room:{R}:log, KEYS[2] room:{R}:meta, KEYS[3] room:{R}:read, KEYS[4] room:{R}:counts
-- KEYS[5] room:{R}:members, KEYS[6] room:{R}:sanctions
-- ARGV[1] 'last' to read the newest text or media, too, else ''; ARGV[2…] users, at most 100
--
-- Returns nine values for the room:
--   seq; epoch or ''; ms of the last activity or '0'; seq of the newest text or media or '0'; this entry or nil;
--   display name or ''; 1 if the room is stored as public, else 0;
--   1 if room_append.lua announced the room in the last second and so may not announce the next message, else 0;
--   1 if Redis has no data of the room, else 0
-- and then five values for each user:
--   unread texts and media of other users; unread mentions; read mark; role or ''; 1 if banned from the room, else 0.
-- Messages that are no longer in the log do not count as unread.

--@include _room
--@include _author
--@include _unread

local log, read, counts, members, sanctions = KEYS[1], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local meta = redis.call('HMGET', KEYS[2], 'seq', 'first', 'others', 'other_at', 'last', 'name', 'epoch', 'active_at', 'kind',
  'told_at')
local seq, first = tonumber(meta[1] or '0'), tonumber(meta[2] or '1')
local is_kept = redis.call('EXISTS', log) == 1

-- If the seq of the newest entry is `other_at`, the entry is neither text nor media.
local last = meta[1]
if meta[1] and meta[4] == meta[1] then last = meta[5] end
local entry = false
if ARGV[1] == 'last' and last and is_kept then entry = redis.call('HGET', log, last) end
local is_gone = not (meta[1] or meta[9]) and redis.call('EXISTS', KEYS[2]) == 0
local is_public = meta[9] == 'public' and 1 or 0
local now = now_ms()
local told_at = math.max(tonumber(meta[8] or '0'), tonumber(meta[10] or '0'))
local is_unsettled = math.abs(now - told_at) < 1000 and 1 or 0
local reply = {seq, meta[7] or '', meta[8] or '0', is_kept and last or '0', entry, meta[6] or '', is_public,
  is_unsettled, is_gone and 1 or 0}

local users, bans, own = {}, {}, {}
for i = 2, #ARGV do
  local user = ARGV[i]
  users[#users + 1], bans[#bans + 1] = user, 'ban:' .. user
  own[#own + 1], own[#own + 2], own[#own + 3] = author_field(user), '=' .. user, '@' .. user
end
local marks = redis.call('HMGET', read, unpack(users))
local roles = redis.call('HMGET', members, unpack(users))
local ends = redis.call('HMGET', sanctions, unpack(bans))
own = is_kept and redis.call('HMGET', counts, unpack(own)) or {}
for i = 1, #users do
  local mark, unread, mentions = tonumber(marks[i] or '0'), 0, 0
  local seen = math.max(mark, first - 1)
  if is_kept then
    unread = math.min(unread_from(own[3 * i - 2], own[3 * i - 1], seq, meta[3]), math.max(0, seq - seen))
    mentions = mentions_after(own[3 * i], seen)
  end
  local is_banned = ends[i] and (ends[i] == '0' or tonumber(ends[i]) > now) and 1 or 0
  for _, value in ipairs({unread, mentions, mark, roles[i] or '', is_banned}) do reply[#reply + 1] = value end
end
return reply
