#!lua
-- Revoke a user's tokens that were issued up to a given time. If an earlier call gave a later time, that time stays.
--
-- KEYS[1] revoked:{user:U}   string, unix seconds: tokens issued up to this time are refused
-- ARGV[1] the time, unix seconds   ARGV[2] life of the revocation, seconds
--
-- Returns the time that is stored now.

local known = tonumber(redis.call('GET', KEYS[1]) or '-1')
local until_ = math.max(known, tonumber(ARGV[1]))
local life = math.max(tonumber(ARGV[2]), redis.call('TTL', KEYS[1]))
redis.call('SET', KEYS[1], string.format('%.0f', until_), 'EX', life)
return until_
