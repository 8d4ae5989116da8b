// What the address names: /?alert=ID or /?silence=ID, which messages link to. It is shown above the list, whether or
// not it is open, with what happened to it and who was told; a link that leads nowhere says so.

import { add, byId, fact, make, roomTitle, setText, show } from "./view.js";
import { current, figure, kindWord, sentence, word, wordOf } from "./words.js";

const AGAIN_MS = 3_000;
const TIMELINE_MAX = 50;

export class Named {
  /** @param act called with ("ack" | "resolve", alert) when a button is pressed */
  constructor(feed, board, act) {
    this.feed = feed;
    this.board = board;
    this.act = act;
    this.found = null;
    this.state = "loading";
    this.readAgainAt = 0;
    const query = new URLSearchParams(location.search);
    this.what = ["alert", "silence"].find((name) => query.get(name)) ?? null;
    this.id = this.what && query.get(this.what);
  }

  /** Read it anew; what is on the page stays there meanwhile. */
  async read() {
    if (this.what === null) return;
    const asked = (this.asked = {});
    this.readAgainAt = 0;
    try {
      const found = await this.feed.read(`/api/v1/${this.what}s/${encodeURIComponent(this.id)}`);
      if (asked === this.asked) [this.found, this.state] = [found, "found"];
    } catch (error) {
      if (asked !== this.asked) return;
      this.#failed(error);
    }
    this.draw();
  }

  /** An alert changed: if it is this one, read what became of it. */
  heard(alert) {
    if (this.what === "alert" && alert.id === this.id) this.read();
  }

  /** Try again what failed; once a second. */
  tick() {
    if (this.readAgainAt && Date.now() >= this.readAgainAt) this.read();
  }

  /** Take it off the page and out of the address. */
  close() {
    this.what = null;
    this.readAgainAt = 0;
    this.asked = null;
    history.replaceState(null, "", location.pathname);
    this.draw();
    byId("open").focus();
  }

  draw() {
    show(byId("named"), this.what !== null);
    if (this.what === null) return;
    setText(byId("named-title"), word(`named_${this.what}`));
    const body = byId("named-body");
    const stamp = `${this.state} ${current()} ${JSON.stringify(this.found)}`;
    if (this.stamp === stamp) return;
    this.stamp = stamp;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.do : null;
    body.replaceChildren(this.state === "found" ? this.#found() : this.#missing());
    if (focused) body.querySelector(`[data-do="${focused}"]`)?.focus();
  }

  #failed(error) {
    if (["HTTP 404", "HTTP 422"].includes(error.message)) {
      [this.found, this.state] = [null, "missing"];
    } else {
      if (this.found === null) this.state = error.message === "refused" ? "loading" : "failed";
      if (error.message !== "refused") this.readAgainAt = Date.now() + AGAIN_MS;
    }
  }

  #missing() {
    const kind = this.state === "missing" ? `missing_${this.what}` : this.state === "failed" ? "named_failed" : "empty_loading_says";
    return make("p", `nowhere ${this.state}`, word(kind, { id: this.id }));
  }

  #found() {
    return this.what === "alert" ? this.#alert(this.found.alert) : this.#silence(this.found.silence);
  }

  #alert(alert) {
    const card = make("article", `detail ${alert.severity} ${alert.state}`);
    const head = add(card, "h3");
    add(head, "strong", "level", word(alert.severity));
    add(head, "span", "kind", kindWord(alert.kind));
    add(head, "span", "room", roomTitle(alert));
    add(head, "span", "state", word(alert.state));
    add(card, "p", "summary", sentence(alert.summary));
    add(card, "p", "advice", sentence(alert.advice));
    const facts = add(card, "dl", "facts");
    if (alert.value !== null) fact(facts, "value", figure(alert.kind, alert.value), "now");
    if (alert.threshold !== null) fact(facts, "threshold", figure(alert.kind, alert.threshold));
    fact(facts, "began", clock(alert.started_at_ms));
    if (alert.state === "resolved") fact(facts, "over", clock(alert.at_ms));
    if (alert.owner) fact(facts, "owner", alert.owner);
    if (alert.reason) fact(facts, "reason", wordOf("reasons", alert.reason));
    if (alert.verdict) fact(facts, "verdict", word(`verdict_${alert.verdict}`));
    if (alert.action) fact(facts, "action", `${alert.action.do} ${alert.action.target ?? ""}`);
    fact(facts, "number", alert.id);
    this.#buttons(card, alert);
    rows(card, "timeline", this.found.timeline.slice(-TIMELINE_MAX).reverse(), (one) => [
      clock(one.at_ms),
      word(one.state),
      word(one.severity),
      one.reason ? wordOf("reasons", one.reason) : "",
      [one.by, one.comment].filter(Boolean).join(": "),
    ]);
    this.#deliveries(card);
    return card;
  }

  #buttons(card, alert) {
    const row = add(card, "p", "buttons");
    if (alert.state !== "resolved") {
      for (const what of alert.state === "acknowledged" ? ["resolve"] : ["ack", "resolve"]) {
        const button = add(row, "button", what === "ack" ? "strong" : "quiet", word(what));
        button.type = "button";
        button.dataset.do = what;
        button.addEventListener("click", () => this.act(what, alert));
      }
    }
    const link = add(row, "a", "runbook", word("runbook"));
    link.href = alert.runbook_url.startsWith("/") ? `${alert.runbook_url}?lang=${current()}` : alert.runbook_url;
    link.target = "_blank";
    link.rel = "noopener";
  }

  #silence(silence) {
    const card = make("article", "detail silence");
    const head = add(card, "h3");
    add(head, "span", "kind", silence.matchers.map((one) => `${one.label}${one.op}${one.value}`).join(" "));
    add(head, "span", "state", word(`silence_${silence.state}`));
    add(card, "p", "summary", silence.comment);
    const facts = add(card, "dl", "facts");
    fact(facts, "by", silence.by);
    fact(facts, "began", clock(silence.starts_at_ms));
    fact(facts, "over", clock(silence.ended_at_ms ?? silence.ends_at_ms));
    if (silence.end_reason) fact(facts, "reason", wordOf("reasons", silence.end_reason));
    fact(facts, "hidden", String(silence.hidden));
    fact(facts, "number", silence.id);
    this.#deliveries(card);
    return card;
  }

  #deliveries(card) {
    rows(card, "deliveries", this.found.deliveries, (one) => [
      clock(one.at_ms),
      wordOf("occasions", one.occasion),
      one.channel ?? "",
      wordOf("statuses", one.status),
      [one.reason ?? "", one.fallback ? `→ ${one.fallback}` : ""].join(" ").trim(),
    ]);
  }
}

function rows(card, title, found, cells) {
  add(card, "h4", "", word(title));
  if (found.length === 0) {
    add(card, "p", "none", word("nothing"));
    return;
  }
  const table = add(card, "table", title);
  for (const one of found) {
    const row = add(table, "tr");
    for (const cell of cells(one)) add(row, "td", "", cell);
  }
}

function clock(at) {
  return new Date(at).toLocaleString(current() === "zh" ? "zh-CN" : "en-GB");
}
