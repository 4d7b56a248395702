#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Lua: every object is a block of malloc's; its tables and strings grow through realloc.
set -euo pipefail

binaries() { echo /usr/bin/lua5.4; }

probe() { /usr/bin/lua5.4 -e ''; }

prepare() {
    cat >"$INPUT/work.lua" <<'END_OF_LUA'
local state = 42
local function random(limit)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % limit
end
local function hash(text)
    local sum = 5381
    for i = 1, #text do sum = (sum * 33 + text:byte(i)) % 4294967296 end
    return sum
end

local tables = {}
for i = 1, 300000 do
    local t = { i, name = "name " .. i, list = {} }
    for j = 1, random(12) do t.list[j] = random(1000) .. ":" .. j end
    tables[random(50000) + 1] = t
end
local parts = {}
for i = 1, 50001 do
    local t = tables[i]
    if t then parts[#parts + 1] = t.name .. "=" .. table.concat(t.list, ",") end
end
print("tables", #parts, hash(table.concat(parts, ";")))

local text = table.concat(parts, "\n"):sub(1, 1000000)
for _ = 1, 4 do
    text = text:gsub("(%d)(%d)", "%2-%1"):gsub("%-", ""):rep(2):sub(1, 1000000)
end
print("text", #text, hash(text))

local count = {}
for word in text:gmatch("%w+") do count[word] = (count[word] or 0) + 1 end
local words = {}
for word in pairs(count) do words[#words + 1] = word end
table.sort(words)
for i, word in ipairs(words) do words[i] = word .. count[word] end
print("words", #words, hash(table.concat(words)))

local sum = 0
local routines = {}
for i = 1, 20000 do
    routines[i] = coroutine.create(function(n)
        local kept = {}
        while true do
            kept[#kept + 1] = ("x"):rep(n % 200)
            n = coroutine.yield(#kept * n)
        end
    end)
end
for round = 1, 10 do
    for i = 1, #routines do
        local _, value = coroutine.resume(routines[i], i + round)
        sum = sum + value
    end
end
print("coroutines", sum)

local finalized = 0
for i = 1, 50000 do setmetatable({ ("y"):rep(i % 300) }, { __gc = function() finalized = finalized + 1 end }) end
collectgarbage("generational")
for i = 1, 200000 do parts[i % 1000 + 1] = { i, tostring(i) } end
collectgarbage("incremental")
collectgarbage()
collectgarbage()
print("finalized", finalized)
END_OF_LUA
}

work() {
    lua5.4 "$INPUT/work.lua"
}

"$@"
