package daemon

import (
	"slices"
	"testing"
	"time"
)

// TestTasksThatDoNotEnd: an end does not wait for them for ever, and names them.
func TestTasksThatDoNotEnd(t *testing.T) {
	var all tasks
	if late := all.wait(time.Minute); late != nil {
		t.Errorf("without tasks: %q", late)
	}
	all.begin("quick", func() {})
	hang := make(chan struct{})
	all.begin("name servers", func() { <-hang })
	all.begin("links", func() { <-hang })
	late := all.wait(50 * time.Millisecond)
	if want := []string{"links", "name servers"}; !slices.Equal(late, want) {
		t.Errorf("late: %q", late)
	}
	close(hang)
	if late := all.wait(time.Minute); late != nil {
		t.Errorf("at last: %q", late)
	}
}
