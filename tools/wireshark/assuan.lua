-- SPDX-License-Identifier: LGPL-2.1-or-later
-- assuan.lua - Wireshark dissector for what `assuanctl capture` writes: one line a record.
--
-- A copy in ~/.local/lib/wireshark/plugins is loaded, too.  It keeps to what Lua 5.1 to 5.4 share.
-- Whatever a line has, nothing here may raise an error: peers may send anything.

local assuan = Proto("assuan", "Assuan IPC")

local fields = {
  from = ProtoField.string("assuan.from", "From"),
  connection = ProtoField.uint32("assuan.connection", "Connection"),
  command = ProtoField.string("assuan.command", "Command"),
  args = ProtoField.string("assuan.args", "Arguments"),
  reply = ProtoField.string("assuan.reply", "Reply"),
  status = ProtoField.string("assuan.status", "Status keyword"),
  inquire = ProtoField.string("assuan.inquire", "Inquiry"),
  text = ProtoField.string("assuan.text", "Text"),
  data = ProtoField.bytes("assuan.data", "Data (unescaped)"),
  code = ProtoField.uint32("assuan.err.code", "Error code"),
  source = ProtoField.uint32("assuan.err.source", "Error source"),
  request_in = ProtoField.framenum("assuan.request_in", "Request in", base.NONE, frametype.REQUEST),
  time = ProtoField.relative_time("assuan.time", "Time from request"),
}
assuan.fields = fields

local redacted = ProtoExpert.new("assuan.redacted", "Redacted by the capture", expert.group.SECURITY,
                                 expert.severity.NOTE)
assuan.experts = { redacted }

-- The time of a record in whole nanoseconds; pinfo.abs_ts is a float, which is too coarse for that.
local frame_time = Field.new("frame.time_epoch")

-- By connection: whether the server has greeted, whether it inquires, and the requests that wait for
-- their reply, each { number, time }.  By record: the request that it answers.
local connections, answered = {}, {}

function assuan.init()
  connections, answered = {}, {}
end

local function connection_of(number)
  if not connections[number] then
    connections[number] = { greeted = false, inquires = false, requests = {} }
  end
  return connections[number]
end

local function from_client(c, word, number, time)
  if word == "" or word:sub(1, 1) == "#" then return end
  if c.inquires and word == "D" then return end
  if c.inquires and (word == "END" or word == "CAN") then
    c.inquires = false
    return
  end
  c.requests[#c.requests + 1] = { number, time }
end

local function from_server(c, word, number)
  if word == "INQUIRE" then c.inquires = true end
  if word ~= "OK" and word ~= "ERR" then return end
  c.inquires = false
  if c.greeted then
    answered[number] = table.remove(c.requests, 1)
  end
  c.greeted = true
end

-- Escapes what could disturb a column.
local function printable(text)
  return (text:gsub("[%c\128-\255]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function add_data(tree, text)
  local hex = unescape(text):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  -- "." is no LF in some implementations; and an empty array has no buffer.
  hex = hex:gsub("\n", "0a")
  if #hex == 0 then return end
  tree:add(fields.data, ByteArray.new(hex):tvb("Unescaped")())
end

-- A gpg_error_t, which some peers write as a signed number.
local function add_error(tree, text)
  local number = tonumber(text:match("^%-?%d+") or "")
  if not number or number > 4294967295 or number < -2147483648 then return end
  number = number % 4294967296
  tree:add(fields.code, number % 65536)
  tree:add(fields.source, math.floor(number / 16777216) % 128)
end

-- What stands behind the first word: a keyword, or nothing but text.
local function add_keyword(tree, field, rest)
  local keyword, text = rest:match("^(%S*)%s?(.*)$")
  if keyword and #keyword > 0 then tree:add(field, printable(keyword)) end
  if text and #text > 0 then tree:add(fields.text, printable(text)) end
end

-- What `assuanctl` puts in place of what it does not show.
local function is_hidden(text)
  return text:find("[secret]", 1, true) or text:find("%[%d+ octets%]")
end

local function add_line(tree, is_client, word, rest)
  if word == "D" and is_hidden(rest) then
    tree:add(fields.text, printable(rest))
  elseif word == "D" then
    add_data(tree, rest)
  elseif is_client then
    if #word > 0 then tree:add(fields.command, printable(word)) end
    if #rest > 0 then tree:add(fields.args, printable(rest)) end
  elseif word == "S" then
    add_keyword(tree, fields.status, rest)
  elseif word == "INQUIRE" then
    add_keyword(tree, fields.inquire, rest)
  else
    if word == "OK" or word == "ERR" then tree:add(fields.reply, word) end
    if word == "ERR" then add_error(tree, rest) end
    if #rest > 0 then tree:add(fields.text, printable(rest)) end
  end
end

function assuan.dissector(tvb, pinfo, tree)
  local line = tvb:len() > 0 and tvb:raw():gsub("\r?\n$", "") or ""
  local word, rest = line:match("^([^ ]*) ?(.*)$")
  local is_client = pinfo.p2p_dir == P2P_DIR_SENT
  local number = is_client and pinfo.src_port or pinfo.dst_port
  local time = frame_time()

  word, rest = word or "", rest or ""
  if not pinfo.visited then
    local c = connection_of(number)
    if is_client then
      from_client(c, word, pinfo.number, time and time.value)
    else
      from_server(c, word, pinfo.number)
    end
  end

  pinfo.cols.protocol = "ASSUAN"
  pinfo.cols.src = is_client and ("client " .. number) or "server"
  pinfo.cols.dst = is_client and "server" or ("client " .. number)
  pinfo.cols.info = (is_client and "C: " or "S: ") .. printable(line)

  local role = is_client and "client" or "server"
  local subtree = tree:add(assuan, tvb(), "Assuan, " .. role .. ": " .. printable(line))
  subtree:add(fields.from, role):set_generated()
  subtree:add(fields.connection, number):set_generated()
  add_line(subtree, is_client, word, rest)

  local request = answered[pinfo.number]
  if request then
    subtree:add(fields.request_in, request[1]):set_generated()
    if time and request[2] then
      subtree:add(fields.time, time.value - request[2]):set_generated()
    end
  end
  if is_hidden(line) then
    subtree:add_proto_expert_info(redacted)
  end
end
