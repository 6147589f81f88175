-- Shared by room_kick, room_remove and room_close (inserted where they say `--@include _kicks`, after `_room`).

-- Record that a user (or `*`: all users) must leave the room now, and remove records that are over. In a room that users
-- leave every day the key never expires: each record adds one field at most, and looks at three random ones.
local function record_kick(kicked, user, now, life_seconds)
  redis.call('HSET', kicked, user, int(now))
  redis.call('EXPIRE', kicked, life_seconds)
  local some = redis.call('HRANDFIELD', kicked, 3, 'WITHVALUES')
  for i = 1, #some, 2 do
    if now - tonumber(some[i + 1]) > tonumber(life_seconds) * 1000 then redis.call('HDEL', kicked, some[i]) end
  end
end
