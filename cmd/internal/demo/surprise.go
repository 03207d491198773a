package demo

import "errors"

// ErrSurprise is returned when something that must pass was dropped, or the
// reverse.
var ErrSurprise = errors.New("not everything went as the policy says")
