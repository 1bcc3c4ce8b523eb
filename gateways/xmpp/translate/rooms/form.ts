// Data forms as rooms use them: XEP-0004 §3, XEP-0068.
import { child, childText, type Element, element, elements, ns, text } from "../../wire/element.ts";

/** A form that was filled in: its FORM_TYPE, and the values by field. */
export interface Form {
  readonly action: string;
  readonly type: string | undefined;
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

/** More fields than this are not read. */
const mostFields = 64;

/** The form inside an element. */
export function readForm(parent: Element): Form | undefined {
  const x = child(parent, "x", ns.forms);
  if (!x) return undefined;
  const fields = new Map<string, readonly string[]>();
  for (const field of elements(x).slice(0, mostFields)) {
    const name = field.attrs.var;
    if (field.name !== "field" || name === undefined) continue;
    fields.set(
      name,
      elements(field)
        .filter((one) => one.name === "value")
        .map(text),
    );
  }
  return { action: x.attrs.type ?? "submit", type: fields.get("FORM_TYPE")?.[0], fields };
}

/** The first value of a field. */
export const fieldValue = (form: Form, name: string): string | undefined => form.fields.get(name)?.[0];

/** What XEP-0004 §3.3 writes for true and false; undefined for anything else, and for no value. */
export function booleanOf(form: Form, name: string): boolean | undefined {
  const value = fieldValue(form, name);
  return value === "1" || value === "true" ? true : value === "0" || value === "false" ? false : undefined;
}

/** A field of a form to be filled in. */
export interface Field {
  readonly name: string;
  readonly type:
    | "boolean"
    | "text-single"
    | "text-private"
    | "text-multi"
    | "list-single"
    | "jid-multi"
    | "hidden";
  readonly label?: string;
  readonly values: readonly string[];
  readonly options?: readonly (readonly [label: string, value: string])[];
}

/** A form: to be filled in, or a result. */
export const formElement = (
  action: "form" | "result",
  type: string,
  fields: readonly Field[],
  title?: string,
): Element =>
  element(
    "x",
    ns.forms,
    { type: action },
    title === undefined ? undefined : element("title", ns.forms, {}, title),
    fieldElement({ name: "FORM_TYPE", type: "hidden", values: [type] }),
    ...fields.map(fieldElement),
  );

const fieldElement = ({ name, type, label, values, options }: Field): Element =>
  element(
    "field",
    ns.forms,
    { var: name, type, label },
    ...values.map((value) => element("value", ns.forms, {}, value)),
    ...(options ?? []).map(([shown, value]) =>
      element("option", ns.forms, { label: shown }, element("value", ns.forms, {}, value)),
    ),
  );

/** A result set of XEP-0059 §2, as asked for. */
export interface Page {
  readonly max: number | undefined;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Reads `<set/>`; an empty `<before/>` asks for the last page and is "". */
export function readPage(parent: Element): Page {
  const set = child(parent, "set", ns.rsm);
  const max = Number(set && childText(set, "max", ns.rsm));
  return {
    max: set !== undefined && Number.isInteger(max) && max >= 0 ? max : undefined,
    before: set && childText(set, "before", ns.rsm),
    after: set && childText(set, "after", ns.rsm),
  };
}

/** `<set/>` of an answer: which items it has, of how many. */
export const pageElement = (ids: readonly string[], count: number, index?: number): Element => {
  const first = ids[0];
  const last = ids.at(-1);
  return element(
    "set",
    ns.rsm,
    {},
    first === undefined
      ? undefined
      : element("first", ns.rsm, { index: index === undefined ? undefined : String(index) }, first),
    last === undefined ? undefined : element("last", ns.rsm, {}, last),
    element("count", ns.rsm, {}, String(count)),
  );
};
