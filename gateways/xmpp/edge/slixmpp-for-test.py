# A foreign XMPP client for the tests: slixmpp with receipts and markers, driven by lines of JSON.
import asyncio, json, logging, sys
import slixmpp

logging.disable(logging.CRITICAL)
jid, password, host, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def tell(**facts):
    print(json.dumps(facts), flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        for plugin in ("xep_0030", "xep_0115", "xep_0184", "xep_0199", "xep_0308", "xep_0333"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.heard)
        self.add_event_handler("message_error", lambda m: tell(kind="error", id=m["id"], condition=m["error"]["condition"], text=m["error"]["text"], sender=str(m["from"])))
        self.add_event_handler("receipt_received", lambda m: tell(kind="receipt", id=m["receipt"], sender=str(m["from"])))
        self.add_event_handler("marker_displayed", lambda m: tell(kind="displayed", id=m["displayed"]["id"], sender=str(m["from"])))
        self.add_event_handler("presence_subscribed", lambda p: tell(kind="subscribed", sender=str(p["from"])))
        self.add_event_handler("presence_available", lambda p: tell(kind="available", sender=str(p["from"])))

    async def started(self, _):
        self.send_presence()
        await self.get_roster()
        tell(kind="ready", jid=str(self.boundjid))

    def heard(self, m):
        if m["body"]:
            tell(kind="message", id=m["id"], type=m["type"], body=m["body"], sender=str(m["from"]), replace=m["replace"]["id"] or None)

    async def do(self, order):
        kind = order.pop("do")
        if kind == "say":
            m = self.make_message(mto=order["to"], mbody=order["body"], mtype=order.get("type", "chat"))
            m["id"] = order["id"]
            if order.get("receipt"):
                m["request_receipt"] = True
            if order.get("markable"):
                m.enable("markable")
            m.send()
        elif kind == "displayed":
            m = self.make_message(mto=order["to"], mtype="chat")
            m["displayed"]["id"] = order["id"]
            m.send()
        elif kind == "bounce":
            m = self.make_message(mto=order["to"])
            m["id"] = order["id"]
            m["type"] = "error"
            m["error"]["condition"] = "recipient-unavailable"
            m["error"]["type"] = "wait"
            m.send()
        elif kind == "subscribe":
            self.send_presence_subscription(pto=order["to"])
        elif kind == "ping":
            tell(kind="pong", ms=await self["xep_0199"].ping(jid=order["to"]) * 1000)
        elif kind == "info":
            info = await self["xep_0030"].get_info(jid=order["to"], node=order.get("node"), cached=False)
            tell(kind="info", features=sorted(info["disco_info"]["features"]), identities=[list(i) for i in info["disco_info"]["identities"]])
        elif kind == "caps":
            caps = await self["xep_0115"].get_caps(order["jid"])
            tell(kind="caps", known=sorted(caps["features"]) if caps else [])


async def orders(client):
    reader = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            await client.do(json.loads(line))
        except slixmpp.exceptions.IqError as error:
            tell(kind="iq-error", condition=error.condition)
    client.disconnect()


client = Client()
client.connect((host, port), use_ssl=False, force_starttls=False, disable_starttls=True)
client.loop.run_until_complete(orders(client))
