// Package sampling is the service's side of X-Ray's sampling: it keeps the
// rules, splits their reservoirs over the clients that report, raises rates
// while anomalies occur, and adds up what clients report.
package sampling

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// MaxRules is how many rules there may be beside the Default rule.
const MaxRules = 25

const arnPrefix = "arn:aws:xray:us-east-1:000000000000:sampling-rule/"

// ErrTooManyRules refuses a rule past MaxRules.
var ErrTooManyRules = fmt.Errorf("there are %d sampling rules, which is as many as there may be", MaxRules)

// ErrNoRule says that no rule has the name that was given.
var ErrNoRule = errors.New("there is no sampling rule of this name")

// ErrNoBoost refuses a report of anomalies under a rule that has no boost.
var ErrNoBoost = errors.New("the rule has no sampling rate boost")

// Record is a rule and when it was made and last changed.
type Record struct {
	samplingrule.Rule
	Created  time.Time // zero for the Default rule
	Modified time.Time
}

// Rules are the rules and what is known of the clients that use them. Create
// them with New. They are safe for concurrent use.
type Rules struct {
	// Changed, if set, is told all rules after each change of one. It is set
	// before the first use and must not call the rules.
	Changed func([]Record)

	mu       sync.Mutex
	set      *samplingrule.Set // checks the rules and keeps them in order
	states   map[string]*state // by the name of the rule; one for each
	modified time.Time
}

// state is what is known about one rule beside the rule itself.
type state struct {
	created, modified time.Time
	clients           map[string]*client // by client id
	boost             boost
	minutes           []Minute // oldest first
}

// New returns rules of which there is only the Default rule.
func New(now time.Time) *Rules {
	set, err := samplingrule.NewSet([]samplingrule.Rule{withARN(samplingrule.Default())}, true)
	if err != nil {
		panic(err) // the rule is compiled in
	}
	return &Rules{
		set:      set,
		states:   map[string]*state{samplingrule.DefaultName: {modified: now, clients: make(map[string]*client)}},
		modified: now,
	}
}

func withARN(r samplingrule.Rule) samplingrule.Rule {
	r.ARN = arnPrefix + r.Name
	return r
}

// Name returns the name of the rule with this ARN, whatever its region and
// account are.
func Name(arn string) (name string, ok bool) {
	_, name, ok = strings.Cut(arn, ":sampling-rule/")
	return name, ok && name != ""
}

// Modified returns when a rule was last made, changed or deleted.
func (r *Rules) Modified() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.modified
}

// List returns the rules in the order in which they are tried.
func (r *Rules) List() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list()
}

// list returns all rules in order. The caller holds mu.
func (r *Rules) list() []Record {
	rules := r.set.Rules()
	list := make([]Record, len(rules))
	for i := range rules {
		list[i] = r.record(rules[i])
	}
	return list
}

// tell says that a rule has changed. The caller holds mu.
func (r *Rules) tell() {
	if r.Changed != nil {
		r.Changed(r.list())
	}
}

// Restore puts rules in force that Changed was told earlier. Without the
// Default rule it is an error. After an error the rules are as they were.
func (r *Rules) Restore(records []Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rules, states := make([]samplingrule.Rule, len(records)), make(map[string]*state)
	var modified time.Time
	for i, rec := range records {
		rules[i] = rec.Rule
		states[rec.Name] = &state{created: rec.Created, modified: rec.Modified, clients: make(map[string]*client)}
		if rec.Modified.After(modified) {
			modified = rec.Modified
		}
	}
	if states[samplingrule.DefaultName] == nil {
		return errors.New("there is no Default rule")
	}
	if err := r.set.Replace(rules); err != nil {
		return err
	}
	r.states, r.modified = states, modified
	return nil
}

// record puts a rule and its times together. The caller holds mu.
func (r *Rules) record(rule samplingrule.Rule) Record {
	s := r.states[rule.Name]
	return Record{rule, s.created, s.modified}
}

// find returns the rule of this name. The caller holds mu.
func (r *Rules) find(name string) (rules []samplingrule.Rule, at int, err error) {
	rules = r.set.Rules()
	for i := range rules {
		if rules[i].Name == name {
			return rules, i, nil
		}
	}
	return rules, 0, ErrNoRule
}

// Create adds a rule.
func (r *Rules) Create(now time.Time, rule samplingrule.Rule) (Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rules, _, err := r.find(rule.Name)
	if err == nil {
		return Record{}, fmt.Errorf("there is a sampling rule %q already", rule.Name)
	}
	if len(rules) > MaxRules {
		return Record{}, ErrTooManyRules
	}
	rule = withARN(rule)
	if err := r.set.Replace(append(rules, rule)); err != nil {
		return Record{}, err
	}
	r.states[rule.Name] = &state{created: now, modified: now, clients: make(map[string]*client)}
	r.modified = now
	r.tell()
	return r.record(rule), nil
}

// Update changes the rule of this name. Its name stays what it is. Clients
// keep what they were granted until they ask again.
func (r *Rules) Update(now time.Time, name string, change func(*samplingrule.Rule)) (Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rules, at, err := r.find(name)
	if err != nil {
		return Record{}, err
	}
	change(&rules[at])
	rules[at].Name = name
	rule := rules[at]
	if err := r.set.Replace(rules); err != nil {
		return Record{}, err
	}
	r.states[name].modified, r.modified = now, now
	r.tell()
	return r.record(rule), nil
}

// Delete removes the rule of this name, and with it the statistics about it.
func (r *Rules) Delete(now time.Time, name string) (Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == samplingrule.DefaultName {
		return Record{}, errors.New("the Default rule cannot be deleted")
	}
	rules, at, err := r.find(name)
	if err != nil {
		return Record{}, err
	}
	deleted := r.record(rules[at])
	if err := r.set.Replace(append(rules[:at:at], rules[at+1:]...)); err != nil {
		return Record{}, err
	}
	delete(r.states, name)
	r.modified = now
	r.tell()
	return deleted, nil
}
