// The stream of alerts: connects, goes on where it was after every break, and loads the list anew when it cannot.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
// The gateway sends a frame at least every 30 s; a connection that is silent for longer is dead.
const SILENT_MS = 75_000;
const ANSWER_MS = 8_000;
const STATES = ["firing", "escalated", "acknowledged"];

export class Feed {
  /** @param handlers loaded(alerts), alert(alert), link(state, seconds), degraded(stages), refused() */
  constructor(handlers) {
    this.handlers = handlers;
    this.locale = "zh";
    this.token = "";
    this.room = null;
    this.epoch = null;
    this.offset = -1;
    this.tries = 0;
    this.socket = null;
    this.heardAt = 0;
    this.waiting = new Map();
    this.nextRef = 1;
    this.timer = 0;
    setInterval(() => this.#watch(), 5_000);
    addEventListener("online", () => this.connect());
  }

  /** Connect now; an older connection is dropped. */
  async connect() {
    clearTimeout(this.timer);
    this.#drop();
    this.handlers.link("connecting");
    const attempt = (this.attempt = {});
    try {
      if (this.epoch === null) await this.#load();
    } catch (error) {
      if (attempt === this.attempt) this.#failed(error);
      return;
    }
    if (attempt === this.attempt) this.#open();
  }

  /** Ask for a change; resolves with the `done` frame, rejects with an Error that says why. */
  ask(frame) {
    if (this.socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("not_connected"));
    const ref = `c${this.nextRef++}`;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#answer({ ref, op: "done", status: "pending" }), ANSWER_MS);
      this.waiting.set(ref, { resolve, reject, late });
      this.socket.send(JSON.stringify({ ...frame, ref }));
    });
  }

  /** Speak another language from now on. */
  speak(locale) {
    this.locale = locale;
    if (this.socket?.readyState === WebSocket.OPEN) this.#subscribe();
  }

  async #load() {
    const alerts = [];
    let from = null;
    for (const state of STATES) {
      let cursor = null;
      do {
        const page = await this.#get(state, cursor);
        from ??= page;
        alerts.push(...page.items);
        cursor = page.next;
      } while (cursor !== null && alerts.length < 5_000);
    }
    this.handlers.loaded(alerts);
    this.epoch = from.epoch;
    this.offset = from.offset;
  }

  #get(state, cursor) {
    const query = new URLSearchParams({ state, limit: "1000" });
    if (this.room !== null) query.set("room", this.room);
    if (cursor !== null) query.set("cursor", cursor);
    return this.read(`/api/v1/alerts?${query}`);
  }

  /** Return what a call of the HTTP interface answers; rejects with "refused" or "HTTP <status>". */
  async read(path) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const answer = await fetch(path, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.status === 401) throw new Error("refused");
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return answer.json();
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const protocols = ["roomwatch.v1", ...(this.token ? [`token.${this.token}`] : [])];
    const socket = new WebSocket(`${scheme}//${location.host}/ws/v1`, protocols);
    this.socket = socket;
    this.heardAt = Date.now();
    socket.onopen = () => this.#subscribe();
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (this.socket === socket) this.#failed(new Error(event.code === 4401 ? "refused" : `closed ${event.code}`));
    };
  }

  #subscribe() {
    const frame = { op: "subscribe", rooms: this.room === null ? "*" : [this.room], locale: this.locale };
    if (this.epoch !== null) frame.resume = { epoch: this.epoch, offset: this.offset };
    this.socket.send(JSON.stringify(frame));
  }

  #hear(frame) {
    this.heardAt = Date.now();
    if (frame.op === "subscribed") {
      this.tries = 0;
      this.newest = frame.offset;
      this.epoch = frame.epoch;
      this.handlers.degraded([]);
      this.handlers.link(this.offset < frame.offset ? "catching" : "live");
    } else if (frame.op === "alert") {
      this.offset = frame.offset;
      this.handlers.alert(frame.alert);
      if (frame.offset >= this.newest) this.handlers.link("live");
    } else if (frame.op === "at") {
      this.offset = Math.max(this.offset, frame.offset);
      this.handlers.link("live");
    } else if (frame.op === "gap") {
      this.epoch = null;
      this.connect();
    } else if (frame.op === "status") {
      this.handlers.degraded(frame.degraded);
    } else if (frame.ref !== undefined) {
      this.#answer(frame);
    }
  }

  #answer(frame) {
    const waiting = this.waiting.get(frame.ref);
    if (waiting === undefined) return;
    this.waiting.delete(frame.ref);
    clearTimeout(waiting.late);
    if (frame.op === "done") waiting.resolve(frame);
    else waiting.reject(new Error(frame.message));
  }

  #failed(error) {
    this.#drop();
    if (error.message === "refused") {
      this.handlers.link("refused");
      this.handlers.refused();
      return;
    }
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.tries++);
    const wait = longest * (0.5 + Math.random() / 2);
    this.handlers.link("lost", Math.ceil(wait / 1000));
    this.timer = setTimeout(() => this.connect(), wait);
  }

  #drop() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    for (const { reject, late } of this.waiting.values()) {
      clearTimeout(late);
      reject(new Error("not_connected"));
    }
    this.waiting.clear();
  }

  #watch() {
    if (this.socket !== null && Date.now() - this.heardAt > SILENT_MS) this.#failed(new Error("silent"));
  }
}
