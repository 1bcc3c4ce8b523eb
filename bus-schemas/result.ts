// A peer's fault is a value, never an exception: every parser and mapping answers with one of these.

/** What a reader of foreign input returns: the value, or why it is not one, in words fit for a log line. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string };

/** The good answer. */
export const ok = <T>(value: T): Result<T> => ({ ok: true, value });

/** The bad answer; `error` names what was wrong and where, without the peer's secrets or bodies. */
export const bad = (error: string): { readonly ok: false; readonly error: string } => ({ ok: false, error });
