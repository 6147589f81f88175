#!lua flags=no-writes
-- Read the state of one shard before a step of the sweeper: the time, the sweeper's mark, and the users that are due.
--
-- KEYS[1] presence:{s}:seen  zset    user -> unix seconds
-- KEYS[2] presence:{s}:mark  string  "<ms of the last step here> <ms until which no user may expire>"
-- KEYS[3] presence:{s}:ends  zset    user -> ms at which the user's next note ends
-- ARGV[1] window, seconds: a user without a refresh for this long is due    ARGV[2] the most users to return
-- ARGV[3] seconds by which a score may be in the future. A user with a later score is due, too: Redis's clock was set
--         back, and no refresh followed
--
-- Returns {now in ms, mark or '', users in `seen`, {users due}, {users whose note has ended}}.

--@include _presence

local now_ms = unix_ms()
local now, limit = math.floor(now_ms / 1000), tonumber(ARGV[2])
local due = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. (now - ARGV[1]), 'BYSCORE', 'LIMIT', 0, limit)
if #due < limit then
  local ahead = redis.call('ZRANGE', KEYS[1], '(' .. (now + ARGV[3]), '+inf', 'BYSCORE', 'LIMIT', 0, limit - #due)
  for i = 1, #ahead do
    due[#due + 1] = ahead[i]
  end
end
local ended = redis.call('ZRANGE', KEYS[3], '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, limit)
return {now_ms, redis.call('GET', KEYS[2]) or '', redis.call('ZCARD', KEYS[1]), due, ended}
