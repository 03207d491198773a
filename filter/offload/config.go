package offload

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config says what the sets hold. The zero value is refused. Marks alone mean that verdicts
// have marks and nothing is carried.
type Config struct {
	Marks Marks
	// Lifetime is how long a flow that has proven itself is carried before one of its
	// packets is judged again, Opening how long a new one is.
	Lifetime, Opening time.Duration
	// Flows is how many flows of each family may be carried at a time; of new ones a
	// quarter of it.
	Flows uint32
}

// Bounds of [Config].
const (
	MinLifetime = time.Second
	MaxLifetime = time.Minute
	MaxFlows    = 1 << 24
)

// Carries reports whether flows are carried.
func (c Config) Carries() bool { return c != Config{Marks: c.Marks} }

// Validate tells everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	if err := c.Marks.Check(); err != nil {
		errs = append(errs, fmt.Errorf("marks: %w", err))
	}
	if !c.Carries() {
		return errors.Join(errs...)
	}
	for _, d := range []time.Duration{c.Lifetime, c.Opening} {
		if d < MinLifetime || d > MaxLifetime {
			errs = append(errs, fmt.Errorf("lifetime %v is not within %v to %v", d, MinLifetime,
				MaxLifetime))
		}
	}
	if c.Flows == 0 || c.Flows > MaxFlows {
		errs = append(errs, fmt.Errorf("%d flows are not within 1 to %d", c.Flows, MaxFlows))
	}
	return errors.Join(errs...)
}

// setServing holds one element while every queue of the daemon is served.
const setServing = "serving"

// Kind is what the elements of a set are.
type Kind uint8

const (
	// Proven: directions of flows of which both sides have shown that they are there.
	Proven Kind = iota
	// Opening: those of new flows.
	Opening
	// Answer: those in which a SYN-ACK is waited for.
	Answer
	kinds
)

var kindNames = [kinds]string{"proven", "opening", "answer"}

// String returns the kind in one word.
func (k Kind) String() string { return kindNames[k] }

// Family is that of the addresses of a set.
type Family uint8

const (
	IPv4 Family = iota
	IPv6
	families
)

// set is one of the sets.
type set struct {
	kind   Kind
	family Family
	shard  int
}

// name is that of the set in the table.
func (s set) name() string { return s.kind.String() + s.suffix() }

// suffix is what names of the family and shard end with.
func (s set) suffix() string {
	family := [...]string{"4", "6"}[s.family]
	if s.shard == 0 {
		return family
	}
	return family + "-" + strconv.Itoa(s.shard)
}

// IsSet reports whether a name is that of one of the sets.
func IsSet(name string) bool {
	name, _, _ = strings.Cut(name, "-")
	return name == setServing ||
		slices.ContainsFunc(Config{}.sets(), func(s set) bool { return s.name() == name })
}

// sets lists all of them.
func (c Config) sets() (out []set) {
	for k := range kinds {
		for f := range families {
			out = append(out, c.shards(k, f)...)
		}
	}
	return out
}

// lifetime is how long an element of the kind is used.
func (c Config) lifetime(k Kind) time.Duration {
	if k == Proven {
		return c.Lifetime
	}
	return c.Opening
}

// Room is how many flows of a kind are carried at a time in each family, and for how long.
func (c Config) Room(k Kind) (flows int, lifetime time.Duration) {
	return int(c.size(k)) / 2, c.lifetime(k)
}

// size is how many elements the set of a kind holds: two directions of each flow, or one.
func (c Config) size(k Kind) uint32 {
	switch k {
	case Proven:
		return 2 * c.Flows
	case Opening:
		return max(2, c.Flows/2)
	}
	return max(1, c.Flows/4)
}
