package embedded

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/session/event"
)

// A record's value starts with what the passes over whole spaces decide by
// (expiry and erasure), so they need not decode it.
const (
	headReceived = 0               // receipt, 8 bytes
	headVisitor  = 8               // hash of the visitor, 4 bytes
	headUser     = headVisitor + 4 // hash of the user, 4 bytes; 0 without
	headBytes    = headUser + 4    // then the record's own encoding
	maxValue     = event.MaxRecordBytes + headBytes
)

func hash(id string) uint32 {
	if id == "" {
		return 0
	}
	return uint32(xxhash.Sum64String(id))
}

func appendRecord(dst []byte, r *event.Record) ([]byte, error) {
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.ReceivedAt))
	dst = binary.BigEndian.AppendUint32(dst, hash(r.Visitor))
	dst = binary.BigEndian.AppendUint32(dst, hash(r.UserID))
	dst = r.AppendBinary(dst)
	if len(dst) > maxValue {
		return nil, fault.Invalidf("event_too_large", "event %q is larger than %d bytes as stored", r.ID, event.MaxRecordBytes)
	}
	return dst, nil
}

func decodeRecord(value []byte, r *event.Record) error {
	if len(value) < headBytes {
		return badRow("record", errBadValue)
	}
	if err := r.UnmarshalBinary(value[headBytes:]); err != nil {
		return badRow("record", fmt.Errorf("decode: %w", err))
	}
	return nil
}

func receivedAt(value []byte) int64 {
	if len(value) < headBytes {
		return 0
	}
	return int64(binary.BigEndian.Uint64(value[headReceived:]))
}

// mayName reports whether a record's value may be about an id with this hash.
func mayName(value []byte, h uint32) bool {
	return len(value) >= headBytes &&
		(binary.BigEndian.Uint32(value[headVisitor:]) == h || binary.BigEndian.Uint32(value[headUser:]) == h)
}
