// The pane of one room: what its buttons, keys and commands do. And the dialog by which one enters a room.
import { help, parseLine } from "./room-commands.js";
import { drawContext, drawHead, drawLines, drawRoomList, drawRoster } from "./room-view.js";
import { spelt } from "./store.js";

const $ = (id) => document.getElementById(id);
const excerptLength = 80;

/** `rooms()` and `list()` of whoever is signed in; `show(key)` opens a room's pane, `forget()` closes it. */
export function openRoomPane({ rooms, list, show, forget }) {
  let key;
  let context; // { reply } | { edit } | { to }

  const room = () => (key === undefined ? undefined : rooms().get(key));

  const setContext = (next, words) => {
    context = next;
    drawContext(next === undefined ? undefined : words, () => setContext(undefined));
    $("text").focus();
  };

  const acts = {
    reply: (message) =>
      setContext({ reply: message }, `Answer to ${message.nick}: ${message.text.slice(0, excerptLength)}`),
    edit: (message) => {
      $("text").value = message.text;
      setContext({ edit: message }, "Correct what you said");
    },
    whisper: (nick) => {
      if (isSmall.matches) showPeople(false);
      setContext({ to: nick }, `To ${nick} alone`);
    },
    retract: (message) => rooms().ask(key, "videoroom-retract", { event_id: message.eventId }),
    react: (message, sign) => rooms().react(key, message.eventId, sign),
    earlier: () => rooms().earlier(key),
    ask: (name, fields) => rooms().ask(key, name, fields),
    enter: () => enter(room().uri, {}),
    decline: () => {
      void rooms().decline(key);
      forget();
    },
    leave: () => {
      void rooms().leave(key);
      forget();
    },
  };

  const enter = async (uri, options) => {
    try {
      await rooms().join(uri, options);
      return undefined;
    } catch (error) {
      return error;
    }
  };

  const perform = (meant) => {
    if (meant.say !== undefined) {
      const reply = context?.reply;
      rooms().say(key, meant.say, {
        to: meant.to ?? context?.to,
        corrects: context?.edit?.eventId,
        reply:
          reply === undefined
            ? undefined
            : { event_id: reply.eventId, nick: reply.nick, excerpt: reply.text.slice(0, excerptLength) },
      });
    } else if (meant.ask !== undefined) void rooms().ask(key, meant.ask, meant.fields);
    else if (meant.leave) acts.leave();
    else if (meant.join !== undefined) void openDialog(meant.join);
    else if (meant.help) for (const line of help) room().note(line);
  };

  const openDialog = async (uri = "") => {
    $("room-error").textContent = "";
    $("room-secret-part").hidden = true;
    $("room-secret").value = "";
    $("room-address").value = uri;
    drawRoomList([], () => undefined);
    $("rooms-dialog").showModal();
    try {
      drawRoomList(await list(), (chosen) => {
        $("room-address").value = chosen;
        $("room-nick").focus();
      });
    } catch {
      $("room-error").textContent = "No connection: the rooms cannot be listed now.";
    }
  };

  $("rooms-open").addEventListener("click", () => openDialog());
  $("rooms-cancel").addEventListener("click", () => $("rooms-dialog").close());
  $("rooms-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const uri = $("room-address").value.trim();
    const error = await enter(uri, { nick: $("room-nick").value.trim(), password: $("room-secret").value });
    if (error === undefined) {
      $("rooms-dialog").close();
      show(spelt(uri));
      return;
    }
    $("room-error").textContent = error.message;
    $("room-secret-part").hidden = error.cause !== "password";
    (error.cause === "password" ? $("room-secret") : $("room-nick")).focus();
  });
  const showPeople = (isOpen) => {
    $("people-toggle").setAttribute("aria-expanded", String(isOpen));
    $("people").hidden = !isOpen;
  };
  $("people-toggle").addEventListener("click", () =>
    showPeople($("people-toggle").getAttribute("aria-expanded") !== "true"),
  );
  // On a small screen they would cover what is said.
  const isSmall = matchMedia("(width < 44rem)");
  if (isSmall.matches) showPeople(false);
  isSmall.addEventListener("change", () => isSmall.matches && showPeople(false));
  $("people-filter").addEventListener("input", () => room() && drawRoster(room(), acts));
  $("room-leave").addEventListener("click", () => acts.leave());
  $("text").addEventListener("keydown", (event) => {
    if (key === undefined) return;
    if (event.key === "Escape" && context !== undefined) setContext(undefined);
    const last = event.key === "ArrowUp" && $("text").value === "" ? room()?.lastOwn() : undefined;
    if (last === undefined) return;
    event.preventDefault();
    acts.edit(last);
  });

  return {
    open(next) {
      key = next;
      context = undefined;
    },
    close() {
      if (key === undefined) return;
      key = undefined;
      context = undefined;
      drawLines(undefined);
    },
    draw() {
      const now = room();
      if (now === undefined) return forget();
      drawHead(now, acts);
      drawLines(now, acts);
      drawRoster(now, acts);
      $("compose").hidden = now.state === "ended" || now.state === "invited";
      if (document.visibilityState === "visible" && document.hasFocus()) rooms().seen(key);
    },
    /** True if the line was taken. */
    send(text) {
      const nicks = [...room().people.values()].map(({ nick }) => nick);
      const meant = parseLine(text, nicks);
      if (meant.wrong !== undefined) {
        room().note(meant.wrong, undefined, "bad");
        return false;
      }
      perform(meant);
      rooms().writing(key, false);
      if (meant.say !== undefined) setContext(undefined);
      return true;
    },
    writing: (text) => key !== undefined && rooms().writing(key, text !== "" && !text.startsWith("/")),
  };
}
