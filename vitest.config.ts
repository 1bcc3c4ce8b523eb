// Three groups of tests, by what they need: nothing, one real server, or the whole house.
import { defineConfig } from "vitest/config";

const slow = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    reporters: ["default", "./test/support/summary-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: ["node_modules/**", "test/compliance/**", "test/plays/**", "**/*.server.test.ts"],
          // Properties are tried some thousand times: a busy machine needs longer than the usual five seconds.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "servers",
          include: ["test/compliance/**/*.test.ts", "**/*.server.test.ts"],
          exclude: ["node_modules/**"],
          ...slow,
        },
      },
      {
        test: {
          name: "plays",
          include: ["test/plays/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
