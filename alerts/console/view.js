// What is on the page: cards of open alerts, worst and oldest first, and a list of those resolved lately.
// Text of others is only ever inserted as textContent.

import { ago, current, figure, kindWord, sentence, word } from "./words.js";

const RANK = { critical: 0, warning: 1, info: 2 };
const SHOWN_MAX = 200;
const RESOLVED_MS = 15 * 60_000;
const RESOLVED_MAX = 30;

export class Board {
  /** @param act called with ("ack" | "resolve", alert) when a button is pressed */
  constructor(act) {
    this.act = act;
    this.open = new Map();
    this.resolved = new Map();
    this.changes = new Map();
    this.cards = new Map();
    this.link = "connecting";
    this.degraded = [];
    this.ready = false;
    this.runbooks = new Set();
  }

  /** Show exactly these open alerts. */
  load(alerts) {
    this.open.clear();
    this.changes.clear();
    for (const alert of alerts) this.#take(alert);
    this.ready = true;
    this.draw();
  }

  /** Take one change; returns true when it opened an episode. */
  change(alert) {
    if (alert.change <= (this.changes.get(alert.id) ?? 0)) return false;
    const isNew = !this.open.has(alert.id) && alert.state === "firing";
    this.#take(alert);
    this.drawSoon();
    return isNew;
  }

  #take(alert) {
    this.changes.set(alert.id, alert.change);
    if (alert.state === "resolved") {
      this.open.delete(alert.id);
      this.resolved.set(alert.id, alert);
    } else if (alert.state === "suppressed") {
      this.open.delete(alert.id);
    } else {
      this.resolved.delete(alert.id);
      this.open.set(alert.id, alert);
    }
  }

  drawSoon() {
    if (this.pending) return;
    this.pending = setTimeout(() => this.draw(), 50);
  }

  /** Bring the page up to date with what is known. */
  draw() {
    clearTimeout(this.pending);
    this.pending = 0;
    const sorted = [...this.open.values()].sort(
      (a, b) => RANK[a.severity] - RANK[b.severity] || b.started_at_ms - a.started_at_ms || (a.id < b.id ? -1 : 1),
    );
    this.#drawTally(sorted);
    this.#drawList(byId("alerts"), sorted.slice(0, SHOWN_MAX), (alert) => this.#card(alert));
    const hidden = sorted.length - SHOWN_MAX;
    show(byId("more"), hidden > 0, word("more", { n: hidden }));
    this.#drawResolved();
    this.#drawEmpty(sorted.length === 0);
    this.tick();
  }

  /** Bring times up to date; once a second. */
  tick() {
    const now = Date.now();
    for (const element of document.querySelectorAll("[data-since]")) {
      setText(element, word(element.dataset.form, { ago: ago(now - Number(element.dataset.since)) }));
    }
    for (const [id, alert] of this.resolved) {
      if (now - alert.at_ms > RESOLVED_MS) {
        this.resolved.delete(id);
        this.changes.delete(id);
        this.drawSoon();
      }
    }
  }

  #drawTally(alerts) {
    for (const severity of Object.keys(RANK)) {
      const count = alerts.filter((alert) => alert.severity === severity).length;
      const element = byId(`count-${severity}`);
      setText(element, String(count));
      element.parentElement.classList.toggle("some", count > 0);
    }
    setText(byId("open-count"), alerts.length ? String(alerts.length) : "");
    document.title = (alerts.length ? `(${alerts.length}) ` : "") + `roomwatch · ${word("title")}`;
  }

  #drawResolved() {
    const lately = [...this.resolved.values()].sort((a, b) => b.at_ms - a.at_ms).slice(0, RESOLVED_MAX);
    show(byId("resolved-section"), lately.length > 0);
    setText(byId("resolved-count"), lately.length ? String(lately.length) : "");
    this.#drawList(byId("resolved"), lately, (alert) => this.#line(alert));
  }

  #drawEmpty(isEmpty) {
    const kind = !this.ready ? "loading" : ["lost", "refused"].includes(this.link) ? "lost" : this.degraded.length ? "degraded" : "fine";
    const element = byId("empty");
    show(element, isEmpty);
    element.dataset.kind = kind;
    setText(byId("empty-says"), word({ loading: "empty_loading_says", lost: "empty_lost_says" }[kind] ?? "empty_says"));
    setText(
      byId("empty-means"),
      word({ loading: "empty_loading_means", lost: "empty_lost_means", degraded: "empty_degraded_means" }[kind] ?? "empty_means"),
    );
  }

  /** Make the list's children those of `alerts`, in order, touching only what changed (focus stays). */
  #drawList(list, alerts, make) {
    const wanted = new Set(alerts.map((alert) => alert.id));
    for (const element of [...list.children]) if (!wanted.has(element.dataset.id)) element.remove();
    const known = new Map([...list.children].map((element) => [element.dataset.id, element]));
    alerts.forEach((alert, place) => {
      const stamp = `${alert.change} ${word("lang")}`;
      let element = known.get(alert.id);
      if (element === undefined || element.dataset.stamp !== stamp) {
        const made = make(alert);
        made.dataset.id = alert.id;
        made.dataset.stamp = stamp;
        made.classList.toggle("fresh", element === undefined && Date.now() - alert.started_at_ms < 60_000);
        const focused = element?.contains(document.activeElement) ? document.activeElement.dataset.do : null;
        if (element !== undefined) element.replaceWith(made);
        element = made;
        if (focused) requestAnimationFrame(() => made.querySelector(`[data-do="${focused}"]`)?.focus());
      }
      if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
    });
  }

  #card(alert) {
    const card = make("li", `alert ${alert.severity} ${alert.state}`);
    const side = add(card, "div", "severity");
    add(side, "span", "shape").setAttribute("aria-hidden", "true");
    add(side, "strong", "", word(alert.severity));
    add(side, "span", "state", word(alert.state));

    const body = add(card, "div", "body");
    const head = add(body, "h3");
    add(head, "span", "kind", kindWord(alert.kind));
    add(head, "span", "room", roomTitle(alert));
    if (alert.room_id) add(head, "span", "id", alert.room_id);
    add(body, "p", "summary", sentence(alert.summary));
    add(body, "p", "advice", sentence(alert.advice));

    const facts = add(body, "dl", "facts");
    if (alert.value !== null) fact(facts, "value", figure(alert.kind, alert.value), "now");
    if (alert.threshold !== null) fact(facts, "threshold", figure(alert.kind, alert.threshold));
    if (alert.expected !== null) fact(facts, "expected", figure(alert.kind, alert.expected));
    if (alert.owner) fact(facts, "owner", alert.owner);

    const end = add(card, "div", "end");
    const since = add(end, "p", "since");
    since.dataset.form = "since";
    since.dataset.since = String(alert.started_at_ms);
    since.title = new Date(alert.started_at_ms).toLocaleString();
    if (alert.state !== "acknowledged") this.#button(end, "ack", alert, "strong");
    this.#button(end, "resolve", alert, "quiet");
    if (this.runbooks.has(alert.runbook_url)) {
      const link = add(end, "a", "runbook", word("runbook"));
      link.href = `${alert.runbook_url}?lang=${current()}`;
      link.target = "_blank";
      link.rel = "noopener";
    }
    return card;
  }

  #button(parent, what, alert, look) {
    const button = add(parent, "button", look, word(what));
    button.type = "button";
    button.dataset.do = what;
    button.setAttribute("aria-label", `${word(what)}: ${kindWord(alert.kind)} ${roomTitle(alert)}`);
    button.addEventListener("click", () => this.act(what, this.open.get(alert.id) ?? alert));
  }

  #line(alert) {
    const line = make("li", `past ${alert.severity}`);
    add(line, "span", "mark", word("resolved"));
    add(line, "span", "kind", kindWord(alert.kind));
    add(line, "span", "room", roomTitle(alert));
    add(line, "span", "lasted", word("lasted", { ago: ago(alert.at_ms - alert.started_at_ms) }));
    const ended = add(line, "span", "ended");
    ended.dataset.form = "ended";
    ended.dataset.since = String(alert.at_ms);
    return line;
  }
}

export function roomTitle(alert) {
  return alert.labels?.title || (alert.room_id ? alert.room_id : `${word("no_room")} ${alert.subject ?? ""}`);
}

export function byId(id) {
  return document.getElementById(id);
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show or hide an element, with a text if one is given. */
export function show(element, visible, text) {
  element.hidden = !visible;
  if (text !== undefined) setText(element, visible ? text : "");
}

export function make(tag, names = "", text = "") {
  const element = document.createElement(tag);
  if (names) element.className = names;
  if (text) element.textContent = text;
  return element;
}

export function add(parent, tag, names, text) {
  return parent.appendChild(make(tag, names, text));
}

export function fact(list, key, text, names = "") {
  const pair = add(list, "div", names);
  add(pair, "dt", "", word(key));
  add(pair, "dd", "", text);
}
