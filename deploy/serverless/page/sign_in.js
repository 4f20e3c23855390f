// Signing in with Cognito's own page: an authorization code, proved by PKCE. The password never comes here.

const STORE = sessionStorage; // gone with the tab

export const token = () => {
  const { access, until } = JSON.parse(STORE.getItem("token") ?? "{}");
  return until > Date.now() ? access : null;
};

export async function begin(config) {
  const verifier = random();
  const state = random();
  STORE.setItem("asked", JSON.stringify({ verifier, state }));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  location.assign(
    `${config.signInAddress}/oauth2/authorize?` +
      new URLSearchParams({
        response_type: "code",
        client_id: config.clientId,
        redirect_uri: here(),
        scope: "openid",
        state,
        code_challenge: base64url(new Uint8Array(digest)),
        code_challenge_method: "S256",
      }),
  );
}

// Where the sign-in page has sent the browser back, its code becomes a token.
export async function complete(config) {
  const given = new URLSearchParams(location.search);
  if (!given.has("code") && !given.has("error")) return;
  const { verifier, state } = JSON.parse(STORE.getItem("asked") ?? "{}");
  STORE.removeItem("asked");
  history.replaceState(null, "", here());
  if (given.has("error")) throw new Error("You were not signed in. Try again.");
  if (!state || given.get("state") !== state) throw new Error("This sign-in was not begun here. Sign in again.");
  const answer = await fetch(`${config.signInAddress}/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: config.clientId,
      redirect_uri: here(),
      code: given.get("code"),
      code_verifier: verifier,
    }),
  });
  if (!answer.ok) throw new Error("You were not signed in. Try again.");
  const { access_token: access, expires_in: seconds } = await answer.json();
  STORE.setItem("token", JSON.stringify({ access, until: Date.now() + (seconds - 30) * 1000 }));
}

export function forget() {
  STORE.removeItem("token");
}

export function end(config) {
  forget();
  location.assign(
    `${config.signInAddress}/logout?` + new URLSearchParams({ client_id: config.clientId, logout_uri: here() }),
  );
}

const here = () => `${location.origin}/`;
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
