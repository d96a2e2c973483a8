package proc

import (
	"net"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A child of this process holds copies of its sockets until it becomes its own
// program. None of them may hold an address that was just given.
func TestFreeAddressWhileChildrenStart(t *testing.T) {
	children, stop := sync.WaitGroup{}, make(chan struct{})
	defer children.Wait()
	defer close(stop)
	for range 2 {
		children.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		})
	}
	for range 500 {
		address, err := FreeAddress()
		require.NoError(t, err)
		tcp, err := net.Listen("tcp", address)
		require.NoError(t, err)
		require.NoError(t, tcp.Close())
	}
}
