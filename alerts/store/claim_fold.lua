-- Take a fold over: raise its epoch, or refuse an older generation of the group whose owner is alive.
-- KEYS: 1 owner hash. ARGV: 1 member, 2 generation of the consumer group, 3 lease in milliseconds.
-- Returns {1, epoch, offset, output}, or {0, member that holds it, its generation}.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'generation', 'lease_until_ms', 'member', 'offset', 'output')
local alive = now_ms < tonumber(kept[3] or '0') and kept[4] ~= ARGV[1]
if alive and tonumber(ARGV[2]) < tonumber(kept[2] or '0') then
  return {0, kept[4], kept[2]}
end
local epoch = tonumber(kept[1] or '0') + 1
redis.call('HSET', KEYS[1], 'epoch', epoch, 'generation', ARGV[2], 'member', ARGV[1],
  'lease_until_ms', now_ms + tonumber(ARGV[3]))
return {1, tostring(epoch), kept[5] or '-1', kept[6] or '-1'}
