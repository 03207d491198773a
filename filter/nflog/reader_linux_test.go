package nflog

import (
	"errors"
	"os"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestClose: whoever reads while it is closed, or after that, hears that it is; before that,
// that there was nothing in time.
func TestClose(t *testing.T) {
	lab := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "here"}}})
	var r *Reader
	if err := lab.Host("here").Do(func() (err error) {
		r, err = Open(4270)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	none := func(Copy) { t.Error("a packet came") }
	if err := r.Read(time.Now().Add(time.Millisecond), none); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("in time: %v", err)
	}
	waits := make(chan error)
	go func() { waits <- r.Read(time.Time{}, none) }()
	time.Sleep(20 * time.Millisecond)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for _, err := range []error{<-waits, r.Read(time.Time{}, none), r.Read(time.Now().Add(time.Minute),
		none)} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
}
