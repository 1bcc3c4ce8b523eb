// The machine of one browser's connection: which accounts are bound to it, and what each request leads to. sylkRTC-2.
import type { OutFrame } from "../wire/event.ts";
import type { Frame, Request, RequestOf } from "../wire/request.ts";
import {
  isRoomRequest,
  joined,
  type RoomOutput,
  type RoomSessions,
  roomStep,
  sessionsOf,
  without,
} from "./rooms.ts";

/** An account of this connection, by its key. */
export interface Bound {
  /** As the client writes it; events name it so. */
  readonly account: string;
  /** False after account-unregister: no messages until it registers again. */
  readonly receiving: boolean;
}

export interface State {
  readonly accounts: ReadonlyMap<string, Bound>;
  readonly rooms: RoomSessions;
}

export type Input =
  | { readonly kind: "frame"; readonly frame: Frame }
  /** The edge has checked the password of an account-add. */
  | { readonly kind: "verified"; readonly request: RequestOf<"account-add"> }
  | { readonly kind: "denied"; readonly request: RequestOf<"account-add">; readonly why: string }
  /** A room has taken a session, or it is over. */
  | { readonly kind: "room-joined"; readonly session: string }
  | { readonly kind: "room-ended"; readonly session: string };

/** What the edge is to do. `key` is the account's key; a request that needs it comes only for a bound account. */
export type Output =
  | { readonly do: "send"; readonly frame: OutFrame }
  | { readonly do: "authenticate"; readonly request: RequestOf<"account-add"> }
  | { readonly do: "unbind"; readonly key: string }
  /** The account takes no messages on this connection for now. */
  | { readonly do: "rest"; readonly key: string }
  /** The account can take messages on this connection from now on. */
  | { readonly do: "receive"; readonly key: string }
  | { readonly do: "accept"; readonly key: string; readonly request: RequestOf<"account-message"> }
  | { readonly do: "acknowledge"; readonly key: string; readonly request: RequestOf<"account-ack"> }
  | {
      readonly do: "report";
      readonly key: string;
      readonly request: RequestOf<"account-disposition-notification">;
    }
  | {
      readonly do: "synchronise";
      readonly key: string;
      readonly request: RequestOf<"account-sync-conversations">;
    }
  | {
      readonly do: "change";
      readonly key: string;
      readonly request: RequestOf<
        "account-mark-conversation-read" | "account-remove-message" | "account-remove-conversation"
      >;
    }
  | RoomOutput;

export type Step = readonly [State, readonly Output[]];

/** Accounts that one connection may bind; the next one is an error. */
export const mostAccounts = 16;

export const initial: State = { accounts: new Map(), rooms: new Map() };

/** The spelling under which an account is found again on its connection. */
export const accountKey = (account: string): string => account.normalize("NFC").toLowerCase();

const send = (frame: OutFrame): Output => ({ do: "send", frame });
const ack = (request: Request): Output => send({ sylkrtc: "ack", transaction: request.transaction });
const error = (request: Request, text: string, code?: number): Output =>
  send({
    sylkrtc: "error",
    transaction: request.transaction,
    error: text,
    ...(code === undefined ? {} : { code }),
  });

const withAccount = (state: State, key: string, bound: Bound | undefined): State => {
  const accounts = new Map(state.accounts);
  if (bound === undefined) accounts.delete(key);
  else accounts.set(key, bound);
  return { ...state, accounts };
};

/** One step: what to remember, and what the edge is to do, in order. */
export function step(state: State, input: Input): Step {
  switch (input.kind) {
    case "frame":
      return onFrame(state, input.frame);
    case "verified":
      return onVerified(state, input.request);
    case "denied":
      return [state, [error(input.request, input.why)]];
    case "room-joined":
      return [{ ...state, rooms: joined(state.rooms, input.session) }, []];
    case "room-ended":
      return [{ ...state, rooms: without(state.rooms, input.session) }, []];
  }
}

function onFrame(state: State, frame: Frame): Step {
  if (frame.kind === "wrong")
    return [state, [send({ sylkrtc: "error", transaction: frame.transaction ?? "", error: frame.error })]];
  const { request } = frame;
  switch (request.sylkrtc) {
    case "ping":
      return [state, [ack(request)]];
    case "lookup-public-key":
      // No keys are kept here: the event without a key is the vocabulary's own "none".
      return [state, [ack(request), send({ sylkrtc: "lookup-public-key-event", uri: request.uri })]];
    case "account-add":
      return onAdd(state, request);
    default: {
      if ("session" in request) return onRoomRequest(state, request);
      const key = accountKey(request.account);
      const bound = state.accounts.get(key);
      return bound === undefined
        ? [state, [error(request, "this account is not bound to this connection")]]
        : onAccountRequest(state, key, bound, request);
    }
  }
}

function onRoomRequest(state: State, request: Extract<Request, { session: string }>): Step {
  const key = "account" in request ? accountKey(request.account) : "";
  const stepped = roomStep(state.rooms, request, state.accounts.has(key) ? key : undefined);
  return stepped.ok
    ? [{ ...state, rooms: stepped.rooms }, stepped.outputs]
    : [state, [error(request, stepped.error, stepped.code)]];
}

function onAdd(state: State, request: RequestOf<"account-add">): Step {
  const key = accountKey(request.account);
  if (state.accounts.has(key))
    return [state, [error(request, "the account is bound to this connection already")]];
  if (state.accounts.size >= mostAccounts)
    return [state, [error(request, "too many accounts on one connection")]];
  return [state, [{ do: "authenticate", request }]];
}

function onVerified(state: State, request: RequestOf<"account-add">): Step {
  const key = accountKey(request.account);
  const bound = { account: request.account, receiving: true };
  return [withAccount(state, key, bound), [ack(request), { do: "receive", key }]];
}

function onAccountRequest(
  state: State,
  key: string,
  bound: Bound,
  request: Exclude<Request, RequestOf<"ping" | "lookup-public-key" | "account-add"> | { session: string }>,
): Step {
  if (isRoomRequest(request)) return [state, [{ do: "about-rooms", key, request }]];
  switch (request.sylkrtc) {
    case "account-remove":
      return onRemove(state, key, request);
    case "account-register":
      return [
        withAccount(state, key, { ...bound, receiving: true }),
        [
          ack(request),
          registration(bound, "registering"),
          registration(bound, "registered"),
          { do: "receive", key },
        ],
      ];
    case "account-unregister":
      return [withAccount(state, key, { ...bound, receiving: false }), [{ do: "rest", key }, ack(request)]];
    case "account-devicetoken":
      return [state, [error(request, "push notifications are not supported yet")]];
    case "account-message":
      return [state, [{ do: "accept", key, request }]];
    case "account-ack":
      return [state, [{ do: "acknowledge", key, request }, ack(request)]];
    case "account-disposition-notification":
      return [state, [{ do: "report", key, request }]];
    case "account-sync-conversations":
      return [state, [{ do: "synchronise", key, request }]];
    case "account-mark-conversation-read":
    case "account-remove-message":
    case "account-remove-conversation":
      return [state, [{ do: "change", key, request }]];
  }
}

function onRemove(state: State, key: string, request: RequestOf<"account-remove">): Step {
  const sessions = sessionsOf(state.rooms, key);
  const rooms = sessions.reduce(without, state.rooms);
  const leaving = sessions.map((session): Output => ({ do: "leave", session, reason: undefined }));
  return [
    { ...withAccount(state, key, undefined), rooms },
    [...leaving, { do: "unbind", key }, ack(request)],
  ];
}

const registration = (bound: Bound, state: "registering" | "registered"): Output =>
  send({ sylkrtc: "account-event", account: bound.account, event: "registration-state", state });
