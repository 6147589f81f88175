-- Shared by the room_enter, room_exit and room_refresh scripts (inserted where they say `--@include _roster`).
-- `here` holds one entry per user and node; `heads` counts the nodes of each user, so its length is the occupancy.
-- What a script changes it tells the gateways that hear the room itself: nothing can get lost between the two.

local here, heads, channel = KEYS[1], KEYS[2], KEYS[3]
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

local function names(set)
  local list = {}
  for user in pairs(set) do list[#list + 1] = user end
  return list
end

-- Publish the note People: rows of {user, display name, status} of who came, and who vanished. `head` is the packet up
-- to the note's MessagePack.
local function tell(head, entered)
  if #entered > 0 or next(vanished) then
    local note = {'people', redis.call('HLEN', heads), entered, names(vanished)}
    redis.call('SPUBLISH', channel, head .. cmsgpack.pack(note))
  end
end

-- All users, if there are no more than `limit`.
local function names_up_to(limit)
  return redis.call('HLEN', heads) <= limit and redis.call('HKEYS', heads) or {}
end

-- {occupancy, {users that appeared}, {users that vanished}, {all users, if there are no more than `limit`}}
local function answer(limit)
  return {redis.call('HLEN', heads), names(appeared), names(vanished), names_up_to(limit)}
end
