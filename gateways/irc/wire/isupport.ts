// What the server says of itself in 005: RPL_ISUPPORT (draft-hardy-irc-isupport §3), and the case rules of names.

/** Names that differ only in case are one name, by these rules (RFC 1459 §2.2). */
export type CaseMapping = "ascii" | "rfc1459" | "rfc1459-strict";

export interface Isupport {
  readonly caseMapping: CaseMapping;
  readonly nickLength: number;
  readonly channelTypes: string;
  readonly network?: string | undefined;
  /** Rank symbols of members by mode letter, highest first: `o` is `@`. */
  readonly prefixes: ReadonlyMap<string, string>;
  /** Channel modes with a parameter: lists and always; only when set. */
  readonly modesWithParameter: string;
  readonly modesWithParameterWhenSet: string;
}

const defaultPrefixes: ReadonlyMap<string, string> = new Map([
  ["o", "@"],
  ["v", "+"],
]);

/** What holds until the server has spoken: RFC 1459's nick of nine would shorten names for nothing, so 30 is tried first. */
export const beforeIsupport: Isupport = {
  caseMapping: "rfc1459",
  nickLength: 30,
  channelTypes: "#&",
  prefixes: defaultPrefixes,
  modesWithParameter: "beIk",
  modesWithParameterWhenSet: "l",
};

const unescapeValue = (value: string): string =>
  value.replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

const caseMappingOf = (value: string): CaseMapping =>
  value === "ascii" || value === "rfc1459-strict" ? value : "rfc1459";

function prefixesOf(value: string): ReadonlyMap<string, string> {
  const [, letters = "", symbols = ""] = /^\(([A-Za-z]*)\)(.*)$/.exec(value) ?? [];
  return new Map([...letters].map((letter, index) => [letter, symbols.charAt(index)]));
}

function withToken(state: Isupport, key: string, value: string): Isupport {
  switch (key) {
    case "CASEMAPPING":
      return { ...state, caseMapping: caseMappingOf(value) };
    case "NICKLEN": {
      const length = Number.parseInt(value, 10);
      return length >= 1 && length <= 512 ? { ...state, nickLength: length } : state;
    }
    case "CHANTYPES":
      return { ...state, channelTypes: value };
    case "NETWORK":
      return { ...state, network: value };
    case "PREFIX":
      return { ...state, prefixes: prefixesOf(value) };
    case "CHANMODES": {
      const [lists = "", always = "", whenSet = ""] = value.split(",");
      return { ...state, modesWithParameter: lists + always, modesWithParameterWhenSet: whenSet };
    }
    default:
      return state;
  }
}

const defaults: Readonly<Record<string, Partial<Isupport>>> = {
  CASEMAPPING: { caseMapping: beforeIsupport.caseMapping },
  NICKLEN: { nickLength: 9 },
  CHANTYPES: { channelTypes: beforeIsupport.channelTypes },
  NETWORK: { network: undefined },
  PREFIX: { prefixes: defaultPrefixes },
  CHANMODES: { modesWithParameter: "beIk", modesWithParameterWhenSet: "l" },
};

/** Takes over one 005: `tokens` are its parameters without our nick and without the closing words. `-KEY` withdraws. */
export function isupport(state: Isupport, tokens: readonly string[]): Isupport {
  let next = state;
  for (const token of tokens) {
    const equals = token.indexOf("=");
    const key = equals < 0 ? token : token.slice(0, equals);
    if (key.startsWith("-")) next = { ...next, ...defaults[key.slice(1)] };
    else next = withToken(next, key, equals < 0 ? "" : unescapeValue(token.slice(equals + 1)));
  }
  return next;
}

/** The one spelling of a nick or channel under which it is compared. */
export function foldName(name: string, mapping: CaseMapping): string {
  const lower = name.replace(/[A-Z]/g, (at) => at.toLowerCase());
  if (mapping === "ascii") return lower;
  const braces = lower.replaceAll("[", "{").replaceAll("]", "}").replaceAll("\\", "|");
  return mapping === "rfc1459-strict" ? braces : braces.replaceAll("~", "^");
}
