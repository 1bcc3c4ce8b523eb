// OPTIONS to a room that ask, by Accept, what becomes of what is said and done in it: RFC 3261 §11.
import type { Address } from "#bus-schemas/address.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Answer } from "../../session/respond.ts";
import { capabilitiesBody, capabilitiesType } from "../../translate/room/capabilities-body.ts";
import { parseMediaType } from "../../wire/media-type.ts";
import type { SipRequest } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import type { Source } from "../transport-types.ts";
import type { RoomParts } from "./parts.ts";

/** OPTIONS to one room. */
export interface Asked {
  readonly request: SipRequest;
  readonly source: Source;
  readonly room: Address;
  /** They came inside the call of somebody who is in it. */
  readonly isInside: boolean;
}

type CapabilityParts = Pick<RoomParts, "identities" | "directory" | "rooms">;

/** Whether they ask for it: a client that names no such type is answered as by any focus. */
export const asksCapabilities = (request: SipRequest): boolean =>
  request.list("accept").some((each) => parseMediaType(each)?.type === capabilitiesType);

/**
 * The `plain` answer with the table as its body, to those who may see who is there (`mayWatch`); else why not. Rejects when the room
 * cannot be asked.
 */
export async function answerCapabilities(
  { identities, directory, rooms }: CapabilityParts,
  { request, source, room, isInside }: Asked,
  plain: Answer,
  mayWatch: (room: { readonly view: RoomView }, own: readonly Address[]) => Answer | undefined,
): Promise<Answer> {
  if (!isInside) {
    const identity = identities.ofSender(request, source);
    if (identity.kind === "answer") return identity.answer;
    const followed = await rooms.follow(room, { event: () => undefined });
    const refused = mayWatch(followed, directory.linked(identity.party));
    await followed.release();
    if (refused !== undefined) return refused;
  }
  const found = await rooms.capabilities(room);
  if (found === undefined) return { status: 404 };
  return {
    ...plain,
    fields: [...(plain.fields ?? []), field("content-type", capabilitiesType)],
    body: capabilitiesBody(found, source.transport !== "udp"),
  };
}
