package learn

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/policy/learn"
	"sgfw/policy/member"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestEndedEarly: what was seen is not lost when watching cannot go on, and why is told. Where
// nothing was seen there is nothing to tell but that.
func TestEndedEarly(t *testing.T) {
	lab := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "here"}}})
	for seen := range 2 {
		c := Config{Devices: []string{"eth0"}, For: time.Minute,
			Links: func() ([]member.Link, error) { return nil, nil }}
		w := newWatcher(c)
		turns := 0
		w.Progress = func(Progress) {
			if turns++; turns == 2 && w.reader.Close() != nil {
				t.Error("the reader is not there")
			}
		}
		for range seen {
			w.found.Record.Add(learn.Sighting{Service: learn.Service{Device: "eth0",
				Protocol: policy.TCP, From: 22, To: 22}, Peer: netip.MustParseAddr("10.0.0.1"), At: begin})
		}
		var found *Found
		began := time.Now()
		err := lab.Host("here").Do(func() (err error) {
			found, err = w.watch(t.Context())
			return err
		})
		switch {
		case time.Since(began) > 30*time.Second:
			t.Error("it went on")
		case seen == 0 && !errors.Is(err, os.ErrClosed):
			t.Errorf("nothing was seen: %v", err)
		case seen > 0 && (err != nil || !errors.Is(found.Ended, os.ErrClosed) || found.End.Before(began)):
			t.Errorf("%v, %+v", err, found)
		case seen > 0 && !slices.Equal(rules(t, found.Record), []string{
			"eth0 ingress tcp 22 10.0.0.1/32 ssh"}):
			t.Errorf("rules %q", rules(t, found.Record))
		}
	}
}
