// conference-info as a client reads it: a roster kept from full and partial documents (RFC 4575 §4.4, §5). No code of the gateway.
import { SaxesParser } from "saxes";

export interface XmlNode {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlNode[];
  text: string;
}

/** Reads a document as a tree, names without prefixes; throws at what is not well formed. */
export function readXml(text: string): XmlNode {
  const parser = new SaxesParser();
  const top: XmlNode = { name: "", attributes: {}, children: [], text: "" };
  const stack = [top];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const node: XmlNode = { name: name.replace(/^.*:/, ""), attributes, children: [], text: "" };
    stack.at(-1)?.children.push(node);
    stack.push(node);
  });
  parser.on("text", (piece) => {
    const node = stack.at(-1);
    if (node !== undefined) node.text += piece;
  });
  parser.on("closetag", () => void stack.pop());
  parser.write(text).close();
  const [root] = top.children;
  if (root === undefined) throw new Error("an empty document");
  return root;
}

const child = (node: XmlNode | undefined, name: string): XmlNode | undefined =>
  node?.children.find((each) => each.name === name);

export interface RosterUser {
  readonly entity: string;
  readonly nick: string;
  readonly roles: readonly string[];
  readonly endpoints: readonly string[];
  readonly status: string;
}

export type RosterNews =
  | { readonly kind: "joined" | "role"; readonly user: RosterUser }
  | { readonly kind: "left"; readonly user: RosterUser; readonly why: string }
  | { readonly kind: "renamed"; readonly user: RosterUser; readonly from: string };

/** What a subscriber knows. */
export class SipRoster {
  readonly users = new Map<string, RosterUser>();
  /** The last document's version; undefined before the first. */
  version: number | undefined;
  subject = "";
  state = "";
  /** Partial documents that came with a gap before them: a client has to subscribe anew. */
  gaps = 0;

  /** Takes one document; what is new of people, in an order that a reader understands. */
  take(text: string): RosterNews[] {
    const root = readXml(text);
    const version = Number(root.attributes.version);
    if (this.version !== undefined && version <= this.version) return [];
    this.state = root.attributes.state ?? "full";
    if (this.state === "partial" && version !== (this.version ?? -1) + 1) {
      this.gaps += 1;
      return [];
    }
    this.version = version;
    if (this.state === "deleted") return [];
    const subject = child(child(root, "conference-description"), "subject");
    if (subject !== undefined) this.subject = subject.text;
    const users = child(root, "users");
    const whole = this.state === "full" || users?.attributes.state === "full";
    return this.#users(users, whole);
  }

  #users(users: XmlNode | undefined, whole: boolean): RosterNews[] {
    const before = new Map(this.users);
    const gone = new Map<string, string>();
    const there = new Set<string>();
    if (whole) this.users.clear();
    for (const node of users?.children ?? []) {
      const entity = node.attributes.entity ?? "";
      if (node.attributes.state === "deleted") {
        const end = child(node, "endpoint");
        const method = child(end, "disconnection-method")?.text ?? "departed";
        const reason = child(child(end, "disconnection-info"), "reason")?.text ?? "";
        gone.set(entity, causeOf(method, reason));
        this.users.delete(entity);
      } else {
        there.add(entity);
        this.users.set(entity, readUser(node, entity));
      }
    }
    return newsOf(before, this.users, gone);
  }
}

const causeOf = (method: string, reason: string): string => {
  if (method === "booted")
    return reason.startsWith("banned")
      ? "banned"
      : reason.includes("members only")
        ? "not-a-member"
        : "kicked";
  return method === "failed" ? "lost" : "left";
};

function readUser(node: XmlNode, entity: string): RosterUser {
  const endpoints = node.children.filter(({ name }) => name === "endpoint");
  return {
    entity,
    nick: child(node, "display-text")?.text ?? entity,
    roles: child(node, "roles")?.children.map(({ text }) => text) ?? [],
    endpoints: endpoints.map(({ attributes }) => attributes.entity ?? ""),
    status: child(endpoints[0], "status")?.text ?? "",
  };
}

// Somebody with another entity or nick, but an endpoint that was there before, has been renamed.
function newsOf(
  before: ReadonlyMap<string, RosterUser>,
  after: ReadonlyMap<string, RosterUser>,
  gone: ReadonlyMap<string, string>,
): RosterNews[] {
  const news: RosterNews[] = [];
  const known = new Map(
    [...before.values()].flatMap((one) => one.endpoints.map((each) => [each, one] as const)),
  );
  const moved = new Set<string>();
  for (const user of after.values()) {
    const earlier =
      before.get(user.entity) ?? user.endpoints.map((each) => known.get(each)).find((one) => one);
    if (earlier === undefined) news.push({ kind: "joined", user });
    else {
      moved.add(earlier.entity);
      if (earlier.nick !== user.nick) news.push({ kind: "renamed", user, from: earlier.nick });
      if (earlier.roles[0] !== user.roles[0]) news.push({ kind: "role", user });
    }
  }
  for (const user of before.values())
    if (!after.has(user.entity) && !moved.has(user.entity))
      news.push({ kind: "left", user, why: gone.get(user.entity) ?? "left" });
  return news;
}
