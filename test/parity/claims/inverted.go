package claims

// Inversion is a claim whose test was seen to fail: with the fault that a mutant
// of test/mutants seeds, the claim is false, and that test says so.
// `go run ./test/mutants -claims` shows it.
type Inversion struct {
	Handle, Mutant string
	// Test is one that names the claim, such as "filter.TestStateful".
	Test string
}

// Inverted is the sample.
var Inverted = []Inversion{
	{"R3", "first-duplicate-wins", "policy.TestValidateValues"},
	{"R5", "union-of-one", "test/rules.TestUnionOfGroups"},
	{"R6", "source-port", "test/rules.TestSourcePorts"},
	{"R12", "icmp-of-both-families", "test/rules.TestICMPOfTheOtherFamily"},
	{"R13", "ports-behind-gre", "test/rules.TestProtocolByNumber"},
	{"R15", "all-is-up-to-udp", "test/rules.TestEveryProtocol"},
	{"R16", "host-bits-kept", "policy.TestParseCIDR"},
	{"R17", "bare-address-taken", "policy.TestParseCIDR"},
	{"R20", "zero-crosses-families", "test/rules.TestFamiliesApart"},
	{"R20", "zero-crosses-families", "test/differential.TestKernel"},
	{"R21", "mapped-taken", "policy.TestParseCIDR"},
	{"R27", "group-peer-is-anyone", "test/rules.TestGroupReferences"},
	{"R27", "rules-before-flow", "test/live.TestLiveChanges/inbound,_guest,_always/a_member_gone"},
	{"R27", "members-of-before", "test/live.TestMemberAddressMoves"},
	{"R31", "members-of-ipv4", "test/rules.TestOwnAddressesAreMembers"},
	{"R33", "empty-group-is-anyone", "test/rules.TestGroupReferences"},
	{"R35", "names-like-ids", "policy.TestNames"},
	{"R36", "ampersand-refused", "policy.TestCharacters"},
	{"R37", "apostrophe-taken", "policy.TestCharacters"},
	{"R44", "publish-does-not-wait", "filter.TestPublishWaits"},
	{"R46", "deletion-unseen", "policy.TestSince"},
	{"ports given", "port-off-by-one-high", "test/rules.TestPortEdges"},
	{"ports given", "port-off-by-one-low", "test/rules.TestPortEdges"},
	{"icmp given", "icmp-code-ignored", "test/rules.TestICMPTypes"},

	{"D1", "no-default-egress", "test/rules.TestDefaultGroup/as_AWS_creates_it"},
	{"D2", "default-group-open", "test/rules.TestDefaultGroup/as_AWS_creates_it"},
	{"D3", "empty-is-default", "test/rules.TestEgressNothing"},
	{"D4", "empty-is-default", "test/rules.TestEgressNothing"},
	{"D6", "union-of-one", "test/rules.TestUnionOfGroups"},
	{"D7", "one-interface-of-two", "test/rules.TestForwardedIsJudgedTwice"},
	{"D7", "own-answer", "test/state.TestScopeJudgesForwardedTwice"},
	{"D9", "sources-unchecked", "test/guest.TestSpoofedGuest"},

	{"T1", "reply-not-tracked", "test/rules.TestEgressNothing"},
	{"T2", "return-rule-needless", "filter.TestUntrackedAgainstNaive"},
	{"T3", "wide-crosses-families", "filter.TestUntrackedAgainstNaive"},
	{"T7", "narrow-rule-is-wide", "filter.TestUntrackedAgainstNaive"},
	{"T8", "untracked-always", "test/state.TestWhatIsTracked/tracking:_always"},
	{"T9", "protocol-not-in-flow", "test/differential.TestEngine"},
	{"T9", "icmp-id-ignored", "test/differential.TestEngine"},
	{"T10", "protocol-not-in-flow", "test/differential.TestKernel"},
	{"T10", "protocol-not-in-flow", "test/differential.TestEngine"},
	{"T10", "others-forgotten-early", "cmd/internal/daemon.TestTimers/GRE"},
	{"T15", "answers-open-flows", "filter.TestUntrackedSequences"},
	{"T15", "rules-before-flow", "test/differential.TestKernel"},
	{"T15", "rules-before-flow", "test/live.TestLiveChanges/inbound,_host,_always/rules_removed"},
	{"T15", "rules-before-flow", "test/live.TestLiveChanges/outbound,_guest,_aws/entries_off_the_prefix_lists"},
	{"T17", "rules-before-flow", "test/live.TestGroupsSwapped"},
	{"T17", "rules-before-flow", "test/live.TestLiveChanges/outbound,_host,_always/groups_swapped"},
	{"T19", "untracked-stays", "test/live.TestLiveChanges/inbound,_host,_aws/rules_of_the_way_back"},
	{"T20", "idle-keeps-its-timer", "cmd/internal/daemon.TestTimersChange"},
	{"T23", "flow-never-expires", "cmd/internal/daemon.TestStaleFlow"},
	{"T24", "error-not-addressed", "test/differential.TestKernel"},
	{"T24", "error-not-addressed", "test/differential.TestEngine"},
	{"T25", "fragment-has-port-0", "test/differential.TestEngine"},
	{"T26", "scope-ignored", "test/state.TestAsymmetricRoutes"},
	{"T26", "scope-of-one", "test/state.TestAsymmetricRoutes"},
	{"T28", "rst-trusted", "test/state.TestForgedSegments"},
	{"T28", "crossing-syn-left-to-rules", "test/state.TestSimultaneousOpen"},
	{"T32", "untracked-takes-room", "filter.TestUntrackedNeedsNoRoom"},
	{"T33", "established-evicted", "conntrack.TestEvictionOrder"},

	{"timer udp", "stream-at-once", "cmd/internal/daemon.TestTimers/UDP_question_and_answer"},
	{"timer udp stream", "stream-timer-of-udp", "cmd/internal/daemon.TestTimers/UDP_stream"},
	{"timer udp stream", "udp-never-stream", "cmd/internal/daemon.TestTimers/UDP_stream"},
	{"timer other", "others-forgotten-early", "cmd/internal/daemon.TestTimers/GRE"},

	{"X2", "failsafe-half-cut", "test/rules.TestCutFailsafes/dhcpv4-client"},
	{"X3", "routed-failsafe", "test/differential.TestEngine"},
	{"X6", "exempt-forwarded", "test/rules.TestExemptIsNotForwarded"},

	{"Q2", "one-counter", "policy.TestQuotaCounters"},
	{"Q3", "list-costs-entries", "policy.TestUsage"},
	{"Q3", "group-costs-once", "policy.TestUsage"},

	{"X2", "unasked-answers", "filter.TestExempt"},
	{"X2", "stale-name-servers", "test/rules.TestResolversAreFollowed"},
	{"X2", "failsafe-kept", "test/rules.TestCutFailsafes/dhcpv4-client"},
	{"X3", "failsafe-half-cut", "filter.TestCutFailsafes"},
	{"X6", "exempt-forwarded", "filter.TestExemptForward"},
	{"Q5", "range-costs-its-ports", "policy.TestQuotaCounters"},

	{"row 1", "union-of-one", "test/rules.TestUnionOfGroups"},
	{"row 9", "icmp-of-both-families", "test/rules.TestICMPOfTheOtherFamily"},
	{"row 10", "untracked-never", "test/state.TestDownloadIsCut"},
	{"row 11", "rules-before-flow", "test/rules.TestSSHStory"},
	{"row 12", "return-rule-needless", "test/state.TestWhatIsTracked/only_tcp/443_out"},
	{"row 13", "wide-crosses-families", "test/state.TestWhatIsTracked/only_IPv4_out"},
	{"row 14", "reply-not-tracked", "test/rules.TestEgressNothing"},
	{"row 15", "others-forgotten-early", "cmd/internal/daemon.TestTimers/GRE"},
	{"row 17", "stream-timer-of-udp", "cmd/internal/daemon.TestTimers/UDP_stream"},
	{"row 19", "list-costs-entries", "test/lifecycle.TestQuotasAreMet/row_19:_a_list_sized_20_with_3_entries"},
	{"row 26", "errors-switch-stuck", "test/rules.TestPathMTU"},
	{"row 26", "errors-unrelated", "test/rules.TestPathMTU"},

	{"W5", "untracked-never", "test/state.TestSSHOfTheSampleIsCut"},
	{"W8", "empty-cidr-is-anyone", "test/rules.TestSample"},
	{"text rule description", "description-of-256", "policy/file.TestDamagedSample/256_characters"},
	{"R37", "apostrophe-taken", "policy/file.TestDamagedSample/an_apostrophe"},
}
