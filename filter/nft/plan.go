package nft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// TableName is the name of our table, family inet.
const TableName = "sgfw"

// Gone says what becomes of packets of managed devices when the process that
// holds the table has died without an ordered stop.
type Gone uint8

const (
	// GoneDrop keeps the table, closed: nobody answers the queues, so the kernel
	// drops what the rules send there. The zero value.
	GoneDrop Gone = iota
	// GoneAccept takes the table away with the process, or lets packets bypass
	// queues without a listener where the kernel has no owned tables.
	GoneAccept
)

// String returns the word of the policy file: drop or accept.
func (g Gone) String() string {
	if g == GoneAccept {
		return "accept"
	}
	return "drop"
}

// maxDeviceName is IFNAMSIZ less its terminating zero (include/uapi/linux/if.h).
const maxDeviceName = 15

// Mode says which side of a device is protected, and so which failsafes pass
// in which direction. The packets in through it (input and forward) and out
// through it (output and forward) are queued in either mode.
type Mode uint8

const (
	// ModeHost: the device is this machine's own. The zero value.
	ModeHost Mode = iota
	// ModeGuest: the machine behind the device is protected.
	ModeGuest
)

// Device is a device whose packets are queued.
type Device struct {
	// Name is an exact device name of 1 to 15 bytes, or a prefix and one
	// trailing *. lo cannot be managed, and no prefix covers it. Where several
	// match, an exact name beats a prefix and a longer prefix a shorter one.
	Name string
	Mode Mode
}

// prefix returns what the name starts with, and whether anything may follow.
func (d Device) prefix() (string, bool) { return strings.CutSuffix(d.Name, "*") }

// Validate tells what is wrong with the name.
func (d Device) Validate() error {
	name, glob := d.prefix()
	switch {
	case name == "" && !glob:
		return errors.New("a device needs a name")
	case len(name) > maxDeviceName:
		return fmt.Errorf("device %q: longer than %d bytes", d.Name, maxDeviceName)
	case strings.ContainsAny(name, "*/\x00 \t\n"):
		return fmt.Errorf("device %q: * stands at the end only; no slash, blank or zero", d.Name)
	case d.Name == "lo":
		return errors.New("device lo: traffic of the machine with itself is never queued")
	}
	return nil
}

// Balance says how packets are spread over the queues.
type Balance uint8

const (
	// BalanceHash uses a symmetric hash of addresses and protocol, so that both
	// directions of a flow meet one queue (nfqueue_hash,
	// include/net/netfilter/nf_queue.h). The zero value.
	BalanceHash Balance = iota
	// BalanceCPU uses the number of the CPU that handles the packet.
	BalanceCPU
)

// Plan is what the table shall do. The zero value queues nothing and is refused.
type Plan struct {
	// Devices in any order; none is legal and queues nothing.
	Devices []Device
	// QueueBase is the first queue; 0 is refused, because programs that never
	// chose a number use it.
	QueueBase uint16
	// QueueCount is the number of queues, at least 1.
	QueueCount uint16
	Balance    Balance
	Gone       Gone
	// Closed drops what would be queued, for as long as the queues cannot be had.
	Closed bool
	// Without lists the failsafes that are switched off.
	Without []Failsafe
}

// Validate tells everything that is wrong with the plan.
func (p Plan) Validate() error {
	var errs []error
	seen := make(map[string]bool, len(p.Devices))
	for _, d := range p.Devices {
		errs = append(errs, d.Validate())
		if d.Mode > ModeGuest {
			errs = append(errs, fmt.Errorf("device %q: unknown mode %d", d.Name, d.Mode))
		}
		if seen[d.Name] {
			errs = append(errs, fmt.Errorf("device %q is listed twice", d.Name))
		}
		seen[d.Name] = true
	}
	switch {
	case p.QueueBase == 0:
		errs = append(errs, errors.New("queue base 0 is the number that programs use by accident"))
	case p.QueueCount == 0:
		errs = append(errs, errors.New("at least one queue is needed"))
	case int(p.QueueBase)+int(p.QueueCount)-1 > 65535:
		errs = append(errs, fmt.Errorf("queues %d to %d: the last number is 65535", p.QueueBase, int(p.QueueBase)+int(p.QueueCount)-1))
	}
	if p.Balance > BalanceCPU {
		errs = append(errs, fmt.Errorf("unknown balance %d", p.Balance))
	}
	if p.Gone > GoneAccept {
		errs = append(errs, fmt.Errorf("unknown answer %d to a dead daemon", p.Gone))
	}
	for _, l := range p.Without {
		if !slices.ContainsFunc(failsafes, func(i FailsafeInfo) bool { return i.Name == l }) {
			errs = append(errs, fmt.Errorf("unknown failsafe %q", l))
		}
	}
	return errors.Join(errs...)
}

// byPrecedence are the devices in the order in which the rules ask for them: the
// first that matches decides.
func (p Plan) byPrecedence() []Device {
	return slices.SortedStableFunc(slices.Values(p.Devices), func(a, b Device) int {
		aName, aGlob := a.prefix()
		bName, bGlob := b.prefix()
		if aGlob != bGlob {
			if bGlob {
				return -1
			}
			return 1
		}
		return cmp.Compare(len(bName), len(aName))
	})
}

// clone is the plan with nothing shared, so that a caller may go on using its own.
func (p Plan) clone() Plan {
	p.Devices = slices.Clone(p.Devices)
	p.Without = slices.Clone(p.Without)
	return p
}
