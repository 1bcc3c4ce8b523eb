// An error for people: one line, with the causes behind it.

// How far back causes are followed, so that a circle of causes ends.
const deepest = 5;

/** `cannot listen on 127.0.0.1:5060: address in use`; a cause that the line says already is left out. Line ends stay as they are. */
export function errorText(error: unknown): string {
  const parts: string[] = [];
  for (let at = error, deep = 0; at !== undefined && deep < deepest; deep += 1) {
    const text = at instanceof Error ? at.message || at.name : String(at);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(": ");
}
