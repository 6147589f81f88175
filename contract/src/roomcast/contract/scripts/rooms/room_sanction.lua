#!lua
-- Mute or ban a user in a room or everywhere, or lift the sanction. At the limit, ended sanctions are removed first.
--
-- KEYS[1] room:{R}:sanctions   hash `mute:U`, `ban:U` -> end in ms (0: none), `slow` -> seconds
--         or, for a sanction everywhere, user:{U}:sanctions   hash `mute`, `ban` -> end in ms (0: none)
-- KEYS[2] room:{R}:meta, KEYS[3] room:{R}:members   missing for a sanction everywhere
-- ARGV[1] the field   ARGV[2] seconds (0: without an end; -1: lift the sanction)   ARGV[3] the most sanctions
-- ARGV[4] the moderator, who may sanction only in a stored room (otherwise the sanction would apply to the next room
--         with this id); '' = an operator or a back end, in any room
--
-- Returns the end in ms (0: none), -1 for a lifted sanction, -2 when the room has ARGV[3] sanctions already, -3 when no
-- such room is stored, -4 when ARGV[4] is not a moderator, -5 when the user is the owner, whom no moderator may
-- sanction.

--@include _moderators
--@include _sanctions

local sanctions, field, seconds, by = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[4]
if by ~= '' then
  if redis.call('HEXISTS', KEYS[2], 'kind') == 0 then return -3 end
  if not is_moderator(KEYS[3], by) then return -4 end
  if redis.call('HGET', KEYS[3], string.match(field, ':(.*)$')) == 'owner' then return -5 end
end
if seconds < 0 then
  redis.call('HDEL', sanctions, field)
  return -1
end
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
