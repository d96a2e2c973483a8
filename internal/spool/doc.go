// Package spool keeps what was accepted and is not uploaded yet on disk, so
// that a crash at any point leaves each accepted record in exactly one object.
// It knows nothing of what a record holds.
//
//	DIR/LOCK                              held while the directory is in use
//	DIR/node.json                         identity of the directory, count of its openings
//	DIR/EPOCH-FIRST.open                  the log that records are appended to
//	DIR/EPOCH-FIRST-LAST-ITEMS.sealed     logs that are complete
//	DIR/EPOCH-FIRST-LAST.manifest         what a sealed log was built into, and what of it is uploaded
//	DIR/tmp/                              files being built; emptied by Open
//	DIR/ready/                            files that a manifest lists
//	DIR/quarantine/                       what cannot be uploaded or read; never deleted by the program
//
// A record becomes ours when Append returns: its frame and, for the first
// frame of a log, the name of the log are on disk then. Appends that wait
// together share one fsync.
//
// The way of a sealed log: build its files into tmp, fsync, rename to ready,
// write the manifest, put each file under the key that the manifest gives it,
// note in the manifest that this is done, delete log, files and manifest. A
// crash before the manifest builds again; a crash after it puts the same files
// under the same keys again, which the receiving side takes once. Keys are made
// of the log's identity (Segment.ID), never of a clock or a random number.
//
// No log library is used: those for Go either number records from a head that
// is cut (raft logs) or own the layout of segments, while here a sealed segment
// is the unit of the exactly-once protocol and its name carries the protocol's
// state. What is left, frames with a checksum, is in frame.go.
package spool
