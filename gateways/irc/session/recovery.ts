// Getting the wanted nick back from a ghost of ours or from a stranger who leaves: by services, else by trying again.
import { type Message, message } from "../wire/message.ts";

export interface NickServices {
  /** The services' nick, usually NickServ. */
  readonly service: string;
  /** What they understand: GHOST frees the nick, REGAIN frees it and gives it to us. */
  readonly command: "GHOST" | "REGAIN";
  readonly password: string;
}

export const recoveryLimits = {
  /** Between asking services and taking the nick. */
  afterServicesMs: 2_000,
  everyMs: 60_000,
  /** An hour; then the other one keeps the nick until the next connection. */
  tries: 60,
} as const;

/** How many tries are left; `undefined` when the nick is ours or given up. */
export interface Recovery {
  readonly wanted: string;
  readonly left: number;
}

export interface Step {
  readonly state: Recovery | undefined;
  readonly send: readonly Message[];
  readonly timerMs?: number;
}

/** After logging in under another nick. */
export function begin(wanted: string, services: NickServices | undefined): Step {
  const state = { wanted, left: recoveryLimits.tries };
  if (services === undefined) return { state, send: [], timerMs: recoveryLimits.everyMs };
  const text = `${services.command} ${wanted} ${services.password}`;
  return {
    state,
    send: [message("PRIVMSG", [services.service, text])],
    timerMs: recoveryLimits.afterServicesMs,
  };
}

/** The timer ran out: try, and try again later unless the nick is ours meanwhile. */
export function onTimer(state: Recovery | undefined): Step {
  if (state === undefined || state.left === 0) return { state: undefined, send: [] };
  return {
    state: { ...state, left: state.left - 1 },
    send: [message("NICK", [state.wanted])],
    timerMs: recoveryLimits.everyMs,
  };
}

/** Our nick has changed, by our wish or by force: no more tries once it is the wanted one. */
export const onNick = (state: Recovery | undefined, nick: string): Recovery | undefined =>
  state === undefined || nick === state.wanted ? undefined : state;
