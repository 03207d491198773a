// Package replay judges the packets of a capture as the daemon would have, by the same
// engine with the capture's clock. A capture that sgfw wrote says of each packet where it was
// met and what was decided ([Note]); of others that is found out as far as it can be.
package replay
