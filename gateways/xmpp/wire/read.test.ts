import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Element, ns } from "./element.ts";
import { limits, openReader, parseElement, type Read } from "./read.ts";

const header = `<?xml version='1.0'?><stream:stream xmlns='${ns.component}' xmlns:stream='${ns.stream}' id='3BF96D32'>`;
const stanza = "<message to='a@b.c' id='1'><body>grüße 😀 &lt;&#65;</body></message>";

const readAll = (chunks: readonly Uint8Array[]): Read[] => {
  const reader = openReader();
  return chunks.flatMap((chunk) => reader.push(chunk));
};
const read = (text: string): Read[] => readAll([Buffer.from(text)]);
const fault = (text: string): string | undefined => {
  const last = read(text).at(-1);
  return last?.kind === "fault" ? last.condition : undefined;
};

describe("a stream", () => {
  test("opens, carries stanzas, and closes", () => {
    const reads = read(`${header} \n${stanza}\n <presence/></stream:stream>`);
    expect(reads.map((one) => one.kind)).toEqual(["open", "stanza", "stanza", "close"]);
    expect(reads[0]).toMatchObject({ xmlns: ns.component, attrs: { id: "3BF96D32" } });
    expect(reads[1]).toMatchObject({
      element: {
        name: "message",
        xmlns: ns.component,
        children: [{ name: "body", children: ["grüße 😀 <A"] }],
      },
    });
  });

  test("nothing is read after its end", () => {
    const reader = openReader();
    reader.push(Buffer.from(`${header}</stream:stream>`));
    expect(reader.push(Buffer.from(stanza))).toEqual([]);
  });

  test("text around CDATA is one text", () => {
    const reads = read(`${header}<message><body>a<![CDATA[<b>]]>c</body></message>`);
    expect(reads[1]).toMatchObject({ element: { children: [{ children: ["a<b>c"] }] } });
  });

  test("attributes keep xml:lang, name foreign ones by namespace, and lose declarations", () => {
    const result = parseElement("<a xmlns='x' xmlns:p='urn:p' xml:lang='de' p:q='1' __proto__='2' r='3'/>");
    expect(result.ok && { ...result.value.attrs }).toEqual({
      "xml:lang": "de",
      "{urn:p}q": "1",
      ["__proto__"]: "2",
      r: "3",
    });
  });
});

describe("attacks and faults end the stream", () => {
  const nested = `<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]>${header}<message>&y;</message>`;
  const deep = (depth: number): string => `${header}${"<a>".repeat(depth)}${"</a>".repeat(depth)}`;
  test.each([
    ["nested entities", nested, "restricted-xml"],
    ["external entity", `<!DOCTYPE a SYSTEM "file:///etc/passwd">${header}`, "restricted-xml"],
    ["a document type alone", `<!DOCTYPE stream:stream>${header}`, "restricted-xml"],
    ["a comment", `${header}<!-- hello -->`, "restricted-xml"],
    ["a processing instruction", `${header}<?php echo ?>`, "restricted-xml"],
    ["an unknown entity", `${header}<message>&nosuch;</message>`, "not-well-formed"],
    ["mismatched tags", `${header}<message><body></message></body>`, "not-well-formed"],
    ["a duplicate attribute", `${header}<message a='1' a='2'/>`, "not-well-formed"],
    ["an unbound prefix", `${header}<x:message/>`, "not-well-formed"],
    [
      "an attribute twice by namespace",
      `${header}<m xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>`,
      "not-well-formed",
    ],
    ["a NUL", `${header}<message>\0</message>`, "not-well-formed"],
    ["a control character", `${header}<message>\u0001</message>`, "not-well-formed"],
    ["a control character by reference", `${header}<message>&#1;</message>`, "not-well-formed"],
    ["U+FFFE", `${header}<message>\ufffe</message>`, "not-well-formed"],
    ["text between stanzas", `${header}hello<message/>`, "not-well-formed"],
    ["no stream at all", "<html><body/></html>", "invalid-namespace"],
    ["not XML at all", "GET / HTTP/1.1\r\n\r\n", "not-well-formed"],
    ["an unescaped <", `${header}<message>a < b</message>`, "not-well-formed"],
    ["20,000 deep", deep(20_000), "policy-violation"],
    ["a header too large", `<stream:stream a='${"x".repeat(limits.stanzaLength)}`, "policy-violation"],
    [
      "a name without end",
      `${header}<${"x".repeat(limits.stanzaLength * limits.skipped)}`,
      "policy-violation",
    ],
    [
      "an attribute without end",
      `${header}<m a='${"x".repeat(limits.stanzaLength * limits.skipped)}`,
      "policy-violation",
    ],
  ])("%s", (_, text, condition) => {
    expect(fault(text)).toBe(condition);
  });

  test("bytes that are not UTF-8", () => {
    const reads = readAll([Buffer.from(header), Buffer.from([0x3c, 0x61, 0x3e, 0xc3, 0x28])]);
    expect(reads.at(-1)).toMatchObject({ kind: "fault", condition: "not-well-formed" });
  });

  test("30 MB in one stanza are refused before they are kept, in no time", () => {
    const reader = openReader();
    reader.push(Buffer.from(`${header}<message><body>`));
    const chunk = Buffer.alloc(65_536, "x");
    const began = performance.now();
    let count = 0;
    for (; count < 480; count++) if (reader.push(chunk).some((one) => one.kind === "fault")) break;
    expect(count).toBeLessThan(70);
    expect(performance.now() - began).toBeLessThan(500);
  });

  test("what is legal stays legal: at the depth, many stanzas longer together than one may be", () => {
    expect(fault(deep(limits.depth))).toBeUndefined();
    const half = `<message>${"x".repeat(limits.stanzaLength / 2)}</message>`;
    expect(read(header + half.repeat(4)).filter((one) => one.kind === "stanza")).toHaveLength(4);
  });

  test("white space between stanzas for hours counts for nothing", () => {
    const reader = openReader();
    reader.push(Buffer.from(header));
    const idle = Buffer.alloc(65_536, " ");
    for (let n = 0; n < 20; n++) expect(reader.push(idle)).toEqual([]);
    expect(reader.push(Buffer.from(stanza))).toHaveLength(1);
  });
});

describe("a stanza over a limit is skipped, and can be refused by its own tag", () => {
  const big = "x".repeat(limits.stanzaLength);
  const many = Array.from({ length: 300 }, (_, n) => `a${n}='1'`).join(" ");
  test.each([
    ["too large a text", `<message id='7'><body>${big}</body></message>`, /too large/],
    ["too many elements", `<message id='7'>${"<a/>".repeat(limits.stanzaLength / 4)}</message>`, /too large/],
    ["too large an attribute inside", `<message id='7'><a b='${big}'/><c/></message>`, /too large/],
    ["too large an attribute of its own", `<message id='7' a='${big}'/>`, /too large/],
    [
      "too deep",
      `<message id='7'>${"<a>".repeat(limits.depth)}${"</a>".repeat(limits.depth)}</message>`,
      /too deep/,
    ],
    ["too many attributes", `<message id='7'><a ${many}/></message>`, /too many attributes/],
    ["too many attributes of its own", `<message id='7' ${many}/>`, /too many attributes/],
  ])("%s", (_, text, excess) => {
    for (const size of [1_000_000_000, 65_536, 1_009]) {
      const bytes = Buffer.from(`${header}${text}${stanza}`);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (__, n) =>
        bytes.subarray(n * size, (n + 1) * size),
      );
      const [, refused, next, ...rest] = readAll(chunks);
      expect(refused).toMatchObject({
        kind: "stanza",
        element: { name: "message", attrs: { id: "7" }, children: [] },
      });
      expect(refused?.kind === "stanza" && refused.excess).toMatch(excess);
      expect(next).toMatchObject({
        kind: "stanza",
        element: { name: "message", children: [{ name: "body" }] },
      });
      expect(rest).toEqual([]);
    }
  });
});

describe("laws", () => {
  const whole = Buffer.from(`${header}${stanza}${stanza}<presence xmlns:x='u' x:y='ü'/> </stream:stream>`);

  test("however the bytes are cut, the same is read", () => {
    const expected = readAll([whole]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: whole.length - 1 }), { maxLength: 40 }), (cuts) => {
        const ends = [...new Set(cuts)].sort((a, b) => a - b);
        const chunks = [0, ...ends].map((from, n) => whole.subarray(from, ends[n] ?? whole.length));
        expect(readAll(chunks)).toEqual(expected);
      }),
    );
    expect(readAll(Array.from(whole, (byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  test("no bytes make it throw", () => {
    const bits = fc.constantFrom(
      header,
      stanza,
      "<",
      ">",
      "</",
      "&",
      ";",
      "'",
      "<![CDATA[",
      "]]>",
      "xmlns:a='",
      "\0",
      "<a",
      "/>",
    );
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      bits.map((text) => new Uint8Array(Buffer.from(text))),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 30 }), (chunks) => {
        const reads = readAll(chunks);
        const end = reads.findIndex((one) => one.kind === "fault" || one.kind === "close");
        expect(end === -1 || end === reads.length - 1).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("a stream that broke stays broken", () => {
    const reader = openReader();
    expect(reader.push(Buffer.from("<a>&no;")).at(-1)?.kind).toBe("fault");
    expect(reader.push(Buffer.from(header))).toEqual([]);
  });
});

test("parseElement reads exactly one element", () => {
  const names = (text: string): string | undefined => {
    const result = parseElement(text);
    return result.ok ? (result.value satisfies Element).name : undefined;
  };
  expect(names("<a/>")).toBe("a");
  expect(names("<a>")).toBeUndefined();
  expect(names("<a/><b/>")).toBeUndefined();
  expect(names("")).toBeUndefined();
});
