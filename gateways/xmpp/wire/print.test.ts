import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attributes, type Element, element, isElement, ns } from "./element.ts";
import { legal, print } from "./print.ts";
import { parseElement } from "./read.ts";

const vectors =
  process.env.PARLEY_VECTORS ?? fileURLToPath(new URL("../../../../shared/vectors", import.meta.url));
const corpus = join(vectors, "xmpp/xep-examples.jsonl");
if (!existsSync(corpus)) console.warn(`SKIPPED: the examples of the XEPs are not at ${corpus}`);

interface Example {
  readonly xep: string;
  readonly n: number;
  readonly xml: string;
}

test.skipIf(!existsSync(corpus))(
  "every example of the XEPs is read, and comes back from print unchanged",
  () => {
    const examples = readFileSync(corpus, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Example);
    const failures: string[] = [];
    let restricted = 0;
    for (const { xep, n, xml } of examples) {
      // Many examples are several stanzas, or part of a stream whose header is not printed with them.
      const first = parseElement(
        `<w xmlns:stream='${ns.stream}' xmlns:db='jabber:server:dialback'>${xml}</w>`,
      );
      if (!first.ok) {
        // Some examples are commented; on a stream no comment is allowed (RFC 6120 §11.1).
        if (first.error === "restricted-xml: comment") restricted += 1;
        else failures.push(`XEP-${xep} ${n}: ${first.error}`);
        continue;
      }
      const second = parseElement(print(first.value));
      if (!second.ok || JSON.stringify(second.value) !== JSON.stringify(first.value))
        failures.push(`XEP-${xep} ${n}: changed`);
    }
    expect(failures).toEqual([]);
    expect(examples.length).toBeGreaterThan(1_000);
    expect(restricted).toBeLessThan(examples.length / 10);
  },
);

describe("printing", () => {
  test("says a namespace only where it changes", () => {
    const message = element(
      "message",
      ns.component,
      { to: "a@b" },
      element("body", ns.component, {}, "x"),
      element("request", ns.receipts),
    );
    expect(print(message, ns.component)).toBe(
      "<message to='a@b'><body>x</body><request xmlns='urn:xmpp:receipts'/></message>",
    );
  });

  test.each([
    ["markup", `<&>"'`, "&lt;&amp;&gt;&quot;&apos;"],
    ["a carriage return, which parsers would drop", "a\rb", "a&#13;b"],
    ["tab and line feed as they are", "a\tb\nc", "a\tb\nc"],
    ["control characters", "a\0b\u0008c\u001f", "a\ufffdb\ufffdc\ufffd"],
    ["non-characters", "\ufffe\uffff", "\ufffd\ufffd"],
    ["half a pair", "a\ud83d b\ude00", "a\ufffd b\ufffd"],
    ["a whole pair", "😀", "😀"],
    ["two halves in the wrong order", "\ude00\ud83d", "\ufffd\ufffd"],
  ])("text: %s", (_, text, printed) => {
    expect(print(element("b", "", {}, text))).toBe(`<b>${printed}</b>`);
  });

  test("attribute values keep their white space", () => {
    const printed = print(element("b", "", { a: "x\t\n\r'y" }));
    const back = parseElement(printed);
    expect(back.ok && back.value.attrs.a).toBe("x\t\n\r'y");
  });
});

describe("law: parse(print(e)) is e, but for what XML cannot carry", () => {
  const name = fc.stringMatching(/^[a-z_][a-z0-9._-]{0,10}$/);
  const space = fc.constantFrom("", "jabber:client", "urn:x", "http://a/'b&<");
  const text = fc.string({ unit: "binary", maxLength: 20 });
  const attrs = fc.dictionary(fc.oneof(name, fc.constantFrom("xml:lang", "{urn:q}z", "__proto__")), text, {
    maxKeys: 4,
  });
  const tree: fc.Arbitrary<Element> = fc.letrec<{ node: Element }>((tie) => ({
    node: fc.record({
      name,
      xmlns: space,
      attrs: attrs.map(attributes),
      children: fc.array(fc.oneof({ maxDepth: 4 }, text, tie("node")), { maxLength: 4 }),
    }),
  })).node;

  // What is expected back: legal text, neighbouring texts joined, empty ones gone.
  const expected = (one: Element): Element => {
    const children: (Element | string)[] = [];
    for (const node of one.children) {
      const last = children.at(-1);
      if (isElement(node)) children.push(expected(node));
      else if (node === "") continue;
      else if (typeof last === "string") children[children.length - 1] = last + legal(node);
      else children.push(legal(node));
    }
    const values = Object.entries(one.attrs).map(([key, value]) => [key, legal(value)]);
    return { ...one, attrs: attributes(Object.fromEntries(values)), children };
  };

  test("for any tree", () => {
    fc.assert(
      fc.property(tree, (one) => {
        const back = parseElement(print(one));
        expect(back.ok ? back.value : back.error).toEqual(expected(one));
      }),
      { numRuns: 300 },
    );
  });
});
