// The MSRP stack as parley.yaml wants it.
import { readFile } from "node:fs/promises";
import type { SipConfig } from "../../config.ts";
import { openMsrp } from "../msrp/open.ts";
import type { Msrp, MsrpParts } from "../msrp/port.ts";

/** Opens the listeners of `sip.msrp`. Rejects when a file cannot be read or a port cannot be had. */
export async function openMsrpOf({ msrp }: SipConfig, parts: MsrpParts): Promise<Msrp> {
  const tls =
    msrp.tls === undefined
      ? undefined
      : { key: await readFile(msrp.tls.key), cert: await readFile(msrp.tls.cert) };
  const host = msrp.host === undefined ? {} : { host: msrp.host };
  const listen = msrp.listen.map(({ transport, address, port }) => ({
    ...{ scheme: transport, address, port },
    ...host,
  }));
  return openMsrp(parts, { listen, ...(tls && { tls }) });
}
