package embedded

import (
	"testing"

	"pgregory.net/rapid"
)

// The watermark is the lowest number under way, whatever order commits end in.
func TestWatermark(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q := &sequencer{next: 10, hour: 5}
		open := map[uint64]uint64{} // ticket → first number
		next, hour := uint64(10), uint64(5)
		var tickets []uint64
		rt.Repeat(map[string]func(*rapid.T){
			"begin": func(rt *rapid.T) {
				n := rapid.IntRange(1, 4).Draw(rt, "n")
				at := rapid.Uint64Range(0, 9).Draw(rt, "hour")
				ticket, first, inHour := q.begin(n, at)
				hour = max(hour, at)
				if first != next || inHour != hour {
					rt.Fatalf("number %d in hour %d, want %d in %d", first, inHour, next, hour)
				}
				open[ticket] = first
				tickets = append(tickets, ticket)
				next += uint64(n)
			},
			"end": func(rt *rapid.T) {
				if len(tickets) == 0 {
					return
				}
				i := rapid.IntRange(0, len(tickets)-1).Draw(rt, "which")
				q.end(tickets[i])
				delete(open, tickets[i])
				tickets = append(tickets[:i], tickets[i+1:]...)
			},
			"": func(rt *rapid.T) {
				want := next
				for _, first := range open {
					want = min(want, first)
				}
				if got := q.watermark(); got != want {
					rt.Fatalf("the watermark is %d, not %d", got, want)
				}
			},
		})
	})
}
