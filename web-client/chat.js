// One signed-in person: keeps the store in step with the gateway. Acknowledges what it keeps, sends again what was cut off.
import { Broken, openLink, Refused } from "./link.js";
import { openRooms } from "./rooms.js";
import { openStore } from "./store.js";

const retrySendMs = 5000;
/** The house's limit on the text of one message. */
export const mostBytes = 65_536;

/**
 * Signs in and stays so until `signOut`. `on`: changed(contact), state(word), refused(text). `kept` and `keptRooms` hold what was
 * written and not yet accepted, and which rooms one is in, so that even a reload of the page loses nothing.
 */
export function openChat({ account, password, device, url, kept, keptRooms }, on) {
  let signedIn = false;
  let retry;
  let listed;
  const store = openStore((contact) => {
    kept.save(store.pending());
    on.changed(contact);
  });
  const request = (name, fields) => link.ask({ sylkrtc: name, account, ...fields });

  const rooms = openRooms(
    { request: (...given) => request(...given), kept: keptRooms },
    { changed: on.changed },
  );

  const ready = async () => {
    await request("account-add", {
      password,
      password_type: "plain",
      device_id: device,
      user_agent: "Parley web page",
    });
    signedIn = true;
    await request("account-register", {});
    await request("account-sync-conversations", {});
    // What the synchronisation has brought is accepted; the rest goes again, under the same ids.
    for (const message of store.pending()) void send(message);
    rooms.ready();
  };

  const link = openLink(url, {
    ready,
    refused: (error) => on.refused(error.message, signedIn),
    state: (word) => {
      if (word !== "connected") rooms.lost();
      on.state(word);
    },
    event: (frame) => {
      if (frame.sylkrtc === "account-event") receive(frame);
      else if (frame.sylkrtc === "videoroom-event") rooms.event(frame);
    },
  });

  const receive = (event) => {
    switch (event.event) {
      case "message":
        if (event.invitation) rooms.invited(event.invitation);
        else store.add(incoming(event));
        // Kept first, acknowledged then: from here on the message is ours to lose.
        void request("account-ack", { message_id: event.message_id }).catch(ignoreBroken);
        return;
      case "room-list":
        listed?.(event.rooms);
        return;
      case "disposition-notification":
        if (event.state === "failed" && rooms.failed(event.message_id, event.reason)) return;
        store.setState(event.message_id, event.state, event.state === "failed" ? event.reason : undefined);
        return;
      case "sync-conversations":
        for (const entry of event.messages) receiveSynced(entry);
        return;
      case "sync":
        receiveChange(event);
    }
  };

  const receiveSynced = (entry) => {
    if (entry.content_type === "application/sylk-message-remove") {
      store.remove(JSON.parse(entry.content).message_id);
      return;
    }
    if (entry.content_type === "message/imdn") {
      const { message_id, state, reason } = JSON.parse(entry.content);
      store.setState(message_id, state, reason);
      return;
    }
    store.add({
      id: entry.message_id,
      contact: entry.contact,
      direction: entry.direction,
      text: entry.content,
      time: Date.parse(entry.timestamp),
      state: entry.state,
      reason: entry.reason,
      read: entry.read === true || entry.direction === "outgoing",
      displayWanted: entry.disposition.includes("display") && entry.read !== true,
    });
  };

  const receiveChange = ({ type, action, content }) => {
    if (type === "message" && action === "add") {
      store.add({
        id: content.message_id,
        contact: content.uri,
        direction: "outgoing",
        text: content.content,
        time: Date.parse(content.timestamp),
        state: "accepted",
        read: true,
      });
    }
    if (type === "message" && action === "remove") store.remove(content.message_id);
    if (type === "conversation" && action === "read") store.markRead(content.contact);
    if (type === "conversation" && action === "remove") store.removeConversation(content.contact);
  };

  const send = async (message) => {
    try {
      await request("account-message", {
        uri: message.address,
        message_id: message.id,
        content: message.text,
        content_type: "text/plain",
        timestamp: new Date(message.time).toISOString(),
        receipts: ["handed", "delivered", "displayed"],
      });
    } catch (error) {
      if (error instanceof Refused && error.code !== 503) store.setState(message.id, "failed", error.message);
      else if (error instanceof Refused) {
        clearTimeout(retry);
        retry = setTimeout(() => {
          for (const one of store.pending()) void send(one);
        }, retrySendMs);
      } else ignoreBroken(error);
    }
  };

  for (const message of kept.load()) store.add({ ...message, state: "pending" });

  return {
    store,
    rooms,
    /** The rooms that show themselves. */
    async listRooms() {
      const list = new Promise((resolve) => {
        listed = resolve;
      });
      await request("videoroom-list", {});
      return await list;
    },
    /** Writes a message; it is sent now, or as soon as the link stands again. `typed`: the address of a new contact. */
    write(contact, text, typed) {
      const message = {
        id: crypto.randomUUID(),
        contact,
        address: store.addressOf(contact) ?? typed ?? contact,
        direction: "outgoing",
        text,
        time: Date.now(),
        state: "pending",
        read: true,
      };
      store.add(message);
      void send(message);
    },
    /** The person has the conversation before his eyes. */
    seen(contact) {
      const unread = store.of(contact).filter((message) => message.direction === "incoming" && !message.read);
      if (unread.length === 0) return;
      for (const message of unread) {
        if (!message.displayWanted) continue;
        void request("account-disposition-notification", {
          uri: contact,
          message_id: message.id,
          state: "displayed",
          timestamp: new Date().toISOString(),
        }).catch(ignoreBroken);
      }
      void request("account-mark-conversation-read", { contact }).catch(ignoreBroken);
      store.markRead(contact);
    },
    signOut() {
      clearTimeout(retry);
      link.close();
    },
  };
}

const incoming = (event) => ({
  id: event.message_id,
  contact: event.sender.uri,
  // A name that nobody vouches for is not shown in the place of the address.
  display: event.assurance === "none" ? undefined : event.sender.display_name,
  direction: "incoming",
  text: event.content,
  time: Date.parse(event.timestamp),
  state: "received",
  read: false,
  displayWanted: event.disposition_notification.includes("display"),
});

// The next connection makes good for it: it synchronises, and sends what is pending.
function ignoreBroken(error) {
  if (error instanceof Broken || error instanceof Refused) return;
  throw error;
}
