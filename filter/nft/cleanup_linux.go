package nft

// Cleanup removes what a dead daemon left in the namespace and names it. It
// fails with ErrOwned, and removes nothing, while the owner lives.
func Cleanup(opts ...Option) (removed []string, err error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := dial(o.ns)
	if err != nil {
		return nil, err
	}
	defer s.CloseLasting()
	t := &Table{s: s, ns: o.ns}
	if _, t.port, err = s.generation(); err != nil {
		return nil, err
	}
	for _, table := range []string{TableName, closedTable} {
		st, err := s.table(table)
		if err != nil {
			return removed, err
		}
		if st.flags&tableOwner != 0 {
			return removed, &OwnedError{Port: st.owner, PID: ownerPID(o.ns, st.owner)}
		}
		if err := t.removeTable(table); err != nil {
			return removed, err
		}
		if st.exists {
			removed = append(removed, tableTitle(table))
		}
	}
	return removed, nil
}
