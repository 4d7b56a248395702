-- SPDX-License-Identifier: MIT
-- Tables that replace each other, strings that are cut and joined, coroutines.
local state = 42
local function random(limit)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % limit + 1
end

local tables = {}
for i = 1, 120000 do
    local fresh = { i, name = "name " .. i, list = {} }
    for j = 1, random(12) do fresh.list[j] = random(1000) .. ":" .. j end
    tables[random(30000)] = fresh
end

local parts = {}
for i = 1, 30000 do
    if tables[i] then parts[#parts + 1] = tables[i].name .. "=" .. table.concat(tables[i].list, ",") end
end
local text = table.concat(parts, "\n")
for _ = 1, 2 do text = text:gsub("(%d)(%d)", "%2-%1"):gsub("%-", "") end

local routines = {}
for i = 1, 5000 do
    routines[i] = coroutine.wrap(function(n)
        local kept = {}
        while true do
            kept[#kept + 1] = ("x"):rep(n % 200)
            n = coroutine.yield(#kept)
        end
    end)
end
for round = 1, 10 do
    for i = 1, #routines do routines[i](i + round) end
end
print(#parts, #text)
