// Text inside XML that we print (XML 1.0 §2.2, §2.4).

/** Escaped for text and attribute values; what XML 1.0 cannot say is left out. */
export const escapeXml = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
