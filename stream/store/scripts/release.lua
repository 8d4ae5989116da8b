-- Ends the owner's lease, so that anybody may claim at once. KEYS[1] the owner's hash, ARGV[1] the epoch.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'lease_until_ms', '0')
return 1
