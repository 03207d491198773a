package replay

import (
	"cmp"
	"io"

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
	known map[string]int
}

// NewWriter begins a capture. By is the program that writes it, snap how many bytes of a
// packet there are at most, and rule gives rules their names.
func NewWriter(out io.Writer, by string, snap uint32, rule func(*api.RuleRef) string) (*Writer,
	error) {
	f, err := pcap.NewWriter(out, by)
	return &Writer{file: f, snap: snap, rule: rule, known: make(map[string]int)}, err
}

// Write writes a device or a packet; what was lost is not for the file. A packet stands at
// the device that decided or, if none did, at the one that it came in through.
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
	if _, ok := w.known[device]; !ok {
		if err := w.add(&api.CapturePart{Device: device}); err != nil {
			return err
		}
	}
	n := Note{Verdict: v.Verdict, Reason: v.Reason, Device: v.Interface, Direction: v.Direction,
		Hook: filter.Hook(part.Hook), In: part.In, Out: part.Out, Bridged: part.Bridged,
		Info: part.Info, Before: cmp.Or(part.Before, NoFlow), After: cmp.Or(part.After, NoFlow),
		Ruleset: part.Ruleset}
	if v.Rule != nil {
		n.Rule = w.rule(v.Rule)
	}
	return w.file.Write(&pcap.Packet{Time: v.Time, Interface: w.known[device], Data: part.Data,
		Length: v.Length, Direction: direction, Comment: n.String()})
}

// add adds a device. One that is told again has other addresses now.
func (w *Writer) add(part *api.CapturePart) (err error) {
	w.known[part.Device], err = w.file.AddInterface(pcap.Interface{Name: part.Device,
		Link: pcap.LinkRaw, Snap: w.snap, Addresses: part.Addresses})
	return err
}
