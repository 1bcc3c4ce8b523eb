// A SIP message: start line, header fields in their order, body as bytes; typed fields are read when first asked for (RFC 3261 §7).
import { type NameAddr, parseNameAddr } from "./name-addr.ts";
import { splitList } from "./params.ts";
import { parseVia, type Via } from "./via.ts";

/** One header field. `key` is the long name in lower case, whatever form it came in; `name` is what is printed. */
export interface Field {
  readonly key: string;
  readonly name: string;
  readonly value: string;
}

interface CSeq {
  readonly number: number;
  readonly method: string;
}

const cseqPattern = /^([0-9]{1,10})[ \t]+([A-Za-z0-9\-.!%*_+`'~]+)$/;

/** Reads a CSeq; undefined when malformed or over 2^32-1 (RFC 3261 §20.16). */
function parseCSeq(value: string): CSeq | undefined {
  const match = cseqPattern.exec(value);
  if (!match?.[1] || !match[2]) return undefined;
  const number = Number(match[1]);
  return number > 0xffff_ffff ? undefined : { number, method: match[2] };
}

class Fields {
  readonly fields: readonly Field[];
  readonly body: Uint8Array;
  #via: Via | null | undefined;
  #from: NameAddr | null | undefined;
  #to: NameAddr | null | undefined;
  #cseq: CSeq | null | undefined;

  constructor(fields: readonly Field[], body: Uint8Array) {
    this.fields = fields;
    this.body = body;
  }
  /** The first field of that name, unsplit. */
  first(key: string): string | undefined {
    for (const field of this.fields) if (field.key === key) return field.value;
    return undefined;
  }
  /** All fields of that name, unsplit. */
  all(key: string): string[] {
    const values: string[] = [];
    for (const field of this.fields) if (field.key === key) values.push(field.value);
    return values;
  }
  /** All values of that name, comma lists taken apart. */
  list(key: string): string[] {
    const all = this.all(key);
    return all.length === 1 && all[0] !== undefined ? splitList(all[0]) : all.flatMap(splitList);
  }
  /** The topmost Via; undefined when absent or malformed. */
  get via(): Via | undefined {
    if (this.#via === undefined) {
      const value = this.first("via");
      const parsed = value === undefined ? undefined : parseVia(splitList(value)[0] ?? "");
      this.#via = parsed?.ok ? parsed.value : null;
    }
    return this.#via ?? undefined;
  }
  get from(): NameAddr | undefined {
    if (this.#from === undefined) this.#from = this.#nameAddr("from");
    return this.#from ?? undefined;
  }
  get to(): NameAddr | undefined {
    if (this.#to === undefined) this.#to = this.#nameAddr("to");
    return this.#to ?? undefined;
  }
  get cseq(): CSeq | undefined {
    if (this.#cseq === undefined) this.#cseq = parseCSeq(this.first("cseq") ?? "") ?? null;
    return this.#cseq ?? undefined;
  }
  get callId(): string | undefined {
    return this.first("call-id");
  }
  #nameAddr(key: string): NameAddr | null {
    const parsed = parseNameAddr(this.first(key) ?? "");
    return parsed.ok ? parsed.value : null;
  }
}

export class SipRequest extends Fields {
  readonly kind = "request";
  readonly method: string;
  /** The Request-URI as it came. */
  readonly uri: string;
  constructor(method: string, uri: string, fields: readonly Field[], body: Uint8Array) {
    super(fields, body);
    this.method = method;
    this.uri = uri;
  }
  /** The same with other fields or body. */
  with(change: { uri?: string; fields?: readonly Field[]; body?: Uint8Array }): SipRequest {
    return new SipRequest(
      this.method,
      change.uri ?? this.uri,
      change.fields ?? this.fields,
      change.body ?? this.body,
    );
  }
}

export class SipResponse extends Fields {
  readonly kind = "response";
  readonly status: number;
  readonly phrase: string;
  constructor(status: number, phrase: string, fields: readonly Field[], body: Uint8Array) {
    super(fields, body);
    this.status = status;
    this.phrase = phrase;
  }
  with(change: { fields?: readonly Field[]; body?: Uint8Array }): SipResponse {
    return new SipResponse(this.status, this.phrase, change.fields ?? this.fields, change.body ?? this.body);
  }
}

export type SipMessage = SipRequest | SipResponse;

export const noBody = new Uint8Array(0);
