// What becomes of what is said and done in a room, as JSON in the answer to OPTIONS (RFC 3261 §11.2, RFC 8259).
import { printAddress } from "#bus-schemas/address.ts";
import { nameOf, type RoomCapabilities, type Way } from "#bus-schemas/rooms/capabilities.ts";

export const capabilitiesType = "application/json";

/**
 * The body: for each way the deeds by what becomes of them. `inWords`: how, and why not, too; that is for streams: as a datagram it
 * would be cut into many pieces, and the loss of one is the loss of all.
 */
export const capabilitiesBody = ({ room, ways }: RoomCapabilities, inWords: boolean): Buffer =>
  Buffer.from(JSON.stringify({ room: printAddress(room), ways: ways.map((way) => lists(way, inWords)) }));

function lists({ fates, facts, ...way }: Way, inWords: boolean): object {
  const all = Object.entries(fates);
  const of = (wanted: string): string[] => all.flatMap(([deed, { is }]) => (is === wanted ? [deed] : []));
  const words = all.flatMap(([deed, { how }]) => (how === undefined ? [] : [[deed, how]]));
  return {
    name: nameOf(way),
    ...way,
    carried: of("carried"),
    reduced: of("reduced"),
    dropped: of("dropped"),
    refused: of("refused"),
    ...(facts && { facts }),
    ...(inWords && { how: Object.fromEntries(words) }),
  };
}
