package netlab_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"sgfw/test/netlab"
)

// A network with a small MTU in the middle; packets pass in both directions.
func ExampleBuild() {
	topology := netlab.Router()
	topology.Links[1].MTU = 1300
	lab, err := netlab.Build(topology)
	if err != nil {
		log.Fatal(err)
	}
	defer lab.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	server := lab.Host("server")
	echo, err := server.ServeEcho(ctx, netlab.Any(7))
	if err != nil {
		log.Print(err)
		return
	}
	defer echo.Close()
	for _, to := range []netip.Addr{server.Device("eth0").IPv4(), server.Device("eth0").IPv6()} {
		fmt.Println(lab.Host("client").Exchange(ctx, "tcp", netip.AddrPortFrom(to, 7)))
	}
}
