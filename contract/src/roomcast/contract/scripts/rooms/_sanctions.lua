-- Shared by room_sanction and room_slow_set (inserted at their line `--@include _sanctions`).

-- Let the sanctions of a stored room without messages expire with the room. When the room gets its first message,
-- room_append.lua removes both expiries.
local function expire_with_room(sanctions, meta)
  local life = redis.call('HEXISTS', meta, 'kind') == 1 and redis.call('PTTL', meta) or -1
  if life > 0 then redis.call('PEXPIRE', sanctions, life) end
end
