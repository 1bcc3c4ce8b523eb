// Is a message encrypted end to end? Then only its own recipient can read it, and we must not pretend: XEP-0380, 0384,
// 0373, 0027, 0364.
import { child, childText, type Element, elements, ns } from "../wire/element.ts";

const namespaces: ReadonlySet<string> = new Set([ns.omemo, ns.omemo2, ns.openpgp, ns.oldPgp]);

/** `text`: there is something to read inside. `keys`: clients exchange keys, nobody wrote anything. */
export function encryptionOf(stanza: Element): "none" | "keys" | "text" {
  const parts = elements(stanza).filter((one) => namespaces.has(one.xmlns));
  const named = child(stanza, "encryption", ns.encryption) !== undefined;
  // OTR hides in the body itself (XEP-0364 §2.2).
  const otr = /^\?OTR[:,|?v]/.test(childText(stanza, "body", stanza.xmlns) ?? "");
  if (parts.length === 0 && !named && !otr) return "none";
  const keysOnly =
    parts.length > 0 &&
    child(stanza, "body", stanza.xmlns) === undefined &&
    parts.every(
      (one) => (one.xmlns === ns.omemo || one.xmlns === ns.omemo2) && !child(one, "payload", one.xmlns),
    );
  return keysOnly ? "keys" : "text";
}
