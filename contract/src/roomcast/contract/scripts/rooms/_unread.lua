-- Shared by room_summary.lua and room_read_mark.lua (inserted where they say `--@include _unread`).
--
-- A user's unread messages are the texts and media that others wrote after the user's read mark. Meta counts the entries
-- that are no texts or media (`others`), so `seq - others` is the number of texts and media. `counts` has each author's
-- own (field `user`). A read mark stores what the difference was when nothing was unread (field `=user`). So a message
-- costs one increment, however many users are in the room.

-- How many texts and media of other users the user has not read, and how many they wrote in all. Exact, unless messages
-- were trimmed from the log before they were read. `seq` and `others` are from meta.
local function unread_of(counts, user, seq, others)
  local own = redis.call('HMGET', counts, user, '=' .. user)
  local written = seq - tonumber(others or '0') - tonumber(own[1] or '0')
  return math.max(0, written - tonumber(own[2] or '0')), written
end
