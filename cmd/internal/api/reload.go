package api

import "time"

// ReloadRequest asks for the policy file to be read again.
type ReloadRequest struct {
	// Force skips the SSH guard.
	Force bool `json:"force"`
	// Caller is SSH_CONNECTION of whoever asks, so that the guard knows the
	// session even where socket diagnostics do not; empty for none.
	Caller string `json:"caller,omitempty"`
	// DryRun says what would come of it and changes nothing.
	DryRun bool `json:"dry_run,omitempty"`
	// Confirm is within how many seconds the policy must be confirmed, 1 to MaxConfirm,
	// lest it is rolled back; 0 puts it in force for good.
	Confirm int64 `json:"confirm_seconds,omitempty"`
	// Revoke ends the flows that the new rules orphan. It excludes Confirm.
	Revoke bool `json:"revoke,omitempty"`
}

// MaxTrial bounds ReloadRequest.Confirm, in seconds.
const MaxConfirm = 24 * 60 * 60

// ReloadReply is the answer once every queue uses the new rules.
type ReloadReply struct {
	Schema string `json:"schema"`
	// DryRun is true if nothing was changed.
	DryRun bool `json:"dry_run"`
	// Generation is what is in force now.
	Generation uint64 `json:"generation"`
	// Changes lead from the policy that was in force to the new one.
	Changes []Change `json:"changes"`
	// Orphans are the live flows that no rule of the new policy would permit.
	// They go on.
	Orphans Orphans `json:"orphans"`
	// Cut are the flows that end: untracked ones that rules permitted until now, those whose
	// interface changes its mode, its scope or its addresses, and those that a network ACL
	// stops.
	Cut      Orphans  `json:"cut"`
	SSHGuard SSHGuard `json:"ssh_guard"`
	// Past is there after a dry run: what the new policy would have made of what the daemon
	// remembers.
	Past *Past `json:"past,omitempty"`
	// Pending is there if the policy now waits to be confirmed.
	Pending *PendingConfirm `json:"trial,omitempty"`
	// Revoked is there if it was asked for.
	Revoked *Revoked  `json:"revoked,omitempty"`
	Notices []Problem `json:"notices"`
}

// Change is one difference between two policies.
type Change struct {
	// Op is "+" for what is new, "-" for what is gone, "~" for what is different.
	Op string `json:"op"`
	// Part is what it belongs to, such as "group web".
	Part string `json:"part"`
	// What is the thing itself; empty for the part as a whole.
	What string `json:"what,omitempty"`
	// ID is that of the rule if What is one, else of the part if it has one.
	ID string `json:"id,omitempty"`
}

// SSHGuard is what the guard says about a policy.
type SSHGuard struct {
	// Sessions is the number of live SSH sessions that were found.
	Sessions int `json:"sessions"`
	// Lockouts says in words which of them could not connect anew.
	Lockouts []string `json:"lockouts"`
	// Cut counts the lockouts whose sessions end, too, since a network ACL denies them.
	Cut int `json:"cut,omitempty"`
	// Refuses is true if a reload ends here without force.
	Refuses bool `json:"refuses"`
}

// ReloadFailure is a reload that changed nothing.
type ReloadFailure struct {
	At time.Time `json:"at"`
	// By is what asked for it: "reload", "SIGHUP", "watch" or "roll-back".
	By      string `json:"by"`
	Message string `json:"message"`
}
