// Who a browser is: the HA1 or password of account-add against the directory, with a limit on guessing per source. RFC 7616 §3.4.2.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Account, Directory } from "#bus-schemas/directory.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { parseAddress } from "../translate/address.ts";
import type { RequestOf } from "../wire/request.ts";

export type Verdict =
  | { readonly ok: true; readonly account: Account }
  | { readonly ok: false; readonly why: string };

const windowMs = 60_000;
// Sources remembered for wrong passwords; the oldest is forgotten first.
const mostSources = 10_000;

const hash = (algorithm: "md5" | "sha256", text: string): string =>
  createHash(algorithm).update(text, "utf8").digest("hex");

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a, "utf8"), Buffer.from(b, "utf8")];
  return x.length === y.length && timingSafeEqual(x, y);
}

/** Checks accounts; remembers wrong passwords of the last minute per source. */
export function openAuthentication(directory: Directory, clock: Clock, wrongPasswords: number) {
  const wrong = new Map<string, number[]>();

  const recent = (source: string): number[] => {
    const since = clock.monotonic() - windowMs;
    return (wrong.get(source) ?? []).filter((at) => at > since);
  };
  const count = (source: string): void => {
    const times = [...recent(source), clock.monotonic()];
    wrong.delete(source);
    wrong.set(source, times);
    const oldest = wrong.keys().next();
    if (wrong.size > mostSources && !oldest.done) wrong.delete(oldest.value);
  };

  return {
    /** The account behind an account-add, or why not; an unknown account and a wrong password read alike. */
    check(request: RequestOf<"account-add">, source: string): Verdict {
      if (recent(source).length >= wrongPasswords)
        return { ok: false, why: "too many wrong passwords from your address, try again in a minute" };
      const address = parseAddress(request.account);
      if (!address.ok) return { ok: false, why: address.error };
      if (!directory.domainsOf("web").includes(address.value.domain))
        return { ok: false, why: "the account's domain is not served here" };
      const account = directory.account(address.value);
      const proofs = account === undefined ? [] : proofsOf(account, address.value.local, request);
      if (account !== undefined && proofs.some(([given, known]) => same(given, known)))
        return { ok: true, account };
      count(source);
      return { ok: false, why: "wrong account or password" };
    },
  };
}

// Pairs of which one must be equal. The client may spell the user in another letter case than parley.yaml does.
function proofsOf(account: Account, local: string, request: RequestOf<"account-add">): [string, string][] {
  const { domain } = account.address;
  const names = [local, account.address.local];
  const { password, ha1 } = account;
  if (request.password_type === "plain") {
    const given = request.password;
    return [
      ...(password === undefined ? [] : [[given, password] satisfies [string, string]]),
      ...names.flatMap((name): [string, string][] => [
        ...(ha1?.md5 === undefined
          ? []
          : [[hash("md5", `${name}:${domain}:${given}`), ha1.md5] satisfies [string, string]]),
        ...(ha1?.sha256 === undefined
          ? []
          : [[hash("sha256", `${name}:${domain}:${given}`), ha1.sha256] satisfies [string, string]]),
      ]),
    ];
  }
  const given = request.password.toLowerCase();
  return [
    ...(ha1?.md5 === undefined ? [] : [[given, ha1.md5] satisfies [string, string]]),
    ...(password === undefined
      ? []
      : names.map((name): [string, string] => [given, hash("md5", `${name}:${domain}:${password}`)])),
  ];
}
