package station

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const secret = "6f1c-the-secret"

func TestParseIdentity(t *testing.T) {
	const sum = "9b74c9897bac770ffc029102a200c5de9b74c9897bac770ffc029102a200c5de"
	good := "version: 1\nid: kiosk-1\ncontroller: 127.0.0.1:1883\nsecret: " + secret + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"good", good, ""},
		{"tls", strings.Replace(good, "127.0.0.1", "192.0.2.1", 1) + "ca: " + sum + "\n", ""},
		{"own prefix", good + "prefix: other.centre\n", ""},
		{"empty", "", "allowed keys"},
		{"no YAML", "\x00\x01", "cannot be read"},
		{"a list", "[1, 2]", "cannot be read"},
		{"unknown key", good + "sercet: x\n", "unknown key sercet"},
		{"a key twice", good + "id: kiosk-2\n", "line 5"},
		{"second document", good + "---\n" + good, "second document"},
		{"later version", strings.Replace(good, "1", "2", 1), "version must be 1"},
		{"bad id", strings.Replace(good, "kiosk-1", "Kiosk 1", 1), "id must be"},
		{"bad prefix", good + "prefix: a/b\n", "prefix must be"},
		{"no secret", strings.Replace(good, secret, "", 1), "secret is missing"},
		{"no port", strings.Replace(good, ":1883", "", 1), "host:port"},
		{"no ca beyond this machine", strings.Replace(good, "127.0.0.1", "192.0.2.1", 1), "ca is missing"},
		{"bad ca", good + "ca: " + sum[:10] + "\n", "64 hex digits"},
		{"secret of another kind", strings.Replace(good, secret, "["+secret+"]", 1), "line 4"},
		{"giant", good + "# " + strings.Repeat("x", maxIdentity), "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := ParseIdentity([]byte(c.text))
			switch {
			case c.want == "" && (err != nil || id.ID != "kiosk-1" || id.Secret != secret || id.Prefix == ""):
				t.Fatalf("%+v, %v", id, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("error %v, want %q in it", err, c.want)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Fatalf("the error quotes the secret: %v", err)
			}
		})
	}
	if _, err := ReadIdentity(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a file that is not there: %v", err)
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add([]byte("version: 1\nid: kiosk-1\ncontroller: 127.0.0.1:1883\nsecret: x\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte{0xff, 0xfe, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := ParseIdentity(b)
		if err == nil && (id.ID == "" || id.Secret == "" || id.Version != 1) {
			t.Fatalf("taken: %q", b)
		}
	})
}

// authority makes a certificate authority and certificates signed by it.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Quhao CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) server(from, until time.Duration) tls.Certificate {
	cert, key := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "controller"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key}
}

func (a *authority) fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	return hex.EncodeToString(sum[:])
}

// The controller is known by its authority's fingerprint, whatever its address.
func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	posing := others.server(-time.Minute, time.Minute)
	posing.Certificate[1] = ours.cert.Raw // shows our authority, but is not signed by it
	for _, c := range []struct {
		name string
		cert tls.Certificate
		ok   bool
	}{
		{"ours", ours.server(-time.Minute, time.Minute), true},
		{"ours, and our clock is behind", ours.server(30*time.Minute, 40*time.Minute), true},
		{"ours but expired", ours.server(-20*time.Minute, -10*time.Minute), false},
		{"another's", others.server(-time.Minute, time.Minute), false},
		{"another's that shows ours", posing, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := net.Pipe()
			srv := tls.Server(there, &tls.Config{Certificates: []tls.Certificate{c.cert}})
			done := make(chan error, 1)
			go func() { done <- srv.HandshakeContext(t.Context()) }()
			err := tls.Client(here, Identity{CA: strings.ToUpper(ours.fingerprint())}.TLS()).HandshakeContext(t.Context())
			if (err == nil) != c.ok {
				t.Errorf("the device says %v", err)
			}
			here.Close()
			<-done
		})
	}
	if (Identity{}).TLS() != nil {
		t.Error("TLS without a fingerprint")
	}
}
