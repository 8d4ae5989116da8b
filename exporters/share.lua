-- One exporter says that it lives and learns which partitions it shows until its lease ends.
--
-- KEYS[1]  hash: exporter -> end of its lease
-- KEYS[2]  hash: partition -> exporter that shows it, and end of its lease, as "END exporter"
-- ARGV     exporter, length of a lease in ms, number of partitions
--
-- Nobody takes a partition before its lease has ended: an exporter that has more than its share lets the
-- surplus run out, and does not show it meanwhile. So no partition is shown twice.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, lasts, partitions = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local until_ms = string.format('%d', now + lasts)

redis.call('HSET', KEYS[1], me, until_ms)
local living = 0
local members = redis.call('HGETALL', KEYS[1])
for at = 1, #members, 2 do
    if tonumber(members[at + 1]) < now then
        redis.call('HDEL', KEYS[1], members[at])
    else
        living = living + 1
    end
end
local fair = math.ceil(partitions / living)

local mine, free = {}, {}
for partition = 0, partitions - 1 do
    local ends, holder = string.match(redis.call('HGET', KEYS[2], partition) or '', '^(%d+) (.+)$')
    if holder == me then
        if #mine < fair then
            mine[#mine + 1] = partition
        end
    elseif not holder or tonumber(ends) < now then
        free[#free + 1] = partition
    end
end
for _, partition in ipairs(free) do
    if #mine < fair then
        mine[#mine + 1] = partition
    end
end
for _, partition in ipairs(mine) do
    redis.call('HSET', KEYS[2], partition, until_ms .. ' ' .. me)
end
return mine
