-- Reads messages of one channel, up to a number of messages and bytes. Each is stored as "<id> <the channel's previous id>\n<payload>".
--
-- KEYS[1] {notifier}:journal
-- ARGV    the channel; the id after which to read; the id up to which to read; the limits of messages and of bytes; and 1 to read the last messages,
--         not the first. The first message after the given id is returned whatever its id and size: it tells whether messages are missing before it
--
-- Returns the channel's latest id (empty if it was dropped because of its age), 1 if there are more messages, and the messages.

local channel, after, up_to, limit, bytes, last = unpack(ARGV)
local kept = '{notifier}:log:' .. channel
local latest = redis.call('ZSCORE', '{notifier}:channels', channel)
latest = latest and string.format('%.0f', latest) or ''
limit, bytes = tonumber(limit), tonumber(bytes)

-- Few messages at first, then as many as fit by their size so far: Redis must not hold in memory what is not returned.
local found, size, step = {}, 0, 4
while true do
  local chunk
  if last == '1' then
    chunk = redis.call('ZREVRANGEBYSCORE', kept, up_to, '(' .. after, 'LIMIT', #found, step)
  elseif #found == 0 then
    chunk = redis.call('ZRANGEBYSCORE', kept, '(' .. after, '+inf', 'LIMIT', 0, step)
  else
    chunk = redis.call('ZRANGEBYSCORE', kept, '(' .. after, up_to, 'LIMIT', #found, step)
  end
  for _, entry in ipairs(chunk) do
    size = size + #entry
    if #found == limit or (size > bytes and #found > 0) then return {latest, 1, found} end
    if last ~= '1' and #found > 0 and up_to ~= '+inf' and tonumber(string.match(entry, '^%d+')) > tonumber(up_to) then
      return {latest, 0, found}
    end
    found[#found + 1] = entry
  end
  if #chunk < step then return {latest, 0, found} end
  step = math.max(1, math.min(64, math.floor((bytes - size) / (size / #found)) + 1))
end
