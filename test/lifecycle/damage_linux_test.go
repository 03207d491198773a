package lifecycle

import (
	"strings"
	"time"
)

// noticed is how long the daemon may take to notice what others did, and to put it
// right. On a machine that is busy with others it gets its turn late: then it has
// busy, but not always.
const (
	noticed = time.Second
	busy    = 5 * noticed
)

// forever ends no siege.
var forever = time.Now().Add(time.Hour)

// mentions tells whether a line of a log has all the words.
func mentions(log string, words ...string) bool {
	for line := range strings.Lines(log) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}
