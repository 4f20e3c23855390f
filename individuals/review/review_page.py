"""The text of the review page: markup, style and script, without anything from elsewhere."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<style>@STYLE@</style>
</head>
<body>
<header>
<h1>@TITLE@</h1>
<div class="bar">
<span id="progress" role="status">0 of @NUM@ answered</span>
<button type="button" id="save">Save answers (CSV)</button>
<button type="button" id="next">Next unanswered <kbd>n</kbd></button>
</div>
</header>
<main>
<p>Do the two large pictures show one animal? The small ones below each are further sightings of the same
side. Keys: <kbd>1</kbd> same, <kbd>2</kbd> different, <kbd>3</kbd> cannot tell, <kbd>j</kbd> and
<kbd>k</kbd> next and previous pair, <kbd>n</kbd> next unanswered. &ldquo;Cannot tell&rdquo; is a good
answer where you cannot. Then save, and give the file to <code>fused-encoder review apply</code>.</p>
<noscript><p class="warning">Scripts are switched off here: look at the pairs, and fill in the column
&ldquo;answer&rdquo; of review.csv instead.</p></noscript>
<ol>
@QUESTIONS@
</ol>
</main>
<script type="application/json" id="data">@DATA@</script>
<script>@SCRIPT@</script>
</body>
</html>
"""

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #f4f4f2; margin: 0; }
header { position: sticky; top: 0; z-index: 1; background: #fff; border-bottom: 1px solid #ccc; }
header { padding: .4rem 1rem; }
h1 { font-size: 1.15rem; margin: 0; }
.bar { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; }
main { max-width: 58rem; margin: 0 auto; padding: 0 1rem 4rem; }
ol { list-style: none; padding: 0; }
fieldset { background: #fff; border: 2px solid #ccc; border-radius: 6px; margin: 0 0 1.4rem; }
fieldset { padding: .6rem 1rem 1rem; scroll-margin-top: 6rem; min-width: 0; }
fieldset:focus, fieldset:focus-within { border-color: #1f5fa8; outline: none; }
fieldset.answered { border-left: 8px solid #2a7f4f; }
legend { font-weight: 600; padding: 0 .4rem; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
figure { margin: 0; } figure img { width: 100%; max-width: 26rem; aspect-ratio: 1; object-fit: contain; }
figure img { background: #222; display: block; margin: 0 auto; }
figcaption { font-size: .9rem; color: #444; text-align: center; overflow-wrap: anywhere; }
.beside { display: flex; gap: .4rem; justify-content: center; min-height: 1px; }
.beside img { width: 30%; max-width: 7rem; aspect-ratio: 1; object-fit: contain; background: #222; }
.none { background: #e8e8e4; padding: 2rem 1rem; text-align: center; overflow-wrap: anywhere; }
.reason { color: #555; font-size: .9rem; text-align: center; margin: .5rem 0; }
.choices { display: flex; flex-wrap: wrap; gap: .6rem; justify-content: center; }
.choices label { border: 1px solid #777; border-radius: 6px; padding: .5rem .9rem; cursor: pointer; }
.choices label:has(input:checked) { background: #dcefe3; border-color: #2a7f4f; font-weight: 600; }
.choices label:has(input:focus-visible) { outline: 3px solid #1f5fa8; }
button { font: inherit; padding: .3rem .8rem; cursor: pointer; }
kbd { font: .8rem/1 ui-monospace, monospace; border: 1px solid #999; border-radius: 3px; }
kbd { padding: 0 .3rem; background: #fafafa; color: #333; }
.warning { border-left: 4px solid #c77700; padding-left: .8rem; }
@media (max-width: 30rem) { .choices label { flex: 1 1 100%; } }
@media print { header { position: static; } fieldset { break-inside: avoid; } }
"""

SCRIPT = """
"use strict";
const { columns, rows } = JSON.parse(document.getElementById("data").textContent);
const pairs = [...document.querySelectorAll("fieldset")];
const name = "review " + rows.map(row => row[2] + row[3]).join("").slice(0, 2000);
const values = ["same", "different", "cannot tell"];
let isSaved = true;

const chosen = pair => pair.querySelector("input:checked");
const numAnswered = () => pairs.filter(chosen).length;

function show() {
  pairs.forEach(pair => pair.classList.toggle("answered", !!chosen(pair)));
  document.getElementById("progress").textContent = numAnswered() + " of " + pairs.length + " answered";
}

// A browser may keep nothing for pages from disk: then answers live until the page is closed.
function keep() {
  const answers = pairs.map(pair => chosen(pair) ? chosen(pair).value : "");
  try { localStorage.setItem(name, JSON.stringify(answers)); } catch (error) { /* said above */ }
}

function restore() {
  let answers = null;
  try { answers = JSON.parse(localStorage.getItem(name)); } catch (error) { /* said above */ }
  (answers || []).forEach((answer, place) => {
    const input = [...pairs[place].querySelectorAll("input")].find(input => input.value === answer);
    if (input) input.checked = true;
  });
}

// The pair that has the focus, or else the first one in sight.
function current() {
  const focused = pairs.findIndex(pair => pair.contains(document.activeElement));
  if (focused >= 0) return focused;
  const top = document.querySelector("header").getBoundingClientRect().bottom;
  const inSight = pairs.findIndex(pair => {
    const box = pair.getBoundingClientRect();
    return (box.top + box.bottom) / 2 > top;
  });
  return Math.max(inSight, 0);
}

function goTo(place) {
  const pair = pairs[Math.min(Math.max(place, 0), pairs.length - 1)];
  if (!pair) return;
  pair.focus({ preventScroll: true });
  pair.scrollIntoView({ block: "start" });
}

function goToUnanswered(from) {
  const order = [...pairs.keys()].map(step => (from + step) % pairs.length);
  const place = order.find(place => !chosen(pairs[place]));
  if (place !== undefined) goTo(place);
}

function answered() { isSaved = false; show(); keep(); }

const cell = text => /[",\\r\\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;

function save() {
  const filled = rows.map((row, place) => {
    const answer = chosen(pairs[place]) ? chosen(pairs[place]).value : "";
    return row.map((text, column) => columns[column] === "answer" ? answer : text);
  });
  const lines = [columns, ...filled].map(row => row.map(cell).join(","));
  const blob = new Blob(["\\ufeff" + lines.join("\\r\\n") + "\\r\\n"], { type: "text/csv" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "review.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  isSaved = true;
}

document.addEventListener("change", answered);
document.getElementById("save").addEventListener("click", save);
document.getElementById("next").addEventListener("click", () => goToUnanswered(current() + 1));
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const place = current();
  if ("123".includes(event.key) && pairs.length) {
    pairs[place].querySelectorAll("input")[Number(event.key) - 1].checked = true;
    answered();
    if (numAnswered() < pairs.length) goToUnanswered(place + 1); else goTo(place + 1);
  } else if (event.key === "j") goTo(place + 1);
  else if (event.key === "k") goTo(place - 1);
  else if (event.key === "n") goToUnanswered(place + 1);
  else return;
  event.preventDefault();
});
window.addEventListener("beforeunload", event => { if (!isSaved) event.preventDefault(); });
restore();
show();
if (pairs.length) pairs[0].focus({ preventScroll: true });
"""
