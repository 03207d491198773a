package offload

import (
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	good := Config{Marks: DefaultMarks, Lifetime: 30 * time.Second, Opening: 5 * time.Second,
		Flows: 1000}
	for _, c := range []struct {
		ok     bool
		name   string
		change func(*Config)
	}{
		{true, "as it is", func(*Config) {}},
		{false, "no marks", func(c *Config) { c.Marks = 0 }},
		{false, "one bit", func(c *Config) { c.Marks = 1 }},
		{false, "three bits", func(c *Config) { c.Marks = 7 }},
		{false, "for ever", func(c *Config) { c.Lifetime = MaxLifetime + 1 }},
		{false, "not at all", func(c *Config) { c.Opening = 0 }},
		{false, "no flows", func(c *Config) { c.Flows = 0 }},
		{false, "more than memory", func(c *Config) { c.Flows = MaxFlows + 1 }},
	} {
		cfg := good
		c.change(&cfg)
		if err := cfg.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestRoomForFloods: floods of new flows fill less than the proven ones have.
func TestRoomForFloods(t *testing.T) {
	for _, flows := range []uint32{1, 2, 100, MaxFlows} {
		c := Config{Flows: flows}
		if c.size(Proven) != 2*flows || c.size(Opening) < 2 || c.size(Answer) < 1 ||
			flows > 4 && c.size(Opening)+c.size(Answer) > c.size(Proven)/2 {
			t.Errorf("%d flows: room for %d, %d, %d", flows, c.size(Proven), c.size(Opening), c.size(Answer))
		}
	}
}
