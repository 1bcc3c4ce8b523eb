// The web gateway: browsers speak sylkRTC-2 over WebSocket here, and a chat page is served beside it.
import type { Address } from "#bus-schemas/address.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import { openRooms, roomsCarrier } from "#bus-schemas/rooms/open.ts";
import { publishCapabilities } from "#bus-schemas/rooms/publish-capabilities.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { WebConfig } from "./config.ts";
import { openAuthentication } from "./edge/authentication.ts";
import { openBrowser } from "./edge/browser.ts";
import { commonSecret } from "./edge/common-secret.ts";
import { openConnection } from "./edge/connection.ts";
import { openHandOver } from "./edge/hand-over.ts";
import { openHistory } from "./edge/history.ts";
import { openPages } from "./edge/pages.ts";
import { answerPeers, openPeers } from "./edge/peers.ts";
import { openPlaces, type Places } from "./edge/places.ts";
import { openRegistry } from "./edge/registry.ts";
import { openServer } from "./edge/server.ts";
import { published } from "./translate/capabilities.ts";

const pagesFolder = new URL("../../web-client/", import.meta.url);

/** Opens the gateway on a service that is ready; resolves when browsers can connect. */
export async function main(service: Service): Promise<void> {
  const { bus, clock, log, metrics, trail, directory, instance } = service;
  const config = service.section("web", WebConfig);
  const messages = metrics.counter(
    "web_messages_total",
    "messages from browsers, by result: accepted, again, refused",
  );
  const refusals = metrics.counter(
    "web_refused_connections_total",
    "connections refused before they opened, by cause",
  );
  let connections = 0;
  metrics.gauge("web_connections", "browsers connected to this instance", () => connections);

  await publishCapabilities(service, published);
  const registry = await openRegistry(bus, clock, log, instance);
  service.onStop("registry", () => registry.close());
  const history = await openHistory(bus, clock, log, config.limits);
  const peers = openPeers(bus);
  const handOver = openHandOver({
    clock,
    log,
    trail,
    registry,
    history,
    peers,
    ackTimeoutMs: config.ackTimeout,
  });
  const answering = answerPeers(bus, instance, handOver.peers);
  service.onStop("browsers", async () => {
    history.close();
    await answering.stop();
  });
  const courier = await service.courier(
    { carrier: "web", slotBy: "recipient", share: "spread", writeAhead: false },
    handOver.gateway,
  );

  const { check } = openAuthentication(directory, clock, config.limits.wrongPasswords);
  const exists = (address: Address): boolean => directory.account(address) !== undefined;
  let seats = (): number => 0;
  metrics.gauge("web_room_seats", "browsers that sit in rooms on this instance, counted per room", () =>
    seats(),
  );
  // Not before somebody asks: a house without rooms needs nothing of them.
  let opening: Promise<Places> | undefined;
  const places = (): Promise<Places> => {
    opening ??= openRoomPlaces(service, courier).then(
      (opened) => {
        seats = opened.seats;
        return opened;
      },
      (cause: unknown) => {
        opening = undefined;
        throw cause;
      },
    );
    return opening;
  };
  const hosts = (room: Address): boolean => directory.domainsOf(roomsCarrier).includes(room.domain);
  const rooms = { clock, courier, places, hosts, exists, messages, limits: config.limits };
  const parts = { clock, log, courier, registry, history, peers, handOver, exists, check, messages, rooms };
  const limits = { ...config.limits, pingInterval: config.pingInterval };
  let count = 0;
  const server = await openServer(config, {
    pages: config.pages ? await openPages(pagesFolder) : undefined,
    open: (socket, stream, source) => {
      count += 1;
      connections += 1;
      socket.once("close", () => {
        connections -= 1;
      });
      const id = `${instance}-${count.toString(36)}`;
      return openConnection(socket, stream, { id, source }, clock, limits, (connection) =>
        openBrowser(connection, parts),
      );
    },
    refused: (why) => refusals.add(1, { why }),
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= server.close());
  // At the first sign of the end browsers are sent away: they go to another instance, and what they have not acknowledged goes back.
  service.signal.addEventListener("abort", () => void close(), { once: true });
  service.onStop("web server", close);
  log.info({ address: server.address }, "browsers can connect");
  service.health("web", true, `listening on ${server.address}`);
}

async function openRoomPlaces(service: Service, courier: Courier): Promise<Places> {
  const { bus, clock, log, signal } = service;
  const rooms = await openRooms(service, "web");
  return openPlaces({ rooms, clock, log, signal, process: courier.process, secret: await commonSecret(bus) });
}
