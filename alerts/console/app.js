// The console: ties the stream of alerts to the page.

import { Feed } from "./feed.js";
import { Named } from "./named.js";
import { Board, byId, make, roomTitle, setText, show } from "./view.js";
import { ago, choose, current, kindWord, sentence, word } from "./words.js";

const TOAST_MS = 6_000;

const board = new Board((what, alert) => openChange(what, alert));
let link = { state: "connecting", until: 0 };
let pendingChange = null;

const feed = new Feed({
  loaded: (alerts) => {
    board.load(alerts);
    named.read();
  },
  alert: (alert) => {
    named.heard(alert);
    if (board.change(alert) && alert.severity === "critical") {
      setText(byId("announce"), word("new_alert", { text: sentence(alert.summary) }));
    }
  },
  link: (state, seconds = 0) => {
    link = { state, until: Date.now() + seconds * 1000 };
    board.link = state;
    drawLink();
    board.drawSoon();
  },
  degraded: (stages) => {
    board.degraded = stages;
    drawBanner();
    board.drawSoon();
  },
  refused: () => askToken(),
});
const named = new Named(feed, board, (what, alert) => openChange(what, alert));

function drawLink() {
  byId("link").dataset.state = link.state;
  const seconds = Math.max(0, Math.ceil((link.until - Date.now()) / 1000));
  setText(byId("link-word"), word(link.state, { s: seconds }));
  setText(byId("heard"), feed.heardAt ? word("heard", { ago: ago(Date.now() - feed.heardAt) }) : word("heard_never"));
}

function drawBanner() {
  const names = board.degraded.map((stage) => word(`stage_${stage}`).replace(/^stage_/, ""));
  show(byId("banner"), names.length > 0, word("degraded", { stages: names.join(current() === "zh" ? "、" : ", ") }));
}

function drawRoom() {
  show(byId("only"), feed.room !== null);
  setText(byId("only-room"), word("only_room", { room: feed.room }));
}

function drawWords() {
  document.documentElement.lang = word("lang");
  for (const element of document.querySelectorAll("[data-word]")) setText(element, word(element.dataset.word));
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", word(element.dataset.label));
  setText(byId("language"), word("other"));
  drawLink();
  drawBanner();
  drawRoom();
  board.draw();
  named.draw();
}

function speak(locale) {
  choose(locale);
  keep("locale", current());
  feed.speak(current());
  drawWords();
}

function openChange(what, alert) {
  pendingChange = { what, alert };
  setText(byId("change-title"), word(`${what}_title`));
  setText(byId("change-about"), `${kindWord(alert.kind)} · ${roomTitle(alert)}`);
  setText(byId("change-send"), word(what));
  show(byId("change-for-row"), what === "ack");
  show(byId("change-verdict-row"), what === "resolve");
  byId("change-form").reset();
  byId("change").showModal();
  byId("change-comment").focus();
}

async function sendChange(event) {
  event.preventDefault();
  byId("change").close();
  const { what, alert } = pendingChange;
  const frame = { op: what, id: alert.id, comment: byId("change-comment").value.trim() };
  if (what === "ack") frame.for_s = Number(byId("change-for").value);
  const verdict = byId("change-verdict").value;
  if (what === "resolve" && verdict) frame.verdict = verdict;
  try {
    const done = await feed.ask(frame);
    toast(word(done.status === "pending" ? "pending" : `done_${what}`), "good");
    if (done.alert) {
      board.change(done.alert);
      named.heard(done.alert);
    }
  } catch (error) {
    toast(word("failed", { why: word(error.message) }), "bad");
  }
}

function toast(text, look) {
  const element = byId("toasts").appendChild(make("p", look, text));
  setTimeout(() => element.remove(), TOAST_MS);
}

function askToken() {
  if (!byId("login").open) byId("login").showModal();
  byId("login-token").focus();
}

function enter(event) {
  event.preventDefault();
  const token = byId("login-token").value.trim();
  if (!/^[A-Za-z0-9\-_.~]+$/.test(token)) return;
  sessionStorage.setItem("token", token);
  feed.token = token;
  byId("login").close();
  byId("login-form").reset();
  feed.connect();
}

function turnTheme() {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (isDark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  keep("theme", document.documentElement.dataset.theme);
}

function keep(name, value) {
  try {
    localStorage.setItem(`roomwatch.${name}`, value);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}

function kept(name) {
  try {
    return localStorage.getItem(`roomwatch.${name}`);
  } catch {
    return null;
  }
}

const theme = kept("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
const asked = new URLSearchParams(location.search);
choose(asked.get("lang") ?? kept("locale") ?? "zh");
feed.locale = current();
feed.room = asked.get("room") || null;
feed.token = sessionStorage.getItem("token") ?? "";

byId("language").addEventListener("click", () => speak(current() === "zh" ? "en" : "zh"));
byId("theme").addEventListener("click", turnTheme);
byId("change-form").addEventListener("submit", sendChange);
byId("change-cancel").addEventListener("click", () => byId("change").close());
byId("login-form").addEventListener("submit", enter);
byId("named-close").addEventListener("click", () => named.close());
setInterval(() => {
  board.tick();
  named.tick();
  drawLink();
}, 1_000);

// Only runbooks that are there are linked.
fetch("/console/runbooks.json")
  .then((answer) => (answer.ok ? answer.json() : []))
  .then((urls) => {
    board.runbooks = new Set(urls);
  })
  .catch(() => {})
  .finally(() => feed.connect());
drawWords();
