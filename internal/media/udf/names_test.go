package udf

import (
	"strings"
	"testing"
)

func TestFoldIsEqualFold(t *testing.T) {
	names := []string{"a", "A", "k", "K", "\u212a", "s", "S", "\u017f", "ß", "ẞ", "ı", "İ", "i", "I", "é", "É", "ς", "σ", "Σ", "설치", "sources", "SOURCES", "ſources"}
	for _, a := range names {
		for _, b := range names {
			if (Fold(a) == Fold(b)) != strings.EqualFold(a, b) {
				t.Errorf("%q and %q: folded %q and %q", a, b, Fold(a), Fold(b))
			}
		}
	}
}

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{"sources/한국어 x.txt": "sources/한국어 x.txt", "a\x1b[2Jb": `"a\x1b[2Jb"`, "a\u202eb": `"a\u202eb"`} {
		if got := Printable(name); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
