package remnant

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const secret = `p&ss"Wörd-42`

func find(m *Matcher, b []byte) []string {
	var forms []string
	m.Find(b, func(_ int, form string) { forms = append(forms, form) })
	return forms
}

func TestEveryForm(t *testing.T) {
	m := NewMatcher([]string{"another secret", secret})
	noise := make([]byte, 1000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	around := func(b []byte) []byte { return slices.Concat(noise, b, noise) }
	for name, c := range map[string]struct {
		b    []byte
		form string
	}{
		"plain":                 {[]byte(secret), "plain text"},
		"XML":                   {[]byte("<Value>p&amp;ss&#34;Wörd-42</Value>"), "plain text"},
		"JSON":                  {[]byte(`{"password":"p\u0026ss\"Wörd-42"}`), "plain text"},
		"UTF-16LE":              {utf16le(secret), "UTF-16LE"},
		"base64, first byte":    {[]byte(base64.StdEncoding.EncodeToString([]byte(secret + "x"))), "base64"},
		"base64, second byte":   {[]byte(base64.StdEncoding.EncodeToString([]byte("a" + secret + "xy"))), "base64"},
		"base64, third byte":    {[]byte(base64.StdEncoding.EncodeToString([]byte("ab" + secret))), "base64"},
		"an obscured password":  {[]byte(base64.StdEncoding.EncodeToString(utf16le(secret + "AdministratorPassword"))), "base64 of UTF-16LE"},
		"a command, encoded":    {[]byte(base64.StdEncoding.EncodeToString(utf16le("net user x " + secret))), "base64 of UTF-16LE"},
		"a command, encoded, 2": {[]byte(base64.StdEncoding.EncodeToString(utf16le("net user xy " + secret))), "base64 of UTF-16LE"},
	} {
		if got := find(m, around(c.b)); !slices.Contains(got, c.form) {
			t.Errorf("%s: found %v", name, got)
		}
	}
	for _, other := range []string{"", "p&ss", strings.ToUpper(secret), "p&ss\"Wörd-4"} {
		if got := find(m, around([]byte(other))); len(got) > 0 {
			t.Errorf("%q: found %v", other, got)
		}
	}
}

// TestSameAsOneByOne judges the matcher by bytes.Index, on a text of few
// letters, where windows nearly match all the time.
func TestSameAsOneByOne(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	letters := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab"[random.IntN(2)]
		}
		return b
	}
	for range 300 {
		a, b := string(letters(8)), string(letters(9+random.IntN(4)))
		text := letters(5000)
		want := 0
		for _, s := range []string{a, b} {
			for i := range text {
				if bytes.HasPrefix(text[i:], []byte(s)) {
					want++
				}
			}
		}
		if got := len(find(NewMatcher([]string{a, b}), text)); got != want && a != b {
			t.Fatalf("%d hits, expected %d", got, want)
		}
	}
}

func TestShortSecretsAreLeftOut(t *testing.T) {
	if m := NewMatcher([]string{"packer", ""}); !m.Empty() || len(find(m, []byte("packer packer"))) > 0 {
		t.Error("a word is searched for")
	}
	if Usable("1234567") || !Usable("12345678") || Usable("한글비밀") {
		t.Error("the border is elsewhere")
	}
}

type disk []byte

func (d disk) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, d[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestSearchAcrossPieces(t *testing.T) {
	d := make(disk, 3*piece+100)
	want := []int64{0, piece - 5, 2*piece - int64(len(secret)), 2 * piece, int64(len(d) - len(secret))}
	for _, at := range want {
		copy(d[at:], secret)
	}
	m := NewMatcher([]string{secret})
	var last int64
	hits, err := Search(context.Background(), m, []io.ReaderAt{d, d, d}, []Extent{{0, int64(len(d))}}, func(done int64) { last = done })
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, h := range hits {
		got = append(got, h.At)
	}
	if !slices.Equal(got, want) || last != int64(len(d)) {
		t.Errorf("hits at %v, expected %v; %d bytes done of %d", got, want, last, len(d))
	}
	// What is not allocated is not looked at.
	if hits, err := Search(context.Background(), m, []io.ReaderAt{d}, []Extent{{piece + 100, 1000}}, nil); err != nil || len(hits) > 0 {
		t.Errorf("%v, %v", hits, err)
	}
}

func TestSearchIsBounded(t *testing.T) {
	d := disk(strings.Repeat(secret, 2*MaxHits))
	all := []Extent{{0, int64(len(d))}}
	hits, err := Search(context.Background(), NewMatcher([]string{secret}), []io.ReaderAt{d}, all, nil)
	if err != nil || len(hits) != MaxHits {
		t.Errorf("%d hits, %v", len(hits), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Search(ctx, NewMatcher([]string{secret}), []io.ReaderAt{disk(make([]byte, 10))}, []Extent{{0, 10}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Search(context.Background(), NewMatcher([]string{secret}), []io.ReaderAt{disk(make([]byte, 10))}, []Extent{{0, 20}}, nil); err == nil {
		t.Error("a disk that ends too early")
	}
}

func BenchmarkFind(b *testing.B) {
	text := make([]byte, 16<<20)
	random := rand.New(rand.NewPCG(5, 6))
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	m := NewMatcher([]string{"kQ7-xT2w_Vb9.Lm4", "0123456789abcdef0123456789abcdef", "Administrator-1"})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.Find(text, func(int, string) {})
	}
}
