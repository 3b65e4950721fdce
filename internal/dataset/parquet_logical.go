package dataset

import (
	"math"

	"github.com/parquet-go/parquet-go/format"
)

// logicalScale is what a whole number of a logical type is worth: in
// milliseconds for a time (0 for other types), else the factor of a decimal.
func logicalScale(t format.LogicalTypeValue) (millis, scale float64) {
	switch t := t.(type) {
	case *format.DateType:
		return secondsPerDay * 1000, 1
	case *format.DecimalType:
		return 0, math.Pow10(-int(t.Scale))
	case *format.TimestampType:
		switch t.Unit.Value.(type) {
		case *format.MicroSeconds:
			return 1e-3, 1
		case *format.NanoSeconds:
			return 1e-6, 1
		}
		return 1, 1
	}
	return 0, 1
}
