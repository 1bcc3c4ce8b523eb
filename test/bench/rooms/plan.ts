// What the command line asks of the room bench.
const roomKinds = ["muc", "irc", "web", "msrp"] as const;
export type RoomKind = (typeof roomKinds)[number];

export interface RoomsPlan {
  readonly kinds: readonly RoomKind[];
  /** People in the room; undefined: each kind's usual numbers. */
  readonly sizes: readonly number[] | undefined;
  /** Copies per second, rising; the first is the calm one. */
  readonly rates: readonly number[];
  /** Rates that were asked for are all played; the usual ones end at the first that is not held. */
  readonly further: boolean;
  readonly seconds: number;
  readonly quick: boolean;
  readonly peers: boolean;
  readonly nodeOptions: readonly string[];
}

export interface RoomsValues {
  readonly of?: string | undefined;
  readonly people?: string | undefined;
  readonly rates?: string | undefined;
  readonly seconds?: string | undefined;
  readonly peers: boolean;
}

const usualRates = [1_000, 5_000, 10_000, 15_000, 20_000, 30_000, 40_000, 60_000];
const quickRates = [1_000, 5_000, 10_000, 20_000];

/** Reads the arguments of `--rooms`. Throws on what it does not know. */
export function readRoomsPlan(
  values: RoomsValues,
  quick: boolean,
  nodeOptions: readonly string[],
): RoomsPlan {
  return {
    kinds: values.of === undefined ? roomKinds : values.of.split(",").map(kindOf),
    sizes: values.people === undefined ? undefined : numbers("people", values.people),
    rates: values.rates === undefined ? (quick ? quickRates : usualRates) : numbers("rates", values.rates),
    further: values.rates !== undefined,
    seconds: values.seconds === undefined ? (quick ? 2 : 4) : (numbers("seconds", values.seconds)[0] ?? 4),
    quick,
    peers: values.peers,
    nodeOptions,
  };
}

function kindOf(text: string): RoomKind {
  const found = roomKinds.find((kind) => kind === text);
  if (found === undefined) throw new Error(`${text} is none of ${roomKinds.join(", ")}`);
  return found;
}

function numbers(name: string, text: string): number[] {
  return text.split(",").map((one) => {
    const value = Number(one);
    if (!(value > 0)) throw new Error(`--${name}: ${one} is not a number above 0`);
    return value;
  });
}
