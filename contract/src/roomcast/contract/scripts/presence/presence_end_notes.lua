#!lua flags=allow-oom
-- Publish that the notes of these users have ended. Safe to retry, and safe to arrive late: the script compares the
-- ends with Redis's clock, and ignores replaced notes. The records keep ended notes; readers ignore them.
--
-- KEYS[1] presence:{s}:seen      zset  user -> unix seconds of the last refresh
-- KEYS[2] presence:{s}:ends      zset  user -> ms at which the user's next note ends
-- KEYS[3] presence:{s}           channel
-- KEYS[3+i] presence:{s}:conn:U  hash  connection -> record, of user i
-- ARGV[1] horizon, seconds: an older refresh does not count
-- ARGV[2…] users
--
-- Returns the number of users whose change was published.

--@include _presence

local seen, ends, channel = KEYS[1], KEYS[2], KEYS[3]
local horizon, now_ms = tonumber(ARGV[1]), unix_ms()
local now = math.floor(now_ms / 1000)
local rows = {}
for i = 2, #ARGV do
  local user = ARGV[i]
  local ended = tonumber(redis.call('ZSCORE', ends, user))
  if ended and ended <= now_ms then
    local records = load_records(KEYS[2 + i])
    redis.call('ZREM', ends, user)
    note_end(ends, user, records, now_ms)
    local view = view_of(records, now_ms)
    if view.status ~= 'offline' and counts(redis.call('ZSCORE', seen, user), now, horizon) then
      rows[#rows + 1] = {user, view.status, now * 1000, view.note, view.ends, view.devices, true}
    end
  end
end
publish(channel, rows)
return #rows
