// A company for plays in rooms: one actor of each protocol, at the house's own servers. Web and MSRP are raw actors of the kit, since no
// independent client of them is there; XMPP and IRC too, with foreign clients beside them in rooms-foreign.test.ts.

import { IrcChannel } from "#test/cast/irc-channel.ts";
import { openIrcClient } from "#test/cast/irc-client.ts";
import type { Protocol, RoomActor } from "#test/cast/room-actor.ts";
import { SipRoomPhone } from "#test/cast/sip-room-phone.ts";
import { WebRoom } from "#test/cast/web-room.ts";
import { openXmppClient } from "#test/cast/xmpp-client.ts";
import { XmppRoom } from "#test/cast/xmpp-room.ts";
import { domains, type House, password, roomDomain } from "./house.ts";

/** All that have rooms. */
export const protocols: readonly Protocol[] = ["sip", "xmpp", "irc", "web"];

/** How long an actor waits for any answer: longer than a room may be without an owner. */
const patienceMs = 40_000;

export const roomAddress = (room: string): string => `${room}@${roomDomain}`;

/** The channel that is the leg of a room, in plays. */
export const channelOf = (room: string): string => `#${room}`;

/** Somebody at the door of a room, logged in; not in it yet. `at`: which instance of his gateway. */
export async function atTheDoor(
  house: House,
  protocol: Protocol,
  local: string,
  room: string,
  at = 0,
): Promise<RoomActor> {
  const address = `${local}@${domains[protocol]}`;
  const instance = at % house.instances;
  const secret = password(local);
  switch (protocol) {
    case "xmpp": {
      const client = await openXmppClient({ port: house.ports.c2s, address, password: secret });
      return new XmppRoom(client, roomAddress(room));
    }
    case "sip": {
      const ports = [...house.ports.sip.slice(instance), ...house.ports.sip.slice(0, instance)];
      const options = { ports, address, password: secret, room: roomAddress(room), patienceMs, again: true };
      return await new SipRoomPhone(options).open();
    }
    case "irc": {
      const client = await openIrcClient({ port: house.ports.irc, nick: local, domain: domains.irc });
      return new IrcChannel(client, channelOf(room));
    }
    case "web": {
      // The others are where it goes when its own is gone.
      const ports = [...house.ports.web.slice(instance), ...house.ports.web.slice(0, instance)];
      const options = { ports, address, password: secret, room: roomAddress(room), patienceMs };
      return await new WebRoom(options).open();
    }
  }
}
