// Entity capabilities with a true hash: XEP-0115 §5.1, and the disco#info that it is the hash of (XEP-0030 §3).
import { createHash } from "node:crypto";
import { type Element, element, ns } from "../wire/element.ts";

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly lang?: string;
  readonly name?: string;
}

/** A form of XEP-0128: values by field, its FORM_TYPE apart. */
export interface InfoForm {
  readonly type: string;
  readonly fields: Readonly<Record<string, readonly string[]>>;
}

export interface DiscoInfo {
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
  readonly forms?: readonly InfoForm[];
}

// The i;octet collation of XEP-0115: by UTF-8 bytes, not by UTF-16 units.
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const sorted = (texts: readonly string[]): string[] => [...texts].sort(byBytes);
// A `<` inside a value would let one set of features pass for another (XEP-0115 §5.1 and its security notes).
const closed = (texts: readonly string[]): string =>
  sorted(texts)
    .map((one) => `${one}<`)
    .join("");

/** The verification string of XEP-0115 §5.1, hashed with SHA-1 and printed as base64. */
export function capsHash(info: DiscoInfo): string {
  const identities = info.identities.map(
    (one) => `${one.category}/${one.type}/${one.lang ?? ""}/${one.name ?? ""}`,
  );
  const forms = [...(info.forms ?? [])].sort((a, b) => byBytes(a.type, b.type));
  const extended = forms.map(
    (form) =>
      `${form.type}<${sorted(Object.keys(form.fields))
        .map((key) => `${key}<${closed(form.fields[key] ?? [])}`)
        .join("")}`,
  );
  return createHash("sha1")
    .update(closed(identities) + closed(info.features) + extended.join(""), "utf8")
    .digest("base64");
}

/** The `<c/>` of a presence (XEP-0115 §4). `node` names the software. */
export const capsElement = (node: string, info: DiscoInfo): Element =>
  element("c", ns.caps, { hash: "sha-1", node, ver: capsHash(info) });

/** The disco#info result; `node` is repeated as it was asked. */
export const infoElement = (info: DiscoInfo, node: string | undefined): Element =>
  element(
    "query",
    ns.discoInfo,
    { node },
    ...info.identities.map((one) =>
      element("identity", ns.discoInfo, {
        category: one.category,
        type: one.type,
        "xml:lang": one.lang,
        name: one.name,
      }),
    ),
    ...info.features.map((feature) => element("feature", ns.discoInfo, { var: feature })),
    ...(info.forms ?? []).map(formElement),
  );

const formElement = (form: InfoForm): Element =>
  element(
    "x",
    ns.forms,
    { type: "result" },
    field("FORM_TYPE", [form.type], "hidden"),
    ...Object.entries(form.fields).map(([name, values]) => field(name, values)),
  );

const field = (name: string, values: readonly string[], type?: string): Element =>
  element(
    "field",
    ns.forms,
    { var: name, type },
    ...values.map((value) => element("value", ns.forms, {}, value)),
  );
