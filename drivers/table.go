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
		{Printer, "escpos", "Ticket printer with ESC/POS and Chinese characters, 58 or 80 mm.", 9600, func() any { return printer.NewESCPOS() }, Line},
		{Printer, "text", "Plain UTF-8 lines, for a terminal or a log.", 0, func() any { return printer.NewText() }, Line},
		{Card, "rdm6300", "RDM6300 reader of 125 kHz cards (EM4100).", 9600, func() any { return card.NewRDM6300() }, Line},
		{Card, "terminal", "Card numbers typed as lines, or a reader that sends lines.", 0, func() any { return card.NewTerminal() }, Line},
		{Card, "pn532", "PN532 module for cards of 13.56 MHz, on a serial line (HSU).", 115200, func() any { return card.NewPN532() }, Line},
		{Card, "mfrc522", "MFRC522 board (RC522) for type-A cards of 13.56 MHz, on SPI.", 0, func() any { return card.NewMFRC522() }, SPI},
		{Card, "wiegand", "Reader of an access control system, Wiegand 26 or 34, on two GPIO lines.", 0, func() any { return card.NewWiegand() }, Wiegand},
		{Card, "pcsc", "Contactless reader of the PC/SC class, through pcscd.", 0, func() any { return card.NewPCSC() }, PCSC},
		{Card, "frame", "Serial reader whose frame is described by options.", 9600, func() any { return card.NewFrame() }, Line},
		{Card, "scanner", "Code scanner on a serial line, for campus codes.", 9600, func() any { return card.NewScanner() }, Line},
		{Card, "scanner_wedge", "USB code scanner that poses as a keyboard, for campus codes.", 0, func() any { return card.NewScannerWedge() }, Evdev},
		{Card, "wedge", "USB card reader that poses as a keyboard and types the number.", 0, func() any { return card.NewWedge() }, Evdev},
		{LED, "xunpeng", "Xunpeng number display of up to four digits on RS-485.", 9600, func() any { return led.NewXunpeng() }, Line},
		{LED, "terminal", "The display's text as UTF-8 lines.", 0, func() any { return led.NewTerminal() }, Line},
		{LED, "max7219", "LED matrices of 8x8 dots with MAX7219 chips in a chain, one or two rows.", 0, func() any { return led.NewMax7219() }, SPI},
		{LED, "max7219_7seg", "Three to eight digits of seven segments with a MAX7219 chip.", 0, func() any { return led.NewMax7219Digits() }, SPI},
		{LED, "led485", "Number display LED-485 of three to six digits, Modbus RTU on RS-485.", 9600, func() any { return led.NewLED485() }, Line},
		{LED, "qsystem", "Three-character display of a QSystem RS-485 pad.", 9600, func() any { return led.NewQSystem() }, Line},
		{LED, "onbon", "Text board with an Onbon BX-5K or BX-6K font card.", 57600, func() any { return led.NewOnbon() }, Line},
		{LED, "alpha", "Message sign with the Alpha protocol, such as BetaBrite.", 9600, func() any { return led.NewAlpha() }, Line},
		{Keypad, "caller68", "Chinese call key pad with rater, frames FF 68.", 9600, func() any { return keypad.NewCaller68() }, Line},
		{Keypad, "evdev", "USB keypad or five-key rater that poses as a keyboard.", 0, func() any { return keypad.NewEvdev() }, Evdev},
		{Keypad, "gpio", "Single keys on GPIO lines of the board.", 0, func() any { return keypad.NewGPIO() }, GPIO},
		{Keypad, "matrix", "Keypad of rows and columns on GPIO lines of the board.", 0, func() any { return keypad.NewMatrix() }, GPIO},
		{Keypad, "qsystem", "Four-key pad of QSystem on RS-485.", 9600, func() any { return keypad.NewQSystem() }, Line},
		{Keypad, "bytes", "Serial rater or pad that sends one byte for each key.", 9600, func() any { return keypad.NewBytes() }, Line},
		{Keypad, "terminal", "Key presses typed as lines: next, recall, rate 5.", 0, func() any { return keypad.NewTerminal() }, Line},
	}
}
