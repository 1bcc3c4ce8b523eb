// MSRP requests and responses as bytes (RFC 4975 §7, §9). Texts are "binary": one character per byte, as Node writes `latin1`.
import type { ByteRange, FailureReport, Flag } from "./head.ts";

/** UTF-8 as one character per byte. */
export const binary = (text: string): string =>
  /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1");

/** The first three lines of a request. Paths are ASCII. */
export const printRequest = (tid: string, method: string, toPath: string, fromPath: string): string =>
  `MSRP ${tid} ${method}\r\nTo-Path: ${toPath}\r\nFrom-Path: ${fromPath}\r\n`;

/** The last line of a message. */
export const printEnd = (tid: string, flag: Flag): string => `-------${tid}${flag}\r\n`;

/** A whole response; without a comment the usual words (RFC 4975 §10, RFC 7701 §8). */
export function printResponse(
  tid: string,
  status: number,
  comment: string | undefined,
  toPath: string,
  fromPath: string,
): string {
  return `MSRP ${tid} ${status}${words(status, comment)}\r\nTo-Path: ${toPath}\r\nFrom-Path: ${fromPath}\r\n-------${tid}$\r\n`;
}

export const printByteRange = ({ start, end, total }: ByteRange): string =>
  `${start}-${end ?? "*"}/${total ?? "*"}`;

/** The headers of a chunk after the paths; with `contentType` the blank line too. Defaults are left out (RFC 4975 §7.1.2). */
export function printChunkFields(parts: {
  readonly messageId: string;
  readonly range: ByteRange;
  readonly successReport: boolean;
  readonly failureReport: FailureReport;
  readonly contentType: string | undefined;
}): string {
  const success = parts.successReport ? "Success-Report: yes\r\n" : "";
  const failure = parts.failureReport === "yes" ? "" : `Failure-Report: ${parts.failureReport}\r\n`;
  const type =
    parts.contentType === undefined ? "" : `Content-Type: ${binary(oneLine(parts.contentType))}\r\n\r\n`;
  return `Message-ID: ${parts.messageId}\r\n${success}${failure}Byte-Range: ${printByteRange(parts.range)}\r\n${type}`;
}

/** The headers of a REPORT after the paths (RFC 4975 §7.1.4). */
export function printReportFields(
  messageId: string,
  range: ByteRange,
  status: number,
  comment: string | undefined,
): string {
  const said = words(status, comment);
  return `Message-ID: ${messageId}\r\nByte-Range: ${printByteRange(range)}\r\nStatus: 000 ${status}${said}\r\n`;
}

/** The header of NICKNAME (RFC 7701 §7.1). */
export const printNickname = (nickname: string): string =>
  `Use-Nickname: "${binary(oneLine(nickname).replace(/[\\"]/g, "\\$&"))}"\r\n`;

const words = (status: number, comment: string | undefined): string => {
  const said = comment === undefined ? usual[status] : binary(oneLine(comment));
  return said === undefined ? "" : ` ${said}`;
};

const usual: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  408: "Timeout",
  413: "Too Large",
  415: "Unsupported Media Type",
  423: "Out Of Bounds",
  424: "Malformed Nickname",
  425: "Nickname In Use",
  428: "No Private Messages",
  481: "No Such Session",
  501: "Unknown Method",
  506: "Session On Another Connection",
};

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, " ");
