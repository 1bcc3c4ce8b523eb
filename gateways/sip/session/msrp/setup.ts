// Who connects: the roles of a=setup for MSRP (RFC 6135 §4.2).

/** What a=setup says. `holdconn` is not for MSRP, and read as malformed. */
export type Setup = "active" | "passive" | "actpass";

/** Reads a=setup; without the attribute the offerer connects (RFC 4975 §5.4). Undefined when it is malformed. */
export function parseSetup(value: string | undefined): Setup | undefined {
  const text = value?.trim().toLowerCase() ?? "active";
  return text === "active" || text === "passive" || text === "actpass" ? text : undefined;
}

/** What we answer to an offer: passive where we may choose, for then the one behind a NAT connects. `reachable`: whether we listen there. */
export function answerSetup(offered: Setup, reachable = true): "active" | "passive" {
  if (offered === "passive") return "active";
  return offered === "active" || reachable ? "passive" : "active";
}

/** What we are after our offer of `actpass` was answered; an answer without a=setup is of one who waits for us (RFC 4975 §5.4). */
export const setupAfterAnswer = (answered: string | undefined): "active" | "passive" | undefined => {
  if (answered === undefined) return "active";
  const setup = parseSetup(answered);
  if (setup === "active") return "passive";
  return setup === "passive" ? "active" : undefined;
};
