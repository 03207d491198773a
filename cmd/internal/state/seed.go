package state

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Seed is what the IDs of a machine are made of: the same seed, the same IDs. It is
// no secret.
type Seed [sha256.Size]byte

// seedName is the file of the seed in the state directory: its digits and a newline.
// One that is copied to another machine gives that one the same IDs. All daemons of
// a state directory share it.
const seedName = "id-seed"

// machineID is where systemd and others keep what tells this machine from others.
// It is not to be shown, see machine-id(5): a keyed hash of it may be.
var machineID = "/etc/machine-id"

// ReadSeed returns the seed that a daemon with this state directory uses or would
// use, and changes nothing. Where none is kept yet that is the machine's own.
func ReadSeed(dir string) (Seed, error) {
	s, err := loadSeed(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if s, ok := machineSeed(); ok {
			return s, nil
		}
	}
	if err != nil {
		return Seed{}, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// KeepSeed returns the seed of the state directory. Where there is none, or none
// that can be used, it keeps a new one: the machine's own, so that a directory that
// was lost costs no ID, or else a random one. The seed can be used whatever the
// error says; after an error the next start may find another.
func KeepSeed(dir string) (Seed, error) {
	fresh, ok := machineSeed()
	if !ok {
		// It never fails.
		_, _ = rand.Read(fresh[:])
	}
	if dir == "" {
		if ok {
			return fresh, nil
		}
		return fresh, errors.New("no state directory, and no machine ID")
	}
	s, err := loadSeed(dir)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUntrusted):
		// It may be there, and be read another time.
		return fresh, fmt.Errorf("state: %w", err)
	}
	text := []byte(hex.EncodeToString(fresh[:]) + "\n")
	if werr := writeFile(dir, seedName, text); werr != nil {
		return fresh, fmt.Errorf("state: %w", errors.Join(err, werr))
	}
	// Another daemon may have been there at the same time: the last one stays.
	if s, lerr := loadSeed(dir); lerr == nil {
		fresh = s
	}
	if err != nil {
		err = fmt.Errorf("state: %w: another one takes its place", err)
	}
	return fresh, err
}

func loadSeed(dir string) (s Seed, err error) {
	b, err := readFile(dir, seedName)
	if err != nil {
		return s, err
	}
	digits := strings.TrimSuffix(string(b), "\n")
	if n, err := hex.Decode(s[:], []byte(digits)); len(digits) != 2*len(s) || err != nil || n != len(s) || s == (Seed{}) {
		return Seed{}, fmt.Errorf("%s: %w", filepath.Join(dir, seedName), ErrCorrupt)
	}
	return s, nil
}

// machineSeed is derived from what tells this machine from others; it is false
// where nothing does.
func machineSeed() (s Seed, ok bool) {
	b, err := os.ReadFile(machineID)
	id := strings.TrimSpace(string(b))
	if err != nil || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" {
		return s, false
	}
	h := hmac.New(sha256.New, []byte(id))
	h.Write([]byte("sgfw: seed of IDs"))
	return Seed(h.Sum(nil)), true
}
