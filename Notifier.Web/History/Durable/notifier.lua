-- Publishes a durable message, in one step: gives it an id, stores it, drops messages beyond the limits, and publishes it.
-- docs/history.md says how to call it from your language.
--
--   EVAL "<this text>" 1 {notifier}:journal <channel> <payload> [<idempotency key>]
--
-- Returns the message's position (browsers can subscribe "after" it), how many clients of Redis received it, and 0. If the
-- key was used on this channel within the last ten minutes, publishes nothing, and returns the position of the first message,
-- 0, and 1. Needs Redis 6.2, Valkey 7.2, or Garnet. All keys begin with {notifier}:, so they are in one slot.
--
-- Three more arguments are optional. <publisher>: the key belongs to this publisher; the same key of another one is another
-- key. If the first message with the key had another payload, the third result is 2, not 1. <owner> <limit>: how many keys this
-- owner may store in ten minutes. Beyond that, publishes nothing, and returns '', the seconds to wait, and 3.

local journal, channel, payload, key, publisher = KEYS[1], ARGV[1], ARGV[2], ARGV[3] or '', ARGV[4] or ''
local owner, limit = ARGV[5] or '', tonumber(ARGV[6] or '')

if journal ~= '{notifier}:journal' then
  local prefix = string.match(journal or '', '^(.*){notifier}:journal$')
  return {err = 'NOTIFIERKEY notifier.lua got the key "' .. (journal or '') .. '", but Notifier reads {notifier}:journal. ' .. (prefix
    and 'Your Redis client adds the prefix "' .. prefix .. '" to keys. Run the script on a connection without a prefix (ioredis: keyPrefix; '
      .. 'phpredis: Redis::OPT_PREFIX; Laravel: the option prefix in config/database.php).'
    or 'Pass {notifier}:journal as the first key.')}
end

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local state = redis.call('HMGET', journal, 'epoch', 'mark', 'id', 'messages', 'seconds', 'inner', 'outer', 'lines', 'indexed', 'unindexed')
local epoch, mark, inner, outer, lines = state[1], state[2], state[6], state[7], state[8]
if not epoch then
  return {err = 'NOJOURNAL There is no {notifier}:journal in this database, so nothing was published. Notifier creates it in the database of '
    .. 'Redis:Configuration (0 by default) if History:Durable:Channels is set. Use the same server and database, and start a node. '
    .. 'If Redis has just lost its data, try again in a second.'}
end

local once, shared, hash
if key ~= '' then
  local name = #channel .. ':' .. channel .. ':' .. key
  if publisher ~= '' then
    once, hash = '{notifier}:once:' .. #publisher .. '/' .. publisher .. ':' .. name, redis.sha1hex(payload)
    local first = redis.call('GET', once)
    if first then return {string.sub(first, 1, -42), 0, string.sub(first, -40) == hash and 1 or 2} end
  end
  -- Earlier versions know no publishers. Backends that run the script share their keys with those, and so do backends with an API
  -- key, until no earlier version is left.
  if publisher == '' or (lines ~= '2' and string.sub(publisher, 1, 4) == 'key:') then
    shared = '{notifier}:once:' .. name
    local first = redis.call('GET', shared)
    if first then return {first, 0, 1} end
  end
  if limit then
    local second = clock[1] % 600
    local counter = '{notifier}:keys:' .. owner .. ':' .. string.format('%.0f', clock[1] - second)
    local used = tonumber(redis.call('GET', counter) or 0)
    if used >= limit then return {'', 600 - second, 3} end
    redis.call('SET', counter, string.format('%.0f', used + 1), 'EX', 600)
  end
end

-- An id is the time in microseconds, or the last id plus one: ids only grow, and tell a message's age.
local id = string.format('%.0f', math.max(now, tonumber(state[3] or 0) + 1))
local previous = redis.call('ZSCORE', '{notifier}:channels', channel)
previous = previous and string.format('%.0f', previous) or '0'

local kept = '{notifier}:log:' .. channel
redis.call('HSET', journal, 'id', id, 'indexed', id)
-- An earlier version has published the latest message, and has left out the indexes.
local unindexed = state[10]
if state[9] ~= state[3] then
  unindexed = state[3] or '0'
  redis.call('HSET', journal, 'unindexed', unindexed)
end
redis.call('ZADD', '{notifier}:channels', id, channel)
redis.call('ZADD', kept, id, id .. ' ' .. previous .. '\n' .. payload)

local seconds = tonumber(state[5] or 86400)
local oldest = string.format('%.0f', now - seconds * 1000000)
redis.call('ZREMRANGEBYRANK', kept, 0, -1 - tonumber(state[4] or 10000))
redis.call('ZREMRANGEBYSCORE', kept, '-inf', '(' .. oldest)
redis.call('ZREMRANGEBYSCORE', '{notifier}:channels', '-inf', '(' .. oldest)
redis.call('EXPIRE', kept, seconds)

-- An index for each of the channel's first parts ("orders." of "orders.7"): clients of a pattern do not wait for channels with other parts. Each
-- channel renews the expiry of its indexes in each quarter of the age, as long as its previous message did that too if it was in the same quarter.
local quarter = seconds * 250000
local renews = tonumber(previous) <= tonumber(unindexed or 0) or math.floor(tonumber(previous) / quarter) ~= math.floor(tonumber(id) / quarter)
local part = 0
for _ = 1, 3 do
  part = string.find(channel, '[.:/]', part + 1)
  if not part then break end
  local index = '{notifier}:channels:' .. string.sub(channel, 1, part)
  if redis.call('ZADD', index, id, channel) == 1 or renews then
    redis.call('ZREMRANGEBYSCORE', index, '-inf', '(' .. oldest)
    redis.call('EXPIRE', index, 2 * seconds)
  end
end

local position = '~' .. mark .. '.' .. id
if once then redis.call('SET', once, position .. ' ' .. hash, 'EX', 600) end
if shared then redis.call('SET', shared, position, 'EX', 600) end

-- The line has a MAC (HMAC-SHA1), so that only those who can read {notifier}:journal can write a line that nodes believe.
local envelope
if lines == '2' and inner and outer then
  envelope = 'notifier/2 epoch=' .. mark .. ' id=' .. id .. ' prev=' .. previous
  local digest = redis.sha1hex(inner .. envelope .. '\n' .. #channel .. ' ' .. channel .. payload)
  local function word(at) return tonumber(string.sub(digest, at, at + 7), 16) end
  local bytes = struct.pack('>I4I4I4I4I4', word(1), word(9), word(17), word(25), word(33))
  envelope = envelope .. ' mac=' .. redis.sha1hex(outer .. bytes) .. '\n'
else
  -- Nodes of an earlier version, which may share this Redis, know only this line. Later nodes read the journal when they see it.
  envelope = 'notifier/1 epoch=' .. epoch .. ' id=' .. id .. ' prev=' .. previous .. '\n'
end
return {position, redis.call('PUBLISH', channel, envelope .. payload), 0}
