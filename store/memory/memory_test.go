package memory_test

import (
	"testing"

	"github.com/nextbest/nextbest/store"
	"github.com/nextbest/nextbest/store/memory"
	"github.com/nextbest/nextbest/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(testing.TB) store.Store { return memory.New() })
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(testing.TB) store.Store { return memory.New() })
}
