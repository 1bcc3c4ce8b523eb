// The page put together: who is signed in, which conversation is open, and what the buttons do.
import { mostBytes, openChat } from "./chat.js";
import { spelt } from "./store.js";
import { drawContacts, drawLink, drawMessages, show, showConversation } from "./view.js";

const $ = (id) => document.getElementById(id);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/webrtcgateway/ws`;
const session = "parley-session";
const unsent = "parley-unsent";

let chat;
let current;
let extra; // a conversation that was opened and has no message yet
let typed; // its address as it was typed

// Of the tab alone: gone when it closes.
const kept = {
  load: () => JSON.parse(sessionStorage.getItem(unsent) ?? "[]"),
  save: (messages) => sessionStorage.setItem(unsent, JSON.stringify(messages)),
};

function deviceId() {
  const known = localStorage.getItem("parley-device");
  if (known) return known;
  const made = crypto.randomUUID();
  localStorage.setItem("parley-device", made);
  return made;
}

function draw() {
  if (!chat) return;
  const conversations = chat.store.conversations();
  if (extra && !conversations.some(({ contact }) => contact === extra)) {
    conversations.unshift({ contact: extra, unread: 0 });
  }
  drawContacts(conversations, current, open);
  const unread = conversations.reduce((sum, one) => sum + one.unread, 0);
  document.title = unread > 0 ? `(${unread}) Parley` : "Parley";
  if (current === undefined) return;
  drawMessages(current, chat.store.of(current));
  if (document.visibilityState === "visible" && document.hasFocus()) chat.seen(current);
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
  showConversation(contact);
  draw();
  const list = $("messages");
  list.scrollTop = list.scrollHeight;
}

function signIn(account, password) {
  show("chat", account);
  showConversation(undefined);
  chat = openChat(
    { account, password, device: deviceId(), url, kept },
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
  $("text").value = "";
  chat.write(current, text, current === extra ? typed : undefined);
}

$("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("account").value.trim(), $("password").value);
});
$("sign-out").addEventListener("click", () => {
  sessionStorage.removeItem(unsent);
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
$("text").addEventListener("input", () => $("text").setCustomValidity(""));
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
$("back").addEventListener("click", () => {
  current = undefined;
  showConversation(undefined);
  draw();
});
document.addEventListener("visibilitychange", drawSoon);
window.addEventListener("focus", drawSoon);

const before = JSON.parse(sessionStorage.getItem(session) ?? "null");
if (before) signIn(before.account, before.password);
else show("login");
