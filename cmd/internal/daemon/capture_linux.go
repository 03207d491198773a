package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy/member"
)

const (
	// captureBuffer is how many packets wait for whoever captures. Two buffers of it are less
	// than 8 MB.
	captureBuffer = 4096
	// captureLossEvery is how often it is told how many packets were lost.
	captureLossEvery = time.Second
)

// Capture implements [control.Backend].
func (d *daemon) Capture(ctx context.Context, q api.CaptureQuery, begin func() error,
	send func([]api.CapturePart) error) error {
	e := d.enforcer.Engine()
	sel, err := explain.SelectPackets(q, e.Ruleset())
	if err != nil {
		return failure(err)
	}
	tap := e.Tap(captureBuffer, q.Snap, sel)
	defer tap.Close()
	if err := begin(); err != nil {
		return err
	}
	return newCapturing(e).run(ctx, tap, send)
}

// capturing makes the parts of one capture. It is for one goroutine.
type capturing struct {
	engine   *filter.Engine
	recorder *explain.Recorder
	// wall and now are one moment: all time stamps are as far apart as on the engine's clock.
	wall time.Time
	now  conntrack.Time
	// names are those of the devices of recorder's ruleset, and told what was said of those
	// that are there.
	names map[uint32]string
	told  map[string][]netip.Prefix
	parts []api.CapturePart
}

func newCapturing(e *filter.Engine) *capturing {
	return &capturing{engine: e, wall: time.Now(), now: e.Now()}
}

// run sends what the tap sees until ctx ends.
func (c *capturing) run(ctx context.Context, tap *filter.Tap,
	send func([]api.CapturePart) error) error {
	t := time.NewTicker(captureLossEvery)
	defer t.Stop()
	lost := uint64(0)
	for {
		c.parts = c.parts[:0]
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if lost > 0 {
				c.parts = append(c.parts, api.CapturePart{Type: api.CaptureLost, Lost: lost})
				lost = 0
			}
		case <-tap.Ready():
			time.Sleep(logPause)
			list, n := tap.Take()
			lost += n
			slices.SortStableFunc(list, func(a, b filter.Sight) int { return cmp.Compare(a.Time, b.Time) })
			c.meet()
			for i := range list {
				c.parts = append(c.parts, c.recorder.Captured(&list[i],
					c.wall.Add(list[i].Time.Sub(c.now)), c.name))
			}
		}
		if len(c.parts) == 0 {
			continue
		}
		if err := send(c.parts); err != nil {
			return err
		}
	}
}

// meet takes the ruleset in force, and says which devices are new or have other addresses.
func (c *capturing) meet() {
	rs := c.engine.Ruleset()
	if c.recorder != nil && c.recorder.Ruleset() == rs {
		return
	}
	c.recorder, c.names = explain.NewRecorder(rs), make(map[uint32]string)
	was := c.told
	c.told = make(map[string][]netip.Prefix)
	links := rs.Links()
	slices.SortFunc(links, func(a, b member.Link) int { return cmp.Compare(a.Index, b.Index) })
	for _, l := range links {
		c.names[l.Index] = l.Name
		own := prefixes(l)
		c.told[l.Name] = own
		if before, known := was[l.Name]; !known || !slices.Equal(before, own) {
			c.parts = append(c.parts, api.CapturePart{Type: api.CaptureDevice, Device: l.Name,
				Addresses: own})
		}
	}
}

// name is that of a device by its index, "" for none.
func (c *capturing) name(index uint32) string { return c.names[index] }

// prefixes are the addresses of a device with their networks, as far as its broadcast
// addresses tell them.
func prefixes(l member.Link) (out []netip.Prefix) {
	for _, a := range l.Addresses {
		p := netip.PrefixFrom(a, a.BitLen())
		for bits := 1; a.Is4() && bits <= 30; bits++ {
			if whole := netip.PrefixFrom(a, bits); slices.Contains(l.Broadcasts, member.Broadcast(whole)) {
				p = whole
				break
			}
		}
		out = append(out, p)
	}
	return out
}
