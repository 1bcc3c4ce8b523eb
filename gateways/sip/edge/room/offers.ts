// What a room says of its media in INVITEs and their answers, and how a described session comes to stand (RFC 3264, RFC 4975 §8, RFC 6135).
import type { Address } from "#bus-schemas/address.ts";
import type { Answer } from "../../session/respond.ts";
import { type OwnMedia, type Picked, pickMedia, setupFor } from "../../translate/room/media.ts";
import { parseMediaType } from "../../wire/media-type.ts";
import type { Field, SipRequest, SipResponse } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import { parseSdp, type Sdp } from "../../wire/sdp/sdp.ts";
import type { MsrpSession } from "../msrp/port.ts";
import type { Target } from "../transport-types.ts";
import type { Call } from "./call.ts";
import { familyOf, focusContact } from "./contact.ts";
import type { RoomParts } from "./parts.ts";

export const focusAllow = "INVITE, ACK, BYE, CANCEL, OPTIONS, SUBSCRIBE, REFER, MESSAGE";
export const sdpType = field("content-type", "application/sdp");

/** Fields of every answer and request of a focus inside a call. */
export const focusFields = (contact: Field): Field[] => [
  contact,
  field("allow", focusAllow),
  field("supported", "timer, norefersub"),
  field("allow-events", "conference"),
];

/** Where somebody is of whom nothing is known yet: our Contact is that for UDP. */
export const nowhere: Target = { transport: "udp", address: "", port: 5060 };

/** What a body offers: nothing, a description, or something that we do not read. */
export type Offer = Sdp | "none" | Answer;

/** Reads it. */
export function offerIn(message: SipRequest | SipResponse): Offer {
  if (message.body.length === 0) return "none";
  const type = parseMediaType(message.first("content-type") ?? "")?.type;
  if (type !== "application/sdp") return { status: 415, fields: [field("accept", "application/sdp")] };
  const sdp = parseSdp(message.body);
  return sdp.ok ? sdp.value : { status: 400, phrase: sdp.error };
}

/** Whether it is a refusal already. */
export const isAnswer = (offer: Offer): offer is Answer => typeof offer === "object" && "status" in offer;
/** 488, and why. */
export const notAcceptable = (why: string): Answer => ({
  status: 488,
  fields: [field("warning", `399 parley "${why}"`)],
});

export class Offers {
  readonly #parts: RoomParts;

  constructor(parts: RoomParts) {
    this.#parts = parts;
  }

  /** Whether we have TLS. */
  get secure(): boolean {
    return this.#parts.msrp.listening.some(({ scheme }) => scheme === "msrps");
  }

  /** Our side of this session. */
  own(session: MsrpSession, call: { session: string; version: number }): OwnMedia {
    const { config, msrp } = this.#parts;
    return {
      path: session.localPath,
      fingerprint: msrp.fingerprint,
      maxSize: config.msrp.maxSize,
      session: call.session,
      version: call.version,
    };
  }

  /** Our Contact for whoever is at `target`. */
  contact(room: Address, target: Target): Field {
    const { transport, address } = target;
    return focusContact(room, this.#parts.contactHost(transport, familyOf(address)), transport);
  }

  /** The peer connects, or says that we should. That it cannot be reached shows in the session's end. */
  meet(session: MsrpSession, picked: Picked | undefined): void {
    if (picked === undefined) return;
    const { media } = picked;
    if (setupFor(media) === "passive") session.accept(media.path);
    else this.#connect(session, media.path, media.fingerprints);
  }

  #connect(session: MsrpSession, path: readonly string[], fingerprints: readonly string[]): void {
    const tls = fingerprints.length === 0 ? [] : [{ fingerprints }];
    session.connect(path, ...tls).catch((error: unknown) => {
      this.#parts.log.debug({ error: String(error) }, "no MSRP connection to a peer");
      session.close();
    });
  }

  /** The answer to an offer of ours: who connects is said by its setup. False: it is none. */
  answered(call: Call, session: MsrpSession, answer: Offer): boolean {
    const picked = answer === "none" || isAnswer(answer) ? undefined : pickMedia(answer, this.secure);
    if (!picked?.ok) {
      session.close();
      return false;
    }
    const { path, fingerprints, setup } = picked.value.media;
    call.peerPath = path.join(" ");
    // Who answers `passive`, or nothing as before RFC 6135, waits for the one who has offered.
    if (setup === "active") session.accept(path);
    else this.#connect(session, path, fingerprints);
    return true;
  }
}
