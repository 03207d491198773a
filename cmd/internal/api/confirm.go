package api

import "time"

// PendingConfirm is the time that a policy has to be confirmed.
type PendingConfirm struct {
	// Deadline is when the policy is rolled back, by the wall clock as it goes now.
	Deadline time.Time `json:"deadline"`
	// Left is the time until then in seconds.
	Left int64 `json:"left_seconds"`
}

// RolledBack says that a policy was rolled back, when and why.
type RolledBack struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// EndConfirmRequest ends the wait by order: it confirms the policy or rolls it back.
type EndConfirmRequest struct {
	// Revoke ends the flows that no rule permits then.
	Revoke bool `json:"revoke,omitempty"`
}

// ConfirmReply is the answer once the policy is confirmed.
type ConfirmReply struct {
	Schema     string   `json:"schema"`
	Generation uint64   `json:"generation"`
	Orphans    Orphans  `json:"orphans"`
	Revoked    *Revoked `json:"revoked,omitempty"`
}

// RollbackReply is the answer once every queue uses the rules of before.
type RollbackReply struct {
	Schema     string   `json:"schema"`
	Generation uint64   `json:"generation"`
	Changes    []Change `json:"changes"`
	// Orphans are the flows that only the policy that was rolled back permits; they go
	// on. Cut are those that end, as in ReloadReply.
	Orphans Orphans  `json:"orphans"`
	Cut     Orphans  `json:"cut"`
	Revoked *Revoked `json:"revoked,omitempty"`
}
