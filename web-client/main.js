// The page put together: who is signed in, which conversation is open, and what the buttons do.
import { mostBytes, openChat } from "./chat.js";
import { openRoomPane } from "./room-pane.js";
import { spelt } from "./store.js";
import { drawContacts, drawLink, drawMessages, show, showConversation } from "./view.js";

const $ = (id) => document.getElementById(id);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/webrtcgateway/ws`;
const session = "parley-session";
const unsent = "parley-unsent";
const inRooms = "parley-rooms";

let chat;
let current;
let extra; // a conversation that was opened and has no message yet
let typed; // its address as it was typed
let paneIsRoom = false;

const pane = openRoomPane({
  rooms: () => chat.rooms,
  list: () => chat.listRooms(),
  show: (key) => open(key),
  forget: () => {
    current = undefined;
    paneIsRoom = false;
    pane.close();
    showConversation(undefined);
    drawSoon();
  },
});

// Of the tab alone: gone when it closes.
const kept = {
  load: () => JSON.parse(sessionStorage.getItem(unsent) ?? "[]"),
  save: (messages) => sessionStorage.setItem(unsent, JSON.stringify(messages)),
};

const keptRooms = {
  load: () => JSON.parse(sessionStorage.getItem(inRooms) ?? "[]"),
  save: (rooms) => sessionStorage.setItem(inRooms, JSON.stringify(rooms)),
};

// One device per tab: each has its own place in a room, and keeps it over a reload.
function deviceId() {
  const known = sessionStorage.getItem("parley-device");
  if (known) return known;
  const made = crypto.randomUUID();
  sessionStorage.setItem("parley-device", made);
  return made;
}

function draw() {
  if (!chat) return;
  const rooms = chat.rooms.all().map(listed);
  const isRoom = new Set(rooms.map(({ contact }) => contact));
  const conversations = [
    ...rooms,
    ...chat.store.conversations().filter(({ contact }) => !isRoom.has(contact)),
  ];
  conversations.sort((a, b) => (b.last?.time ?? 0) - (a.last?.time ?? 0));
  if (extra && !conversations.some(({ contact }) => contact === extra)) {
    conversations.unshift({ contact: extra, unread: 0 });
  }
  drawContacts(conversations, current, open);
  const unread = conversations.reduce((sum, one) => sum + one.unread, 0);
  document.title = unread > 0 ? `(${unread}) Parley` : "Parley";
  if (current === undefined) return;
  if (paneIsRoom !== (chat.rooms.get(current) !== undefined)) return open(current);
  if (paneIsRoom) return pane.draw();
  drawMessages(current, chat.store.of(current));
  if (document.visibilityState === "visible" && document.hasFocus()) chat.seen(current);
}

/** A room as a line of the list. */
function listed(room) {
  const last = room.lines().findLast(({ text }) => text !== "");
  const words = last === undefined ? room.subject : last.nick ? `${last.nick}: ${last.text}` : last.text;
  return {
    contact: spelt(room.uri),
    display: room.title || room.uri.split("@")[0],
    unread: room.unread,
    last: { time: last?.time ?? 0, text: words },
    isRoom: true,
  };
}

// Many changes in one turn, as a synchronisation brings them, are drawn once.
let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function open(contact) {
  current = contact;
  paneIsRoom = contact !== undefined && chat.rooms.get(contact) !== undefined;
  drawMessages(undefined, []);
  pane.close();
  showConversation(contact, paneIsRoom);
  if (paneIsRoom) pane.open(contact);
  draw();
  const list = $("messages");
  list.scrollTop = list.scrollHeight;
}

function signIn(account, password) {
  show("chat", account);
  showConversation(undefined);
  chat = openChat(
    { account, password, device: deviceId(), url, kept, keptRooms },
    {
      changed: drawSoon,
      state: drawLink,
      refused: (why) => {
        signOut();
        $("login-error").textContent = why;
      },
    },
  );
  sessionStorage.setItem(session, JSON.stringify({ account, password }));
  draw();
}

function signOut() {
  chat?.signOut();
  chat = undefined;
  current = undefined;
  extra = undefined;
  paneIsRoom = false;
  pane.close();
  sessionStorage.removeItem(session);
  $("password").value = "";
  $("login-error").textContent = "";
  drawMessages(undefined, []);
  show("login");
}

function send() {
  const text = $("text").value;
  if (text.trim() === "" || current === undefined) return;
  if (new TextEncoder().encode(text).length > mostBytes) {
    $("text").setCustomValidity("This message is too long.");
    $("text").reportValidity();
    return;
  }
  if (paneIsRoom && !pane.send(text)) return;
  $("text").value = "";
  if (!paneIsRoom) chat.write(current, text, current === extra ? typed : undefined);
}

$("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("account").value.trim(), $("password").value);
});
$("sign-out").addEventListener("click", () => {
  sessionStorage.removeItem(unsent);
  for (const { uri } of chat?.rooms.all() ?? []) void chat.rooms.leave(spelt(uri));
  sessionStorage.removeItem(inRooms);
  signOut();
});
$("new-form").addEventListener("submit", (event) => {
  event.preventDefault();
  typed = $("new-contact").value.trim();
  extra = spelt(typed);
  $("new-contact").value = "";
  open(extra);
});
$("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("text").addEventListener("input", () => {
  $("text").setCustomValidity("");
  if (paneIsRoom) pane.writing($("text").value);
});
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
$("back").addEventListener("click", () => {
  current = undefined;
  paneIsRoom = false;
  pane.close();
  showConversation(undefined);
  draw();
});
document.addEventListener("visibilitychange", drawSoon);
window.addEventListener("focus", drawSoon);

const before = JSON.parse(sessionStorage.getItem(session) ?? "null");
if (before) signIn(before.account, before.password);
else show("login");
