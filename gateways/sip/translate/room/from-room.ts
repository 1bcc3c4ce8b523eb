// What happens in a room, as a participant reads it in his MSRP session: one message/cpim, or nothing (RFC 7701 §5, RFC 3862).
import type { Actor, RoomChange, RoomEvent, RoomMessage } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { printCpim } from "../../wire/cpim.ts";
import { isComposingType, printIsComposing } from "../../wire/is-composing.ts";
import { oneLine } from "../text.ts";
import { type Names, nickUri, roomUri, shownUri, type Viewer } from "./names.ts";

/** What is needed to print it for one reader. */
export interface FromRoomView {
  readonly names: Names;
  readonly view: RoomView;
  readonly viewer: Viewer;
  /** The endpoint whose session it would go to: what it sent itself is not sent back. */
  readonly endpoint: string;
}

/** One line of the conversation; who reads the same under the same names reads the same bytes. */
interface Line {
  readonly from: Actor;
  /** The one nick that it is for; absent: the room. */
  readonly to?: string | undefined;
  readonly text: string;
  readonly subject?: string | undefined;
  readonly language?: string | undefined;
  readonly written: number;
}

/** A message ready to be sent; `same` is equal for those who get the same bytes. */
export interface RoomLetter {
  readonly same: string;
  readonly body: () => Buffer;
}

/** Translates one event for one reader; undefined: he is told nothing of it here (the roster goes by NOTIFY). */
export function fromRoom(event: RoomEvent, reader: FromRoomView): RoomLetter | undefined {
  const line = lineOf(event, reader);
  if (line === undefined) return undefined;
  const { names, view, viewer } = reader;
  const from = shownUri(names, view, viewer, line.from);
  const to = line.to === undefined ? roomUri(names) : nickUri(names, line.to);
  return { same: `${from} ${to}`, body: () => print(event, line, from, to) };
}

function lineOf(event: RoomEvent, { viewer, endpoint }: FromRoomView): Line | undefined {
  const { change, time } = event;
  const room: Actor = {};
  switch (change.kind) {
    case "said":
      return readable(change.message, viewer, endpoint) ? spoken(change.message, time) : undefined;
    case "subject":
      return {
        from: change.by,
        subject: oneLine(change.text),
        text: `/me has set the subject to: ${oneLine(change.text)}`,
        written: time,
      };
    case "notice":
      if (change.to !== undefined && change.to !== viewer.key) return undefined;
      return { from: room, text: change.text, written: time };
    case "roster":
      return change.text === undefined ? undefined : { from: room, text: change.text, written: time };
    case "declined":
      if (change.to.key !== viewer.key) return undefined;
      return { from: room, text: declined(change), written: time };
    case "owner":
    case "created":
    case "configured":
    case "joined":
    case "endpoint":
    case "endpoint-gone":
    case "left":
    case "renamed":
    case "rekeyed":
    case "status":
    case "role":
    case "affiliation":
    case "reacted":
    case "retracted":
    case "invited":
    case "destroyed":
      return undefined;
    default:
      return change satisfies never;
  }
}

const declined = ({ from, reason }: Extract<RoomChange, { kind: "declined" }>): string =>
  `${from.local}@${from.domain} does not want to come${reason === undefined ? "" : `: ${reason}`}`;

// To all but the session that sent it; a private one to both persons, on whatever device (EDGES §6).
const readable = (message: RoomMessage, viewer: Viewer, endpoint: string): boolean =>
  message.origin.endpoint !== endpoint &&
  (message.to === undefined || message.to.key === viewer.key || message.from.key === viewer.key);

/** A quotation is cut to so many characters. */
const quoted = 60;

function spoken(message: RoomMessage, time: number): Line {
  const { repliesTo, corrects, action, text, language } = message;
  const excerpt = repliesTo?.excerpt && oneLine(repliesTo.excerpt);
  const short = excerpt && excerpt.length > quoted ? `${[...excerpt].slice(0, quoted).join("")}…` : excerpt;
  const who = repliesTo?.nick === undefined ? "" : `${repliesTo.nick}: `;
  const before = short ? `> ${who}${short}\n` : "";
  return {
    from: message.from,
    to: message.to?.nick,
    text: `${before}${action ? "/me " : ""}${corrects === undefined ? "" : "* "}${text}`,
    language,
    written: message.written ?? time,
  };
}

const display = (nick: string | undefined): string =>
  nick === undefined ? "" : `"${oneLine(nick).replace(/["\\]/g, "\\$&")}" `;

function print(event: RoomEvent, line: Line, from: string, to: string): Buffer {
  const headers: [string, string][] = [
    ["From", `${display(line.from.nick)}<${from}>`],
    ["To", `${display(line.to)}<${to}>`],
    ["DateTime", new Date(line.written).toISOString()],
    ...(line.subject === undefined ? [] : [["Subject", line.subject] as [string, string]]),
    ["NS", "imdn <urn:ietf:params:imdn>"],
    ["imdn.Message-ID", event.id],
  ];
  const mime: [string, string][] = [
    ["Content-Type", "text/plain;charset=UTF-8"],
    ...(line.language === undefined ? [] : [["Content-Language", line.language] as [string, string]]),
  ];
  return printCpim(headers, mime, Buffer.from(line.text, "utf8"));
}

/** That somebody writes, or no longer. */
export function typingLetter(
  typing: { readonly nick: string; readonly key: string; readonly active: boolean; readonly to?: string },
  reader: FromRoomView,
  nowMs: number,
): Buffer {
  const { names, view, viewer } = reader;
  const who = view.participants.get(typing.key) ?? { key: typing.key, nick: typing.nick };
  const headers: [string, string][] = [
    ["From", `${display(who.nick)}<${shownUri(names, view, viewer, who)}>`],
    ["To", `<${typing.to === undefined ? roomUri(names) : nickUri(names, typing.to)}>`],
    ["DateTime", new Date(nowMs).toISOString()],
  ];
  const content = printIsComposing({ state: typing.active ? "active" : "idle", refresh: 90 });
  return printCpim(headers, [["Content-Type", isComposingType]], content);
}
