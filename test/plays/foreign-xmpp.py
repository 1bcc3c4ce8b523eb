# A foreign XMPP client (slixmpp) for a play: says every line of standard input as "to<TAB>text", prints what it hears as JSON lines.
import asyncio, json, sys
import slixmpp

class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        for name in ("xep_0030", "xep_0184", "xep_0198", "xep_0199"):
            self.register_plugin(name)
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("message_error", self.on_error)
        self.add_event_handler("receipt_received", self.on_receipt)
        self.add_event_handler("failed_auth", lambda _: tell(event="failed"))

    async def start(self, _event):
        self.send_presence()
        tell(event="ready")
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            to, text = json.loads(line)
            message = self.make_message(mto=to, mbody=text, mtype="chat")
            message["request_receipt"] = True
            message.send()
            tell(event="sent", id=message["id"], text=text)
        await self.disconnect()

    def on_message(self, message):
        if message["type"] in ("chat", "normal") and message["body"]:
            tell(event="message", sender=message["from"].bare, text=message["body"])

    def on_error(self, message):
        tell(event="error", id=message["id"], condition=message["error"]["condition"])

    def on_receipt(self, message):
        tell(event="receipt", id=message["receipt"])

def tell(**fields):
    print(json.dumps(fields), flush=True)

client = Client(sys.argv[1], sys.argv[2])
client.connect(address=("127.0.0.1", int(sys.argv[3])), disable_starttls=True)
client.process(forever=False)
