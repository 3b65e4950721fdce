package dataset

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
)

// WriteSessions writes generated clicks as ReadSessions reads them: one session
// of space-separated ids per line, or with table the tab-separated columns
// SessionId, ItemId and Time. progress is called with the clicks written so far
// and may be nil. The error is out's or the context's.
func (g *Generated) WriteSessions(ctx context.Context, out io.Writer, table bool, progress func(done, total int64)) error {
	w := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	if table {
		w.WriteString("SessionId\tItemId\tTime\n") // the writer keeps its first error for Flush
	}
	n, done := uint64(0), int64(0)
	for items, end := range g.All() {
		line = line[:0]
		for at, i := range items {
			line = g.appendClick(line, table, n, at, i, end-float64(len(items)-1-at)/secondsPerDay)
		}
		if !table {
			line = append(line, '\n')
		}
		w.Write(line)
		n++
		done += int64(len(items))
		if n%(1<<14) != 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if progress != nil {
			progress(done, g.opts.Clicks)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the clicks: %w", err)
	}
	return nil
}

// appendClick is one click: a second after the other in a table.
func (g *Generated) appendClick(line []byte, table bool, session uint64, at int, item uint32, day float64) []byte {
	if !table {
		if at > 0 {
			line = append(line, ' ')
		}
		return append(line, g.ID(item)...)
	}
	line = append(strconv.AppendUint(line, session, 10), '\t')
	line = append(append(line, g.ID(item)...), '\t')
	return append(strconv.AppendFloat(line, max(0, day*secondsPerDay), 'f', 3, 64), '\n')
}
