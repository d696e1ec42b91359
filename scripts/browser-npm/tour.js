// Walks through the hall and takes pictures: the ticket comes, the number is called, the visitor rates, things break.
// Each stop is taken in both languages and on three sizes of screen.
//
//   node tour.js BIN CONFIG DATA PICTURES
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { open, browser, sizes } = require("./hall.js");

const [bin, config, data, pictures] = process.argv.slice(2);

async function main() {
	fs.mkdirSync(pictures, { recursive: true });
	const hall = await open(bin, config, data);
	const chrome = await browser();
	try {
		await walk(hall, chrome);
	} catch (e) {
		hall.kill();
		throw e;
	} finally {
		await chrome.close();
	}
	const code = await hall.leave();
	if (code !== 0) throw new Error(`the hall has ended with ${code}:\n${hall.said()}`);
}

// walk has one window in which things are done and one for each picture: all see the same hall.
async function walk(hall, chrome) {
	const views = [];
	for (const [size, [width, height]] of Object.entries(sizes)) {
		for (const lang of ["zh", "en"]) {
			const page = await chrome.newPage({ viewport: { width, height }, reducedMotion: "reduce" });
			await page.goto(`${hall.url}?lang=${lang}`);
			await page.waitForSelector("body:not(.waiting)");
			views.push({ page, size, lang });
		}
	}
	const { page } = views[0];
	let n = 0;
	const picture = async (name) => {
		n++;
		for (const v of views) {
			await v.page.evaluate(() => document.fonts.ready);
			const file = path.join(pictures, `${n}-${name}-${v.lang}-${v.size}.png`);
			await v.page.screenshot({ path: file, fullPage: v.size === "phone" });
		}
		console.log(`${n} ${name}: ${views.length} pictures`);
	};
	// seen waits until every window shows something.
	const seen = (selector) => Promise.all(views.map((v) => v.page.waitForSelector(selector)));
	const key = (kiosk, k) => page.click(`#${kiosk} [data-key="${k}"]`);
	const press = (counter, word) => page.click(`#counter-${counter} [data-press="${word}"]`);

	await seen("#counter-4[data-s=idle]");
	await picture("open");
	await page.click("#kiosk-1 .reader");
	await seen("#kiosk-1 .screen[data-state=choose]");
	await key("kiosk-1", 1);
	await seen('#kiosk-1 .paper[data-number="A001"]');
	await key("kiosk-2", 3);
	await seen('#kiosk-2 .paper[data-number="C001"]');
	await picture("tickets");
	await page.click("#kiosk-1 .paper");
	await page.click("#kiosk-2 .paper");
	await page.click('[data-card="20260002"]');
	await page.click("#kiosk-2 .reader");
	await seen("#kiosk-2 .screen[data-state=choose]");
	await key("kiosk-2", 2);
	await seen('#kiosk-2 .paper[data-number="B001"]');
	await page.click("#kiosk-2 .paper");
	await press(1, "next");
	await press(3, "next");
	await seen('.stub[data-number="B001"][data-s=calling]');
	await seen('.stub[data-number="A001"][data-s=calling]');
	await picture("called");
	await press(1, "start");
	await seen("#counter-1[data-s=serving]");
	await press(3, "start");
	await seen("#counter-3[data-s=serving]");
	await press(1, "done");
	await seen("#counter-1 .rater.open");
	await picture("rating");
	await page.click('#counter-1 [data-score="5"]');
	await page.click("#kiosk-1 .roll");
	await seen("#kiosk-1 .screen[data-state=printer_out]");
	await page.click('[data-cable="kiosk-2-printer"]');
	await seen("#kiosk-2 .screen[data-mood=bad]");
	await page.click('[data-cable="unit-4-led"]');
	await seen('[data-cable="unit-4-led"][aria-checked=false]');
	await picture("trouble");
}

main().catch((e) => {
	console.error(e);
	process.exit(1);
});
