-- Reads messages of some channels, of each up to a number of messages and bytes. Each is stored as "<id> <the channel's previous id>\n<payload>".
--
-- KEYS[1] {notifier}:journal
-- ARGV    the id after which to read; the id up to which to read; the limits of messages and of bytes for each channel; 1 to read the last messages, not the
--         first; and the channels. The first message after the given id is returned whatever its id and size: it tells whether messages are missing before it
--
-- Returns for each channel: its latest id (empty if it was dropped because of its age), 1 if there are more messages, and the messages.

local after, up_to, limit, bytes, last = unpack(ARGV, 1, 5)
limit, bytes = tonumber(limit), tonumber(bytes)

local function read(channel)
  local kept = '{notifier}:log:' .. channel
  local latest = redis.call('ZSCORE', '{notifier}:channels', channel)
  latest = latest and string.format('%.0f', latest) or ''

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
end

local pages = {}
for at = 6, #ARGV do pages[#pages + 1] = read(ARGV[at]) end
return pages
