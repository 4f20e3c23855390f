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

const cell = text => /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;

function save() {
  const filled = rows.map((row, place) => {
    const answer = chosen(pairs[place]) ? chosen(pairs[place]).value : "";
    return row.map((text, column) => columns[column] === "answer" ? answer : text);
  });
  const lines = [columns, ...filled].map(row => row.map(cell).join(","));
  const blob = new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" });
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
