// Credentials for a relay (RFC 4976 §6.3, RFC 7616): digest with qop=auth over AUTH and the relay's URI.
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { algorithmOf, digestResponse, ha1, parseDigest, printCredentials } from "../../wire/digest.ts";

/** Answers a challenge. Errors: it is malformed, or of an algorithm or a qop that we do not do. */
export function answerDigest(
  challenge: string,
  own: {
    readonly username: string;
    readonly password: string;
    /** The relay's, the last of To-Path. */
    readonly uri: string;
    readonly cnonce: string;
    /** How often this nonce has been used, this time included. */
    readonly count: number;
  },
): Result<string> {
  const fields = parseDigest(challenge);
  if (!fields.ok) return fields;
  const { scheme, values } = fields.value;
  const [realm, nonce, algorithm] = [values.get("realm"), values.get("nonce"), algorithmOf(fields.value)];
  if (scheme !== "digest" || realm === undefined || nonce === undefined) return bad("no digest challenge");
  if (algorithm === undefined) return bad("a digest algorithm that is not done here");
  const qops = (values.get("qop") ?? "auth").split(",").map((one) => one.trim());
  if (!qops.includes("auth")) return bad("a digest qop that is not done here");
  const { username, password, uri, cnonce } = own;
  const nc = own.count.toString(16).padStart(8, "0");
  const response = digestResponse({
    ...{ algorithm, nonce, nc, cnonce, uri, qop: "auth", method: "AUTH" },
    ha1: ha1(algorithm, username, realm, password),
    body: Buffer.alloc(0),
  });
  const opaque = values.get("opaque");
  return ok(
    printCredentials({
      // No uri: RFC 4976 §9 does not have it, for To-Path says it. compat msrprelay 1.4: it fails where there is one.
      ...{ username, realm, nonce, response, algorithm, cnonce, qop: "auth", nc },
      ...(opaque === undefined ? {} : { opaque }),
    }),
  );
}
