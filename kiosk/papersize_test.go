package main

import (
	"bytes"
	"testing"

	"quhao/drivers/printer"
	"quhao/internal/config"
	"quhao/internal/proto"
	"quhao/internal/ticket"

	"quhao/kiosk/flow"
)

// No ticket that the sample centres can print has more than 400 bytes, or its number behind the first 80: 0.42 s at
// 9600 baud, and paper that moves at once.
func TestPapersAreShort(t *testing.T) {
	for _, folder := range []string{"../configs", "../configs/hall"} {
		c, mistakes := config.Load(folder)
		if c == nil {
			t.Fatal(mistakes)
		}
		for _, d := range c.Centre.Departments {
			for _, item := range d.Items {
				for _, lang := range []string{"zh", "en"} {
					for _, columns := range []int{32, 48} {
						j := flow.Job{
							Department: flow.Text(d.Name), Item: flow.Text(item.Name), Lang: lang, Reprint: 2,
							Ticket: proto.TicketRes{
								TID: "01JCXK3V9Q8ZR4T7WYB2DMF6HN", Num: "AA123", Q: d.ID, Ahead: 137,
								Wait: &proto.Wait{Lo: 120, Hi: 180}, T: 1_800_000_000_000,
							},
						}
						e := printer.NewESCPOS()
						e.Cols = columns
						out := e.Encode(ticket.Layout(paperOf(j, c.Centre), ticket.Options{Columns: columns}))
						at := bytes.Index(out, []byte(j.Ticket.Num))
						if len(out) > 400 || at < 0 || at > 75 {
							t.Errorf("%s, %s, %s, %d columns: %d bytes, the number at %d", folder, item.ID, lang, columns, len(out), at)
						}
					}
				}
			}
		}
	}
}
