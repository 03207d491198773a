package enforce

import (
	"slices"
	"time"

	"sgfw/cmd/internal/api"
)

// mostInterferences bounds the memory of what other programs did.
const mostInterferences = 16

// interferences are what other programs did to the table and the queues, the latest
// first.
type interferences []api.Interference

// note adds one. The same again by a program of the same name is one entry.
func (l *interferences) note(what api.Interference) {
	what.First, what.Last, what.Count = time.Now().UTC(), time.Now().UTC(), 1
	i := slices.IndexFunc(*l, func(o api.Interference) bool {
		return o.What == what.What && o.Process == what.Process
	})
	list := *l
	if i >= 0 {
		what.First, what.Count = list[i].First, list[i].Count+1
		list = slices.Delete(list, i, i+1)
	}
	list = slices.Insert(list, 0, what)
	*l = list[:min(len(list), mostInterferences)]
}
