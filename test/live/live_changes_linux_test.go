package live

import "testing"

// TestLiveChanges changes a policy in every way that there is under live flows of
// every kind and of both families: what becomes of these, of errors about them and
// of new flows, and what the reload and a dry run of it say of them. A flow that
// nothing concerns loses no packet. See livePolicy.passes for what is expected.
func TestLiveChanges(t *testing.T) {
	for _, w := range []liveWorld{
		{near: true}, {near: false}, {near: true, aws: true}, {near: false, aws: true},
		{near: false, guest: true}, {near: true, guest: true, aws: true},
	} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			w.changes(t)
		})
	}
}
