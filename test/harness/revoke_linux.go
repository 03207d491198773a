package harness

import "testing"

// Revoked is what `sgfw flows revoke -o json` says.
type Revoked struct {
	Schema  string
	DryRun  bool `json:"dry_run"`
	Revoked struct {
		Count     int
		Permitted int `json:"still_permitted"`
		Flows     []ListedFlow
	}
}

// Revoke cuts flows and compares how many it says were cut, and are still permitted.
func (d *Daemon) Revoke(t testing.TB, count, permitted int, args ...string) {
	t.Helper()
	var r Revoked
	d.Document(&r, append([]string{"flows", "revoke"}, args...)...)
	if r.Schema != "sgfw/v1" || r.Revoked.Count != count || r.Revoked.Permitted != permitted ||
		len(r.Revoked.Flows) != count {
		t.Errorf("flows revoke %v: %+v, want %d flows, %d of them permitted", args, r, count, permitted)
	}
}
