-- The XMPP server in a container: people of xmpp.example, and our domains as components (XEP-0114) with acknowledged streams.
-- Without TLS, for the host's loopback only: a server that others reach needs certificates (c2s_require_encryption = true).
pidfile = "/data/prosody/prosody.pid"
data_path = "/data/prosody"
interfaces = { "0.0.0.0" }; component_interfaces = { "0.0.0.0" }
c2s_ports = { 5222 }; component_ports = { 5347 }
c2s_direct_tls_ports = {}; s2s_ports = {}; s2s_direct_tls_ports = {}; http_ports = {}; https_ports = {}
modules_enabled = { "disco", "roster", "saslauth", "presence", "message", "iq", "offline", "ping", "smacks", "carbons" }
modules_disabled = { "s2s", "tls", "limits", "http", "admin_shell" }
authentication = "internal_hashed"; allow_registration = false
c2s_require_encryption = false; allow_unencrypted_plain_auth = true
component_conflict_resolve = "kick_old"
-- Parley speaks as the people of several domains over the stream of one.
validate_from_addresses = false
plugin_paths = { "/opt/parley/deploy/prosody" }
log = { { levels = { min = "info" }, to = "console" } }
component_secret = ENV_PARLEY_XMPP_SECRET

VirtualHost "xmpp.example"
Component "sip.example"
  modules_enabled = { "parley_ack" }
Component "web.example"
  modules_enabled = { "parley_ack" }
Component "irc.example"
  modules_enabled = { "parley_ack" }
Component "gw.example"
  modules_enabled = { "parley_ack" }
Component "rooms.example"
  modules_enabled = { "parley_ack" }
