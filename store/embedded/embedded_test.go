package embedded_test

import (
	"testing"

	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/embedded"
	"github.com/nextbest/nextbest/store/storetest"
)

func TestStore(t *testing.T) { storetest.Run(t, embedded.OpenTest) }

func BenchmarkStore(b *testing.B) {
	for _, mode := range []embedded.Durability{embedded.OS, embedded.Disk, embedded.Memory} {
		b.Run(mode.String(), func(b *testing.B) {
			storetest.Bench(b, func(t testing.TB) store.Store { return embedded.OpenFolder(t, mode) })
		})
	}
}
