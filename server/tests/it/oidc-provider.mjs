// A real OpenID provider for the tests: node oidc-provider.mjs PORT REDIRECT. PORT 0 is any that is free. Everybody is who
// they say they are; its keys are new each time. It says its issuer in one line and ends with its standard input.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const server = createServer();
await new Promise((listening) => server.listen(Number(port), "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
const client = (id) => ({ client_id: id, client_secret: `secret-of-${id}`, redirect_uris: [redirect] });

const provider = new Provider(issuer, {
  clients: [client("umbel"), client("other")],
  jwks: { keys: [key] },
  cookies: { keys: [randomUUID()] },
  claims: { profile: ["preferred_username"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
});
server.on("request", provider.callback());
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
console.log(issuer);
