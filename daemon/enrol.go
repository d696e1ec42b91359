package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"quhao/daemon/broker"
	"quhao/internal/config"
)

const (
	passwordFile   = "passwords"     // of the broker, in Mosquitto's format, in the data folder
	controllerName = "quhaod"        // the controller's own name at an external broker
	secretFile     = "quhaod.secret" // its secret, in the data folder
)

// enrolCommand makes a device's secret, keeps its hash, and prints the file that the device wants.
// Enrolling again makes the old secret worthless, in a daemon that runs as well, and has to be asked for by -again.
func enrolCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var conf, data, addr string
	var plain, again bool
	rest, err := flags("enrol", args, func(fs *flag.FlagSet) {
		fs.StringVar(&conf, "config", "", "folder of centre.yaml")
		fs.StringVar(&data, "data", "", "folder of the database")
		fs.StringVar(&addr, "mqtt", "", "where the device finds the controller, host:port; default as configured")
		fs.BoolVar(&again, "again", false, "the device has a secret: make another, which shuts out whoever uses the old one, at once")
		fs.BoolVar(&plain, "plain", false, "the device runs on this machine: no TLS, although it is configured")
	})
	switch {
	case err != nil:
		return err
	case conf == "" || data == "" || len(rest) != 1:
		return usageError{"enrol needs -config, -data and one device"}
	}
	c, mistakes := config.Load(conf)
	if len(mistakes) > 0 {
		return mistakes
	}
	id := rest[0]
	if id != controllerName && !slices.ContainsFunc(c.Devices, func(d *config.Device) bool { return d.ID == id }) {
		return fmt.Errorf("%s has no device %q: write devices/%s.yaml first", conf, id, id)
	}
	if known, err := hasSecret(data, id); err != nil || known && !again {
		return cmp.Or(err, fmt.Errorf("%s has a secret already; another one makes it worthless at once, and shuts out the device that uses it: enrol -again if that is meant", id))
	}
	secret, err := enrol(data, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "# made by quhaod enrol; keep it on %s only, it holds a secret\nversion: 1\nid: %s\n", id, id)
	where, ca, err := whereToDial(c.Centre, data, plain)
	if err != nil {
		return err
	}
	if addr != "" {
		where = addr
	}
	if !plain && addr == "" && onlyHere(where) {
		fmt.Fprintf(stderr, "%s 只有本机能连上。设备在别的机器上时：在 centre.yaml 写上 broker.tls，再用 enrol -again\n", where)
		fmt.Fprintf(stderr, "%s can be reached from this machine only. For a device on another one: set broker.tls in centre.yaml, then enrol -again\n", where)
	}
	fmt.Fprintf(stdout, "controller: %s\nsecret: %s\n", where, secret)
	if ca != "" {
		fmt.Fprintf(stdout, "ca: %s\n", ca)
	}
	if c.Centre.Prefix != "" && c.Centre.Prefix != "quhao" {
		fmt.Fprintf(stdout, "prefix: %s\n", c.Centre.Prefix)
	}
	if _, err := talk(ctx, data, []string{enrolled}); err != nil && !errors.Is(err, errNotRunning) {
		return fmt.Errorf("%s has its secret, but the running quhaod has not read it, so start it again: %w", id, err)
	}
	return nil
}

// onlyHere says whether an address is one of this machine alone.
func onlyHere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// whereToDial is the address that a device dials, and the fingerprint of the authority that it has to find there.
// An address that listens everywhere is no address to dial: this machine's name stands in for it.
func whereToDial(c *config.Centre, data string, plain bool) (addr, ca string, err error) {
	switch {
	case c.Broker.External != "":
		_, addr, _ = strings.Cut(c.Broker.External, "://")
		return addr, "", nil
	case c.Broker.TLS == "" || plain:
		return c.Broker.Listen, "", nil
	}
	a, err := openAuthority(data, time.Now())
	if err != nil {
		return "", "", err
	}
	host, port, err := net.SplitHostPort(c.Broker.TLS)
	if err != nil {
		return "", "", fmt.Errorf("broker.tls: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return "", "", fmt.Errorf("this machine's name: %w; give the address with -mqtt", err)
		}
	}
	return net.JoinHostPort(host, port), a.fingerprint(), nil
}

// hasSecret says whether a device was enrolled before.
func hasSecret(data, id string) (bool, error) {
	all, err := broker.LoadPasswords(filepath.Join(data, passwordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("enrol %s: %w", id, err)
	}
	return all[id] != "", nil
}

// enrol keeps the hash of a new secret in the password file and returns the secret.
func enrol(data, id string) (string, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", fmt.Errorf("enrol %s: %w", id, err)
	}
	file := filepath.Join(data, passwordFile)
	all, err := broker.LoadPasswords(file)
	if errors.Is(err, fs.ErrNotExist) {
		all, err = broker.Passwords{}, nil
	}
	if err != nil {
		return "", fmt.Errorf("enrol %s: %w", id, err)
	}
	b := make([]byte, 20)
	rand.Read(b)
	secret := hex.EncodeToString(b)
	hash, err := broker.HashPassword(secret)
	if err != nil {
		return "", fmt.Errorf("enrol %s: %w", id, err)
	}
	all[id] = hash
	if err := all.Save(file); err != nil {
		return "", fmt.Errorf("enrol %s: %w", id, err)
	}
	if id == controllerName {
		return secret, os.WriteFile(filepath.Join(data, secretFile), []byte(secret+"\n"), 0o600)
	}
	return secret, nil
}

// readSecret is the controller's own secret at an external broker.
func readSecret(data string) (string, error) {
	b, err := os.ReadFile(filepath.Join(data, secretFile))
	if err != nil {
		return "", fmt.Errorf("the external broker wants a secret: run quhaod enrol %s: %w", controllerName, err)
	}
	return strings.TrimSpace(string(b)), nil
}
