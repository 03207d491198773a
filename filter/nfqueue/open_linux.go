package nfqueue

import "fmt"

func open(d Driver, cfg Config, h Handler) (Queue, error) {
	if o := owner(cfg.Queue); o != nil {
		return nil, o
	}
	switch d {
	case DriverBatch, "":
		return openBatch(cfg, h)
	case DriverGoNFQueue:
		return openGoNFQueue(cfg, h)
	}
	return nil, fmt.Errorf("no driver %q, only %q", d, Drivers())
}
