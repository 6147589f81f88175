-- Shared by the scripts occupancy_enter, occupancy_leave and occupancy_refresh, which have `--@include _occupancy`.
--
-- `occupants` has one entry per user and node. `nodes_of` has the number of nodes of each user, so its length is the
-- occupancy: the number of distinct users in the room. Each script publishes its own changes to the gateways that
-- subscribe to the room, so no change can lack its announcement.

local occupants, nodes_of, channel = KEYS[1], KEYS[2], KEYS[3]
local now = tonumber(redis.call('TIME')[1])
local appeared, vanished = {}, {}

local function add_node(user)
  if redis.call('HINCRBY', nodes_of, user, 1) == 1 then
    if vanished[user] then
      vanished[user] = nil
    else
      appeared[user] = true
    end
  end
end

local function remove_node(user)
  if redis.call('HINCRBY', nodes_of, user, -1) < 1 then
    redis.call('HDEL', nodes_of, user)
    if appeared[user] then
      appeared[user] = nil
    else
      vanished[user] = true
    end
  end
end

-- Remove up to 20 expired entries, which dead nodes have left behind.
local function remove_expired()
  local expired = redis.call('ZRANGE', occupants, '-inf', '(' .. now, 'BYSCORE', 'LIMIT', 0, 20)
  for i = 1, #expired do
    redis.call('ZREM', occupants, expired[i])
    remove_node(string.match(expired[i], '^[^|]*'))
  end
end

local function enter(user, node, life)
  local entry = user .. '|' .. node
  if not redis.call('ZSCORE', occupants, entry) then
    add_node(user)
  end
  redis.call('ZADD', occupants, now + life, entry)
end

-- Let both keys expire together. A count without its entries would never be corrected.
local function expire(life)
  redis.call('EXPIRE', occupants, life * 2)
  redis.call('EXPIRE', nodes_of, life * 2)
end

local function names(set)
  local list = {}
  for user in pairs(set) do list[#list + 1] = user end
  return list
end

-- Publish the note OccupancyChange: rows of {user, display name, status} of users who entered, and the users who left.
-- `head` is the room packet up to the note's MessagePack.
local function publish_change(head, entered)
  if #entered > 0 or next(vanished) then
    local note = {'occupancy', redis.call('HLEN', nodes_of), entered, names(vanished)}
    redis.call('SPUBLISH', channel, head .. cmsgpack.pack(note))
  end
end

-- Return all users in the room if there are at most `limit` users, else an empty list.
local function users_up_to(limit)
  return redis.call('HLEN', nodes_of) <= limit and redis.call('HKEYS', nodes_of) or {}
end

-- Return {occupancy, {users that appeared}, {users that vanished}, {all users, if there are at most `limit`}}.
local function answer(limit)
  return {redis.call('HLEN', nodes_of), names(appeared), names(vanished), users_up_to(limit)}
end
