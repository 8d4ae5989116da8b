-- Writes one flush of a partition, or nothing.
--
-- KEYS[1]   the owner's hash; KEYS[2..] the keys that the writes name by number
-- ARGV[1]   epoch of the writer
-- ARGV[2]   number of the flush before; ARGV[3] number of this one
-- ARGV[4]   msgpack list: owner field, value it must have ('' for none), ...
-- ARGV[5]   msgpack list of writes: {kind, number of the key, arguments...}, all strings
-- ARGV[6]   msgpack list: owner field, value to set, ...; the offsets, written last
-- ARGV[7]   length of the lease in milliseconds; ARGV[8] time to live of every key written, seconds
-- Returns   'done', 'fenced' (another epoch), 'stale' (the store is not where the writer left it),
--           or an error before anything was written
--
-- Every value is absolute, so the same call twice changes nothing; its answer is 'done' both times.
local KINDS = {hset = 'hash', hdel = 'hash', sadd = 'set', srem = 'set', setrange = 'string', del = 'any'}
local CHUNK = 2000 -- arguments of one call; Lua's stack takes some 8000

local owner = KEYS[1]
local held = redis.call('HMGET', owner, 'epoch', 'flush')
if held[1] ~= ARGV[1] then return 'fenced' end
if held[2] == ARGV[3] then return 'done' end
if held[2] ~= ARGV[2] then return 'stale' end
local checks = cmsgpack.unpack(ARGV[4])
for i = 1, #checks, 2 do
  if (redis.call('HGET', owner, checks[i]) or '') ~= checks[i + 1] then return 'stale' end
end

local writes = cmsgpack.unpack(ARGV[5])
for _, write in ipairs(writes) do
  local wanted = KINDS[write[1]]
  local key = KEYS[tonumber(write[2]) + 1]
  if not wanted or not key then return redis.error_reply('bad write ' .. tostring(write[1])) end
  local kind = redis.call('TYPE', key)['ok']
  if wanted ~= 'any' and kind ~= 'none' and kind ~= wanted then
    return redis.error_reply('key ' .. key .. ' holds a ' .. kind .. ', not a ' .. wanted)
  end
end

for _, write in ipairs(writes) do
  local kind, key = write[1], KEYS[tonumber(write[2]) + 1]
  if kind == 'del' then
    redis.call('DEL', key)
  else
    for first = 3, #write, CHUNK do
      redis.call(kind, key, unpack(write, first, math.min(first + CHUNK - 1, #write)))
    end
    redis.call('EXPIRE', key, ARGV[8])
  end
end

local fields = cmsgpack.unpack(ARGV[6])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', owner, 'flush', ARGV[3],
  'lease_until_ms', string.format('%.0f', now + tonumber(ARGV[7])), unpack(fields))
return 'done'
