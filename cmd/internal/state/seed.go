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
// One that is copied to another machine gives that one the same IDs, but for its own
// devices, see [Seed.Place].
const seedName = "id-seed"

// machineID is where systemd and others keep what tells this machine from others.
// It is not to be shown, see machine-id(5): a keyed hash of it may be.
var machineID = "/etc/machine-id"

// ErrUnkept says that nothing keeps a seed which no other start would find.
var ErrUnkept = errors.New("no state directory, and no machine ID")

// ReadSeed returns the seed that a daemon with this state directory uses or would
// use. Where none is kept yet that is the machine's own.
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

// FindSeed is ReadSeed for a daemon, which needs one in any case: where none is kept,
// or none that can be used, it is the machine's own, so that a directory that was
// lost costs no ID, or else a random one. The error says why it is a new one.
func FindSeed(dir string) (Seed, error) {
	s, err := loadSeed(dir)
	if err == nil {
		return s, nil
	}
	s, ok := machineSeed()
	if !ok {
		// It never fails.
		_, _ = rand.Read(s[:])
	}
	return s, fmt.Errorf("state: %w", err)
}

// KeepSeed keeps what FindSeed found, why being its error. It returns what there is
// to be told: that the file of another seed was of no use, or that the next start
// may find another.
func KeepSeed(dir string, s Seed, why error) error {
	switch {
	case why == nil:
		return nil
	case dir == "":
		if own, ok := machineSeed(); ok && own == s {
			return nil
		}
		return fmt.Errorf("state: %w", ErrUnkept)
	case errors.Is(why, fs.ErrNotExist):
		why = nil
	case !errors.Is(why, ErrCorrupt) && !errors.Is(why, ErrUntrusted):
		return why // what is there may be read another time
	}
	if err := writeFile(dir, seedName, []byte(hex.EncodeToString(s[:])+"\n")); err != nil {
		return errors.Join(why, fmt.Errorf("state: %w", err))
	}
	return why
}

// Place tells the devices of this machine, in a network namespace with a name that lasts,
// from those of others that have the same seed: of clones of one image, of machines to
// which the seed was copied, of other namespaces. It is "" where the seed is the machine's
// own, or where nothing tells machines apart, in a namespace without a name.
func (s Seed) Place(network string) string {
	place := ""
	if own, ok := machineSeed(); ok && own != s {
		h := hmac.New(sha256.New, own[:])
		h.Write([]byte("sgfw: place of devices"))
		place = hex.EncodeToString(h.Sum(nil))
	}
	if network != "" {
		place += "/" + network
	}
	return place
}

func loadSeed(dir string) (s Seed, err error) {
	if dir == "" {
		return s, fs.ErrNotExist
	}
	b, err := readFile(dir, seedName)
	if err != nil {
		return s, err
	}
	digits := strings.TrimSuffix(string(b), "\n")
	if n, err := hex.Decode(s[:], []byte(digits)); len(digits) != 2*len(s) || err != nil ||
		n != len(s) || s == (Seed{}) {
		return Seed{}, fmt.Errorf("%s: %w", filepath.Join(dir, seedName), ErrCorrupt)
	}
	return s, nil
}

// machineSeed is derived from what tells this machine from others; it is false
// where nothing does.
func machineSeed() (s Seed, ok bool) {
	b, err := os.ReadFile(machineID)
	id := strings.TrimSpace(string(b))
	if err != nil || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" ||
		strings.Trim(id, "0") == "" {
		return s, false
	}
	h := hmac.New(sha256.New, []byte(id))
	h.Write([]byte("sgfw: seed of IDs"))
	return Seed(h.Sum(nil)), true
}
