// What may be a header of a message on the bus: it must stay on its own line.

const forbiddenInName = /[\r\n: ]/;
const forbidden = /[\r\n]/;

/** Throws when a name or a value could break out of its line. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name === "" || forbiddenInName.test(name) || forbidden.test(value))
      throw new Error("a header does not fit on its line");
  }
}
