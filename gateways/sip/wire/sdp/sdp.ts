// Session descriptions: lines by section, attributes by name; made to answer offers of messaging (RFC 8866, RFC 3264).
import { bad, ok, type Result } from "#bus-schemas/result.ts";

/** `a=name:value`; no value for a flag. */
export interface SdpAttribute {
  readonly name: string;
  readonly value?: string | undefined;
}

export interface SdpMedia {
  /** `message`, `audio` … */
  readonly kind: string;
  readonly port: number;
  /** `TCP/MSRP`. */
  readonly protocol: string;
  /** What stands behind the protocol, as it came. */
  readonly formats: string;
  /** The address of its own c= line. */
  readonly address?: string | undefined;
  readonly attributes: readonly SdpAttribute[];
}

export interface Sdp {
  readonly origin: {
    readonly username: string;
    readonly session: string;
    readonly version: number;
    readonly address: string;
  };
  readonly name: string;
  /** The address of the session's c= line. */
  readonly address?: string | undefined;
  readonly attributes: readonly SdpAttribute[];
  readonly media: readonly SdpMedia[];
}

export const sdpLimits = {
  bytes: 65_536,
  lines: 2_000,
  /** Media sections: each must be answered. */
  media: 32,
} as const;

type Draft = {
  origin: Sdp["origin"] | undefined;
  name: string;
  address: string | undefined;
  attributes: SdpAttribute[];
  media: (Omit<SdpMedia, "attributes"> & { attributes: SdpAttribute[]; address: string | undefined })[];
};

/** Reads a description; LF alone ends a line too. Errors: over a limit, a line that is none, no v=0 or o=, a malformed m=. */
export function parseSdp(body: Uint8Array): Result<Sdp> {
  if (body.length > sdpLimits.bytes) return bad("SDP too large");
  const lines = Buffer.from(body).toString("utf8").split(/\r?\n/);
  if (lines.length > sdpLimits.lines) return bad("SDP of too many lines");
  const draft: Draft = { origin: undefined, name: "-", address: undefined, attributes: [], media: [] };
  if (lines[0] !== "v=0") return bad("SDP without v=0");
  for (const line of lines.slice(1)) {
    if (line === "") continue;
    if (!/^[a-z]=/.test(line)) return bad("SDP with a line that is none");
    const fault = take(draft, line.charAt(0), line.slice(2));
    if (fault !== undefined) return bad(fault);
  }
  const { origin } = draft;
  return origin === undefined ? bad("SDP without o=") : ok({ ...draft, origin });
}

// One line. What the gateway has no use for (t=, b=, k= …) is passed over.
function take(draft: Draft, type: string, value: string): string | undefined {
  const media = draft.media.at(-1);
  switch (type) {
    case "o": {
      const origin = /^(\S+) (\S+) (\d{1,19}) IN IP[46] (\S+)$/.exec(value);
      if (!origin?.[1] || !origin[2] || !origin[4]) return "malformed o=";
      draft.origin = {
        username: origin[1],
        session: origin[2],
        version: Number(origin[3]),
        address: origin[4],
      };
      return undefined;
    }
    case "s":
      draft.name = value.trim() === "" ? "-" : value;
      return undefined;
    case "c": {
      const address = /^IN IP[46] ([^\s/]+)/.exec(value)?.[1];
      if (address === undefined) return "malformed c=";
      if (media === undefined) draft.address = address;
      else media.address = address;
      return undefined;
    }
    case "a": {
      const colon = value.indexOf(":");
      const attribute =
        colon < 0 ? { name: value } : { name: value.slice(0, colon), value: value.slice(colon + 1) };
      (media ?? draft).attributes.push(attribute);
      return undefined;
    }
    case "m":
      return takeMedia(draft, value);
    default:
      return undefined;
  }
}

function takeMedia(draft: Draft, value: string): string | undefined {
  if (draft.media.length >= sdpLimits.media) return "SDP of too many media";
  const match = /^([A-Za-z0-9\-.!#$%&'*+^_`{|}~]+) (\d{1,5})(?:\/\d+)? (\S+)(?: (.*))?$/.exec(value);
  if (!match?.[1] || !match[3]) return "malformed m=";
  const port = Number(match[2]);
  if (port > 65_535) return "m= with a port over 65535";
  draft.media.push({
    kind: match[1].toLowerCase(),
    port,
    protocol: match[3],
    formats: match[4] ?? "",
    address: undefined,
    attributes: [],
  });
  return undefined;
}

/** The value of the first attribute of this name; `""` for a flag. */
export function attribute(attributes: readonly SdpAttribute[], name: string): string | undefined {
  const found = attributes.find((each) => each.name === name);
  return found === undefined ? undefined : (found.value ?? "");
}

const family = (address: string): string => (address.includes(":") ? "IP6" : "IP4");
const oneLine = (text: string): string => text.replace(/[\r\n\0]+/g, " ");

/** Prints a description. Line ends in values become spaces. */
export function printSdp(sdp: Sdp): Buffer {
  const { origin } = sdp;
  const printAttribute = ({ name, value }: SdpAttribute): string =>
    `a=${name}${value === undefined ? "" : `:${value}`}`;
  const lines = [
    "v=0",
    `o=${origin.username} ${origin.session} ${origin.version} IN ${family(origin.address)} ${origin.address}`,
    `s=${sdp.name}`,
    ...(sdp.address === undefined ? [] : [`c=IN ${family(sdp.address)} ${sdp.address}`]),
    "t=0 0",
    ...sdp.attributes.map(printAttribute),
    ...sdp.media.flatMap((media) => [
      `m=${media.kind} ${media.port} ${media.protocol}${media.formats === "" ? "" : ` ${media.formats}`}`,
      ...(media.address === undefined ? [] : [`c=IN ${family(media.address)} ${media.address}`]),
      ...media.attributes.map(printAttribute),
    ]),
  ];
  return Buffer.from(lines.map((line) => `${oneLine(line)}\r\n`).join(""), "utf8");
}
