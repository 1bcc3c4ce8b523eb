// Header field names: long, compact, and the spelling we print (RFC 3261 §7.3.3 and the registry of compact forms).

// Maps, not objects: a peer may call a field `constructor`.
const compact: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: "accept-contact",
    b: "referred-by",
    c: "content-type",
    d: "request-disposition",
    e: "content-encoding",
    f: "from",
    i: "call-id",
    j: "reject-contact",
    k: "supported",
    l: "content-length",
    m: "contact",
    n: "identity-info",
    o: "event",
    r: "refer-to",
    s: "subject",
    t: "to",
    u: "allow-events",
    v: "via",
    x: "session-expires",
    y: "identity",
  }),
);

const irregular: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "call-id": "Call-ID",
    cseq: "CSeq",
    "www-authenticate": "WWW-Authenticate",
    "mime-version": "MIME-Version",
    "p-asserted-identity": "P-Asserted-Identity",
  }),
);

/** The spelling in which we print a field of this key. */
export function spelling(key: string): string {
  const found = spelt.get(key);
  if (found !== undefined) return found;
  const spelling =
    irregular.get(key) ??
    key.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
  if (spelt.size < knownMost) spelt.set(key, spelling);
  return spelling;
}

// Names repeat: what was worked out once is kept. Bounded, for peers choose the names.
const known = new Map<string, string>();
const spelt = new Map<string, string>();
const knownMost = 500;

/** The key of a field name: long form, lower case. */
export function keyOf(name: string): string {
  const found = known.get(name);
  if (found !== undefined) return found;
  const lower = name.toLowerCase();
  const key = compact.get(lower) ?? lower;
  if (known.size < knownMost) known.set(name, key);
  return key;
}
