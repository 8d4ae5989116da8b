-- Prolong the lease of a fold. KEYS: 1 owner hash. ARGV: 1 epoch, 2 lease in milliseconds.
-- Returns 1, or 0 when another epoch owns it.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'lease_until_ms', now_ms + tonumber(ARGV[2]))
return 1
