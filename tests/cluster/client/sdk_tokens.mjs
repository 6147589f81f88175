// Three clients of the SDK whose tokens last 14 seconds. Prints one line when the test can judge all three.
//
//   node sdk_tokens.mjs URL SECRET
//
// renewed     its token source returns a new token at each call
// expired     its token source returns the same token at each call
// signed_out  its token source throws `unauthorized` at the second call
//
// Out: {"renewed": CLIENT, "expired": CLIENT, "signed_out": CLIENT}
//      CLIENT: {"phase", "reason", "connects", "asked"}: the state at the end, and how often the client connected and
//      called its token source

import { createHmac } from "node:crypto";
import { connect, RoomcastError } from "@roomcast/sdk";

const [url, secret] = process.argv.slice(2);
const SECONDS = 14;

function sign(user) {
  const encoded = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded({ sub: user, iat: now, exp: now + SECONDS })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function open(source) {
  const watched = { asked: 0, connects: 0 };
  const token = () => source(++watched.asked);
  watched.client = connect({ url, token, storage: null, backoff: { baseMs: 50, maxMs: 400 } });
  watched.client.on("ready", () => {
    watched.connects += 1;
  });
  return watched;
}

const refused = ({ client }) =>
  new Promise((resolve) => client.onState(({ phase }) => phase === "refused" && resolve()));

const user = `token-${process.pid}`;
const same = sign(`${user}-expired`);
const clients = {
  renewed: open(() => sign(`${user}-renewed`)),
  expired: open(() => same),
  signed_out: open((call) => {
    if (call > 1) throw RoomcastError.of("unauthorized");
    return sign(`${user}-signed-out`);
  }),
};
await Promise.all([refused(clients.expired), refused(clients.signed_out)]);
// The gateway has ended the session of `expired`. It answers `renewed` only if that session has not ended.
await clients.renewed.client.call("presence", {});
const report = ({ client, connects, asked }) => {
  const { phase, error } = client.state;
  return { phase, reason: error?.reason ?? null, connects, asked };
};
console.log(JSON.stringify(Object.fromEntries(Object.entries(clients).map(([name, one]) => [name, report(one)]))));
for (const { client } of Object.values(clients)) client.close();
