-- Reads messages of one channel, up to a number of messages and bytes. Each is stored as "<id> <the channel's previous id>\n<payload>".
--
-- KEYS[1] {notifier}:journal
-- ARGV    the channel, the id after which to read, the limits of messages and of bytes, and 1 to read the last messages, not the first
--
-- Returns the channel's latest id (empty if it was dropped because of its age), 1 if there are more messages, and the messages.

local channel, after, limit, bytes, last = unpack(ARGV)
local kept, step = '{notifier}:log:' .. channel, 64
local latest = redis.call('ZSCORE', '{notifier}:channels', channel)
latest = latest and string.format('%.0f', latest) or ''

local found, size = {}, 0
while true do
  local chunk
  if last == '1' then
    chunk = redis.call('ZREVRANGEBYSCORE', kept, '+inf', '(' .. after, 'LIMIT', #found, step)
  else
    chunk = redis.call('ZRANGEBYSCORE', kept, '(' .. after, '+inf', 'LIMIT', #found, step)
  end
  for _, entry in ipairs(chunk) do
    size = size + #entry
    if #found == tonumber(limit) or (size > tonumber(bytes) and #found > 0) then return {latest, 1, found} end
    found[#found + 1] = entry
  end
  if #chunk < step then return {latest, 0, found} end
end
