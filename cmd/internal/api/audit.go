package api

// Audit is what `sgfw audit` found.
type Audit struct {
	Schema string `json:"schema"`
	// Sources are the files that were audited, or the daemon's policy.
	Sources []string     `json:"sources"`
	Summary AuditSummary `json:"summary"`
	// Findings are sorted: the worst first, then by place.
	Findings []AuditFinding `json:"findings"`
	// Ignored are findings that a comment or --ignore hides.
	Ignored []AuditFinding `json:"ignored"`
	// Checks explain the codes of the findings; with --list all that there are.
	Checks []AuditCheck `json:"checks"`
	// Reputation is left out where no block list was given.
	Reputation *AuditReputation `json:"reputation,omitempty"`
}

// AuditSummary counts what was looked at and what was found.
type AuditSummary struct {
	Groups  int `json:"groups"`
	Rules   int `json:"rules"`
	High    int `json:"high"`
	Medium  int `json:"medium"`
	Low     int `json:"low"`
	Notices int `json:"notices"`
	Ignored int `json:"ignored"`
	// FailOn is the severity from which on the exit code is 10, or "none".
	FailOn string `json:"fail_on"`
	// Failed is true if a finding is at or above it.
	Failed bool `json:"failed"`
}

// AuditFinding is one place where a check found something.
type AuditFinding struct {
	// Code is that of the check.
	Code string `json:"code"`
	// Severity is high, medium, low or notice.
	Severity string `json:"severity"`
	Message  string `json:"message"`
	// Group is left out for a finding about several groups, or none.
	Group string `json:"group,omitempty"`
	// Device is the interface that it is about.
	Device string `json:"device,omitempty"`
	// Rule is the rule in one line: direction, protocol, ports, peers.
	Rule string `json:"rule,omitempty"`
	// Location is where to look in the file that was audited.
	Location *Location `json:"location,omitempty"`
	// Related are the places of other rules that have part in it.
	Related []Location `json:"related,omitempty"`
	// Narrower is a rule that would do for what was seen.
	Narrower string `json:"narrower,omitempty"`
	// Also are the codes of other tools for it.
	Also []string `json:"also,omitempty"`
	// Reason and Until are those of the comment that hides it.
	Reason string `json:"reason,omitempty"`
	Until  string `json:"until,omitempty"`
}

// Location is a place in a file. Line and Col count from 1, and are left out where they are
// not known.
type Location struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
}

// AuditCheck explains a code.
type AuditCheck struct {
	Code string `json:"code"`
	// Severity is the worst that its findings have.
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Why      string `json:"why"`
	Do       string `json:"do"`
	// Instead is what serves the same need.
	Instead string `json:"instead,omitempty"`
	// Also are the codes of other tools for it.
	Also []string `json:"also"`
}

// AuditReputation says what was held against block lists, and what was not.
type AuditReputation struct {
	Lists []BlockList `json:"lists"`
	// Checked is how many different addresses and ranges were held against them.
	Checked int            `json:"checked"`
	Skipped []SkippedPeers `json:"skipped"`
	// Verdicts are what MetaDefender was asked for.
	Verdicts []AddressVerdict `json:"verdicts,omitempty"`
}

// AddressVerdict is what MetaDefender says of an address.
type AddressVerdict struct {
	Address string `json:"address"`
	// DetectedBy is how many sources have a bad opinion of it.
	DetectedBy int             `json:"detected_by"`
	Sources    []SourceVerdict `json:"sources"`
}

// SourceVerdict is the opinion of one source.
type SourceVerdict struct {
	Provider string `json:"provider"`
	// Assessment is in the source's own words, and left out where it knows nothing.
	Assessment string `json:"assessment,omitempty"`
}

// BlockList is a list of addresses with a bad name.
type BlockList struct {
	File  string `json:"file"`
	Title string `json:"title,omitempty"`
	// Date is when it was made, as its header says.
	Date    string `json:"date,omitempty"`
	Entries int    `json:"entries"`
}

// SkippedPeers are peers that were not held against block lists.
type SkippedPeers struct {
	What  string `json:"what"`
	Why   string `json:"why"`
	Count int    `json:"count"`
}
