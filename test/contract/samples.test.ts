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

  test("is named after its type and version", () => {
    expect(plain).toMatchObject({ version: expect.any(Number), type: expect.any(String) });
    const { type, version } = plain as { type: string; version: number };
    expect(name).toBe(`${type}.v${version}.json`);
  });

  test("is read with all that it says, and written again alike", () => {
    const event = decode(bytes);
    if (!event.ok) throw new Error(event.error);
    expect(event.value).toEqual(plain);
    expect(JSON.parse(Buffer.from(encode(event.value)).toString())).toEqual(plain);
  });
});

test("every type of today has its sample, in which every field of today is set", () => {
  for (const schema of Event.options) {
    const type = schema.shape.type.value;
    const sample: object = JSON.parse(read(`${type}.v${schema.shape.version.value}.json`).toString());
    expect(Object.keys(sample).sort()).toEqual(Object.keys(schema.shape).sort());
  }
  expect(eventTypes).toHaveLength(Event.options.length);
});
