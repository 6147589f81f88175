#!lua
-- Delete a membership and record the kick, as room_kick.lua does. The owner stays. Safe to retry.
--
-- KEYS[1] room:{R}:members, KEYS[2] room:{R}:kicked
-- ARGV[1] user
-- ARGV[2] life of the record, seconds
-- ARGV[3] the user who removes the member: the same user, a moderator, or '' (an operator or a back end)
--
-- Returns {'removed', ms of the kick}; {'owner', 0}; {'refused', 0} when ARGV[3] may not do this; {'none', 0} when
-- there is no such member; {'again', ms of the kick} when the member was removed within the last minute. After 'again',
-- the caller publishes the kick once more, because the earlier caller may have failed before it published the kick.

--@include _room
--@include _kicks
--@include _moderators

if ARGV[3] ~= ARGV[1] and not is_moderator(KEYS[1], ARGV[3]) then return {'refused', 0} end
local role = redis.call('HGET', KEYS[1], ARGV[1])
if role == 'owner' then return {'owner', 0} end
local now = now_ms()
if not role then
  local kicked_at = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
  if now - kicked_at <= 60000 then return {'again', kicked_at} end
  return {'none', 0}
end
redis.call('HDEL', KEYS[1], ARGV[1])
record_kick(KEYS[2], ARGV[1], now, ARGV[2])
return {'removed', now}
