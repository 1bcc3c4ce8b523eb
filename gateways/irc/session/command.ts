// What people say to the service nick: a word and what belongs to it. Answers are in plain sentences.

export type Command =
  | { readonly name: "to"; readonly address: string; readonly text: string }
  | { readonly name: "list" }
  | { readonly name: "block" | "unblock"; readonly address: string }
  | { readonly name: "help" }
  | { readonly name: "history" }
  /** Not understood; `usage` says how it would be right. */
  | { readonly name: "unclear"; readonly usage: string };

export const help: readonly string[] = [
  "to <address> <text>: sends a message, for instance: to alice@sip.example hello",
  "list: with whom you talk here, and under which nick they are",
  "block <address>, block *: that person, or nobody, may write to you through me; unblock takes it back",
  "help: this",
];

const word = (text: string): [string, string] => {
  const trimmed = text.trim();
  const space = trimmed.search(/\s/);
  return space < 0 ? [trimmed, ""] : [trimmed.slice(0, space), trimmed.slice(space).trim()];
};

/** Whether this may be an address: something before and behind the last `@`, no space. */
export const looksLikeAddress = (text: string): boolean =>
  /^[^\s]+@[^\s@]+$/.test(text) && text.length <= 400;

/** Reads one line; never throws. */
export function parseCommand(line: string): Command {
  const [name, rest] = word(line);
  switch (name.toLowerCase()) {
    case "to": {
      const [address, text] = word(rest);
      if (!looksLikeAddress(address) || text === "") return { name: "unclear", usage: "to <address> <text>" };
      return { name: "to", address, text };
    }
    case "block":
    case "unblock": {
      const [address, more] = word(rest);
      const kind = name.toLowerCase() === "block" ? "block" : "unblock";
      if (more !== "" || (address !== "*" && !looksLikeAddress(address)))
        return { name: "unclear", usage: `${kind} <address>, or ${kind} *` };
      return { name: kind, address };
    }
    case "list":
      return { name: "list" };
    case "history":
      return { name: "history" };
    case "help":
    case "":
      return { name: "help" };
    default:
      return { name: "unclear", usage: "to, list, block, unblock or help" };
  }
}
