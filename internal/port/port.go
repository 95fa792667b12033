// Package port finds a TCP port for a server that is started anew on the same address: of a test, of the bench. Who serves
// in its own process listens on port 0 instead.
//
//	number, err := port.Free()
//	exec.Command("firewarden", "serve", "--listen", "127.0.0.1:"+number)
package port

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// Ports that Free gives. Those that the system gives to connections begin at 32768: one of these would be taken by any
// connection while its server is not there, also by one that looks whether it is there.
const first, count = 20_000, 12_000

var given atomic.Int64 // how many ports this process was given: it gets none twice, and others begin elsewhere

// Free is a port of loopback that nothing listens on.
func Free() (string, error) {
	var err error
	for range count {
		number := strconv.Itoa(first + (os.Getpid()*101+int(given.Add(1)))%count)
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+number); err == nil {
			return number, l.Close()
		}
	}
	return "", fmt.Errorf("no port is free: %w", err)
}
