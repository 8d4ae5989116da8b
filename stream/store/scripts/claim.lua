-- Makes a member the owner of a partition.
--
-- KEYS[1]  the owner's hash
-- ARGV     member, its group generation, length of the lease in milliseconds
-- Returns  {1, all fields of the owner} or {0, milliseconds until the lease of the newer owner ends}
--
-- The epoch also follows the clock, so that it rises even if the store has lost the last claim.
local owner = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local held = redis.call('HMGET', owner, 'epoch', 'generation', 'lease_until_ms')
local generation = tonumber(held[2] or '-1')
local left = tonumber(held[3] or '0') - now
if tonumber(ARGV[2]) < generation and left > 0 then
  return {0, left}
end
local epoch = math.max(tonumber(held[1] or '0') + 1, now)
redis.call('HSET', owner,
  'epoch', string.format('%.0f', epoch),
  'generation', ARGV[2],
  'member', ARGV[1],
  'lease_until_ms', string.format('%.0f', now + tonumber(ARGV[3])))
redis.call('HSETNX', owner, 'flush', '0')
return {1, redis.call('HGETALL', owner)}
