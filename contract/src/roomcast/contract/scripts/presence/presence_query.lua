#!lua flags=no-writes
-- Read the presence of users of one shard as others see it.
--
-- KEYS[1] presence:{s}:seen      zset  user -> unix seconds of the last refresh
-- KEYS[2] presence:{s}:last      zset  user -> unix seconds last seen
-- KEYS[2+i] presence:{s}:conn:U  hash  connection -> record, of user i
-- ARGV[1] horizon, seconds: a user with an older refresh is offline
-- ARGV[2] 1: with devices
-- ARGV[3…] users, at most 200
--
-- Returns five values per user: status (online, busy, away, offline), last seen in ms (0 = never), note, ms at which
-- the note ends (0 = never), and {kind, status, …} of the devices (empty if ARGV[2] is not 1).

--@include _presence

local horizon, now_ms = tonumber(ARGV[1]), unix_ms()
local answer = {}
for i = 3, #ARGV do
  local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]))
  local view = score and view_of(load_records(KEYS[i]), now_ms) or offline()
  local at = score
  if view.status == 'offline' then
    at = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[i]) or '0')
  elseif not counts(score, math.floor(now_ms / 1000), horizon) then
    view = offline()
  end
  local devices = {}
  for _, device in ipairs(ARGV[2] == '1' and view.devices or {}) do
    devices[#devices + 1] = device[1]
    devices[#devices + 1] = device[2]
  end
  for _, value in ipairs({view.status, at * 1000, view.note, view.ends, devices}) do
    answer[#answer + 1] = value
  end
end
return answer
