// The bus in memory passes what NATS passes.
import { busCompliance } from "./compliance.ts";
import { memoryServer } from "./memory.ts";

busCompliance("memory", async () => {
  const server = memoryServer();
  return {
    connect: async () => server.connect(),
    down: async () => server.setUp(false),
    up: async () => server.setUp(true),
    close: async () => undefined,
  };
});
