package nft

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"sgfw/filter/nflog"
)

// copies reads the copies of an observation in a namespace, until none comes for a while.
func copies(t *testing.T, r *nflog.Reader) (out []string) {
	t.Helper()
	for {
		err := r.Read(time.Now().Add(200*time.Millisecond), func(c nflog.Copy) {
			b := c.Frame.Bytes
			text := fmt.Sprintf("hook %d %v %v protocol ", c.Hook, c.In != 0, c.Out != 0)
			if b[0]>>4 == 4 && b[9] == 17 {
				text += fmt.Sprintf("17 to %d", int(b[22])<<8|int(b[23]))
			} else if b[0]>>4 == 6 && b[6] == 17 {
				text += fmt.Sprintf("17 to %d", int(b[42])<<8|int(b[43]))
			} else {
				return // the kernel's own
			}
			out = append(out, text)
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			slices.Sort(out)
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestObserve: the first packet of each conversation through a device is copied once, by its
// hook and devices, and arrives; those of other devices are not. There is one observation in a
// namespace, and nothing of it is left.
func TestObserve(t *testing.T) {
	host, peer := pair(t)
	needFlags(t, host.open(), tableOwner)
	var group uint16
	var reader *nflog.Reader
	host.do(func() (err error) {
		for group = range ObserveGroups {
			if reader, err = nflog.Open(group); !errors.Is(err, nflog.ErrTaken) {
				break
			}
		}
		if err == nil {
			if _, other := nflog.Open(group); !errors.Is(other, nflog.ErrTaken) {
				t.Errorf("a second listener: %v", other)
			}
		}
		return err
	})
	defer reader.Close()
	near, far := host.udp("10.7.0.1:9000"), peer.udp("10.7.0.2:9001")
	defer near.Close()
	defer far.Close()
	for _, devices := range [][]string{{"eth0"}, {"eth1"}} {
		o, err := Observe(group, devices, InNamespace(host.fd))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Observe(group, devices, InNamespace(host.fd)); !errors.Is(err, ErrObserved) {
			t.Errorf("a second observation: %v", err)
		}
		for range 3 {
			send(t, far, "10.7.0.1:9000", []byte("knock"))
			if !gets(near, "knock", waitFor(true)) {
				t.Error("in: lost while it is observed")
			}
			send(t, near, "10.7.0.2:9001", []byte("answer"))
			if !gets(far, "answer", waitFor(true)) {
				t.Error("out: lost while it is observed")
			}
		}
		var want []string
		if devices[0] == "eth0" {
			want = []string{"hook 1 true false protocol 17 to 9000", "hook 3 false true protocol 17 to 9001"}
		}
		if got := copies(t, reader); !slices.Equal(got, want) {
			t.Errorf("%s: copies %q, want %q", devices, got, want)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if removed, err := Cleanup(InNamespace(host.fd)); err != nil || len(removed) > 0 {
			t.Errorf("left: %v, %v", removed, err)
		}
	}
	if reader.Lost() > 0 {
		t.Errorf("%d lost", reader.Lost())
	}
}
