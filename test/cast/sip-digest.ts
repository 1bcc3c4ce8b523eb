// A phone's side of digest with MD5 (RFC 7616 §3.4), own code.
import { createHash } from "node:crypto";
import { readParams, type SipText, statusOf } from "./sip-message.ts";

/** What a server has asked for; `count` is how often its nonce was used. */
export interface Challenge {
  readonly header: "Authorization" | "Proxy-Authorization";
  readonly params: Readonly<Record<string, string>>;
  count: number;
}

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

/** The challenge with MD5 in a 401 or 407; undefined in any other response. */
export function offerIn(response: SipText): Challenge | undefined {
  const status = statusOf(response);
  if (status !== 401 && status !== 407) return undefined;
  const name = status === 401 ? "www-authenticate" : "proxy-authenticate";
  const offers = response.headers.filter(([each]) => each === name).map(([, value]) => readParams(value));
  const params = offers.find((offer) => (offer.algorithm ?? "MD5").toUpperCase() === "MD5");
  const header = status === 401 ? "Authorization" : "Proxy-Authorization";
  return params && { header, params, count: 0 };
}

export interface Asked {
  readonly user: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly cnonce: string;
}

/** The header that answers a challenge. */
export function credentials(
  challenge: Challenge,
  { user, password, method, uri, cnonce }: Asked,
): [string, string] {
  const { realm = "", nonce = "", opaque, qop } = challenge.params;
  challenge.count += 1;
  const nc = challenge.count.toString(16).padStart(8, "0");
  const ha1 = md5(`${user}:${realm}:${password}`);
  const ha2 = md5(`${method}:${uri}`);
  const withQop = qop?.split(",").some((each) => each.trim() === "auth") === true;
  const response = withQop
    ? md5(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`)
    : md5(`${ha1}:${nonce}:${ha2}`);
  const parts = [
    `username="${user.replace(/["\\]/g, "\\$&")}"`,
    `realm="${realm}"`,
    `nonce="${nonce}"`,
    `uri="${uri}"`,
    `response="${response}"`,
    "algorithm=MD5",
    ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
    ...(withQop ? ["qop=auth", `nc=${nc}`, `cnonce="${cnonce}"`] : []),
  ];
  return [challenge.header, `Digest ${parts.join(", ")}`];
}
