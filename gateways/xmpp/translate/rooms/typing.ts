// Who writes just now: XEP-0085 §5.5.
import type { Address } from "#bus-schemas/address.ts";
import { type Element, element, ns } from "../../wire/element.ts";
import { occupantJid, type RoomFaces } from "./names.ts";
import { idElement, user } from "./presence.ts";

/** A chat state of an occupant, for all or for one; it is not to be kept anywhere. */
export const typingStanza = (
  room: Address,
  typing: {
    readonly key: string;
    readonly nick: string;
    readonly state: "composing" | "paused" | "active";
    readonly to?: string | undefined;
  },
  faces: RoomFaces,
): Element =>
  element(
    "message",
    ns.component,
    { from: occupantJid(room, typing), type: typing.to === undefined ? "groupchat" : "chat" },
    element(typing.state, ns.chatStates),
    typing.to === undefined ? undefined : user([]),
    element("no-store", ns.hints),
    idElement(room, typing.key, faces),
  );
