package drivers

import (
	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/printer"
)

// Table returns all drivers. A new one is a file, a line here, and a golden or frame file in its package's testdata.
func Table() []Spec {
	return []Spec{
		{Printer, "escpos", "Ticket printer with ESC/POS and Chinese characters, 58 or 80 mm.", 9600, func() any { return printer.NewESCPOS() }},
		{Printer, "text", "Plain UTF-8 lines, for a terminal or a log.", 0, func() any { return printer.NewText() }},
		{Card, "rdm6300", "RDM6300 reader of 125 kHz cards (EM4100).", 9600, func() any { return card.NewRDM6300() }},
		{Card, "terminal", "Card numbers typed as lines, or a reader that sends lines.", 0, func() any { return card.NewTerminal() }},
		{LED, "xunpeng", "Xunpeng number display of up to four digits on RS-485.", 9600, func() any { return led.NewXunpeng() }},
		{LED, "terminal", "The display's text as UTF-8 lines.", 0, func() any { return led.NewTerminal() }},
		{Keypad, "caller68", "Chinese call key pad with rater, frames FF 68.", 9600, func() any { return keypad.NewCaller68() }},
		{Keypad, "terminal", "Key presses typed as lines: next, recall, rate 5.", 0, func() any { return keypad.NewTerminal() }},
	}
}
