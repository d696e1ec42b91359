// What the person has in hand: three campus cards, an officer's card, and the tickets that were taken.
import { t } from "./words.js";
import { el, set, text } from "./dom.js";

const officer = "officer";
const cards = ["20260001", "20260002", "20260003", officer];

function card(id, choose) {
	const b = el("button", { type: "button", role: "radio", class: "card", "data-card": id, draggable: "true", title: t("pickCard") },
		el("span", { class: "kind" }, t(id === officer ? "officerCard" : "card")), el("span", { class: "chip", "aria-hidden": "true" }),
		el("span", { class: "no" }, id === officer ? t("anyOfficer") : id));
	b.addEventListener("click", () => choose(id));
	b.addEventListener("dragstart", (e) => {
		choose(id);
		e.dataTransfer.setData("text/plain", id);
		e.dataTransfer.effectAllowed = "copy";
	});
	return b;
}

// hand fills the section and tells which order a tap is: chosen(place, card), the card in hand if none is named.
export function hand(root, dialog) {
	let now = cards[0];
	const buttons = cards.map((id) => card(id, pick));
	const group = root.querySelector(".cards"), tickets = root.querySelector(".tickets");
	function pick(id) {
		now = id;
		for (const b of buttons) {
			const on = b.dataset.card === id;
			set(b, "aria-checked", on ? "true" : "false");
			b.tabIndex = on ? 0 : -1;
		}
	}
	group.append(...buttons);
	group.addEventListener("keydown", (e) => {
		const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
		if (!step) return;
		e.preventDefault();
		pick(cards[(cards.indexOf(now) + step + cards.length) % cards.length]);
		buttons[cards.indexOf(now)].focus();
	});
	pick(now);
	const empty = el("p", { class: "empty" }, t("pickCard"), el("br", {}), t("noTickets"));
	tickets.append(empty);
	const stubs = new Map();
	return {
		// chosen is the order for a tap at a kiosk, by its id, or at a counter, by its number.
		chosen(place, id = now) {
			if (id !== officer) return `tap ${Number(id)} ${place}`;
			return typeof place === "number" ? `sign ${place}` : `tap 2000001 ${place}`;
		},
		update(scene) {
			const mine = scene.papers.filter((p) => !p.slot).slice(-12);
			for (const [id, s] of stubs) {
				if (!mine.some((p) => p.id === id)) { s.node.remove(); stubs.delete(id); }
			}
			for (const p of mine) {
				if (!stubs.has(p.id)) {
					stubs.set(p.id, stub(p, dialog));
					tickets.prepend(stubs.get(p.id).node);
				}
				stubs.get(p.id).update(scene);
			}
			empty.hidden = mine.length > 0;
		},
	};
}

function stub(p, dialog) {
	const words = el("i", {}), name = p.number || t("blank");
	const node = el("button", { type: "button", class: "stub", "data-number": p.number }, el("span", { class: "sheet" }, el("b", {}, name), words));
	node.addEventListener("click", () => {
		const img = dialog.querySelector("img");
		set(img, "src", `papers/${p.id}.png`);
		set(img, "alt", t("ticket", name));
		dialog.showModal();
	});
	return {
		node,
		update(scene) {
			const at = scene.counters.find((c) => p.number && c.num === p.number && (c.s === "calling" || c.s === "serving"));
			const before = (scene.hall.calls ?? []).some((c) => c.num === p.number);
			const s = !p.number ? "blank" : at?.s ?? (before ? "done" : "wait");
			set(node, "data-s", s);
			text(words, s === "calling" ? t("stubGo", at.number) : s === "serving" ? t("stubHere", at.number) : t({ done: "stubDone", wait: "stubWait", blank: "stubBlank" }[s]));
		},
	};
}
