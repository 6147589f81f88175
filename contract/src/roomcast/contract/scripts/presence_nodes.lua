#!lua flags=no-writes
-- The gateways that announced themselves, and the time. As many entries as gateways that ran lately.
--
-- KEYS[1] presence:nodes  hash  "N:I" -> unix seconds of the last sign of life
--
-- Returns {unix seconds, {field, value, field, value, …}}.

return {tonumber(redis.call('TIME')[1]), redis.call('HGETALL', KEYS[1])}
