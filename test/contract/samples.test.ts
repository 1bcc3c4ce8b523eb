// The frozen samples: every event type and version that was ever written can still be read, and says the same.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decode, encode, eventTypes } from "#bus-schemas/codec.ts";
import { Event } from "#bus-schemas/event.ts";

const folder = new URL("../../bus-schemas/samples/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
const read = (name: string): Buffer => readFileSync(new URL(name, folder));

describe.each(names)("%s", (name) => {
  const bytes = read(name);
  const plain: unknown = JSON.parse(bytes.toString());

  test("is named after its type and version, and what is special about it", () => {
    expect(plain).toMatchObject({ version: expect.any(Number), type: expect.any(String) });
    const { type, version } = plain as { type: string; version: number };
    expect(name.replace(/(?:-[a-z-]+)?\.json$/, "")).toBe(`${type}.v${version}`);
  });

  test("is read with all that it says, and written again alike", () => {
    const event = decode(bytes);
    if (!event.ok) throw new Error(event.error);
    // Fields with a default may have come since; nothing that was said may be lost.
    expect(event.value).toMatchObject(plain as object);
    expect(JSON.parse(Buffer.from(encode(event.value)).toString())).toMatchObject(plain as object);
  });
});

test("every type of today has samples, and every field of today is set in one: a new field brings a new sample", () => {
  for (const schema of Event.options) {
    const stem = `${schema.shape.type.value}.v${schema.shape.version.value}`;
    const samples = names.filter((name) => name === `${stem}.json` || name.startsWith(`${stem}-`));
    const fields = new Set(samples.flatMap((name) => Object.keys(JSON.parse(read(name).toString()))));
    expect([...fields].sort()).toEqual(Object.keys(schema.shape).sort());
  }
  expect(eventTypes).toHaveLength(Event.options.length);
});
