// What an MSRP request or response says before its body (RFC 4975 §7, §9; RFC 7701 §7.1; RFC 4976 §9).

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
