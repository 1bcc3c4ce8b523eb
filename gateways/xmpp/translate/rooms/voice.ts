// Asking for a voice in a moderated room, and giving it: XEP-0045 §7.13, §8.6.
import type { Address } from "#bus-schemas/address.ts";
import type { Participant } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { type Element, element, ns } from "../../wire/element.ts";
import { booleanOf, type Form, fieldValue, formElement } from "./form.ts";
import { byResource, roomJid, shownNick } from "./names.ts";

const requestType = "http://jabber.org/protocol/muc#request";

/** What a moderator is asked, without `to`. */
export const voiceRequest = (room: Address, who: Participant, jid: string): Element =>
  element(
    "message",
    ns.component,
    { from: roomJid(room) },
    formElement(
      "form",
      requestType,
      [
        { name: "muc#role", type: "list-single", label: "Requested role", values: ["participant"] },
        { name: "muc#jid", type: "text-single", label: "Address", values: [jid] },
        { name: "muc#roomnick", type: "text-single", label: "Nick", values: [shownNick(room, who)] },
        { name: "muc#request_allow", type: "boolean", label: "Give a voice to this person?", values: ["0"] },
      ],
      "Somebody asks for a voice",
    ),
  );

/** The role that a moderator's answer gives; undefined if it is a request, or a no. */
export function approval(form: Form, view: RoomView): RoomDo | undefined {
  if (booleanOf(form, "muc#request_allow") !== true) return undefined;
  const nick = fieldValue(form, "muc#roomnick");
  const target = nick === undefined ? undefined : byResource(view, nick);
  return target && { kind: "role", target: { key: target.key }, role: "speaker" };
}
