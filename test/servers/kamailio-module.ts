// Debian's Kamailio 5.6 ends with SIGSEGV at an XMPP server's first stream header: its xmpp module compares the first byte of
// the NULL that ends expat's list of attributes. This writes a copy in which those comparisons test the pointer itself.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `cmpb $0,(%rsi)` and, of the same length, `test %rsi,%rsi`. */
const compareByte = Buffer.from([0x80, 0x3e, 0x00]);
const testPointer = Buffer.from([0x48, 0x85, 0xf6]);

/** Lengths of `mov …,%rsi`: without displacement, with an index or a byte of displacement, with both. */
const loadLengths = [3, 4, 5];

/** Whether the bytes before `at` load %rsi from memory by an instruction of `length` bytes (REX.W, 8B, ModRM with rsi). */
function loads(code: Buffer, at: number, length: number): boolean {
  const [rex = 0, opcode = 0, modrm = 0] = code.subarray(at - length, at);
  const [mode, register, base] = [modrm >> 6, (modrm >> 3) & 7, modrm & 7];
  const size = 3 + (base === 4 ? 1 : 0) + (mode === 1 ? 1 : 0);
  return (rex & 0xf8) === 0x48 && opcode === 0x8b && register === 6 && mode < 2 && size === length;
}

/** Copies the module from `source` into `folder` (for `mpath`), mended. Returns how many places it mended; fewer than 2 is an error. */
export function mendXmppModule(source: string, folder: string): number {
  const code = readFileSync(source);
  let places = 0;
  for (let at = code.indexOf(compareByte); at >= 0; at = code.indexOf(compareByte, at + 1)) {
    const jumps = code[at + 3] === 0x74 || code[at + 3] === 0x75;
    if (!jumps || !loadLengths.some((length) => loads(code, at, length))) continue;
    testPointer.copy(code, at);
    places += 1;
  }
  if (places < 2) throw new Error(`${source} is not the module that is known: ${places} places to mend`);
  writeFileSync(join(folder, "xmpp.so"), code);
  return places;
}
