package offload

import (
	"testing"

	"sgfw/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
