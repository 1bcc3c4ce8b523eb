// parley help: what the command can do.

const helpText = `Usage: parley <command> [options]

  up                    start everything on this machine: the bus and every service
  run <service>         start one service: sip, xmpp, irc, web, conference
      --instance NAME     its name; the same after a restart lets it go on with what it had under way
      --log-level LEVEL   trace, debug, info, warn, error
  check [FILE]          say whether the configuration is right, and what to write instead
      --running           do not try its ports: the house runs on this file
  status                the instances: who is there, how they fare, what they hold
      --json              for programs
  trace ID              the way of one message through all processes (event id, far id, or the client's own id)
      --json              for programs
  ledger                the audit: whether accepted = handed + refused + expired + uncertain + in flight
      --json              for programs
  rooms                 the hosted rooms: people, carriers, subject
      --json              for programs
  room ADDRESS          who is in a room, with what, and what it is like
      --json              for programs
      create              make it, so that it stays; --title TEXT
      destroy             end it; --reason TEXT
      kick NICK           put somebody out; --reason TEXT
      ban ADDRESS         and keep him out; unban ADDRESS lets him in again
      owner ADDRESS       make somebody its owner
      history             what was said last; --max N (default 20)
  version               the version of Parley and of Node
  help                  this text

Everywhere: --config FILE (else PARLEY_CONFIG, else parley.yaml).
Exit codes: 0 well; 1 something failed; 2 the call or the configuration is wrong.
`;

export function help(): Promise<number> {
  process.stdout.write(helpText);
  return Promise.resolve(0);
}
