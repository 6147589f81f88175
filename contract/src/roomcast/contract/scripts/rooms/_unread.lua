-- Shared by room_summary.lua and room_read_mark.lua (inserted where they say `--@include _unread`).
--
-- A user's unread messages are the texts and media that others wrote after the user's read mark. Meta counts the entries
-- that are no texts or media (`others`), so `seq - others` is the number of texts and media. `counts` has each author's
-- own (field `user`). A read mark stores what the difference was when nothing was unread (field `=user`). So a message
-- costs one increment, however many users are in the room. Mentions are few: `counts` keeps the seq of each one that the
-- user has not read, as text (field `@user`).

-- Return how many texts and media of other users a user has not read, and how many they wrote in all. Exact, unless
-- messages were trimmed from the log before they were read. `own` and `stored` are the user's fields of counts, `seq` and
-- `others` are from meta.
local function unread_from(own, stored, seq, others)
  local written = seq - tonumber(others or '0') - tonumber(own or '0')
  return math.max(0, written - tonumber(stored or '0')), written
end

-- Return how many mentions come after `mark`, and their list. `list` is the field `@user` of counts.
local function mentions_after(list, mark)
  local kept = {}
  for at in string.gmatch(list or '', '%d+') do
    if tonumber(at) > mark then kept[#kept + 1] = at end
  end
  return #kept, table.concat(kept, ',')
end
