// A private InspIRCd 3: the IRCv3 profile (tags, echo-message, labelled responses, server-time) on loopback.

export interface InspircdSettings {
  readonly port: number;
  readonly network: string;
  /** The folder of its log and pid file. */
  readonly folder: string;
}

const modules = [
  "cap",
  "ircv3",
  "ircv3_servertime",
  "ircv3_msgid",
  "ircv3_echomessage",
  "ircv3_ctctags",
  "ircv3_batch",
  "ircv3_labeledresponse",
  "ircv3_capnotify",
  "monitor",
  "services_account",
];

/** The text of inspircd.conf; start it with `inspircd --nofork --config FILE` (and --runasroot under root). */
export function inspircdConfig(settings: InspircdSettings): string {
  return [
    `<server name="irc.parley.invalid" description="private" network="${settings.network}">`,
    `<admin name="parley" nick="parley" email="nobody@parley.invalid">`,
    `<bind address="127.0.0.1" port="${settings.port}" type="clients">`,
    `<connect name="main" allow="*" timeout="60" pingfreq="2m" hardsendq="10M" softsendq="1M" recvq="1M" threshold="1000000" commandrate="1000000000" fakelag="no" localmax="2000" globalmax="2000" maxchans="100" resolvehostnames="no">`,
    `<performance netbuffersize="10240" somaxconn="128" softlimit="12800" clonesonconnect="no" quietbursts="yes">`,
    `<security hidesplits="no" maxtargets="20">`,
    `<limits maxnick="31" maxchan="64" maxkick="255" maxtopic="307" maxuser="10" maxaway="200">`,
    `<whowas groupsize="0">`,
    `<pid file="${settings.folder}/inspircd.pid">`,
    `<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="${settings.folder}/inspircd-server.log">`,
    ...modules.map((name) => `<module name="${name}">`),
    "",
  ].join("\n");
}
