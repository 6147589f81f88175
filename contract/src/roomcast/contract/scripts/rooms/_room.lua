-- Shared by the room scripts (inserted at their line `--@include _room`).

-- Return milliseconds since the Unix epoch, by this server's clock.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Return a whole number as text. (tostring() would write a large number as 1e+15.)
local function int(n)
  return string.format('%.0f', n)
end

-- Return whether the room needs a new epoch. `m` contains the fields seq, epoch, run (and more) of the meta. `run`: see
-- room_state.
local function is_cut(m, run)
  return not m[2] or (run ~= '' and m[3] ~= run)
end

-- Return the room's seq, epoch and first. Begin a new epoch if messages may be missing: in a new room, and if another
-- process of Redis wrote last, because a restart or a failover can lose the latest writes.
-- `candidate` is a new random epoch, `run` the run id of this Redis process ('' = do not compare).
-- Within one epoch a `seq` never belongs to two messages, so a client can trust it.
local function room_state(meta, candidate, run)
  local m = redis.call('HMGET', meta, 'seq', 'epoch', 'run', 'first')
  local seq, epoch = tonumber(m[1] or '0'), m[2]
  local first = tonumber(m[4] or '1')
  if is_cut(m, run) then
    epoch = candidate
    redis.call('HSET', meta, 'seq', int(seq), 'epoch', epoch, 'run', run, 'first', int(first))
  end
  return seq, epoch, first
end

-- Life of the meta of a room without messages, in ms. Each read or refresh renews it.
local UNUSED_MS = 300000

-- Let the meta live three times as long as the log. The meta of a stored room (with a kind) lives until the room is
-- closed.
local function keep_meta(meta, log_life)
  if redis.call('HEXISTS', meta, 'kind') == 0 then
    redis.call('PEXPIRE', meta, int(3 * tonumber(log_life)))
  end
end
