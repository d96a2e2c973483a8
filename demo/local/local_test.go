package local

import (
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The environment that Env sets is the one that configs/local.yaml reads, and
// the defaults there are the addresses of Standard.
func TestEnvIsWhatTheConfigReads(t *testing.T) {
	config, err := os.ReadFile("../../configs/local.yaml")
	require.NoError(t, err)
	var read []string
	const state = "TAILWATER_STATE" // a folder, of Options
	for _, match := range regexp.MustCompile(`\$\{env:(\w+):-([^}]+)\}`).FindAllStringSubmatch(string(config), -1) {
		if match[1] != state {
			read = append(read, match[1]+"="+match[2])
		}
	}
	slices.Sort(read)
	set := Standard().Env()
	slices.Sort(set)
	assert.Equal(t, set, slices.Compact(read))
	assert.NotRegexp(t, `\$\{env:\w+\}`, string(config), "a variable without a default")
}

func TestCheck(t *testing.T) {
	addresses, err := Free()
	require.NoError(t, err)
	require.NoError(t, addresses.Check())
	tcp, err := net.Listen("tcp", addresses.API)
	require.NoError(t, err)
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", addresses.XRay)
	require.NoError(t, err)
	defer udp.Close()
	err = addresses.Check()
	assert.ErrorContains(t, err, addresses.API+" (tcp, for the local X-Ray API and its page) is taken")
	assert.ErrorContains(t, err, addresses.XRay+" (udp, for X-Ray SDKs) is taken")
	assert.Equal(t, 2, strings.Count(err.Error(), "is taken"))
}

func TestLaunchWithoutBinary(t *testing.T) {
	_, err := Launch(Options{Binary: "/nowhere/tailwater"})
	require.ErrorContains(t, err, "no collector at /nowhere/tailwater")
}
