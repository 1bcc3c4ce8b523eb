// m=message: what one side says about its MSRP session (RFC 4975 §8, RFC 6135, RFC 7701 §8, RFC 8122 §5).
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { attribute, type Sdp, type SdpAttribute, type SdpMedia } from "./sdp.ts";

export type Setup = "active" | "passive" | "actpass";

export interface MessageMedia {
  readonly secure: boolean;
  /** MSRP URIs, leftmost first. */
  readonly path: readonly string[];
  readonly acceptTypes: readonly string[];
  readonly acceptWrappedTypes: readonly string[];
  /** Bytes of one message; undefined: no limit is known. */
  readonly maxSize?: number | undefined;
  readonly setup?: Setup | undefined;
  /** The words of a=chatroom; undefined when the attribute is absent. */
  readonly chatroom?: readonly string[] | undefined;
  /** `sha-256 AB:…`. */
  readonly fingerprints: readonly string[];
  readonly direction: "sendrecv" | "sendonly" | "recvonly" | "inactive";
}

const words = (text: string | undefined): string[] => (text ?? "").split(/\s+/).filter((word) => word !== "");
const setups: readonly string[] = ["active", "passive", "actpass"];
const isSetup = (text: string | undefined): text is Setup => text !== undefined && setups.includes(text);
const directions = ["sendrecv", "sendonly", "recvonly", "inactive"] as const;

/** Whether this section is one of messaging by MSRP over TCP or TLS. */
export const isMessageMedia = (media: SdpMedia): boolean =>
  media.kind === "message" && /^TCP\/(?:TLS\/)?MSRP$/i.test(media.protocol) && media.port !== 0;

/** Reads one. Errors: no path, a path that is not of MSRP URIs, no accept-types, a malformed max-size. */
export function readMessageMedia(sdp: Sdp, media: SdpMedia): Result<MessageMedia> {
  const get = (name: string): string | undefined => attribute(media.attributes, name);
  const path = words(get("path"));
  if (path.length === 0 || path.length > 8) return bad("no a=path");
  if (!path.every((uri) => /^msrps?:\/\/[^\s]{1,1000}$/i.test(uri))) return bad("malformed a=path");
  const acceptTypes = words(get("accept-types")).map((type) => type.toLowerCase());
  if (acceptTypes.length === 0) return bad("no a=accept-types");
  const maxSize = get("max-size");
  if (maxSize !== undefined && !/^\d{1,15}$/.test(maxSize)) return bad("malformed a=max-size");
  const setup = get("setup")?.toLowerCase() ?? attribute(sdp.attributes, "setup")?.toLowerCase();
  const chatroom = get("chatroom");
  const all = [...media.attributes, ...sdp.attributes];
  return ok({
    secure: /TLS/i.test(media.protocol),
    path,
    acceptTypes,
    acceptWrappedTypes: words(get("accept-wrapped-types")).map((type) => type.toLowerCase()),
    ...(maxSize === undefined ? {} : { maxSize: Number(maxSize) }),
    ...(isSetup(setup) ? { setup } : {}),
    ...(chatroom === undefined ? {} : { chatroom: words(chatroom) }),
    fingerprints: all.flatMap(({ name, value }) =>
      name === "fingerprint" && value !== undefined ? [value] : [],
    ),
    direction: directions.find((name) => get(name) !== undefined) ?? "sendrecv",
  });
}

/** The section that says this; `port` is that of its URI, or 9 for the active side (RFC 6135 §4.1). */
export function messageSection(media: MessageMedia, port: number): SdpMedia {
  const flag = (name: string, value?: string): SdpAttribute => ({ name, value });
  return {
    kind: "message",
    port,
    protocol: media.secure ? "TCP/TLS/MSRP" : "TCP/MSRP",
    formats: "*",
    attributes: [
      flag("accept-types", media.acceptTypes.join(" ")),
      ...(media.acceptWrappedTypes.length === 0
        ? []
        : [flag("accept-wrapped-types", media.acceptWrappedTypes.join(" "))]),
      flag("path", media.path.join(" ")),
      ...(media.maxSize === undefined ? [] : [flag("max-size", String(media.maxSize))]),
      ...(media.setup === undefined ? [] : [flag("setup", media.setup)]),
      ...media.fingerprints.map((value) => flag("fingerprint", value)),
      ...(media.chatroom === undefined
        ? []
        : [media.chatroom.length === 0 ? flag("chatroom") : flag("chatroom", media.chatroom.join(" "))]),
      ...(media.direction === "sendrecv" ? [] : [flag(media.direction)]),
    ],
  };
}

/** Whether a type is among those that were said to be read; `*` and `text/*` count. */
export function accepts(types: readonly string[], type: string): boolean {
  const [major = ""] = type.split("/");
  return types.some((each) => each === "*" || each === type || each === `${major}/*`);
}
