# A foreign MUC client (slixmpp, XEP-0045, 0308, 0424, 0444) for a play: obeys lines of JSON, prints what it sees as lines of JSON.
import asyncio, json, logging, os, sys

# The library prints on its own account: what is told here goes out by another door.
out = os.fdopen(os.dup(1), "w")
sys.stdout = open(os.devnull, "w")
import slixmpp

logging.disable(logging.CRITICAL)
jid, password, port, room, nick = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]


def tell(**fields):
    print(json.dumps(fields), file=out, flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        for name in ("0030", "0045", "0198", "0199", "0308", "0359", "0424", "0444"):
            self.register_plugin(f"xep_{name}")
        self["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("groupchat_message", self.heard)
        self.add_event_handler("groupchat_subject", lambda m: tell(event="subject", nick=m["from"].resource, text=m["subject"]))
        self.add_event_handler("groupchat_presence", self.seen)
        self.add_event_handler("reactions", lambda m: tell(event="reacted", nick=m["from"].resource, about=m["reactions"]["id"], text=" ".join(sorted(m["reactions"]["values"]))))

    def heard(self, m):
        tell(event="said", nick=m["from"].resource, text=m["body"], id=m["stanza_id"]["id"], own=m["id"], about=m["replace"]["id"] or None)

    def seen(self, p):
        codes = sorted(p["muc"]["status_codes"])
        tell(event="presence", nick=p["from"].resource, type=p["type"], codes=codes, text=p["muc"]["item"]["nick"] or None)

    async def start(self, _):
        self.send_presence()
        _, subject, occupants, _ = await self["xep_0045"].join_muc_wait(slixmpp.JID(room), nick, timeout=20)
        tell(event="joined", nicks=sorted(p["from"].resource for p in occupants))
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self.do(**json.loads(line))
        self["xep_0045"].leave_muc(room, nick)
        await self.disconnect()

    def do(self, verb, text="", about=None, to=None):
        kind = "chat" if to else "groupchat"
        m = self.make_message(mto=f"{room}/{to}" if to else room, mtype=kind)
        if verb == "say":
            m["body"] = text
        elif verb == "correct":
            m["body"], m["replace"]["id"] = text, about
        elif verb == "react":
            self["xep_0444"].set_reactions(m, about, [text])
        elif verb == "subject":
            return self["xep_0045"].set_subject(room, text)
        m.send()


client = Client()
client.connect(address=("127.0.0.1", port), disable_starttls=True)
client.process(forever=False)
