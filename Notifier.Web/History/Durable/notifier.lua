-- Publishes a durable message: numbers it, keeps it, drops what is too old, and publishes it, all in one step.
-- docs/history.md says how to call it from your language.
--
--   EVAL "<this text>" 1 {notifier}:journal <channel> <payload> [<idempotency key>]
--
-- Returns the message's position (which browsers can subscribe "after"), how many clients of Redis received it, and
-- 1 when the key was used on this channel within the last ten minutes: then it is the first one's position, and nothing
-- was published. Needs Redis 6.2, Valkey 7.2, or Garnet. All keys begin with {notifier}:, and so are in one slot.

local journal, channel, payload, key = KEYS[1], ARGV[1], ARGV[2], ARGV[3] or ''
local channels, kept = '{notifier}:channels', '{notifier}:log:' .. channel

local once = key ~= '' and '{notifier}:once:' .. #channel .. ':' .. channel .. ':' .. key
if once then
  local first = redis.call('GET', once)
  if first then return {first, 0, 1} end
end

-- An id is the time in microseconds, or one more than the last: ids only grow, and say how old a message is.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local state = redis.call('HMGET', journal, 'epoch', 'mark', 'id', 'messages', 'seconds')
local last = tonumber(state[3] or 0)
local id = string.format('%.0f', math.max(now, last + 1))

-- Notifier begins a journal with a random epoch. If Redis has lost that since, this one has to do.
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

local line = 'notifier/1 epoch=' .. epoch .. ' id=' .. id .. ' prev=' .. previous .. '\n'
return {position, redis.call('PUBLISH', channel, line .. payload), 0}
