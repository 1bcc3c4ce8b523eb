// For tests: where the published vectors are (README "Running"). Absent: the tests that need them are skipped, aloud.
import { existsSync, readFileSync } from "node:fs";

const folder = process.env.PARLEY_VECTORS ?? `${import.meta.dirname}/../../../../shared/vectors`;

export const haveVectors = existsSync(`${folder}/sip-torture-rfc4475/manifest.json`);
if (!haveVectors) console.warn(`SKIPPED: the published SIP vectors are not at ${folder}; set PARLEY_VECTORS`);

export const vector = (name: string): Buffer => readFileSync(`${folder}/${name}`);
export const vectorJson = <T>(name: string): T => JSON.parse(vector(name).toString("utf8")) as T;
