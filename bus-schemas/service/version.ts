// The version of the product, as package.json says it.
import { createRequire } from "node:module";
import { z } from "zod";

const Package = z.object({ version: z.string() });

/** Of the installation that this file belongs to. */
export function productVersion(): string {
  const content: unknown = createRequire(import.meta.url)("../../package.json");
  return Package.parse(content).version;
}
