package api

// Diagnosis is what `sgfw doctor` found.
type Diagnosis struct {
	Schema string `json:"schema"`
	// Healthy is true when no finding is a problem.
	Healthy bool `json:"healthy"`
	// Policy is the policy file that was compared with the machine, empty for none.
	Policy   string    `json:"policy,omitempty"`
	Findings []Finding `json:"findings"`
}

// Finding is one thing about the machine.
type Finding struct {
	// Check is what was looked at, a stable word.
	Check string `json:"check"`
	// Level is LevelOK, LevelNote, LevelWarning or LevelProblem.
	Level   string `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Levels of a Finding.
const (
	// LevelOK: as it should be.
	LevelOK = "ok"
	// LevelNote: good to know.
	LevelNote = "note"
	// LevelWarning: works, but perhaps not as wanted.
	LevelWarning = "warning"
	// LevelProblem: packets are not judged as the policy says, or cannot be, or that
	// cannot be seen.
	LevelProblem = "problem"
)
