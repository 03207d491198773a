package main

import (
	"math"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{3, 1}, 0.5, 2},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 3, 2, 1}, 0.5, 2.5},
		{[]float64{5, 4, 3, 2, 1}, 0, 1},
		{[]float64{5, 4, 3, 2, 1}, 1, 5},
		{[]float64{0, 100}, 0.99, 99},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile %v of %v: %v, want %v", c.q, c.values, got, c.want)
		}
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestSample(t *testing.T) {
	s := sample{90, 110, 100}
	if got := s.median(); got != 100 {
		t.Errorf("median %v", got)
	}
	if s[0] != 90 {
		t.Error("median reorders the sample")
	}
	if got := s.spread(); got != 0.1 {
		t.Errorf("spread %v, want 0.1", got)
	}
	if got := ratio(s, sample{50}); got != 2 {
		t.Errorf("ratio %v, want 2", got)
	}
	if got := ratio(s, nil); !math.IsNaN(got) {
		t.Errorf("ratio to nothing: %v", got)
	}
}
