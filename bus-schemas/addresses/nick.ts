// IRC nicks and channels <-> addresses (RFC 2812 §2.3.1, §1.3; modern IRC, RPL_ISUPPORT CASEMAPPING).
import type { Address } from "../address.ts";
import { bad, ok, type Result } from "../result.ts";
import { utf8Length } from "./text.ts";

export type CaseMapping = "ascii" | "rfc1459" | "rfc1459-strict" | "rfc7613";

/** What a network allows, from its RPL_ISUPPORT. */
export interface NickRules {
  /** NICKLEN: characters, on UTF-8 networks octets. RFC 1459 §1.2 gives 9. */
  readonly nickLength: number;
  readonly casemapping: CaseMapping;
  /** True if the network takes letters of all scripts in nicks. */
  readonly utf8: boolean;
}

const upper: Readonly<Record<CaseMapping, RegExp>> = {
  ascii: /[A-Z]/g,
  "rfc1459-strict": /[A-Z[\]\\]/g,
  rfc1459: /[A-Z[\]\\~]/g,
  rfc7613: /(?!)/g,
};

/** The spelling under which a network compares nicks and channels. `[]\~` are the capitals of `{}|^` (RFC 1459 §2.2). */
export function foldIrc(text: string, casemapping: CaseMapping): string {
  if (casemapping === "rfc7613") return text.normalize("NFKC").toLowerCase().normalize("NFKC");
  // All these capitals lie 32 below their small ones, but for ~, whose small one is ^.
  return text.replace(upper[casemapping], (c) =>
    c === "~" ? "^" : String.fromCharCode(c.charCodeAt(0) + 32),
  );
}

/** Whether two texts name the same nick or channel there. */
export const sameIrc = (a: string, b: string, casemapping: CaseMapping): boolean =>
  foldIrc(a, casemapping) === foldIrc(b, casemapping);

const nickAscii = /^[A-Za-z[\]\\`_^{|}][A-Za-z0-9[\]\\`_^{|}-]*$/;
const nickUtf8 = /^[\p{L}[\]\\`_^{|}][\p{L}\p{M}\p{Nd}[\]\\`_^{|}-]*$/u;

const lengthOf = (text: string, utf8: boolean): number => (utf8 ? utf8Length(text) : text.length);

/** Whether the network would take this nick. */
export const isNick = (text: string, rules: NickRules): boolean =>
  (rules.utf8 ? nickUtf8 : nickAscii).test(text) && lengthOf(text, rules.utf8) <= rules.nickLength;

/** Whether this is a channel's name (RFC 2812 §1.3): a known prefix, then no NUL, BEL, CR, LF, space or comma. */
export const isChannel = (text: string, chanTypes = "#&", channelLength = 200): boolean =>
  text.length > 1 &&
  utf8Length(text) <= channelLength &&
  chanTypes.includes(text.charAt(0)) &&
  !/[\x00\x07\r\n ,]/.test(text);

/**
 * A legal nick for any name: letters with marks lose them where the network has only ASCII, all else becomes `_`; a name
 * that leaves nothing to read gets a short stable number. The same name always gets the same nick.
 */
export function toNick(text: string, rules: NickRules): string {
  if (isNick(text, rules)) return text;
  const wellFormed = text.toWellFormed();
  const clean = rules.utf8 ? cleanUtf8(wellFormed) : cleanAscii(wellFormed);
  const readable = /[\p{L}\p{Nd}]/u.test(clean) ? clean : `user${stableNumber(text)}`;
  const started = /^[\p{Nd}\p{M}-]/u.test(readable) ? `_${readable}` : readable;
  return cut(started, rules);
}

const cleanAscii = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^A-Za-z0-9[\]\\`_^{|}-]+/g, "_");

const cleanUtf8 = (text: string): string =>
  text.normalize("NFC").replace(/[^\p{L}\p{M}\p{Nd}[\]\\`_^{|}-]+/gu, "_");

// FNV-1a, 24 bits of it: enough to tell two unreadable names apart, not a secret.
function stableNumber(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return ((hash >>> 8) & 0xffffff).toString(16).padStart(6, "0");
}

/** Shortened to the network's length, never inside a character. */
function cut(text: string, rules: NickRules, reserve = 0): string {
  const room = Math.max(1, rules.nickLength - reserve);
  if (!rules.utf8) return text.slice(0, room);
  let out = "";
  for (const c of text) {
    if (utf8Length(out) + utf8Length(c) > room) break;
    out += c;
  }
  return out === "" ? "_" : out;
}

/**
 * The nick to try when `nick` is taken: attempt 1 gives `nick_`, 2 and more `nick2`, `nick3` …; the name is shortened so
 * that the suffix fits. Attempts may go on for ever; each gives another nick until the digits fill the whole length.
 */
export function nextNick(nick: string, attempt: number, rules: NickRules): string {
  const suffix = attempt <= 1 ? "_" : String(attempt);
  return `${cut(nick, rules, suffix.length)}${suffix}`.slice(
    0,
    Math.max(rules.nickLength, suffix.length + 1),
  );
}

/**
 * The address of a nick or channel on a network with this domain, spelt as the network shows it. Errors: an empty text,
 * or one with a space or a control character, which no network sends.
 */
export function fromNick(nick: string, domain: string): Result<Address> {
  if (nick === "" || /[\x00-\x20]/.test(nick)) return bad("not a nick or channel");
  if (utf8Length(nick) > 1023) return bad("the nick is longer than 1023 octets");
  return ok({ local: nick.toWellFormed(), domain });
}

/** The nick that an address of the network's own domain names. Errors: what the network would refuse as a nick. */
export function nickOf(address: Address, rules: NickRules): Result<string> {
  return isNick(address.local, rules) ? ok(address.local) : bad("no nick can be spelt like that here");
}
