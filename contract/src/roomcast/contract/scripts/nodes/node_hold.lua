#!lua flags=allow-oom
-- Get or renew the lease of a gateway's number. One process has it at a time, identified by its incarnation. Safe to
-- retry.
--
-- KEYS[1] node:{N}:lease    string  incarnation of the holder
-- KEYS[2] node:{N}:process  string  the holder's process: "host/pid/start"
--
-- ARGV[1] incarnation   ARGV[2] process   ARGV[3] life, ms
-- ARGV[4] an incarnation that has certainly ended, and that the caller may replace; '' = none
--
-- Returns {1} when the caller had the number already, {2} when it has just got it, else
-- {0, incarnation of the holder, its process, ms until its lease ends}.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[4] then
  return {0, holder, redis.call('GET', KEYS[2]) or '', redis.call('PTTL', KEYS[1])}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {holder == ARGV[1] and 1 or 2}
