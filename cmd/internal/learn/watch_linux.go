package learn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"sgfw/cmd/internal/host/sockets"
	"sgfw/filter"
	"sgfw/filter/nflog"
	"sgfw/filter/nft"
	"sgfw/filter/packet"
	"sgfw/policy/learn"
)

// How often the machine is looked at: its sockets, sooner if a conversation waits for the
// name of a process, and sooner still where sockets are all that shows; its devices.
const (
	lookEvery  = time.Second
	lookSoon   = 200 * time.Millisecond
	linksEvery = 5 * time.Second
	// share is how many times longer than a look the time to the next one is: on a machine with
	// very many sockets or processes a look takes long, and that machine has other things to do.
	share = 20
	// turn is how long one wait for packets is at most.
	turn = 100 * time.Millisecond
	// rest is how long the last copies may take that the kernel has yet to deliver.
	rest = 100 * time.Millisecond
)

// watcher is one run of Watch.
type watcher struct {
	Config
	found   Found
	tracker *Tracker
	idle    idle
	reader  *nflog.Reader
	table   *nft.Observation

	sockets        sockets.Lister
	looked, linked time.Time
	// took is how long the last look took.
	took time.Duration
	// devices are the names of watched devices by their numbers, own the machine's addresses.
	devices map[uint32]string
	own     []netip.Addr
	tracked []sockets.Tracked
	packet  packet.Packet
}

// Watch watches until the time is over or the context ends, which is no error. It enforces
// nothing, and leaves nothing behind, however the process ends. It needs CAP_NET_ADMIN, else
// the error is os.ErrPermission; where another one watches, it is nft.ErrObserved.
//
// Where the kernel cannot copy first packets, sockets alone are looked at, see Found.Blind. What
// goes wrong later ends it early: what was seen is not lost, see Found.Ended.
func Watch(ctx context.Context, c Config) (*Found, error) { return newWatcher(c).watch(ctx) }

func newWatcher(c Config) *watcher {
	w := &watcher{Config: c}
	w.found = Found{Record: learn.NewRecord(), Begin: time.Now()}
	w.tracker = NewTracker(w.found.Record, w.found.Begin)
	w.idle.toward = deviceToward
	return w
}

// watch is one run, see Watch.
func (w *watcher) watch(ctx context.Context) (*Found, error) {
	if err := w.open(); err != nil {
		return nil, err
	}
	defer w.close()
	w.tracked, w.found.Untold = kernelTracked()
	if err := w.look(true); err != nil {
		return nil, err
	}
	w.progress()
	end := w.found.Begin.Add(w.For)
	for w.found.Ended == nil && ctx.Err() == nil && time.Now().Before(end) {
		w.found.Ended = w.turn(min(turn, time.Until(end)))
		w.progress()
	}
	w.finish()
	if w.found.Ended != nil && w.found.Record.Services() == 0 {
		return nil, w.found.Ended
	}
	return &w.found, nil
}

// progress says how far it is.
func (w *watcher) progress() {
	if w.Progress != nil {
		w.Progress(Progress{Passed: time.Since(w.found.Begin), Conversations: w.found.Record.Count(),
			Services: w.found.Record.Services()})
	}
}

// open begins to copy packets, or says why that cannot be.
func (w *watcher) open() error {
	var group uint16
	for group = range nft.ObserveGroups {
		reader, err := nflog.Open(group)
		if err == nil {
			w.reader = reader
			break
		}
		w.found.Blind = err
		if !errors.Is(err, nflog.ErrTaken) {
			break
		}
	}
	var err error
	if w.reader != nil {
		w.found.Blind = nil
		w.table, err = nft.Observe(group, w.Devices)
	} else {
		err = w.found.Blind
	}
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, nft.ErrObserved):
		w.close()
		return fmt.Errorf("watch first packets: %w", err)
	case err != nil:
		w.close()
		w.found.Blind = err
	}
	return nil
}

// close takes everything away.
func (w *watcher) close() {
	if w.table != nil {
		_ = w.table.Close() // the kernel takes it away with its socket anyway
	}
	if w.reader != nil {
		w.found.Lost = w.reader.Lost()
		_ = w.reader.Close()
	}
	w.table, w.reader = nil, nil
}

// turn waits for packets for a while, and looks at the machine when that is due.
func (w *watcher) turn(most time.Duration) error {
	if err := w.read(time.Now().Add(most)); err != nil {
		return err
	}
	since := time.Since(w.looked)
	if since < share*w.took {
		return nil
	}
	if since >= lookEvery || since >= lookSoon && (w.tracker.Wants() || w.found.Blind != nil) {
		return w.look(time.Since(w.linked) >= linksEvery)
	}
	return nil
}

// read takes in the packets that come until a deadline.
func (w *watcher) read(deadline time.Time) error {
	if w.reader == nil {
		time.Sleep(time.Until(deadline))
		return nil
	}
	err := w.reader.Read(deadline, w.copied)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// copied takes in one copy.
func (w *watcher) copied(c nflog.Copy) {
	if c.Bridged {
		return // nothing was routed, and no rules judge it
	}
	if w.packet.Parse(c.Frame) != packet.NoFault {
		w.tracker.skipped.Unread++
		return
	}
	w.tracker.Packet(Seen{At: time.Now(), Hook: filter.Hook(c.Hook), In: w.devices[c.In],
		Out: w.devices[c.Out], Packet: &w.packet})
}

// look looks at the machine.
func (w *watcher) look(devices bool) error {
	begin := time.Now()
	if devices {
		if err := w.links(); err != nil {
			return err
		}
	}
	list, err := w.sockets.List()
	if err != nil {
		return err
	}
	w.looked = time.Now()
	v := NewView(list, w.tracked, w.own)
	w.tracker.Look(v)
	w.idle.connections(w.looked, v, list, w.found.Blind != nil)
	w.idle.tracked(w.looked, v, w.tracked)
	w.took = time.Since(begin)
	w.found.Listeners = slices.DeleteFunc(list, func(s sockets.Socket) bool { return !s.Listens() })
	return nil
}

// links reads the devices and their addresses.
func (w *watcher) links() error {
	list, err := w.Links()
	if err != nil {
		return fmt.Errorf("the devices of this machine: %w", err)
	}
	w.linked, w.devices, w.own = time.Now(), make(map[uint32]string), nil
	for _, l := range list {
		if slices.Contains(w.Devices, l.Name) {
			w.devices[l.Index] = l.Name
		}
		w.own = append(w.own, l.Addresses...)
	}
	return nil
}

// finish takes in what is left, and what no packet told of.
func (w *watcher) finish() {
	ended := func(err error) {
		if w.found.Ended == nil {
			w.found.Ended = err
		}
	}
	if w.table != nil {
		_ = w.table.Close() // the kernel takes it away with its socket anyway
		w.table = nil
	}
	// No more copies are made, so what is left has an end.
	for w.reader != nil {
		err := w.reader.Read(time.Now().Add(rest), w.copied)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			ended(err)
			break
		}
	}
	ended(w.look(false))
	watched := make(map[string]bool)
	for _, d := range w.Devices {
		watched[d] = true
	}
	w.idle.finish(w.tracker, watched)
	w.found.End, w.found.Skipped = time.Now(), w.tracker.Skipped()
}
