-- Shared by room_summary.lua and room_read_mark.lua (inserted at their line `--@include _unread`).
--
-- A user's unread messages are the texts and media that other users wrote after the user's read mark. The meta has the
-- number of entries that are neither texts nor media (`others`), so `seq - others` is the number of texts and media.
-- `counts` has the number of texts and media of each author (field: see _author.lua). A new read mark stores how many
-- texts and media of other users the user has read (field `=user`). Therefore a message costs one increment, however
-- many users are in the room. Mentions are few: `counts` has the seq of each unread mention of a user, as text (field
-- `@user`).

-- Return the number of texts and media of other users that a user has not read, and the number of all texts and media
-- of other users. The numbers are exact if no message was trimmed from the log before the user read it. `own` and
-- `stored` are the author's field and the field `=user` of counts; `seq` and `others` are from the meta.
local function unread_from(own, stored, seq, others)
  local written = seq - tonumber(others or '0') - tonumber(own or '0')
  return math.max(0, written - tonumber(stored or '0')), written
end

-- Return how many mentions come after `mark`, and the list of their seqs. `list` is the field `@user` of counts.
local function mentions_after(list, mark)
  local kept = {}
  for at in string.gmatch(list or '', '%d+') do
    if tonumber(at) > mark then kept[#kept + 1] = at end
  end
  return #kept, table.concat(kept, ',')
end
