-- Shared by room_summary.lua and room_read_mark.lua (inserted where they say `--@include _unread`).
--
-- A person's unread messages are the texts and media that others wrote after the person's read mark. The room counts all
-- texts and media (meta `texts`) and each author's own (`counts`, field `user`). A read mark stores what the difference
-- was when nothing was unread (`counts`, field `=user`). So a message costs one increment, whoever is in the room.

-- How many texts and media of others the user has not read; `texts` is from meta. Exact, unless messages were trimmed
-- from the log before they were read.
local function unread_of(counts, user, texts)
  local own = redis.call('HMGET', counts, user, '=' .. user)
  local written = texts - tonumber(own[1] or '0')
  return math.max(0, written - tonumber(own[2] or '0')), written
end
