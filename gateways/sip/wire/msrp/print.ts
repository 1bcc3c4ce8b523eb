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

/** A whole response. */
export function printResponse(
  tid: string,
  status: number,
  comment: string | undefined,
  toPath: string,
  fromPath: string,
): string {
  const said = comment === undefined ? "" : ` ${binary(oneLine(comment))}`;
  return `MSRP ${tid} ${status}${said}\r\nTo-Path: ${toPath}\r\nFrom-Path: ${fromPath}\r\n-------${tid}$\r\n`;
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
  const said = comment === undefined ? "" : ` ${binary(oneLine(comment))}`;
  return `Message-ID: ${messageId}\r\nByte-Range: ${printByteRange(range)}\r\nStatus: 000 ${status}${said}\r\n`;
}

/** The header of NICKNAME (RFC 7701 §7.1). */
export const printNickname = (nickname: string): string =>
  `Use-Nickname: "${binary(oneLine(nickname).replace(/[\\"]/g, "\\$&"))}"\r\n`;

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, " ");
