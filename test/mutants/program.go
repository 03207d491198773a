package main

// programs are faults of the program around the engine, the kernel's table among it.
var programs = []mutant{
	{
		name: "congested-until-empty",
		what: "one overrun makes the kernel refuse messages until the socket is read empty (K12)",
		file: "filter/nfqueue/socket_linux.go", packages: []string{"./filter/nfqueue"},
		old: "unix.NETLINK_NO_ENOBUFS, 1)", new: "unix.NETLINK_NO_ENOBUFS, 0)",
	},
	{
		name: "ids-of-a-run", what: "every start of the daemon gives other IDs (R7)",
		file: "cmd/internal/state/seed.go", packages: []string{"./cmd/internal/state"},
		old: "	if err == nil {\n		return s, nil\n	}\n	s, ok :=",
		new: "	if err == nil {\n		_, _ = rand.Read(s[:])\n		return s, nil\n	}\n	s, ok :=",
	},
	{
		name: "view-ignored", what: "every interface has the local view (X8)",
		file: "cmd/internal/enforce/candidate_linux.go", packages: []string{"./test/rules"},
		old: "View: in.View})", new: "View: policy.ViewLocal})",
	},
	{
		name: "redirected-dhcp", what: "DHCP that is redirected elsewhere passes as the machine's own",
		file: "filter/nft/wire_linux.go", packages: []string{"./test/rules"},
		old: "	d.matching(forward, dhcp(67, 68), expr", new: "	d.matching(&chain{}, dhcp(67, 68), expr",
	},
	{
		name: "metadata-beyond", what: "a guest on the wire asks whoever's metadata service is beyond",
		file: "filter/nft/wire_linux.go", packages: []string{"./test/guest"},
		old: "	if !d.plan.wire() {\n", new: "	if d.plan.wire() {\n",
	},
	{
		name: "id-selects-all", what: "the ID of a rule selects the flows of its whole group",
		file: "cmd/internal/explain/terms.go", packages: []string{"./cmd/internal/explain"},
		old: "info.Group == group && info.Direction == direction && info.Rule.ID() == id",
		new: "info.Group == group && (info.Direction == direction || info.Rule.ID() == id)",
	},
	{
		name: "deadline-never-passes", what: "what is not confirmed in time stays",
		file: "cmd/internal/enforce/confirm_linux.go", packages: daemon,
		old: "left > 0 {\n		return min(left, deadlineTick), true",
		new: "left >= 0 {\n		return deadlineTick, true",
	},
	{
		name: "broken-start-is-open", what: "a start with a broken policy file filters nothing",
		file: "cmd/internal/enforce/standin_linux.go", packages: []string{"./test/lifecycle"},
		old: "return e.lastGood(why) || e.closed(why, says)",
		new: "return e.lastGood(why) && e.closed(why, says) && false",
	},
	{
		name: "foreign-start-closes", what: "a first start with a file of Terraform closes the machine",
		file: "cmd/internal/enforce/standin_linux.go", packages: []string{"./test/lifecycle"},
		old: "!e.disk.earlier && foreign(says, remains)",
		new: "e.disk.earlier && foreign(says, remains)",
	},
	{
		name: "port-refuses-start", what: "a start with a port of a bridge in its policy is refused",
		file: "cmd/internal/enforce/candidate_linux.go", packages: []string{"./test/lifecycle"},
		old: "	c.members = member.Resolve(p, m.Facts)\n",
		new: "	if err := devices.Ports(p, m.Facts, m.Masters).Err(); err != nil {\n" +
			"		return nil, err\n	}\n	c.members = member.Resolve(p, m.Facts)\n",
	},
	{
		name: "trial-is-good", what: "a policy that was never confirmed is the last good one",
		file: "cmd/internal/enforce/change_linux.go", packages: daemon,
		old: "	if record.Pending == nil {\n		e.keepGood(record.Confirmed)",
		new: "	if true {\n		e.keepGood(next.revision)",
	},
	{
		name: "deadline-without-sense", what: "a deadline in the year 9999 is waited for",
		file: "cmd/internal/state/deadline.go", packages: []string{"./cmd/internal/state"},
		old: "left > asked {",
		new: "left < 0 && left > asked {",
	},
	{
		name: "confirmation-forgets-its-target",
		what: "a second reload before the confirmation changes what to go back to",
		file: "cmd/internal/enforce/confirm_linux.go", packages: daemon,
		old: "Confirmed: was.Confirmed}",
		new: "Confirmed: e.mu.force.current.revision}",
	},
	{
		name: "confirmation-not-kept", what: "a crash before the confirmation makes the policy final",
		file: "cmd/internal/enforce/disk_linux.go", packages: daemon,
		old: "	return e.disk.store.Save(r)\n",
		new: "	return nil\n",
	},
	{
		name: "restart-takes-the-rejected", what: "a restart puts in force what was rolled back",
		file: "cmd/internal/enforce/disk_linux.go", packages: daemon,
		old: "last.Rejected.Sum != file.Sum",
		new: "last.Rejected.Sum == file.Sum",
	},
	{
		name: "revoke-takes-any", what: "one selector of several is enough",
		file: "cmd/internal/explain/select.go", packages: []string{"./cmd/internal/explain"},
		old: "return !test(f) })\n", new: "return !test(f) }) || len(s.tests) > 2\n",
	},
	{
		name: "guest-failsafes", what: "a guest's failsafes pass in the direction of a host's (X3)",
		file: "filter/nft/rules_linux.go", packages: []string{"./filter/nft"},
		old: "slices.Concat(outOfProtected(p), ourMulticast(p, f))",
		new: "slices.Concat(intoProtected(p), ourMulticast(p, f))",
	},
	{
		name: "unanswered-is-adopted", what: "one forged packet before the start makes a flow",
		file:     "cmd/internal/host/sockets/conversation.go",
		packages: []string{"./cmd/internal/host/sockets"},
		old:      "!t.Answered || ", new: "",
	},
	{
		name: "pattern-before-name",
		what: "the first entry that covers a device decides, not the closest",
		file: "filter/nft/plan.go", packages: []string{"./filter/nft"},
		old: "policy.CompareDevices(a.Name, b.Name)", new: "policy.CompareDevices(b.Name, a.Name)",
	},
	{
		name: "idle-keeps-its-timer", what: "a shorter timer waits for a packet of the flow (T20)",
		file: "cmd/internal/enforce/publish_linux.go", packages: daemon,
		old: "		e.engine.Retime()\n",
		new: "",
	},
	{
		name: "renamed-later", what: "a device's new name waits for a burst of changes to end",
		file:     "cmd/internal/host/links/watch_linux.go",
		packages: []string{"./cmd/internal/host/links"},
		old:      "				tell = renamed\n", new: "				_ = renamed\n",
	},
	{
		name: "altname-later", what: "a device's new altname waits for a burst of changes to end",
		file:     "cmd/internal/host/links/watch_linux.go",
		packages: []string{"./cmd/internal/host/links"},
		old:      "return p.Attr.Type == unix.IFLA_ALT_IFNAME &&",
		new:      "return p.Attr.Type == 0 &&",
	},
	{
		name: "altname-unqueued", what: "packets of a device that goes by an altname are not queued",
		file: "cmd/internal/enforce/candidate_linux.go", packages: []string{"./test/lifecycle"},
		old: "	number(&out, p, s)\n", new: "",
	},
	{
		name: "altname-lost", what: "a device that loses its altname is open (I13)",
		file: "cmd/internal/enforce/altname_linux.go", packages: daemon,
		old: "if !there || taken[name] ||", new: "if there || taken[name] ||",
	},
	{
		name: "altname-behind-patterns", what: "a pattern goes before an altname",
		file: "policy/device.go", packages: rules,
		old: "	for _, a := range altnames {\n", new: "	for _, a := range altnames[len(altnames):] {\n",
	},
	{
		name: "number-of-another-view", what: "a prefix of another view queues a numbered device, too",
		file: "filter/nft/rules_linux.go", packages: []string{"./filter/nft"},
		old: "rule(slices.Concat(match, notNumbers(numberOf(key), numbers), named),",
		new: "rule(slices.Concat(match, notNumbers(numberOf(key), numbers[:0]), named),",
	},
	{
		name: "log-hides-losses", what: "verdicts beyond the rate of the log are not counted",
		file: "cmd/internal/daemon/log_linux.go", packages: daemon,
		old: "					lost.Rate += uint64(records[i].Count)\n", new: "",
	},
	{
		name: "folded-and-forgotten", what: "equal drops that make no record are counted nowhere",
		file: "filter/watch_budget.go", packages: engine,
		old: "			w.records[f.at].Count++\n", new: "",
	},
	{
		name: "beyond-the-budget", what: "what a batch does not record for a watcher is not counted",
		file: "filter/watch_budget.go", packages: engine,
		old: "	w.budget.lost[r%reasonCount]++\n", new: "",
	},
	{
		name: "log-without-bound", what: "the log shows more than it was asked for",
		file: "cmd/internal/daemon/ratelimit_linux.go", packages: daemon,
		old: "	n = min(n, int(l.tokens))\n", new: "",
	},
	{
		name: "stolen-queue-open", what: "another program that has our queue gets our packets",
		file: "cmd/internal/enforce/table_linux.go",
		old:  "closed := e.queues.unbindable() != nil",
		new:  "closed := e.queues.unbindable() == nil && t.plan.Closed",
	},
	{
		name: "damage-log-unbounded", what: "every damage of the table in a loop is logged",
		file: "cmd/internal/enforce/limiter.go", packages: daemon,
		old: "l.lines >= linesPerPeriod",
		new: "l.lines < 0",
	},
	{
		name: "members-of-before", what: "the members of groups stay those of the latest reload (R27)",
		file: "cmd/internal/enforce/publish_linux.go", packages: daemon,
		old: "	if !members.Equal(next.members) {\n",
		new: "	if next.base == nil {\n",
	},
	{
		name: "failsafe-kept", what: "a failsafe that is switched off passes in the kernel (X2)",
		file: "cmd/internal/enforce/candidate_linux.go", packages: daemon,
		old: "Gone: p.Settings.OnGone, Without: p.Settings.CutFailsafes,",
		new: "Gone: p.Settings.OnGone,",
	},
	{
		name: "stale-name-servers", what: "the name servers stay those of the start",
		file: "cmd/internal/enforce/publish_linux.go", packages: daemon,
		old: "	e.rebind(m)\n	e.log.Info(\"name servers",
		new: "	e.log.Info(\"name servers",
	},
}
