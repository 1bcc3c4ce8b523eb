// Bodies to text: charsets, and the control characters that no other network can carry (RFC 3428 §6, stox §3).

/** The text of a body, or undefined for a charset that nobody here can read. A byte order mark is dropped. */
export function decodeText(body: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return undefined;
  }
}

/** CR LF and CR become LF; C0 controls go but LF and TAB; what else XML cannot say becomes U+FFFD. */
export const cleanText = (text: string): string =>
  text
    .replace(/\r\n?/g, "\n")
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, "")
    .replace(/[\ufffe\uffff]/g, "\ufffd")
    .toWellFormed();

/** For a header field: one line. */
export const oneLine = (text: string): string =>
  cleanText(text)
    .replace(/[\n\t]+/g, " ")
    .trim();
