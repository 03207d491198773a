package labtest

import (
	"context"
	"os"
	"testing"
	"time"

	"sgfw/test/netlab"
)

const (
	// RequireRootEnv names the environment variable that, set to 1, turns the
	// skip into a failure.
	RequireRootEnv = "SGFW_REQUIRE_ROOT"
	// SkipMessage is what every test that needs root says when it skips.
	SkipMessage = "needs root, or a user namespace: real packets"
)

// RequireRoot skips the test where network namespaces cannot be made, or fails
// it if [RequireRootEnv] is 1.
func RequireRoot(tb testing.TB) {
	tb.Helper()
	err := netlab.Available()
	if err == nil {
		return
	}
	tb.Log(err)
	if os.Getenv(RequireRootEnv) == "1" {
		tb.Fatal(SkipMessage)
	}
	tb.Skip(SkipMessage)
}

// NeedsRealRoot skips a test that no user namespace can run: it needs other user IDs,
// other file owners, or the machine's own namespaces. why says which.
func NeedsRealRoot(tb testing.TB, why string) {
	tb.Helper()
	if os.Geteuid() == 0 && !netlab.InUserNamespace() {
		return
	}
	tb.Skip("needs real root: " + why)
}

// New builds a network that is closed when the test and its subtests are done.
// It skips like [RequireRoot].
func New(tb testing.TB, t netlab.Topology) *netlab.Lab {
	tb.Helper()
	RequireRoot(tb)
	lab, err := netlab.Build(t)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := lab.Close(); err != nil {
			tb.Error(err)
		}
	})
	return lab
}

// Capture starts a capture that ends with the test.
func Capture(tb testing.TB, h *netlab.Host, dev string,
	options netlab.CaptureOptions) *netlab.Capture {
	tb.Helper()
	c, err := h.Capture(dev, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// Within is the test's context with a time limit of its own.
func Within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}
