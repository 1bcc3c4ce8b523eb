// Plain tables for people: columns as wide as their widest cell, two blanks between them, nothing that a script must strip.

/** Prints rows under a head; numbers stand to the right. Cells come from other machines: control characters are replaced. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => plain(String(cell))));
  const width = (at: number): number =>
    Math.max(head[at]?.length ?? 0, ...cells.map((row) => row[at]?.length ?? 0));
  const widths = head.map((_, at) => width(at));
  const right = head.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (right[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return `${[line(head), ...cells.map(line)].join("\n")}\n`;
}

/** Text without control characters, so that nothing printed can steer a terminal. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
