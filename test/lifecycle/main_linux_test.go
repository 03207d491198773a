package lifecycle

import (
	"fmt"
	"os"
	"testing"

	"sgfw/test/harness"
)

func TestMain(m *testing.M) {
	if os.Getenv(confineEnv) != "" {
		fmt.Fprintln(os.Stderr, confine())
		os.Exit(1)
	}
	harness.Main(m)
}
