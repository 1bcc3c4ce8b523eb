# A foreign MUC client for the tests: slixmpp with its own plugins for rooms, driven by lines of JSON.
import asyncio, json, logging, os, sys

# The library prints on its own account: what we tell goes out by another door.
out = os.fdopen(os.dup(1), "w")
sys.stdout = open(os.devnull, "w")
import slixmpp
from slixmpp.exceptions import IqError, IqTimeout, PresenceError

logging.disable(logging.CRITICAL)
jid, password, host, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
PLUGINS = ("0004", "0030", "0045", "0059", "0085", "0199", "0203", "0249", "0308", "0313", "0359", "0421", "0424", "0444", "0461")


def tell(**facts):
    print(json.dumps(facts), file=out, flush=True)


def stripped(m):
    # The library knows an older namespace of fallbacks: this is XEP-0428 as it is now; Python counts code points.
    mark = m.xml.find("{urn:xmpp:fallback:0}fallback/{urn:xmpp:fallback:0}body")
    return m["body"] if mark is None else m["body"][:int(mark.get("start"))] + m["body"][int(mark.get("end")):]


def said(m):
    delay = m.get_plugin("delay", check=True)
    reply = m.get_plugin("reply", check=True)
    return dict(
        id=m["id"], body=m["body"], type=m["type"], sender=str(m["from"]), stanza=m["stanza_id"]["id"], by=str(m["stanza_id"]["by"]),
        occupant=m["occupant-id"]["id"], replace=m["replace"]["id"] or None, reply=reply["id"] if reply is not None else None,
        stripped=stripped(m) if reply is not None else None, delayed=delay is not None,
        origin=m["origin_id"]["id"] or None)


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        for number in PLUGINS:
            self.register_plugin(f"xep_{number}")
        self["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("groupchat_message", lambda m: tell(kind="said", **said(m)))
        self.add_event_handler("message", lambda m: m["type"] == "chat" and m["body"] and tell(kind="private", **said(m)))
        self.add_event_handler("groupchat_subject", lambda m: tell(kind="subject", sender=str(m["from"]), text=m["subject"]))
        self.add_event_handler("groupchat_presence", self.presence)
        self.add_event_handler("groupchat_invite", lambda m: tell(kind="invite", room=str(m["from"]), by=str(m["muc"]["invite"]["from"]), reason=m["muc"]["invite"]["reason"]))
        self.add_event_handler("groupchat_direct_invite", lambda m: tell(kind="direct-invite", room=str(m["groupchat_invite"]["jid"])))
        self.add_event_handler("groupchat_config_status", lambda m: tell(kind="config", codes=sorted(m["muc"]["status_codes"])))
        self.add_event_handler("groupchat_message_error", lambda m: tell(kind="error", id=m["id"], condition=m["error"]["condition"], sender=str(m["from"])))
        self.add_event_handler("reactions", lambda m: tell(kind="reactions", sender=str(m["from"]), to=m["reactions"]["id"], emoji=sorted(m["reactions"]["values"])))
        self.add_event_handler("chatstate_composing", lambda m: tell(kind="composing", sender=str(m["from"])))

    async def started(self, _):
        self.send_presence()
        await self.get_roster()
        tell(kind="ready", jid=str(self.boundjid))

    def presence(self, p):
        x = p["muc"]
        tell(kind="presence", sender=str(p["from"]), type=p["type"], codes=sorted(x["status_codes"]), role=x["role"], affiliation=x["affiliation"],
             jid=str(x["jid"]) or None, nick=x["item"]["nick"] or None, reason=x["item"]["reason"] or None, status=p["status"], show=p["show"],
             occupant=p["occupant-id"]["id"])

    async def do(self, order):
        kind = order.pop("do")
        muc, room = self["xep_0045"], order.get("room")
        if kind == "join":
            asked = {k: order[k] for k in ("password", "maxstanzas", "maxchars", "seconds") if k in order}
            try:
                own, subject, occupants, history = await muc.join_muc_wait(slixmpp.JID(room), order["nick"], timeout=10, **asked)
                tell(kind="joined", room=room, nick=order["nick"], codes=sorted(own["muc"]["status_codes"]), subject=subject["subject"],
                     occupants=[p["from"].resource for p in occupants if p["from"] != own["from"]], history=[m["body"] for m in history])
            except PresenceError as error:
                tell(kind="not-joined", room=room, nick=order["nick"], condition=error.condition)
        elif kind == "leave":
            muc.leave_muc(room, order["nick"], order.get("text", ""))
        elif kind == "say":
            m = self.make_message(mto=room, mbody=order["body"], mtype=order.get("type", "groupchat"))
            m["id"] = m["origin_id"]["id"] = order["id"]
            if "spoof" in order:
                m["stanza_id"]["id"] = m["occupant-id"]["id"] = order["spoof"]
                m["stanza_id"]["by"] = room
            if "reply" in order:
                m["reply"]["id"], m["reply"]["to"] = order["reply"], order["author"]
            m.send()
        elif kind == "correct":
            m = self.make_message(mto=room, mbody=order["body"], mtype="groupchat")
            m["id"], m["replace"]["id"] = order["id"], order["of"]
            m.send()
        elif kind == "react":
            m = self.make_message(mto=room, mtype="groupchat")
            self["xep_0444"].set_reactions(m, order["to"], order["emoji"])
            m.send()
        elif kind == "compose":
            m = self.make_message(mto=room, mtype="groupchat")
            m["chat_state"] = "composing"
            m.send()
        elif kind == "subject":
            muc.set_subject(room, order["text"])
        elif kind == "nick":
            self.send_presence(pto=f"{room}/{order['nick']}")
        elif kind == "status":
            self.send_presence(pto=f"{room}/{order['nick']}", pshow=order["show"], pstatus=order["text"])
        elif kind == "role":
            await muc.set_role(room, order["nick"], order["role"], reason=order.get("reason", ""))
            tell(kind="done", what="role")
        elif kind == "affiliation":
            await muc.set_affiliation(room, order["affiliation"], jid=slixmpp.JID(order["jid"]), reason=order.get("reason", ""))
            tell(kind="done", what="affiliation")
        elif kind == "affiliations":
            tell(kind="list", what=order["affiliation"], jids=sorted(str(j) for j in await muc.get_affiliation_list(room, order["affiliation"])))
        elif kind == "roles":
            tell(kind="list", what=order["role"], nicks=sorted(await muc.get_roles_list(room, order["role"])))
        elif kind == "configure":
            form = await muc.get_room_config(room)
            tell(kind="form", fields=sorted(form.get_fields()))
            form.set_values(order["values"])
            await muc.set_room_config(room, form)
            tell(kind="done", what="configure")
        elif kind == "destroy":
            await muc.destroy(room, order.get("reason", ""), order.get("alternate"))
            tell(kind="done", what="destroy")
        elif kind == "invite":
            muc.invite(room, slixmpp.JID(order["jid"]), order["reason"])
        elif kind == "invite-directly":
            self["xep_0249"].send_invitation(slixmpp.JID(order["jid"]), slixmpp.JID(room), reason=order["reason"])
        elif kind == "decline":
            muc.decline(room, slixmpp.JID(order["jid"]), order["reason"])
        elif kind == "archive":
            found = []
            async for m in self["xep_0313"].iterate(jid=slixmpp.JID(room), rsm={"max": order["page"]}, total=order.get("total")):
                inner = m["mam_result"]["forwarded"]["stanza"]
                found.append([m["mam_result"]["id"], inner["body"], str(inner["from"])])
            tell(kind="archive", found=found)
        elif kind == "ping":
            await self["xep_0199"].send_ping(slixmpp.JID(order["to"]), timeout=5)
            tell(kind="pong", to=order["to"])
        elif kind == "info":
            info = (await self["xep_0030"].get_info(jid=order["to"], node=order.get("node"), cached=False))["disco_info"]
            tell(kind="info", to=order["to"], features=sorted(info["features"]), identities=[list(i) for i in info["identities"]])
        elif kind == "items":
            items = await self["xep_0030"].get_items(jid=order["to"])
            tell(kind="items", to=order["to"], jids=sorted(str(i[0]) for i in items["disco_items"]["items"]))


async def orders(client):
    reader = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        kind = order["do"]
        try:
            await client.do(order)
        except IqError as error:
            tell(kind="iq-error", what=kind, condition=error.condition)
        except IqTimeout:
            tell(kind="iq-timeout", what=kind)
        except Exception as error:
            tell(kind="broken", what=kind, error=repr(error))
    client.disconnect()


client = Client()
client.connect((host, port), use_ssl=False, force_starttls=False, disable_starttls=True)
client.loop.run_until_complete(orders(client))
