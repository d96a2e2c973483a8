// Package tracesummary is what decisions on a whole trace read: it describes
// each span in a record and a few facts, keeps them with a tracebuffer.Trace,
// and shows a trace of which only these are there to filter expressions.
package tracesummary
