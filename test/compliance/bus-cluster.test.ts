// The compliance suite on a cluster of three with three copies of everything; "down" takes all three away at once.
import { busCompliance } from "#bus-schemas/bus/compliance.ts";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import { startNatsCluster } from "#test/servers/nats.ts";

busCompliance("three nats-servers", async () => {
  const cluster = await startNatsCluster(3);
  return {
    connect: () =>
      connectNats({
        servers: cluster.urls,
        token: cluster.token,
        name: "compliance",
        replicas: cluster.servers.length,
      }),
    down: async (how) => {
      await Promise.all(cluster.servers.map((server) => (how === "ended" ? server.stop() : server.kill())));
    },
    up: async () => {
      await Promise.all(cluster.servers.map((server) => server.restart()));
    },
    close: () => cluster.stop(),
  };
});
