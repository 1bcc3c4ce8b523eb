// What an MSRP request or response says before its body, and how its values are read (RFC 4975 §7, §9; RFC 7701 §7.1).
import { msrpLimits } from "./limits.ts";

/** `no`: never answered. `partial`: only errors are. `yes`: everything is (RFC 4975 §7.1.2). */
export type FailureReport = "yes" | "no" | "partial";

/** Byte-Range: the first byte is 1; `end` or `total` undefined where `*` stands (RFC 4975 §7.1.1). */
export interface ByteRange {
  readonly start: number;
  readonly end: number | undefined;
  readonly total: number | undefined;
}

interface HeadParts {
  readonly tid: string;
  /** The whole value, URIs with one space between them. */
  readonly toPath: string;
  readonly fromPath: string;
  /** Other headers, names in lower case; of repeated ones the first. */
  readonly fields: ReadonlyMap<string, string>;
  /** Set where a line was malformed: a request is answered 400, a response dropped. */
  readonly fault: string | undefined;
}

export interface RequestHead extends HeadParts {
  readonly kind: "request";
  readonly method: string;
  /** Present exactly when a body follows, be it empty (RFC 4975 §9: Content-Type stands last). */
  readonly contentType: string | undefined;
}

export interface ResponseHead extends HeadParts {
  readonly kind: "response";
  readonly status: number;
  readonly comment: string | undefined;
}

export type Head = RequestHead | ResponseHead;

/** How a chunk ends: whole, more to come, or given up (RFC 4975 §7.1.1). */
export type Flag = "$" | "+" | "#";

/** Transaction and message ids (RFC 4975 §9: ident). */
export const isIdent = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9.+%=-]{3,31}$/.test(text);

/** Byte-Range; undefined when it is malformed. A range that ends before it begins is only allowed as `1-0/0`. */
export function parseByteRange(text: string): ByteRange | undefined {
  const match = /^([0-9]{1,15})-([0-9]{1,15}|\*)\/([0-9]{1,15}|\*)$/.exec(text);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = match[2] === "*" ? undefined : Number(match[2]);
  const total = match[3] === "*" ? undefined : Number(match[3]);
  if (start < 1) return undefined;
  if (end !== undefined && end < start - 1) return undefined;
  if (end !== undefined && total !== undefined && end > total) return undefined;
  return { start, end, total };
}

/** Failure-Report; `yes` when absent, undefined when malformed. */
export function failureReport(head: RequestHead): FailureReport | undefined {
  const text = head.fields.get("failure-report")?.toLowerCase() ?? "yes";
  return text === "yes" || text === "no" || text === "partial" ? text : undefined;
}

/** Success-Report; `no` when absent, undefined when malformed. */
export function successReport(head: RequestHead): boolean | undefined {
  const text = head.fields.get("success-report")?.toLowerCase() ?? "no";
  return text === "yes" ? true : text === "no" ? false : undefined;
}

/** The Status of a REPORT: `000 200 OK`; undefined when malformed or of a namespace that nobody has defined. */
export function reportStatus(text: string): { status: number; comment: string | undefined } | undefined {
  const match = /^000 ([0-9]{3})(?: (.*))?$/.exec(text);
  return match === null ? undefined : { status: Number(match[1]), comment: match[2] };
}

/**
 * The string in Use-Nickname (RFC 7701 §7.1: quoted, UTF-8); undefined when it is malformed or too long.
 * compat python3-msrplib 0.21: the quotes are left out.
 */
export function parseNickname(text: string): string | undefined {
  if (/[\x00-\x1f\x7f]/.test(text)) return undefined;
  const quoted = /^"((?:[^"\\]|\\[\x20-\x7e])*)"$/.exec(text)?.[1];
  if (quoted === undefined && text.includes('"')) return undefined;
  const nickname = quoted?.replace(/\\(.)/g, "$1") ?? text.trim();
  return Buffer.byteLength(nickname) > msrpLimits.nicknameBytes ? undefined : nickname;
}
