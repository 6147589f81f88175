#!lua flags=no-writes
-- Read the presence of users of one shard as others see it. Changes nothing.
--
-- KEYS[1] presence:{s}:seen      zset  user -> unix seconds of the last sign of life
-- KEYS[2] presence:{s}:last      zset  user -> unix seconds last seen
-- KEYS[2+i] presence:{s}:conn:U  hash  connection -> record, of user i
-- ARGV[1] horizon, seconds: an older sign of life counts as offline
-- ARGV[2…] users, at most 200
--
-- Returns three values per user: status (online, busy, away, offline), last seen in ms (0 = never), note.

--@include _presence

local horizon, now = tonumber(ARGV[1]), unix_seconds()
local answer = {}
for i = 2, #ARGV do
  local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]))
  local status, note = 'offline', ''
  if score then
    status, note = shown(load_records(KEYS[i + 1]))
  end
  local at = score
  if status == 'offline' then
    at = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[i]) or '0')
  elseif not counts(score, now, horizon) then
    status, note = 'offline', ''
  end
  answer[#answer + 1] = status
  answer[#answer + 1] = at * 1000
  answer[#answer + 1] = note
end
return answer
