// The transaction layer: matches what comes in, drives the machines, repeats answers (RFC 3261 §17, RFC 4320).

import { type Driver, drive } from "#bus-schemas/service/drive.ts";
import type { Log, Metrics } from "#bus-schemas/service/service.ts";
import type { Wheel } from "#bus-schemas/service/wheel.ts";
import {
  type ClientInput,
  type ClientOutput,
  type ClientState,
  newClient,
  stepClient,
} from "../session/client-transaction.ts";
import { type Answer, respond } from "../session/respond.ts";
import { checkRequest, checkResponse } from "../wire/check.ts";
import type { SipRequest, SipResponse } from "../wire/message.ts";
import { tagOf } from "../wire/name-addr.ts";
import { splitList } from "../wire/params.ts";
import type { Parsed } from "../wire/parse.ts";
import { print } from "../wire/print.ts";
import { branchOf, magicCookie, printVia, stampVia } from "../wire/via.ts";
import { Awaited } from "./awaited.ts";
import { ClientInvite } from "./client-invite.ts";
import { edgeLimits } from "./limits.ts";
import { Served, type ServedParts } from "./served.ts";
import { ServedInvite } from "./served-invite.ts";
import type { InviteHandlers, Inviting, Serving } from "./serving.ts";
import type { Source, Target } from "./transport-types.ts";

/** What is done with a request that begins a transaction: `answer` once, with a final status. */
type Handle = (request: SipRequest, source: Source, answer: (answer: Answer) => void) => void;

/** How one of our requests ended. */
export type Ending =
  | { readonly kind: "final"; readonly response: SipResponse }
  | { readonly kind: "timeout" }
  /** It was not sent. */
  | { readonly kind: "transport" }
  /** It was written, and then its connection ended without an answer: it may have arrived. */
  | { readonly kind: "broken" };

export interface TransactionsParts {
  readonly wheel: Wheel;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly reply: (bytes: Buffer, source: Source) => void;
  /** Resolves when it is written, over TCP with the connection that took it. */
  readonly send: (bytes: Buffer, target: Target) => Promise<string | undefined>;
  readonly hasFlow: (flow: string) => boolean;
  readonly handle: Handle;
  /** An INVITE: answered by what it is given, once or after provisional answers. */
  readonly invite: (request: SipRequest, source: Source, serving: Serving) => void;
  /** The ACK of a 2xx, which belongs to a dialog. */
  readonly ack: (request: SipRequest, source: Source) => void;
}

interface Client {
  readonly hear: (response: SipResponse) => void;
  readonly driver: Driver<ClientState, ClientInput>;
}

export class Transactions {
  readonly #parts: TransactionsParts;
  readonly #servers = new Map<string, Served | ServedInvite>();
  /** Requests under way by From tag, Call-ID, CSeq and target, for §8.2.2.2: the same by another way. */
  readonly #merges = new Map<string, string>();
  readonly #clients = new Map<string, Client>();
  readonly #inviting = new Map<string, ClientInvite>();
  readonly #awaited = new Awaited();
  readonly #received;
  readonly #malformed;
  readonly #served: ServedParts;

  constructor(parts: TransactionsParts) {
    this.#parts = parts;
    const { metrics, wheel, reply } = parts;
    this.#served = { wheel, reply, over: this.#over };
    this.#received = metrics.counter(
      "sip_requests_received_total",
      "New SIP requests, by method; retransmissions not counted",
    );
    this.#malformed = metrics.counter(
      "sip_malformed_messages_total",
      "SIP messages refused or dropped for their form",
    );
    metrics.gauge(
      "sip_server_transactions_count",
      "Requests remembered to absorb retransmissions",
      () => this.#servers.size,
    );
    metrics.gauge("sip_client_transactions_count", "Our own requests under way", () => this.#clients.size);
  }

  /** Takes what came off the wire. */
  receive(parsed: Parsed, source: Source): void {
    if (parsed.kind === "message") {
      if (parsed.message.kind === "response") this.#onResponse(parsed.message);
      else this.#onRequest(parsed.message, source);
      return;
    }
    this.#malformed.add(1);
    if (parsed.kind === "refuse") this.#refuse(parsed.request, source, parsed.status, parsed.error);
  }

  // A response comes straight to us or not at all: a second Via says that it is another's (RFC 3261 §8.1.3.3).
  #onResponse(response: SipResponse): void {
    const branch = response.via && branchOf(response.via);
    if (branch === undefined || checkResponse(response) !== undefined || response.list("via").length !== 1) {
      this.#malformed.add(1);
      return;
    }
    if (response.cseq?.method === "INVITE") this.#inviting.get(branch)?.hear(response);
    else this.#clients.get(`${branch} ${response.cseq?.method}`)?.hear(response);
  }

  #onRequest(request: SipRequest, source: Source): void {
    const stamped = stampRequest(request, source);
    const key = serverKey(stamped);
    const standing = key === undefined ? undefined : this.#servers.get(key);
    if (standing !== undefined) {
      standing.again(source, request.method);
      return;
    }
    if (request.method === "ACK") return checkRequest(stamped) ? undefined : this.#parts.ack(stamped, source);
    const fault = checkRequest(stamped);
    if (fault !== undefined || key === undefined) {
      this.#malformed.add(1);
      this.#refuse(stamped, source, 400, fault ?? "Malformed Via");
      return;
    }
    this.#received.add(1, { method: known.has(request.method) ? request.method : "other" });
    if (this.#merges.has(mergeKey(stamped) ?? "")) this.#refuse(stamped, source, 482);
    else if (this.#servers.size >= edgeLimits.serverTransactions) this.#refuse(stamped, source, 500, "Busy");
    else this.#begin(key, stamped, source);
  }

  #refuse(request: SipRequest, source: Source, status: number, phrase?: string): void {
    // Without any Via it was not meant for a SIP server; one that cannot be read is sent back as it came.
    if (request.method === "ACK" || request.first("via") === undefined) return;
    this.#parts.reply(print(respond(stampRequest(request, source), { status, phrase })), source);
  }

  #begin(key: string, request: SipRequest, source: Source): void {
    const merge = mergeKey(request);
    if (request.method === "INVITE") return this.#beginInvite({ key, merge }, request, source);
    const served = new Served({ key, merge }, request, source, this.#served);
    this.#servers.set(key, served);
    if (merge !== undefined) this.#merges.set(merge, key);
    served.input({ kind: "begin" });
    if (request.method === "CANCEL") served.answer({ status: this.#cancel(key) ? 200 : 481 });
    else this.#parts.handle(request, source, (answer) => served.answer(answer));
  }

  #beginInvite(keys: { key: string; merge: string | undefined }, request: SipRequest, source: Source): void {
    const served = new ServedInvite(keys, request, source, { ...this.#served, log: this.#parts.log });
    this.#servers.set(keys.key, served);
    if (keys.merge !== undefined) this.#merges.set(keys.merge, keys.key);
    this.#parts.invite(request, source, served);
  }

  // §9.2: the CANCEL has the branch of its INVITE. One that is answered already is not changed by it.
  #cancel(key: string): boolean {
    const served = this.#servers.get(key.replace(/ CANCEL$/, " INVITE"));
    if (!(served instanceof ServedInvite)) return false;
    served.cancel();
    return true;
  }

  readonly #over = ({ key, merge }: { key: string; merge: string | undefined }): void => {
    this.#servers.delete(key);
    if (merge !== undefined && this.#merges.get(merge) === key) this.#merges.delete(merge);
  };

  /** A connection is gone: nothing that was sent by it will be answered (§17.1.4). */
  lost(flow: string): void {
    this.#awaited.fail(flow);
  }

  /** Sends an INVITE, which carries our Via; the handlers are told what becomes of it, once it has left this call. */
  invite(request: SipRequest, target: Target, handlers: InviteHandlers): Inviting {
    const branch = (request.via && branchOf(request.via)) ?? "";
    if (this.#inviting.size >= edgeLimits.clientTransactions) {
      this.#parts.wheel.after(0, () => handlers.refused("transport"));
      return { cancel: () => undefined };
    }
    let forget = (): void => undefined;
    const client = new ClientInvite(request, target, handlers, {
      wheel: this.#parts.wheel,
      log: this.#parts.log,
      send: async (bytes, to) => {
        const flow = await this.#parts.send(bytes, to);
        forget();
        if (flow !== undefined) forget = this.#awaited.add(flow, () => client.fail());
        return flow;
      },
      request: (cancel, to) => this.request(cancel, to),
      over: () => {
        this.#inviting.delete(branch);
        forget();
      },
    });
    this.#inviting.set(branch, client);
    return client;
  }

  /** Sends what gets no answer: the ACK of a 2xx (§13.2.2.4). One that is lost is asked for by the 2xx's repetition. */
  acknowledge(ack: SipRequest, target: Target): void {
    this.#parts.send(print(ack), target).catch((error: unknown) => {
      this.#parts.log.debug({ error: String(error) }, "ACK not sent");
    });
  }

  /**
   * Sends one request and resolves with its end; never rejects. `request` carries our Via. `giveUpMs`: stop waiting earlier
   * than timer F, when another target may be tried.
   */
  request(request: SipRequest, target: Target, giveUpMs?: number): Promise<Ending> {
    const branch = request.via && branchOf(request.via);
    const key = `${branch} ${request.method}`;
    const earlier = this.#clients.get(key);
    if (this.#clients.size >= edgeLimits.clientTransactions) return Promise.resolve({ kind: "transport" });
    if (earlier !== undefined) {
      // Sent again with its own branch (EDGES §3): an answered one only waits for late repetitions, and gives way.
      if (earlier.driver.state.phase !== "completed") return Promise.resolve({ kind: "transport" });
      earlier.driver.stop();
      this.#clients.delete(key);
    }
    return new Promise((resolve) => {
      const bytes = print(request);
      let heard: SipResponse | undefined;
      let forget = (): void => undefined;
      const finish = (ending: Ending): void => {
        resolve(ending);
        early?.cancel();
        forget();
      };
      const fail = (): void => driver.input({ kind: "transport-failed" });
      let written = false;
      const sent = (flow: string | undefined): void => {
        if (flow === undefined || driver.state.phase === "terminated") return;
        written = true;
        // The connection may have ended between writing and here.
        if (this.#parts.hasFlow(flow)) forget = this.#awaited.add(flow, fail);
        else fail();
      };
      const driver = drive<ClientState, ClientInput, ClientOutput>({
        state: newClient(target.transport !== "udp"),
        step: (now, input) => {
          const step = stepClient(now, input);
          if (step[0].phase === "terminated") this.#clients.delete(key);
          return step;
        },
        perform: (output) => {
          if (output.do === "send") {
            this.#parts.send(bytes, target).then(sent, fail);
          } else if (output.do === "give-up")
            finish({ kind: output.why === "transport" && written ? "broken" : output.why });
          else if (heard !== undefined && heard.status >= 200) finish({ kind: "final", response: heard });
        },
        wheel: this.#parts.wheel,
        failed: (error) => {
          this.#clients.delete(key);
          this.#parts.log.error({ error }, "client transaction failed");
          finish({ kind: "transport" });
        },
      });
      const early =
        giveUpMs === undefined
          ? undefined
          : this.#parts.wheel.after(giveUpMs, () => driver.input({ kind: "abandon" }));
      const hear = (response: SipResponse): void => {
        heard = response;
        driver.input({ kind: "response", status: response.status });
      };
      this.#clients.set(key, { hear, driver });
      driver.input({ kind: "begin" });
    });
  }
}

const known = new Set([
  "MESSAGE",
  "REGISTER",
  "OPTIONS",
  "INVITE",
  "CANCEL",
  "BYE",
  "SUBSCRIBE",
  "NOTIFY",
  "PUBLISH",
  "REFER",
]);

function stampRequest(request: SipRequest, source: Source): SipRequest {
  const via = request.via;
  if (via === undefined) return request;
  const stamped = stampVia(via, source.address, source.port);
  if (stamped === via) return request;
  const at = request.fields.findIndex((field) => field.key === "via");
  const old = request.fields[at];
  if (old === undefined) return request;
  const rest = request.list("via").length === 1 ? [] : secondVias(old.value);
  const value = [printVia(stamped), ...rest].join(", ");
  return request.with({ fields: request.fields.with(at, { ...old, value }) });
}

// The top Via may stand in one field with others behind a comma.
const secondVias = (value: string): string[] => (value.includes(",") ? splitList(value).slice(1) : []);

// §17.2.3: branch, sent-by and method; without the cookie RFC 2543's rule.
function serverKey(request: SipRequest): string | undefined {
  const via = request.via;
  if (via === undefined) return undefined;
  const branch = branchOf(via);
  const method = request.method === "ACK" ? "INVITE" : request.method;
  if (branch?.toLowerCase().startsWith(magicCookie.toLowerCase()))
    return `${branch} ${via.host}:${via.port} ${method}`;
  const tags = `${request.from && tagOf(request.from)} ${request.to && tagOf(request.to)}`;
  return `2543 ${request.uri} ${tags} ${request.callId} ${request.first("cseq")} ${printVia(via)}`;
}

function mergeKey(request: SipRequest): string | undefined {
  if (request.from === undefined || request.to === undefined || tagOf(request.to) !== undefined)
    return undefined;
  const tag = tagOf(request.from);
  return tag === undefined ? undefined : `${tag} ${request.callId} ${request.first("cseq")} ${request.uri}`;
}
