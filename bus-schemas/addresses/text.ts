// Small questions about text that every mapping asks: well-formed Unicode, and its length as the wire counts it.

/** Octets in UTF-8; a lone surrogate counts as the three of U+FFFD. */
export const utf8Length = (text: string): number => Buffer.byteLength(text, "utf8");

/** Octets that one part of an address may have (RFC 7622 §3.1); taken for every protocol, so that all can carry it. */
export const partLimit = 1023;

/** False if a surrogate stands alone: such a text has no UTF-8 form. */
export const isWellFormed = (text: string): boolean => text.isWellFormed();
