package operations

import (
	"net/netip"
	"slices"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// whyDocument is what `sgfw why -o json` says.
type whyDocument struct {
	Schema string
	Drops  []struct {
		Count                              uint64
		Reason, Interface, Direction, From string
		Services                           []string
		Now                                *struct {
			Verdict  string
			Remedies []struct {
				Kind    string
				Changes []struct{ Lines []string }
			}
		}
		Process *struct{ PID int }
	}
}

// TestWhyFoldsDrops: a scan is one entry with what would happen now; after a rule it says that
// such a packet passes, and then it does.
func TestWhyFoldsDrops(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.Closed)
	ports := []string{"tcp 21", "tcp 22", "tcp 23"}
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.Reload(harness.Closed)
		for _, port := range []int{21, 22, 23} {
			if harness.Connects(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, port),
				harness.SilenceTimeout/4) {
				t.Fatal("it is closed, and yet something passes")
			}
		}
		var doc whyDocument
		d.Document(&doc, "why", "from:"+near.String())
		if doc.Schema != "sgfw/v1" || len(doc.Drops) != 1 {
			t.Fatalf("%+v", doc)
		}
		x := doc.Drops[0]
		slices.Sort(x.Services)
		if x.Count < 3 || x.Reason != "no-rule" || x.Interface != "eth0" || x.Direction != "ingress" ||
			x.From != near.String() || !slices.Equal(x.Services, ports) || x.Process != nil {
			t.Errorf("a scan is %+v", x)
		}
		if x.Now == nil || x.Now.Verdict != "drop" || len(x.Now.Remedies) != 1 ||
			x.Now.Remedies[0].Kind != "rule" || len(x.Now.Remedies[0].Changes) != 1 {
			t.Fatalf("and now: %+v", x.Now)
		}
		d.Reload(harness.PolicyWith([]string{harness.Allow("tcp", 21), harness.Allow("tcp", 22),
			harness.Allow("tcp", 23)}, nil))
		doc = whyDocument{}
		d.Document(&doc, "why", "from:"+near.String())
		if x := doc.Drops[0]; x.Now == nil || x.Now.Verdict != "accept" || len(x.Now.Remedies) > 0 {
			t.Errorf("with a rule: %+v", x.Now)
		}
		harness.EchoOn(t, server.Host(), harness.AddrPort(far, 22))
		if !harness.Connects(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, 22),
			harness.ArrivalTimeout) {
			t.Error("why said that it passes, and it does not")
		}
	})
}
