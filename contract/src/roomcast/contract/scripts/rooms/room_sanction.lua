#!lua
-- Mute or ban a user in a room, or lift that. Sanctions that have ended make room for new ones.
--
-- KEYS[1] room:{R}:sanctions   hash `mute:U`, `ban:U` -> end in ms (0: none), `slow` -> seconds
-- KEYS[2] room:{R}:meta         left out for a sanction everywhere
-- ARGV[1] field: `mute:U` or `ban:U`   ARGV[2] seconds (0: without an end; -1: lift)   ARGV[3] sanctions kept
-- ARGV[4] 'stored': only in a stored room; else it would be one of the next room of this id
--
-- Returns the end in ms (0: none), -1 for one that was lifted, -2 when the room has as many sanctions as allowed, -3 when
-- no such room is stored.

--@include _sanctions

local sanctions, field, seconds = KEYS[1], ARGV[1], tonumber(ARGV[2])
if seconds < 0 then
  redis.call('HDEL', sanctions, field)
  return -1
end
if ARGV[4] == 'stored' and redis.call('HEXISTS', KEYS[2], 'kind') == 0 then return -3 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if redis.call('HEXISTS', sanctions, field) == 0 and redis.call('HLEN', sanctions) >= tonumber(ARGV[3]) then
  local flat = redis.call('HGETALL', sanctions)
  for i = 1, #flat, 2 do
    local ends = tonumber(flat[i + 1])
    if flat[i] ~= 'slow' and ends > 0 and ends <= now then
      redis.call('HDEL', sanctions, flat[i])
    end
  end
  if redis.call('HLEN', sanctions) >= tonumber(ARGV[3]) then
    return -2
  end
end
local ends = seconds == 0 and 0 or now + seconds * 1000
redis.call('HSET', sanctions, field, string.format('%.0f', ends))
if KEYS[2] then expire_with_room(sanctions, KEYS[2]) end
return ends
