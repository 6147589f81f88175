#!lua
-- Release a claim, so that the next attempt does not wait for the end of the lease.
--
-- KEYS[1] upload:{U}  hash
--
-- ARGV[1] token of the attempt
--
-- Returns 1 when the attempt had the claim, else 0.

if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'claim', 'claim_until')
return 1
