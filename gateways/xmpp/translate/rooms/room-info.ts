// What a room says of itself, and the form by which its owner changes it: XEP-0045 §6.4, §10, §15.5; XEP-0128.
import type { RoomConfig } from "#bus-schemas/events/room.ts";
import type { ConfigPatch } from "#bus-schemas/events/room-command.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { DiscoInfo } from "../../session/caps.ts";
import { type Element, ns } from "../../wire/element.ts";
import { booleanOf, type Field, type Form, fieldValue, formElement } from "./form.ts";
import { defaultHistory } from "./picture.ts";

const always = [
  ns.discoInfo,
  ns.discoItems,
  ns.muc,
  "http://jabber.org/protocol/muc#stable_id",
  "http://jabber.org/protocol/muc#self-ping-optimization",
  "http://jabber.org/protocol/muc#request",
  ns.ids,
  ns.occupantId,
  ns.mam,
  `${ns.mam}#extended`,
  ns.rsm,
  ns.correct,
  ns.moderate,
  ns.retract,
  ns.reactions,
  ns.reply,
  ns.chatStates,
  ns.ping,
  ns.capabilities,
];

/** The domain of the rooms: a service for them. */
export const serviceInfo: DiscoInfo = {
  identities: [{ category: "conference", type: "text", name: "Rooms" }],
  features: [ns.caps, ns.discoInfo, ns.discoItems, ns.muc, ns.ping, ns.rsm, ns.version],
};

/** The disco#info of a room that is there. */
export function roomInfo(view: RoomView, config: RoomConfig): DiscoInfo {
  const yes = (is: boolean, a: string, b: string): string => (is ? a : b);
  return {
    identities: [{ category: "conference", type: "text", name: config.title ?? view.room.local }],
    features: [
      ...always,
      yes(config.listed, "muc_public", "muc_hidden"),
      yes(config.membersOnly, "muc_membersonly", "muc_open"),
      yes(config.moderated, "muc_moderated", "muc_unmoderated"),
      yes(config.openAddresses, "muc_nonanonymous", "muc_semianonymous"),
      yes(config.password !== undefined, "muc_passwordprotected", "muc_unsecured"),
      yes(config.persistent, "muc_persistent", "muc_temporary"),
    ],
    forms: [
      {
        type: "http://jabber.org/protocol/muc#roominfo",
        fields: {
          "muc#roominfo_description": [config.description ?? ""],
          "muc#roominfo_subject": [view.subject?.text ?? ""],
          "muc#roominfo_occupants": [String(view.participants.size)],
          "muc#maxhistoryfetch": [String(Math.min(defaultHistory, config.history))],
          "muc#roomconfig_roomname": [config.title ?? ""],
          "muc#roomconfig_changesubject": [config.subjectBy === "speakers" ? "1" : "0"],
          ...(config.language === undefined ? {} : { "muc#roominfo_lang": [config.language] }),
        },
      },
    ],
  };
}

export const configType = "http://jabber.org/protocol/muc#roomconfig";

const allowPm = {
  everybody: "anyone",
  speakers: "participants",
  moderators: "moderators",
  nobody: "none",
} as const satisfies Record<RoomConfig["privateMessages"], string>;

const bool = (name: string, label: string, is: boolean): Field => ({
  name,
  type: "boolean",
  label,
  values: [is ? "1" : "0"],
});
const line = (name: string, label: string, value: string | undefined): Field => ({
  name,
  type: "text-single",
  label,
  values: value === undefined ? [] : [value],
});

/** The form that an owner fills in. */
export const configForm = (config: RoomConfig): Element =>
  formElement(
    "form",
    configType,
    [
      line("muc#roomconfig_roomname", "Title", config.title),
      line("muc#roomconfig_roomdesc", "Description", config.description),
      line("muc#roomconfig_lang", "Language", config.language),
      bool("muc#roomconfig_persistentroom", "Stays when the last one has left", config.persistent),
      bool("muc#roomconfig_publicroom", "Shown in the list of rooms", config.listed),
      bool("muc#roomconfig_membersonly", "Only members enter", config.membersOnly),
      bool("muc#roomconfig_moderatedroom", "Only those with a voice speak", config.moderated),
      bool(
        "muc#roomconfig_changesubject",
        "Speakers may change the subject",
        config.subjectBy === "speakers",
      ),
      bool("muc#roomconfig_allowinvites", "Everybody may invite", config.invitesBy === "everybody"),
      {
        name: "muc#roomconfig_whois",
        type: "list-single",
        label: "Who sees real addresses",
        values: [config.openAddresses ? "anyone" : "moderators"],
        options: [
          ["Everybody", "anyone"],
          ["Moderators", "moderators"],
        ],
      },
      {
        name: "muc#roomconfig_allowpm",
        type: "list-single",
        label: "Who may write to one occupant alone",
        values: [allowPm[config.privateMessages]],
        options: Object.entries(allowPm),
      },
      bool("muc#roomconfig_passwordprotectedroom", "A password is asked for", config.password !== undefined),
      {
        name: "muc#roomconfig_roomsecret",
        type: "text-private",
        label: "Password",
        values: config.password === undefined ? [] : [config.password],
      },
      line("muc#roomconfig_maxusers", "Most occupants", String(config.maxParticipants)),
      line("muc#maxhistoryfetch", "Messages kept", String(config.history)),
    ],
    "Configuration of the room",
  );

/** What a filled-in form changes; a field that is missing or senseless changes nothing. */
export function readConfig(form: Form): ConfigPatch {
  const speakers = booleanOf(form, "muc#roomconfig_changesubject");
  const invites = booleanOf(form, "muc#roomconfig_allowinvites");
  const whois = fieldValue(form, "muc#roomconfig_whois");
  const pm = fieldValue(form, "muc#roomconfig_allowpm");
  const patch: Record<string, unknown> = {
    title: fieldValue(form, "muc#roomconfig_roomname")?.slice(0, 1_024),
    description: fieldValue(form, "muc#roomconfig_roomdesc")?.slice(0, 4_096),
    language: fieldValue(form, "muc#roomconfig_lang")?.slice(0, 100) || undefined,
    persistent: booleanOf(form, "muc#roomconfig_persistentroom"),
    listed: booleanOf(form, "muc#roomconfig_publicroom"),
    membersOnly: booleanOf(form, "muc#roomconfig_membersonly"),
    moderated: booleanOf(form, "muc#roomconfig_moderatedroom"),
    openAddresses: whois === undefined ? undefined : whois === "anyone",
    subjectBy: speakers === undefined ? undefined : speakers ? "speakers" : "moderators",
    invitesBy: invites === undefined ? undefined : invites ? "everybody" : "moderators",
    privateMessages: Object.entries(allowPm).find(([, name]) => name === pm)?.[0],
    password: readPassword(form),
    maxParticipants: number(fieldValue(form, "muc#roomconfig_maxusers"), 1, 5_000),
    history: number(fieldValue(form, "muc#maxhistoryfetch"), 0, 100_000),
  };
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as ConfigPatch;
}

function readPassword(form: Form): string | null | undefined {
  const isProtected = booleanOf(form, "muc#roomconfig_passwordprotectedroom");
  const secret = fieldValue(form, "muc#roomconfig_roomsecret")?.slice(0, 256);
  if (isProtected === false) return null;
  return secret === undefined || secret === "" ? undefined : secret;
}

function number(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(most, Math.max(least, Number(text)));
}
