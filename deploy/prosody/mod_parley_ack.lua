-- mod_parley_ack: makes an external component's stream (XEP-0114) lossless. Namespace urn:parley:ack:0.
--
-- Prosody's own mod_component writes a stanza into the component's socket and forgets it: what a killed component had not
-- read is lost in silence. With this module every stanza for the domain is numbered and kept until the component says
-- <a h='n'/> ("I have all up to n, for good"); whoever connects next gets the rest, in order, under the same numbers.
--
--   component                                         server
--   <enable/>                                  ->     <enabled id='QUEUE' h='N' hold='60'/>, then stanzas N+1, N+2 ...
--   <resume previd='QUEUE' h='M'/>             ->     <resumed previd='QUEUE' h='M'/>, then M+1 ...; or <failed h='N'/>
--   <a h='M'/>                                 ->     (all up to M forgotten)
--   <r id='X'/>                                ->     <a id='X'/>, when everything sent before it has been processed
--   <fan><message .../><to>JID
--   JID ...</to></fan>                         ->     (the stanza to each of them, one a line, in this order)
--
-- The answers to <enable/> and <resume/> say fan='1': a stanza for many is read once and routed as often as it has names,
-- as a room of Prosody's own would do it.
--
-- The queue belongs to the domain, not to the connection: <enable/> adopts the queue that is there. Its id is new when
-- Prosody starts and is kept through reconnects and reloads of this module.
--
-- A component that asks for nothing within parley_ack_grace seconds is a plain one; the module then steps aside.
-- What is not covered: a Prosody that is killed loses the queue (a stopped one bounces it).
--
-- Options, per component:
--   parley_ack_hold        = 60                seconds to keep stanzas while nobody is connected; then they bounce
--   parley_ack_max_stanzas = 20000             more than this unacknowledged: new ones bounce
--   parley_ack_max_bytes   = 64 * 1024 * 1024  likewise
--   parley_ack_grace       = 2                 seconds a new connection has to ask

local st = require "util.stanza";
local jid_host = require "util.jid".host;
local jid_prep = require "util.jid".prep;
local uuid = require "util.uuid".generate;
local datetime = require "util.datetime".datetime;
local now = require "util.time".now;

if module:get_host_type() ~= "component" then
	error("mod_parley_ack belongs on an external component", 0);
end

local xmlns = "urn:parley:ack:0";
local xmlns_component = "jabber:component:accept";
local hold = module:get_option_number("parley_ack_hold", 60);
local max_stanzas = module:get_option_number("parley_ack_max_stanzas", 20000);
local max_bytes = module:get_option_number("parley_ack_max_bytes", 64 * 1024 * 1024);
local grace = module:get_option_number("parley_ack_grace", 2);

-- Everything with a number above `acked` and up to `last` waits in `entries`.
local queue = { id = uuid(), acked = 0, last = 0, bytes = 0, entries = {} };
local session;            -- the authenticated connection, if any
local mode = "away";      -- away: nobody; asked-soon: connected, has not asked yet; acked: a holder; plain: steps aside
local deadline;           -- timer: end of the hold, or of the grace
local held_since = now(); -- when the last holder went
local bouncing = false;   -- true after the hold: nothing is queued any more

local function stop_timer()
	if deadline then deadline:stop(); deadline = nil; end
end

-- Takes the oldest entry out.
local function shift()
	local n = queue.acked + 1;
	local entry = queue.entries[n];
	queue.entries[n] = nil;
	queue.acked = n;
	queue.bytes = queue.bytes - #entry.text;
	return entry;
end

local function send_all(target)
	for n = queue.acked + 1, queue.last do
		target.send(queue.entries[n].text);
	end
end

-- An error reply for an entry that is no longer to be kept; errors and results are never answered (RFC 6120 §8.3.1).
local function bounce(entry, condition, text)
	if entry.attr.type == "error" or entry.attr.type == "result" then return; end
	local original = st.stanza(entry.name, entry.attr);
	module:send(st.error_reply(original, "wait", condition, text, module.host));
end

local function bounce_all(condition, text)
	local count = queue.last - queue.acked;
	while queue.acked < queue.last do
		bounce(shift(), condition, text);
	end
	if count > 0 then module:log("warn", "Bounced %d stanzas: %s", count, text); end
end

local function start_hold()
	mode = "away";
	session = nil;
	held_since = now();
	stop_timer();
	deadline = module:add_timer(hold, function ()
		deadline = nil;
		bouncing = true;
		bounce_all("recipient-unavailable", "The gateway is not connected");
	end);
end

local function become_plain()
	deadline = nil;
	mode = "plain";
	module:log("info", "The component did not ask for acknowledgements: plain stream");
	send_all(session);
	while queue.acked < queue.last do shift(); end
end

-- While nobody is there a message waits: the stamp says when it was sent (XEP-0203).
local function stamped(stanza)
	if mode ~= "away" or stanza.name ~= "message" or stanza:get_child("delay", "urn:xmpp:delay") then return stanza; end
	local copy = st.clone(stanza);
	copy:tag("delay", { xmlns = "urn:xmpp:delay", from = module.host, stamp = datetime() }):up();
	return copy;
end

local function handle_stanza(event)
	if mode == "plain" then return; end
	local stanza = event.stanza;
	stanza.attr.xmlns = nil;
	local attr = { to = stanza.attr.to, from = stanza.attr.from, id = stanza.attr.id, type = stanza.attr.type };
	local entry = { name = stanza.name, attr = attr };
	if bouncing then
		bounce(entry, "recipient-unavailable", "The gateway is not connected");
		return true;
	end
	entry.text = tostring(stamped(stanza));
	if queue.last - queue.acked >= max_stanzas or queue.bytes + #entry.text > max_bytes then
		bounce(entry, "resource-constraint", "Too many messages are waiting for the gateway");
		return true;
	end
	queue.last = queue.last + 1;
	queue.entries[queue.last] = entry;
	queue.bytes = queue.bytes + #entry.text;
	if mode == "acked" then session.send(entry.text); end
	return true;
end

-- Below every other module of this host, above mod_component, which answers at -1.
for _, kind in ipairs { "message", "presence", "iq" } do
	for _, scope in ipairs { "bare", "full", "host" } do
		module:hook(kind .. "/" .. scope, handle_stanza, -0.5);
	end
end

local function connected(new)
	session = new;
	mode = "asked-soon";
	bouncing = false;
	stop_timer();
	deadline = module:add_timer(grace, become_plain);
	-- What answers nothing is acknowledged by TCP after 40 ms; Prosody would not write the next stanza before.
	if new.conn then new.conn:setoption("tcp-nodelay", true); end
end

module:hook("component-authenticated", function (event) connected(event.session); end);

-- Also fired for a rejected second connection, which is not ours to mourn.
module:hook("component-disconnected", function (event)
	if session and event.session == session then start_hold(); end
end);

-- Control elements count only from the connection that holds the domain.
local function control(name, handler)
	module:hook("stanza/" .. xmlns .. ":" .. name, function (event)
		if event.origin ~= session then return; end
		handler(event.stanza);
		return true;
	end);
end

local function reply(name, attr)
	attr.xmlns = xmlns;
	session.send(st.stanza(name, attr));
end

local function forget_up_to(h)
	if not h or h % 1 ~= 0 or h > queue.last then
		module:log("warn", "The component acknowledged %s, but %d were sent", tostring(h), queue.last);
		return false;
	end
	while queue.acked < h do shift(); end
	return true;
end

local function take(name, attr)
	mode = "acked";
	stop_timer();
	reply(name, attr);
	module:log("info", "Acknowledged stream: %d acknowledged, %d waiting, %.1f s without a holder",
		queue.acked, queue.last - queue.acked, now() - held_since);
	send_all(session);
end

control("enable", function ()
	if mode == "acked" then return; end
	take("enabled", { id = queue.id, h = ("%d"):format(queue.acked), hold = ("%d"):format(hold), fan = "1" });
end);

control("resume", function (stanza)
	if mode == "acked" then return; end
	local h = tonumber(stanza.attr.h);
	-- A counter behind ours asks for stanzas that were acknowledged, and are gone.
	if stanza.attr.previd ~= queue.id or not h or h < queue.acked or not forget_up_to(h) then
		reply("failed", { h = ("%d"):format(queue.acked) });
		return;
	end
	take("resumed", { previd = queue.id, h = ("%d"):format(queue.acked), fan = "1" });
end);

control("a", function (stanza)
	if mode == "acked" then forget_up_to(tonumber(stanza.attr.h)); end
end);

-- Prosody processes a component's stanzas one after the other: when this is read, all before it are done.
control("r", function (stanza) reply("a", { id = stanza.attr.id }); end);

-- Inside <fan/> the parser writes the stream's own namespace on what a stanza of the stream would have without.
local function as_of_stream(element)
	if element.attr.xmlns ~= xmlns_component then return; end
	element.attr.xmlns = nil;
	for _, child in ipairs(element.tags) do as_of_stream(child); end
end

local function stanza_in(fan)
	for _, child in ipairs(fan.tags) do
		if child.attr.xmlns == xmlns_component then
			as_of_stream(child);
			return child;
		end
	end
end

-- One copy that somebody's module cannot bear must not cost the others theirs.
local function route(stanza, to)
	stanza.attr.to = to;
	local ok, err = pcall(prosody.core_post_stanza, session, stanza);
	if not ok then module:log("error", "A copy for %s failed: %s", to, err); end
end

control("fan", function (fan)
	local stanza, names = stanza_in(fan), fan:get_child_text("to");
	local from = stanza and jid_prep(stanza.attr.from);
	if not from or not names then
		module:log("warn", "The component sent a fan without stanza, sender or names");
		return;
	end
	if session.component_validate_from and jid_host(from) ~= session.host then
		session:close{ condition = "invalid-from"; text = "Not a sender of this domain" };
		return;
	end
	stanza.attr.from = from;
	for name in names:gmatch("[^\n]+") do
		local to = prosody.full_sessions[name] and name or jid_prep(name);
		if to then route(stanza, to); else module:log("warn", "No address: %s", name); end
		-- A copy may have ended the stream of this very component.
		if not session then return; end
	end
end);

function module.save()
	return { queue = queue, held_since = held_since, session = session, mode = mode };
end

function module.restore(saved)
	queue, held_since, session, mode = saved.queue, saved.held_since, saved.session, saved.mode;
end

function module.load()
	local component = prosody.hosts[module.host].modules.component;
	if mode == "away" and component and component.session then
		-- Loaded into a running server: who is connected already has not asked, and would not know whom to ask.
		session, mode = component.session, "plain";
	end
	if mode == "away" then start_hold(); end
	if mode == "asked-soon" then connected(session); end
end

function module.unload()
	stop_timer();
end

-- A clean stop tells the senders while their own connections still stand.
module:hook_global("server-stopping", function ()
	bouncing = true;
	bounce_all("recipient-unavailable", "The server is stopping");
end, 10);
