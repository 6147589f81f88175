-- Shared by room_append, room_summary and room_read_mark (inserted at their line `--@include _author`).

-- Return the field of counts for the texts and media that a user wrote. The field `@user` has a user's unread mentions,
-- and a user id may begin with `@`: such an author's field begins with `:`, which no user id contains.
local function author_field(user)
  return string.byte(user) == 64 and ':' .. user or user
end
