package awsxrayreceiver

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
)

// maxExcerpt bounds what a log line shows of a datagram.
const maxExcerpt = 160

// badInputLog tells of rejected datagrams, at most once a second: whoever can
// send a datagram must not be able to fill a disk.
type badInputLog struct {
	logger *zap.Logger

	mu     sync.Mutex
	next   time.Time
	silent int // rejected since the last line
}

// rejected logs words, which are the daemon's where it has some, because
// operators match on them.
func (l *badInputLog) rejected(now time.Time, words, datagram string, err error) {
	l.mu.Lock()
	if now.Before(l.next) {
		l.silent++
		l.mu.Unlock()
		return
	}
	silent := l.silent
	l.silent, l.next = 0, now.Add(time.Second)
	l.mu.Unlock()

	fields := []zap.Field{zap.Int("bytes", len(datagram))}
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	if silent > 0 {
		fields = append(fields, zap.Int("rejected_without_a_line", silent))
	}
	l.logger.Warn(words+": "+excerpt(datagram), fields...)
}

// excerpt returns the beginning of s on one line, printable, and cut.
func excerpt(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i >= maxExcerpt {
			b.WriteString("…")
			break
		}
		switch {
		case r == utf8.RuneError, r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			b.WriteByte('.')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
