// For tests: a browser in miniature, on the plain `ws` client: requests with transactions, events in order.
import { WebSocket } from "ws";

export type Json = Record<string, unknown>;

export interface TestBrowser {
  readonly events: Json[];
  /** Sends a request and resolves with its ack or error. */
  ask(request: Json): Promise<Json>;
  raw(text: string | Uint8Array): void;
  /** The first event that fits and was not taken before; rejects after `timeoutMs`. */
  next(fits: (event: Json) => boolean, timeoutMs?: number): Promise<Json>;
  readonly closed: Promise<{ code: number }>;
  readonly socket: WebSocket;
  close(): void;
}

/** Connects; rejects with the HTTP status when it is refused. */
export function openTestBrowser(
  port: number,
  options: { protocols?: string[]; path?: string; origin?: string; autoPong?: boolean } = {},
): Promise<TestBrowser> {
  const url = `ws://127.0.0.1:${port}${options.path ?? "/webrtcgateway/ws"}`;
  const socket = new WebSocket(url, options.protocols ?? ["sylkRTC-2"], {
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    autoPong: options.autoPong ?? true,
  });
  const events: Json[] = [];
  const taken = new Set<Json>();
  const answers = new Map<string, (answer: Json) => void>();
  const lookers = new Set<() => void>();
  let count = 0;
  socket.on("message", (data) => {
    const frame = JSON.parse(data.toString()) as Json;
    const answer = answers.get(String(frame.transaction));
    if ((frame.sylkrtc === "ack" || frame.sylkrtc === "error") && answer !== undefined) {
      answers.delete(String(frame.transaction));
      answer(frame);
      return;
    }
    events.push(frame);
    for (const look of lookers) look();
  });
  const closed = new Promise<{ code: number }>((resolve) => socket.on("close", (code) => resolve({ code })));
  const browser: TestBrowser = {
    events,
    socket,
    closed,
    ask: (request) =>
      new Promise((resolve) => {
        count += 1;
        const transaction = `t${count}`;
        answers.set(transaction, resolve);
        socket.send(JSON.stringify({ transaction, ...request }));
      }),
    raw: (text) => socket.send(text),
    next: (fits, timeoutMs = 5000) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events.find((event) => !taken.has(event) && fits(event));
          if (found === undefined) return;
          taken.add(found);
          lookers.delete(look);
          clearTimeout(timer);
          resolve(found);
        };
        const timer = setTimeout(() => {
          lookers.delete(look);
          reject(new Error(`no such event; there were ${JSON.stringify(events).slice(0, 2000)}`));
        }, timeoutMs);
        lookers.add(look);
        look();
      }),
    close: () => socket.close(),
  };
  return new Promise((resolve, reject) => {
    socket.on("unexpected-response", (_request, response) =>
      reject(new Error(`status ${response.statusCode}`)),
    );
    socket.on("error", reject);
    socket.on("open", () => resolve(browser));
  });
}
