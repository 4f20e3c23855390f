// Pictures that are not there say so; the name of who decides is remembered by this browser.

function replace(image) {
  const text = document.createElement("div");
  text.className = "no-picture";
  text.textContent = image.dataset.or;
  image.replaceWith(text);
}
document.querySelectorAll("img[data-or]").forEach(image => {
  if (image.complete && image.src && !image.naturalWidth && image.loading !== "lazy") replace(image);
  image.addEventListener("error", () => replace(image), { once: true });
});

const who = document.querySelector("[data-remember]");
if (who) {
  try { who.value = localStorage.getItem("who") ?? ""; } catch { /* a browser may keep nothing */ }
  who.addEventListener("change", () => { try { localStorage.setItem("who", who.value.trim()); } catch { /* as above */ } });
}
