package station

import (
	"encoding/json"
	"strings"
	"testing"

	"quhao/internal/config"
	"quhao/internal/proto"
)

// A report stays within a message however much is wrong.
func TestReportFits(t *testing.T) {
	var many config.Mistakes
	for range 500 {
		many = append(many, config.Mistake{File: "devices/kiosk-1.yaml", Line: 3, Col: 7, What: strings.Repeat("错", 400)})
	}
	b, err := proto.Encode(served{proto.Cfg{Ver: 3, SHA256: "x"}}.report(many))
	if err != nil {
		t.Fatal(err)
	}
	var r proto.CfgReport
	if err := json.Unmarshal(b, &r); err != nil || r.S != "refused" || r.Ver != 3 || len(r.Why) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, line := range r.Why {
		if strings.ContainsRune(line, '�') {
			t.Fatalf("a broken character in %q", line)
		}
	}
}

func FuzzServed(f *testing.F) {
	b, err := json.Marshal(proto.NewCfg(2, []byte("version: 1\n")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeServed(b)
		if err != nil {
			// What is refused by its frame may still be read as a configuration: it must not panic either.
			m = served{proto.Cfg{YAML: string(b)}}
		} else if proto.NewCfg(m.Ver, []byte(m.YAML)).SHA256 != m.SHA256 || m.V > proto.Version {
			t.Fatalf("taken: %s", b)
		}
		if found, mistakes := m.check("kiosk-1", proto.KindKiosk); len(mistakes) == 0 && (found.device == nil || found.device.ID != "kiosk-1") {
			t.Fatalf("taken for another's: %s", b)
		}
	})
}
