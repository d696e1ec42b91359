// The words of the page in both languages. Words that the devices show come from the devices.
const table = {
	live: ["实时", "live"], lost: ["与大厅的连接中断，正在重连", "The hall does not answer; trying again"],
	demo: ["演示自动进行，只能观看", "The demo runs by itself: look on"],
	card: ["校园卡", "Campus card"], officerCard: ["岗位卡", "Officer card"], anyOfficer: ["各窗口通用", "any counter"],
	pickCard: ["选一张卡，点读卡区；也可以拖过去。", "Choose a card and click a reader, or drag it there."],
	noTickets: ["取到的号票放在这里。", "Tickets you take are kept here."],
	reader: ["读卡区", "Card reader"], tapHere: ["在此刷卡", "Tap here"],
	noPicture: ["无画面：程序未运行", "Dark: its program does not run"],
	ahead: ["前面等候 {} 人", "{} ahead of you"],
	slot: ["出票口", "Ticket slot"], slotEmpty: ["号票从这里出来", "Tickets come out here"], take: ["取走号票 {}", "Take ticket {}"],
	takeHint: ["点号票取走", "Click the ticket to take it"], ticket: ["号票 {}", "Ticket {}"], blank: ["（无号）", "(no number)"],
	paperOut: ["抽出打印纸", "Paper out"], paperIn: ["装入打印纸", "Paper in"],
	coverOpen: ["打开机盖", "Open lid"], coverShut: ["合上机盖", "Close lid"],
	textPrinter: ["文本打印机，不检测缺纸", "Text printer without a paper sensor"],
	printer: ["打印机", "Printer"], cardReader: ["读卡器", "Reader"], keypad: ["按键", "Keys"], network: ["网线", "Network"], led: ["窗口屏", "Display"],
	cable: ["{}的线缆", "Cable of the {}"], netCable: ["{}的网线", "Network cable of {}"], cut: ["已拔", "cut"], cutHint: ["点一下拔掉", "Click to cut"], plugHint: ["点一下插回", "Click to plug in"],
	closed: ["停止办公", "Closed"], idle: ["等候叫号", "Ready"], calling: ["正在叫号", "Calling"], serving: ["正在办理", "Serving"], paused: ["暂停服务", "Paused"], unknown: ["未知", "Unknown"],
	unitDown: ["叫号器未运行", "Its unit does not run"], stale: ["信号中断", "Signal lost"],
	next: ["下一位", "Next"], start: ["开始办理", "Start"], done: ["办结", "Done"], recall: ["重呼", "Recall"], noshow: ["过号", "No-show"],
	park: ["挂起", "Hold"], unpark: ["取回挂起", "Resume"], pause: ["暂停", "Pause"], unpause: ["恢复", "Go on"],
	officer: ["岗位人员：{}", "Officer: {}"], officerSide: ["叫号键盘", "Call keys"], visitorSide: ["评价器", "Rating"],
	rateNow: ["请您评价，剩余 {} 秒", "Please rate, {} s left"], rateLater: ["办结后可评价", "After the visit"], rated: ["谢谢评价", "Thank you"],
	rate5: ["非常满意", "Very satisfied"], rate4: ["满意", "Satisfied"], rate3: ["基本满意", "Fair"], rate2: ["不满意", "Dissatisfied"], rate1: ["非常不满意", "Very dissatisfied"],
	tapOfficer: ["刷岗位卡", "Tap officer’s card"], tapVisitor: ["刷所选的卡", "Tap the chosen card"],
	dark: ["无显示", "dark"], green: ["绿色", "green"], yellow: ["黄色", "yellow"], red: ["红色", "red"],
	board: ["综合屏", "Hall board"], boardLost: ["信号中断，请稍候", "Signal lost, please wait"], boardClosed: ["停止办公", "The centre is closed"],
	boardQuiet: ["请留意叫号", "Numbers appear here when called"], openBoard: ["打开真正的综合屏", "Open the real board"],
	department: ["窗口部门", "Department"], called: ["已叫到", "Called"], waiting: ["等候人数", "Waiting"], go: ["请到{}号窗口", "Counter {}"],
	kill: ["强制结束", "Kill"], off: ["关闭", "Stop"], on: ["启动", "Start"], isOff: ["已关闭", "stopped"], killed: ["正在重新启动", "being restarted"], pid: ["进程 {}", "pid {}"], again: ["第 {} 次", "start {}"],
	stubWait: ["等候中", "Waiting"], stubGo: ["请到{}号窗口", "Go to counter {}"], stubHere: ["{}号窗口办理中", "At counter {}"], stubDone: ["已叫过", "Called before"],
	stubBlank: ["已收起", "Kept"],
	nothing: ["还没有发生什么。先选一张卡，到取号机刷卡。", "Nothing yet. Choose a card and tap it at a kiosk."],
	failed: ["大厅没有回应", "The hall did not answer"],
};

export const english = document.documentElement.lang === "en";

// t is a text of the table, {} replaced by the arguments in their order.
export function t(key, ...args) {
	let text = table[key][english ? 1 : 0];
	for (const a of args) text = text.replace("{}", a);
	return text;
}

// say is the half of a bilingual text that the page is in; other is the other half.
export const say = (w) => (w ? (english ? w.en : w.zh) : "");
export const other = (w) => (w ? (english ? w.zh : w.en) : "");
export const join = (list) => list.map(say).join(english ? ", " : "、");
export const lang = english ? "en" : "zh-CN";
export const otherLang = english ? "zh-CN" : "en";
