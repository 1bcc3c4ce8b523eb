// One component stream from its opening to its end: XEP-0114 §3, and our own acknowledgements (urn:parley:ack:0).
import { createHash } from "node:crypto";
import { child, type Element, element, elements, ns } from "../wire/element.ts";
import { print } from "../wire/print.ts";
import type { Read } from "../wire/read.ts";

export interface StreamOptions {
  readonly domain: string;
  readonly secret: string;
  /** `auto`: acknowledged if the server has the module; `require`: nothing else; `off`: plain. */
  readonly ack: "auto" | "require" | "off";
  /** The queue of an earlier stream, and up to where we hold it. */
  readonly resume?: { readonly queue: string; readonly h: number } | undefined;
}

/** How stanzas come in: numbered and kept until acknowledged, or best effort. */
export type Inbound =
  | {
      readonly mode: "acked";
      readonly queue: string;
      readonly h: number;
      readonly resumed: boolean;
      /** The server addresses one stanza to many itself: `<fan/>`. */
      readonly fans?: true;
    }
  | { readonly mode: "plain" };

export interface StreamState {
  readonly at: "closed" | "opening" | "proving" | "asking" | "running" | "ended";
  readonly options: StreamOptions;
}

export type StreamInput =
  | { readonly kind: "connected" }
  | { readonly kind: "read"; readonly read: Read }
  /** The server has not answered `<enable/>` in time. */
  | { readonly kind: "timer" }
  | { readonly kind: "disconnected" };

export type StreamOutput =
  | { readonly do: "write"; readonly text: string }
  /** Start the timer; it is never stopped, only ignored when late. */
  | { readonly do: "wait-for-answer" }
  | { readonly do: "running"; readonly inbound: Inbound }
  /** `excess`: over a limit, and only its tag is there. */
  | { readonly do: "stanza"; readonly element: Element; readonly excess?: string }
  | { readonly do: "barrier-answered"; readonly id: string }
  /** The stream is over: close the socket. `plain`: the server does not know the module, come back without asking. */
  | { readonly do: "end"; readonly why: Ending; readonly text: string };

/**
 * conflict: another holder took the domain. refused: secret or domain are wrong. no-module: unknown to the server.
 * lost: the connection went. fault: what came was not a stream.
 */
export type Ending = "conflict" | "refused" | "no-module" | "lost" | "fault";

type Step = readonly [StreamState, readonly StreamOutput[]];

/** A stream that has not been opened yet. */
export const openStream = (options: StreamOptions): StreamState => ({ at: "closed", options });

/** One step of the stream. Input after the end does nothing. */
export function step(state: StreamState, input: StreamInput): Step {
  if (state.at === "ended") return [state, []];
  switch (input.kind) {
    case "connected":
      return [{ ...state, at: "opening" }, [{ do: "write", text: header(state.options.domain) }]];
    case "disconnected":
      // Some servers close without a word on an element that they do not know.
      return end(state, state.at === "asking" ? "no-module" : "lost", "connection closed");
    case "timer":
      if (state.at !== "asking") return [state, []];
      return state.options.ack === "require"
        ? end(state, "no-module", "no answer to enable")
        : running(state, { mode: "plain" });
    case "read":
      return onRead(state, input.read);
  }
}

const header = (domain: string): string =>
  `<?xml version='1.0'?><stream:stream xmlns='${ns.component}' xmlns:stream='${ns.stream}' to='${domain}'>`;

function end(state: StreamState, why: Ending, text: string): Step {
  return [{ ...state, at: "ended" }, [{ do: "end", why, text }]];
}

function running(state: StreamState, inbound: Inbound): Step {
  return [{ ...state, at: "running" }, [{ do: "running", inbound }]];
}

function onRead(state: StreamState, read: Read): Step {
  switch (read.kind) {
    case "fault":
      return end(state, "fault", `${read.condition}: ${read.text}`);
    case "close":
      return end(state, state.at === "asking" ? "no-module" : "lost", "stream closed by the server");
    case "open":
      return onOpen(state, read.attrs.id ?? "");
    case "stanza":
      return onElement(state, read.element, read.excess === undefined ? {} : { excess: read.excess });
  }
}

function onOpen(state: StreamState, id: string): Step {
  if (state.at !== "opening") return end(state, "fault", "a second stream header");
  const proof = element("handshake", ns.component, {}, handshake(id, state.options.secret));
  return [{ ...state, at: "proving" }, [write(proof)]];
}

/** The proof that we know the secret: XEP-0114 §3, lower-case hex of SHA-1 over stream id and secret. */
export const handshake = (streamId: string, secret: string): string =>
  createHash("sha1")
    .update(streamId + secret, "utf8")
    .digest("hex");

const write = (what: Element): StreamOutput => ({ do: "write", text: print(what, ns.component) });

function onElement(state: StreamState, received: Element, excess: { readonly excess?: string }): Step {
  if (received.name === "error" && received.xmlns === ns.stream) return onStreamError(state, received);
  if (received.name === "handshake" && state.at === "proving") return ask(state);
  if (received.xmlns === ns.ack) return onAckElement(state, received);
  // Before `running` nothing may come but answers; a server that sends all the same is a plain one.
  if (state.at === "asking" && state.options.ack !== "require") {
    const [next, outputs] = running(state, { mode: "plain" });
    return [next, [...outputs, { do: "stanza", element: received, ...excess }]];
  }
  if (state.at !== "running") return end(state, "fault", `${received.name} before the stream was ready`);
  return [state, [{ do: "stanza", element: received, ...excess }]];
}

function ask(state: StreamState): Step {
  if (state.options.ack === "off") return running(state, { mode: "plain" });
  const resume = state.options.resume;
  const question = resume
    ? element("resume", ns.ack, { previd: resume.queue, h: String(resume.h) })
    : element("enable", ns.ack);
  return [{ ...state, at: "asking" }, [write(question), { do: "wait-for-answer" }]];
}

function onAckElement(state: StreamState, answer: Element): Step {
  if (answer.name === "a" && state.at === "running")
    return [state, [{ do: "barrier-answered", id: answer.attrs.id ?? "" }]];
  if (state.at !== "asking") return [state, []];
  // A queue that is not the one we knew (the server was restarted): take what is there.
  if (answer.name === "failed") return [state, [write(element("enable", ns.ack)), { do: "wait-for-answer" }]];
  const resumed = answer.name === "resumed";
  const queue = answer.attrs[resumed ? "previd" : "id"] ?? "";
  const h = Number(answer.attrs.h ?? Number.NaN);
  if (queue === "" || !Number.isSafeInteger(h) || h < 0)
    return end(state, "fault", "a malformed answer to enable");
  const fans = answer.attrs.fan === "1" && { fans: true as const };
  return running(state, { mode: "acked", queue, h, resumed, ...fans });
}

function onStreamError(state: StreamState, error: Element): Step {
  const condition =
    elements(error).find((one) => one.xmlns === ns.streams && one.name !== "text")?.name ?? "";
  const words = child(error, "text", ns.streams);
  const told = `${condition}${words ? `: ${words.children.join("").slice(0, 200)}` : ""}`;
  if (condition === "conflict") return end(state, "conflict", told);
  if (condition === "not-authorized" || condition === "host-unknown") return end(state, "refused", told);
  if (state.at === "asking") return end(state, "no-module", told);
  return end(state, "lost", told);
}
