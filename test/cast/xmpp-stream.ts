// An XML stream as an XMPP client reads it (RFC 6120 §4): whole children of the root, as small trees. Own code on saxes.
import { SaxesParser, type SaxesTagPlain } from "saxes";

export interface Node {
  readonly name: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: Node[];
  text: string;
}

/** The first child of this name, and of this namespace if one is given. */
export const childOf = (node: Node | undefined, name: string, xmlns?: string): Node | undefined =>
  node?.children.find((child) => child.name === name && (xmlns === undefined || child.attrs.xmlns === xmlns));

export const escapeXml = (text: string): string =>
  text
    .replace(/[&<>"'\r]/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd");

/** A reader of one stream: a new stream needs a new one. */
export class StreamReader {
  readonly #parser = new SaxesParser();
  readonly #path: Node[] = [];
  #depth = 0;

  constructor(onChild: (node: Node) => void, onEnd: () => void) {
    this.#parser.on("opentag", (tag: SaxesTagPlain) => {
      this.#depth += 1;
      if (this.#depth === 1) return;
      const node: Node = { name: tag.name, attrs: tag.attributes, children: [], text: "" };
      this.#path.at(-1)?.children.push(node);
      this.#path.push(node);
    });
    const text = (chunk: string): void => {
      const node = this.#path.at(-1);
      if (node !== undefined) node.text += chunk;
    };
    this.#parser.on("text", text);
    this.#parser.on("cdata", text);
    this.#parser.on("closetag", () => {
      this.#depth -= 1;
      const node = this.#path.pop();
      if (this.#depth === 1 && node !== undefined) onChild(node);
      if (this.#depth === 0) onEnd();
    });
    this.#parser.on("error", (error) => {
      throw error;
    });
  }

  write(text: string): void {
    this.#parser.write(text);
  }
}
