// The displays over the counters: seven segments for digits, dots for words.
import { t } from "./words.js";
import { el, svg, set } from "./dom.js";

// The segments a to g of a digit in a box of 24 by 40, and which of them make each figure.
const segments = [
	"M5 3H19L16 7H8Z", "M21 4V18L17 16V8Z", "M21 22V36L17 32V24Z", "M5 37H19L16 33H8Z", "M3 22V36L7 32V24Z", "M3 4V18L7 16V8Z", "M5 20L8 18H16L19 20L16 22H8Z",
];
const figures = ["abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcfgd"];

function digits() {
	const places = [0, 1, 2, 3].map((i) => svg("g", { transform: `translate(${i * 28} 0) skewX(-4)` }, ...segments.map((d) => svg("path", { d }))));
	const node = el("div", { class: "led digits", role: "img" }, svg("svg", { viewBox: "-4 0 116 40", "aria-hidden": "true" }, ...places));
	return {
		node,
		update(led) {
			const shown = led.value < 0 ? "    " : String(led.value).padStart(4);
			places.forEach((g, i) => {
				const lit = shown[i] === " " ? "" : figures[Number(shown[i])];
				[...g.children].forEach((p, s) => p.classList.toggle("on", lit.includes("abcdefg"[s])));
			});
			const colour = ["green", "yellow", "red"][led.colour] ?? "red";
			set(node, "data-colour", colour);
			set(node, "aria-label", led.value < 0 ? t("dark") : `${led.value} ${t(colour)}`);
		},
	};
}

const rows = 16, columns = 8 * rows, pitch = 6; // eight full-width cells; canvas pixels between dots

// dots draws words the way a matrix of 16 by 128 lamps shows them: from a small picture of the words, lamp by lamp.
function dots() {
	const canvas = el("canvas", { width: columns * pitch, height: rows * pitch, "aria-hidden": "true" });
	const node = el("div", { class: "led dots", role: "img", lang: "zh-CN" }, canvas);
	const small = new OffscreenCanvas(columns, rows), pen = small.getContext("2d", { willReadFrequently: true });
	let last = null;
	return {
		node,
		update(led) {
			set(node, "aria-label", led.text || t("dark"));
			node.classList.toggle("blink", led.blink);
			set(node, "data-mode", led.mode);
			if (led.text === last) return;
			last = led.text;
			pen.fillStyle = "#000";
			pen.fillRect(0, 0, columns, rows);
			pen.fillStyle = "#fff";
			pen.font = `500 ${rows - 1}px "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif`;
			pen.textAlign = "center";
			pen.textBaseline = "alphabetic";
			pen.fillText(led.text, columns / 2, 13.5, columns);
			const lamps = pen.getImageData(0, 0, columns, rows).data, draw = canvas.getContext("2d");
			draw.clearRect(0, 0, canvas.width, canvas.height);
			for (let y = 0; y < rows; y++) {
				for (let x = 0; x < columns; x++) {
					const lit = lamps[4 * (y * columns + x)] > 105;
					draw.fillStyle = lit ? "#ffb83d" : "#1e1a17";
					draw.shadowColor = lit ? "#ff9a1f" : "#0000";
					draw.shadowBlur = lit ? pitch : 0;
					draw.beginPath();
					draw.arc((x + 0.5) * pitch, (y + 0.5) * pitch, pitch * 0.42, 0, 7);
					draw.fill();
				}
			}
		},
	};
}

// makeLED builds the display that fits.
export const makeLED = (led) => (led.digits ? digits() : dots());
