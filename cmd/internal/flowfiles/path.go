package flowfiles

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"time"

	"sgfw/policy"
)

const (
	// fileEvery is how long a file is written to, and fileMax how large it becomes, about
	// (F10).
	fileEvery = 5 * time.Minute
	fileMax   = 75 << 20
)

// Names in paths where the policy has none.
const (
	noAccount = "000000000000"
	noRegion  = "local"
)

// ID is the ID of a flow log: another one when its settings are others, as in AWS, where they
// cannot be changed (F12).
func ID(l policy.FlowLog) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", l))
	return "fl-" + hex.EncodeToString(sum[:])[:17]
}

// extension ends the names of files.
func extension(f policy.FlowLogFile) string {
	if f == policy.FlowLogGzip {
		return ".log.gz"
	}
	return ".log"
}

// place is the path of a new file for what begins at t, below the destination.
func place(l policy.FlowLog, t time.Time) string {
	account, region := l.AccountID, l.Region
	if account == "" {
		account = noAccount
	}
	if region == "" {
		region = noRegion
	}
	t = t.UTC().Truncate(fileEvery)
	folder := path.Join("AWSLogs", account, "vpcflowlogs", region, t.Format("2006/01/02/15"))
	if l.Hive {
		folder = path.Join("AWSLogs", "aws-account-id="+account, "aws-service=vpcflowlogs",
			"aws-region="+region, t.Format("year=2006/month=01/day=02/hour=15"))
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return path.Join(folder, fmt.Sprintf("%s_vpcflowlogs_%s_%s_%s_%x%s", account, region, ID(l),
		t.Format("20060102T1504Z"), random, extension(l.File)))
}

// ours is what files of flow logs are called; the time is the first part.
var ours = regexp.MustCompile(
	`^[0-9]{12}_vpcflowlogs_[A-Za-z0-9._-]+_fl-[0-9a-f]{17}_([0-9]{8}T[0-9]{4}Z)_[0-9a-f]{8}` +
		`\.log(\.gz)?$`)
