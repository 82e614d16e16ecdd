-- The inbox's state changes. Each runs as a whole or not at all, and by the server's clock.
-- ARGV[1] names the change; KEYS are the set of open deliveries and arq's queue.
-- Other keys are made from the delivery's id, so all must live on one server.

local open, queue = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function record(id) return 'odyssey:inbox:' .. id end

local function job_of(id, handed) return 'delivery:' .. id .. ':' .. handed end

-- The score of an open delivery is the moment from which it is overdue: it should have been
-- taken by then, or its lease is over.
local function enqueue(id, handed, job, at)
  local job_id = job_of(id, handed)
  redis.call('ZADD', open, at, id)
  -- Without an expiry, which arq would set to a day: nothing is given up for waiting long.
  redis.call('SET', 'arq:job:' .. job_id, job)
  redis.call('ZADD', queue, at, job_id)
end

local function hand_over(id, job, at)
  local key = record(id)
  redis.call('HSET', key, 'state', 'waiting')
  redis.call('HDEL', key, 'owner')
  enqueue(id, redis.call('HINCRBY', key, 'handed', 1), job, at)
end

local function withdraw(id)
  local job_id = job_of(id, redis.call('HGET', record(id), 'handed') or '0')
  redis.call('ZREM', queue, job_id)
  redis.call('DEL', 'arq:job:' .. job_id)
end

local function is_anothers(id, owner)
  local state, holder = unpack(redis.call('HMGET', record(id), 'state', 'owner'))
  return state == 'leased' and holder ~= owner
end

local change = {}

-- ARGV: then for each delivery id, event, body, received_at, job. Answers 1 or 0 for each.
function change.accept()
  local answers = {}
  for at = 2, #ARGV, 5 do
    local id = ARGV[at]
    local key = record(id)
    local state, handed = unpack(redis.call('HMGET', key, 'state', 'handed'))
    if state and state ~= 'failed' then
      answers[#answers + 1] = 0
    else
      if state then
        redis.call('PERSIST', key)
        redis.call('HDEL', key, 'reason')
      end
      handed = tonumber(handed or 0) + 1
      redis.call('HSET', key, 'state', 'waiting', 'event', ARGV[at + 1], 'body', ARGV[at + 2],
        'received_at', ARGV[at + 3], 'handed', handed, 'taken', 0)
      enqueue(id, handed, ARGV[at + 4], now)
      answers[#answers + 1] = 1
    end
  end
  return answers
end

-- ARGV: id, owner, lease in ms.
function change.take()
  local id, owner, lease = ARGV[2], ARGV[3], tonumber(ARGV[4])
  local key = record(id)
  local state = redis.call('HGET', key, 'state')
  if state == 'leased' then
    local expiry = redis.call('ZSCORE', open, id)
    if expiry and tonumber(expiry) > now then return false end
  elseif state ~= 'waiting' then
    return false
  end
  redis.call('HSET', key, 'state', 'leased', 'owner', owner)
  redis.call('ZADD', open, now + lease, id)
  local taken = redis.call('HINCRBY', key, 'taken', 1)
  local kept = redis.call('HMGET', key, 'event', 'body', 'received_at')
  return { kept[1], kept[2], kept[3], taken }
end

-- ARGV: id, owner, lease in ms. Answers whether the lease was the owner's and goes on.
function change.extend()
  local id, owner, lease = ARGV[2], ARGV[3], tonumber(ARGV[4])
  local state, holder = unpack(redis.call('HMGET', record(id), 'state', 'owner'))
  if state ~= 'leased' or holder ~= owner then return 0 end
  redis.call('ZADD', open, now + lease, id)
  return 1
end

-- ARGV: id, owner, how many seconds to remember it.
function change.done()
  local id, owner, remember = ARGV[2], ARGV[3], ARGV[4]
  local key = record(id)
  local state = redis.call('HGET', key, 'state')
  if not state or state == 'done' or is_anothers(id, owner) then return 0 end
  if state == 'waiting' then withdraw(id) end
  local handed = redis.call('HGET', key, 'handed')
  redis.call('DEL', key)
  redis.call('HSET', key, 'state', 'done', 'handed', handed)
  redis.call('EXPIRE', key, remember)
  redis.call('ZREM', open, id)
  return 1
end

-- ARGV: id, owner, how many seconds to remember it, reason.
function change.failed()
  local id, owner, remember, reason = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local key = record(id)
  local state = redis.call('HGET', key, 'state')
  if not state or state == 'done' or is_anothers(id, owner) then return 0 end
  if state == 'waiting' then withdraw(id) end
  redis.call('HSET', key, 'state', 'failed', 'reason', reason)
  redis.call('HDEL', key, 'owner')
  redis.call('EXPIRE', key, remember)
  redis.call('ZREM', open, id)
  return 1
end

-- ARGV: id, owner, after how many ms, job.
function change.retry()
  local id, owner, after, job = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
  local state = redis.call('HGET', record(id), 'state')
  if state ~= 'leased' or is_anothers(id, owner) then return 0 end
  hand_over(id, job, now + after)
  return 1
end

-- ARGV: grace in ms, then for each delivery id, job. Answers how many were handed over again.
function change.recover()
  local grace, count = tonumber(ARGV[2]), 0
  for at = 3, #ARGV, 2 do
    local id, job = ARGV[at], ARGV[at + 1]
    local state, handed = unpack(redis.call('HMGET', record(id), 'state', 'handed'))
    local overdue_since = tonumber(redis.call('ZSCORE', open, id) or now + 1)
    local is_stranded = false
    if state == 'leased' then
      is_stranded = overdue_since <= now
    elseif state == 'waiting' and overdue_since <= now then
      local job_id = job_of(id, handed)
      local is_live = redis.call('ZSCORE', queue, job_id)
        and redis.call('EXISTS', 'arq:job:' .. job_id) == 1
      -- Marked as running and yet not taken: whoever picked it up died in between.
      local was_picked_up = redis.call('EXISTS', 'arq:in-progress:' .. job_id) == 1
      is_stranded = not is_live or (was_picked_up and overdue_since + grace <= now)
    elseif state ~= 'waiting' then
      redis.call('ZREM', open, id)
    end
    if is_stranded then
      withdraw(id)
      hand_over(id, job, now)
      count = count + 1
    end
  end
  return count
end

-- Answers the ids that are overdue.
function change.overdue()
  return redis.call('ZRANGEBYSCORE', open, '-inf', now)
end

return change[ARGV[1]]()
