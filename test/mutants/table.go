package main

import "slices"

// mutant is one seeded fault: a text of one file and what stands there instead.
type mutant struct {
	name, what string
	file       string
	old, new   string
	// packages are tested first; the black-box tests that are not among them come after.
	packages []string
	// total mutants are judged by every black-box test on its own.
	total bool
}

// withoutPackets are black-box tests that no fault of the engine can concern.
var withoutPackets = map[string]bool{
	"TestServiceExposure": true,
	"TestServiceConfines": true,
	"TestServiceOrder":    true,
}

var (
	engine = []string{"./filter"}
	table  = []string{"./conntrack", "./filter"}
	kept   = []string{"./conntrack/keep", "./conntrack"}
	daemon = []string{"./cmd/internal/enforce", "./cmd/internal/daemon"}
	parser = []string{"./filter/packet", "./filter"}
	// random are the random trials: these are faults that need the right packet at
	// the right time.
	random = []string{"./test/differential"}
	// carrying are tests with the datapath that carries.
	carrying = []string{"./test/offload"}
	rules    = []string{"./policy", "./policy/file"}
)

// mutants are all faults.
var mutants = slices.Concat(totals, decisions, rulesets, flows, acls, remedies, policies, programs,
	exports, offloads, failures)

// totals take every decision away from the engine.
var totals = []mutant{
	{
		name: "accept-all", what: "every packet passes", total: true,
		file: "filter/worker.go",
		old:  "	return r.Accepts()\n", new: "	_ = r\n	return true\n",
	},
	{
		name: "drop-all", what: "no packet passes", total: true,
		file: "filter/worker.go",
		old:  "	return r.Accepts()\n", new: "	_ = r\n	return false\n",
	},
}
