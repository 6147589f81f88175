#!lua flags=no-writes
-- Read the gateways that announced themselves, and the time. There is one entry per gateway that ran lately.
--
-- KEYS[1] presence:nodes  hash  "N:I" -> unix seconds of the last sign of life
--
-- Returns {unix seconds, {field, value, field, value, …}}.

return {tonumber(redis.call('TIME')[1]), redis.call('HGETALL', KEYS[1])}
