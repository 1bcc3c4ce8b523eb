// Logging in, up to the end of the greeting: RFC 2812 §3.1, IRCv3 capability-negotiation, IRCv3 sasl-3.1 and sasl-3.2.
import { beforeIsupport, type Isupport, isupport } from "../wire/isupport.ts";
import { type Message, message, param } from "../wire/message.ts";
import { nickCandidate } from "../wire/nick.ts";

export type Sasl =
  | { readonly mechanism: "PLAIN"; readonly account: string; readonly password: string }
  | { readonly mechanism: "EXTERNAL"; readonly account: string };

export interface Login {
  readonly nick: string;
  readonly user: string;
  readonly realName: string;
  readonly password?: string | undefined;
  readonly webirc?:
    | { readonly password: string; readonly gateway: string; readonly host: string; readonly ip: string }
    | undefined;
  readonly sasl?: Sasl | undefined;
  /** Whether to go on without an account when SASL is refused or absent. */
  readonly saslOptional?: boolean | undefined;
}

/** What is asked of the server if it offers it (IRCv3). */
export const wantedCaps: readonly string[] = [
  "account-notify",
  "account-tag",
  "batch",
  "cap-notify",
  "chghost",
  "echo-message",
  "labeled-response",
  "message-tags",
  "server-time",
  "standard-replies",
];

export interface Registration {
  readonly phase: "negotiating" | "authenticating" | "greeting" | "done" | "failed";
  readonly nick: string;
  /** How many names were refused. */
  readonly attempt: number;
  readonly nickLimit: number;
  readonly offered: ReadonlyMap<string, string>;
  readonly caps: ReadonlySet<string>;
  readonly isupport: Isupport;
  /** `nick!user@host` as far as the greeting tells it. */
  readonly mask?: string | undefined;
}

export type Output =
  | { readonly do: "send"; readonly message: Message }
  | { readonly do: "ready" }
  /** `retry`: whether another try later may succeed without anybody changing something. */
  | { readonly do: "failed"; readonly text: string; readonly retry: boolean };

export type Step = readonly [Registration, readonly Output[]];

/** Names tried before giving up: with the wanted one and its two underscored forms, up to `alice17`. */
export const nickAttempts = 20;

const send = (command: string, ...params: string[]): Output => ({
  do: "send",
  message: message(command, params),
});

/** The first words on a new connection. WEBIRC must be the very first (modern.ircdocs.horse/webirc). */
export function begin(login: Login): Step {
  const outputs: Output[] = [];
  const { webirc, password } = login;
  if (webirc) outputs.push(send("WEBIRC", webirc.password, webirc.gateway, webirc.host, webirc.ip));
  outputs.push(send("CAP", "LS", "302"));
  if (password !== undefined) outputs.push(send("PASS", password));
  outputs.push(send("NICK", login.nick), send("USER", login.user, "0", "*", login.realName));
  const state: Registration = {
    phase: "negotiating",
    nick: login.nick,
    attempt: 0,
    nickLimit: beforeIsupport.nickLength,
    offered: new Map(),
    caps: new Set(),
    isupport: beforeIsupport,
  };
  return [state, outputs];
}

/** Takes one line of the server. Lines that mean nothing here change nothing. */
export function step(state: Registration, login: Login, line: Message): Step {
  switch (line.command) {
    case "PING":
      return [state, [send("PONG", ...line.params.slice(-1))]];
    case "CAP":
      return onCap(state, login, line);
    case "AUTHENTICATE":
      return state.phase === "authenticating" && login.sasl ? [state, authenticate(login.sasl)] : [state, []];
    case "903":
    case "907":
      return endCaps(state);
    case "902":
    case "904":
    case "905":
    case "906":
    case "908":
      return state.phase === "authenticating"
        ? onSaslRefused(state, login, param(line, line.params.length - 1))
        : [state, []];
    case "432":
    case "433":
    case "436":
    case "437":
      return onNickRefused(state, login, line);
    case "001":
      return [{ ...state, phase: "greeting", nick: param(line, 0), mask: maskIn(line) }, []];
    case "005":
      return [{ ...state, isupport: isupport(state.isupport, line.params.slice(1, -1)) }, []];
    case "376":
    case "422":
      return state.phase === "greeting" ? [{ ...state, phase: "done" }, [{ do: "ready" }]] : [state, []];
    case "464":
    case "465":
    case "463":
      return fail(state, line.params.slice(1).join(" "), false);
    case "ERROR":
      return fail(state, param(line, 0), true);
    default:
      return [state, []];
  }
}

const fail = (state: Registration, text: string, retry: boolean): Step => [
  { ...state, phase: "failed" },
  [{ do: "failed", text, retry }],
];

const endCaps = (state: Registration): Step => [{ ...state, phase: "negotiating" }, [send("CAP", "END")]];

/** RPL_WELCOME often ends in our own mask. */
function maskIn(welcome: Message): string | undefined {
  const last = param(welcome, 1).split(" ").at(-1) ?? "";
  return /^[^!@ ]+![^!@ ]+@[^!@ ]+$/.test(last) ? last : undefined;
}

function onCap(state: Registration, login: Login, line: Message): Step {
  const subcommand = param(line, 1).toUpperCase();
  const listed = param(line, line.params.length - 1)
    .split(" ")
    .filter((cap) => cap !== "");
  switch (subcommand) {
    case "LS":
      return onOffer(state, login, listed, line.params.length > 3 && param(line, 2) === "*");
    case "ACK": {
      const caps = new Set(state.caps);
      for (const cap of listed) {
        if (cap.startsWith("-")) caps.delete(cap.slice(1));
        else caps.add(cap);
      }
      const next = { ...state, caps };
      if (state.phase !== "negotiating") return [next, []];
      if (login.sasl && caps.has("sasl"))
        return [{ ...next, phase: "authenticating" }, [send("AUTHENTICATE", login.sasl.mechanism)]];
      return endCaps(next);
    }
    case "NAK":
      if (login.sasl && !login.saslOptional)
        return fail(state, "the server refuses the SASL capability", false);
      return state.phase === "negotiating" ? endCaps(state) : [state, []];
    case "DEL": {
      const caps = new Set(state.caps);
      for (const cap of listed) caps.delete(cap);
      return [{ ...state, caps }, []];
    }
    default:
      return [state, []];
  }
}

function onOffer(state: Registration, login: Login, listed: readonly string[], more: boolean): Step {
  const offered = new Map(state.offered);
  for (const cap of listed) {
    const equals = cap.indexOf("=");
    offered.set(equals < 0 ? cap : cap.slice(0, equals), equals < 0 ? "" : cap.slice(equals + 1));
  }
  const next = { ...state, offered };
  if (more) return [next, []];
  const wanted = wantedCaps.filter((cap) => offered.has(cap));
  if (login.sasl) {
    const mechanisms = offered.get("sasl");
    const usable =
      mechanisms !== undefined && (mechanisms === "" || mechanisms.split(",").includes(login.sasl.mechanism));
    if (usable) wanted.push("sasl");
    else if (!login.saslOptional)
      return fail(next, `the server does not offer SASL ${login.sasl.mechanism}`, false);
  }
  return wanted.length === 0 ? endCaps(next) : [next, [send("CAP", "REQ", wanted.join(" "))]];
}

/** The answer in pieces of 400 bytes; a last piece of 400 is followed by an empty one (IRCv3 sasl-3.1). */
function authenticate(sasl: Sasl): Output[] {
  const plain =
    sasl.mechanism === "PLAIN" ? `${sasl.account}\0${sasl.account}\0${sasl.password}` : sasl.account;
  const encoded = Buffer.from(plain, "utf8").toString("base64");
  const outputs: Output[] = [];
  for (let at = 0; at < encoded.length; at += 400)
    outputs.push(send("AUTHENTICATE", encoded.slice(at, at + 400)));
  if (encoded.length % 400 === 0) outputs.push(send("AUTHENTICATE", "+"));
  return outputs;
}

const onSaslRefused = (state: Registration, login: Login, text: string): Step =>
  login.saslOptional ? endCaps(state) : fail(state, `SASL: ${text}`, false);

/** 432 may mean "too long": RFC 1459's nine is tried once, then the name itself is at fault. */
function onNickRefused(state: Registration, login: Login, line: Message): Step {
  if (state.phase === "greeting" || state.phase === "done") return [state, []];
  const attempt = state.attempt + 1;
  const erroneous = line.command === "432";
  if (attempt >= nickAttempts || (erroneous && state.nickLimit === 9))
    return fail(state, `no nick left: ${line.params.slice(1).join(" ")}`, !erroneous);
  const nickLimit = erroneous ? 9 : state.nickLimit;
  const nick = nickCandidate(login.nick, erroneous ? 0 : attempt, nickLimit);
  return [{ ...state, nick, attempt, nickLimit }, [send("NICK", nick)]];
}
