// Command tailwater-health asks the collector whether it is healthy, for the
// health checks of images that have no shell: it ends with 0 if so, else it says
// why and ends with 1.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// address is where health_check answers unless the argument says otherwise.
const address = "http://127.0.0.1:13133/"

func main() {
	url := address
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	if err := ask(url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ask returns nil if the answer is 200.
func ask(url string) error {
	client := http.Client{
		Timeout:   4 * time.Second,             // less than that of health checks
		Transport: &http.Transport{Proxy: nil}, // the collector is on this machine
	}
	defer client.CloseIdleConnections()
	reply, err := client.Get(url)
	if err != nil {
		return fmt.Errorf("ask for the collector's health: %w", err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(reply.Body, 4096)) // for whoever reads the log; the status decides
		return fmt.Errorf("%s answers %s: %s", url, reply.Status, said)
	}
	return nil
}
