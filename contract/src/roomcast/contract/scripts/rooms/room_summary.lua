#!lua flags=no-writes
-- One line of a person's room list.
--
-- KEYS[1] room:{R}:log, KEYS[2] room:{R}:meta, KEYS[3] room:{R}:read, KEYS[4] room:{R}:counts, KEYS[5] room:{R}:members
-- ARGV[1] user
--
-- Returns {seq, unread texts and media of others, newest text or media or nil, display name or '', standing}. What the log
-- does not keep any more is not unread. `standing`: 1 the room is stored and the user may enter it by that, 0 it is used
-- or somebody is in it, -1 nothing is known of it.

--@include _unread

local meta = redis.call('HMGET', KEYS[2], 'seq', 'first', 'others', 'other_at', 'last', 'name', 'kind')
local seq, first = tonumber(meta[1] or '0'), tonumber(meta[2] or '1')
local read = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '0')
local unread = 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  unread = unread_of(KEYS[4], ARGV[1], seq, meta[3])
  unread = math.min(unread, seq - math.max(read, first - 1))
end
-- The newest entry is a text or media, unless it is one of the others.
local last = meta[1]
if meta[1] and meta[4] == meta[1] then last = meta[5] end
local is_open = meta[7] == 'public' or redis.call('HEXISTS', KEYS[5], ARGV[1]) == 1
return {seq, unread, redis.call('HGET', KEYS[1], last or ''), meta[6] or '', is_open and 1 or (redis.call('EXISTS', KEYS[2]) - 1)}
