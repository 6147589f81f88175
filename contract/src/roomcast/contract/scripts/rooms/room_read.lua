#!lua flags=allow-oom
-- Read a room's state and one page of its log.
--
-- KEYS[1] room:{R}:log, KEYS[2] room:{R}:meta
-- ARGV[1] 'after': the first entries after ARGV[2]; 'before': the last entries before ARGV[2], or the latest if it is 0
-- ARGV[2] seq
-- ARGV[3] the most entries
-- ARGV[4] a new random epoch, used if the room needs a new epoch
-- ARGV[5] run id of this Redis process ('' = do not compare)
-- ARGV[6] life of an idle log, ms
-- ARGV[7] 'used': do not create the meta of a room that was not used. A gateway that compares rooms with their logs may
--         not have noticed yet that a room was closed, and must not create its meta again.
--
-- Returns {seq, epoch, first, now in ms, entry, …}: `first` is the lowest seq in the log (seq + 1 for an empty log).
-- The entries are contiguous, oldest first. If they have more than MAX_BYTES, the page is shorter, but has an entry.
-- With 'used', `epoch` is empty for a room that was not used.

--@include _room

-- The most bytes of the entries of a page, as MAX_PAGE_BYTES of roomcast.contract.limits. A text of 16 KB of control
-- characters has 98 KB as JSON, and a gateway keeps a page until the client has read it.
local MAX_BYTES = 1000000

if ARGV[7] == 'used' and redis.call('EXISTS', KEYS[2]) == 0 then return {0, '', 1, now_ms()} end
local seq, epoch, first = room_state(KEYS[2], ARGV[4], ARGV[5])
if redis.call('EXISTS', KEYS[1]) == 0 then first = seq + 1 end
if seq == 0 and redis.call('HEXISTS', KEYS[2], 'kind') == 0 then
  redis.call('PEXPIRE', KEYS[2], UNUSED_MS) -- otherwise the meta of every requested room id would stay for months
elseif redis.call('PTTL', KEYS[2]) == -1 then
  keep_meta(KEYS[2], ARGV[6])
end
local from, to
local at, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
if ARGV[1] == 'after' then
  from = math.max(first, at + 1)
  to = math.min(seq, from + limit - 1)
else
  to = at > 0 and math.min(seq, at - 1) or seq
  from = math.max(first, to - limit + 1)
end

-- Return the entries from `from` to `to` (`step` 1), or from `to` to `from` (`step` -1), up to MAX_BYTES.
local function read_entries(step)
  local found, bytes, n = {}, 0, step == 1 and from or to
  while n >= from and n <= to do
    local fields = {}
    for seq_of = n, math.max(from, math.min(to, n + 9 * step)), step do fields[#fields + 1] = int(seq_of) end
    for _, entry in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
      bytes = bytes + #(entry or '')
      if bytes > MAX_BYTES and #found > 0 then return found end
      found[#found + 1] = entry or ''
    end
    n = n + 10 * step
  end
  return found
end

local reply = {seq, epoch, first, now_ms()}
if ARGV[1] == 'after' then
  for _, entry in ipairs(read_entries(1)) do reply[#reply + 1] = entry end
else
  local found = read_entries(-1)
  for i = #found, 1, -1 do reply[#reply + 1] = found[i] end
end
return reply
