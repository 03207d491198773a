package state

import (
	"io"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestDownloadIsCut is row 10: the rule for port 80 goes in the middle of a
// download, and no segment of the client's passes any more, so that it ends within
// a window. Under tracking: always it goes on.
func TestDownloadIsCut(t *testing.T) {
	parity.Proves(t, "row 10", "T15")
	for _, c := range []struct {
		setting string
		goesOn  bool
	}{{asAWS, false}, {"tracking: always", true}} {
		t.Run(c.setting, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			d := harness.Enforce(t, server.Host(),
				harness.PolicyWith([]string{harness.Allow("tcp", 80)}, []string{toEverybody}, c.setting))
			for _, far := range harness.BothAddresses(server) {
				d.Reload(harness.PolicyWith([]string{harness.Allow("tcp", 80)}, []string{toEverybody},
					c.setting))
				conns := harness.Accepting(t, server.Host(), harness.AddrPort(far, 80))
				get := harness.DialTCP(t, client.Host(), harness.Anywhere, harness.AddrPort(far, 80),
					harness.ArrivalTimeout)
				if get == nil {
					t.Fatal("no session")
				}
				defer get.Close()
				page := harness.Accept(t, conns)
				page.SetDeadline(time.Time{})
				go io.Copy(page, endless{})
				reads := func(n int64, wait time.Duration) bool {
					get.SetReadDeadline(time.Now().Add(wait))
					got, _ := io.CopyN(io.Discard, get, n)
					return got == n
				}
				if !reads(1<<20, harness.ArrivalTimeout) {
					t.Fatal("no download")
				}
				d.Reload(harness.PolicyWith(nil, []string{toEverybody}, c.setting))
				if c.goesOn {
					if !reads(64<<20, 2*harness.ArrivalTimeout) {
						t.Errorf("%s: the download was cut", harness.FamilyName(far))
					}
				} else {
					// More than any window holds never comes.
					for more := 0; reads(1<<20, 2*harness.SilenceTimeout); more++ {
						if more == 64 {
							t.Fatalf("%s: the download goes on", harness.FamilyName(far))
						}
					}
				}
				page.Close()
			}
		})
	}
}

// endless is a page without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
