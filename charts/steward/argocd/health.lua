-- How Argo CD sees an object of Steward: one script for all kinds.
-- It reads the conditions that docs/reference/conditions.md lists, and nothing else. It answers
-- for every input, because an error here would show as "Unknown" on the whole Application.

local function as_table(value)
  if type(value) == "table" then return value end
  return {}
end

local function as_text(value)
  if type(value) == "string" then return value end
  return ""
end

local function as_number(value)
  if type(value) == "number" then return value end
  return 0
end

local object = as_table(obj)
local status = as_table(object.status)
local generation = as_number(as_table(object.metadata).generation)

-- By type; one that speaks of an older spec says nothing about this one.
local conditions = {}
for _, entry in ipairs(as_table(status.conditions)) do
  local condition = as_table(entry)
  local is_current = type(condition.observedGeneration) ~= "number"
    or condition.observedGeneration >= generation
  if type(condition.type) == "string" and is_current then
    conditions[condition.type] = condition
  end
end

local function is(name, wanted)
  return conditions[name] ~= nil and conditions[name].status == wanted
end

-- The condition's own words; its reason where it has none.
local function answer(health, name)
  local condition = as_table(conditions[name])
  local message = as_text(condition.message)
  if message == "" then message = as_text(condition.reason) end
  return { status = health, message = message }
end

if as_number(status.observedGeneration) < generation then
  return { status = "Progressing", message = "waiting for the operator to read this generation" }
end

-- Stalled names what must be mended. The others can be False while a Pod serves: a broken Tool is
-- left out alone, a refused spec leaves the last accepted one in force.
if is("Stalled", "True") then return answer("Degraded", "Stalled") end
for _, name in ipairs({ "Accepted", "ResolvedRefs", "RuntimeVerified" }) do
  if is(name, "False") then return answer("Degraded", name) end
end

if is("Ready", "False") and conditions.Ready.reason == "Suspended" then
  return answer("Suspended", "Ready")
end

-- Only an Assistant has Pods; the other kinds are done when they are accepted.
local goal = "Accepted"
if object.kind == "Assistant" or conditions.Ready ~= nil then goal = "Ready" end
if is("Accepted", "True") and is(goal, "True") then return answer("Healthy", goal) end
if is("Ready", "False") then return answer("Progressing", "Ready") end
return { status = "Progressing", message = "waiting for the operator" }
