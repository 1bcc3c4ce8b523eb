// Subjects against filters, as NATS does it: `*` is one token, `>` the rest, at least one.

/** True if `subject` (without wildcards) falls under `filter`. */
export function matches(filter: string, subject: string): boolean {
  if (filter === subject) return true;
  const wanted = filter.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return index === wanted.length - 1 && tokens.length > index;
    if (index >= tokens.length || (token !== "*" && token !== tokens[index])) return false;
  }
  return tokens.length === wanted.length;
}
