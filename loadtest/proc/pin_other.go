//go:build !linux

package proc

import "errors"

// onCore cannot pin here.
func onCore(core int, start func() error) error {
	if core != AnyCore {
		return errors.New("pinning to a core works on Linux only: use -1")
	}
	return start()
}

// PinSelf cannot pin here.
func PinSelf(core int) error { return onCore(core, func() error { return nil }) }
