-- Returns the end of the journal: its epoch, the epoch's mark, the id with which the epoch began, the latest id, Redis' time as an id, the
-- key of its lines, which lines notifier.lua writes, and the id up to which the indexes of channels may lack messages (empty if an earlier
-- notifier.lua has published the latest message, because it leaves out the indexes). Creates the journal if there is none, and begins a new epoch if Redis has lost a
-- message that this node has delivered.
--
-- KEYS[1] {notifier}:journal
-- ARGV    a random epoch and mark for a new epoch; a random key for its lines, as the two blocks of HMAC; which lines a new journal gets;
--         messages and seconds to keep; and the epoch, id and channel of the latest message that this node has delivered (empty if there
--         is none)

local journal, fresh, mark, inner, outer, lines, messages, seconds, epoch, seen, channel = KEYS[1], unpack(ARGV)
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000000 + clock[2])
local state = redis.call('HMGET', journal, 'epoch', 'mark', 'since', 'id', 'messages', 'seconds', 'inner', 'lines', 'indexed', 'unindexed')

local function has_lost()
  if state[1] ~= epoch or seen == '' then return false end
  if tonumber(state[4]) < tonumber(seen) then return true end
  local kept = '{notifier}:log:' .. channel
  if #redis.call('ZRANGEBYSCORE', kept, seen, seen, 'LIMIT', 0, 1) > 0 then return false end
  local oldest = redis.call('ZRANGE', kept, 0, 0, 'WITHSCORES')
  if oldest[2] then return tonumber(oldest[2]) < tonumber(seen) end
  return tonumber(seen) > tonumber(now) - seconds * 1000000
end

if not state[1] or has_lost() then
  local id = string.format('%.0f', math.max(tonumber(now), tonumber(state[4] or 0) + 1))
  -- A journal keeps its lines: nodes of an earlier version may read them.
  if state[1] then lines = state[8] or '' end
  state = {fresh, mark, id, id, state[5], state[6], inner, lines, id, id}
  redis.call('HSET', journal, 'epoch', fresh, 'mark', mark, 'since', id, 'id', id, 'inner', inner, 'outer', outer, 'indexed', id, 'unindexed', id)
  if lines ~= '' then redis.call('HSET', journal, 'lines', lines) end
elseif not state[7] then
  -- An earlier version has created the journal.
  local added = redis.pcall('HSET', journal, 'inner', inner, 'outer', outer)
  state[7] = type(added) == 'number' and inner
end
if state[5] ~= messages or state[6] ~= seconds then
  -- Fails on a replica, which can be read nevertheless.
  redis.pcall('HSET', journal, 'messages', messages, 'seconds', seconds)
end
return {state[1], state[2], state[3], state[4], now, state[7] or '', state[8] or '', state[9] == state[4] and state[10] or ''}
