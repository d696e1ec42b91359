// Starts the virtual hall on free ports and a browser in front of it, and ends both.
"use strict";
const { spawn } = require("node:child_process");
const { chromium } = require("playwright-core");

const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const openWithin = 60_000; // ms until every device is in session

// open resolves to the hall's address and a way to type at its terminal.
function open(bin, config, data) {
	const free = "127.0.0.1:0";
	const proc = spawn(`${bin}/hall`, ["-bin", bin, "-config", config, "-data", data, "-mqtt", free, "-http", free, "-page", free], { stdio: ["pipe", "pipe", "pipe"] });
	const ended = new Promise((resolve) => proc.on("exit", (code) => resolve(code)));
	let said = "";
	const address = new Promise((resolve, reject) => {
		const late = setTimeout(() => reject(new Error(`the hall does not open:\n${said}`)), openWithin);
		const hear = (b) => {
			said += b;
			const m = /open the hall in a browser:\s+(http:\S+)/.exec(said);
			if (m) {
				clearTimeout(late);
				resolve(m[1]);
			}
		};
		proc.stdout.on("data", hear);
		proc.stderr.on("data", hear);
		proc.on("error", reject);
		ended.then((code) => reject(new Error(`the hall has ended with ${code}:\n${said}`)));
	});
	return address.then((url) => ({
		url,
		// said is what stood on the terminal so far.
		said: () => said,
		ended: () => proc.exitCode !== null || proc.signalCode !== null,
		// leave types quit and resolves to the exit code.
		leave() {
			proc.stdin.end("quit\n");
			return ended;
		},
		kill: () => proc.kill("SIGTERM"),
	}));
}

const browser = () => chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: flags });

// sizes are the screens that the pages are made for.
const sizes = { "1080p": [1920, 1080], "4k-upright": [2160, 3840], phone: [390, 844] };

module.exports = { open, browser, sizes };
