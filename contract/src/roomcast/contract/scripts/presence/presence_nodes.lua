#!lua flags=no-writes
-- Read the announced incarnations of gateways, and the time.
--
-- KEYS[1] presence:nodes  hash  "N:I" -> unix seconds of the last announcement; 0 after the end
--
-- Returns {unix seconds, {field, value, field, value, …}}.

return {tonumber(redis.call('TIME')[1]), redis.call('HGETALL', KEYS[1])}
