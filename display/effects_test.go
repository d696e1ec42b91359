package main

import (
	"reflect"
	"testing"
	"time"

	"quhao/display/flow"
	"quhao/drivers/led"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// What the sample says of a display's effects reaches the flow of its counter, and of no other.
func TestEffectsOfTheSample(t *testing.T) {
	cfg, mistakes := config.Load("../configs")
	if mistakes.Err() != nil {
		t.Fatal(mistakes)
	}
	matrix := setup(cfg.Device("unit-6"), cfg.Centre, proto.NewTopics(""))
	c := matrix.Counters[0]
	want := flow.Effects{Call: config.Scroll, Times: 5, Recall: 5, Bright: []flow.Bright{{From: 7 * time.Hour, Percent: 100}, {From: 18 * time.Hour, Percent: 40}}}
	if !c.LED || !reflect.DeepEqual(c.Effects, want) || matrix.Zone.String() != "Asia/Shanghai" {
		t.Errorf("unit-6: %+v in %v", c.Effects, matrix.Zone)
	}
	if in, past := c.Scroll(led.Show{Mode: led.Idle, Text: "人文社会科学研究院"}); in != 48 || past == 0 {
		t.Errorf("Scroll = %d, %d", in, past)
	}
	boards := setup(cfg.Device("unit-5"), cfg.Centre, proto.NewTopics("")).Counters
	if a, b := boards[0].Effects, boards[1].Effects; a.Call != config.Blink || a.Times != 5 || a.Recall != 3 || b.Call != config.Mark || boards[0].Scroll != nil {
		t.Errorf("unit-5: %+v, %+v", a, b)
	}
	if zone(nil) != time.UTC {
		t.Error("without the centre's file the zone is not UTC")
	}
}
