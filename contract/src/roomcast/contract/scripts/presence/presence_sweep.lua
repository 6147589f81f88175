#!lua flags=allow-oom
-- Run one step of the sweeper: expire the given users of one shard if they are still due, and store the sweeper's mark.
-- Safe to retry, and safe to arrive late: the script does nothing if the caller read the shard more than `fence` ago.
-- (When a stopped Redis resumes, it first runs the commands in its socket buffers, before any gateway can refresh
-- users.)
--
-- KEYS[1] presence:{s}:seen      zset    user -> unix seconds of the last refresh
-- KEYS[2] presence:{s}:last      zset    user -> unix seconds last seen
-- KEYS[3] presence:{s}:mark      string  "<ms of the last step here> <ms until which no user may expire>"
-- KEYS[4] presence:{s}           channel
-- KEYS[4+i] presence:{s}:conn:U  hash    connection -> record, of user i
--
-- ARGV[1] time at which the caller read the shard, ms   ARGV[2] fence, ms
-- ARGV[3] ms until which no user may expire    ARGV[4] life of the mark, seconds
-- ARGV[5] window, seconds: a user without a refresh for this long is due
-- ARGV[6] seconds by which a score may be in the future
-- ARGV[7] life of a last-seen entry, seconds
-- ARGV[8…] users
--
-- Returns the number of expired users, or -1 when the call came too late.

--@include _presence

local seen, last, mark, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now_ms = unix_ms()
if math.abs(now_ms - ARGV[1]) > tonumber(ARGV[2]) then
  return -1
end
redis.call('SET', mark, string.format('%.0f %s', now_ms, ARGV[3]), 'EX', ARGV[4])

local now, window, ahead, last_life = math.floor(now_ms / 1000), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local rows, gone, lasts, hashes = {}, {}, {}, {}
for i = 8, #ARGV do
  local user, key = ARGV[i], KEYS[i - 3]
  local score = tonumber(redis.call('ZSCORE', seen, user))
  if score and (now - score > window or score - now > ahead) then
    local at = math.min(score, now)
    local status = view_of(load_records(key), now_ms).status
    gone[#gone + 1] = user
    hashes[#hashes + 1] = key
    if status ~= 'offline' then
      rows[#rows + 1] = {user, 'offline', at * 1000, '', 0, {}, true}
      lasts[#lasts + 1] = at
      lasts[#lasts + 1] = user
    end
  end
end
if #gone > 0 then
  redis.call('ZREM', seen, unpack(gone))
  redis.call('DEL', unpack(hashes))
end
if #lasts > 0 then
  redis.call('ZADD', last, unpack(lasts))
  redis.call('EXPIRE', last, last_life)
end
local forgotten = redis.call('ZRANGE', last, '-inf', now - last_life, 'BYSCORE', 'LIMIT', 0, 100)
if #forgotten > 0 then
  redis.call('ZREM', last, unpack(forgotten))
end
publish(channel, rows)
return #gone
