package awsxrayreceiver

import (
	"sync"

	"go.opentelemetry.io/collector/receiver"
)

// instances hands out one xrayReceiver for each Config, so that a traces and a
// metrics pipeline share the socket.
type instances struct {
	mu       sync.Mutex
	byConfig map[*Config]*xrayReceiver
}

// get returns the receiver of cfg, made on the first call. It is forgotten
// when it is shut down.
func (s *instances) get(cfg *Config, set receiver.Settings) (*xrayReceiver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.byConfig[cfg]; ok {
		return r, nil
	}
	r, err := newReceiver(cfg, set)
	if err != nil {
		return nil, err
	}
	r.forget = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byConfig, cfg)
	}
	s.byConfig[cfg] = r
	return r, nil
}
