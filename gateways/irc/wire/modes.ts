// Channel modes and the ranks of members: RFC 2812 §3.2.3, RPL_ISUPPORT (draft-hardy-irc-isupport §4.4, §4.15), RPL_NAMREPLY.
import type { Isupport } from "./isupport.ts";

export interface ModeChange {
  readonly set: boolean;
  readonly mode: string;
  readonly argument?: string | undefined;
}

/** Of one MODE line at most so many changes are read; 510 bytes hold no more that mean something. */
const changeLimit = 100;

/** Takes `+ov alice bob -m` apart. A parameter that is missing leaves the change without one. Never throws. */
export function modeChanges(params: readonly string[], isupport: Isupport): ModeChange[] {
  const changes: ModeChange[] = [];
  const [letters = "", ...given] = params;
  let set = true;
  let next = 0;
  for (const letter of letters) {
    if (letter === "+" || letter === "-") {
      set = letter === "+";
      continue;
    }
    const takes =
      isupport.prefixes.has(letter) ||
      isupport.modesWithParameter.includes(letter) ||
      (set && isupport.modesWithParameterWhenSet.includes(letter));
    const argument = takes ? given[next++] : undefined;
    if (changes.length < changeLimit) changes.push({ set, mode: letter, argument });
  }
  return changes;
}

/** A member as 353 names him: ranks as mode letters, and the nick; with userhost-in-names also `!user@host`, which is cut off. */
export function namedMember(
  text: string,
  isupport: Isupport,
): { readonly nick: string; readonly ranks: string } {
  let at = 0;
  let ranks = "";
  for (; at < text.length; at++) {
    const letter = [...isupport.prefixes].find(([, symbol]) => symbol === text.charAt(at))?.[0];
    if (letter === undefined) break;
    ranks += letter;
  }
  return { nick: text.slice(at).replace(/!.*$/, ""), ranks };
}

/** Whether this rank may kick, ban and make operators. */
export const isOperator = (ranks: string): boolean => /[qao]/.test(ranks);
