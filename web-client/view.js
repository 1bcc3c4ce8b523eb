// Draws the store into the page. Everything that people wrote goes in as text, never as markup.

const $ = (id) => document.getElementById(id);
/** The time of day, as the reader writes it. */
export const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

const ticks = {
  pending: ["○", "waiting to be sent"],
  accepted: ["✓", "accepted"],
  processed: ["✓✓", "handed over"],
  delivered: ["✓✓", "delivered"],
  displayed: ["✓✓", "read"],
  failed: ["!", "not delivered"],
};

/** An element with its class and text. */
export const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

/** The list of conversations; `open` is called with the contact that was chosen. */
export function drawContacts(conversations, current, open) {
  const list = $("contacts");
  const focused = document.activeElement?.dataset?.contact;
  list.replaceChildren(
    ...conversations.map(({ contact, display, unread, last, isRoom }) => {
      const item = element("li");
      const button = element("button");
      button.type = "button";
      button.dataset.contact = contact;
      button.setAttribute("aria-current", String(contact === current));
      const sign = isRoom ? "#" : ([...(display ?? contact)][0] ?? "?");
      const face = element("span", isRoom ? "face room-face" : "face", sign);
      face.setAttribute("aria-hidden", "true");
      button.append(face, element("span", "name", display ?? contact));
      if (unread > 0) {
        const badge = element("span", "unread", String(unread));
        badge.setAttribute("aria-label", `${unread} unread`);
        button.append(badge);
      }
      button.append(element("span", "last", last?.text ?? ""));
      button.title = contact;
      button.addEventListener("click", () => open(contact));
      item.append(button);
      return item;
    }),
  );
  if (focused) list.querySelector(`[data-contact="${CSS.escape(focused)}"]`)?.focus();
}

let drawnFor;
const drawn = new Map();

/** The messages of one conversation; what is on the page already is only brought up to date. */
export function drawMessages(contact, messages) {
  const list = $("messages");
  if (drawnFor !== contact) {
    drawnFor = contact;
    drawn.clear();
    list.replaceChildren();
  }
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const ids = new Set(messages.map((message) => message.id));
  for (const [id, item] of drawn) {
    if (ids.has(id)) continue;
    item.remove();
    drawn.delete(id);
  }
  let before;
  for (const message of messages) {
    const item = drawn.get(message.id) ?? newMessage(message);
    drawn.set(message.id, item);
    const next = before ? before.nextSibling : list.firstChild;
    if (item !== next) list.insertBefore(item, next);
    update(item, message);
    before = item;
  }
  drawDays(list, messages);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function newMessage(message) {
  const item = element("article", `message ${message.direction}`);
  const bubble = element("div", "bubble");
  const action = message.text.startsWith("/me ");
  if (action) item.classList.add("action");
  bubble.append(element("p", "body", action ? `* ${message.text.slice(4)}` : message.text));
  const meta = element("div", "meta");
  const stamp = element("time", "", time.format(message.time));
  stamp.dateTime = new Date(message.time).toISOString();
  meta.append(stamp, element("span", "state"));
  bubble.append(meta, element("p", "failure"));
  item.append(bubble);
  item.dataset.id = message.id;
  return item;
}

function update(item, message) {
  if (message.direction === "incoming") return;
  const state = item.querySelector(".state");
  if (state.dataset.state === message.state) return;
  const [sign, words] = ticks[message.state] ?? ["", message.state];
  state.textContent = sign;
  state.title = words;
  state.setAttribute("role", "img");
  state.setAttribute("aria-label", words);
  state.dataset.state = message.state;
  const failed = message.state === "failed";
  item.querySelector(".failure").textContent = failed
    ? `Not delivered: ${message.reason ?? "unknown reason"}`
    : "";
}

function drawDays(list, messages) {
  for (const old of list.querySelectorAll(".day")) old.remove();
  let last;
  for (const message of messages) {
    const name = day.format(message.time);
    if (name !== last) list.insertBefore(element("p", "day", name), drawn.get(message.id));
    last = name;
  }
}

/** How the link stands, in a word for people. */
export function drawLink(state) {
  const words = {
    connected: "connected",
    connecting: "connecting …",
    waiting: "no connection, trying again",
  };
  $("link-state").textContent = words[state] ?? state;
  $("link-state").dataset.state = state;
}

/** Which of the two faces of the page is shown. */
export function show(which, account) {
  $("login").hidden = which !== "login";
  $("chat").hidden = which !== "chat";
  $("me").textContent = account ?? "";
  if (which === "login") $("account").focus();
}

/** Opens the pane of one conversation, or none. */
export function showConversation(contact, isRoom = false) {
  $("chat").dataset.open = String(contact !== undefined);
  $("chat").dataset.room = String(isRoom);
  for (const id of ["topic", "people-toggle", "room-leave", "typing"]) $(id).hidden = !isRoom;
  $("people").hidden = !isRoom || $("people-toggle").getAttribute("aria-expanded") !== "true";
  $("banner").hidden = true;
  $("banner").dataset.shown = "";
  $("context").hidden = true;
  $("contact").title = "";
  $("contact").textContent = contact ?? "";
  $("empty").hidden = contact !== undefined;
  $("messages").hidden = contact === undefined;
  $("compose").hidden = contact === undefined;
  if (contact !== undefined) $("text").focus();
}
