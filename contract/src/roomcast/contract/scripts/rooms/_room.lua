-- Shared by the room scripts (inserted where they say `--@include _room`).

-- Return milliseconds since the Unix epoch, by this server's clock.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Return a whole number as text. (tostring() would write a large number as 1e+15.)
local function int(n)
  return string.format('%.0f', n)
end

-- Return whether a new epoch must be opened. `m` is meta's seq, epoch, run (and more), `run` as below.
local function is_cut(m, run)
  return not m[2] or (run ~= '' and m[3] ~= run)
end

-- Return the room's {seq, epoch, first}. Open a new epoch if messages may be missing: in a new room, and if another
-- server process wrote last (a restart or a failover can roll back).
-- `candidate` is a fresh random epoch, `run` the id of this server process ('' = do not compare).
-- An epoch, once given out, never covers two histories, so a client can trust `seq` within it.
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

-- Life of the meta of a room without messages, in ms; each read or refresh renews it.
local UNUSED_MS = 300000

-- Let the meta live three times as long as the log; the meta of a stored room (with a kind) lives until it is closed.
local function keep_meta(meta, log_life)
  if redis.call('HEXISTS', meta, 'kind') == 0 then
    redis.call('PEXPIRE', meta, int(3 * tonumber(log_life)))
  end
end
