package station

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"quhao/internal/config"
	"quhao/internal/proto"
)

// served is what the controller sends on down/cfg, retained, and what a device keeps for a start without it.
// Its text is made by config.Serve: the device's file, its profile, and the centre.
type served struct{ proto.Cfg }

// maxReported bounds the lines of a report, so that it stays under the limit of a message.
const maxReported = 20

// setup is a checked configuration.
type setup struct {
	device *config.Device
	centre *config.Centre // nil if none was given
}

func decodeServed(b []byte) (served, error) {
	var m served
	if len(b) > proto.MaxConfig {
		return m, fmt.Errorf("configuration of %d bytes, %d are allowed", len(b), proto.MaxConfig)
	}
	if err := json.Unmarshal(b, &m.Cfg); err != nil {
		return m, fmt.Errorf("configuration: %w", err)
	}
	if m.V > proto.Version {
		return m, fmt.Errorf("configuration of protocol version %d, this is %d", m.V, proto.Version)
	}
	if m.SHA256 != proto.NewCfg(m.Ver, []byte(m.YAML)).SHA256 {
		return m, errors.New("configuration: its checksum does not agree with its text")
	}
	return m, nil
}

// check reads the text as the controller does. It touches no hardware.
func (m served) check(id string, kind proto.Kind) (setup, config.Mistakes) {
	all, mistakes := config.ParseServed([]byte(m.YAML))
	if len(mistakes) > 0 {
		return setup{}, mistakes
	}
	return pick(all, "devices/"+id+".yaml", id, kind)
}

// pick finds the device in a configuration.
func pick(all *config.Config, file, id string, kind proto.Kind) (setup, config.Mistakes) {
	d := all.Device(id)
	if d == nil {
		return setup{}, config.Mistakes{{File: file, Line: 1, Col: 1, What: fmt.Sprintf("there is no device %s, which this is", id)}}
	}
	return setup{device: d, centre: all.Centre}, foreign(d, file, id, kind)
}

// foreign names what makes a device file another device's.
func foreign(d *config.Device, file, id string, kind proto.Kind) (out config.Mistakes) {
	if d.ID != id {
		out = append(out, config.Mistake{File: file, Line: 1, Col: 1, What: fmt.Sprintf("this is the file of %s, and this device is %s", d.ID, id)})
	}
	if d.Kind != string(kind) {
		out = append(out, config.Mistake{File: file, Line: 1, Col: 1, What: fmt.Sprintf("kind is %s, and this program is for %s", d.Kind, kind)})
	}
	return out
}

func (m served) report(mistakes config.Mistakes) proto.CfgReport {
	r := proto.CfgReport{V: proto.Version, Ver: m.Ver, SHA256: m.SHA256, S: "accepted"}
	for _, one := range mistakes {
		r.S = "refused"
		if len(r.Why) < maxReported {
			r.Why = append(r.Why, clip(one.String(), 300))
		}
	}
	return r
}

// clip shortens s to at most n bytes without breaking a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// local reads a configuration of the bench: a folder, or a device file, which may stand in such a folder.
func local(path, id string, kind proto.Kind) (setup, config.Mistakes) {
	folder := path
	info, err := os.Stat(path)
	if err != nil {
		return setup{}, config.Mistakes{{File: path, Line: 1, Col: 1, What: "cannot be read: " + err.Error()}}
	}
	switch {
	case filepath.Base(path) == "centre.yaml":
		folder = filepath.Dir(path)
	case !info.IsDir():
		folder = filepath.Dir(filepath.Dir(path))
	}
	if _, err := os.Stat(filepath.Join(folder, "centre.yaml")); errors.Is(err, fs.ErrNotExist) && !info.IsDir() {
		device, mistakes := config.LoadDevice(path)
		if device != nil {
			mistakes = append(mistakes, foreign(device, path, id, kind)...)
		}
		return setup{device: device}, mistakes
	}
	all, mistakes := config.Load(folder)
	if len(mistakes) > 0 {
		return setup{}, mistakes
	}
	return pick(all, filepath.Join(folder, "devices", id+".yaml"), id, kind)
}

// cacheFile is the last configuration that was accepted, in the data folder.
const cacheFile = "config.json"

// readCache returns what was kept; ok is false if there is nothing, or nothing whole.
func readCache(dir string) (m served, ok bool) {
	b, err := os.ReadFile(filepath.Join(dir, cacheFile))
	if err != nil {
		return m, false
	}
	m, err = decodeServed(b)
	return m, err == nil
}

// writeCache keeps a configuration, whole or not at all.
func writeCache(dir string, m served) error {
	b, err := json.Marshal(m.Cfg)
	if err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	name := filepath.Join(dir, cacheFile)
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	return nil
}
