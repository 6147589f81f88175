-- Shared by the scripts with which moderators act (inserted where they say `--@include _moderators`).

-- Return whether `by` moderates the room now: its owner, an admin, or '' (an operator or a back end). The gateway has
-- checked this before, also for bans. But since then the room may have been closed, and created again by another user.
local function is_moderator(members, by)
  if by == '' then return true end
  local role = redis.call('HGET', members, by)
  return role == 'owner' or role == 'admin'
end
