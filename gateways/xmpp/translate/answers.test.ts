import { describe, expect, test } from "vitest";
import { capsHash } from "../session/caps.ts";
import { ns } from "../wire/element.ts";
import { print } from "../wire/print.ts";
import { parseElement } from "../wire/read.ts";
import { type AnswerView, answerIq, answerPresence } from "./answers.ts";
import { capsNode, domainInfo, personInfo } from "./disco.ts";

const view: AnswerView = {
  domain: "sip.example",
  version: "1.2",
  known: (to) => (to.local === "alice" ? { display: "Alice" } : undefined),
};
const parse = (xml: string) => {
  const parsed = parseElement(xml.replace(/^<(\w+)/, "<$1 xmlns='jabber:component:accept'"));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const answer = (inside: string, to: string, type = "get"): string | undefined => {
  const reply = answerIq(
    parse(`<iq type='${type}' id='7' from='bob@xmpp.example/desk' to='${to}'>${inside}</iq>`),
    view,
  );
  return reply && print(reply, ns.component);
};
const iq = (type: string, from: string, inside: string): string =>
  `<iq type='${type}' from='${from}' to='bob@xmpp.example/desk' id='7'${inside === "" ? "/>" : `>${inside}</iq>`}`;
const failure = (type: string, condition: string): string =>
  `<error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;

describe("every request has exactly one answer (RFC 6120 §8.2.3)", () => {
  const info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
  test.each<[string, string, string, string, string | undefined]>([
    [
      "ping to the domain",
      "<ping xmlns='urn:xmpp:ping'/>",
      "sip.example",
      "get",
      iq("result", "sip.example", ""),
    ],
    [
      "ping to a person",
      "<ping xmlns='urn:xmpp:ping'/>",
      "alice@sip.example",
      "get",
      iq("result", "alice@sip.example", ""),
    ],
    [
      "ping to a device",
      "<ping xmlns='urn:xmpp:ping'/>",
      "alice@sip.example/x",
      "get",
      iq("result", "alice@sip.example/x", ""),
    ],
    [
      "to nobody",
      "<ping xmlns='urn:xmpp:ping'/>",
      "carol@sip.example",
      "get",
      iq("error", "carol@sip.example", failure("cancel", "item-not-found")),
    ],
    [
      "unknown question",
      "<query xmlns='jabber:iq:roster'/>",
      "sip.example",
      "get",
      iq("error", "sip.example", failure("cancel", "service-unavailable")),
    ],
    [
      "any change",
      "<vCard xmlns='vcard-temp'/>",
      "alice@sip.example",
      "set",
      iq("error", "alice@sip.example", failure("cancel", "service-unavailable")),
    ],
    ["no question", "", "sip.example", "get", iq("error", "sip.example", failure("modify", "bad-request"))],
    [
      "two questions",
      info + info,
      "sip.example",
      "get",
      iq("error", "sip.example", failure("modify", "bad-request")),
    ],
    ["a result", "", "sip.example", "result", undefined],
    ["an error", "", "sip.example", "error", undefined],
    [
      "items",
      "<query xmlns='http://jabber.org/protocol/disco#items'/>",
      "sip.example",
      "get",
      iq("result", "sip.example", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
    ],
    [
      "vCard of a person",
      "<vCard xmlns='vcard-temp'/>",
      "alice@sip.example",
      "get",
      iq("result", "alice@sip.example", "<vCard xmlns='vcard-temp'><FN>Alice</FN></vCard>"),
    ],
    [
      "version",
      "<query xmlns='jabber:iq:version'/>",
      "sip.example",
      "get",
      iq(
        "result",
        "sip.example",
        "<query xmlns='jabber:iq:version'><name>Parley</name><version>1.2</version></query>",
      ),
    ],
  ])("%s", (_, inside, to, type, expected) => {
    expect(answer(inside, to, type)).toBe(expected);
  });

  test("what a domain and a person are", () => {
    expect(answer(info, "sip.example")).toContain("<identity category='gateway' type='sip' name='Parley'/>");
    expect(answer(info, "sip.example")).toContain("<feature var='jid\\20escaping'/>");
    expect(answer(info, "alice@sip.example")).toContain("<feature var='urn:xmpp:receipts'/>");
  });

  test("the node of caps, and no other", () => {
    const node = (one: string): string =>
      `<query xmlns='http://jabber.org/protocol/disco#info' node='${one}'/>`;
    expect(answer(node(`${capsNode}#${capsHash(personInfo)}`), "alice@sip.example/parley")).toContain(
      "type='result'",
    );
    expect(answer(node(`${capsNode}#${capsHash(domainInfo)}`), "alice@sip.example/parley")).toContain(
      "item-not-found",
    );
    expect(answer(node("commands"), "sip.example")).toContain("item-not-found");
  });
});

describe("presence without state", () => {
  const answers = (type: string | undefined, to: string): string[] =>
    answerPresence(
      parse(`<presence from='bob@xmpp.example' to='${to}'${type ? ` type='${type}'` : ""}/>`),
      view,
    ).map((one) => print(one, ns.component));
  const here = `<presence from='alice@sip.example/parley' to='bob@xmpp.example'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='${capsNode}' ver='${capsHash(personInfo)}'/></presence>`;
  const say = (type: string, who = "alice"): string =>
    `<presence type='${type}' from='${who}@sip.example' to='bob@xmpp.example'/>`;

  test.each<[string, string | undefined, string, string[]]>([
    ["subscribe to a person", "subscribe", "alice@sip.example", [say("subscribed"), here]],
    ["subscribe to nobody", "subscribe", "carol@sip.example", [say("unsubscribed", "carol")]],
    ["probe of a person", "probe", "alice@sip.example", [here]],
    ["probe of nobody", "probe", "carol@sip.example", [say("unsubscribed", "carol")]],
    ["unsubscribe", "unsubscribe", "alice@sip.example", [say("unsubscribed"), say("unavailable")]],
    ["available to a person", undefined, "alice@sip.example", []],
    ["subscribed", "subscribed", "alice@sip.example", []],
    ["unavailable", "unavailable", "carol@sip.example", []],
    ["error", "error", "carol@sip.example", []],
  ])("%s", (_, type, to, expected) => {
    expect(answers(type, to)).toEqual(expected);
  });

  test("directed presence to nobody is an error", () => {
    expect(answers(undefined, "carol@sip.example")).toEqual([
      "<presence type='error' from='carol@sip.example' to='bob@xmpp.example'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
    ]);
  });
});
