// The command line of the bench.
import { parseArgs } from "node:util";
import { type GatewayName, gatewayNames } from "#test/plays/house.ts";
import { type RoomsPlan, readRoomsPlan } from "./rooms/plan.ts";

export interface Plan {
  /** Both directions of a pair are measured in one house. */
  readonly pairs: readonly (readonly [GatewayName, GatewayName])[];
  readonly wants: (from: GatewayName, to: GatewayName) => boolean;
  readonly rates: readonly number[];
  /** Whether it goes on above the last rate until a step fails. */
  readonly further: boolean;
  readonly seconds: number;
  readonly repeat: number;
  readonly people: number;
  readonly storages: readonly ("file" | "memory")[];
  readonly holds: readonly string[];
  /** Whether more than the first hold is measured with the bus in memory too. */
  readonly holdsInMemory: boolean;
  readonly bus: boolean;
  readonly peers: boolean;
  /** Only the MSRP room. */
  readonly msrp: boolean;
  /** Only rooms of the whole product. */
  readonly rooms: RoomsPlan | undefined;
  readonly out: string | undefined;
  /** Options of Node for the gateways, from PARLEY_BENCH_NODE. */
  readonly nodeOptions: readonly string[];
}

export const usageText = `npm run bench -- [options]
  --quick            the four directions that have a peer, short steps, nothing above 8,000/s: two to three minutes
  --from, --to       only directions from, to this gateway (sip, xmpp, irc, web)
  --rates 100,1000   only these rates; otherwise 100, 500, 1,000, 2,000, 5,000 and up until a step fails
  --seconds 4        length of a step
  --repeat 1         runs per step; the median by p99 counts, and any loss
  --people 50        people on each side
  --storage file     or memory, or file,memory
  --hold 400ms,0s    sip.holdResponse, where SIP people speak
  --no-bus, --no-peers, --only-peers
  --msrp             one MSRP room alone: --people 200, --rates in texts per second, --seconds 2, --repeat 3
  --rooms            rooms of the whole product alone: --of muc,irc,web,msrp, --people 20,100, --rates in copies per second,
                     --quick under three minutes
  --out FILE         all figures as JSON
Environment: PARLEY_BENCH_NODE="--cpu-prof --cpu-prof-dir=DIR" profiles the gateways.`;

/** Reads the arguments; undefined when help is asked for. Throws on what it does not know. */
export function readPlan(args: readonly string[]): Plan | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      quick: { type: "boolean", default: false },
      from: { type: "string" },
      to: { type: "string" },
      rates: { type: "string" },
      seconds: { type: "string" },
      repeat: { type: "string" },
      people: { type: "string" },
      msrp: { type: "boolean", default: false },
      rooms: { type: "boolean", default: false },
      of: { type: "string" },
      storage: { type: "string" },
      hold: { type: "string" },
      bus: { type: "boolean", default: true },
      peers: { type: "boolean", default: true },
      "only-peers": { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  const [onlyFrom, onlyTo] = [gatewayOf(values.from), gatewayOf(values.to)];
  const inQuick = (from: GatewayName, to: GatewayName): boolean =>
    [from, to].includes("xmpp") && ![from, to].includes("web");
  const chosen = onlyFrom !== undefined || onlyTo !== undefined;
  const wants = (from: GatewayName, to: GatewayName): boolean =>
    from !== to &&
    (onlyFrom ?? from) === from &&
    (onlyTo ?? to) === to &&
    (!quick || chosen || inQuick(from, to));
  const rooms = values.rooms ? readRoomsPlan(values, quick, nodeOptions()) : undefined;
  const people = rooms === undefined ? values.people : undefined;
  const rates = values.rates ?? usualRates(quick, values.msrp);
  return {
    pairs: values["only-peers"] ? [] : pairsOf(wants),
    wants,
    rates: rates.split(",").map((rate) => number("rates", rate)),
    further: values.rates === undefined && !quick,
    seconds: number("seconds", values.seconds ?? (values.msrp ? "2" : quick ? "1.5" : "4")),
    repeat: number("repeat", values.repeat ?? (values.msrp ? "3" : "1")),
    people: number("people", people ?? (values.msrp ? "200" : "50")),
    storages: (values.storage ?? "file,memory").split(",").map(storageOf),
    holdsInMemory: !quick,
    holds: (values.hold ?? "400ms,0s").split(","),
    bus: values.bus && !values["only-peers"],
    peers: values.peers,
    msrp: values.msrp,
    rooms,
    out: values.out,
    nodeOptions: nodeOptions(),
  };
}

const nodeOptions = (): string[] => (process.env.PARLEY_BENCH_NODE ?? "").split(" ").filter(Boolean);

function usualRates(quick: boolean, msrp: boolean): string {
  if (msrp) return "50,100,150,200,250,300,400";
  return quick ? "100,1000,2000,5000,8000" : "100,500,1000,2000,5000";
}

const pairsOf = (wants: Plan["wants"]): Plan["pairs"] =>
  gatewayNames.flatMap((one, index) =>
    gatewayNames
      .slice(index + 1)
      .filter((other) => wants(one, other) || wants(other, one))
      .map((other) => [one, other] as const),
  );

function gatewayOf(text: string | undefined): GatewayName | undefined {
  const found = gatewayNames.find((name) => name === text);
  if (text !== undefined && found === undefined)
    throw new Error(`${text} is none of ${gatewayNames.join(", ")}`);
  return found;
}

function storageOf(text: string): "file" | "memory" {
  if (text !== "file" && text !== "memory") throw new Error(`--storage is file or memory, not ${text}`);
  return text;
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name}: ${text} is not a number above 0`);
  return value;
}
