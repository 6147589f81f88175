#!lua
-- Claim an upload to verify it, or renew the claim. Only one attempt has the claim at a time, until its lease ends.
--
-- If the hash would expire before the lease ends, its expiry is moved to the end of the lease: the upload must not expire
-- while an attempt verifies it. Every hash has an expiry, from upload_open.
--
-- KEYS[1] upload:{U}  hash
--
-- ARGV[1] the user who completes the upload
-- ARGV[2] token of this attempt
-- ARGV[3] lease, ms
--
-- Returns {'unknown'}; {'foreign'} for an upload of another user; {'verified', media}; {'busy'} while another attempt
-- has the claim; {'claimed', key, type, size, name}.

local owner, state, media, token, lease_end = unpack(redis.call('HMGET', KEYS[1], 'owner', 'state', 'media', 'claim', 'claim_until'))
if not owner then return {'unknown'} end
if owner ~= ARGV[1] then return {'foreign'} end
if state == 'verified' then return {'verified', media} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if token and token ~= ARGV[2] and tonumber(lease_end) > now then return {'busy'} end

redis.call('HSET', KEYS[1], 'claim', ARGV[2], 'claim_until', string.format('%.0f', now + ARGV[3]))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {'claimed', unpack(redis.call('HMGET', KEYS[1], 'key', 'type', 'size', 'name'))}
