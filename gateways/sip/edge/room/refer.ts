// REFER to a room: somebody is asked in, sent away, or the room is ended; and how that is told to the one who wished it
// (RFC 4579 §5.5, §5.11, RFC 3515, RFC 7647, RFC 4488).
import { type Address, bare, bareKey, type Party } from "#bus-schemas/address.ts";
import type { Participant } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { roomReasonText } from "#bus-schemas/events/room-command.ts";
import { answeredDialog, type Dialog, recordRoutes, requestIn } from "../../session/dialog.ts";
import { type Answer, phraseOf } from "../../session/respond.ts";
import { addressOf, uriText } from "../../translate/address.ts";
import { roomErrors } from "../../translate/room/errors.ts";
import { meant } from "../../translate/room/names.ts";
import type { Field, SipRequest } from "../../wire/message.ts";
import { parseNameAddr } from "../../wire/name-addr.ts";
import { param } from "../../wire/params.ts";
import { field } from "../../wire/print.ts";
import { isSip, printUri, type SipUri } from "../../wire/uri.ts";
import type { Place } from "../location.ts";
import type { Source } from "../transport-types.ts";
import type { Dialled } from "./dial.ts";
import type { Door } from "./door.ts";
import type { Hosted } from "./hosted.ts";
import { namesOf, type RoomParts } from "./parts.ts";
import { word } from "./way.ts";

/** How long somebody may let it ring, milliseconds. */
const ringMs = 60_000;
/** Places of one person that are rung at the same time. */
const mostPlaces = 4;
/** How long the implicit subscription stands, seconds (RFC 3515 §2.4.4). */
const subscribedSeconds = ringMs / 1000 + 10;

export interface ReferParts extends RoomParts {
  readonly door: Door;
  readonly contact: (room: Address, source: Source) => Field;
}

/** Inside a call: its dialog is used, and goes on. */
export interface Within {
  readonly dialog: Dialog;
  readonly keep: (dialog: Dialog) => void;
}

/** What is done about it after the answer, telling how it goes. */
type Task = (tell: (status: number) => void) => Promise<number>;

export class Referrals {
  readonly #parts: ReferParts;

  constructor(parts: ReferParts) {
    this.#parts = parts;
  }

  /** Answers one REFER of `party`. */
  async refer(
    request: SipRequest,
    source: Source,
    hosted: Hosted,
    party: Party,
    within: Within | undefined,
  ): Promise<Answer> {
    const values = request.list("refer-to");
    const to = values.length === 1 ? parseNameAddr(values[0] ?? "") : undefined;
    if (!to?.ok) return { status: 400, phrase: "Not one Refer-To" };
    const { uri } = to.value;
    if (!isSip(uri) || uri.scheme !== "sip") return { status: 416 };
    const task = await this.#task(uri, hosted, party);
    if ("status" in task) return task;
    const tag = word();
    const dialog = within === undefined ? answeredDialog(request, tag) : undefined;
    if (dialog?.ok === false) return { status: 400, phrase: dialog.error };
    const silent = request.first("refer-sub")?.trim().toLowerCase().startsWith("false") === true;
    const contact = this.#parts.contact(hosted.room, source);
    const news = silent
      ? undefined
      : this.#news(dialog?.value ?? within?.dialog, within, source, contact, request.cseq?.number ?? 0);
    // The 200 goes first.
    this.#parts.wheel.after(0, () => void this.#run(task.run, news));
    const fields = [contact, ...recordRoutes(request), ...(silent ? [field("refer-sub", "false")] : [])];
    return { status: 200, fields, ...(within === undefined && { tag }) };
  }

  async #task(uri: SipUri, hosted: Hosted, party: Party): Promise<Answer | { readonly run: Task }> {
    const { view } = hosted;
    if (!view.exists) return { status: 404 };
    const own = this.#parts.directory.linked(party).map(bareKey);
    const self = [...view.participants.values()].find(({ address }) => own.includes(bareKey(address)));
    if (self === undefined) return { status: 403, phrase: "You are not in this room" };
    const method = (param(uri.params, "method") ?? "INVITE").toUpperCase();
    const plain: SipUri = {
      ...uri,
      headers: undefined,
      params: uri.params.filter(([name]) => name !== "method"),
    };
    if (method === "BYE") return this.#remove(plain, hosted, self, party);
    if (method !== "INVITE") return { status: 488, phrase: "Only INVITE and BYE can be wished" };
    return this.#add(plain, hosted, self, party);
  }

  // ---- away

  async #remove(
    uri: SipUri,
    hosted: Hosted,
    self: Participant,
    party: Party,
  ): Promise<Answer | { readonly run: Task }> {
    const names = namesOf(this.#parts, hosted.room);
    const viewer = { key: self.key, moderator: self.role === "moderator" };
    const whom = meant(names, hosted.view, viewer, printUri(uri));
    if (whom.is === "nobody") return { status: 404 };
    const wishes: RoomDo[] =
      whom.is === "room"
        ? [{ kind: "destroy" }]
        : whom.nick === self.nick
          ? self.endpoints.map(({ id }) => ({ kind: "leave" as const, endpoint: id }))
          : [{ kind: "kick", target: { nick: whom.nick } }];
    for (const wish of wishes) {
      const refused = await this.#ask(hosted.room, party, wish);
      if (refused !== undefined) return refused;
    }
    return { run: () => Promise.resolve(200) };
  }

  async #ask(room: Address, from: Party, what: RoomDo): Promise<Answer | undefined> {
    const answer = await this.#parts.rooms.command({ room, from, do: what });
    if (answer.ok) return undefined;
    return { status: roomErrors[answer.reason].sip, phrase: answer.text ?? roomReasonText[answer.reason] };
  }

  // ---- in

  async #add(
    uri: SipUri,
    hosted: Hosted,
    self: Participant,
    party: Party,
  ): Promise<Answer | { readonly run: Task }> {
    const { config, directory, location } = this.#parts;
    const address = addressOf(uri, config);
    if (!address.ok) return { status: 404 };
    const person = bare(directory.behind("sip", address.value));
    const places = directory.domainsOf("sip").includes(person.domain) ? location.of(bareKey(person)) : [];
    const closed = hosted.view.config?.membersOnly === true;
    // Whoever has no phone here is told by the room, in the way of his own network; and into a room for members he must be let first.
    if (places.length === 0 || closed) {
      const refused = await this.#ask(hosted.room, party, { kind: "invite", to: person });
      if (refused !== undefined) return refused;
      // What becomes of it cannot be known (RFC 7702 §9: the last word is that it was tried).
      if (places.length === 0) return { run: () => Promise.resolve(100) };
    } else if (self.role !== "moderator" && hosted.view.config?.invitesBy === "moderators")
      return { status: 403, phrase: roomReasonText.forbidden };
    const referredBy =
      uriText(directory.faceOn("sip", bare(party)), config) ?? "sip:anonymous@anonymous.invalid";
    const account = directory.account(person);
    const display = account?.display === undefined ? {} : { display: account.display };
    const whom: Party = { ...person, assurance: "verified", ...display };
    const ring = places.slice(0, mostPlaces).map((place) => dialled(place, whom, referredBy));
    return { run: (tell) => this.#ring(hosted, ring, tell) };
  }

  // All his phones at once; the first that answers has him, the others stop ringing.
  async #ring(hosted: Hosted, places: readonly Dialled[], tell: (status: number) => void): Promise<number> {
    const calls = places.map((to) => this.#parts.door.dial(hosted, to, tell));
    const late = this.#parts.wheel.after(ringMs, () => {
      for (const call of calls) call.cancel();
    });
    const won = await new Promise<number>((resolve) => {
      const statuses: number[] = [];
      for (const call of calls)
        void call.ended.then((status) => {
          statuses.push(status);
          if (status === 200) resolve(200);
          else if (statuses.length === calls.length) resolve(best(statuses));
        });
    });
    late.cancel();
    for (const call of calls) call.cancel();
    return won;
  }

  // ---- told

  async #run(task: Task, news: News | undefined): Promise<void> {
    news?.tell(100, false);
    try {
      const status = await task((progress) => news?.tell(progress, false));
      news?.tell(status, true);
    } catch (error) {
      this.#parts.log.warn({ error: String(error) }, "a REFER came to nothing");
      news?.tell(500, true);
    }
  }

  #news(
    first: Dialog | undefined,
    within: Within | undefined,
    source: Source,
    contact: Field,
    cseq: number,
  ): News | undefined {
    if (first === undefined) return undefined;
    let dialog = first;
    let last: Promise<unknown> = Promise.resolve();
    const event = within === undefined ? "refer" : `refer;id=${cseq}`;
    const tell = (status: number, final: boolean): void => {
      // One NOTIFY after the other (RFC 6665 §4.2.2).
      last = last.then(() => {
        const inDialog = requestIn(within?.dialog ?? dialog, "NOTIFY");
        dialog = inDialog.dialog;
        within?.keep(inDialog.dialog);
        const state = final ? "terminated;reason=noresource" : `active;expires=${subscribedSeconds}`;
        const fields = [
          contact,
          field("event", event),
          field("subscription-state", state),
          field("content-type", "message/sipfrag;version=2.0"),
        ];
        const body = Buffer.from(`SIP/2.0 ${status} ${phraseOf(status)}\r\n`);
        return this.#parts.ways.request("NOTIFY", inDialog, source, fields, body);
      });
    };
    return { tell };
  }
}

interface News {
  tell(status: number, final: boolean): void;
}

// Of several refusals one that speaks of the person, not of one phone (RFC 3261 §16.7).
const best = (statuses: readonly number[]): number =>
  statuses.find((status) => status >= 600) ?? statuses.find((status) => status === 486) ?? statuses[0] ?? 480;

function dialled(place: Place, party: Party, referredBy: string): Dialled {
  const { transport, address, port, flow } = place;
  return {
    party,
    contact: place.contact,
    routes: place.path,
    hint: { transport, address, port, flow },
    referredBy,
  };
}
