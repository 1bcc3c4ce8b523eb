// Answers to CTCP queries, as politeness on IRC asks: VERSION, PING, TIME, CLIENTINFO; files and chats by DCC are declined.
import { type Ctcp, printCtcp } from "../wire/ctcp.ts";
import type { AllowanceRule } from "./allowance.ts";

/** How often one nick is answered. */
export const courtesyRule: AllowanceRule = { burst: 3, perSecond: 0.2 };

/** The text of the NOTICE, or `undefined` for queries that get none. `time` is the time to tell, in words. */
export function courtesy(query: Ctcp, time: string): string | undefined {
  switch (query.command) {
    case "VERSION":
      return printCtcp("VERSION", "Parley");
    case "PING":
      return printCtcp("PING", query.args.slice(0, 100));
    case "TIME":
      return printCtcp("TIME", time);
    case "CLIENTINFO":
      return printCtcp("CLIENTINFO", "ACTION CLIENTINFO PING TIME VERSION");
    case "DCC":
      return "Files and chats by DCC are not taken here.";
    default:
      return undefined;
  }
}
