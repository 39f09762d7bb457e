package udf

import (
	"strconv"
	"strings"
	"unicode"
)

// Fold gives the same string for names that differ in case only: two names are
// the same exactly where strings.EqualFold says so, which FS goes by.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}

// Printable gives a name for a message: quoted where it holds a character that
// would act on a terminal.
func Printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
