#!lua
-- Mark an upload as verified, and store its media. If it is verified already, the stored media stays.
--
-- KEYS[1] upload:{U}  hash
--
-- ARGV[1] token of the attempt that has the claim
-- ARGV[2] life from now on, ms
-- ARGV[3] media, JSON
--
-- Returns the stored media; '' when this attempt does not have the claim.

local state, media, token = unpack(redis.call('HMGET', KEYS[1], 'state', 'media', 'claim'))
if state == 'verified' then return media end
if token ~= ARGV[1] then return '' end
redis.call('HSET', KEYS[1], 'state', 'verified', 'media', ARGV[3])
redis.call('HDEL', KEYS[1], 'claim', 'claim_until')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return ARGV[3]
