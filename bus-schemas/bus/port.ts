// The only door to the bus. NATS stands behind it in production, memory in tests; compliance.ts holds both to this text.

/** One stored thing, as a reader gets it. */
export interface Stored {
  readonly subject: string;
  readonly sequence: number;
  /** When the server stored it, milliseconds since 1970. */
  readonly storedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
  /** How many are waiting behind it for this reader. */
  readonly pending: number;
}

export interface StreamSpec {
  readonly name: string;
  readonly subjects: readonly string[];
  /** `limits`: kept until purged, new ones refused when full. `latest`: the last one of each subject. */
  readonly keep: "limits" | "latest";
  readonly maxBytes: number;
  /** How long an id is recognised as already stored; 0 for never. */
  readonly duplicateWindowMs: number;
}

export interface PubAck {
  readonly sequence: number;
  /** True if the id was known: the first one counts, nothing was stored now. */
  readonly duplicate: boolean;
}

/** An open reader. `stop` resolves when its last callback has returned. */
export interface Reader {
  stop(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** A key-value bucket. Keys: `[-/_=.a-zA-Z0-9]+`, tokens between dots. */
export interface Bucket {
  get(key: string): Promise<Entry | undefined>;
  put(key: string, value: Uint8Array): Promise<number>;
  /** Create if absent: exactly one caller wins, on any cluster. The only primitive that claims rest on. */
  create(key: string, value: Uint8Array): Promise<boolean>;
  remove(key: string): Promise<void>;
  /** All keys that match `filter` (wildcards * and >), with their values. */
  list(filter: string): Promise<Entry[]>;
  /** First all that is there, then `ready`, then every change; a removed key comes without a value. */
  watch(
    filter: string,
    on: { change: (key: string, value: Uint8Array | undefined) => void; ready?: () => void },
  ): Promise<Reader>;
}

/** A live message, not stored. */
export interface Live {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
  /** Answers a request; does nothing if none was asked for. */
  answer(data: Uint8Array): void;
}

export interface StreamState {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface Bus {
  /** True while the connection stands. */
  readonly connected: boolean;
  /** Called at every change of `connected`. Returns the way to stop listening. */
  onConnection(listener: (connected: boolean) => void): () => void;

  /** Makes the stream if it is absent, and checks that one which is there is alike. */
  ensureStream(spec: StreamSpec): Promise<void>;
  /**
   * Stores, and resolves when the server has confirmed it (PubAck). Pipelined: at most `window` outstanding, more wait.
   * Retries with the same id until confirmed or `timeoutMs` (default 60 s) is over, through reconnects and elections.
   * Errors: BusFull (stream full), BusTimeout.
   */
  store(
    subject: string,
    data: Uint8Array,
    options: { id?: string; headers?: Record<string, string>; timeoutMs?: number },
  ): Promise<PubAck>;
  /**
   * Reads one filter of a stream in order from `after` + 1, for ever: survives reconnects and server restarts without gap
   * and without double. `on` is called one at a time; while the promise that it returned is pending nothing more is
   * delivered (backpressure); at most 512 are kept in memory.
   */
  read(
    stream: string,
    filter: string,
    after: number,
    on: (message: Stored) => void | Promise<void>,
  ): Promise<Reader>;
  /** The last one stored under this subject. */
  last(stream: string, subject: string): Promise<Stored | undefined>;
  /** The last one of every subject that matches. */
  lastOfEach(stream: string, filter: string): Promise<Stored[]>;
  /** Deletes one stored thing; deleting it again is no error. */
  remove(stream: string, sequence: number): Promise<void>;
  /** Deletes all that matches `filter` (default: all) up to and including `sequence`. */
  purge(stream: string, sequence: number, filter?: string): Promise<void>;
  state(stream: string): Promise<StreamState>;

  bucket(name: string): Promise<Bucket>;

  /** Live, at most once. */
  emit(subject: string, data: Uint8Array, headers?: Record<string, string>): void;
  listen(subject: string, on: (message: Live) => void): Reader;
  /** One answer, or undefined when none came within `timeoutMs`. */
  ask(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined>;
  /** All answers that came within `timeoutMs`. */
  askAll(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array[]>;

  /** Sends what is buffered and closes. */
  close(): Promise<void>;
}

/** The stream is full: nothing was stored. The edge refuses or slows its peers. */
export class BusFull extends Error {
  override readonly name = "BusFull";
}

/** No confirmation within the time: whether it was stored is not known; the same id may be stored again safely. */
export class BusTimeout extends Error {
  override readonly name = "BusTimeout";
}
