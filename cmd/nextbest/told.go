package main

import (
	"strings"

	"github.com/nextbest/nextbest/internal/fault"
)

// told is an error as a person at a terminal reads it: without the code words
// that are for programs, and with every faulty place on a line of its own.
func told(err error) string {
	text := err.Error()
	var places strings.Builder
	for _, f := range faults(err, nil) {
		own := f.Error()
		plain := f.Detail
		if f.Cause != nil && !strings.Contains(plain, f.Cause.Error()) {
			plain += ": " + f.Cause.Error()
		}
		text = strings.Replace(text, own, plain, 1)
		for _, place := range f.Fields {
			places.WriteString("\n  ")
			if place.Pointer != "" {
				places.WriteString(place.Pointer + ": ")
			}
			places.WriteString(place.Detail)
		}
	}
	return text + places.String()
}

// faults collects the faults of an error and of what it wraps or joins, the
// outer ones first.
func faults(err error, all []*fault.Error) []*fault.Error {
	if f, ok := err.(*fault.Error); ok {
		all = append(all, f)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			all = faults(inner, all)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = faults(inner, all)
		}
	}
	return all
}
