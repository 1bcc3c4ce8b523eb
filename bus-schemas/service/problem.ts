// One thing that is wrong with a configuration: where, what, and what to write instead.

export interface Problem {
  /** The file, or the name of the environment variable. */
  readonly file: string;
  /** From 1; 0 for the environment. */
  readonly line: number;
  /** `xmpp.secret`, `accounts[3].address`. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}
