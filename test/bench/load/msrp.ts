// Plays all people of one MSRP room, each on a TCP connection of his own (RFC 4975, by hand: no code of the gateway): binds,
// says at a rate that does not wait, answers what comes when answers are wanted, and notes how late it came.
// Orders come from the parent; a text is `<number> <milliseconds since 1970 when it was due>`.
import { randomBytes } from "node:crypto";
import { connect as netConnect, type Socket } from "node:net";
import { percentile } from "../processes.ts";

export type MsrpOrder =
  | { readonly do: "connect"; readonly paths: readonly string[]; readonly speakers: number }
  | { readonly do: "say"; readonly perSecond: number; readonly count: number; readonly bytes: number }
  | { readonly do: "figures" }
  | { readonly do: "leave" };

export interface MsrpFigures {
  readonly accepted: number;
  readonly heard: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  readonly cpuMicros: number;
  /** Milliseconds from the first text's due time to the last one heard. */
  readonly lastedMs: number;
}

interface Member {
  readonly socket: Socket;
  readonly own: string;
  readonly to: string;
  rest: string;
}

// The URI of a member: nobody connects to it, so that the bench can tell it beforehand.
const memberPath = (index: number): string => `msrp://127.0.0.1:9/member${index};tcp`;

const now = (): number => performance.timeOrigin + performance.now();
const random = (): string => randomBytes(8).toString("hex");
let members: Member[] = [];
let speakers = 1;
let bound = 0;
let accepted = 0;
let began = 0;
let lastAt = 0;
let latencies: number[] = [];
let cpuBefore = process.cpuUsage();
let allBound: () => void = () => undefined;

function read(member: Member, chunk: string): void {
  const text = member.rest === "" ? chunk : member.rest + chunk;
  let answers = "";
  let at = 0;
  for (;;) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) break;
    const space = text.indexOf(" ", at + 5);
    const tid = text.slice(at + 5, space);
    const what = text.slice(space + 1, space + 5);
    const end = text.indexOf(`\r\n-------${tid}`, line);
    const next = end + 9 + tid.length + 3;
    if (end < 0 || next > text.length) break;
    if (what === "SEND") {
      heard(text, line, end);
      if (text.lastIndexOf("Failure-Report: no", end) < at) answers += answer(member, tid);
    } else if (what.startsWith("200")) taken();
    else throw new Error(`the room said ${text.slice(at, line)}`);
    at = next;
  }
  member.rest = at === 0 ? text : text.slice(at);
  if (answers !== "") member.socket.write(answers, "latin1");
}

const answer = (member: Member, tid: string): string =>
  `MSRP ${tid} 200 OK\r\nTo-Path: ${member.to}\r\nFrom-Path: ${member.own}\r\n-------${tid}$\r\n`;

function heard(text: string, from: number, to: number): void {
  const body = text.indexOf("\r\n\r\n", from) + 4;
  const due = Number(text.slice(text.indexOf(" ", body) + 1, Math.min(to, body + 40)).split(" ", 1)[0]);
  lastAt = now();
  latencies.push(lastAt - due);
}

function taken(): void {
  if (bound < members.length) {
    bound += 1;
    if (bound === members.length) allBound();
  } else accepted += 1;
}

function send(member: Member, fields: string): void {
  const tid = random();
  const end = `-------${tid}$\r\n`;
  member.socket.write(
    `MSRP ${tid} SEND\r\nTo-Path: ${member.to}\r\nFrom-Path: ${member.own}\r\nMessage-ID: ${random()}\r\n${fields}${end}`,
    "latin1",
  );
}

async function enter(paths: readonly string[]): Promise<void> {
  bound = 0;
  const done = new Promise<void>((resolve) => {
    allBound = resolve;
  });
  members = paths.map((to, index) => {
    const port = Number(/:(\d+)\//.exec(to)?.[1]);
    const socket = netConnect({ host: "127.0.0.1", port, noDelay: true });
    const member: Member = { socket, to, own: memberPath(index), rest: "" };
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => read(member, String(chunk)));
    socket.once("connect", () => send(member, "Byte-Range: 1-0/0\r\n"));
    return member;
  });
  await done;
}

function say(perSecond: number, count: number, bytes: number): void {
  [accepted, latencies, cpuBefore, began, lastAt] = [0, [], process.cpuUsage(), now(), 0];
  let said = 0;
  const step = (): void => {
    const due = Math.min(count, 1 + Math.floor(((now() - began) * perSecond) / 1000));
    for (; said < due; said += 1) {
      const member = members[said % speakers];
      const text = `${said} ${(began + (said * 1000) / perSecond).toFixed(2)} `.padEnd(bytes, "x");
      const fields = `Byte-Range: 1-${text.length}/${text.length}\r\nContent-Type: text/plain\r\n\r\n`;
      if (member !== undefined) send(member, `${fields}${text}\r\n`);
    }
    if (said < count) setTimeout(step, 1);
  };
  step();
}

function figures(): MsrpFigures {
  const { user, system } = process.cpuUsage(cpuBefore);
  const at = (share: number): number => (latencies.length === 0 ? 0 : percentile(latencies, share));
  return {
    accepted,
    heard: latencies.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    mostMs: at(1),
    cpuMicros: user + system,
    lastedMs: lastAt - began,
  };
}

process.on("message", (order: MsrpOrder) => {
  if (order.do === "say") say(order.perSecond, order.count, order.bytes);
  else if (order.do === "figures") process.send?.(figures());
  else if (order.do === "connect") {
    speakers = order.speakers;
    enter(order.paths).then(
      () => process.send?.("bound"),
      (error: unknown) => {
        throw error;
      },
    );
  } else {
    for (const { socket } of members) socket.destroy();
    members = [];
    process.send?.("left");
  }
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
