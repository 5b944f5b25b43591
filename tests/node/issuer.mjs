// A certified authorisation server (oidc-provider) for the tests, on loopback, with everything in memory.
//
//   node issuer.mjs PORT
//
// Prints a line when it listens. Clients register themselves; there are three beside them: `agent` (client credentials),
// `bound` (the same, with DPoP) and `gateway` (which may introspect). Tokens for a resource are JWTs, opaque ones for a
// resource that ends in /opaque. `POST /rotate` takes new keys, and forgets the old ones.
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import Provider from "oidc-provider";

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

const clients = [
  { client_id: "agent", client_secret: "agent-secret", grant_types: ["client_credentials"], redirect_uris: [], response_types: [] },
  { client_id: "bound", client_secret: "bound-secret", grant_types: ["client_credentials"], redirect_uris: [], response_types: [], dpop_bound_access_tokens: true },
  { client_id: "gateway", client_secret: "gateway-secret", grant_types: [], redirect_uris: [], response_types: [] },
];

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function start() {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [newKey()] },
    cookies: { keys: ["for tests alone"] },
    scopes: ["openid", "offline_access", "lamps:read", "lamps:write"],
    claims: { profile: ["preferred_username"], groups: ["groups"] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: `${id} of the house`, groups: [`friends-of-${id}`] }),
    }),
    pkce: { required: () => true },
    clientBasedCORS: () => true,
    extraTokenClaims: () => ({ groups: ["staff"] }),
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      dPoP: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      registration: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: "lamps:read lamps:write",
          audience: resource.replace(/\/opaque$/, ""),
          accessTokenFormat: resource.endsWith("/opaque") ? "opaque" : "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  return provider.callback();
}

let handle = start();
createServer((request, response) => {
  if (request.method === "POST" && request.url === "/rotate") {
    handle = start();
    response.writeHead(204).end();
    return;
  }
  handle(request, response);
}).listen(port, "127.0.0.1", () => console.log(`listening at ${issuer}`));
