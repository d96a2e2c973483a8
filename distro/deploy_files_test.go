package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The file for Elastic Beanstalk has the sections and keys that its platforms
// for Linux know ("Customizing software on Linux servers"), and its script is one.
func TestElasticBeanstalk(t *testing.T) {
	text, err := os.ReadFile("../deploy/elasticbeanstalk/.ebextensions/tailwater.config")
	require.NoError(t, err)
	var config struct {
		OptionSettings map[string]map[string]any `yaml:"option_settings"`
		Files          map[string]struct{ Mode, Owner, Group, Content string }
		Commands       map[string]struct{ Command string } `yaml:"container_commands"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&config))
	require.Equal(t, false, config.OptionSettings["aws:elasticbeanstalk:xray"]["XRayEnabled"])
	for path, file := range config.Files {
		require.Regexp(t, `^000[67][45][45]$`, file.Mode, path)
		if strings.HasSuffix(path, ".sh") {
			requireScript(t, file.Content)
		}
	}
	for name, command := range config.Commands {
		require.Contains(t, config.Files, command.Command, name)
	}
}

func TestUserData(t *testing.T) {
	text, err := os.ReadFile("../deploy/ec2/user-data.sh")
	require.NoError(t, err)
	requireScript(t, string(text))
	require.LessOrEqual(t, len(text), 16*1024, "user data is at most 16 KB")
}

// requireScript checks the syntax of a shell script.
func requireScript(t *testing.T, text string) {
	t.Helper()
	require.True(t, strings.HasPrefix(text, "#!/bin/bash\n"))
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// The unit waits long enough for what the collector has to finish.
func TestUnitWaits(t *testing.T) {
	text, err := os.ReadFile("../deploy/ec2/tailwater.service")
	require.NoError(t, err)
	require.Contains(t, string(text), "--feature-gates=+"+statusGate)
	match := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(string(text))
	require.NotNil(t, match)
	require.Equal(t, "45", match[1])
}
