// All our domains on one XMPP server, under one claim: their streams stand while this instance holds it.
import type { Courier, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import type { XmppConfig } from "../config.ts";
import { Component } from "./component.ts";
import { type Inbound, openInbound } from "./inbound.ts";
import { XmppLegs } from "./legs/legs.ts";
import { openMemory } from "./memory.ts";
import { type Outbound, openOutbound } from "./outbound.ts";
import { XmppRooms } from "./rooms.ts";

const carrier = "xmpp";
/** How often the domain table is looked at for domains that came or went. */
const followMs = 5_000;

export interface Link {
  readonly components: readonly Component[];
  /** Ends the streams. The service has closed the courier before, which needs them to finish what is under way. */
  close(): Promise<void>;
}

/** Opens the courier; the streams open when this instance holds the claim, and close at once when it does not. */
export async function openLink(service: Service, config: XmppConfig, version = "0"): Promise<Link> {
  const link = new XmppLink(service, config, version);
  await link.open();
  return link;
}

class XmppLink implements Link {
  readonly #service: Service;
  readonly #config: XmppConfig;
  readonly #epoch: string;
  readonly #components = new Map<string, Component>();
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #rooms: XmppRooms;
  readonly #legs: XmppLegs;
  #courier: Courier | undefined;
  #owner = false;
  #stopFollowing: () => void = () => undefined;

  constructor(service: Service, config: XmppConfig, version: string) {
    this.#service = service;
    this.#config = config;
    this.#epoch = `${service.instance}-${service.clock.now().toString(36)}`;
    const memory = openMemory();
    this.#inbound = openInbound({
      service,
      courier: () => this.#open,
      memory,
      version,
      ours: (domain) => this.#components.has(domain),
      invite: (...invitation) => this.#rooms.invite(...invitation),
    });
    this.#outbound = openOutbound(service, (domain) => this.#components.get(domain), memory);
    this.#rooms = new XmppRooms({ service, courier: () => this.#open, version });
    this.#legs = new XmppLegs({
      service,
      courier: () => this.#open,
      component: (domain) => this.#components.get(domain),
    });
    service.metrics.gauge("xmpp_outbox_stanzas", "Stanzas not yet taken by the XMPP server", () =>
      this.components.reduce((sum, component) => sum + component.pending, 0),
    );
  }

  get components(): readonly Component[] {
    return [...this.#components.values()];
  }

  async open(): Promise<void> {
    const gateway: Gateway = {
      deliver: (event, attempt) =>
        this.#legs.carries(event)
          ? this.#legs.deliver(event, attempt)
          : this.#outbound.deliver(event, attempt),
      tell: async (event, attempt) =>
        this.#legs.isThere(event.to) ? "dropped" : await this.#outbound.tell(event, attempt),
      owns: (slots) => {
        this.#owner = slots.size > 0;
        this.#follow();
      },
    };
    this.#courier = await this.#service.courier(
      { carrier, slotBy: "recipient", share: "whole", writeAhead: false },
      gateway,
    );
    this.#follow();
  }

  async close(): Promise<void> {
    this.#stopFollowing();
    const rooms = Promise.all([this.#rooms.close(), this.#legs.close()]);
    for (const component of this.components) component.stop();
    await rooms;
  }

  get #open(): Courier {
    if (!this.#courier) throw new Error("a stream runs before the courier is open");
    return this.#courier;
  }

  // One component for every domain, as the table stands now; running if we own them, and only when the courier is open.
  #follow(): void {
    if (!this.#courier) return;
    this.#stopFollowing();
    const domains = new Set(this.#config.domains ?? this.#service.directory.facesOf(carrier));
    for (const [domain, component] of this.#components) {
      if (domains.has(domain)) continue;
      component.stop();
      this.#components.delete(domain);
    }
    for (const domain of domains)
      if (!this.#components.has(domain)) this.#components.set(domain, this.#make(domain));
    this.#legs.hold(this.#owner);
    for (const component of this.components) {
      if (this.#owner) component.start();
      else component.stop();
    }
    this.#service.health(
      "xmpp domains",
      domains.size > 0,
      domains.size > 0 ? undefined : "no domain to serve on XMPP",
    );
    this.#stopFollowing = this.#service.clock.after(followMs, () => this.#follow());
  }

  #make(domain: string): Component {
    const { host, port, secret, ack, maxStanza } = this.#config;
    const { clock, log } = this.#service;
    return new Component({
      domain,
      host,
      port,
      secret,
      ack,
      maxStanzaLength: maxStanza,
      epoch: this.#epoch,
      clock,
      log: log.child({ domain }),
      on: {
        stanza: (...came) => {
          if (this.#rooms.serves(domain)) return this.#rooms.take(...came);
          return this.#legs.concerns(came[1]) ? this.#legs.take(...came) : this.#inbound.take(...came);
        },
        status: (component) => this.#onStatus(component),
      },
    });
  }

  #onStatus(component: Component): void {
    const { domain, status, why } = component;
    const well = component.running || status === "stopped";
    const said = status === "stopped" ? "standing by" : why;
    this.#service.health(`xmpp ${domain}`, well, said === "" ? undefined : said);
    this.#service.log.info({ domain, status, why }, "component status");
    if (this.#rooms.serves(domain)) this.#onRooms(component);
    if (!component.running) return;
    this.#outbound.wake(domain, this.#open);
    if (component.resumed) return;
    this.#inbound.rebuild(component);
    this.#legs.begin(domain);
  }

  #onRooms(component: Component): void {
    if (component.status === "stopped") void this.#rooms.end(component);
    else if (component.running && !component.resumed) void this.#rooms.begin(component);
  }
}
