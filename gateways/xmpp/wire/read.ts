// Bytes to elements of one XML stream: RFC 6120 §4 and §11, XEP-0114 §3. Strict where the RFC is: no DTD, no processing
// instruction, no comment, no entity beyond the five, no byte that is not UTF-8.
import { TextDecoder } from "node:util";
import { SaxesParser, type SaxesTagNS } from "saxes";
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { type Attributes, type Element, type Node, ns } from "./element.ts";

export const limits = {
  /** Elements inside elements; the deepest legitimate stanza known (Jingle in MAM in carbon) has 14. */
  depth: 64,
  /** UTF-16 code units of one stanza with all its markup; RFC 6120 §13.12 demands 10,000 bytes, servers allow 512 KiB. */
  stanzaLength: 524_288,
  /** Attributes of one element, namespace declarations included. */
  attributes: 256,
  /** What is over a limit above is skipped, up to so many times that limit; beyond it the peer is no XMPP server. */
  skipped: 8,
} as const;

/** What the bytes said, in their order. After `fault` or `close` nothing more comes. */
export type Read =
  | { readonly kind: "open"; readonly attrs: Attributes; readonly xmlns: string }
  /** `excess`: over a limit of ours, so only the stanza's own tag was kept, to be refused with. */
  | { readonly kind: "stanza"; readonly element: Element; readonly excess?: string }
  | { readonly kind: "close" }
  | { readonly kind: "fault"; readonly condition: Fault; readonly text: string };

/** Stream error conditions of RFC 6120 §4.9.3 that a reader can find. */
export type Fault = "not-well-formed" | "restricted-xml" | "policy-violation" | "invalid-namespace";

export interface Reader {
  /** Takes the next bytes, cut anywhere. Never throws. */
  push(bytes: Uint8Array): Read[];
}

interface Limits {
  readonly depth: number;
  readonly stanzaLength: number;
}

interface Growing {
  readonly name: string;
  readonly xmlns: string;
  readonly attrs: Attributes;
  readonly children: Node[];
}

// Thrown through the parser to leave it at once; never leaves this file.
class Stop extends Error {
  readonly fault: { kind: "fault"; condition: Fault; text: string };
  constructor(condition: Fault, text: string) {
    super(text);
    this.fault = { kind: "fault", condition, text };
  }
}

// A slice this small keeps the check of the stanza's length ahead of the parser's own buffers.
const sliceLength = 65_536;

/**
 * A reader for one stream. `root` false reads a document without the stream around it, for tests and stored text: its
 * root element is the one stanza.
 */
export function openReader(limit: Limits = limits, root = true): Reader {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const tree = buildTree(limit, root);
  let ended = false;

  const feed = (part: string): void => {
    for (let at = 0; at < part.length; at += sliceLength) tree.write(part.slice(at, at + sliceLength));
  };
  return {
    push(bytes) {
      if (ended) return [];
      const out: Read[] = [];
      tree.to = out;
      try {
        feed(decode(decoder, bytes));
      } catch (error) {
        ended = true;
        if (error instanceof Stop) out.push(error.fault);
        else out.push({ kind: "fault", condition: "not-well-formed", text: String(error) });
      }
      if (out.at(-1)?.kind === "close") ended = true;
      return out;
    },
  };
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: true });
  } catch {
    throw new Stop("not-well-formed", "not UTF-8");
  }
}

interface Tree {
  to: Read[];
  write(part: string): void;
}

function buildTree(limit: Limits, root: boolean): Tree {
  const parser = new SaxesParser({ xmlns: true });
  const outside = root ? 1 : 0;
  const open: Growing[] = [];
  // Where the stanza under way began, and how deep we are, counted here because saxes has no limits of its own.
  let began = 0;
  let depth = 0;
  // True while nothing but white space has come since the last stanza.
  let quiet = false;
  // Set while a stanza over a limit is skipped: its own tag, and which limit.
  let skipped: { readonly head: Element; readonly excess: string } | undefined;

  const checkLength = (): void => {
    const length = parser.position - began;
    if (length <= limit.stanzaLength) return;
    if (length > limit.stanzaLength * limits.skipped) throw new Stop("policy-violation", "stanza too large");
    // Before the first tag is whole there is nothing yet to refuse by name.
    if (open.length > 0) skip("The stanza is too large.");
    else if (root && began === 0) throw new Stop("policy-violation", "header too large");
  };
  const skip = (excess: string): void => {
    const head = open[0];
    if (head === undefined || skipped) return;
    skipped = { head: { ...head, children: [] }, excess };
    open.length = 0;
  };
  const tree: Tree = {
    to: [],
    write(part) {
      // White space between stanzas (keep-alives) is never given to the parser, which would collect it as one text.
      const fed = quiet ? part.replace(/^[ \t\r\n]+/, "") : part;
      if (fed === "") return;
      parser.write(fed);
      checkLength();
      const tail = parser.position - began;
      quiet =
        depth === outside && began > 0 && /^[ \t\r\n]*$/.test(fed.slice(Math.max(0, fed.length - tail)));
      if (quiet) began = parser.position;
    },
  };
  parser.on("error", (error) => {
    throw new Stop("not-well-formed", error.message);
  });
  const refuse = (what: string) => (): never => {
    throw new Stop("restricted-xml", what);
  };
  parser.on("doctype", refuse("document type"));
  parser.on("comment", refuse("comment"));
  parser.on("processinginstruction", refuse("processing instruction"));

  const onText = (text: string): void => {
    const parent = open.at(-1);
    if (parent) append(parent.children, text);
    else if (skipped) return;
    else if (text.trim() !== "") throw new Stop("not-well-formed", "text between stanzas");
    else began = parser.position;
  };
  parser.on("text", onText);
  parser.on("cdata", onText);
  parser.on("opentagstart", () => {
    depth += 1;
    if (depth > limit.depth * limits.skipped) throw new Stop("policy-violation", "too deep");
  });
  parser.on("opentag", (tag) => {
    if (depth > outside) {
      if (skipped) return;
      open.push({ name: tag.local, xmlns: tag.uri, attrs: readAttributes(tag), children: [] });
      if (depth > limit.depth + outside) skip("The stanza is too deep.");
      else if (Object.keys(tag.attributes).length > limits.attributes)
        skip("An element has too many attributes.");
      else checkLength();
      return;
    }
    began = parser.position;
    tree.to.push({ kind: "open", attrs: readAttributes(tag), xmlns: tag.ns[""] ?? "" });
    if (tag.uri !== ns.stream || tag.local !== "stream") throw new Stop("invalid-namespace", "not a stream");
  });
  parser.on("closetag", () => {
    checkLength();
    depth -= 1;
    if (depth > outside && skipped) return;
    const done = open.pop();
    const parent = open.at(-1);
    if (done && parent) {
      parent.children.push(done);
      return;
    }
    began = parser.position;
    if (skipped) tree.to.push({ kind: "stanza", element: skipped.head, excess: skipped.excess });
    else tree.to.push(done ? { kind: "stanza", element: done } : { kind: "close" });
    skipped = undefined;
  });
  return tree;
}

// Text around a CDATA section is one text.
function append(children: Node[], text: string): void {
  const last = children.length - 1;
  const before = children[last];
  if (typeof before === "string") children[last] = before + text;
  else children.push(text);
}

function readAttributes(tag: SaxesTagNS): Attributes {
  const attrs: Record<string, string> = Object.create(null);
  for (const key in tag.attributes) {
    const attribute = tag.attributes[key];
    if (attribute === undefined || attribute.prefix === "xmlns" || attribute.name === "xmlns") continue;
    const plain = attribute.prefix === "" || attribute.prefix === "xml";
    attrs[plain ? attribute.name : `{${attribute.uri}}${attribute.local}`] = attribute.value;
  }
  return attrs;
}

/** One element as text. For stored text and tests; the network comes through `openReader`. */
export function parseElement(source: string): Result<Element> {
  const reads = openReader(limits, false).push(Buffer.from(source, "utf8"));
  const fault = reads.find((read) => read.kind === "fault");
  if (fault?.kind === "fault") return bad(`${fault.condition}: ${fault.text}`);
  const stanza = reads.find((read) => read.kind === "stanza");
  return stanza?.kind === "stanza" ? ok(stanza.element) : bad("not-well-formed: not one whole element");
}
