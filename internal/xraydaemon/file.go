package xraydaemon

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"
)

// DefaultFiles are where the daemon looks for its file if it is told none.
var DefaultFiles = []string{"/etc/amazon/xray/cfg.yaml", "cfg.yaml"}

const seeDocumentation = "Please refer to AWS X-Ray Documentation for more information."

// daemonError is an error in the daemon's own words, which operators know.
type daemonError string

func (e daemonError) Error() string { return string(e) }

// Errors about the version of a file.
const (
	errVersionMissing = daemonError("Config Version is missing. Use X-Ray Daemon Config Migration Script to update the config file. " + seeDocumentation)
	errVersionWrong   = daemonError("Config Version Setting is not correct. Use X-Ray Daemon Config Migration Script to update the config file. " + seeDocumentation)
)

// file is the daemon's cfg.yaml, versions 1 and 2, which have the same keys.
type file struct {
	TotalBufferSizeMB int    `yaml:"TotalBufferSizeMB"`
	Concurrency       int    `yaml:"Concurrency"`
	Endpoint          string `yaml:"Endpoint"`
	Region            string `yaml:"Region"`
	Socket            struct {
		UDPAddress string `yaml:"UDPAddress"`
		TCPAddress string `yaml:"TCPAddress"`
	} `yaml:"Socket"`
	Logging struct {
		LogRotation *bool  `yaml:"LogRotation"`
		LogLevel    string `yaml:"LogLevel"`
		LogPath     string `yaml:"LogPath"`
	} `yaml:"Logging"`
	LocalMode    *bool  `yaml:"LocalMode"`
	ResourceARN  string `yaml:"ResourceARN"`
	RoleARN      string `yaml:"RoleARN"`
	NoVerifySSL  *bool  `yaml:"NoVerifySSL"`
	ProxyAddress string `yaml:"ProxyAddress"`
	Version      int    `yaml:"Version"`
}

// Keys of the file, and those of older layouts that it must not have.
var (
	validKeys = []string{
		"TotalBufferSizeMB", "Concurrency", "Endpoint", "Region", "Socket", "Socket.UDPAddress", "Socket.TCPAddress",
		"Logging", "Logging.LogRotation", "Logging.LogLevel", "Logging.LogPath", "LocalMode", "ResourceARN", "RoleARN",
		"NoVerifySSL", "ProxyAddress", "Version",
	}
	retiredKeys = []string{
		"Profile.CPU", "Profile.Memory", "Socket.BufferSizeKB", "Logging.LogFormat", "Processor.BatchProcessorQueueSize",
	}
	oldKeys = []string{"LogRotation", "Processor.Region", "Processor.Endpoint", "Processor.Routine", "MemoryLimit"}
)

// ReadFile reads a cfg.yaml that was named. A key that the daemon does not
// know is an error, as there.
func ReadFile(path string) (Settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, usingFile(err)
	}
	return readNamed(text)
}

func readNamed(text []byte) (Settings, error) {
	keys, err := keysOf(text)
	if err != nil {
		return Settings{}, err
	}
	if len(keys) > 0 && !slices.Contains(keys, "Version") {
		return Settings{}, errVersionMissing
	}
	for _, key := range keys {
		switch {
		case slices.Contains(validKeys, key):
		case slices.Contains(retiredKeys, key):
			return Settings{}, daemonError(key + " flag is not supported any more. " + seeDocumentation)
		case slices.Contains(oldKeys, key):
			return Settings{}, daemonError(key + " flag is not supported. Use X-Ray Daemon Config Migration Script to update the config file. " + seeDocumentation)
		default:
			return Settings{}, daemonError(key + " flag is invalid. " + seeDocumentation)
		}
	}
	return parse(text)
}

// findFile reads the first of paths that exists, and returns the defaults if
// none does.
func findFile(paths []string) (Settings, error) {
	for _, path := range paths {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return Settings{}, usingFile(err)
		}
		return readFound(text, path)
	}
	return Defaults(), nil
}

// readFound reads a file that nobody named. Its keys are not checked, as in
// the daemon; the warnings name those without effect.
func readFound(text []byte, path string) (Settings, error) {
	keys, err := keysOf(text)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	s, err := parse(text)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range keys {
		if !slices.Contains(validKeys, key) {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s in %s has no effect.", key, path))
		}
	}
	return s, nil
}

// keysOf returns the keys of a file, those of the second level as Outer.Inner,
// in their order.
func keysOf(text []byte) (keys []string, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, usingFile(err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	root := resolved(document.Content[0])
	if root.Kind != yaml.MappingNode {
		return nil, usingFile(errors.New("the file must hold keys and values"))
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		outer, value := root.Content[i].Value, resolved(root.Content[i+1])
		if value.Kind != yaml.MappingNode {
			keys = append(keys, outer)
			continue
		}
		for j := 0; j+1 < len(value.Content); j += 2 {
			keys = append(keys, outer+"."+value.Content[j].Value)
		}
	}
	return keys, nil
}

// resolved follows an alias.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// usingFile wraps an error as the daemon does.
func usingFile(err error) error {
	return fmt.Errorf("Error occur when using config flag: %w", err)
}

// parse lays a file over the defaults. Zero and empty mean the default.
func parse(text []byte) (Settings, error) {
	var f file
	if err := yaml.Unmarshal(text, &f); err != nil {
		return Settings{}, usingFile(err)
	}
	if f.Version != 1 && f.Version != 2 {
		return Settings{}, errVersionWrong
	}
	s := Defaults()
	set(&s.TotalBufferSizeMB, f.TotalBufferSizeMB)
	set(&s.Concurrency, f.Concurrency)
	set(&s.Endpoint, f.Endpoint)
	set(&s.Region, f.Region)
	set(&s.UDPAddress, f.Socket.UDPAddress)
	set(&s.TCPAddress, f.Socket.TCPAddress)
	set(&s.LogLevel, f.Logging.LogLevel)
	set(&s.LogPath, f.Logging.LogPath)
	set(&s.ResourceARN, f.ResourceARN)
	set(&s.RoleARN, f.RoleARN)
	set(&s.ProxyAddress, f.ProxyAddress)
	setBool(&s.LogRotation, f.Logging.LogRotation)
	setBool(&s.LocalMode, f.LocalMode)
	setBool(&s.NoVerifySSL, f.NoVerifySSL)
	return s, nil
}

func setBool(to, from *bool) {
	if from != nil {
		*to = *from
	}
}

func set[T comparable](to *T, from T) {
	var zero T
	if from != zero {
		*to = from
	}
}
