// What every page shares: the token that proves where a request comes from, and telling what happened.

export const token = document.querySelector('meta[name="csrf-token"]').content;

export function say(text) {
  const place = document.getElementById("said");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.textContent = ""; }, 6000);
}

// A request to this server; its refusal becomes an Error with the server's own words.
export async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { ...options, headers: { "X-CSRF-Token": token, ...options.headers } });
  } catch { throw new Error("The service does not answer. Is it still running?"); }
  if (response.ok) return response;
  throw new Error(await words(response));
}

async function words(response) {
  const text = await response.text();
  try {
    const detail = JSON.parse(text).detail;
    return typeof detail === "string" ? detail : detail.map(one => one.msg).join(" ");
  } catch { return `The service answered ${response.status}.`; }
}

document.body.addEventListener("htmx:configRequest", event => { event.detail.headers["X-CSRF-Token"] = token; });
document.body.addEventListener("htmx:responseError", event => {
  let text = "The service could not do this.";
  try { text = JSON.parse(event.detail.xhr.responseText).detail; } catch { /* no words from it */ }
  const place = document.querySelector("[data-refusals]");
  if (place) { place.textContent = text; place.hidden = false; place.focus(); } else say(text);
});
document.body.addEventListener("htmx:sendError", () => say("The service does not answer. Is it still running?"));
document.body.addEventListener("htmx:afterSwap", event => {
  const focus = event.detail.target.querySelector?.("[data-focus]");
  if (focus) focus.focus();
});
