// application/conference-info+xml: the roster as a subscriber sees it, whole or what changed of it (RFC 4575 §4-5; nick: RFC 6501 §4.6.5).
import { hash } from "node:crypto";
import type { Actor, Endpoint, Participant, RoomChange } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Departure } from "../../session/notifier.ts";
import { escapeXml } from "../../wire/xml-text.ts";
import { uriText } from "../address.ts";
import { farewells } from "./errors.ts";
import { type Names, roomUri, shownUri, type Viewer } from "./names.ts";

export const conferenceInfoType = "application/conference-info+xml";

export interface InfoView {
  readonly names: Names;
  readonly view: RoomView;
  readonly viewer: Viewer;
  readonly version: number;
}

/** What has changed since the last document. */
export interface Changes {
  /** Keys of participants to be shown as they are now. */
  readonly users: ReadonlySet<string>;
  /** Entities that are there no longer, and how they went. */
  readonly gone: ReadonlyMap<string, Departure | undefined>;
  /** Title or subject. */
  readonly description: boolean;
}

const element = (name: string, text: string | undefined): string =>
  text === undefined ? "" : `<${name}>${escapeXml(text)}</${name}>`;

function document({ names, version }: InfoView, state: "full" | "partial" | "deleted", body: string): Buffer {
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<conference-info xmlns="urn:ietf:params:xml:ns:conference-info"' +
      ' xmlns:xcon="urn:ietf:params:xml:ns:xcon-conference-info"' +
      ` entity="${escapeXml(roomUri(names))}" state="${state}" version="${version}">${body}</conference-info>\r\n`,
    "utf8",
  );
}

/** Everything. */
export function fullInfo(info: InfoView): Buffer {
  const users = [...info.view.participants.values()].map((one) => user(info, one)).join("");
  return document(
    info,
    "full",
    `${description(info)}${conferenceState(info)}<users state="full">${users}</users>`,
  );
}

/** What has changed; each user who is named is shown whole (§4.4: users partial, each user full or deleted). */
export function partialInfo(info: InfoView, changes: Changes): Buffer {
  const { view } = info;
  const shown = [...changes.users].flatMap((key) => view.participants.get(key) ?? []);
  const there = new Set(shown.map((one) => entityOf(info, one)));
  const gone = [...changes.gone].filter(([entity]) => !there.has(entity));
  const users =
    gone.map(([entity, how]) => goneUser(entity, how)).join("") +
    shown.map((one) => user(info, one)).join("");
  const list = users === "" ? "" : `<users state="partial">${users}</users>`;
  return document(
    info,
    "partial",
    `${changes.description ? description(info) : ""}${conferenceState(info)}${list}`,
  );
}

function goneUser(entity: string, how: Departure | undefined): string {
  const user = `<user entity="${escapeXml(entity)}" state="deleted"`;
  if (how === undefined) return `${user}/>`;
  const info = `<disconnection-info>${element("reason", how.reason)}</disconnection-info>`;
  const method = element("disconnection-method", how.method);
  return `${user}><endpoint entity="${escapeXml(entity)}" state="deleted"><status>disconnected</status>${method}${info}</endpoint></user>`;
}

/** The room is no more. */
export const deletedInfo = (info: InfoView): Buffer => document(info, "deleted", "");

/** Under which entity this viewer sees that participant. */
export const entityOf = ({ names, view, viewer }: Omit<InfoView, "version">, one: Participant): string =>
  shownUri(names, view, viewer, one);

function description({ names, view }: InfoView): string {
  const { config, subject } = view;
  const uri = `<conf-uris><entry><uri>${escapeXml(roomUri(names))}</uri><purpose>participation</purpose></entry></conf-uris>`;
  const media =
    '<available-media><entry label="chat"><type>message</type><status>sendrecv</status></entry></available-media>';
  return (
    `<conference-description>${element("display-text", config?.title ?? names.room.local)}` +
    `${element("subject", subject?.text)}${element("free-text", config?.description)}${uri}` +
    `${element("maximum-user-count", config && String(config.maxParticipants))}${media}</conference-description>`
  );
}

const conferenceState = ({ view }: InfoView): string =>
  `<conference-state><user-count>${view.participants.size}</user-count>` +
  `<active>${view.participants.size > 0}</active><locked>${view.config?.membersOnly === true}</locked></conference-state>`;

function user(info: InfoView, one: Participant): string {
  const endpoints = one.endpoints.map((each) => endpoint(info, one, each)).join("");
  return (
    `<user entity="${escapeXml(entityOf(info, one))}" state="full" xcon:nickname="${escapeXml(one.nick)}">` +
    `${element("display-text", one.nick)}${roles(one)}` +
    `${endpoints === "" ? mirrored(one) : endpoints}</user>`
  );
}

const roleWords: Readonly<Record<Participant["role"], string>> = {
  observer: "observer",
  speaker: "participant",
  moderator: "moderator",
};

function roles({ role, affiliation }: Participant): string {
  const more = affiliation === "owner" ? "owner" : affiliation === "admin" ? "administrator" : undefined;
  return `<roles>${element("entry", roleWords[role])}${element("entry", more)}</roles>`;
}

const media =
  '<media id="1"><display-text>chat</display-text><type>message</type><label>chat</label></media>';

const when = (time: number): string =>
  `<joining-info><when>${new Date(time).toISOString()}</when></joining-info>`;

// Real contacts are nobody's business: else a device is named by a word that stays the same when its owner's nick changes.
function endpoint({ names, view, viewer }: InfoView, one: Participant, each: Endpoint): string {
  const open = view.config?.openAddresses === true || viewer.moderator || viewer.key === one.key;
  const device = open ? uriText(names.faceOn(each.address), names) : undefined;
  const entity = device ?? `${roomUri(names)};endpoint=${hash("sha256", each.id, "hex").slice(0, 16)}`;
  return (
    `<endpoint entity="${escapeXml(entity)}" state="full"><status>${each.state}</status>` +
    `<joining-method>dialed-in</joining-method>${when(each.since)}${media}</endpoint>`
  );
}

// Somebody of a channel elsewhere has no device of his own here.
const mirrored = (one: Participant): string =>
  `<endpoint entity="${escapeXml(one.leg ?? "elsewhere")}" state="full"><status>connected</status>${when(one.joined)}${media}</endpoint>`;

/** What a change asks of a roster: nothing, a part of it, or all of it anew. `gone`: who is no longer seen as he was. */
export type Effect =
  | { readonly is: "nothing" | "full" | "deleted" }
  | {
      readonly is: "part";
      readonly users?: readonly string[];
      readonly gone?: readonly { readonly who: Actor; readonly how?: Departure }[];
      readonly description?: boolean;
    };

const nothing: Effect = { is: "nothing" };

function departure({ cause, reason }: Extract<RoomChange, { kind: "left" }>["gone"]): Departure {
  const { method, text } = farewells[cause];
  return { method, reason: reason === undefined ? text : `${text}: ${reason}` };
}

/** Judges one change. */
export function effectOf(change: RoomChange, viewerKey: string): Effect {
  switch (change.kind) {
    case "joined":
      return { is: "part", users: [change.participant.key] };
    case "endpoint":
    case "endpoint-gone":
      return { is: "part", users: [change.key] };
    case "left":
      return { is: "part", gone: [{ who: change.gone, how: departure(change.gone) }] };
    case "renamed":
      return { is: "part", users: [change.key], gone: [{ who: { key: change.key, nick: change.from } }] };
    case "role":
      // Whoever becomes or ceases to be a moderator sees other names from now on.
      return change.key === viewerKey ? { is: "full" } : { is: "part", users: [change.key] };
    case "affiliation":
      if (change.key === undefined) return nothing;
      return change.key === viewerKey ? { is: "full" } : { is: "part", users: [change.key] };
    case "subject":
      return { is: "part", description: true };
    case "created":
    case "configured":
    case "roster":
    case "rekeyed":
      return { is: "full" };
    case "destroyed":
      return { is: "deleted" };
    case "owner":
    case "status":
    case "said":
    case "retracted":
    case "reacted":
    case "invited":
    case "declined":
    case "notice":
      return nothing;
    default:
      return change satisfies never;
  }
}
