import { describe, expect, test } from "vitest";
import { reasons } from "#bus-schemas/reason.ts";
import { element, ns } from "../wire/element.ts";
import { print } from "../wire/print.ts";
import { parseElement } from "../wire/read.ts";
import { conditions, errorElement, errorReply, readError } from "./errors.ts";

const error = (condition: string, extra = ""): string => {
  const parsed = parseElement(
    `<message type='error' xmlns='jabber:client'><body>x</body><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${extra}</error></message>`,
  );
  return parsed.ok ? readError(parsed.value).reason : "";
};

describe("conditions of RFC 6120 §8.3.3 as reasons", () => {
  test.each([
    ["bad-request", "not-supported"],
    ["conflict", "policy"],
    ["feature-not-implemented", "not-supported"],
    ["forbidden", "forbidden"],
    ["gone", "unknown-user"],
    ["internal-server-error", "internal"],
    ["item-not-found", "unknown-user"],
    ["jid-malformed", "unknown-user"],
    ["not-acceptable", "not-supported"],
    ["not-allowed", "forbidden"],
    ["not-authorized", "not-authorised"],
    ["policy-violation", "policy"],
    ["recipient-unavailable", "unreachable"],
    ["redirect", "unknown-user"],
    ["registration-required", "needs-account"],
    ["remote-server-not-found", "unknown-domain"],
    ["remote-server-timeout", "unreachable"],
    ["resource-constraint", "rate-limited"],
    ["service-unavailable", "unreachable"],
    ["subscription-required", "forbidden"],
    ["undefined-condition", "internal"],
    ["unexpected-request", "not-supported"],
    ["invented-tomorrow", "internal"],
    ["toString", "internal"],
  ])("%s: %s", (condition, reason) => {
    expect(error(condition)).toBe(reason);
  });

  test("blocked by the recipient (XEP-0191)", () => {
    expect(error("not-acceptable", "<blocked xmlns='urn:xmpp:blocking:errors'/>")).toBe("blocked");
  });

  test("an error without anything in it", () => {
    expect(readError(element("message", ns.component, { type: "error" }))).toMatchObject({
      reason: "internal",
    });
  });
});

describe("reasons as conditions", () => {
  test.each(reasons)("%s is told with a type, a condition and words", (reason) => {
    const printed = print(errorElement(reason), ns.component);
    expect(printed).toMatch(
      /^<error type='(cancel|auth|modify|wait)'><[a-z-]+ xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'\/><text /,
    );
    expect(printed).toContain(`<${conditions[reason].condition} `);
  });

  test("the sentence that was said is said on", () => {
    expect(print(errorElement("policy", "not <here>"), ns.component)).toContain("not &lt;here&gt;");
  });
});

describe("the answer to a refused stanza", () => {
  const stanza = element("message", ns.component, { from: "b@x/r", to: "a@s", id: "7", type: "chat" });

  test("same id, addresses swapped", () => {
    expect(errorReply(stanza, "unknown-user")?.attrs).toMatchObject({
      from: "a@s",
      to: "b@x/r",
      id: "7",
      type: "error",
    });
  });

  test.each(["error", "result"])("never to a stanza of type %s", (type) => {
    expect(errorReply({ ...stanza, attrs: { ...stanza.attrs, type } }, "internal")).toBeUndefined();
  });
});
