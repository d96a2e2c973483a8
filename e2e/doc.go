// Package e2e tests the collector from outside: the real binary, real clients
// on loopback, and an X-Ray endpoint that is either the collector's own or a
// fake that can misbehave. Nothing is built here: TAILWATER_BIN names the
// binary, bin/tailwater in the root if it is not set.
package e2e
