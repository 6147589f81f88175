#!lua
-- Give a user a role in a stored room. The owner stays the owner.
--
-- KEYS[1] room:{R}:meta, KEYS[2] room:{R}:members
-- ARGV[1] user, ARGV[2] role (admin | member), ARGV[3] the moderator ('' = an operator or a back end)
--
-- Returns 1; 0 when the role is unchanged; -1 when no such room is stored; -2 when ARGV[3] is not a moderator. (A
-- membership without a stored room would let the user into the next room with this id.)

--@include _moderators

if redis.call('HEXISTS', KEYS[1], 'kind') == 0 then return -1 end
if not is_moderator(KEYS[2], ARGV[3]) then return -2 end
local role = redis.call('HGET', KEYS[2], ARGV[1])
if role == 'owner' or role == ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
