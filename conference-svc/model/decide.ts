// Everything that somebody may want of a room, decided. One switch; the features are in the files beside it.
import { bare } from "#bus-schemas/address.ts";
import { roomLimits } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { cleanNick, freeNick, nickKey } from "#bus-schemas/rooms/nick.ts";
import { type Context, type Decision, done, refused, speaker } from "./decision.ts";
import { disconnected, join, leave } from "./door.ts";
import { legRoster } from "./leg.ts";
import { affiliation, kick, role } from "./rank.ts";
import { react, retract } from "./say.ts";
import { configure, create, decline, destroy, invite, subject } from "./settings.ts";

/** What comes of this wish, at this moment, in this room. */
export function decide(context: Context, wish: RoomDo): Decision {
  switch (wish.kind) {
    case "join":
      return join(context, wish);
    case "leave":
      return leave(context, wish.endpoint, wish.reason, wish.lost === true ? "lost" : "left");
    case "disconnected":
      return disconnected(context, wish.endpoint);
    case "nick":
      return rename(context, wish.nick, wish.mangle);
    case "status": {
      const here = speaker(context);
      if (here === undefined) return refused("not-joined");
      return done({ kind: "status", key: here.key, nick: here.nick, status: wish.status });
    }
    case "subject":
      return subject(context, wish.text, wish.leg);
    case "role":
      return role(context, wish);
    case "kick":
      return kick(context, wish);
    case "affiliation":
      return affiliation(context, wish);
    case "configure":
      return configure(context, wish);
    case "create":
      return create(context, wish);
    case "destroy":
      return destroy(context, wish);
    case "invite":
      return invite(context, wish);
    case "decline":
      return decline(context, wish.to, wish.reason);
    case "retract":
      return retract(context, wish);
    case "react":
      return react(context, wish, wish.leg);
    case "leg-roster":
      return legRoster(context, wish);
    case "notice":
      return notice(context, wish);
    default:
      return wish satisfies never;
  }
}

/** Another nick, unless it is somebody else's (XEP-0045 §7.6, RFC 7701 §7). */
function rename(context: Context, asked: string, mangle: boolean): Decision {
  const { view } = context;
  const here = speaker(context);
  if (here === undefined) return refused("not-joined");
  const nick = cleanNick(asked, roomLimits.nickBytes);
  if (nick === undefined) return refused("nick-invalid");
  if (nick === here.nick) return done();
  const isTaken = (key: string): boolean => view.nicks.has(key) && view.nicks.get(key) !== here.key;
  if (isTaken(nickKey(nick)) && !mangle) return refused("nick-taken");
  return done({ kind: "renamed", key: here.key, from: here.nick, nick: freeNick(nick, isTaken) });
}

function notice(context: Context, wish: Extract<RoomDo, { kind: "notice" }>): Decision {
  const { view, policy } = context;
  if (!view.exists) return refused("no-such-room");
  const leg = wish.leg === undefined ? {} : { leg: wish.leg };
  if (wish.about === undefined) return done({ kind: "notice", text: wish.text, ...leg });
  const about = policy.linked(wish.about).map(bare);
  const found = [...view.participants.values()].find(({ address }) =>
    about.some((one) => one.local === address.local && one.domain === address.domain),
  );
  return found === undefined
    ? refused("no-such-person")
    : done({ kind: "notice", text: wish.text, to: found.key, ...leg });
}
