// The chat page: the files of web-client/, read once, served with a policy that lets nothing else in. RFC 9110, W3C CSP3.
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const headers = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-cache",
} as const;

interface Page {
  readonly type: string;
  readonly body: Buffer;
}

export type Pages = (request: IncomingMessage, response: ServerResponse) => void;

/** Reads the folder once; only what was there then is served, so that no path of a request ever meets the file system. */
export async function openPages(folder: URL): Promise<Pages> {
  const pages = new Map<string, Page>();
  for (const name of await readdir(folder)) {
    const type = types[extname(name)];
    if (type === undefined || name.includes(".test.")) continue;
    pages.set(`/${name}`, { type, body: await readFile(new URL(name, folder)) });
  }
  const index = pages.get("/index.html");
  if (index !== undefined) pages.set("/", index);
  return (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { Allow: "GET, HEAD" }).end();
      return;
    }
    const page = pages.get((request.url ?? "/").split("?", 1)[0] ?? "/");
    if (page === undefined) {
      response.writeHead(404, { ...headers, "Content-Type": "text/plain; charset=utf-8" }).end("not found\n");
      return;
    }
    response.writeHead(200, { ...headers, "Content-Type": page.type, "Content-Length": page.body.length });
    response.end(request.method === "HEAD" ? undefined : page.body);
  };
}
