// A counter: display, the officer's keys, the visitor's five keys, reader and cables.
import { t, say, join } from "./words.js";
import { el, svg, set, text, act, cable, dropzone } from "./dom.js";
import { makeLED } from "./led.js";

const keys = ["next", "start", "done", "recall", "noshow", "park", "unpark", "pause"];
// The key that an officer would most likely press next.
const likely = { idle: "next", calling: "start", serving: "done", paused: "pause" };

function pad(number) {
	const buttons = keys.map((word) => {
		const b = el("button", { type: "button", class: "press " + word, "data-press": word }, t(word));
		b.addEventListener("click", () => act(`${word} ${number}`, b));
		return b;
	});
	const node = el("div", { class: "pad", role: "group", "aria-label": t("officerSide") }, ...buttons);
	return {
		node,
		update(c) {
			node.classList.toggle("lit", c.lamp && c.up);
			for (const b of buttons) b.classList.toggle("likely", c.lamp && likely[c.s] === b.dataset.press);
			text(buttons.at(-1), t(c.s === "paused" ? "unpause" : "pause"));
		},
	};
}

// face is drawn in one colour for all five: a keypad must not steer.
function face(score) {
	const bend = [0, 11, 13, 15.5, 18, 20][score];
	return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("circle", { cx: 12, cy: 12, r: 9.5 }),
		svg("path", { d: `M7.5 ${score < 3 ? 16.5 : 15.5}Q12 ${bend} 16.5 ${score < 3 ? 16.5 : 15.5}` }), svg("path", { class: "eyes", d: "M8.8 9.5v.8M15.2 9.5v.8" }));
}

function rater(number) {
	const buttons = [5, 4, 3, 2, 1].map((score) => {
		const b = el("button", { type: "button", "data-score": score }, face(score), el("span", {}, t("rate" + score)));
		b.addEventListener("click", () => act(`rate ${number} ${score}`, b));
		return b;
	});
	const words = el("p", {});
	const node = el("div", { class: "rater", role: "group", "aria-label": t("visitorSide") }, words, el("div", {}, ...buttons));
	return {
		node,
		update(c) {
			node.classList.toggle("open", c.rating);
			text(words, c.rating ? t("rateNow", c.for) : c.thanks ? t("rated") : t("rateLater"));
		},
	};
}

function reader(c, chosen) {
	const b = el("button", { type: "button", class: "reader flat" }, el("span", { class: "waves", "aria-hidden": "true" }), el("span", {}, t("reader"), el("small", {}, t("officer", say(c.officer)))));
	b.addEventListener("click", () => act(chosen(c.number), b));
	dropzone(b, (id) => act(chosen(c.number, id), b));
	return b;
}

// makeCounter builds a counter; chosen says what order the card in hand gives at its reader.
export function makeCounter(c, chosen) {
	const led = makeLED(c.led), keyboard = pad(c.number), five = rater(c.number), cables = c.cables.map(cable);
	const state = el("p", { class: "state", role: "status" });
	const node = el("article", { class: "counter", id: "counter-" + c.number, "aria-label": say(c.name) },
		el("header", {}, el("h2", {}, say(c.name)), el("p", { class: "depts" }, join(c.depts)), state),
		led.node, keyboard.node, five.node, el("footer", { class: "cables" }, reader(c, chosen), el("div", { class: "wires" }, ...cables.map((x) => x.node))));
	return {
		node,
		update(next) {
			set(node, "data-s", next.up ? next.s || "unknown" : "down");
			led.update(next.led);
			keyboard.update(next);
			five.update(next);
			cables.forEach((x, i) => x.update(next.cables[i]));
			const lost = next.mode === "stale";
			state.classList.toggle("bad", !next.up || lost);
			text(state, !next.up ? t("unitDown") : lost ? t("stale") : [t(next.s || "unknown"), next.num].filter(Boolean).join(" "));
		},
	};
}
