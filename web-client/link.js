// The connection to the gateway: sylkRTC-2 over WebSocket, opened again by itself, with requests that are answered or fail.

const firstRetryMs = 500;
const lastRetryMs = 15_000;
const answerTimeoutMs = 30_000;

/** An `error` of the gateway, with its code and its cause if it has them. */
export class Refused extends Error {
  constructor(text, code, cause) {
    super(text);
    this.code = code;
    this.cause = cause;
  }
}

/** The connection went away, or the answer did not come in time: what was asked for may or may not have happened. */
export class Broken extends Error {}

/**
 * Opens a link that stays. `on.ready` is called at every new connection, before anything else may be asked; if its promise
 * fails with Refused the link closes for good and `on.refused` is told. `on.event` gets every event, `on.state` a word.
 */
export function openLink(url, on) {
  let socket;
  let closed = false;
  let retryMs = firstRetryMs;
  let timer;
  let count = 0;
  const waiting = new Map();

  const connect = () => {
    clearTimeout(timer);
    on.state("connecting");
    const mine = new WebSocket(url, "sylkRTC-2");
    socket = mine;
    mine.addEventListener("message", ({ data }) => {
      if (socket === mine) receive(JSON.parse(data));
    });
    mine.addEventListener("close", () => {
      if (socket === mine) lost();
    });
  };

  const receive = (frame) => {
    if (frame.sylkrtc === "ready-event") {
      void begin();
      return;
    }
    if (frame.sylkrtc !== "ack" && frame.sylkrtc !== "error") {
      on.event(frame);
      return;
    }
    const answer = waiting.get(frame.transaction);
    waiting.delete(frame.transaction);
    if (frame.sylkrtc === "ack") answer?.resolve(frame);
    else answer?.reject(new Refused(frame.error, frame.code, frame.cause));
  };

  const begin = async () => {
    try {
      await on.ready();
      retryMs = firstRetryMs;
      on.state("connected");
    } catch (error) {
      if (error instanceof Refused && error.code !== 503) {
        close();
        on.refused(error);
      } else socket?.close();
    }
  };

  const lost = () => {
    for (const answer of waiting.values()) answer.reject(new Broken("the connection was lost"));
    waiting.clear();
    if (closed) return;
    on.state("waiting");
    timer = setTimeout(connect, retryMs * (0.5 + Math.random()));
    retryMs = Math.min(lastRetryMs, retryMs * 2);
  };

  const close = () => {
    closed = true;
    clearTimeout(timer);
    window.removeEventListener("online", again);
    socket?.close();
  };

  const again = () => {
    if (!closed && socket?.readyState !== WebSocket.OPEN) connect();
  };
  window.addEventListener("online", again);

  connect();
  return {
    close,
    /** Resolves with the ack; rejects with Refused or Broken. */
    ask(request) {
      return new Promise((resolve, reject) => {
        if (socket?.readyState !== WebSocket.OPEN) {
          reject(new Broken("not connected"));
          return;
        }
        count += 1;
        const transaction = `t${count}`;
        const late = setTimeout(() => {
          waiting.delete(transaction);
          reject(new Broken("no answer in time"));
        }, answerTimeoutMs);
        const settle = (how) => (value) => {
          clearTimeout(late);
          how(value);
        };
        waiting.set(transaction, { resolve: settle(resolve), reject: settle(reject) });
        socket.send(JSON.stringify({ ...request, transaction }));
      });
    },
  };
}
