package state

import (
	"testing"
	"time"
)

func TestNow(t *testing.T) {
	a, err := Now()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Now()
	if err != nil {
		t.Fatal(err)
	}
	if a.Boot == "" || a.Boot != b.Boot || a.Steady <= 0 || b.Steady < a.Steady ||
		time.Since(a.Wall) < 0 {
		t.Errorf("%+v, then %+v", a, b)
	}
}
