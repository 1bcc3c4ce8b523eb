// The roster of a conference elsewhere, kept from full and partial documents by their versions (RFC 4575 §4.4). Pure.
import type { ConferenceInfo, InfoUser } from "../wire/conference-info.ts";

/** Users of one conference that are kept account of; more are there unseen. */
const mostUsers = 10_000;

export interface FocusRoster {
  /** Of the last document; undefined before the first. */
  readonly version: number | undefined;
  readonly subject: string | undefined;
  readonly users: ReadonlyMap<string, InfoUser>;
  /** How those went who were taken out last, by entity. */
  readonly gone: ReadonlyMap<
    string,
    { readonly method: string | undefined; readonly reason: string | undefined }
  >;
}

export const emptyRoster: FocusRoster = {
  version: undefined,
  subject: undefined,
  users: new Map(),
  gone: new Map(),
};

/** `gap`: documents are missing, subscribe again; `old`: known already; `over`: the conference is no more. */
export type Taken = "applied" | "gap" | "old" | "over";

/** Takes one document. */
export function takeInfo(roster: FocusRoster, info: ConferenceInfo): readonly [FocusRoster, Taken] {
  if (info.state === "deleted") return [emptyRoster, "over"];
  const { version } = roster;
  if (info.state === "partial" && version === undefined) return [roster, "gap"];
  if (version !== undefined && info.version <= version) return [roster, "old"];
  if (info.state === "partial" && info.version !== (version ?? 0) + 1) return [roster, "gap"];
  const isWhole = info.state === "full" || (info.usersState === "full" && info.users.length > 0);
  const users = new Map(isWhole ? [] : roster.users);
  const gone = new Map<string, { method: string | undefined; reason: string | undefined }>();
  for (const user of info.users) {
    if (user.entity === "") continue;
    const after = user.state === "deleted" ? undefined : merged(users.get(user.entity), user);
    if (after !== undefined && isThere(after)) {
      if (users.has(user.entity) || users.size < mostUsers) users.set(user.entity, after);
      continue;
    }
    users.delete(user.entity);
    const [endpoint] = user.endpoints;
    gone.set(user.entity, { method: endpoint?.method, reason: endpoint?.reason });
  }
  const subject = info.subject ?? (info.state === "full" ? undefined : roster.subject);
  return [{ version: info.version, subject, users, gone }, "applied"];
}

/** A new subscription counts anew; who is there is known until it says otherwise. */
export const anewRoster = (roster: FocusRoster): FocusRoster => ({ ...roster, version: undefined });

function merged(before: InfoUser | undefined, user: InfoUser): InfoUser {
  if (before === undefined || user.state === "full") {
    return { ...user, endpoints: user.endpoints.filter(({ state }) => state !== "deleted") };
  }
  const named = new Map(before.endpoints.map((each) => [each.entity, each]));
  for (const each of user.endpoints) {
    const known = named.get(each.entity);
    if (each.state === "deleted") named.delete(each.entity);
    else named.set(each.entity, { ...each, status: each.status ?? known?.status });
  }
  return {
    ...user,
    nick: user.nick ?? before.nick,
    display: user.display ?? before.display,
    aors: user.aors.length > 0 ? user.aors : before.aors,
    roles: user.roles.length > 0 ? user.roles : before.roles,
    endpoints: [...named.values()],
  };
}

// One with devices that are all gone is gone himself; one without any may be there all the same.
const isThere = ({ endpoints }: InfoUser): boolean =>
  endpoints.length === 0 || endpoints.some(({ status }) => status !== "disconnected");
