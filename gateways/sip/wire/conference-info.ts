// application/conference-info+xml as another's focus writes it: the roster of a conference, whole or what changed of it
// (RFC 4575 §4-5; nick: RFC 6501 §4.6.5).
import { SaxesParser, type SaxesTagNS } from "saxes";
import { bad, ok, type Result } from "#bus-schemas/result.ts";

export const infoLimits = {
  /** Bytes of one document; a longer one is not read. */
  bytes: 1_048_576,
  /** Users of one document, and endpoints of one user; more are not read. */
  users: 10_000,
  endpoints: 32,
  /** Characters of one value; the rest is cut. */
  value: 2_048,
} as const;

export type InfoState = "full" | "partial" | "deleted";

export interface InfoEndpoint {
  readonly entity: string;
  readonly state: InfoState;
  /** `connected`, `disconnected`, …; undefined: not said. */
  readonly status: string | undefined;
  /** How it went: departed, booted, failed, busy. */
  readonly method: string | undefined;
  readonly reason: string | undefined;
}

export interface InfoUser {
  readonly entity: string;
  readonly state: InfoState;
  readonly nick: string | undefined;
  readonly display: string | undefined;
  /** Other addresses of his (`associated-aors`). */
  readonly aors: readonly string[];
  readonly roles: readonly string[];
  readonly endpoints: readonly InfoEndpoint[];
}

export interface ConferenceInfo {
  readonly state: InfoState;
  readonly version: number;
  readonly subject: string | undefined;
  /** Of the list of users: whether it is all of them. */
  readonly usersState: InfoState;
  readonly users: readonly InfoUser[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Writable<Omit<InfoUser, "aors" | "roles" | "endpoints">> & {
  aors: string[];
  roles: string[];
  endpoints: Writable<InfoEndpoint>[];
};

const states: readonly string[] = ["full", "partial", "deleted"];
const namespace = "urn:ietf:params:xml:ns:conference-info";

/** Reads a document. Errors: not well formed, a DOCTYPE, another root, no version, over the limit of bytes. */
export function parseConferenceInfo(body: Uint8Array): Result<ConferenceInfo> {
  if (body.length > infoLimits.bytes) return bad("conference-info too large");
  const reader = new Reader();
  const parser = new SaxesParser({ xmlns: true });
  let failed = false;
  parser.on("error", () => {
    failed = true;
  });
  parser.on("doctype", () => {
    failed = true;
  });
  parser.on("opentag", (tag) => reader.open(tag));
  parser.on("text", (text) => reader.text(text));
  parser.on("cdata", (text) => reader.text(text));
  parser.on("closetag", () => reader.close());
  parser.write(Buffer.from(body).toString("utf8")).close();
  const info = reader.info;
  return failed || info === undefined ? bad("not conference-info that we read") : ok(info);
}

class Reader {
  readonly #path: string[] = [];
  readonly #users: Draft[] = [];
  #text = "";
  #head: Pick<ConferenceInfo, "state" | "version"> | undefined;
  #usersState: InfoState = "full";
  #subject: string | undefined;

  get info(): ConferenceInfo | undefined {
    if (this.#head === undefined) return undefined;
    return { ...this.#head, subject: this.#subject, usersState: this.#usersState, users: this.#users };
  }

  open(tag: SaxesTagNS): void {
    // What is of another namespace, or deeper than anything we read, keeps its place and says nothing.
    this.#path.push(tag.uri === namespace ? tag.local : "*");
    this.#text = "";
    switch (this.#path.join("/")) {
      case "conference-info":
        return this.#root(tag);
      case "conference-info/users":
        this.#usersState = stateOf(tag);
        return;
      case "conference-info/users/user":
        if (this.#users.length < infoLimits.users) this.#users.push(userOf(tag));
        return;
      case "conference-info/users/user/endpoint": {
        const list = this.#users.at(-1)?.endpoints;
        if (list !== undefined && list.length < infoLimits.endpoints)
          list.push({
            entity: attributeOf(tag, "entity"),
            state: stateOf(tag),
            status: undefined,
            method: undefined,
            reason: undefined,
          });
      }
    }
  }

  text(text: string): void {
    if (this.#text.length < infoLimits.value) this.#text += text.slice(0, infoLimits.value);
  }

  close(): void {
    const text = this.#text.trim().slice(0, infoLimits.value);
    const user = this.#users.at(-1);
    const endpoint = user?.endpoints.at(-1);
    switch (this.#path.join("/")) {
      case "conference-info/conference-description/subject":
        this.#subject = text;
        break;
      case "conference-info/users/user/display-text":
        if (user !== undefined) user.display = text;
        break;
      case "conference-info/users/user/roles/entry":
        user?.roles.push(text);
        break;
      case "conference-info/users/user/associated-aors/entry/uri":
        user?.aors.push(text);
        break;
      case "conference-info/users/user/endpoint/status":
        if (endpoint !== undefined) endpoint.status = text;
        break;
      case "conference-info/users/user/endpoint/disconnection-method":
        if (endpoint !== undefined) endpoint.method = text;
        break;
      case "conference-info/users/user/endpoint/disconnection-info/reason":
        if (endpoint !== undefined) endpoint.reason = text;
    }
    this.#path.pop();
    this.#text = "";
  }

  #root(tag: SaxesTagNS): void {
    const version = attributeOf(tag, "version");
    if (/^\d{1,10}$/.test(version)) this.#head = { state: stateOf(tag), version: Number(version) };
  }
}

const attributeOf = (tag: SaxesTagNS, name: string): string =>
  (Object.values(tag.attributes).find(({ local }) => local === name)?.value ?? "").slice(0, infoLimits.value);

/** `full` where nothing is said (RFC 4575 §4.4). */
function stateOf(tag: SaxesTagNS): InfoState {
  const state = attributeOf(tag, "state");
  return states.includes(state) ? (state as InfoState) : "full";
}

function userOf(tag: SaxesTagNS): Draft {
  const nick = attributeOf(tag, "nickname");
  return {
    entity: attributeOf(tag, "entity"),
    state: stateOf(tag),
    nick: nick === "" ? undefined : nick,
    display: undefined,
    aors: [],
    roles: [],
    endpoints: [],
  };
}
