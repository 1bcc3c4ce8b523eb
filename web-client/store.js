// What the page knows: messages by id, conversations by contact. Pure bookkeeping; the view draws it.

/** One spelling per person: letter case tells nobody apart here. */
export const spelt = (address) => address.normalize("NFC").toLowerCase();

// A report that comes late never takes a message back; a failure can follow anything.
const rank = { pending: 0, accepted: 1, received: 1, processed: 2, delivered: 3, displayed: 4, failed: 5 };

/** An empty store; `changed` is called with the contact after every change. */
export function openStore(changed) {
  const messages = new Map();

  const of = (contact) =>
    [...messages.values()]
      .filter((message) => message.contact === contact)
      .sort((a, b) => a.time - b.time || a.order - b.order);

  return {
    get: (id) => messages.get(id),
    of,
    /** Adds a message; one that is known only moves forward. True if it was new. */
    add(added) {
      const message = { ...added, address: added.address ?? added.contact, contact: spelt(added.contact) };
      const known = messages.get(message.id);
      if (known !== undefined) {
        if (message.state !== undefined) this.setState(message.id, message.state, message.reason);
        if (message.read) known.read = true;
        return false;
      }
      messages.set(message.id, { ...message, order: messages.size });
      changed(message.contact);
      return true;
    },
    setState(id, state, reason) {
      const message = messages.get(id);
      if (message === undefined || (rank[state] ?? 0) <= (rank[message.state] ?? 0)) return;
      message.state = state;
      if (reason !== undefined) message.reason = reason;
      changed(message.contact);
    },
    markRead(contact) {
      for (const message of of(spelt(contact))) message.read = true;
      changed(contact);
    },
    remove(id) {
      const message = messages.get(id);
      if (message === undefined) return;
      messages.delete(id);
      changed(message.contact);
    },
    removeConversation(contact) {
      for (const message of of(spelt(contact))) messages.delete(message.id);
      changed(contact);
    },
    /** How this contact's address was written last: not every far side folds letter case. */
    addressOf: (contact) => of(contact).at(-1)?.address,
    /** What was written but is not known to be accepted, in the order of writing. */
    pending: () =>
      [...messages.values()]
        .filter((message) => message.direction === "outgoing" && message.state === "pending")
        .sort((a, b) => a.order - b.order),
    /** Contacts, the one with the newest message first. */
    conversations() {
      const found = new Map();
      for (const message of messages.values()) {
        const one = found.get(message.contact) ?? { contact: message.contact, unread: 0, last: message };
        if (message.time >= one.last.time) one.last = message;
        if (message.direction === "incoming" && !message.read) one.unread += 1;
        if (message.direction === "incoming" && message.display) one.display = message.display;
        found.set(message.contact, one);
      }
      return [...found.values()].sort((a, b) => b.last.time - a.last.time);
    },
  };
}
