package station

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Identity is all that a device knows of itself before it has met the controller: the file that quhaod enrol makes.
//
//	version: 1
//	id: kiosk-1
//	controller: 192.0.2.1:8883
//	secret: 6f1c…
//	ca: 9b74…          # SHA-256 of the certificate authority of the controller, 64 hex digits: the connection is by TLS
//	prefix: quhao      # first level of all topics; this is the default
type Identity struct {
	Version    int    `yaml:"version"`
	ID         string `yaml:"id"`
	Controller string `yaml:"controller"` // host:port
	Secret     string `yaml:"secret"`
	CA         string `yaml:"ca"` // may be absent only if the controller is on this machine
	Prefix     string `yaml:"prefix"`
}

// maxIdentity bounds the file, in bytes.
const maxIdentity = 4 << 10

var _ fmt.Stringer = Identity{}

// String names the device and never its secret.
func (i Identity) String() string { return i.ID }

// ReadIdentity reads and checks an identity file. The error names every mistake and never quotes the secret.
func ReadIdentity(path string) (Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxIdentity+1))
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	id, err := ParseIdentity(b)
	if err != nil {
		return Identity{}, fmt.Errorf("identity %s: %w", path, err)
	}
	return id, nil
}

// ParseIdentity reads the text of an identity file, at most 4 KiB.
func ParseIdentity(b []byte) (Identity, error) {
	if len(b) > maxIdentity {
		return Identity{}, fmt.Errorf("more than %d bytes: this is no identity file", maxIdentity)
	}
	id := Identity{Prefix: "quhao"}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&id); err != nil {
		return Identity{}, unquoted(err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Identity{}, errors.New("a second document; one file holds one identity")
	}
	if err := id.check(); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// unquoted says where the YAML is wrong without the value that stands there: it could be the secret.
func unquoted(err error) error {
	where := regexp.MustCompile(`line \d+`).FindString(err.Error())
	if where == "" {
		where = "the file"
	}
	what := "cannot be read as the YAML of an identity"
	if field := regexp.MustCompile(`field (\S+) not found`).FindStringSubmatch(err.Error()); field != nil {
		what = "has the unknown key " + field[1]
	}
	return fmt.Errorf("%s %s; allowed keys are version, id, controller, secret, ca, prefix", where, what)
}

func (i Identity) check() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if i.Version != 1 {
		bad("version must be 1")
	}
	if !regexp.MustCompile(`^[a-z0-9-]{3,32}$`).MatchString(i.ID) {
		bad("id must be 3 to 32 of a-z, 0-9 and -")
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`).MatchString(i.Prefix) {
		bad("prefix must be 1 to 64 letters, digits, _, . or -")
	}
	if i.Secret == "" || strings.ContainsAny(i.Secret, "\r\n") {
		bad("secret is missing: quhaod enrol %s makes this file", i.ID)
	}
	host, port, err := net.SplitHostPort(i.Controller)
	switch {
	case err != nil || host == "" || port == "":
		bad("controller must be host:port, such as 192.0.2.1:8883")
	case i.CA == "" && !isLoopback(host):
		bad("ca is missing: beyond this machine the connection is by TLS, and ca names the controller's certificate authority")
	}
	if sum, err := hex.DecodeString(i.CA); i.CA != "" && (err != nil || len(sum) != sha256.Size) {
		bad("ca must be 64 hex digits: the SHA-256 of a certificate")
	}
	return errors.Join(errs...)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// TLS returns how to know the controller, or nil if the connection is without TLS.
//
// The certificate is known by its authority's fingerprint, not by a name: the authority signs nothing but this controller,
// whose address may change. A device whose clock has not been set takes the certificate's first day for today.
func (i Identity) TLS() *tls.Config {
	if i.CA == "" {
		return nil
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it, by the fingerprint
		VerifyConnection:   func(s tls.ConnectionState) error { return i.verify(s.PeerCertificates, time.Now()) },
	}
}

// errForeign says that another controller answers than the one that enrolled this device.
var errForeign = errors.New("the controller does not present the certificate authority that this device was enrolled with")

// verify checks a chain as the controller sends it: its own certificate first, its authority's somewhere behind.
func (i Identity) verify(chain []*x509.Certificate, now time.Time) error {
	roots := x509.NewCertPool()
	between := x509.NewCertPool()
	found := false
	for _, c := range chain {
		sum := sha256.Sum256(c.Raw)
		if strings.EqualFold(hex.EncodeToString(sum[:]), i.CA) {
			roots.AddCert(c)
			found = true
			continue
		}
		between.AddCert(c)
	}
	if !found {
		return errForeign
	}
	if now.Before(chain[0].NotBefore) {
		now = chain[0].NotBefore
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now})
	return err
}
