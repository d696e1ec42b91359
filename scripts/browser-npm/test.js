// A person in the virtual hall: taps, calls, rates, cuts a cable, pulls the paper out, kills the daemon, and reads at
// each step what the page says. It reads what is seen: texts, and the labels of what is drawn.
//
//   node test.js BIN CONFIG DATA PICTURES     pictures are taken of what fails
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { open, browser } = require("./hall.js");

const [bin, config, data, pictures] = process.argv.slice(2);
const soon = 25_000; // ms for anything to be seen

const steps = [];
const step = (name, run) => steps.push({ name, run });

// reads waits until what stands at a place has all these words.
async function reads(page, selector, ...words) {
	try {
		await page.waitForFunction(([s, w]) => {
			const node = document.querySelector(s);
			const text = node && node.checkVisibility() ? (node.getAttribute("role") === "img" ? node.getAttribute("aria-label") : node.innerText) : "";
			return w.every((one) => text.includes(one));
		}, [selector, words], { timeout: soon });
	} catch {
		const is = await page.evaluate((s) => {
			const node = document.querySelector(s);
			return node ? node.getAttribute("aria-label") ?? node.innerText : "(not there)";
		}, selector);
		assert.fail(`${selector} never reads ${words.join(", ")}; it reads: ${is}`);
	}
}

const screen = (n) => `#kiosk-${n} .screen`;
const led = (n) => `#counter-${n} .led`;
const key = (page, kiosk, n) => page.click(`#kiosk-${kiosk} [data-key="${n}"]`);
// While a press is on its way the keys are dark and do nothing; lit ones take the next. The same key again within a quarter of
// a second counts as its bounce (drivers/keypad/bounce.go): no finger is so quick, this browser is.
const pressed = new Map();
const press = async (page, counter, word) => {
	const one = `${counter} ${word}`;
	await page.waitForTimeout(Math.max(0, (pressed.get(one) ?? 0) + 400 - Date.now()));
	await page.waitForSelector(`#counter-${counter} .pad.lit`, { timeout: soon });
	await page.click(`#counter-${counter} [data-press="${word}"]`);
	pressed.set(one, Date.now());
};
// A reader takes the same card for a new one when it has been away for a second (drivers/card/held.go): nothing shows that.
const cardAway = (page) => page.waitForTimeout(1300);
const cable = (page, name) => page.click(`[data-cable="${name}"]`);

step("opens in Chinese: kiosks, counters, board", async ({ zh }) => {
	assert.equal(await zh.title(), "虚拟大厅 · 示例服务大厅");
	await reads(zh, "#live", "实时");
	await reads(zh, screen(1), "请刷卡或选择部门", "Tap your card or choose a department");
	await reads(zh, "#counter-1 .state", "等候叫号");
	await reads(zh, led(3), ""); // it is there
	await reads(zh, "#board", "请留意叫号", "教务", "等候人数");
});
step("opens in English beside it", async ({ en }) => {
	assert.equal(await en.title(), "Virtual hall · Sample Service Hall");
	await reads(en, screen(1), "Tap your card or choose a department");
	await reads(en, "#counter-1 .state", "Ready");
	await en.click('nav[aria-label="Language"] a[hreflang="zh"]');
	await reads(en, "h1", "虚拟大厅");
	await en.click('nav[aria-label="语言"] a[hreflang="en"]');
	await reads(en, "h1", "Virtual hall");
});
step("tap: the kiosk asks for a department", async ({ zh }) => {
	await zh.click("#kiosk-1 .reader");
	await reads(zh, screen(1), "请选择部门", "已读到卡");
});
step("key: the ticket comes out as paper, A001", async ({ zh }) => {
	await key(zh, 1, 1);
	await reads(zh, screen(1), "请取走号票", "A001", "教务", "前面等候 0 人");
	const paper = await zh.waitForSelector('#kiosk-1 .paper[data-number="A001"]');
	assert.equal(await paper.getAttribute("aria-label"), "取走号票 A001");
	await zh.waitForFunction(() => document.querySelector("#kiosk-1 .paper img").naturalWidth === 576, null, { timeout: soon });
});
step("the paper goes into the hand when it is clicked", async ({ zh, en }) => {
	await zh.click("#kiosk-1 .paper");
	await reads(zh, '.stub[data-number="A001"]', "A001", "等候中");
	await reads(en, '.stub[data-number="A001"]', "A001", "Waiting");
	await reads(zh, "#board", "教务");
	await zh.waitForSelector("#kiosk-1 .paper", { state: "detached" });
});
step("the same card again: the same number, printed again", async ({ zh }) => {
	await cardAway(zh);
	await zh.click("#kiosk-1 .reader");
	await reads(zh, screen(1), "请选择部门");
	await key(zh, 1, 1);
	await reads(zh, screen(1), "您已取号", "A001", "号票已补打");
	await reads(zh, "#story", "补打号票 A001");
	await zh.click("#kiosk-1 .paper");
});
step("by keyboard and without a card: C001 at the other kiosk", async ({ zh }) => {
	await zh.focus('#kiosk-2 [data-key="3"]');
	await zh.keyboard.press("Enter");
	await reads(zh, screen(2), "请取走号票", "C001", "校园卡");
	await zh.focus("#kiosk-2 .paper");
	await zh.keyboard.press("Space");
	await reads(zh, '.stub[data-number="C001"]', "等候中");
});
step("call: display, board and the ticket in hand say where to go", async ({ zh, en }) => {
	await press(zh, 1, "next");
	await reads(zh, "#counter-1 .state", "正在叫号 A001");
	await reads(zh, led(1), "1 红色");
	await reads(zh, "#board .calls", "A001", "请到1号窗口");
	await reads(zh, '.stub[data-number="A001"]', "请到1号窗口");
	await reads(en, '.stub[data-number="A001"]', "Go to counter 1");
	await reads(en, "#board .calls", "A001", "Counter 1");
	await press(zh, 4, "next");
	await reads(zh, led(4), "请C001号办理");
});
step("serve: the display says so", async ({ zh }) => {
	await press(zh, 4, "start");
	await reads(zh, led(4), "正在办理C001");
	await press(zh, 1, "start");
	await reads(zh, led(1), "1 绿色");
	await reads(zh, '.stub[data-number="A001"]', "1号窗口办理中");
});
step("rate: five keys in five words, thanks the same for each", async ({ zh, en }) => {
	const words = await zh.$$eval("#counter-4 .rater button", (all) => all.map((b) => b.innerText.trim()));
	assert.deepEqual(words, ["非常满意", "满意", "基本满意", "不满意", "非常不满意"]);
	await press(zh, 4, "done");
	await reads(zh, led(4), "请您评价");
	await reads(zh, "#counter-4 .rater", "请您评价，剩余");
	await zh.click('#counter-4 [data-score="4"]');
	await reads(zh, led(4), "谢谢评价");
	await reads(zh, "#counter-4 .rater", "谢谢评价");
	await reads(en, "#story", "Counter 4: a rating was given");
});
step("nobody waits: the page says why nothing happens", async ({ zh }) => {
	await press(zh, 3, "next");
	await reads(zh, "#toast", "3 号窗口没有变化", "无人等候");
});
step("cut the printer's cable: the kiosk sends people away", async ({ zh, en }) => {
	await cable(zh, "kiosk-1-printer");
	await reads(zh, screen(1), "暂时不能取号", "打印机故障，请告知工作人员");
	await reads(zh, '[data-cable="kiosk-1-printer"]', "打印机", "已拔");
	await reads(en, screen(1), "No numbers at the moment", "The printer does not work");
	assert.equal(await zh.getAttribute('[data-cable="kiosk-1-printer"]', "aria-checked"), "false");
	await cable(zh, "kiosk-1-printer");
	await reads(zh, screen(1), "请刷卡或选择部门");
	await reads(zh, "#story", "入口取号机：打印机线已插好");
});
step("pull the paper out, and open the lid: the kiosk says what is wrong", async ({ zh }) => {
	await zh.click("#kiosk-1 .roll");
	await reads(zh, screen(1), "暂时不能取号", "打印纸用完，请告知工作人员");
	await reads(zh, "#kiosk-1 .roll", "装入打印纸");
	await zh.click("#kiosk-1 .roll");
	await reads(zh, screen(1), "请刷卡或选择部门");
	await zh.click("#kiosk-1 .lid");
	await reads(zh, screen(1), "打印机盖未关，请告知工作人员");
	await zh.click("#kiosk-1 .lid");
	await reads(zh, screen(1), "请刷卡或选择部门");
});
step("the officer's card: the counter closes and opens", async ({ zh }) => {
	await zh.click('[data-card="officer"]');
	await zh.click("#counter-3 .reader");
	await reads(zh, "#counter-3 .state", "停止办公");
	await reads(zh, led(3), "停止办公");
	await cardAway(zh);
	await zh.click("#counter-3 .reader");
	await reads(zh, "#counter-3 .state", "等候叫号");
});
step("a card dragged to a reader is a tap", async ({ zh }) => {
	await zh.dragAndDrop('[data-card="20260002"]', "#kiosk-2 .reader");
	await reads(zh, screen(2), "请选择部门", "已读到卡");
	await key(zh, 2, 2);
	await reads(zh, screen(2), "B001");
});
step("kill the daemon: the board says so, and comes back by itself with everything", async ({ zh, en }) => {
	// It is back within two seconds: the watch begins before the kill.
	const seen = Promise.all([
		reads(zh, "#board", "信号中断，请稍候"), reads(en, "#board", "Signal lost, please wait"), reads(zh, '[data-program="quhaod"]', "正在重新启动"),
	]);
	await zh.click('[data-kill="quhaod"]');
	await seen;
	await reads(zh, '[data-program="quhaod"]', "控制器", "第 2 次");
	await zh.waitForSelector("#board:not(.away)", { timeout: soon });
	await reads(zh, "#story", "控制器：quhaod 被终止");
	await reads(zh, "#story", "控制器：quhaod 已重新启动");
	await reads(zh, "#board .calls", "A001", "请到1号窗口"); // nothing is forgotten
	await reads(zh, "#counter-1 .state", "正在办理 A001");
});
step("switch the daemon off: a kiosk gives a number of its own, the displays say that nothing is heard", async ({ zh, en }) => {
	await zh.click('[data-power="quhaod"]');
	await reads(zh, '[data-program="quhaod"]', "已关闭");
	await reads(zh, "#board", "信号中断，请稍候");
	await key(zh, 2, 3);
	await reads(zh, screen(2), "请取走号票", "CY01", "离线取号，按取号时间排队");
	await zh.click("#kiosk-2 .paper");
	await reads(zh, '.stub[data-number="CY01"]', "等候中");
	await reads(zh, led(3), "信号中断请稍候");
	await reads(zh, led(1), "8888 黄色");
	await reads(zh, "#counter-1 .state", "信号中断");
	await reads(en, "#counter-3 .state", "Signal lost");
});
step("switch it on: everything comes back, and the number of the kiosk's own is called", async ({ zh }) => {
	const began = Date.now();
	await zh.click('[data-power="quhaod"]');
	await reads(zh, "#counter-1 .state", "正在办理 A001");
	await reads(zh, led(1), "1 绿色");
	await zh.waitForSelector("#counter-4 .pad.lit", { timeout: soon });
	console.log(`        displays right and keys lit ${Date.now() - began} ms after the switch`);
	await zh.waitForFunction(() => document.querySelector("#board tbody tr:last-child .wait").innerText === "1", null, { timeout: soon });
	await press(zh, 4, "next");
	await reads(zh, led(4), "请CY01号办理");
	await reads(zh, "#board .calls", "CY01", "请到4号窗口");
});
step("a counter unit that is killed comes back with its number", async ({ zh }) => {
	const down = reads(zh, "#counter-1 .state", "叫号器未运行");
	await zh.click('[data-kill="unit-1"]');
	await down;
	await reads(zh, "#counter-1 .state", "正在办理 A001");
	await reads(zh, led(1), "1 绿色");
});
step("cut a kiosk's network cable: it gives three numbers of its own; plugged in, they stand among the others by their time, and are called", async ({ zh, en }) => {
	const alone = async (number) => {
		await key(zh, 2, 3);
		await reads(zh, screen(2), "请取走号票", number, "离线取号，按取号时间排队");
		await zh.click("#kiosk-2 .paper");
		await reads(zh, `.stub[data-number="${number}"]`, number);
	};
	const waits = (n) => zh.waitForFunction((n) => document.querySelector("#board tbody tr:last-child .wait").innerText === n, String(n), { timeout: soon });
	await waits(0);
	await cable(zh, "kiosk-2");
	await reads(zh, '[data-cable="kiosk-2"]', "网线", "已拔");
	assert.equal(await en.getAttribute('[data-cable="kiosk-2"]', "aria-label"), "Network cable of kiosk-2");
	await reads(en, "#story", "the network cable was unplugged");
	await alone("CY02");
	await alone("CY03");
	await key(zh, 1, 3);
	await reads(zh, screen(1), "请取走号票", "C002");
	await zh.click("#kiosk-1 .paper");
	await alone("CY04");
	await waits(1); // the controller knows only of the one that was taken at the other kiosk
	await cable(zh, "kiosk-2");
	await waits(4);
	await reads(zh, "#story", "网线已插好");
	for (const number of ["CY02", "CY03", "C002", "CY04"]) {
		await press(zh, 4, "next");
		await reads(zh, led(4), `请${number}号办理`);
		await reads(zh, "#board .calls", number, "请到4号窗口");
		await press(zh, 4, "start");
		await reads(zh, led(4), `正在办理${number}`);
	}
});
step("the story tells the centre's time, wherever the browser is", async ({ zh, en }) => {
	const newest = (page) => page.$eval("#story time", (n) => n.innerText);
	const told = await newest(zh);
	const wall = () => new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hourCycle: "h23", hour: "2-digit", minute: "2-digit" }).format(Date.now());
	assert.match(told, /^\d\d:\d\d:\d\d$/);
	const age = Number(wall().slice(0, 2)) * 60 + Number(wall().slice(3)) - Number(told.slice(0, 2)) * 60 - Number(told.slice(3, 5));
	assert.ok((age + 1440) % 1440 <= 2, `told at ${told}, the clock on the wall says ${wall()}`);
	let same = false; // both read the newest line, and one may have come between
	for (let i = 0; i < 50 && !same; i++) {
		same = (await newest(en)) === (await newest(zh));
		if (!same) await en.waitForTimeout(100);
	}
	assert.ok(same, "the two pages tell different times of the same line");
});
step("work goes on: the next number follows", async ({ zh }) => {
	await press(zh, 3, "next");
	await reads(zh, led(3), "请B001号办理");
	await zh.click('[data-card="20260003"]');
	await zh.click("#kiosk-1 .reader");
	await reads(zh, screen(1), "请选择部门");
	await key(zh, 1, 1);
	await reads(zh, screen(1), "请取走号票", "A002");
});
step("nothing sticks out on a phone, a laptop, a wall, in either language", async ({ zh, en }) => {
	for (const page of [zh, en]) {
		for (const [width, height] of [[390, 844], [820, 1180], [1366, 768], [1920, 1080], [2160, 3840]]) {
			await page.setViewportSize({ width, height });
			const wide = await page.evaluate(() => document.documentElement.scrollWidth);
			assert.ok(wide <= width, `at ${width}x${height} the page is ${wide} wide`);
			const out = await page.evaluate(() => [...document.querySelectorAll("article")].flatMap((a) => {
				const box = a.getBoundingClientRect();
				return [...a.querySelectorAll("button, .led, .screen, .state")].filter((n) => {
					const b = n.getBoundingClientRect();
					return b.right > box.right + 1 || b.left < box.left - 1;
				}).map((n) => `${a.id} ${n.className} ${n.innerText}`);
			}));
			assert.deepEqual(out, [], `at ${width}x${height} these stick out`);
		}
		await page.setViewportSize({ width: 1920, height: 1080 });
	}
});
step("everything that can be pressed has a name", async ({ zh }) => {
	const nameless = await zh.$$eval("button, a", (all) => all.filter((n) => !(n.getAttribute("aria-label") || n.innerText).trim()).map((n) => n.outerHTML));
	assert.deepEqual(nameless, []);
});

async function main() {
	fs.mkdirSync(pictures, { recursive: true });
	const hall = await open(bin, config, data);
	const chrome = await browser();
	const faults = []; // what the pages themselves complain of
	let passed = 0, failed = 0;
	try {
		const pages = {};
		for (const lang of ["zh", "en"]) {
			const page = (pages[lang] = await chrome.newPage({ viewport: { width: 1920, height: 1080 }, timezoneId: "America/Los_Angeles" }));
			page.on("pageerror", (e) => faults.push(`${lang}: ${e}`));
			page.on("console", (m) => {
				if (m.type() === "error" && !m.text().includes("409")) faults.push(`${lang}: ${m.text()}`); // 409 is a refusal, shown in words
			});
			await page.goto(`${hall.url}?lang=${lang}`);
			await page.waitForSelector("body:not(.waiting)", { timeout: soon });
		}
		for (const { name, run } of steps) {
			if (hall.ended()) {
				failed++;
				console.log(`FAILED  ${name}: the hall has ended:\n${hall.said()}`);
				break;
			}
			try {
				await run(pages);
				passed++;
				console.log(`ok      ${name}`);
			} catch (e) {
				failed++;
				console.log(`FAILED  ${name}: ${e.message}`);
				for (const [lang, page] of Object.entries(pages)) await page.screenshot({ path: path.join(pictures, `failed-${failed}-${lang}.png`) });
			}
		}
	} finally {
		await chrome.close();
		const code = await hall.leave();
		if (code !== 0) faults.push(`the hall has ended with ${code}:\n${hall.said()}`);
	}
	for (const f of faults) console.log(`FAILED  ${f}`);
	failed += faults.length;
	console.log(`${passed} passed, ${failed} failed`);
	process.exitCode = failed ? 1 : 0;
}

main().catch((e) => {
	console.error(e);
	process.exit(1);
});
