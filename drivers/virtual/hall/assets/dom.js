// Small helpers: elements, texts that are only touched when they change, and the way to the hall.
import { t, say } from "./words.js";

// el makes an element; props that begin with on are listeners, the rest are attributes, false and null leave one out.
export function el(tag, props = {}, ...children) {
	const node = document.createElement(tag);
	for (const [k, v] of Object.entries(props)) {
		if (k.startsWith("on")) node.addEventListener(k.slice(2), v);
		else set(node, k, v);
	}
	node.append(...children.filter((c) => c !== null && c !== undefined));
	return node;
}

// svg makes an SVG element.
export function svg(tag, props = {}, ...children) {
	const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [k, v] of Object.entries(props)) node.setAttribute(k, v);
	node.append(...children);
	return node;
}

// set changes an attribute only if it is another: screen readers and animations are left in peace.
export function set(node, name, value) {
	if (value === false || value === null || value === undefined) {
		if (node.hasAttribute(name)) node.removeAttribute(name);
		return;
	}
	const v = value === true ? "" : String(value);
	if (node.getAttribute(name) !== v) node.setAttribute(name, v);
}

// text changes a text only if it is another.
export function text(node, value) {
	const v = value ?? "";
	if (node.textContent !== v) node.textContent = v;
}

let hide = 0;

// toast tells the person something at the foot of the page.
export function toast(message) {
	const node = document.getElementById("toast");
	node.textContent = message.charAt(0).toUpperCase() + message.slice(1);
	node.classList.add("on");
	clearTimeout(hide);
	hide = setTimeout(() => node.classList.remove("on"), 6000);
}

// act sends an order to the hall: the same words as at the terminal. The button that was pressed is busy meanwhile.
export async function act(order, button) {
	button?.setAttribute("aria-busy", "true");
	try {
		const res = await fetch("do", {
			method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ do: order }),
		});
		if (!res.ok) toast(say(await res.json()));
		return res.ok;
	} catch {
		toast(t("failed"));
		return false;
	} finally {
		button?.removeAttribute("aria-busy");
	}
}

// cable is a switch that cuts a cable or plugs it in again.
export function cable(c) {
	const name = t({ network: "network", printer: "printer", card: "cardReader", keypad: "keypad", led: "led" }[c.part]);
	const state = el("i", {});
	const wire = svg("svg", { viewBox: "0 0 34 12", "aria-hidden": "true" },
		svg("path", { class: "wire", d: "M0 6H12" }), svg("path", { class: "wire far", d: "M22 6H34" }),
		svg("rect", { class: "plug", x: 10, y: 2, width: 8, height: 8, rx: 2 }), svg("path", { class: "pins", d: "M18 4.5H21M18 7.5H21" }),
		svg("rect", { class: "jack", x: 20, y: 1.5, width: 6, height: 9, rx: 1.5 }));
	const button = el("button", { type: "button", class: "cable", role: "switch", "data-cable": c.name, "data-part": c.part, "aria-label": c.part === "network" ? t("netCable", c.name) : t("cable", name) }, wire, el("span", {}, name), state);
	let now = c;
	button.addEventListener("click", () => act(`${now.in ? "cut" : "plug"} ${now.name}`, button));
	return {
		node: button,
		update(next) {
			now = next;
			set(button, "aria-checked", next.in ? "true" : "false");
			set(button, "title", t(next.in ? "cutHint" : "plugHint"));
			text(state, next.in ? "" : t("cut"));
		},
	};
}

// dropzone lets a card be dropped on a reader.
export function dropzone(node, drop) {
	node.addEventListener("dragover", (e) => { e.preventDefault(); node.classList.add("over"); });
	node.addEventListener("dragleave", () => node.classList.remove("over"));
	node.addEventListener("drop", (e) => {
		e.preventDefault();
		node.classList.remove("over");
		drop(e.dataTransfer.getData("text/plain"));
	});
}
