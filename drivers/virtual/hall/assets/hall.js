// The hall: the whole scene comes by server-sent events; what hands do goes back as orders.
import { t, say, english } from "./words.js";
import { el, set, text, act } from "./dom.js";
import { makeKiosk } from "./kiosk.js";
import { makeCounter } from "./counter.js";
import { hand } from "./hand.js";

const $ = (id) => document.getElementById(id);
let parts = null, run = 0, version = 0;

// build makes everything that stays; update fills in what changes.
function build(scene) {
	const mine = hand($("hand"), $("look"));
	parts = {
		mine, kiosks: scene.kiosks.map((k) => makeKiosk(k, mine.chosen)), counters: scene.counters.map((c) => makeCounter(c, mine.chosen)),
		board: makeBoard($("board"), scene), programs: makePrograms($("programs").querySelector("ul"), scene), story: makeStory($("story").querySelector("ol"), scene.zone),
	};
	$("kiosks").append(...parts.kiosks.map((k) => k.node));
	$("counters").append(...parts.counters.map((c) => c.node));
	document.body.classList.toggle("demo", scene.demo);
}

function update(all) {
	const scene = all.scene;
	if (!parts) build(scene);
	parts.kiosks.forEach((k, i) => k.update(scene.kiosks[i], scene.papers));
	parts.counters.forEach((c, i) => c.update(scene.counters[i]));
	parts.mine.update(scene);
	parts.board.update(scene.hall);
	parts.programs.update(scene.programs);
	parts.story.update(all.story ?? []);
	document.body.classList.remove("waiting");
	live(scene.demo ? t("demo") : t("live"), true);
}

function live(words, on) {
	text($("live"), words);
	$("live").classList.toggle("on", on);
}

function makeBoard(root, scene) {
	const calls = el("ol", { class: "calls", "aria-live": "polite" }), quiet = el("p", { class: "quiet" }), lost = el("p", { class: "lost", role: "alert" });
	const rows = scene.hall.depts.map((d) => ({ last: el("td", {}), wait: el("td", { class: "wait" }), d }));
	root.append(
		el("header", {}, el("h2", {}, t("board")), scene.board ? el("a", { href: scene.board, target: "_blank", rel: "noopener" }, t("openBoard")) : null), lost, calls, quiet,
		el("table", {}, el("thead", {}, el("tr", {}, ...["department", "called", "waiting"].map((w) => el("th", { scope: "col" }, t(w))))),
			el("tbody", {}, ...rows.map((r) => el("tr", {}, el("th", { scope: "row" }, el("i", {}, r.d.prefix), say(r.d.name)), r.last, r.wait)))));
	let drawn = "";
	return {
		update(h) {
			root.classList.toggle("away", h.away);
			text(lost, h.away ? t("boardLost") : "");
			rows.forEach((r, i) => {
				if (!h.away) text(r.last, h.depts[i].last || "—");
				text(r.wait, String(h.depts[i].waiting));
			});
			if (h.away) return; // the last calls stay, marked by the words above
			const list = (h.calls ?? []).slice(0, 4), key = JSON.stringify(list);
			text(quiet, list.length ? "" : t(h.open ? "boardQuiet" : "boardClosed"));
			if (key === drawn) return;
			drawn = key;
			calls.replaceChildren(...list.map((c) => el("li", {}, el("b", {}, c.num), el("span", {}, t("go", c.counter)))));
		},
	};
}

function makePrograms(list, scene) {
	const rows = scene.programs.map((p) => {
		const info = el("span", { class: "info" }), button = el("button", { type: "button", class: "small danger", "data-kill": p.name, "aria-label": `${t("kill")} ${p.name}` }, t("kill"));
		const power = el("button", { type: "button", class: "small", "data-power": p.name });
		button.addEventListener("click", () => act(`kill ${p.name}`, button));
		power.addEventListener("click", () => act(`${power.dataset.off ? "on" : "off"} ${p.name}`, power));
		const node = el("li", { "data-program": p.name }, el("i", { class: "dot", "aria-hidden": "true" }), el("b", {}, say(p.label)), el("code", {}, p.name), info, power, button);
		return { node, info, power, button, starts: p.starts };
	});
	list.append(...rows.map((r) => r.node));
	return {
		update(programs) {
			rows.forEach((r, i) => {
				const p = programs[i];
				r.node.classList.toggle("down", !p.pid);
				set(r.node, "title", p.pid ? t("pid", p.pid) : null);
				text(r.info, p.off ? t("isOff") : !p.pid ? t("killed") : p.starts > 1 ? t("again", p.starts) : "");
				text(r.power, t(p.off ? "on" : "off"));
				set(r.power, "aria-label", `${t(p.off ? "on" : "off")} ${p.name}`);
				r.power.dataset.off = p.off ? "1" : "";
				r.power.classList.toggle("wrong", p.off);
				r.button.disabled = !p.pid;
				if (p.starts !== r.starts) {
					r.starts = p.starts;
					r.node.classList.remove("again");
					void r.node.offsetWidth; // the flash begins anew
					r.node.classList.add("again");
				}
			});
		},
	};
}

// makeStory tells the times as the clock on the centre's wall shows them, wherever the browser is.
function makeStory(list, zone) {
	const clock = new Intl.DateTimeFormat(english ? "en-GB" : "zh-CN", { timeZone: zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" });
	let newest = 0, drawn = "";
	return {
		update(story) {
			const key = story.length ? `${story[0].t} ${story.length} ${story[0].zh}` : "-";
			if (key === drawn) return;
			drawn = key;
			if (!story.length) {
				list.replaceChildren(el("li", { class: "quiet" }, t("nothing")));
				return;
			}
			list.replaceChildren(...story.map((s) => el("li", { class: s.t > newest && newest ? "new" : null },
				el("time", {}, clock.format(s.t)), el("span", {}, say(s)))));
			newest = story[0].t;
		},
	};
}

function listen() {
	const events = new EventSource("events");
	events.addEventListener("scene", (e) => {
		const all = JSON.parse(e.data);
		if (run && all.run !== run) { // another start of the hall: other papers, perhaps another page
			location.reload();
			return;
		}
		if (all.run === run && all.v <= version) return;
		run = all.run;
		version = all.v;
		update(all);
	});
	events.addEventListener("error", () => {
		live(t("lost"), false);
		if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
	});
	events.addEventListener("open", () => { if (version) live(t("live"), true); });
}

set(document.body, "data-lang", english ? "en" : "zh");
listen();
