package broker

import (
	"bufio"
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Figures of Mosquitto's password format 7 (mosquitto_passwd, lib/../common/password_mosq.c of 2.0): PBKDF2 with SHA-512.
const (
	hashRounds    = 101     // Mosquitto's default; a device's secret is random, so rounds need not make up for a weak one
	hashMaxRounds = 100_000 // more would let a line of the file stop the gate for seconds at each sign-in
	hashSalt      = 12      // bytes
	hashSize      = sha512.Size
	maxPasswords  = 4 << 20 // bytes of the file
)

// Passwords maps device names to hashes in Mosquitto's format `$7$iterations$salt$hash`.
type Passwords map[string]string

// HashPassword returns the hash of a password with a fresh salt, as it stands in the file behind the name and colon.
func HashPassword(password string) (string, error) {
	salt := make([]byte, hashSalt)
	rand.Read(salt) // never fails: crypto/rand ends the program instead
	key, err := pbkdf2.Key(sha512.New, password, salt, hashRounds, hashSize)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	enc := base64.StdEncoding
	return fmt.Sprintf("$7$%d$%s$%s", hashRounds, enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// Verify says whether the password belongs to the hash. A hash in another format belongs to none.
func Verify(hash, password string) bool {
	rounds, salt, want, err := splitHash(hash)
	if err != nil {
		return false
	}
	got, err := pbkdf2.Key(sha512.New, password, salt, rounds, len(want))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}

// splitHash takes `$7$iterations$salt$hash` apart.
func splitHash(hash string) (rounds int, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "7" {
		return 0, nil, nil, errors.New("not in the format $7$iterations$salt$hash")
	}
	rounds, err = strconv.Atoi(parts[2])
	if err != nil || rounds < 1 || rounds > hashMaxRounds {
		return 0, nil, nil, fmt.Errorf("iterations must be 1 to %d", hashMaxRounds)
	}
	enc := base64.StdEncoding.Strict()
	salt, err = enc.DecodeString(parts[3])
	if err != nil || len(salt) == 0 {
		return 0, nil, nil, errors.New("the salt is not base64")
	}
	key, err = enc.DecodeString(parts[4])
	if err != nil || len(key) != hashSize {
		return 0, nil, nil, fmt.Errorf("the hash is not %d bytes of base64", hashSize)
	}
	return rounds, salt, key, nil
}

// ParsePasswords reads the lines `name:hash`; empty lines and those that begin with # are passed over.
// It returns every mistake at once, each with its line.
func ParsePasswords(text []byte) (Passwords, error) {
	p := make(Passwords)
	var errs []error
	lines := bufio.NewScanner(bytes.NewReader(text))
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		name, hash, _ := strings.Cut(line, ":")
		_, _, _, err := splitHash(hash)
		switch {
		case !goodName(name):
			err = errors.New("the name is not [a-z0-9-]{3,32}")
		case p[name] != "":
			err = errors.New("the name stands here twice")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		p[name] = hash
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("line %d: %w", n+1, err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// LoadPasswords reads a password file. A missing file is an error (fs.ErrNotExist).
func LoadPasswords(file string) (Passwords, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("password file: %w", err)
	}
	if info.Size() > maxPasswords {
		return nil, fmt.Errorf("password file %s: larger than %d bytes", file, maxPasswords)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("password file: %w", err)
	}
	p, err := ParsePasswords(text)
	if err != nil {
		return nil, fmt.Errorf("password file %s: %w", file, err)
	}
	return p, nil
}

// Bytes returns the file's text, sorted by name.
func (p Passwords) Bytes() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&b, "%s:%s\n", name, p[name])
	}
	return b.Bytes()
}

// Save replaces the file as a whole, readable by its owner only: after a power cut the old or the new one is there.
func (p Passwords) Save(file string) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".passwords-*") // mode 0600
	if err != nil {
		return fmt.Errorf("save passwords: %w", err)
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing left to remove
	_, err = tmp.Write(p.Bytes())
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("save passwords: %w", err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("save passwords: %w", err)
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("save passwords: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("save passwords: %w", err)
	}
	return nil
}

// check returns the hash that name and password belong to. An unknown name costs the same time as a wrong password.
func (p Passwords) check(name, password string) (string, bool) {
	hash, known := p[name]
	if !known {
		Verify(decoyHash, password)
		return "", false
	}
	return hash, Verify(hash, password)
}

// decoyHash is no one's: zero salt, zero key.
const decoyHash = "$7$101$AAAAAAAAAAAAAAAA$" +
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
