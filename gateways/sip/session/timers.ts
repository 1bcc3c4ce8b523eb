// The times of the transaction machines, in milliseconds (RFC 3261 §17.1.1.1, table 4).
export const t1Ms = 500;
export const t2Ms = 4_000;
export const t4Ms = 5_000;
/** Timers F and J: as long as a non-INVITE transaction can live. */
export const lifeMs = 64 * t1Ms;
/** When a server over UDP sends 100 to a non-INVITE: as long as it takes timer E to reach T2 (RFC 4320 §4.1). */
export const tryingMs = 3_500;
