package api

// RevokeRequest asks to end flows.
type RevokeRequest struct {
	// Flows selects them; a query that selects all is refused, and Limit has no
	// meaning.
	Flows FlowQuery `json:"flows"`
	// DryRun changes nothing.
	DryRun bool `json:"dry_run,omitempty"`
	// Force ends the connection of whoever asks, too.
	Force bool `json:"force,omitempty"`
	// Caller is SSH_CONNECTION of whoever asks, empty for none.
	Caller string `json:"caller,omitempty"`
}

// RevokeReply says which flows were ended, or would be.
type RevokeReply struct {
	Schema  string  `json:"schema"`
	DryRun  bool    `json:"dry_run"`
	Revoked Revoked `json:"revoked"`
}

// Revoked are flows that were ended.
type Revoked struct {
	Count int `json:"count"`
	// Permitted counts those among them that the rules still permit: they can
	// come back as new connections.
	Permitted int `json:"still_permitted"`
	// Untracked counts selected flows that were not ended, since nothing but a rule
	// decides about their packets.
	Untracked int `json:"untracked"`
	// Flows are the first MaxListed of them.
	Flows []Flow `json:"flows"`
}
