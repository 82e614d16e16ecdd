-- The inbox's state changes. Each runs as a whole or not at all, and by the server's clock.
-- ARGV: the change's name, the caller, places of a repository, lease in ms, then its own.
-- KEYS are the set of open deliveries and arq's queue. Other keys are made from ids and names,
-- so all must live on one server.

local open, queue = KEYS[1], KEYS[2]
local owner, places, lease = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local FIRST = 5
local PARTS_OF_DELIVERY = 6

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A delivery that is worked stays in arq's queue, out of arq's sight, until it is over.
local OUT_OF_SIGHT = 24 * 3600 * 1000
-- How often one that waits in its line is looked at, in case a place came free unnoticed.
local LOOK_AT_LINE = 10 * 1000
-- A job that is over is still readable this long: arq may just have picked it up.
local JOB_LINGERS = 10 * 1000
local AT_MOST_OVERDUE = 500

local function record(id) return 'odyssey:inbox:' .. id end

-- Deliveries of a repository that are queued or worked: at most `places` of them.
local function placed(line) return 'odyssey:inbox:places:' .. line end

-- Those of a repository that have no place yet, first come first served.
local function waiting_in(line) return 'odyssey:inbox:line:' .. line end

-- Those that one reconcile would settle and that wait, by pull request.
local function about(subject) return 'odyssey:inbox:about:' .. subject end

local function job_of(id, handed) return 'delivery:' .. id .. ':' .. handed end

-- When the installation may ask GitHub again, in ms; nil when it may. Written by redis_budget.py.
local function paused_until(line)
  local installation = string.match(line, '^(%d+)/')
  local at = installation and tonumber(redis.call('GET', 'odyssey:pause:' .. installation) or 0)
  return at and at > now and at or nil
end

-- So that not all of an installation's deliveries come back in the same instant.
local function jitter(id) return tonumber(string.sub(redis.sha1hex(id), 1, 4), 16) % 1000 end

local function queued_as(id) return job_of(id, redis.call('HGET', record(id), 'handed') or '0') end

local function withdraw(id)
  local job_id = queued_as(id)
  redis.call('ZREM', queue, job_id)
  redis.call('PEXPIRE', 'arq:job:' .. job_id, JOB_LINGERS)
end

-- A job of arq's own form (try, function, arguments, keywords, ms), due at `at`. The score of an
-- open delivery is the moment from which it must be looked at: its job may be lost by then.
local function enqueue(id, at)
  local job_id = job_of(id, redis.call('HINCRBY', record(id), 'handed', 1))
  -- Without an expiry, which arq would set to a day: nothing is given up for waiting long.
  redis.call('SET', 'arq:job:' .. job_id,
    '{"t":null,"f":"work_delivery","a":[' .. cjson.encode(id) .. '],"k":{},"et":'
    .. string.format('%.0f', now) .. '}')
  redis.call('ZADD', queue, at, job_id)
  redis.call('ZADD', open, at + lease, id)
end

local function wait_in_line(id, line, push)
  redis.call(push, waiting_in(line), id)
  redis.call('ZADD', open, now + LOOK_AT_LINE, id)
end

local function has_place(id, line)
  if line == '' or redis.call('SISMEMBER', placed(line), id) == 1 then return true end
  if redis.call('SCARD', placed(line)) >= places then return false end
  redis.call('SADD', placed(line), id)
  return true
end

local function enter(id, line)
  if has_place(id, line) then enqueue(id, now) else wait_in_line(id, line, 'RPUSH') end
end

local function promote(line)
  while redis.call('SCARD', placed(line)) < places do
    local id = redis.call('LPOP', waiting_in(line))
    if not id then return end
    if redis.call('HGET', record(id), 'state') == 'waiting' then
      redis.call('SADD', placed(line), id)
      enqueue(id, now)
    end
  end
end

local function leave(id, line)
  if line ~= '' and redis.call('SREM', placed(line), id) == 1 then promote(line) end
end

local function of(id, ...)
  return unpack(redis.call('HMGET', record(id), ...))
end

local function now_waits(id, subject)
  redis.call('HSET', record(id), 'state', 'waiting')
  redis.call('HDEL', record(id), 'owner', 'settles')
  if subject and subject ~= '' then redis.call('SADD', about(subject), id) end
end

-- Takes an open delivery out of everything it is in, except its record.
local function close(id, state, line, subject)
  withdraw(id)
  redis.call('ZREM', open, id)
  line = line or ''
  if state == 'waiting' and line ~= '' then redis.call('LREM', waiting_in(line), 1, id) end
  if subject and subject ~= '' then redis.call('SREM', about(subject), id) end
  leave(id, line)
end

local function may_end(id)
  local state, holder, line, subject = of(id, 'state', 'owner', 'line', 'subject')
  local is_open = state == 'waiting' or state == 'leased'
  local is_anothers = state == 'leased' and holder ~= owner
  return is_open and not is_anothers, state, line, subject
end

local function mark_done(id, remember, state, line, subject)
  close(id, state, line, subject)
  local handed = redis.call('HGET', record(id), 'handed')
  redis.call('DEL', record(id))
  redis.call('HSET', record(id), 'state', 'done', 'handed', handed or '0')
  redis.call('EXPIRE', record(id), remember)
end

-- One delivery from ARGV[at] on: id, event, body, received_at, repository, subject.
local function accept(at)
  local id, line, subject = ARGV[at], ARGV[at + 4], ARGV[at + 5]
  local state = redis.call('HGET', record(id), 'state')
  if state and state ~= 'failed' then return 0 end
  if state then
    redis.call('PERSIST', record(id))
    redis.call('HDEL', record(id), 'reason')
  end
  redis.call('HSET', record(id), 'event', ARGV[at + 1], 'body', ARGV[at + 2],
    'received_at', ARGV[at + 3], 'line', line, 'subject', subject, 'tries', 0,
    -- What failed may have left something behind: whoever takes it looks first.
    'taken', state and 1 or 0)
  now_waits(id, subject)
  enter(id, line)
  return 1
end

-- The delivery, leased to the caller; nil when it is not to be had now.
local function take(id)
  local state, line, subject = of(id, 'state', 'line', 'subject')
  line = line or ''
  if state == 'leased' then
    local expiry = redis.call('ZSCORE', open, id)
    if expiry and tonumber(expiry) > now then return nil end
  elseif state ~= 'waiting' then
    return nil
  end
  withdraw(id)
  local until_ms = paused_until(line)
  if until_ms then
    -- It keeps its place, so that those behind it do not come and go in vain.
    enqueue(id, until_ms + jitter(id))
    return nil
  end
  if not has_place(id, line) then
    wait_in_line(id, line, 'LPUSH')
    return nil
  end
  redis.call('HSET', record(id), 'state', 'leased', 'owner', owner)
  redis.call('ZADD', open, now + lease, id)
  redis.call('ZADD', queue, now + OUT_OF_SIGHT, queued_as(id))
  if subject and subject ~= '' then
    redis.call('SREM', about(subject), id)
    local others = redis.call('SMEMBERS', about(subject))
    redis.call('HSET', record(id), 'settles', cjson.encode(others))
  end
  local taken = redis.call('HINCRBY', record(id), 'taken', 1)
  local tries = redis.call('HINCRBY', record(id), 'tries', 1)
  local event, body, received_at = of(id, 'event', 'body', 'received_at')
  return { id, event, body, received_at, line, subject or '', tries, taken }
end

local change = {}

-- ARGV: deliveries. Answers 1 or 0 for each.
function change.accept()
  local answers = {}
  for at = FIRST, #ARGV, PARTS_OF_DELIVERY do answers[#answers + 1] = accept(at) end
  return answers
end

-- ARGV: id.
function change.take() return take(ARGV[FIRST]) or false end

-- The next one that is due and that arq has not picked up.
function change.take_next()
  for _, job_id in ipairs(redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, 100)) do
    local id = string.match(job_id, '^delivery:(.+):%d+$')
    if id and redis.call('EXISTS', 'arq:in-progress:' .. job_id) == 0 then
      local taken = take(id)
      if taken then return taken end
    end
  end
  return false
end

-- ARGV: id, how many seconds to remember it, '1' when it was a reconcile: that settles what
-- waited about the same pull request before it was taken. Answers how many are done.
function change.done()
  local id, remember, is_settling = ARGV[FIRST], ARGV[FIRST + 1], ARGV[FIRST + 2] == '1'
  local may, state, line, subject = may_end(id)
  if not may then return 0 end
  local settled = is_settling and redis.call('HGET', record(id), 'settles')
  mark_done(id, remember, state, line, subject)
  local count = 1
  for _, other in ipairs(settled and cjson.decode(settled) or {}) do
    local its_state, its_line, its_subject = of(other, 'state', 'line', 'subject')
    if its_state == 'waiting' and its_subject == subject then
      mark_done(other, remember, its_state, its_line, its_subject)
      count = count + 1
    end
  end
  return count
end

-- ARGV: id, how many seconds to remember it, reason, then what is owed for it: no or one delivery.
function change.failed()
  local id, remember, reason = ARGV[FIRST], ARGV[FIRST + 1], ARGV[FIRST + 2]
  local may, state, line, subject = may_end(id)
  if not may then return 0 end
  close(id, state, line, subject)
  redis.call('HSET', record(id), 'state', 'failed', 'reason', reason)
  redis.call('HDEL', record(id), 'owner', 'settles')
  redis.call('EXPIRE', record(id), remember)
  if ARGV[FIRST + 3] then accept(FIRST + 3) end
  return 1
end

-- ARGV: id, after how many ms, '1' when the try counts.
function change.retry()
  local id, after, counts = ARGV[FIRST], tonumber(ARGV[FIRST + 1]), ARGV[FIRST + 2] == '1'
  local may, state, line, subject = may_end(id)
  if not may or state ~= 'leased' then return 0 end
  if not counts then redis.call('HINCRBY', record(id), 'tries', -1) end
  withdraw(id)
  now_waits(id, subject)
  local until_ms = paused_until(line or '')
  if until_ms then
    enqueue(id, math.max(now + after, until_ms + jitter(id)))
  else
    -- Whoever must wait gives its place to another meanwhile.
    if after > 0 then leave(id, line or '') end
    enqueue(id, now + after)
  end
  return 1
end

local function free_lost_places(line)
  for _, id in ipairs(redis.call('SMEMBERS', placed(line))) do
    local state = redis.call('HGET', record(id), 'state')
    if state ~= 'waiting' and state ~= 'leased' then redis.call('SREM', placed(line), id) end
  end
  promote(line)
end

-- Whether a waiting delivery, overdue to be looked at, will be worked without our doing.
local function is_on_its_way(id, line)
  local job_id = queued_as(id)
  local due = redis.call('ZSCORE', queue, job_id)
  if due then
    redis.call('ZADD', open, math.max(now, tonumber(due)) + lease, id)
    -- Marked as running, long since, and yet not taken: whoever picked it up died in between.
    return redis.call('EXISTS', 'arq:job:' .. job_id) == 1
      and redis.call('EXISTS', 'arq:in-progress:' .. job_id) == 0
  end
  if line == '' then return false end
  free_lost_places(line)
  if redis.call('ZSCORE', queue, queued_as(id)) then return true end
  if redis.call('LPOS', waiting_in(line), id) then
    redis.call('ZADD', open, now + LOOK_AT_LINE, id)
    return true
  end
  return false
end

-- Answers how many were handed over again, and whether there may be more to look at.
function change.recover()
  local ids = redis.call('ZRANGEBYSCORE', open, '-inf', now, 'LIMIT', 0, AT_MOST_OVERDUE)
  local count = 0
  for _, id in ipairs(ids) do
    local state, line, subject = of(id, 'state', 'line', 'subject')
    if state ~= 'leased' and state ~= 'waiting' then
      redis.call('ZREM', open, id)
    elseif state == 'leased' or not is_on_its_way(id, line or '') then
      withdraw(id)
      now_waits(id, subject)
      enter(id, line or '')
      count = count + 1
    end
  end
  return { count, #ids == AT_MOST_OVERDUE and 1 or 0 }
end

return change[ARGV[1]]()
