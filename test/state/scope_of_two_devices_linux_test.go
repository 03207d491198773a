package state

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestScopeOfTwoDevices: packets of a flow pass through every device of its scope
// and no other, and both devices answer for it in listings and revocations.
func TestScopeOfTwoDevices(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T26")
	far, near := roundabout(t)
	d := harness.Enforce(t, near, roundaboutPolicy("up links"))
	for i, a := range farSelf {
		b := nearSelf[i]
		service, asker := harness.NewInbox(t, near, harness.AddrPort(b, 8000)),
			harness.NewInbox(t, far, harness.AddrPort(a, 40000))
		through := func(dev string) harness.Shot {
			s := harness.Datagram(t, "through "+dev, asker, service, harness.AddrPort(b, 8000))
			s.Send = func() []byte {
				content := harness.Nonce()
				if err := far.Device(dev).Send(
					wire.UDP(harness.AddrPort(a, 40000), harness.AddrPort(b, 8000), content)); err != nil {
					t.Error(err)
				}
				return content
			}
			return s
		}
		harness.Volley(t, []harness.Shot{
			harness.Drops(through("eth0")), harness.Drops(through("eth2")), harness.Passes(through("eth1"))})
		harness.Volley(t, []harness.Shot{
			harness.Drops(through("eth2")), harness.Passes(through("eth0")),
			harness.Passes(through("eth1"))})
		if _, ok := asker.Receives(service.Send(t, harness.AddrPort(a, 40000)),
			harness.ArrivalTimeout); !ok {
			t.Errorf("%s: no answer through the other device", harness.FamilyName(a))
		}

		for _, selector := range []string{"eth0", "eth1", "scope:up links"} {
			var doc struct {
				Flows []struct{ Interface, Scope, Local string }
			}
			d.Document(&doc, "flows", "--interface", selector, "--port", "8000", "--address", a.String())
			if len(doc.Flows) != 1 || doc.Flows[0].Interface != "" || doc.Flows[0].Scope != "up links" {
				t.Errorf("%s: flows of %s: %+v", harness.FamilyName(a), selector, doc)
			}
		}
		if out, _ := d.Sgfw("flows", "--interface", "eth2"); strings.Contains(out, "udp") {
			t.Errorf("%s: eth2 has flows:\n%s", harness.FamilyName(a), out)
		}
		if out, _ := d.Sgfw("flows", "--address", a.String()); !strings.Contains(out, "scope:up links") {
			t.Errorf("%s: the table does not name the scope:\n%s", harness.FamilyName(a), out)
		}
		// The flow is one: cut at one of its devices it is cut at both.
		if out, code := d.Sgfw("flows", "revoke", "--interface", "eth0", "--address",
			a.String()); code != 0 || !strings.Contains(out, "1 flow revoked") {
			t.Errorf("%s: revoke: exit %d\n%s", harness.FamilyName(a), code, out)
		}
		if _, ok := asker.Receives(service.Send(t, harness.AddrPort(a, 40000)),
			harness.SilenceTimeout); ok {
			t.Errorf("%s: an answer of a flow that was revoked", harness.FamilyName(a))
		}
		harness.Volley(t, []harness.Shot{harness.Drops(through("eth0")),
			harness.Drops(through("eth2")), harness.Passes(through("eth1"))})
	}
}
