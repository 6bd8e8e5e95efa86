-- Publishes a durable message, in one step: gives it an id, stores it, drops messages beyond the limits, and publishes it.
-- docs/history.md says how to call it from your language.
--
--   EVAL "<this text>" 1 {notifier}:journal <channel> <payload> [<idempotency key>]
--
-- Returns the message's position (browsers can subscribe "after" it), how many clients of Redis received it, and 0. If the
-- key was used on this channel within the last ten minutes, publishes nothing, and returns the position of the first message,
-- 0, and 1. Needs Redis 6.2, Valkey 7.2, or Garnet. All keys begin with {notifier}:, so they are in one slot.

local journal, channel, payload, key = KEYS[1], ARGV[1], ARGV[2], ARGV[3] or ''
local channels, kept = '{notifier}:channels', '{notifier}:log:' .. channel

local once = key ~= '' and '{notifier}:once:' .. #channel .. ':' .. channel .. ':' .. key
if once then
  local first = redis.call('GET', once)
  if first then return {first, 0, 1} end
end

-- An id is the time in microseconds, or the last id plus one: ids only grow, and tell a message's age.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local state = redis.call('HMGET', journal, 'epoch', 'mark', 'id', 'messages', 'seconds')
local last = tonumber(state[3] or 0)
local id = string.format('%.0f', math.max(now, last + 1))

-- Notifier creates the journal, with a random epoch. If Redis has lost it since, the script makes an epoch itself.
local epoch, mark = state[1], state[2]
if not epoch then
  epoch = redis.sha1hex(clock[1] .. clock[2] .. payload .. tostring({}))
  mark = string.sub(redis.sha1hex(epoch), 1, 16)
  redis.call('HSET', journal, 'epoch', epoch, 'mark', mark, 'since', id)
end

local previous = redis.call('ZSCORE', channels, channel)
previous = previous and string.format('%.0f', previous) or '0'

redis.call('HSET', journal, 'id', id)
redis.call('ZADD', channels, id, channel)
redis.call('ZADD', kept, id, id .. ' ' .. previous .. '\n' .. payload)

local seconds = tonumber(state[5] or 86400)
local oldest = string.format('%.0f', now - seconds * 1000000)
redis.call('ZREMRANGEBYRANK', kept, 0, -1 - tonumber(state[4] or 10000))
redis.call('ZREMRANGEBYSCORE', kept, '-inf', '(' .. oldest)
redis.call('ZREMRANGEBYSCORE', channels, '-inf', '(' .. oldest)
redis.call('EXPIRE', kept, seconds)

local position = '~' .. mark .. '.' .. id
if once then redis.call('SET', once, position, 'EX', 600) end

local envelope = 'notifier/1 epoch=' .. epoch .. ' id=' .. id .. ' prev=' .. previous .. '\n'
return {position, redis.call('PUBLISH', channel, envelope .. payload), 0}
