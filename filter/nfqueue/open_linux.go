package nfqueue

import "fmt"

func open(d Driver, cfg Config, h Handler) (Queue, error) {
	switch d {
	case DriverBatch, "":
		return openBatch(cfg, h)
	case DriverGoNFQueue:
		return openGoNFQueue(cfg, h)
	}
	return nil, fmt.Errorf("no driver %q, only %q", d, Drivers())
}
