package differential

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/test/naive"
)

// Tape is traffic under one policy, as an engine saw it.
type Tape struct {
	// Policy, Links and Resolvers are what the engine judged by, and Ruleset what it made of them.
	Policy    *policy.Policy
	Links     []member.Link
	Resolvers []netip.Addr
	Ruleset   *filter.Ruleset
	// Sights are the packets in each hook in which they were judged, and Passes whether the
	// naive machine let them go on; of one that is judged in several hooks it says so of the last,
	// and true of those before it.
	Sights []filter.Sight
	Passes []bool
	// Epoch is when the traffic began on the engine's clock.
	Epoch conntrack.Time
}

// Record makes the traffic of a seed: at least so many packets over so much time. The engine
// and the naive machine agree about each, which is an error otherwise.
func (w *World) Record(seed uint64, packets int, over time.Duration) (*Tape, error) {
	random := rand.New(rand.NewPCG(seed, 0))
	first := w.Policy(random)
	traffic := w.NewTraffic(random, first)
	pair := w.newPair(make(map[*naive.Policy]*policy.Policy))
	if _, err := pair.step(Step{Policy: first}); err != nil {
		return nil, err
	}
	e := pair.engine
	out := &Tape{Policy: e.parsed[first], Links: e.links, Resolvers: e.servers,
		Ruleset: e.filter.Ruleset(), Epoch: e.now}
	tap := e.filter.Tap(8, filter.MaxSnap, filter.Selection{Reasons: filter.Everything})
	defer tap.Close()
	passed := time.Duration(0)
	for n := 0; n < packets || passed < over; n++ {
		s := traffic.Next()
		s.Policy, s.Revoke = nil, ""
		passed += s.Wait
		of, err := pair.step(s)
		if err == nil && of != "" {
			err = fmt.Errorf("seed %d, packet %d: %s", seed, n+1, of)
		}
		if err != nil {
			return nil, err
		}
		passes := pair.verdict.Reason.Passes()
		traffic.Delivered(passes)
		list, _ := tap.Take()
		for i, x := range list {
			x.Bytes = append([]byte(nil), x.Bytes...)
			out.Sights = append(out.Sights, x)
			out.Passes = append(out.Passes, i < len(list)-1 || passes)
		}
	}
	return out, nil
}
