package flow

// words are the title and the hint of each state of the screen.
func words(s State) (title, hint Text) {
	switch s {
	case Idle:
		return Text{"请刷卡或选择部门", "Tap your card or choose a department"}, Text{}
	case Choose:
		return Text{"请选择部门", "Choose a department"}, Text{"已读到卡", "Your card has been read"}
	case TapCard:
		return Text{"请刷卡", "Tap your card"}, Text{"该部门凭卡取号", "This department needs a card"}
	case NoIdentity:
		return Text{"请使用实体校园卡或校园码", "Please use your physical campus card or campus code"}, Text{"手机或此卡的卡号每次不同，不能识别", "A phone, or this card, has no number of its own"}
	case Asking:
		return Text{"正在取号", "Getting your number"}, Text{"请稍候", "One moment, please"}
	case Printing:
		return Text{"正在打印", "Printing"}, Text{"请稍候", "One moment, please"}
	case Take:
		return Text{"请取走号票", "Take your ticket"}, Text{"请留意叫号", "Please watch for your number"}
	case TakeOffline:
		return Text{"请取走号票", "Take your ticket"}, Text{"离线取号，按取号时间排队", "Taken offline; your place in the queue counts from now"}
	case Again:
		return Text{"您已取号", "You already have a number"}, Text{"号票已补打", "Your ticket was printed again"}
	case Closed:
		return Text{"停止取号", "Closed"}, Text{"该部门现在不取号", "This department gives no numbers now"}
	case Full:
		return Text{"今日号已取完", "No numbers left today"}, Text{"请咨询导办台", "Please ask at the guide desk"}
	case NotEligible:
		return Text{"不能取号", "No number for this card"}, Text{"请咨询导办台", "Please ask at the guide desk"}
	case Appointment:
		return Text{"需要预约", "An appointment is needed"}, Text{"请咨询导办台", "Please ask at the guide desk"}
	case Retry:
		return Text{"请重新取号", "Please try again"}, Text{"这次没有取到号", "You have not been given a number"}
	case Check:
		return Text{"请检查号票", "Please check your ticket"}, Text{"若未打印完整，请记下号码并咨询导办台", "If it is not whole, note the number and ask at the guide desk"}
	case NoPaper:
		return Text{"未能打印号票", "Your ticket was not printed"}, Text{"请重新取号或咨询导办台", "Please try again or ask at the guide desk"}
	case PrinterOut:
		return Text{"暂时不能取号", "No numbers at the moment"}, Text{"打印纸用完，请告知工作人员", "Out of paper: please tell the staff"}
	case PrinterOpen:
		return Text{"暂时不能取号", "No numbers at the moment"}, Text{"打印机盖未关，请告知工作人员", "The printer is open: please tell the staff"}
	case PrinterError:
		return Text{"暂时不能取号", "No numbers at the moment"}, Text{"打印机故障，请告知工作人员", "The printer does not work: please tell the staff"}
	case Refused:
		return Text{"暂时不能取号", "No numbers at the moment"}, Text{"控制器不接受本机，请告知工作人员", "The controller does not accept this kiosk: please tell the staff"}
	case Offline:
		return Text{"暂时不能取号，请稍候", "No numbers at the moment"}, Text{"正在连接", "Connecting"}
	}
	return Text{"设备故障", "Out of order"}, Text{"请咨询导办台", "Please ask at the guide desk"}
}
