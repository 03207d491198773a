package lifecycle

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestServiceExposure keeps the unit's exposure, by systemd's own account, below
// 2 of 10.
func TestServiceExposure(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=19",
		serviceFile).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	_, level, ok := strings.Cut(string(out), "Overall exposure level for sgfw.service: ")
	if !ok {
		t.Fatalf("no exposure level in\n%s", out)
	}
	if n, err := strconv.ParseFloat(strings.Fields(level)[0], 64); err != nil || n >= 2 {
		t.Errorf("exposure %v, %v, want below 2.0", n, err)
	}
}
