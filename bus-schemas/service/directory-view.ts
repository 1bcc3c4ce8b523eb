// The directory as a service holds it: one object that answers from the newest parley.yaml.
import type { Directory } from "../directory.ts";

/** A directory that asks `current` anew at every question; a change between two questions is seen by the second. */
export function directoryView(current: () => Directory): Directory {
  return {
    route: (to, from) => current().route(to, from),
    faceOn: (carrier, address) => current().faceOn(carrier, address),
    behind: (carrier, address) => current().behind(carrier, address),
    account: (address) => current().account(address),
    accounts: () => current().accounts(),
    domainsOf: (carrier) => current().domainsOf(carrier),
    facesOf: (carrier) => current().facesOf(carrier),
    elsewhere: (domain) => current().elsewhere(domain),
    linked: (address) => current().linked(address),
    get lifetimeMs() {
      return current().lifetimeMs;
    },
  };
}
