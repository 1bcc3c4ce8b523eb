// text/html to plain text: tags out, line breaks kept, the common character references read. One pass, no backtracking.

const breaking: ReadonlySet<string> = new Set([
  "br",
  "p",
  "div",
  "li",
  "tr",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "blockquote",
]);
const silent: ReadonlySet<string> = new Set(["script", "style", "head", "title", "template"]);
const references: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

/** The text a reader would see. Never throws; what looks like a tag and never ends is left out. */
export function htmlText(html: string): string {
  const lower = html.toLowerCase();
  let out = "";
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    if (open === -1) {
      out += html.slice(at);
      break;
    }
    out += html.slice(at, open);
    const close = html.indexOf(">", open);
    if (close === -1) break;
    const inner = html.slice(open + 1, close);
    const name = /^\/?([a-z][a-z0-9]*)/i.exec(inner)?.[1]?.toLowerCase() ?? "";
    at = close + 1;
    if (silent.has(name) && !inner.startsWith("/")) at = afterElement(lower, at, name);
    else if (name === "br" || (breaking.has(name) && inner.startsWith("/"))) out += "\n";
  }
  return decode(out).trim();
}

function afterElement(lower: string, from: number, name: string): number {
  const end = lower.indexOf(`</${name}`, from);
  if (end === -1) return lower.length;
  const close = lower.indexOf(">", end);
  return close === -1 ? lower.length : close + 1;
}

const decode = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,5}));/gi, (whole, decimal, hex, name) => {
    if (typeof name === "string") return references[name.toLowerCase()] ?? whole;
    const point =
      typeof decimal === "string" ? Number.parseInt(decimal, 10) : Number.parseInt(String(hex), 16);
    return point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)
      ? String.fromCodePoint(point)
      : "";
  });
