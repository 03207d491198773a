package state

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// TestAsymmetricRoutes: a host whose answers leave through another device than the
// questions came in through has no connections by itself, because flows belong to
// one device; with a scope it has, and only what the rules of the device allow
// where it begins (T26).
func TestAsymmetricRoutes(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T26")
	far, near := roundabout(t)
	for _, a := range farSelf {
		harness.Echoes(t, far, a, 8000, 8001)
	}
	for _, a := range nearSelf {
		harness.Echoes(t, near, a, 8000, 8001)
	}
	all := func(shared bool) (list []harness.Attempt) {
		for i, a := range farSelf {
			b := nearSelf[i]
			for _, network := range []string{"tcp", "udp"} {
				list = append(list,
					harness.Expect(harness.PassIf(shared),
						harness.Exchange(t, "asked at eth1", far, network, a, harness.AddrPort(b, 8000))),
					harness.Drops(harness.Exchange(t, "asked for what eth0 may ask", far, network, a,
						harness.AddrPort(b, 8001))),
					harness.Expect(harness.PassIf(shared),
						harness.Exchange(t, "asks at eth0", near, network, b, harness.AddrPort(a, 8001))),
					harness.Drops(harness.Exchange(t, "asks for what eth1 may be asked", near, network, b,
						harness.AddrPort(a, 8000))))
			}
			list = append(list, harness.Expect(harness.PassIf(shared),
				harness.Ping(t, "asked at eth1", far, a, b)),
				harness.Drops(harness.Ping(t, "asks at eth0", near, b, a)))
		}
		return list
	}
	d := harness.Enforce(t, near, roundaboutPolicy(""))
	harness.Run(t, all(false))
	d.Reload(roundaboutPolicy("uplinks"))
	harness.Run(t, all(true))
	d.Reload(roundaboutPolicy(""))
	harness.Run(t, all(false))
}
