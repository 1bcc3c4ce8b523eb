// application/im-iscomposing+xml: somebody is writing (RFC 3994).
import { SaxesParser } from "saxes";
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { escapeXml } from "./xml-text.ts";

export interface IsComposing {
  /** Any other word counts as idle (§4). */
  readonly state: "active" | "idle";
  /** Seconds for which `active` holds without being repeated. */
  readonly refresh: number;
}

/** Without `refresh` an active state holds for so long (§3.3), seconds. */
const usualRefresh = 120;
/** No shorter one counts (§3.3), seconds. */
const leastRefresh = 60;
/** Nobody writes for longer without a word, seconds. */
const mostRefresh = 600;
/** Bytes above which it is not read. */
const mostBytes = 8_192;

export const isComposingType = "application/im-iscomposing+xml";

/** Reads a document. Errors: not well formed, a DOCTYPE, no state, over 8 KiB. */
export function parseIsComposing(body: Uint8Array): Result<IsComposing> {
  if (body.length > mostBytes) return bad("isComposing too large");
  const parser = new SaxesParser({ xmlns: true });
  const path: string[] = [];
  const found = new Map<string, string>();
  let failed = false;
  parser.on("error", () => {
    failed = true;
  });
  parser.on("doctype", () => {
    failed = true;
  });
  parser.on("opentag", (tag) => path.push(tag.local));
  parser.on("closetag", () => path.pop());
  parser.on("text", (text) => {
    const name = path[1];
    if (path.length === 2 && path[0] === "isComposing" && name !== undefined)
      found.set(name, (found.get(name) ?? "") + text);
  });
  parser.write(Buffer.from(body).toString("utf8")).close();
  const state = found.get("state")?.trim();
  if (failed || state === undefined) return bad("isComposing is not XML that we read");
  const asked = Number(found.get("refresh")?.trim() ?? usualRefresh);
  const refresh = Number.isFinite(asked)
    ? Math.min(Math.max(asked, leastRefresh), mostRefresh)
    : usualRefresh;
  return ok({ state: state === "active" ? "active" : "idle", refresh });
}

/** Prints a document; `refresh` only with an active state. */
export function printIsComposing({ state, refresh }: IsComposing): Buffer {
  const more = state === "active" ? `<refresh>${refresh}</refresh>` : "";
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">' +
      `<state>${escapeXml(state)}</state><contenttype>text/plain</contenttype>${more}</isComposing>\r\n`,
  );
}
