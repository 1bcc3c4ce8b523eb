// What a newcomer is shown: the others, himself, what was said before, the subject, in this order: XEP-0045 §7.2.
import type { Participant, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { type Element, element, ns } from "../../wire/element.ts";
import { print } from "../../wire/print.ts";
import { actorJid, type RoomFaces, roomJid } from "./names.ts";
import { available, idElement, type StatusCode } from "./presence.ts";
import { delayElement, type Find, saidStanza } from "./said.ts";
import { emptyStage, type Out, type Recipient, seesAddresses } from "./stage.ts";

/** How much of what was said before a newcomer wants: XEP-0045 §7.2.14. */
export interface HistoryWish {
  readonly maxChars?: number | undefined;
  readonly maxStanzas?: number | undefined;
  /** Milliseconds since 1970: nothing older. */
  readonly since?: number | undefined;
}

/** What somebody gets who asks for nothing in particular. */
export const defaultHistory = 20;

export interface Newcomer {
  readonly recipient: Recipient;
  readonly history: HistoryWish;
  /** The room was made by his coming (201). */
  readonly created: boolean;
  /** He asked for another nick than he has got (210). */
  readonly renicked: boolean;
}

/** Finds an event among those that the view remembers. */
export const finder =
  (view: RoomView): Find =>
  (id) =>
    view.recent.findLast((event) => event.id === id);

// An occupant's presence without codes is the same for all who may see as much: it is made once as long as he is unchanged.
const made = new WeakMap<Participant, { open?: Element; closed?: Element; secret: string }>();

/** The plain presence of an occupant. */
export function plainPresence(
  view: RoomView,
  participant: Participant,
  open: boolean,
  faces: RoomFaces,
): Element {
  const known = made.get(participant);
  const both = known?.secret === faces.secret ? known : { secret: faces.secret };
  made.set(participant, both);
  const which = open ? "open" : "closed";
  both[which] ??= available(view.room, { participant, open }, faces);
  return both[which];
}

/** Everything that a newcomer is shown. Undefined stanzas are none: a newcomer who has left again gets nothing. */
export function picture(view: RoomView, newcomer: Newcomer, faces: RoomFaces): Out[] {
  const { recipient } = newcomer;
  const self = view.participants.get(recipient.key);
  if (self === undefined) return [];
  const open = seesAddresses(emptyStage(), view, recipient.key);
  const to = [recipient];
  const others = [...view.participants.values()]
    .filter(({ key }) => key !== recipient.key)
    .map((one): Out => ({ stanza: plainPresence(view, one, open, faces), to }));
  const codes = selfCodes(view, newcomer);
  const own = available(view.room, { participant: self, open: true, codes }, faces);
  const history = historyOf(view, newcomer.history, faces).map((stanza): Out => ({ stanza, to }));
  return [...others, { stanza: own, to }, ...history, { stanza: subjectStanza(view, faces), to }];
}

function selfCodes(view: RoomView, { created, renicked }: Newcomer): StatusCode[] {
  const codes: StatusCode[] = ["110"];
  if (view.config?.openAddresses) codes.push("100");
  if ((view.config?.history ?? 0) > 0) codes.push("170");
  if (created) codes.push("201");
  if (renicked) codes.push("210");
  return codes;
}

/** The subject as it stands, also when there is none: it ends the joining (XEP-0045 §7.2.15). */
export function subjectStanza(view: RoomView, faces: RoomFaces): Element {
  const { room, subject } = view;
  const from = subject === undefined ? roomJid(room) : actorJid(room, subject.by);
  return element(
    "message",
    ns.component,
    { from, type: "groupchat" },
    element("subject", ns.component, {}, subject?.text ?? ""),
    subject === undefined ? undefined : delayElement(room, subject.time),
    idElement(room, subject?.by.key, faces),
  );
}

/** What was said before, oldest first, as much of it as is wanted; nothing that was taken back, nothing private. */
export function historyOf(view: RoomView, wish: HistoryWish, faces: RoomFaces): Element[] {
  const retracted = new Set(
    view.recent.flatMap(({ change }) => (change.kind === "retracted" ? [change.message] : [])),
  );
  const shown = view.recent.filter((event) => isHistory(event) && !retracted.has(event.id));
  const most = Math.min(wish.maxStanzas ?? defaultHistory, view.config?.history ?? 0);
  const find = finder(view);
  const out: Element[] = [];
  let chars = 0;
  // Only what was said counts: reactions ride along with it.
  let count = 0;
  for (let at = shown.length - 1; at >= 0 && count < most; at -= 1) {
    const event = shown[at];
    if (event === undefined || (wish.since !== undefined && event.time < wish.since)) break;
    const stanza = saidStanza(event, find, faces, true);
    if (stanza === undefined) continue;
    if (wish.maxChars !== undefined) {
      chars += print(stanza, ns.component).length;
      if (chars > wish.maxChars) break;
    }
    out.push(stanza);
    if (event.change.kind === "said") count += 1;
  }
  return out.reverse();
}

const isHistory = ({ change }: RoomEvent): boolean =>
  change.kind === "said"
    ? change.message.to === undefined
    : change.kind === "reacted" || change.kind === "retracted";
