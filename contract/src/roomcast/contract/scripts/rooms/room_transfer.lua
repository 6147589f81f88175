#!lua
-- Make another member the owner of a stored room. The previous owner becomes an admin. Safe to retry.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:members
-- ARGV[1] new owner, ARGV[2] the user who transfers the room ('' = an operator or a back end)
--
-- Returns 'done'; 'again' when ARGV[1] is the owner already; 'other' when ARGV[2] is not the owner; 'none' when the new
-- owner is not a member, or no such room is stored.
if redis.call('HEXISTS', KEYS[1], 'kind') == 0 then return 'none' end
local role = redis.call('HGET', KEYS[2], ARGV[1])
if role == 'owner' then return 'again' end
local owner = redis.call('HGET', KEYS[1], 'owner')
if ARGV[2] ~= '' and owner ~= ARGV[2] then return 'other' end
if not role then return 'none' end
if owner and redis.call('HGET', KEYS[2], owner) == 'owner' then redis.call('HSET', KEYS[2], owner, 'admin') end
redis.call('HSET', KEYS[2], ARGV[1], 'owner')
redis.call('HSET', KEYS[1], 'owner', ARGV[1])
return 'done'
