-- Shared by room_kick, room_remove and room_close (inserted at their line `--@include _kicks`, after `_room`).

-- Record that a user (or `*`: all users) must leave the room now. Also check three random records, and remove expired
-- ones, because the key itself never expires in a room with a kick every day.
local function record_kick(kicked, user, now, life_seconds)
  redis.call('HSET', kicked, user, int(now))
  redis.call('EXPIRE', kicked, life_seconds)
  local some = redis.call('HRANDFIELD', kicked, 3, 'WITHVALUES')
  for i = 1, #some, 2 do
    if now - tonumber(some[i + 1]) > tonumber(life_seconds) * 1000 then redis.call('HDEL', kicked, some[i]) end
  end
end
