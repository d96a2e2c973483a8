package xraydaemon

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// with returns the defaults, changed.
func with(change func(*Settings)) Settings {
	s := Defaults()
	change(&s)
	return s
}

func write(t testing.TB, text string) string {
	path := filepath.Join(t.TempDir(), "cfg.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		flags []string // each way to write it
		want  Settings
	}{
		{[]string{"-a ARN", "-a=ARN", "--resource-arn ARN", "-resource-arn ARN", "--resource-arn=ARN"}, with(func(s *Settings) { s.ResourceARN = "ARN" })},
		{[]string{"-o", "--local-mode", "-o=true", "--local-mode=true"}, with(func(s *Settings) { s.LocalMode = true })},
		{[]string{"-m 24", "--buffer-memory 24", "--buffer-memory=24"}, with(func(s *Settings) { s.TotalBufferSizeMB = 24 })},
		{[]string{"-n us-west-2", "--region us-west-2"}, with(func(s *Settings) { s.Region = "us-west-2" })},
		{[]string{"-b 0.0.0.0:3000", "--bind 0.0.0.0:3000"}, with(func(s *Settings) { s.UDPAddress = "0.0.0.0:3000" })},
		{[]string{"-t :3000", "--bind-tcp :3000"}, with(func(s *Settings) { s.TCPAddress = ":3000" })},
		{[]string{"-r arn:aws:iam::1:role/x", "--role-arn arn:aws:iam::1:role/x"}, with(func(s *Settings) { s.RoleARN = "arn:aws:iam::1:role/x" })},
		{[]string{"-f /var/log/xray.log", "--log-file /var/log/xray.log"}, with(func(s *Settings) { s.LogPath = "/var/log/xray.log" })},
		{[]string{"-l dev", "--log-level dev"}, with(func(s *Settings) { s.LogLevel = "dev" })},
		{[]string{"-p http://proxy:3128", "--proxy-address http://proxy:3128"}, with(func(s *Settings) { s.ProxyAddress = "http://proxy:3128" })},
		{[]string{"--health-address :13133"}, with(func(s *Settings) { s.HealthAddress = ":13133" })},
		{[]string{"--metrics-address 127.0.0.1:8888"}, with(func(s *Settings) { s.MetricsAddress = "127.0.0.1:8888" })},
		{[]string{"", "stray words"}, Defaults()},
		{[]string{"-b 127.0.0.1:1 --bind 127.0.0.1:2"}, with(func(s *Settings) { s.UDPAddress = "127.0.0.1:2" })},
		{[]string{"-n eu-west-1 -o -l warn"}, with(func(s *Settings) { s.Region, s.LocalMode, s.LogLevel = "eu-west-1", true, "warn" })},
	} {
		for _, line := range test.flags {
			t.Run(line, func(t *testing.T) {
				var output bytes.Buffer
				in, err := load(strings.Fields(line), &output, nil)
				require.NoError(t, err)
				assert.Equal(t, test.want, in.Settings)
				assert.False(t, in.ShowVersion)
				assert.Empty(t, output.String())
			})
		}
	}
}

func TestFlagsThatEnd(t *testing.T) {
	for line, want := range map[string]string{
		"-x":                     "flag provided but not defined: -x",
		"--config":               "flag needs an argument: -config",
		"-m many":                `invalid value "many" for flag -m`,
		"-o=perhaps":             `invalid boolean value "perhaps" for -o`,
		"-n eu-west-1 --nowhere": "flag provided but not defined: -nowhere",
	} {
		t.Run(line, func(t *testing.T) {
			var output bytes.Buffer
			_, err := load(strings.Fields(line), &output, nil)
			var usage UsageError
			require.ErrorAs(t, err, &usage)
			assert.ErrorContains(t, err, want)
			assert.Contains(t, output.String(), want)
			assert.Contains(t, output.String(), "Usage: xray [options]")
		})
	}
	for _, line := range []string{"-h", "--help", "-help", "-n x --help"} {
		var output bytes.Buffer
		_, err := load(strings.Fields(line), &output, nil)
		require.ErrorIs(t, err, flag.ErrHelp)
		for _, name := range []string{"-a", "--resource-arn", "-o", "--local-mode", "-m", "--buffer-memory", "-n", "--region", "-b", "--bind",
			"-t", "--bind-tcp", "-r", "--role-arn", "-c", "--config", "-f", "--log-file", "-l", "--log-level", "-p", "--proxy-address", "-v", "--version", "-h", "--help"} {
			assert.Regexp(t, `\t`+name+`\s`, output.String())
		}
	}
	for _, line := range []string{"-v", "--version", "-v -c /nowhere"} {
		in, err := load(strings.Fields(line), io.Discard, nil)
		require.NoError(t, err)
		assert.True(t, in.ShowVersion)
	}
}

// everything is a file with each key.
const everything = `
TotalBufferSizeMB: 100
Concurrency: 3
Region: "eu-central-1"
Endpoint: "https://xray.example.com"
Socket:
  UDPAddress: "127.0.0.1:3000"
  TCPAddress: "127.0.0.1:3001"
Logging:
  LogRotation: false
  LogLevel: "error"
  LogPath: "/var/log/x.log"
LocalMode: true
ResourceARN: "arn:aws:ec2:x"
RoleARN: "arn:aws:iam::1:role/x"
NoVerifySSL: true
ProxyAddress: "http://10.0.0.1:3128"
Version: `

var everythingRead = Settings{
	TotalBufferSizeMB: 100, Concurrency: 3, Region: "eu-central-1", Endpoint: "https://xray.example.com",
	UDPAddress: "127.0.0.1:3000", TCPAddress: "127.0.0.1:3001", LogLevel: "error", LogPath: "/var/log/x.log",
	LocalMode: true, ResourceARN: "arn:aws:ec2:x", RoleARN: "arn:aws:iam::1:role/x", NoVerifySSL: true, ProxyAddress: "http://10.0.0.1:3128",
}

// asShipped has the values of the file that comes with the daemon.
const asShipped = `
TotalBufferSizeMB: 0
Concurrency: 8
Region: ""
Endpoint: ""
Socket:
  UDPAddress: "127.0.0.1:2000"
  TCPAddress: "127.0.0.1:2000"
Logging:
  LogRotation: true
  LogLevel: "prod"
  LogPath: ""
LocalMode: false
ResourceARN: ""
RoleARN: ""
NoVerifySSL: false
ProxyAddress: ""
Version: 2
`

func TestFile(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		flags string
		want  Settings
	}{
		"version 1":      {everything + "1", "", everythingRead},
		"version 2":      {everything + "2", "", everythingRead},
		"as shipped":     {asShipped, "", Defaults()},
		"only a version": {"Version: 2", "", Defaults()},
		"empty sections": {"Version: 2\nSocket:\nLogging:\n", "", Defaults()},
		"on Kubernetes": {"TotalBufferSizeMB: 24\nSocket:\n  UDPAddress: \"0.0.0.0:2000\"\n  TCPAddress: \"0.0.0.0:2000\"\nVersion: 2\n", "",
			with(func(s *Settings) {
				s.TotalBufferSizeMB, s.UDPAddress, s.TCPAddress = 24, "0.0.0.0:2000", "0.0.0.0:2000"
			})},
		"flags win": {everything + "2", "-a A -o=false -m 5 -n us-east-1 -b :1 -t :2 -r R -f F -l dev -p P", Settings{
			TotalBufferSizeMB: 5, Concurrency: 3, Region: "us-east-1", Endpoint: "https://xray.example.com",
			UDPAddress: ":1", TCPAddress: ":2", LogLevel: "dev", LogPath: "F",
			ResourceARN: "A", RoleARN: "R", NoVerifySSL: true, ProxyAddress: "P"}},
		"unknown level": {"Version: 2\nLogging: {LogLevel: loud}", "", with(func(s *Settings) {
			s.Warnings = []string{`Log level "loud" is none of [dev debug info warn error prod]. Using prod.`}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.text)
			for _, flag := range []string{"-c", "--config"} {
				in, err := load(append([]string{flag, path}, strings.Fields(test.flags)...), io.Discard, nil)
				require.NoError(t, err)
				assert.Equal(t, test.want, in.Settings)
			}
			in, err := load(strings.Fields(test.flags), io.Discard, []string{"/nowhere/cfg.yaml", path})
			require.NoError(t, err)
			assert.Equal(t, test.want, in.Settings, "found")
		})
	}
}

const (
	noVersion    = "Config Version is missing. Use X-Ray Daemon Config Migration Script to update the config file. Please refer to AWS X-Ray Documentation for more information."
	wrongVersion = "Config Version Setting is not correct. Use X-Ray Daemon Config Migration Script to update the config file. Please refer to AWS X-Ray Documentation for more information."
	retired      = " flag is not supported any more. Please refer to AWS X-Ray Documentation for more information."
	old          = " flag is not supported. Use X-Ray Daemon Config Migration Script to update the config file. Please refer to AWS X-Ray Documentation for more information."
	invalid      = " flag is invalid. Please refer to AWS X-Ray Documentation for more information."
)

func TestBadFile(t *testing.T) {
	for text, want := range map[string]string{
		"Region: x":             noVersion,
		"Version: 3":            wrongVersion,
		"Version: 0":            wrongVersion,
		"":                      wrongVersion,
		"Version: 2\nColor: x":  "Color" + invalid,
		"Version: 2\nregion: x": "region" + invalid,
		"Version: 2\nSocket: {UDPAddress: ':1', Speed: 1}":    "Socket.Speed" + invalid,
		"Version: 1\nProfile: {CPU: a}":                       "Profile.CPU" + retired,
		"Version: 1\nProfile: {Memory: a}":                    "Profile.Memory" + retired,
		"Version: 1\nSocket: {BufferSizeKB: 4}":               "Socket.BufferSizeKB" + retired,
		"Version: 1\nLogging: {LogFormat: a}":                 "Logging.LogFormat" + retired,
		"Version: 1\nProcessor: {BatchProcessorQueueSize: 4}": "Processor.BatchProcessorQueueSize" + retired,
		"Version: 1\nLogRotation: true":                       "LogRotation" + old,
		"Version: 1\nProcessor: {Region: a}":                  "Processor.Region" + old,
		"Version: 1\nProcessor: {Endpoint: a}":                "Processor.Endpoint" + old,
		"Version: 1\nProcessor: {Routine: 1}":                 "Processor.Routine" + old,
		"Version: 1\nMemoryLimit: 3":                          "MemoryLimit" + old,
		"Version: 2\nConcurrency: many":                       "Error occur when using config flag: yaml: ",
		"Version: 2\nConcurrency: -1":                         "Concurrency is -1",
		"Version: 2\nSocket: {UDPAddress: localhost}":         `Socket.UDPAddress (--bind) is "localhost"`,
		"Version: 2\nSocket: {TCPAddress: 'a:70000'}":         `Socket.TCPAddress (--bind-tcp) is "a:70000"`,
		"- a list":               "Error occur when using config flag: ",
		"Version: [":             "Error occur when using config flag: yaml: ",
		"Version: 2\nVersion: 2": "Error occur when using config flag: ",
		"Version: 2\nTotalBufferSizeMB: 99999999999999999999999999999999": "Error occur when using config flag: ",
	} {
		t.Run(text, func(t *testing.T) {
			in, err := load([]string{"-f", "/log", "-c", write(t, text)}, io.Discard, nil)
			require.ErrorContains(t, err, want)
			assert.False(t, errors.As(err, new(UsageError)))
			assert.Equal(t, "/log", in.LogFile)
		})
	}
	_, err := load([]string{"-c", "/nowhere/cfg.yaml"}, io.Discard, nil)
	require.EqualError(t, err, "Error occur when using config flag: open /nowhere/cfg.yaml: no such file or directory")
}

// The file that is found has its version checked, and not its keys.
func TestFoundFile(t *testing.T) {
	path := write(t, "Version: 2\nRegion: eu-west-1\nColor: red\nSocket: {Speed: 1}")
	in, err := load(nil, io.Discard, []string{path, "/nowhere"})
	require.NoError(t, err)
	assert.Equal(t, with(func(s *Settings) {
		s.Region = "eu-west-1"
		s.Warnings = []string{"Color in " + path + " has no effect.", "Socket.Speed in " + path + " has no effect."}
	}), in.Settings)

	_, err = load(nil, io.Discard, []string{write(t, "Region: eu-west-1")})
	assert.ErrorContains(t, err, wrongVersion)
	_, err = load(nil, io.Discard, []string{write(t, "Version: [")})
	assert.ErrorContains(t, err, "Error occur when using config flag: yaml: ")
}

func TestBufferMB(t *testing.T) {
	const gib = 1 << 30
	for _, test := range []struct {
		name        string
		set         int
		host, limit uint64
		want        int // 0: too little
	}{
		{"set", 24, 0, 0, 24},
		{"set, more than the cgroup has", 100, 8 * gib, gib / 16, 100},
		{"the least", 3, 0, 0, 3},
		{"below", 2, 8 * gib, 0, 0},
		{"1 % of 8 GiB", 0, 8 * gib, 0, 81},
		{"1 % of 300 MiB", 0, 300 << 20, 0, 3},
		{"1 % of 299 MiB", 0, 299 << 20, 0, 0},
		{"negative is 0", -5, 8 * gib, 0, 81},
		{"a quarter of the cgroup's 64 MiB", 0, 64 * gib, gib / 16, 16},
		{"a cgroup larger than that", 0, 8 * gib, 4 * gib, 81},
		{"a tiny cgroup", 0, 8 * gib, 4 << 20, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := Settings{TotalBufferSizeMB: test.set}.BufferMB(test.host, test.limit)
			assert.Equal(t, test.want, n)
			if test.want == 0 {
				assert.EqualError(t, err, "Not enough Buffers Memory Allocated. Min Buffers Memory required: 3 MB.")
			} else {
				assert.NoError(t, err)
			}
		})
	}
	host, err := HostMemory()
	require.NoError(t, err)
	assert.Greater(t, host, uint64(64<<20))
}

func FuzzFile(f *testing.F) {
	f.Add(everything + "2")
	f.Add(asShipped)
	f.Add("Version: 1\nSocket: *x")
	f.Add("a: &a [*a]\nVersion: 2")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readNamed([]byte(text))
		if err == nil && s.check() == nil {
			assert.NotZero(t, s.Concurrency)
			assert.NotEmpty(t, s.UDPAddress)
			found, err := readFound([]byte(text), "cfg.yaml")
			require.NoError(t, err, "what is good when it is named is good when it is found")
			assert.Equal(t, s.Region, found.Region)
		}
	})
}
