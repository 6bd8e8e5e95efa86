-- Messages of one channel as they are kept ("<id> <the channel's previous id>\n<payload>"), up to so many, and so many bytes.
--
-- KEYS[1] {notifier}:journal
-- ARGV    the channel, the id after which, messages, bytes, and 1 for the last ones instead of the first
--
-- Returns the channel's latest id (nothing when it was dropped for its age), 1 when there are more, and the messages.

local channel, after, most, bytes, last = unpack(ARGV)
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
    if #found == tonumber(most) or (size > tonumber(bytes) and #found > 0) then return {latest, 1, found} end
    found[#found + 1] = entry
  end
  if #chunk < step then return {latest, 0, found} end
end
