package enforce

import (
	"errors"
	"testing"

	"github.com/mdlayher/netlink"

	"sgfw/filter"
	"sgfw/filter/offload"
	"sgfw/policy"
	"sgfw/policy/member"
)

// refusing is a table whose transactions fail while err is set.
type refusing struct{ err error }

func (r *refusing) Transact([]netlink.Message) ([]netlink.Message, error) { return nil, r.err }

// TestUnflushedIsKnown: what could not be taken back from the kernel when the rules changed is
// still to be taken back, until it was.
func TestUnflushedIsKnown(t *testing.T) {
	p := &policy.Policy{}
	rs := filter.Compile(p, member.Resolve(p, member.Facts{}))
	owner := &refusing{errors.New("no memory")}
	c := &carried{worker: filter.NewEngine(filter.Config{Offload: true}, rs).NewWorker()}
	var err error
	cfg := carriedBy(policy.DefaultSettings, 1)
	if c.sets, err = offload.Open("no-such-table", owner, cfg, 0); err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if c.unflushed() {
		t.Error("there was nothing to take back")
	}
	if err := c.flush(); !errors.Is(err, owner.err) || !c.unflushed() {
		t.Errorf("a failure: %v, unflushed %v", err, c.unflushed())
	}
	if err := c.flush(); !errors.Is(err, owner.err) || !c.unflushed() {
		t.Errorf("another one: %v, unflushed %v", err, c.unflushed())
	}
	owner.err = nil
	_ = c.flush() // there is no such table to read
	if c.unflushed() {
		t.Error("it was taken back, and is still to be")
	}
}
