package nft

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// readTries bounds how often reading starts over because of other transactions.
const readTries = 20

// snapshot is our table as the kernel shows it, byte for byte. Nothing in it
// counts packets, so it only changes when somebody changes the table.
type snapshot struct {
	generation uint32
	table      []byte
	chains     map[string][]byte
	rules      map[string][]installedRule
	maps       map[string]map[string]string // the maps that the rules use, by name
}

// installedRule is a rule of a chain: the whole message, handle and position
// included, its expressions, and the map that it uses, "" for none.
type installedRule struct {
	message, exprs []byte
	uses           string
}

// read takes a snapshot between two transactions and checks it. A snapshot that is not
// sound is an error at once: only a transaction that changes our table can make it so,
// and a program that alters it in a loop must not keep us reading.
func (s *socket) read(names []string, sound func(*snapshot) error) (*snapshot, error) {
	for range readTries {
		before, _, err := s.generation()
		if err != nil {
			return nil, err
		}
		snap, err := s.readOnce(names)
		if err == nil {
			err = sound(snap)
		}
		if errors.Is(err, ErrMissing) || errors.Is(err, ErrAltered) {
			return nil, err
		}
		after, _, genErr := s.generation()
		if genErr != nil {
			return nil, genErr
		}
		if before != after {
			continue
		}
		if err != nil {
			return nil, err
		}
		snap.generation = after
		return snap, nil
	}
	return nil, errors.New("read back: the ruleset keeps changing")
}

func (s *socket) readOnce(names []string) (*snapshot, error) {
	st, err := s.table(TableName)
	if err != nil {
		return nil, err
	}
	if !st.exists {
		return nil, ErrMissing
	}
	snap := &snapshot{table: st.raw, chains: make(map[string][]byte),
		rules: make(map[string][]installedRule),
		maps:  make(map[string]map[string]string)}
	for _, n := range names {
		answers, err := s.raw.Execute(message(unix.NFT_MSG_GETCHAIN, 0, []netlink.Attribute{
			name(unix.NFTA_CHAIN_TABLE, TableName), name(unix.NFTA_CHAIN_NAME, n)}))
		if errors.Is(err, unix.ENOENT) {
			return nil, fmt.Errorf("%w: chain %s", ErrMissing, n)
		}
		if err != nil {
			return nil, fmt.Errorf("read chain %s: %w", n, err)
		}
		for _, m := range answers {
			snap.chains[n] = body(m)
		}
	}
	rules, err := s.raw.Execute(message(unix.NFT_MSG_GETRULE, netlink.Dump, []netlink.Attribute{
		name(unix.NFTA_RULE_TABLE, TableName)}))
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	for _, m := range rules {
		if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWRULE {
			continue
		}
		ad, err := attributes(m)
		if err != nil {
			return nil, err
		}
		var table, chain string
		r := installedRule{message: body(m)}
		for ad.Next() {
			switch ad.Type() {
			case unix.NFTA_RULE_TABLE:
				table = ad.String()
			case unix.NFTA_RULE_CHAIN:
				chain = ad.String()
			case unix.NFTA_RULE_EXPRESSIONS:
				r.exprs = ad.Bytes()
			}
		}
		if err := ad.Err(); err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		// Kernels before 4.9 do not filter the dump.
		if table == TableName {
			if r.uses, err = usedMap(r.exprs); err != nil {
				return nil, err
			}
			snap.rules[chain] = append(snap.rules[chain], r)
		}
	}
	for _, chain := range snap.rules {
		for _, r := range chain {
			if r.uses == "" {
				continue
			}
			if snap.maps[r.uses], err = s.readMap(TableName, r.uses); err != nil {
				return nil, err
			}
		}
	}
	return snap, nil
}

// remember reads the table back, compares it with the plan, and keeps it for Verify. The
// caller holds the lock.
func (t *Table) remember(p Plan, chains []chain) error {
	t.plan, t.chains, t.installed = p, chains, nil
	t.wire = slices.ContainsFunc(chains, func(c chain) bool { return c.name == chainPrerouting })
	snap, err := t.s.read(chainNames(chains), func(s *snapshot) error { return s.holds(chains) })
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	t.installed = snap
	return nil
}

func chainNames(chains []chain) []string {
	names := make([]string, len(chains))
	for i, c := range chains {
		names[i] = c.name
	}
	return names
}

// holds checks that the planned rules are there, in order, and no others.
func (s *snapshot) holds(chains []chain) error {
	for _, c := range chains {
		have := s.rules[c.name]
		if len(have) != len(c.rules) {
			return fmt.Errorf("%w: chain %s has %d rules, not %d", ErrAltered, c.name, len(have),
				len(c.rules))
		}
		var used []map[string]string
		for _, r := range have {
			if r.uses != "" {
				used = append(used, s.maps[r.uses])
			}
		}
		if !slices.EqualFunc(c.maps, used, chainMap.equal) {
			return fmt.Errorf("%w: devices of chain %s", ErrAltered, c.name)
		}
		for i, r := range c.rules {
			if ok, err := sameRule(r, have[i].exprs); err != nil {
				return err
			} else if !ok {
				return fmt.Errorf("%w: chain %s, rule %d of %d differs", ErrAltered, c.name, i+1, len(have))
			}
		}
	}
	return nil
}

// sameRule compares expressions with the kernel's account of them.
func sameRule(want []expr.Any, have []byte) (bool, error) {
	list, err := netlink.UnmarshalAttributes(have)
	if err != nil {
		return false, fmt.Errorf("expressions of a rule: %w", err)
	}
	if len(list) != len(want) {
		return false, nil
	}
	for i, e := range want {
		b, err := marshal(e)
		if err != nil {
			return false, fmt.Errorf("expression %T: %w", e, err)
		}
		if !contains(list[i].Data, b) {
			return false, nil
		}
	}
	return true, nil
}

// contains tells whether every attribute of want is in have with the same value.
// The kernel may show more than it was told: defaults, and padding.
func contains(have, want []byte) bool {
	w, err := netlink.UnmarshalAttributes(want)
	if err != nil {
		return false
	}
	h, err := netlink.UnmarshalAttributes(have)
	if err != nil {
		return false
	}
	for _, a := range w {
		kind := a.Type &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		i := slices.IndexFunc(h, func(b netlink.Attribute) bool {
			return b.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER) == kind
		})
		switch {
		case i < 0:
			return false
		case bytes.Equal(a.Data, h[i].Data), bytes.Equal(append(slices.Clip(a.Data), 0), h[i].Data):
			// Names come back with a terminating zero.
		case a.Type&unix.NLA_F_NESTED == 0 || !contains(h[i].Data, a.Data):
			return false
		}
	}
	return true
}

// Verify checks that the table is still what Apply or Flush installed. It returns nil,
// ErrMissing or ErrAltered with detail; nil if nothing is installed. While nobody changes
// any ruleset it costs one message, so it may be polled.
func (t *Table) Verify() error {
	_, err := t.verify()
	return err
}

// verify is Verify, and returns the generation of the ruleset at which it began; 0 if it
// did not look.
func (t *Table) verify() (generation uint32, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, fmt.Errorf("table inet %s: %w", TableName, os.ErrClosed)
	}
	if t.chains == nil {
		return 0, nil
	}
	if generation, _, err = t.s.generation(); err != nil {
		return 0, err
	}
	if t.installed != nil && t.installed.generation == generation {
		return generation, nil
	}
	if t.installed == nil {
		return generation, fmt.Errorf("%w: it has not been in order since", ErrAltered)
	}
	now, err := t.s.read(chainNames(t.chains), t.installed.differs)
	if err != nil {
		return generation, err
	}
	t.installed = now
	return generation, nil
}

// differs names the first difference between two snapshots.
func (s *snapshot) differs(now *snapshot) error {
	for _, n := range slices.Sorted(maps.Keys(s.chains)) {
		if !slices.EqualFunc(s.rules[n], now.rules[n], func(a, b installedRule) bool {
			return bytes.Equal(a.message, b.message)
		}) {
			return fmt.Errorf("%w: rules of chain %s", ErrAltered, n)
		}
	}
	if !maps.EqualFunc(s.maps, now.maps, maps.Equal) {
		return fmt.Errorf("%w: maps of devices", ErrAltered)
	}
	for n, c := range s.chains {
		if !bytes.Equal(c, now.chains[n]) {
			return fmt.Errorf("%w: chain %s", ErrAltered, n)
		}
	}
	if !bytes.Equal(s.table, now.table) {
		return fmt.Errorf("%w: flags or number of chains", ErrAltered)
	}
	return nil
}
