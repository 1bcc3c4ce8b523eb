// Drives the machine of one connection: performs what session/signaling.ts asks for. sylkRTC-2.
import { type Address, bareKey, type Party } from "#bus-schemas/address.ts";
import { BusFull, BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { Account } from "#bus-schemas/directory.ts";
import type { Clock, Counter, Log } from "#bus-schemas/service/service.ts";
import { type HistoryRecord, missed } from "../session/history.ts";
import { accountKey, type Input, initial, type Output, step } from "../session/signaling.ts";
import { formatAddress, parseAddress } from "../translate/address.ts";
import { failure } from "../translate/errors.ts";
import { acceptedFrame } from "../translate/from-bus.ts";
import { displayName, messageDraft, reportDraft } from "../translate/to-bus.ts";
import type { AccountFrame, OutFrame, SyncChange } from "../wire/event.ts";
import { limits } from "../wire/limits.ts";
import type { Request } from "../wire/request.ts";
import type { Verdict } from "./authentication.ts";
import { type Connection, type ConnectionHandlers, closeCodes } from "./connection.ts";
import type { HandOver } from "./hand-over.ts";
import type { History } from "./history.ts";
import { noteSent } from "./notes.ts";
import type { Peers } from "./peers.ts";
import type { Registry } from "./registry.ts";
import { type Asker, openConnectionRooms, type RoomParts } from "./rooms.ts";

export interface BrowserParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly courier: Courier;
  readonly registry: Registry;
  readonly history: History;
  readonly peers: Peers;
  readonly handOver: HandOver;
  /** Whether the account still is in the configuration, which may change while its browser is connected. */
  readonly exists: (address: Address) => boolean;
  readonly check: (request: Extract<Request, { sylkrtc: "account-add" }>, source: string) => Verdict;
  readonly messages: Counter;
  readonly rooms: RoomParts;
}

// The watch of another instance may learn of a new connection a moment after its mailbox was asked for: it is asked for again.
const secondLookMs = 1000;

// Of what a synchronising client says it has, so many of the newest are remembered: more cannot be waiting for it.
const mostHad = 500;

interface Owner {
  readonly account: Account;
  readonly device: string;
  /** As the client writes it. */
  readonly name: string;
}

type Perform<Kind extends Output["do"]> = Extract<Output, { do: Kind }>;

/** The handlers of one connection; `closed` unbinds whatever was bound. */
export function openBrowser(connection: Connection, parts: BrowserParts): ConnectionHandlers {
  let state = initial;
  const owners = new Map<string, Owner>();
  const receiving = new Set<string>();
  const log = parts.log.child({ connection: connection.id });
  const rooms = openConnectionRooms(connection, parts.rooms, (kind, session) => {
    // These move the machine and ask for nothing.
    [state] = step(state, { kind, session });
  });

  const run = async (input: Input): Promise<void> => {
    const [next, outputs] = step(state, input);
    state = next;
    for (const output of outputs) await perform(output);
  };

  const perform = async (output: Output): Promise<void> => {
    switch (output.do) {
      case "send":
        connection.send(output.frame);
        return;
      case "authenticate":
        return await authenticate(output);
      case "receive":
        return await receive(output.key);
      case "rest":
        return await rest(output.key);
      case "unbind":
        await rest(output.key);
        owners.delete(output.key);
        return;
      case "accept":
        return await accept(output);
      case "acknowledge":
        acknowledge(output.key, [output.request.message_id]);
        return;
      case "report":
        return await report(output);
      case "synchronise":
        return await synchronise(output);
      case "change":
        return await change(output);
      case "join":
        return await withAsker(output, (asker) => rooms.join(output.request, asker));
      case "about-rooms":
        return await withAsker(output, (asker) => rooms.about(output.request, asker));
      case "leave":
        return await rooms.leave(output.session, output.reason, output.request);
      case "in-room":
        return await rooms.inRoom(output.request);
    }
  };

  const withAsker = async (
    { key, request }: Perform<"join" | "about-rooms">,
    call: (asker: Asker) => Promise<void>,
  ): Promise<void> => {
    const owner = owners.get(key);
    if (owner !== undefined && parts.exists(owner.account.address))
      return await call({ party: partyOf(owner), name: owner.name });
    if (request.sylkrtc === "videoroom-join") await run({ kind: "room-ended", session: request.session });
    answer(request, { text: "the account is no longer there", code: 401 });
  };

  const authenticate = async ({ request }: Perform<"authenticate">): Promise<void> => {
    const verdict = parts.check(request, connection.source);
    if (!verdict.ok) {
      log.info({ source: connection.source, why: verdict.why }, "account refused");
      return await run({ kind: "denied", request, why: verdict.why });
    }
    const { account } = verdict;
    // A name from the configuration is not the client's to change.
    const display = account.display ?? displayName(request.display_name);
    owners.set(accountKey(request.account), {
      account: { ...account, ...(display === undefined ? {} : { display }) },
      device: request.device_id ?? connection.id,
      name: request.account,
    });
    log.info({ account: formatAddress(account.address) }, "account bound");
    return await run({ kind: "verified", request });
  };

  const receive = async (key: string): Promise<void> => {
    const owner = owners.get(key);
    if (owner === undefined) return;
    if (!receiving.has(key)) {
      receiving.add(key);
      try {
        await parts.registry.add(bareKey(owner.account.address), connection);
      } catch (cause) {
        // Unknown to the other instances it would miss mail: it is to come again when the bus is well.
        log.warn({ cause: String(cause) }, "a connection could not be registered");
        connection.close(closeCodes.tryAgain, "try again later");
      }
    }
    // Closed while the registry was written: its own clean-up has run, this entry would stay for ever.
    if (!connection.open) return await rest(key);
    parts.courier.available(owner.account.address);
    parts.clock.after(secondLookMs, () => {
      if (connection.open) parts.courier.available(owner.account.address);
    });
  };

  const rest = async (key: string): Promise<void> => {
    const owner = owners.get(key);
    if (owner === undefined || !receiving.delete(key)) return;
    await parts.registry.remove(bareKey(owner.account.address), connection);
  };

  const answer = (request: Request, error?: { text: string; code?: number }): void => {
    const { transaction } = request;
    const frame: OutFrame =
      error === undefined
        ? { sylkrtc: "ack", transaction }
        : {
            sylkrtc: "error",
            transaction,
            error: error.text,
            ...(error.code === undefined ? {} : { code: error.code }),
          };
    connection.send(frame);
  };

  const accept = async ({ key, request }: Perform<"accept">): Promise<void> => {
    const owner = owners.get(key);
    if (owner === undefined) return;
    if (!parts.exists(owner.account.address))
      return refuse(request, failure("not-authorised", "the account is no longer there"));
    const drawn = messageDraft(request, partyOf(owner));
    if (!drawn.ok) return refuse(request, failure(drawn.reason, drawn.text));
    const { draft } = drawn;
    const source = bareKey(owner.account.address);
    // The same id from any connection of the account is the same message: a browser may send it again after a break.
    const acceptance = await parts.courier.accept(draft, { source, transportId: request.message_id });
    if (!acceptance.accepted) return refuse(request, failure(acceptance.reason, acceptance.text));
    parts.messages.add(1, { result: acceptance.duplicate ? "again" : "accepted" });
    answer(request);
    connection.send(acceptedFrame(owner.name, request.message_id, parts.clock.now()));
    if (!acceptance.duplicate)
      spread(source, owner.name, { type: "message", action: "add", content: copyOf(request) });
    await noteSent(parts.history, source, request, formatAddress(draft.to), parts.clock.now()).catch(
      (cause: unknown) => {
        log.warn(
          { message: acceptance.id, cause: String(cause) },
          "a sent message is missing from the history",
        );
      },
    );
  };

  const refuse = (request: Request, { reason, code }: { reason: string; code: number }): void => {
    parts.messages.add(1, { result: "refused" });
    answer(request, { text: reason, code });
  };

  // Tells the account's other tabs, here and elsewhere, what this one has done.
  const spread = (account: string, name: string, content: SyncChange): void => {
    const frame: AccountFrame = { sylkrtc: "account-event", account: name, event: "sync", ...content };
    for (const other of parts.registry.local(account)) if (other !== connection) other.send(frame);
    for (const instance of parts.registry.elsewhere(account)) void parts.peers.tell(instance, account, frame);
  };

  const acknowledge = (key: string, messageIds: readonly string[]): void => {
    const owner = owners.get(key);
    if (owner === undefined) return;
    const account = bareKey(owner.account.address);
    const fared = messageIds.map((messageId) => parts.handOver.acknowledge(account, messageId));
    // Nobody waited any more: the message is in the mailbox, and the next attempt will find this acknowledgement.
    if (fared.includes("late")) parts.courier.available(owner.account.address);
  };

  const report = async ({ key, request }: Perform<"report">): Promise<void> => {
    const owner = owners.get(key);
    if (owner === undefined) return;
    // Only who has received a message may report about it, and only to the one who sent it.
    const account = bareKey(owner.account.address);
    const sender =
      parts.handOver.senderOf(account, request.message_id) ??
      senderIn(await parts.history.read(account), request.message_id);
    if (sender === undefined) return answer(request, { text: "no such message" });
    const drawn = reportDraft({ ...request, uri: sender }, owner.account.address);
    if (!drawn.ok) return answer(request, { text: drawn.text });
    acknowledge(key, [request.message_id]);
    if (drawn.draft !== undefined) await parts.courier.report(drawn.draft);
    answer(request);
  };

  const synchronise = async ({ key, request }: Perform<"synchronise">): Promise<void> => {
    const owner = owners.get(key);
    if (owner === undefined) return;
    const since = request.since === undefined ? undefined : Date.parse(request.since);
    if (since !== undefined && Number.isNaN(since)) return answer(request, { text: "since is not a date" });
    const account = bareKey(owner.account.address);
    const { messages, more, had } = missed(await parts.history.read(account), {
      messageId: request.message_id,
      timeMs: since,
      limit: request.limit ?? limits.syncMessages,
    });
    answer(request);
    connection.send({
      sylkrtc: "account-event",
      account: owner.name,
      event: "sync-conversations",
      messages,
      more,
    });
    // A client that asks past a message has it, even if it never said so.
    acknowledge(key, had.slice(-mostHad));
  };

  const change = async ({ key, request }: Perform<"change">): Promise<void> => {
    const owner = owners.get(key);
    if (owner === undefined) return;
    const contact = parseAddress(request.contact);
    if (!contact.ok) return answer(request, { text: contact.error });
    const time = parts.clock.now();
    const [record, told] = changeOf(request, formatAddress(contact.value), time);
    const account = bareKey(owner.account.address);
    await parts.history.write(account, `${request.sylkrtc}:${connection.id}:${request.transaction}`, record);
    answer(request);
    spread(account, owner.name, told);
  };

  connection.send({ sylkrtc: "ready-event" });
  return {
    async frame(frame) {
      try {
        await run({ kind: "frame", frame });
      } catch (cause) {
        // The bus cannot take it now; the browser keeps the message and tries again with the same id.
        const text =
          cause instanceof BusFull || cause instanceof BusTimeout
            ? "try again later"
            : "internal error, try again later";
        if (text !== "try again later") log.error({ cause: String(cause) }, "a request failed");
        const transaction = frame.kind === "request" ? frame.request.transaction : (frame.transaction ?? "");
        connection.send({ sylkrtc: "error", transaction, error: text, code: 503 });
      }
    },
    closed() {
      rooms.closed();
      parts.handOver.gone(connection);
      for (const key of [...receiving])
        rest(key).catch((cause: unknown) =>
          log.warn({ cause: String(cause) }, "forgetting a connection failed"),
        );
    },
  };
}

const partyOf = ({ account, device }: Owner): Party => ({
  ...account.address,
  device,
  assurance: "verified",
  ...(account.display === undefined ? {} : { display: account.display }),
});

const senderIn = (records: readonly HistoryRecord[], messageId: string): string | undefined => {
  for (const record of records)
    if (record.kind === "message" && record.direction === "incoming" && record.id === messageId)
      return record.contact;
  return undefined;
};

const copyOf = (request: Extract<Request, { sylkrtc: "account-message" }>) => ({
  uri: request.uri,
  message_id: request.message_id,
  content: request.content,
  content_type: request.content_type,
  timestamp: request.timestamp ?? new Date(0).toISOString(),
});

function changeOf(
  request: Perform<"change">["request"],
  contact: string,
  time: number,
): readonly [HistoryRecord, SyncChange] {
  switch (request.sylkrtc) {
    case "account-mark-conversation-read":
      return [
        { kind: "read", time, contact },
        { type: "conversation", action: "read", content: { contact } },
      ];
    case "account-remove-message":
      return [
        { kind: "removed", time, contact, id: request.message_id },
        { type: "message", action: "remove", content: { contact, message_id: request.message_id } },
      ];
    case "account-remove-conversation":
      return [
        { kind: "conversation-removed", time, contact },
        {
          type: "conversation",
          action: "remove",
          content: { contact, timestamp: new Date(time).toISOString() },
        },
      ];
  }
}
