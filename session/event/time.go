package event

import (
	"math"
	"strconv"
	"time"
)

const (
	// MaxAge is how old an event's corrected time may be; older is clamped.
	MaxAge = 72 * time.Hour
	// maxTime is the last millisecond of the year 9999.
	maxTime = 253402300799999
)

// ParseTime reads a JSON value as a time in epoch milliseconds: a string in
// RFC 3339, or a number of milliseconds. Times before 1970 are refused.
func ParseTime(raw []byte) (ms int64, ok bool) {
	if len(raw) >= 2 && raw[0] == '"' && raw[len(raw)-1] == '"' {
		return parseRFC3339(string(raw[1 : len(raw)-1]))
	}
	return parseMillis(string(raw))
}

func parseRFC3339(s string) (ms int64, ok bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, false
	}
	ms = t.UnixMilli()
	return ms, ms >= 0 && ms <= maxTime
}

func parseMillis(s string) (ms int64, ok bool) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ms, ms >= 0 && ms <= maxTime
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > maxTime {
		return 0, false
	}
	return int64(f), true
}

// ReceiptTS reports that TS is neither the client's nor the id's own time, so
// that only the id can tell a retry from a new event.
func (e *Event) ReceiptTS() bool {
	if e.HasTS {
		return false
	}
	_, ok := UUIDTime(e.ID)
	return !ok
}

// Settle gives every event its times, for a batch received at now. TS, which
// is part of the stored key, is the client's exactly as sent, else the time
// inside its UUIDv7, else the receipt. Time is TS corrected by the client's
// clock error and clamped to [now-72h, now]. Settling twice changes nothing.
func (b *Batch) Settle(now time.Time) {
	received := now.UnixMilli()
	var skew int64
	if b.SentAt > 0 {
		skew = received - b.SentAt
	}
	oldest := received - MaxAge.Milliseconds()
	for i := range b.Events {
		e := &b.Events[i]
		correction := skew
		if !e.HasTS {
			ms, ok := UUIDTime(e.ID)
			if !ok || e.IDMade {
				ms, correction = received, 0
			}
			e.TS = ms
		}
		e.Time = min(max(e.TS+correction, oldest), received)
	}
}
