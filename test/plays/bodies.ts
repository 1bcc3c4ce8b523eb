// What people say in plays, and what must become of it on every side: EDGES §8.4 as data. Texts are what users see.

/** A way to speak or to hear; a phone that is reached over UDP only is a way of its own. */
export type Way = "sip-udp" | "sip-tcp" | "xmpp" | "irc" | "web";

export const ways: readonly Way[] = ["sip-udp", "sip-tcp", "xmpp", "irc", "web"];

/** A refusal as each sender is told it: the SIP status, the XMPP condition, what IRC reads, the web's code. */
export interface Refusal {
  readonly sip: string;
  readonly xmpp: string;
  readonly irc: RegExp;
  readonly web: string;
}

export const tooLarge: Refusal = { sip: "413", xmpp: "policy-violation", irc: /too large/, web: "413" };
export const notSupported: Refusal = { sip: "488", xmpp: "not-acceptable", irc: /not supported/, web: "415" };

export interface Body {
  readonly name: string;
  readonly text: string;
  /** Ways by which it cannot be said at all, and why. */
  readonly unsayable?: Partial<Record<Way, string>>;
  /** Refused at the sender's own gateway, wherever it is to go. */
  readonly refused?: Refusal;
  /** Refused on this way's side. */
  readonly refusedBy?: Partial<Record<Way, Refusal>>;
  /** What is heard, where it is not the very text. */
  readonly becomes?: string;
  /** On IRC: the lines, where they are not one; `joined`: any lines that make up the text when they are put together. */
  readonly onIrc?: readonly string[] | "joined";
}

const oneLine = "a line of IRC ends where the text breaks: two lines are two messages";
const longLine = "longer than a line of IRC";
const longDatagram = "longer than a MESSAGE over UDP may be (RFC 3428 §8)";
const notXml = "XML 1.0 has no such characters";

const words = (bytes: number): string =>
  Array.from({ length: Math.ceil(bytes / 8) }, (_none, n) => `w${String(n).padStart(6, "0")} `)
    .join("")
    .slice(0, bytes - 1)
    .concat(".");

export const bodies: readonly Body[] = [
  { name: "plain words", text: "Hello, is anybody there?" },
  { name: "emoji and accents", text: "naïve café ✅ 👩‍👩‍👧‍👦 𝕊 e\u0301" },
  { name: "right to left", text: "שלום עולם, مرحبا بالعالم" },
  { name: "XML-special characters", text: `<b>&amp;</b> "two" 'one' ]]> <!-- & --> <?x?>` },
  { name: "IRC-special characters", text: ":colon first, #channel, @all, /quit, %s \\n" },
  { name: "spaces inside", text: "a  b   c" },
  { name: "a word that looks like a refusal", text: "not delivered: just my words" },
  {
    name: "several lines",
    text: "first\nsecond\n\nfourth",
    unsayable: { irc: oneLine },
    onIrc: ["first", "second", "fourth"],
  },
  {
    name: "lines that end with CR LF",
    text: "one\r\ntwo",
    becomes: "one\ntwo",
    unsayable: { irc: oneLine },
    onIrc: ["one", "two"],
  },
  { name: "a line of 400 bytes", text: words(400), onIrc: "joined" },
  { name: "a line of 700 bytes", text: words(700), unsayable: { irc: longLine }, onIrc: "joined" },
  {
    name: "8 KiB",
    text: words(8192),
    unsayable: { irc: longLine, "sip-udp": longDatagram },
    refusedBy: { irc: tooLarge, "sip-udp": tooLarge },
  },
  {
    name: "control characters",
    text: "bell\u0007 tab\tescape\u001b end",
    becomes: "bell tab\tescape end",
    unsayable: { xmpp: notXml },
  },
  {
    name: "nothing but spaces",
    text: "   ",
    unsayable: { irc: "a word to the service without a text is no message" },
    refusedBy: { irc: notSupported },
  },
  {
    name: "nothing",
    text: "",
    unsayable: { irc: "RFC 2812 §3.3.1: no text to send" },
    refused: notSupported,
  },
];
