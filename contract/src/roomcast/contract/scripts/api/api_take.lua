#!lua flags=allow-oom
-- Take requests of an API key from its rate, by the generic cell rate algorithm (ITU-T I.371).
--
-- KEYS[1] api:rate:{I}  string, the moment in ms at which the requests so far are paid
-- ARGV[1] requests a second
-- ARGV[2] seconds of the rate that may come at once
-- ARGV[3] requests to take
-- ARGV[4] 'owe': take them in any case, because the work is done: later requests wait
--
-- A call for more requests than may come at once is admitted as soon as at most one request is unpaid; later calls wait
-- until it is paid. Otherwise it would wait for ever.
--
-- Returns 0, or the ms to wait; requests that must wait cost nothing.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local one, burst = 1000 / tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local cost = tonumber(ARGV[3]) * one
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait = paid + math.min(cost, burst - one) - now - burst
if wait > 0 and ARGV[4] ~= 'owe' then return math.ceil(wait) end
paid = paid + cost
redis.call('SET', KEYS[1], string.format('%.3f', paid), 'PX', math.ceil(paid - now) + 1000)
return 0
