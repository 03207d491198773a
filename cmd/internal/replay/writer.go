package replay

import (
	"cmp"
	"io"
	"net/netip"
	"slices"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/pcap"
	"sgfw/filter"
)

// Writer writes a capture of pcapng as the daemon tells its parts, with a [Note] for each
// packet. It is for one goroutine.
type Writer struct {
	file  *pcap.Writer
	snap  uint32
	rule  func(*api.RuleRef) string
	known map[string]written
	count int // devices of the file
}

// written is the last that the file has of a device.
type written struct {
	number    int
	addresses []netip.Prefix
}

// NewWriter begins a capture. By is the program that writes it, snap how many bytes of a
// packet there are at most, and rule gives rules their names.
func NewWriter(out io.Writer, by string, snap uint32, rule func(*api.RuleRef) string) (*Writer,
	error) {
	f, err := pcap.NewWriter(out, by)
	return &Writer{file: f, snap: snap, rule: rule, known: make(map[string]written)}, err
}

// Write writes a device or a packet; what was lost is not for the file. A packet stands at
// the device that decided or, if none did, at the one that it came in through; those of
// devices beyond what can be read again are all at one without a name, and their notes name
// the devices.
func (w *Writer) Write(part *api.CapturePart) error {
	if part.Type == api.CaptureDevice {
		return w.add(part)
	}
	v := part.Verdict
	if part.Type != api.CapturePacket || v == nil {
		return nil
	}
	// The name in the policy may be another one than the kernel's.
	inward := part.In != "" && (filter.Hook(part.Hook) != filter.HookForward || part.Out == "" ||
		v.Interface == part.In)
	direction, device := pcap.Out, part.Out
	if inward {
		direction, device = pcap.In, part.In
	}
	at, err := w.at(device)
	if err != nil {
		return err
	}
	n := Note{Verdict: v.Verdict, Reason: v.Reason, Device: v.Interface, Direction: v.Direction,
		Hook: filter.Hook(part.Hook), In: part.In, Out: part.Out, Bridged: part.Bridged,
		Info: part.Info, Before: cmp.Or(part.Before, NoFlow), After: cmp.Or(part.After, NoFlow),
		Ruleset: part.Ruleset}
	if v.Rule != nil {
		n.Rule = w.rule(v.Rule)
	}
	return w.file.Write(&pcap.Packet{Time: v.Time, Interface: at, Data: part.Data,
		Length: v.Length, Direction: direction, Comment: n.String()})
}

// at is the number of a device in the file, or that of the one without a name.
func (w *Writer) at(device string) (int, error) {
	if _, known := w.known[device]; !known && w.full() {
		device = ""
	}
	if _, known := w.known[device]; !known {
		if err := w.add(&api.CapturePart{Device: device}); err != nil {
			return 0, err
		}
	}
	return w.known[device].number, nil
}

// full reports whether there is no room but for the device without a name.
func (w *Writer) full() bool { return w.count >= pcap.MaxInterfaces-1 }

// add adds a device, or one that has other addresses now, as long as there is room for that
// and for the one without a name.
func (w *Writer) add(part *api.CapturePart) error {
	was, known := w.known[part.Device]
	if known && slices.Equal(was.addresses, part.Addresses) ||
		part.Device != "" && w.full() {
		return nil
	}
	i, err := w.file.AddInterface(pcap.Interface{Name: part.Device, Link: pcap.LinkRaw,
		Snap: w.snap, Addresses: part.Addresses})
	if err != nil {
		return err
	}
	w.known[part.Device] = written{number: i, addresses: part.Addresses}
	w.count++
	return nil
}
