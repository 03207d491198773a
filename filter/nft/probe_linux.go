package nft

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/filter/offload"
)

// probe finds out what the kernel understands. Each question is one transaction
// that makes a scratch table and deletes it again, so it is never visible and
// leaves nothing behind.
func probe(ns int) (features, error) {
	var f features
	s, err := dial(ns)
	if err != nil {
		return f, err
	}
	defer s.CloseLasting()
	scratch := fmt.Sprintf("%s-probe-%d", TableName, os.Getpid())

	understands := func(exprs ...expr.Any) (bool, error) {
		t := s.AddTable(&nftables.Table{Name: scratch, Family: nftables.TableFamilyINet})
		c := s.AddChain(&nftables.Chain{Name: "probe", Table: t})
		s.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: exprs})
		s.DelTable(t)
		return verdict(s.commit())
	}
	keeps := func(flags uint32) (bool, error) {
		return verdict(s.transact(newTable(scratch, flags), deleteTable(scratch)))
	}

	for _, kind := range []QueueKind{QueueNative, QueueXT} {
		if ok, err := understands(queueTo(kind, 1, 1, 0)); err != nil {
			return f, fmt.Errorf("probe queue expression: %w", err)
		} else if ok {
			f.queue = kind
			break
		}
	}
	if f.queue == "" {
		return f, ErrNoQueue
	}
	f.reassembly = ReassemblyNone
	for _, kind := range []Reassembly{ReassemblyTProxy, ReassemblyConntrack} {
		if ok, err := understands(holdReassembly(kind)...); err != nil {
			return f, fmt.Errorf("probe reassembly holder: %w", err)
		} else if ok {
			f.reassembly = kind
			break
		}
	}
	if f.fib, err = understands(addressType(expr.Fib{FlagSADDR: true}, rtnLocal)...); err != nil {
		return f, fmt.Errorf("probe fib expression: %w", err)
	}
	if f.port, err = understands(deviceAmong([]uint32{1})); err != nil {
		return f, fmt.Errorf("probe bpf match: %w", err)
	}
	f.wire = f.fib && kernelFrom(5, 7)
	if f.owner, err = keeps(tableOwner); err != nil {
		return f, fmt.Errorf("probe owned tables: %w", err)
	}
	if f.owner {
		if f.persist, err = keeps(tableOwner | tablePersist); err != nil {
			return f, fmt.Errorf("probe persistent tables: %w", err)
		}
	}
	f.offload, err = s.probeOffload(f, scratch, probedOffload)
	return f, err
}

// probedOffload stands for any configuration: the kernel does not care about numbers.
var probedOffload = offload.Config{Marks: offload.DefaultMarks, Lifetime: offload.MaxLifetime,
	Opening: offload.MinLifetime, Flows: 1 << 15}

// probeOffload finds out what the kernel lacks to carry on with flows, nil for nothing. That
// a verdict may send a packet through its chain again (NF_REPEAT) every kernel with queues
// has; what it lacks to read counters, [offload.Sets] does without.
func (s *socket) probeOffload(f features, scratch string, c offload.Config) (missing, err error) {
	if !f.owner {
		return errNoOwner, nil
	}
	table := &nftables.Table{Name: scratch, Family: nftables.TableFamilyINet}
	rules := offload.Rules(c)
	others := chain{name: "probe",
		rules: slices.Concat(rules.Before, rules.Forged, [][]expr.Any{rules.Wait})}
	for _, step := range []struct {
		missing error
		chains  []chain
	}{
		{missing: errNoSets},
		{errNoCarry, append(carriage(slices.Concat(rules.Carry, rules.Decided)), others)},
	} {
		t := s.AddTable(table)
		for _, set := range offload.Declare(c, t) {
			if err := s.AddSet(set, nil); err != nil {
				return nil, fmt.Errorf("probe sets of carried flows: %w", err)
			}
		}
		for _, c := range step.chains {
			s.AddChain(c.of(t))
		}
		if err := s.addRules(t, step.chains); err != nil {
			return nil, fmt.Errorf("probe offload: %w", err)
		}
		s.DelTable(t)
		if ok, err := verdict(s.commit()); err != nil {
			return nil, fmt.Errorf("probe offload: %w", err)
		} else if !ok {
			return step.missing, nil
		}
	}
	return nil, nil
}

// verdict tells a kernel that does not know something from one that cannot be
// asked.
func verdict(err error) (bool, error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return false, nil
	}
	return false, err
}
