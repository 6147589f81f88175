-- Shared by the room_enter, room_exit and room_refresh scripts (inserted where they say `--@include _roster`).
-- `here` holds one entry per user and node; `heads` counts the nodes of each user, so its length is the occupancy.

local here, heads = KEYS[1], KEYS[2]
local now = tonumber(redis.call('TIME')[1])
local appeared, vanished = {}, {}

local function head_added(user)
  if redis.call('HINCRBY', heads, user, 1) == 1 then
    if vanished[user] then
      vanished[user] = nil
    else
      appeared[user] = true
    end
  end
end

local function head_removed(user)
  if redis.call('HINCRBY', heads, user, -1) < 1 then
    redis.call('HDEL', heads, user)
    if appeared[user] then
      appeared[user] = nil
    else
      vanished[user] = true
    end
  end
end

-- A node that died does not refresh its entries: take out up to 20 aged ones.
local function drop_aged()
  local aged = redis.call('ZRANGE', here, '-inf', '(' .. now, 'BYSCORE', 'LIMIT', 0, 20)
  for i = 1, #aged do
    redis.call('ZREM', here, aged[i])
    head_removed(string.match(aged[i], '^[^|]*'))
  end
end

local function enter(user, node, life)
  local member = user .. '|' .. node
  if not redis.call('ZSCORE', here, member) then
    head_added(user)
  end
  redis.call('ZADD', here, now + life, member)
end

-- Both keys live and die together, or the counts would drift apart.
local function expire(life)
  redis.call('EXPIRE', here, life * 2)
  redis.call('EXPIRE', heads, life * 2)
end

-- {occupancy, {users that appeared}, {users that vanished}, {up to `limit` users}}
local function answer(limit)
  local came, left = {}, {}
  for user in pairs(appeared) do came[#came + 1] = user end
  for user in pairs(vanished) do left[#left + 1] = user end
  local users = limit > 0 and redis.call('HRANDFIELD', heads, limit) or {}
  return {redis.call('HLEN', heads), came, left, users}
end
