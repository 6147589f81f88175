#!lua flags=allow-oom
-- Charge requests to the rate of an API key, with the generic cell rate algorithm (ITU-T I.371).
--
-- KEYS[1] api:rate:{I}  string, the time in ms from which on the rate covers all requests so far
-- ARGV[1] requests a second
-- ARGV[2] burst, in seconds of the rate
-- ARGV[3] requests to charge
-- ARGV[4] 'owe': charge the requests in any case, because their work is already done; later requests must wait
--
-- The rate can never cover a call for more requests than the burst. So the script admits such a call as soon as the
-- rate covers all earlier requests but one. Later calls wait until the rate covers this call.
--
-- Returns 0 when the requests are admitted, else the ms to wait. Requests that must wait are not charged.

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
