package state

import "sgfw/test/harness"

// asAWS is the setting that leaves flows untracked.
const asAWS = "tracking: aws"

// toEverybody is a rule for all protocols and addresses of both families.
const toEverybody = `{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`

// nothing allows nothing, so that only tracked flows go on under it.
var nothing = harness.PolicyWith(nil, nil, asAWS)
