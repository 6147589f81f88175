-- Shared by the scripts for actions of moderators (inserted at their line `--@include _moderators`).

-- Return whether `by` moderates the room now: as the owner, an admin, or '' (an operator or a back end). The gateway
-- has checked this before, also for bans. But since then, the room may have been closed, and created by another user.
local function is_moderator(members, by)
  if by == '' then return true end
  local role = redis.call('HGET', members, by)
  return role == 'owner' or role == 'admin'
end
