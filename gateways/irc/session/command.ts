// What people say to the service nick: a word and what belongs to it. Answers are in plain sentences.

export type Command =
  | { readonly name: "to"; readonly address: string; readonly text: string }
  | { readonly name: "list" }
  | { readonly name: "block" | "unblock"; readonly address: string }
  | { readonly name: "help" }
  | { readonly name: "history"; readonly channel: string; readonly lines: number }
  /** `about`: one thing alone. */
  | { readonly name: "capabilities"; readonly channel: string; readonly about: string }
  /** Not understood; `usage` says how it would be right. */
  | { readonly name: "unclear"; readonly usage: string };

/** Lines of history that one person is shown at a time. */
const historyLines = 50;

export const help: readonly string[] = [
  "to <address> <text>: sends a message, for instance: to alice@sip.example hello",
  "list: with whom you talk here, and under which nick they are",
  "block <address>, block *: that person, or nobody, may write to you through me; unblock takes it back",
  "history <channel> <lines>: what was said last in the room behind a channel that you are in",
  "capabilities <channel> <what>: what becomes of what is said and done in the room behind it; <what> may be left out",
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
    case "history": {
      const [channel, lines] = word(rest);
      const count = lines === "" ? 20 : Number(lines);
      if (!/^[#&+!]\S/.test(channel) || !Number.isSafeInteger(count) || count < 1)
        return { name: "unclear", usage: "history <channel> <lines>" };
      return { name: "history", channel, lines: Math.min(count, historyLines) };
    }
    case "capabilities": {
      const [channel, about] = word(rest);
      if (!/^[#&+!]\S/.test(channel)) return { name: "unclear", usage: "capabilities <channel> <what>" };
      return { name: "capabilities", channel, about };
    }
    case "help":
    case "":
      return { name: "help" };
    default:
      return { name: "unclear", usage: "to, list, history, capabilities, block, unblock or help" };
  }
}
