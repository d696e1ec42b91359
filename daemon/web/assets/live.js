// Keeps a page up to date by server-sent events, and says so when it cannot. Each event holds the whole state.
'use strict';
(() => {
  const FRESH = 15000;     // ms: a call older than this, by the server's clock, is not announced as new
  const SILENT = 15000;    // ms without an event: the signal is lost
  const DOWN = 2000;       // ms without a connection: the signal is lost
  const LATE = 5000;       // ms: an event that was under way longer than this is news of the past
  const AGAIN = 2000;      // ms until a connection that the browser has given up is made anew
  const body = document.body, live = document.getElementById('live');
  let source, html = '', away = body.classList.contains('stale');
  let heard = clock(), down = null, dialled = clock();
  let received = clock(), serverTime = 0; // of the last good event
  let delay = Infinity;                   // the smallest difference of the two clocks on this connection

  // Two clocks: the first stands still while a phone sleeps, the second jumps when it is set.
  function clock() { return { steady: performance.now(), wall: Date.now() }; }
  function since(c) { return Math.max(performance.now() - c.steady, Date.now() - c.wall); }

  function dial() {
    if (source) source.close();
    delay = Infinity;
    dialled = clock();
    source = new EventSource(body.dataset.events);
    source.addEventListener('state', e => take(JSON.parse(e.data)));
    source.addEventListener('away', () => { away = true; look(); });
    source.onerror = () => { down = down || clock(); };
  }

  function take(s) {
    if (s.build !== body.dataset.build) { location.reload(); return; }
    const d = Date.now() - s.t;
    delay = Math.min(delay, d);
    if (d - delay > LATE) return; // kept back on its way, as after a sleep: what it says is over
    heard = received = clock();
    serverTime = s.t;
    down = null;
    away = false;
    if (s.html !== html) {
      html = s.html;
      live.innerHTML = html; // made by the server's template, escaped there; the policy runs no script in it
      fresh(true);
    }
    document.getElementById('clock').textContent = s.clock;
    document.getElementById('zh').textContent = s.zh;
    document.getElementById('en').textContent = s.en;
    look();
  }

  // A call flashes while it is young, and where its age says, however often the page was drawn since.
  function fresh(drawn) {
    const now = serverTime + since(received);
    for (const li of live.querySelectorAll('[data-t]')) {
      const age = now - Number(li.dataset.t);
      if (drawn) li.style.setProperty('--age', -Math.max(0, Math.round(age)) + 'ms');
      li.classList.toggle('fresh', age < FRESH);
    }
  }

  function look() {
    const lost = away || since(heard) > SILENT || (down !== null && since(down) > DOWN);
    body.classList.toggle('stale', lost);
    fresh(false);
  }

  function watch() {
    look();
    const closed = source.readyState === EventSource.CLOSED && since(dialled) > AGAIN;
    if (closed || since(heard) > SILENT && since(dialled) > SILENT) dial();
  }

  dial();
  setInterval(watch, 250);
  document.addEventListener('visibilitychange', watch);
})();
