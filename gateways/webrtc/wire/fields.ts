// The fields that requests share: addresses, ids, texts, and what published clients write where they have nothing to say. sylkRTC-2.
import { z } from "zod";
import { limits } from "./limits.ts";

export const transaction = z.string().min(1).max(limits.idLength);
/** `local@domain`; what it means is read in translate/address.ts. */
export const address = z
  .string()
  .min(3)
  .max(limits.addressLength)
  .regex(/^[^\u0000-\u001f\u007f]+@[^@\u0000-\u0020\u007f]+$/);
export const id = z
  .string()
  .min(1)
  .max(limits.farIdLength)
  .regex(/^[^\u0000-\u001f\u007f]+$/);
/** An id that this client makes, short enough to ride in a far id. */
export const ownId = id.max(limits.idLength);
export const text = z.string().max(limits.textLength);
/** Published clients write null where they have nothing to say. */
export const maybe = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);
