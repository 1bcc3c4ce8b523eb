// Element to text: RFC 6120 §11.1, XML 1.0 §2.2 and §2.4.
import { type Element, isElement } from "./element.ts";

// What XML 1.0 cannot carry: C0 controls but TAB LF CR, U+FFFE, U+FFFF, and halves of surrogate pairs.
const illegal =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const suspicious = /[\u0000-\u0008\u000b-\u001f\ufffe\uffff\ud800-\udfff&<>"'\t\n\r]/;
const special = /[&<>"'\r]/g;
const specialInAttribute = /[&<>"'\t\n\r]/g;
const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};
const entity = (character: string): string => entities[character] ?? character;

/** The text with every character that XML 1.0 §2.2 forbids replaced by U+FFFD. */
export const legal = (text: string): string => text.replace(illegal, "\ufffd");

const escapeText = (text: string): string =>
  suspicious.test(text) ? legal(text).replace(special, entity) : text;
const escapeAttribute = (text: string): string =>
  suspicious.test(text) ? legal(text).replace(specialInAttribute, entity) : text;

/** An attribute as it stands inside a tag, with the space before it. */
export const printAttribute = (name: string, value: string): string => ` ${name}='${escapeAttribute(value)}'`;

/**
 * Prints an element as it stands inside a parent whose default namespace is `outer`. Names are ours or came from the
 * parser; values may be anything: what XML cannot carry becomes U+FFFD.
 */
export function print(element: Element, outer = ""): string {
  let out = `<${element.name}`;
  if (element.xmlns !== outer) out += ` xmlns='${escapeAttribute(element.xmlns)}'`;
  let prefixes = 0;
  for (const name in element.attrs) {
    const value = escapeAttribute(element.attrs[name] ?? "");
    const end = name.startsWith("{") ? name.indexOf("}") : -1;
    if (end < 0) out += ` ${name}='${value}'`;
    else {
      // An attribute without prefix has no namespace, so a foreign one needs a prefix, made up here.
      const prefix = `n${prefixes++}`;
      out += ` xmlns:${prefix}='${escapeAttribute(name.slice(1, end))}' ${prefix}:${name.slice(end + 1)}='${value}'`;
    }
  }
  if (element.children.length === 0) return `${out}/>`;
  out += ">";
  for (const node of element.children) out += isElement(node) ? print(node, element.xmlns) : escapeText(node);
  return `${out}</${element.name}>`;
}
