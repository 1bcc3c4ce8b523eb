// What a room is: made, configured, named, ended; who is invited. XEP-0045 §10; §7.8; §8.1.
import { type Address, bare } from "#bus-schemas/address.ts";
import { type RoomChange, type RoomConfig, roomLimits } from "#bus-schemas/events/room.ts";
import type { ConfigPatch, RoomDo } from "#bus-schemas/events/room-command.ts";
import { actor, type Context, type Decision, done, refused, speaker, standing } from "./decision.ts";
import { closeIfEmpty } from "./door.ts";
import { ruler } from "./rank.ts";

/** The configuration with these parts of it changed. */
function patched(config: RoomConfig, patch: ConfigPatch): RoomConfig {
  const { password, ...rest } = patch;
  const { password: before, ...kept } = config;
  const after = password === undefined ? before : password === null || password === "" ? undefined : password;
  const changed: Partial<RoomConfig> = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  );
  return { ...kept, ...changed, ...(after !== undefined && { password: after }) };
}

/** Makes a room without entering it. */
export function create(context: Context, wish: Extract<RoomDo, { kind: "create" }>): Decision {
  const { view, policy, from } = context;
  if (view.exists)
    return standing(context, from) === "owner" ? done() : refused("forbidden", "there is such a room");
  const isHouse = standing(context, from) === "owner";
  if (!isHouse && !policy.mayCreate(from)) return refused("creation-forbidden");
  const by = { address: bare(from) };
  const config = patched(policy.defaults, { persistent: true, ...wish.config });
  const created: RoomChange = { kind: "created", config, by };
  return isHouse
    ? done(created)
    : done(created, { kind: "affiliation", address: bare(from), affiliation: "owner", by });
}

/** Changes the configuration; whoever may not be in the room any more is put out. */
export function configure(context: Context, wish: Extract<RoomDo, { kind: "configure" }>): Decision {
  const { view } = context;
  if (!view.exists || view.config === undefined) return refused("no-such-room");
  const who = ruler(context);
  if (who.affiliation !== "owner") return refused("forbidden");
  const config = patched(view.config, wish.config);
  const changes: RoomChange[] = [{ kind: "configured", config, by: who.by }];
  const strangers =
    config.membersOnly && !view.config.membersOnly
      ? [...view.participants.values()].filter(
          ({ affiliation, leg }) => affiliation === "none" && leg === undefined,
        )
      : [];
  for (const { key, nick, address } of strangers)
    changes.push({ kind: "left", gone: { key, nick, address, cause: "not-a-member", by: who.by } });
  const left = strangers.map(({ key }) => key);
  return done(...changes, ...(config.persistent || left.length === 0 ? [] : closeIfEmpty(view, left)));
}

export function destroy(context: Context, wish: Extract<RoomDo, { kind: "destroy" }>): Decision {
  if (!context.view.exists) return refused("no-such-room");
  const who = ruler(context);
  if (who.affiliation !== "owner") return refused("forbidden");
  const { reason, alternate } = wish;
  return done({
    kind: "destroyed",
    by: who.by,
    ...(reason !== undefined && { reason }),
    ...(alternate && { alternate }),
  });
}

export function subject(context: Context, text: string, leg?: string): Decision {
  const { view } = context;
  const here = speaker(context, leg);
  if (view.config === undefined) return refused("not-joined");
  if (here === undefined) return leg === undefined ? refused("not-joined") : subjectOfLeg(context, text);
  if (here.role !== "moderator" && (view.config.subjectBy === "moderators" || here.role === "observer"))
    return refused("forbidden");
  if (Buffer.byteLength(text, "utf8") > roomLimits.subjectBytes) return refused("too-large");
  return done({ kind: "subject", text, by: actor(here) });
}

/** What a leg is called since somebody who is not there any more named it so. */
function subjectOfLeg({ view, from }: Context, text: string): Decision {
  if (view.config?.subjectBy === "moderators") return refused("forbidden");
  if (Buffer.byteLength(text, "utf8") > roomLimits.subjectBytes) return refused("too-large");
  return done({ kind: "subject", text, by: { nick: from.local, address: bare(from) } });
}

/** Asks somebody in; into a room for members only he becomes a member (XEP-0045 §7.8.2). */
export function invite(context: Context, wish: Extract<RoomDo, { kind: "invite" }>): Decision {
  const { view } = context;
  const { config } = view;
  const here = speaker(context);
  if (here === undefined || config === undefined) return refused("not-joined");
  const isRuler = here.role === "moderator";
  if (!isRuler && (config.invitesBy === "moderators" || config.membersOnly)) return refused("forbidden");
  const changes: RoomChange[] = [];
  const by = actor(here);
  const isStranger = standing(context, wish.to) === "none";
  if (config.membersOnly && isStranger)
    changes.push({ kind: "affiliation", address: bare(wish.to), affiliation: "member", by });
  const said = {
    ...(wish.reason !== undefined && { reason: wish.reason }),
    ...(config.password !== undefined && { password: config.password }),
  };
  return done(...changes, { kind: "invited", to: bare(wish.to), by, ...said });
}

/** Somebody who was invited does not want to come: his host is told. */
export function decline(context: Context, to: Address, reason: string | undefined): Decision {
  const { view, from, policy } = context;
  if (!view.exists) return refused("no-such-room");
  const host = [...view.participants.values()].find(({ address }) =>
    policy.linked(to).some((one) => one.local === address.local && one.domain === address.domain),
  );
  return done({
    kind: "declined",
    from: bare(from),
    to: host === undefined ? { address: bare(to) } : actor(host),
    ...(reason !== undefined && { reason }),
  });
}
