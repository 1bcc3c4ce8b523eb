// The lock file names every platform's package: `npm ci` refuses one that does not, on any machine. npm leaves out those that
// the registry of the day does not have; they are then to be written in by hand, without integrity.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (): Readonly<Record<string, Locked>> =>
  (
    JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")) as {
      packages: Record<string, Locked>;
    }
  ).packages;

it("every optional package has its entry", () => {
  const packages = read();
  const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).filter(
      (name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)),
    ),
  );
  expect(missing).toEqual([]);
});

it("no entry names the host of a registry", () => {
  expect(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")).not.toMatch(
    /"resolved": "http/,
  );
});
