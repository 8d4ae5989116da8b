-- Keep a fold's state with its input offset, if the caller still owns it and nothing came between.
-- KEYS: 1 owner hash, then every key that the commands name.
-- ARGV: 1 epoch, 2 offset before, 3 offset, 4 newest offset written or -1, 5 lease in milliseconds,
--       then the commands, each: number of its arguments, name, index in KEYS, arguments after the key.
-- Returns 'done', also for a repeat of the last call; 'fenced' when another epoch owns it; 'moved' otherwise.
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if kept[1] ~= ARGV[1] then return 'fenced' end
local offset = kept[2] or '-1'
if offset == ARGV[3] and ARGV[2] ~= ARGV[3] then return 'done' end
if offset ~= ARGV[2] then return 'moved' end
local at = 6
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  redis.call(ARGV[at + 1], KEYS[tonumber(ARGV[at + 2])], unpack(ARGV, at + 3, at + 2 + count))
  at = at + 3 + count
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'offset', ARGV[3], 'lease_until_ms', now_ms + tonumber(ARGV[5]))
if ARGV[4] ~= '-1' then redis.call('HSET', KEYS[1], 'output', ARGV[4]) end
return 'done'
