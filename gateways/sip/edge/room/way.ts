// The way of requests inside a dialog: by the connection that the peer used, else by its Contact or Record-Route (RFC 3261 §12.2.1.1, §18.1.1).
import { randomBytes } from "node:crypto";
import type { Dialog, InDialog } from "../../session/dialog.ts";
import { requestIn } from "../../session/dialog.ts";
import { type Field, noBody, SipRequest, type SipResponse } from "../../wire/message.ts";
import { param } from "../../wire/params.ts";
import { field, print } from "../../wire/print.ts";
import { isSip, parseUri } from "../../wire/uri.ts";
import { magicCookie } from "../../wire/via.ts";
import { edgeLimits } from "../limits.ts";
import { type Dns, locate } from "../resolver.ts";
import type { InviteHandlers, Inviting } from "../serving.ts";
import type { Transactions } from "../transactions.ts";
import type { Target } from "../transport-types.ts";

export interface WayParts {
  readonly transactions: Transactions;
  readonly dns: Dns;
  readonly chance: () => number;
  readonly viaName: string;
  readonly viaPort: (target: Target) => number | undefined;
  readonly hasFlow: (flow: string) => boolean;
}

/** How a request of ours ended: the response, or 408 for silence, 503 where there was no way. */
export interface Said {
  readonly status: number;
  readonly response: SipResponse | undefined;
  /** What answers came from: where the next request goes, too. */
  readonly target: Target | undefined;
}

/** A random word for tags, branches and Call-IDs: 96 bits. */
export const word = (): string => randomBytes(12).toString("hex");

export class Ways {
  readonly #parts: WayParts;

  constructor(parts: WayParts) {
    this.#parts = parts;
  }

  /** Where a request with this next hop can go, best first. `hint`: where the peer's last request came from. */
  async targets(nextHop: string, hint: Target | undefined): Promise<readonly Target[]> {
    const uri = parseUri(nextHop);
    if (!uri.ok || !isSip(uri.value)) return [];
    const host = (param(uri.value.params, "maddr") ?? uri.value.host).replace(/^\[|\]$/g, "");
    const ways: Target[] = [];
    // A TCP connection that stands is the peer for sure; over UDP its Contact is, unless a NAT has hidden it.
    if (hint?.transport === "tcp" && hint.flow !== undefined && this.#parts.hasFlow(hint.flow))
      ways.push(hint);
    if (hint?.transport === "udp" && hint.address !== host) ways.push(hint);
    const { targets } = await locate(uri.value, this.#parts.dns, this.#parts.chance);
    return [...ways, ...targets].slice(0, 4);
  }

  /** The request for one target: its Via, what the dialog says, what it is about. */
  build(
    method: string,
    within: Pick<InDialog, "uri" | "fields">,
    target: Target,
    more: readonly Field[],
    body: Uint8Array = noBody,
  ): SipRequest {
    const port = this.#parts.viaPort(target);
    const sentBy = `${this.#parts.viaName}${port === undefined ? "" : `:${port}`}`;
    const via = `SIP/2.0/${target.transport.toUpperCase()} ${sentBy};branch=${magicCookie}${word()};rport`;
    return new SipRequest(method, within.uri, [field("via", via), ...within.fields, ...more], body);
  }

  /** Sends a request that is no INVITE; targets are tried one after the other. Never rejects. */
  async request(
    method: string,
    within: InDialog,
    hint: Target | undefined,
    more: readonly Field[],
    body?: Uint8Array,
  ): Promise<Said> {
    for (const target of await this.targets(within.nextHop, hint)) {
      for (const way of this.#bySize(method, within, target, more, body)) {
        const request = this.build(method, within, way, more, body);
        const ending = await this.#parts.transactions.request(request, way);
        if (ending.kind === "final")
          return { status: ending.response.status, response: ending.response, target: way };
        if (ending.kind === "timeout") return { status: 408, response: undefined, target: undefined };
      }
    }
    return { status: 503, response: undefined, target: undefined };
  }

  // Too long for a datagram: by TCP to the same place, and if nobody is there by UDP all the same (RFC 3261 §18.1.1).
  #bySize(
    method: string,
    within: InDialog,
    target: Target,
    more: readonly Field[],
    body: Uint8Array | undefined,
  ): Target[] {
    if (target.transport === "tcp") return [target];
    const size = print(this.build(method, within, target, more, body)).length;
    if (size <= edgeLimits.datagramBytes) return [target];
    return [{ transport: "tcp", address: target.address, port: target.port }, target];
  }

  /** Sends an INVITE to the first target that there is; the handlers are told its end. Undefined: there is no way. */
  async invite(
    within: InDialog,
    hint: Target | undefined,
    more: readonly Field[],
    body: Uint8Array,
    handlers: (request: SipRequest, target: Target) => InviteHandlers,
  ): Promise<Inviting | undefined> {
    const [target] = await this.targets(within.nextHop, hint);
    if (target === undefined) return undefined;
    const [way = target] = this.#bySize("INVITE", within, target, more, body);
    const request = this.build("INVITE", within, way, more, body);
    return this.#parts.transactions.invite(request, way, handlers(request, way));
  }

  /** Acknowledges a 2xx of `dialog`'s peer to the INVITE of this number (RFC 3261 §13.2.2.4). */
  async acknowledge(
    dialog: Dialog,
    cseq: number,
    hint: Target | undefined,
    body?: Uint8Array,
  ): Promise<void> {
    const within = requestIn(dialog, "ACK", cseq);
    const [target] = await this.targets(within.nextHop, hint);
    if (target === undefined) return;
    const type = body === undefined ? [] : [field("content-type", "application/sdp")];
    this.#parts.transactions.acknowledge(this.build("ACK", within, target, type, body), target);
  }
}
