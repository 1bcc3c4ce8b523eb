// Offers and answers of a room: one session of messaging by MSRP, all else refused (RFC 3264 §6, RFC 4975 §8, RFC 6135 §4, RFC 7701 §8).
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import {
  accepts,
  isMessageMedia,
  type MessageMedia,
  messageSection,
  readMessageMedia,
  type Setup,
} from "../../wire/sdp/message-media.ts";
import { printSdp, type Sdp, type SdpMedia } from "../../wire/sdp/sdp.ts";
import { wrappedTypes } from "./to-room.ts";

/** What we say about our side. */
export interface OwnMedia {
  readonly path: readonly string[];
  readonly fingerprint: string | undefined;
  readonly maxSize: number;
  /** Of the o= line: the same session for the whole dialog, its version one more with each change. */
  readonly session: string;
  readonly version: number;
}

/** The first section that a room can serve, with its place. */
export interface Picked {
  readonly index: number;
  readonly media: MessageMedia;
}

/**
 * Picks the section to be answered. `secure`: whether we have TLS. Errors, each answered 488: nothing of MSRP, no message/cpim
 * among its types, TLS alone where we have none.
 */
export function pickMedia(sdp: Sdp, secure: boolean): Result<Picked> {
  let why = "no m=message by MSRP";
  for (const [index, section] of sdp.media.entries()) {
    if (!isMessageMedia(section)) continue;
    const media = readMessageMedia(sdp, section);
    if (!media.ok) why = media.error;
    else if (!accepts(media.value.acceptTypes, "message/cpim")) why = "rooms speak message/cpim";
    else if (media.value.secure && !secure) why = "no TLS here";
    else return ok({ index, media: media.value });
  }
  return bad(why);
}

const hostOf = (path: readonly string[]): { host: string; port: number } => {
  const match = /^msrps?:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/;]+)(?::(\d+))?/i.exec(path[0] ?? "");
  return { host: (match?.[1] ?? "invalid.invalid").replace(/^\[|\]$/g, ""), port: Number(match?.[2] ?? 9) };
};

function section(own: OwnMedia, secure: boolean, setup: Setup): SdpMedia {
  const media: MessageMedia = {
    secure,
    path: own.path,
    acceptTypes: ["message/cpim"],
    acceptWrappedTypes: wrappedTypes,
    maxSize: own.maxSize,
    setup,
    chatroom: ["nickname", "private-messages"],
    fingerprints: secure && own.fingerprint !== undefined ? [own.fingerprint] : [],
    direction: "sendrecv",
  };
  return messageSection(media, setup === "active" ? 9 : hostOf(own.path).port);
}

function description(own: OwnMedia, media: readonly SdpMedia[]): Buffer {
  const { host } = hostOf(own.path);
  const origin = { username: "-", session: own.session, version: own.version, address: host };
  return printSdp({ origin, name: "-", address: host, attributes: [], media });
}

/** Our offer: the peer may connect, or say that we should (RFC 6135 §4.2); a guest at another's focus is `active`. */
export const offerOf = (own: OwnMedia, secure: boolean, setup: Setup = "actpass"): Buffer =>
  description(own, [section(own, secure, setup)]);

/** Who connects, as we answer: he who offers, unless he says that he only waits. */
export const setupFor = (offered: MessageMedia): "active" | "passive" =>
  offered.setup === "passive" ? "active" : "passive";

/** Our answer: the picked section, and port 0 for every other (RFC 3264 §6). */
export function answerOf(offer: Sdp, picked: Picked, own: OwnMedia): Buffer {
  const media = offer.media.map((each, index) =>
    index === picked.index
      ? section(own, picked.media.secure, setupFor(picked.media))
      : { ...each, port: 0, address: undefined, attributes: [] },
  );
  return description(own, media);
}
