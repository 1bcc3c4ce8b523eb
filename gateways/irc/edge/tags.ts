// Reactions and typing, where the server passes tags on: IRCv3 message-tags, typing, reply, draft/react.
import { bareKey } from "#bus-schemas/address.ts";
import type { RoomChange } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { Rooms, Typing } from "#bus-schemas/rooms/port.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { MessageIds } from "../session/message-ids.ts";
import { message } from "../wire/message.ts";
import type { Heard } from "./ear.ts";
import type { LegConfig } from "./leg-config.ts";
import type { Puppet } from "./puppet.ts";
import type { Puppets } from "./puppets.ts";

export interface TagsParts {
  readonly leg: LegConfig;
  readonly ids: MessageIds;
  readonly puppets: Puppets;
  readonly rooms: Rooms;
  /** In the name of somebody of the channel. */
  readonly command: (what: RoomDo, nick: string) => Promise<RoomAnswer>;
}

const toRoom: Readonly<Record<string, Typing["state"]>> = {
  active: "composing",
  paused: "paused",
  done: "active",
};
const toChannel = { composing: "active", paused: "paused", active: "done" } as const;

/** Characters of one reaction; longer ones are no emoji. */
const emojiLength = 64;

export class Tags {
  readonly #parts: TagsParts;

  constructor(parts: TagsParts) {
    this.#parts = parts;
  }

  /** Tags alone, heard in the channel by its reader. */
  async onChannel({ fact }: Heard, view: RoomView): Promise<void> {
    if (fact.is !== "tagged") return;
    const { tags } = fact.line;
    const typing = toRoom[tags.get("+typing") ?? ""];
    if (typing !== undefined) this.#type(fact.nick, typing, view);
    const to = tags.get("+draft/reply") ?? tags.get("+reply");
    const given = tags.get("+draft/react");
    const taken = tags.get("+draft/unreact");
    const emoji = given ?? taken;
    if (to === undefined || emoji === undefined || emoji === "" || emoji.length > emojiLength) return;
    const { ids, command, leg } = this.#parts;
    const event = ids.event(to) ?? to.slice(0, 64);
    const all = ids.react(fact.nick.toLowerCase(), event, emoji, given !== undefined);
    await command({ kind: "react", message: event, emoji: [...all], leg: leg.leg }, fact.nick);
  }

  /** A reaction in the room, shown by the person's own nick. */
  onRoom(change: Extract<RoomChange, { kind: "reacted" }>): void {
    const { ids, leg } = this.#parts;
    const { by } = change;
    const msgid = ids.msgid(change.message);
    if (by.address === undefined || by.key?.startsWith(`${leg.leg}/`) || msgid === undefined) return;
    const puppet = this.#speaking(this.#parts.puppets.known(by.address));
    const who = bareKey(by.address);
    const before = ids.reactions(who, change.message);
    ids.reacted(who, change.message, change.emoji);
    const tell = (key: string, emoji: string): void =>
      puppet?.whisper(
        message(
          "TAGMSG",
          [leg.channel],
          new Map([
            ["+draft/reply", msgid],
            [key, emoji],
          ]),
        ),
      );
    for (const emoji of change.emoji) if (!before.includes(emoji)) tell("+draft/react", emoji);
    for (const emoji of before) if (!change.emoji.includes(emoji)) tell("+draft/unreact", emoji);
  }

  onRoomTyping(typing: Typing, view: RoomView): void {
    const participant = view.participants.get(typing.key);
    if (typing.to !== undefined || participant === undefined) return;
    const puppet = this.#speaking(this.#parts.puppets.known(participant.address));
    puppet?.whisper(
      message("TAGMSG", [this.#parts.leg.channel], new Map([["+typing", toChannel[typing.state]]])),
    );
  }

  #speaking(puppet: Puppet | undefined): Puppet | undefined {
    const stands = puppet?.attends(this.#parts.leg.channel) && puppet.link?.caps.has("message-tags");
    return stands ? puppet : undefined;
  }

  #type(nick: string, state: Typing["state"], view: RoomView): void {
    const { leg, rooms } = this.#parts;
    const participant = view.participants.get(`${leg.leg}/${nick.toLowerCase()}`);
    if (participant === undefined) return;
    rooms.typing({ room: leg.room, key: participant.key, nick: participant.nick, state });
  }
}
