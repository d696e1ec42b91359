// A kiosk: screen, department keys, reader, printer and the paper that slides out of it.
import { t, say, other, otherLang, english } from "./words.js";
import { el, set, text, act, cable, dropzone } from "./dom.js";

const bad = ["closed", "full", "not_eligible", "appointment_needed", "retry", "no_paper", "check", "printer_out", "printer_open", "printer_error", "offline", "refused", "fault"];
const good = ["take", "take_offline", "again"];
const busy = ["asking", "printing"];

// kioskName is 入口取号机.
const kioskName = (k) => (english ? "Kiosk " + k.place.en.charAt(0).toLowerCase() + k.place.en.slice(1) : k.place.zh + "取号机");

function screen() {
	const n = { title: el("p", { class: "title" }), sub: el("p", { class: "sub", lang: otherLang }), num: el("p", { class: "num" }), dept: el("p", { class: "dept" }), hint: el("p", { class: "hint" }) };
	const node = el("div", { class: "screen", role: "status" }, n.title, n.sub, n.num, n.dept, n.hint, el("span", { class: "bar", "aria-hidden": "true" }));
	return {
		node,
		update(k) {
			const s = k.screen;
			const mood = !k.up ? "off" : bad.includes(s.state) ? "bad" : good.includes(s.state) ? "good" : busy.includes(s.state) ? "busy" : "calm";
			set(node, "data-mood", mood);
			set(node, "data-state", k.up ? s.state : "off");
			text(n.title, k.up ? say(s.title) : t("noPicture"));
			text(n.sub, k.up ? other(s.title) : "");
			text(n.num, k.up ? s.number : "");
			text(n.dept, !k.up ? "" : [say(s.department), s.number && s.ahead >= 0 ? t("ahead", s.ahead) : ""].filter(Boolean).join(english ? ", " : "，"));
			text(n.hint, k.up ? say(s.hint) : "");
		},
	};
}

function departmentKey(id, key) {
	const b = el("button", { type: "button", class: "key", "data-key": key.key },
		el("i", { class: "lamp", "aria-hidden": "true" }), el("b", {}, key.prefix), el("span", {}, say(key.name), el("small", {}, say(key.item))));
	b.addEventListener("click", () => act(`key ${key.key} ${id}`, b));
	return { node: b, update: (k) => b.classList.toggle("lit", k.lit) };
}

// slot is the mouth of the printer. A paper that has just come slides out of it; one that hung there before is simply there.
function slot(kiosk) {
	const tray = el("div", { class: "tray" });
	const hint = el("p", { class: "empty" });
	const node = el("div", { class: "slot" }, el("span", { class: "mouth", "aria-hidden": "true" }), tray, hint);
	let first = true, hangs = -1;
	return {
		node,
		update(papers) {
			const mine = papers.filter((p) => p.kiosk === kiosk && p.slot);
			const top = mine.at(-1);
			text(hint, top ? t("takeHint") : t("slotEmpty"));
			node.classList.toggle("full", !!top);
			set(tray, "data-count", mine.length > 1 ? "×" + mine.length : null);
			const fresh = !first;
			first = false;
			if ((top?.id ?? -1) === hangs) return;
			hangs = top?.id ?? -1;
			for (const old of tray.querySelectorAll(".paper:not(.going)")) leave(old, !top);
			if (top) tray.append(paper(kiosk, top, fresh));
		},
	};
}

function paper(kiosk, p, fresh) {
	const name = p.number || t("blank");
	const b = el("button", { type: "button", class: "paper" + (fresh ? " fresh" : ""), "aria-label": t("take", name), "data-number": p.number },
		el("span", { class: "sheet" }, el("img", { src: `papers/${p.id}.png`, width: p.w, height: p.h, alt: t("ticket", name), draggable: "false" })));
	b.addEventListener("click", () => act(`take ${kiosk}`, b));
	return b;
}

// leave takes a paper away: torn off towards the hand, or simply covered by the next.
function leave(node, torn) {
	if (!torn || matchMedia("(prefers-reduced-motion: reduce)").matches) {
		node.remove();
		return;
	}
	node.classList.add("going");
	node.disabled = true;
	node.addEventListener("animationend", () => node.remove(), { once: true });
	setTimeout(() => node.remove(), 600);
}

// makeKiosk builds a kiosk; chosen says which card is in hand.
export function makeKiosk(k, chosen) {
	const show = screen(), keys = k.keys.map((key) => departmentKey(k.id, key)), mouth = slot(k.id), cables = k.cables.map(cable);
	const tap = (order) => act(order || chosen(k.id), reader);
	const reader = el("button", { type: "button", class: "reader" }, el("span", { class: "waves", "aria-hidden": "true" }), el("span", {}, t("reader"), el("small", {}, t("tapHere"))));
	reader.addEventListener("click", () => tap());
	dropzone(reader, (id) => tap(chosen(k.id, id)));
	const roll = el("button", { type: "button", class: "small roll" }), lid = el("button", { type: "button", class: "small lid" });
	let now = k;
	roll.addEventListener("click", () => act(`paper ${now.out ? "in" : "out"} ${k.id}`, roll));
	lid.addEventListener("click", () => act(`cover ${now.open ? "closed" : "open"} ${k.id}`, lid));
	const hatch = k.hatch ? el("div", { class: "hatch" }, roll, lid) : el("p", { class: "hatch plain" }, t("textPrinter"));
	const node = el("article", { class: "kiosk", id: k.id, "aria-label": kioskName(k) },
		el("header", {}, el("h2", {}, kioskName(k)), el("code", {}, k.id)),
		el("div", { class: "body" },
			el("div", { class: "face" }, show.node, el("div", { class: "keys" }, ...keys.map((x) => x.node)), reader, hatch),
			mouth.node),
		el("footer", { class: "cables" }, el("div", { class: "wires" }, ...cables.map((c) => c.node))));
	return {
		node,
		update(next, papers) {
			now = next;
			show.update(next);
			keys.forEach((x, i) => x.update(next.keys[i]));
			mouth.update(papers);
			cables.forEach((c, i) => c.update(next.cables[i]));
			text(roll, t(next.out ? "paperIn" : "paperOut"));
			text(lid, t(next.open ? "coverShut" : "coverOpen"));
			roll.classList.toggle("wrong", next.out);
			lid.classList.toggle("wrong", next.open);
			node.classList.toggle("down", !next.up);
		},
	};
}
