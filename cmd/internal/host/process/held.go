package process

import "fmt"

// HeldError says that another process holds a lock.
type HeldError struct {
	// Path is the lock's.
	Path   string
	Holder Process
}

// Error names both.
func (e *HeldError) Error() string { return fmt.Sprintf("%s holds %s", e.Holder, e.Path) }
