// From the browser to a room: what is said becomes a message to the room's address, everything else a command. sylkRTC-2, XEP-0045 in meaning.
import type { Address, Party } from "#bus-schemas/address.ts";
import type { MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { ConfigPatch, RoomDo, RoomReason, Target } from "#bus-schemas/events/room-command.ts";
import { byNick, type RoomView } from "#bus-schemas/rooms/view.ts";
import type { RequestOf } from "../wire/request.ts";
import type { RoomConfigFields } from "../wire/room-request.ts";
import { parseAddress } from "./address.ts";
import { type Drawn, spoken } from "./to-bus.ts";

type Commanding =
  | "videoroom-nick"
  | "videoroom-status"
  | "videoroom-subject"
  | "videoroom-role"
  | "videoroom-kick"
  | "videoroom-affiliation"
  | "videoroom-configure"
  | "videoroom-invite"
  | "videoroom-retract"
  | "videoroom-react"
  | "videoroom-destroy";
export type CommandRequest = RequestOf<Commanding>;

/** The commands of a request, in order, or why there is none. */
export type Commands =
  | { readonly ok: true; readonly commands: readonly RoomDo[] }
  | { readonly ok: false; readonly reason: RoomReason; readonly text: string };

const given = <T extends object>(part: T | undefined): T | Record<never, never> => part ?? {};
const because = (reason: string | undefined) => given(reason === undefined ? undefined : { reason });
const one = (command: RoomDo): Commands => ({ ok: true, commands: [command] });
const wrong = (reason: RoomReason, text: string): Commands => ({ ok: false, reason, text });

/** Something said in a room. `from`: the account with the device that is in the room; `to`: a nick for a private message. */
export function roomMessageDraft(
  request: RequestOf<"videoroom-message">,
  from: Party,
  room: Address,
): Drawn<MessageDraft> {
  const said = spoken(request.content_type, request.content);
  if (!said.ok) return said;
  const { reply_to: answers } = request;
  const written = request.timestamp === undefined ? Number.NaN : Date.parse(request.timestamp);
  return {
    ok: true,
    draft: {
      from,
      to: {
        local: room.local,
        domain: room.domain,
        ...given(request.to ? { device: request.to } : undefined),
      },
      messageId: request.message_id,
      kind: "chat",
      ...said.draft,
      ...given(Number.isNaN(written) ? undefined : { written }),
      ...given(request.thread === undefined ? undefined : { thread: request.thread }),
      ...given(request.language === undefined ? undefined : { language: request.language }),
      ...given(request.correction_of === undefined ? undefined : { correctionOf: request.correction_of }),
      ...given(
        answers && {
          replyTo: {
            id: answers.event_id,
            ...given(answers.nick === undefined ? undefined : { nick: answers.nick }),
            ...given(answers.excerpt === undefined ? undefined : { excerpt: answers.excerpt.slice(0, 200) }),
          },
        },
      ),
    },
  };
}

/** What a request about a room, from somebody who is in it, asks of the room. `view`: to find people by their nicks. */
export function commandsOf(request: CommandRequest, view: RoomView): Commands {
  switch (request.sylkrtc) {
    case "videoroom-nick":
      return one({ kind: "nick", nick: request.nick, mangle: false });
    case "videoroom-status":
      return one({
        kind: "status",
        status: {
          show: request.show,
          ...given(request.text === undefined ? undefined : { text: request.text }),
        },
      });
    case "videoroom-subject":
      return one({ kind: "subject", text: request.text });
    case "videoroom-role":
    case "videoroom-kick": {
      const target = targetOf(request);
      if (target === undefined) return wrong("no-such-person", "neither nick nor address");
      return request.sylkrtc === "videoroom-kick"
        ? one({ kind: "kick", target, ...because(request.reason) })
        : one({ kind: "role", target, role: request.role, ...because(request.reason) });
    }
    case "videoroom-affiliation":
      return affiliations(request, view);
    case "videoroom-configure":
      // Who gets the picture is for audio and video; the rest of the request may still configure.
      return request.config === undefined
        ? wrong("not-supported", "audio and video are not supported yet")
        : one({ kind: "configure", config: configPatch(request.config) });
    case "videoroom-invite":
      return invitations(request);
    case "videoroom-retract":
      return one({ kind: "retract", message: request.event_id, ...because(request.reason) });
    case "videoroom-react":
      return one({
        kind: "react",
        message: request.event_id,
        emoji: request.emoji,
        ...given(request.message_id === undefined ? undefined : { messageId: request.message_id }),
      });
    case "videoroom-destroy": {
      const alternate = request.alternate === undefined ? undefined : parseAddress(request.alternate);
      if (alternate?.ok === false) return wrong("no-such-room", alternate.error);
      return one({
        kind: "destroy",
        ...because(request.reason),
        ...given(alternate && { alternate: alternate.value }),
      });
    }
    default:
      return request satisfies never;
  }
}

function targetOf({
  nick,
  uri,
}: {
  nick?: string | undefined;
  uri?: string | undefined;
}): Target | undefined {
  if (nick !== undefined) return { nick };
  const address = uri === undefined ? undefined : parseAddress(uri);
  return address?.ok ? { address: address.value } : undefined;
}

function affiliations(request: RequestOf<"videoroom-affiliation">, view: RoomView): Commands {
  const changes: Extract<RoomDo, { kind: "affiliation" }>["changes"] = [];
  for (const { nick, uri, affiliation, reason } of request.changes) {
    const read = uri === undefined ? undefined : parseAddress(uri);
    if (read?.ok === false) return wrong("no-such-person", read.error);
    const address = read?.value ?? (nick === undefined ? undefined : byNick(view, nick)?.address);
    if (address === undefined) return wrong("no-such-person", nick ?? "");
    changes.push({ address, affiliation, ...because(reason) });
  }
  return one({ kind: "affiliation", changes });
}

function invitations(request: RequestOf<"videoroom-invite">): Commands {
  const commands: RoomDo[] = [];
  for (const participant of request.participants) {
    const to = parseAddress(participant);
    if (!to.ok) return wrong("no-such-person", to.error);
    commands.push({ kind: "invite", to: to.value, ...because(request.reason) });
  }
  return { ok: true, commands };
}

/** A configuration as the room understands it; what the request leaves out stays as it is. */
export function configPatch(config: RoomConfigFields): ConfigPatch {
  const whole = {
    title: config.title,
    description: config.description,
    persistent: config.persistent,
    listed: config.listed,
    membersOnly: config.members_only,
    moderated: config.moderated,
    openAddresses: config.open_addresses,
    subjectBy: config.subject_by,
    invitesBy: config.invites_by,
    privateMessages: config.private_messages,
    password: config.password,
    maxParticipants: config.max_participants,
    history: config.history,
    language: config.language,
  };
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined));
}
