package proc

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// The range that FreeAddress draws from lies below the ports that kernels give
// to outgoing connections, so that none of those takes a port in between.
const firstPort, lastPort = 20_000, 32_000

var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// FreeAddress returns a loopback address whose port nobody listens on, TCP or
// UDP. It gives no port twice in the life of the process.
//
// It asks for TCP by connecting: a listener, even one that was closed again,
// would be held for a moment by each child that starts meanwhile, and the
// caller could not listen.
func FreeAddress() (string, error) {
	given.Lock()
	defer given.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if !given.ports[port] && !answers(address) && udpFree(address) {
			given.ports[port] = true
			return address, nil
		}
	}
	return "", fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

// answers reports whether somebody takes connections at the address.
func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// Taken returns which protocol of the address is in use, "tcp" or "udp", or
// nothing if both can be listened on.
func Taken(address string) string {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return "tcp"
	}
	tcp.Close()
	if !udpFree(address) {
		return "udp"
	}
	return ""
}

func udpFree(address string) bool {
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	udp.Close()
	return true
}
